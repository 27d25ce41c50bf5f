"""What models do to a Lie derivative: cut its tangent, work in place, draw; and the released code.

The numbers of the released code are stored, and compared with to rounding.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from utils.lie import (
    Image,
    Trivial,
    generator,
    layerwise_lie_derivative,
    lie_derivative,
    lie_derivatives,
    local_equivariance_error,
    published_error,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def relative(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


# ------------------------------------------------------------------ the released code

# What the code at github.com/ngruver/lie-deriv (commit ed96788) returned in float64, run as it is,
# for the images and the map of `of_the_released_code`: the derivative for two images and four
# outputs, and the mean absolute derivative of the softmax.
RELEASED = {
    "translation_x": (
        [[0.754086288898, 6.22229076711, -5.15918132607, -4.80148919842],
         [2.37256064116, 7.97261388065, 1.4533122441, -0.819444853856]], 0.763038914891),
    "translation_y": (
        [[5.73832119643, 3.61802151694, -8.59142930687, -4.76498130838],
         [-0.683240163412, 1.92544631274, -0.173403140402, 7.00935322482]], 0.949998296788),
    "rotation": (
        [[-6.40218431051, -0.60085169713, 0.590709164617, 3.12529066653],
         [-0.448864781692, 7.60231938606, 6.90941525901, 0.659153118974]], 0.715006250213),
    "scale": (
        [[0.258610230121, -2.60345513054, 2.7093015589, 2.31591176658],
         [1.90770217841, 6.00861618547, -0.290308364095, 6.06805551373]], 0.538568220451),
    "shear_x": (
        [[-1.35490035554, 1.52874413989, -3.34537089145, 4.99057478561],
         [-1.40905165377, 3.97021269908, 5.86487099192, -0.405745751035]], 0.771602212548),
    "shear_y": (
        [[5.04728395496, 2.12959583702, -3.93608005606, 1.86528411908],
         [-0.960186872081, -3.63210668698, -1.04454426708, -1.06489887001]], 0.510745690936),
    "hyperbolic_rotation": (
        [[3.69238359942, 3.65833997691, -7.28145094751, 6.85585890469],
         [-2.36923852585, 0.338106012098, 4.82032672484, -1.47064462104]], 1.07630442767),
    "brightness": (
        [[-0.404809239206, -0.308579925252, 0.402338305631, 0.0340437657094],
         [-0.102022916876, -0.314983463843, 0.106854659463, -0.284765265404]], 0.0543658321196),
}  # fmt: skip


def of_the_released_code() -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.random((2, 1, 28, 28)))
    weights = torch.from_numpy(rng.standard_normal((784, 4)) / 28)
    return images, lambda x: torch.tanh(x.flatten(1) @ weights)


@pytest.mark.parametrize("name", RELEASED)
def test_the_bilinear_mode_gives_what_the_released_code_gives(name):
    """On noise up to the border; a border that is repeated and not reflected does not."""
    images, model = of_the_released_code()
    expected = torch.tensor(RELEASED[name][0], dtype=torch.float64)
    # The released code moves where images are read: to the left and clockwise for positive t.
    sign = 1 if name in ("scale", "brightness") else -1
    factor = 13.5 if name.startswith("translation") else 1
    for boundary in ("reflect", "replicate"):
        move = generator(name, gradient="bilinear", boundary=boundary)
        found = sign * factor * lie_derivative(model, images, move)[1]
        assert (relative(found, expected) < 1e-10) == (
            boundary == "reflect" or name == "brightness"
        )
    assert generator(name, gradient="bilinear").boundary == "reflect"


def test_the_published_error_is_the_number_of_the_released_code():
    images, model = of_the_released_code()
    found = published_error(model, images)
    assert found.flows == tuple(RELEASED)
    assert found.units[:3] == (
        "half of the width",
        "half of the height",
        generator("rotation").unit,
    )
    expected = torch.tensor([mean for _, mean in RELEASED.values()], dtype=torch.float64)
    torch.testing.assert_close(found.mean, expected, rtol=1e-9, atol=0)
    ours = local_equivariance_error(
        model, images, [generator("translation_x")], scores="probabilities"
    )
    assert not 0.8 < float(found.mean[0] / ours.absolute[0]) < 1.2
    parts = published_error(model, images, ["rotation"], batch_size=1)
    torch.testing.assert_close(parts.mean, found.mean[2:3])
    each = torch.stack([published_error(model, x[None], ["rotation"]).mean for x in images])
    torch.testing.assert_close(parts.standard_error, (each[0] - each[1]).abs() / 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"flows": ["stretch"]}, "'translation_x'.*but it is 'stretch'"),
        ({"images": torch.rand(2, 1, 28, 27)}, "square images"),
        ({"batch_size": 0}, "at least 1"),
        ({"model": lambda x: x}, "(B, classes)"),
    ],
)
def test_what_the_published_error_refuses(change, said):
    images, model = of_the_released_code()
    arguments = {"model": model, "images": images, **change}
    with pytest.raises(ValueError, match=said if said[0] != "(" else re.escape(said)):
        published_error(**arguments)


# ------------------------------------------------------------------ what a model does on its way


class Cutting(nn.Module):
    """A network whose tangent is lost on its way, or a part of it."""

    def __init__(self, cut: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cut = cut
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 12 * 12, 5))

    def forward(self, x: Tensor) -> Tensor:
        if self.cut == "inference":
            with torch.inference_mode():
                return self.head(self.stem(x))
        if self.cut == "rounding":
            x = (255 * x).round() / 255
        if self.cut == "threshold":
            x = (x > 0.5).to(x.dtype)
        if self.cut == "mean":
            x = x - x.mean((1, 2, 3), keepdim=True).detach()
        features = self.stem(x)
        if self.cut == "backbone":
            with torch.inference_mode():
                features = self.stem(x)
            features = features.clone()
        if self.cut == "detach":
            features = features.detach()
        if self.cut == "lists":
            features = torch.tensor(features.tolist(), dtype=x.dtype)
        if self.cut == "one channel":
            features = torch.cat([features[:, :1].detach(), features[:, 1:]], dim=1)
        return self.head(features)


CUTS = [
    "inference",
    "backbone",
    "detach",
    "lists",
    "rounding",
    "threshold",
    "mean",
    "one channel",
]


def measured(model: nn.Module, images: Tensor) -> list[Callable[[], object]]:
    moves = [generator("rotation"), generator("translation_x")]
    leaves = {"stem": (Image(), Image().after_window(5).after_window(2, stride=2)),
              "head": (Image().after_window(5).after_window(2, stride=2), Trivial())}  # fmt: skip
    return [
        lambda: lie_derivative(model, images, moves[0]),
        lambda: lie_derivatives(model, images, moves),
        lambda: local_equivariance_error(model, images, moves, scores="logits"),
        lambda: local_equivariance_error(model, images, moves, scores="probabilities"),
        lambda: published_error(model, images, ["rotation"]),
        lambda: layerwise_lie_derivative(model, images, moves[0], leaves),
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cut", CUTS)
def test_a_model_that_loses_its_tangent_is_refused_everywhere(cut, dtype):
    model, images = Cutting(cut).eval().to(dtype), torch.rand(3, 1, 28, 28, dtype=dtype)
    for measure in measured(model, images):
        with pytest.raises(ValueError, match="does not see all of the model"):
            measure()


@pytest.mark.parametrize(
    ("cut", "place"), [("detach", "'head.0'"), ("one channel", "'head.0'"), ("mean", "'stem.0'")]
)
def test_the_first_layer_that_lacks_a_tangent_is_named(cut, place):
    model, images = Cutting(cut).eval(), torch.rand(3, 1, 28, 28)
    with pytest.raises(ValueError, match=f"the first layer that returns too little is {place}"):
        lie_derivative(model, images, generator("rotation"))
    with pytest.raises(ValueError, match="it is lost in the function that was given"):
        lie_derivative(lambda x: model(x), images, generator("rotation"))
    assert lie_derivative(model, images, generator("rotation"), verify=False)[1].isfinite().all()


def test_what_is_no_cut_is_not_refused():
    """Kinks, ties, constants, confident networks, no_grad, and a network for one batch size."""
    images = torch.zeros(4, 1, 28, 28)
    images[:, :, 10:18, 10:18] = torch.rand(4, 1, 8, 8)
    turn = generator("rotation")
    model = Cutting("nothing").eval()
    whole = lie_derivative(model, images, turn)[1]
    without = torch.no_grad()(model.forward)
    torch.testing.assert_close(lie_derivative(without, images, turn)[1], whole)
    lie_derivative(lambda x: 1e3 * model(x) + 1e4, images, turn)
    lie_derivative(lambda x: model(x.reshape(4, 1, 28, 28)), images, turn)
    assert not lie_derivative(lambda x: torch.ones(len(x), 2), images, turn)[1].any()
    local_equivariance_error(lambda x: 1e3 * model(x), images, [turn], scores="probabilities")
    for alike in (torch.zeros(3, 1, 28, 28), torch.full((3, 1, 28, 28), 0.5)):
        lie_derivative(lambda x: x.flatten(1).sort(1)[0], alike, turn)
        lie_derivative(lambda x: x.flatten(1).topk(5)[0], alike, turn)
        lie_derivative(model, alike, turn)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "cut",
    [
        lambda x: x - x.mean((2, 3), keepdim=True).detach(),
        lambda x: x + (x.round() - x).detach(),
    ],
    ids=["mean", "straight through"],
)
def test_a_cut_in_a_network_that_hardly_answers_is_refused(cut, seed):
    """The outputs are large beside what a step moves, so that rounding might hide the cut."""
    torch.manual_seed(seed)
    body, head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 3)
    nn.init.constant_(head.bias, 1.0)

    def network(x: Tensor) -> Tensor:
        return head(body(x).tanh().mean((2, 3)))

    images = torch.rand(4, 1, 16, 16)
    assert lie_derivative(network, images, generator("rotation"))[1].any()
    with pytest.raises(ValueError, match="does not see all of the model"):
        lie_derivative(lambda x: network(cut(x)), images, generator("rotation"))


def test_a_decision_and_a_straight_through_rounding_are_refused():
    class Rounding(torch.autograd.Function):
        """Round, and hand the tangent on as if nothing had happened."""

        @staticmethod
        def forward(x: Tensor) -> Tensor:
            return x.round()

        @staticmethod
        def setup_context(ctx: object, inputs: object, output: object) -> None: ...

        @staticmethod
        def jvp(ctx: object, tangent: Tensor) -> Tensor:
            return tangent

    model, images = Cutting("nothing").eval(), torch.rand(4, 1, 28, 28)
    for cut in (
        lambda x: x.flatten(1).argmax(1, keepdim=True).float(),
        lambda x: model(Rounding.apply(8 * x) / 8),
        lambda x: model(x) * x.sum().item(),
    ):
        with pytest.raises(ValueError, match="does not see all of the model"):
            lie_derivative(cut, images, generator("rotation"))


def test_a_model_that_draws_is_refused():
    with pytest.raises(ValueError, match="different outputs for the same images"):
        lie_derivative(lambda x: x * torch.rand(1), torch.rand(3, 1, 5, 5), generator("rotation"))
    with pytest.raises(ValueError, match="leaves PyTorch for NumPy"):
        lie_derivative(
            lambda x: torch.from_numpy(x.detach().numpy()), torch.rand(3, 1, 5, 5),
            generator("rotation"),
        )  # fmt: skip


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 3.0)])
@pytest.mark.parametrize(
    "rest",
    [
        lambda x: torch.tanh(x.flatten(1)[:, :40]),
        lambda x: x.flatten(1).sort(1)[0],
        lambda x: 0 * x.flatten(1)[:, :3] + 1,
        lambda x: x.flatten(1)[:, :9].round(),
    ],
    ids=["smooth", "ties", "constant", "decision"],
)
def test_a_model_never_sees_what_is_out_of_the_range_of_its_images(ends, rest):
    """A model may check its input; the digits' own values are 0 over most of the image."""
    low, high = ends
    images = torch.full((4, 1, 12, 12), low)
    images[:, :, 3:9, 3:9] = low + (high - low) * torch.rand(4, 1, 6, 6)
    images[0, 0, 5, 5] = high
    calls = []

    def ranged(x: Tensor) -> Tensor:
        calls.append(len(x))
        assert low <= x.min(), "too dark"
        assert x.max() <= high, "too bright"
        return rest(x)

    with contextlib.suppress(ValueError):
        lie_derivative(torch.no_grad()(ranged), images, generator("rotation"))
    assert len(calls) >= 2


class Doubling(torch.autograd.Function):
    """Double, in a class that knows backward differentiation alone."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> Tensor:
        return 2 * slope


class DoublingWithContext(Doubling):
    """The same in the newer style, without a forward derivative still."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None: ...


@pytest.mark.parametrize("function", [Doubling, DoublingWithContext])
def test_a_function_without_a_forward_derivative_is_named_with_its_layer(function):
    class Doubled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function.apply(x)

    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), Doubled())).eval()
    said = r"Layer '1\.1', a Doubled, calls a torch.autograd.Function"
    for measure in measured(model, torch.rand(2, 1, 28, 28))[:5]:
        with pytest.raises(ValueError, match=said):
            measure()
    with pytest.raises(ValueError, match=r"A Doubled calls a torch\.autograd\.Function"):
        lie_derivative(lambda x: model(x), torch.rand(2, 1, 28, 28), generator("rotation"))


SATURATED = [torch.sigmoid, torch.tanh, lambda x: x.softmax(1), nn.functional.hardtanh]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("last", SATURATED)
def test_a_saturated_network_is_no_cut_and_a_decision_is_one(last, dtype):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 5)).to(dtype)
    images, turn = torch.rand(4, 1, 12, 12, dtype=dtype), generator("rotation")
    for factor in (1e3, 1e6):
        assert lie_derivative(lambda x: last(body(x)), factor * images, turn)[1].isfinite().all()
        for cut in (lambda x: (body(x) > 0).to(dtype), lambda x: last(body(x).round().sign())):
            with pytest.raises(ValueError, match="does not see all of the model"):
                lie_derivative(cut, factor * images, turn)
    with pytest.raises(ValueError, match="does not see all of the model"):
        lie_derivative(lambda x: (x.flatten(1)[:, :3] ** 2 > 0.5).to(dtype), images, turn)


LOOKING = {
    "batch mean": lambda x: x - x.mean(0),
    "first image": lambda x: x - 0.5 * x[:1],
    "last image": lambda x: x - 0.5 * x[-1:],
    "brightest": lambda x: x * (1 + (x.sum((1, 2, 3), True) == x.sum((1, 2, 3), True).max())),
    "neighbour": lambda x: x + x.roll(1, 0),
    "batch norm": lambda x: (x - x.mean(0)) / (0.1 + x.std(0)),
}


@pytest.mark.parametrize("name", LOOKING)
def test_images_that_look_at_one_another_see_no_others(name):
    """What the check tries does not stand among them."""
    model, images = Cutting("nothing").eval().double(), torch.rand(5, 1, 28, 28).double()
    turn = generator("rotation")

    def looking(x: Tensor) -> Tensor:
        return model(LOOKING[name](x))

    found = lie_derivative(looking, images, turn)
    plain = lie_derivative(looking, images, turn, verify=False)
    for one, other in zip(found, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_a_cut_between_images_is_refused():
    model, images = Cutting("nothing").eval(), torch.rand(5, 1, 28, 28)
    for cut in (
        lambda x: model(x - x.mean(0).detach()),
        lambda x: model(x + (x - x.mean(0)).detach()),
        lambda x: model((x - x.mean(0)) / x.std(0).detach()),
    ):
        with pytest.raises(ValueError, match="does not see all of the model"):
            lie_derivative(cut, images, generator("rotation"))


@pytest.mark.parametrize("flows", [1, 2])
def test_the_check_rides_along_in_the_run(flows):
    """Two calls of the model: one image alone, and all images with it."""
    model, images, rows = Cutting("nothing").eval(), torch.rand(9, 1, 28, 28), []

    def counted(x: Tensor) -> Tensor:
        rows.append(len(x))
        return model(x)

    moves = [generator("rotation"), generator("scale")][:flows]
    local_equivariance_error(counted, images, moves, scores="probabilities", batch_size=6)
    assert rows == [3, 7, 3]


class InPlace(Cutting):
    """A network that normalizes the images it is given in place, and rectifies in place."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.relu_(x.sub_(0.5).div_(0.25)))


def test_a_model_that_works_in_place_changes_nothing_of_the_reader():
    model, plain = InPlace("nothing").eval().double(), Cutting("nothing").eval().double()
    images = torch.rand(3, 1, 28, 28, dtype=torch.float64)
    kept = images.clone()
    turn = generator("rotation")
    expected = lie_derivative(lambda x: plain(torch.relu((x - 0.5) / 0.25)), images, turn)[1]
    for _ in range(2):
        torch.testing.assert_close(lie_derivative(model, images, turn)[1], expected)
        torch.testing.assert_close(lie_derivatives(model, images, [turn])[1][0], expected)
    for measure in measured(model, images)[:5]:
        measure()
        assert torch.equal(images, kept)
    spread = images[:, :, :1, :1].expand(3, 1, 28, 28)
    for measure in measured(model, spread)[:5]:
        measure()
        assert torch.equal(spread, kept[:, :, :1, :1].expand(3, 1, 28, 28))


def test_layers_that_work_in_place_are_not_blamed_for_each_other():
    grid = Image().after_window(3)

    def network(inplace: bool) -> nn.Sequential:
        torch.manual_seed(0)
        layers = nn.Sequential(nn.ReLU(inplace), nn.Conv2d(1, 2, 3), nn.SiLU(inplace))
        return layers.double().eval()

    leaves = {"0": Image(), "1": (Image(), grid), "2": grid}
    images = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    kept, turn = images.clone(), generator("rotation")
    results = []
    for inplace in (False, True):
        found = layerwise_lie_derivative(network(inplace), images, turn, leaves, grid)
        results.append(found)
        assert torch.equal(images, kept)
    for name, value in results[0].contributions.items():
        torch.testing.assert_close(results[1].contributions[name], value)
