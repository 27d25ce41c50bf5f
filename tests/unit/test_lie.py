"""Lie derivatives: closed forms, moved images, the published definition, and layer by layer.

The definition of Gruver et al. (2022) is written out here once more, with PyTorch's own resampler
and reverse-mode differentiation in the parameter of the transformation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from e2cnn.nn import GeometricTensor
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.testing import assert_close

from utils.lie import (
    GENERATORS,
    Image,
    RegularField,
    TelescopingError,
    Tokens,
    Trivial,
    affine_generator,
    generator,
    layerwise_lie_derivative,
    lie_derivative,
    lie_derivatives,
    local_equivariance_error,
    standard_generators,
)
from utils.models.baselines import PlainCNN
from utils.models.rotation_cnn import RotationCNN

SPATIAL = [name for name in GENERATORS if name != "brightness"]


pytestmark = pytest.mark.usefixtures("one_thread")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pictures(count: int = 3, side: int = 28, seed: int = 0, border: int = 4) -> Tensor:
    """Images in [0, 1] with zero borders."""
    images = torch.zeros(count, 1, side, side, dtype=torch.float64)
    inside = side - 2 * border
    draw = torch.Generator().manual_seed(seed)
    images[:, :, border:-border, border:-border] = torch.rand(
        count, 1, inside, inside, generator=draw, dtype=torch.float64
    )
    return images


def blobs(side: int = 28) -> Tensor:
    """Smooth images: one wide Gaussian in each, away from the centre and the border."""
    y, x = torch.meshgrid(*[torch.arange(side, dtype=torch.float64)] * 2, indexing="ij")
    centres = [(13.0, 11.0), (15.0, 16.0), (10.0, 14.0)]
    return torch.stack(
        [torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 8) for a, b in centres]
    ).unsqueeze(1)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


class Conv(nn.Module):
    """A small convolutional network with pooling and a stride."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(6, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.mean(self.body(images)))

    @staticmethod
    def leaves() -> dict:
        middle, coarse = Image(stride=2.0, offset=0.5), Image(stride=4.0, offset=0.5)
        return {
            "body.0": Image(),
            "body.1": Image(),
            "body.2": (Image(), middle),
            "body.3": (middle, coarse),
            "body.4": coarse,
            "mean": (coarse, Trivial()),
        }


# ------------------------------------------------------------------ closed forms


def test_a_linear_map_has_a_known_derivative():
    """f(x) = W x: the derivative is W applied to half the difference of the neighbours."""
    images, weights = noise(2, 1, 5, 6), noise(7, 30)
    outputs, derivative = lie_derivative(
        lambda x: x.flatten(1) @ weights.T,
        images,
        generator("translation_x", boundary="circular"),
    )
    moved = (torch.roll(images, 1, -1) - torch.roll(images, -1, -1)) / 2  # to the right
    assert_close(outputs, images.flatten(1) @ weights.T)
    assert_close(derivative, moved.flatten(1) @ weights.T)
    assert relative(-derivative, moved.flatten(1) @ weights.T) > 1


def test_what_the_output_should_do_is_subtracted():
    """f(x) = W x from images to images: W X - X W, and zero for the identity."""
    images, weights = noise(2, 1, 5, 6), noise(30, 30)
    move = generator("rotation")
    _, derivative = lie_derivative(
        lambda x: (x.flatten(1) @ weights.T).reshape(x.shape), images, move, Image()
    )
    applied = (images.flatten(1) @ weights.T).reshape(images.shape)
    expected = (move(images).flatten(1) @ weights.T).reshape(images.shape) - move(applied)
    assert_close(derivative, expected)
    assert not lie_derivative(lambda x: x.clone(), images, move, Image())[1].any()
    assert lie_derivative(lambda x: x.clone(), images, move)[1].any()


@pytest.mark.parametrize(("gradient", "boundary"), [("fourier", None), ("central", "circular")])
@pytest.mark.parametrize("name", ["translation_x", "translation_y"])
def test_a_circular_convolution_commutes_with_translations(name, gradient, boundary):
    images, move = noise(3, 2, 12, 11), generator(name, gradient=gradient, boundary=boundary)
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular").double()
    _, derivative = lie_derivative(layer, images, move, Image())
    size = move(images).norm()
    assert derivative.norm() < 1e-13 * size
    layer.padding_mode = "zeros"
    assert lie_derivative(layer, images, move, Image())[1].norm() > 0.05 * size
    layer.padding_mode = "circular"
    turn = generator("rotation", gradient=gradient, boundary=boundary)
    assert lie_derivative(layer, images, turn, Image())[1].norm() > 0.05 * size


def test_bilinear_gradients_accuse_a_circular_convolution():
    """The same layer, seen through the kink of bilinear interpolation in float32."""
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular", bias=False)
    images = pictures().float()
    errors = {}
    for gradient in ("bilinear", "fourier"):
        move = generator("translation_x", gradient=gradient)
        _, derivative = lie_derivative(layer, images, move, Image())
        errors[gradient] = float(derivative.norm() / move(layer(images).detach()).norm())
    assert errors["bilinear"] > 0.3
    assert errors["fourier"] < 1e-5


def test_a_norm_does_not_change_under_isometries():
    """Turned or shifted, an image keeps its norm; scaled by e^t its square grows like e^(2t)."""

    def square(x: Tensor) -> Tensor:
        return x.square().sum(dim=(1, 2, 3))[:, None]

    images = blobs()
    for name, growth in (
        ("rotation", 0.0),
        ("translation_y", 0.0),
        ("hyperbolic_rotation", 0.0),
        ("shear_x", 0.0),
        ("scale", 2.0),
        ("stretch", 1.0),
        ("brightness", 2.0),
    ):
        outputs, derivative = lie_derivative(square, images, generator(name, gradient="fourier"))
        assert_close(derivative, growth * outputs, rtol=0, atol=1e-5 * float(outputs.max()))
    turn = generator("rotation", gradient="fourier")
    corner = lie_derivative(lambda x: x[:, 0, :14, :14].square().sum((1, 2)), images, turn)[1]
    assert corner.abs().max() > 0.1


def test_a_network_without_biases_is_homogeneous():
    network = Conv().double()
    for module in network.modules():
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    move = generator("brightness")
    maps, derivative = lie_derivative(network.body, pictures(), move, Image(stride=4.0))
    assert derivative.norm() < 1e-12 * maps.norm()
    logits, derivative = lie_derivative(network, pictures(), move)
    assert_close(derivative, logits)


# ------------------------------------------------------------------ images that really move


def shift(maps: Tensor, pixels: float) -> Tensor:
    """Move periodic maps to the right by any distance, by their Fourier series."""
    frequencies = torch.fft.rfftfreq(maps.shape[-1], dtype=torch.float64)
    if maps.shape[-1] % 2 == 0:
        frequencies[-1] = 0
    factors = torch.exp(-2j * math.pi * frequencies * pixels)
    return torch.fft.irfft(torch.fft.rfft(maps) * factors, n=maps.shape[-1])


@pytest.mark.parametrize("size", [11, 16])
def test_the_definition_with_images_that_move(size):
    """d/dt of ρ_Z(-t) f(ρ_X(t) x), with a stride between image and output."""
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 2, 3, padding=1), nn.AvgPool2d(2, 2)
    ).double()
    images, t = noise(2, 1, 9, size), 1e-5

    def moved(t: float) -> Tensor:
        return shift(network(shift(images, t)).detach(), -t / 2)  # two pixels wide

    expected = (moved(t) - moved(-t)) / (2 * t)
    move = generator("translation_x", gradient="fourier")
    _, derivative = lie_derivative(network, images, move, Image(stride=2.0, offset=0.5))
    assert relative(derivative, expected) < 1e-7
    for wrong in (Image(), Image(stride=4.0), Trivial()):
        assert relative(lie_derivative(network, images, move, wrong)[1], expected) > 0.1


@pytest.mark.parametrize("name", ["rotation", "scale"])
def test_a_smooth_network_and_blobs_that_move(name):
    def blob(t: float) -> Tensor:
        y, x = torch.meshgrid(*[torch.arange(24, dtype=torch.float64) - 11.5] * 2, indexing="ij")
        cosine, sine = math.cos(t), math.sin(t)
        a, b = (
            (cosine * x - sine * y, sine * x + cosine * y)
            if name == "rotation"
            else (math.exp(-t) * x, math.exp(-t) * y)
        )
        return torch.exp(-((a - 3) ** 2 + (b + 2) ** 2) / 8)[None, None]

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2), nn.GELU(), nn.Flatten(), nn.Linear(400, 5)
    ).double()
    t = 1e-4
    expected = (network(blob(t)) - network(blob(-t))).detach() / (2 * t)
    _, derivative = lie_derivative(network, blob(0), generator(name, gradient="fourier"))
    assert relative(derivative, expected) < 1e-4
    other = "scale" if name == "rotation" else "rotation"
    assert relative(lie_derivative(network, blob(0), generator(other))[1], expected) > 0.5


# ------------------------------------------------------------------ the published definition

# The velocity in the coordinates of affine_grid, in which the image reaches from -1 to 1.
PUBLISHED = {
    "translation_x": [[0, 0, 2 / 27], [0, 0, 0]],
    "translation_y": [[0, 0, 0], [0, 0, 2 / 27]],
    "rotation": [[0, 1, 0], [-1, 0, 0]],
    "scale": [[1, 0, 0], [0, 1, 0]],
    "shear_x": [[0, 1, 0], [0, 0, 0]],
    "shear_y": [[0, 0, 0], [1, 0, 0]],
    "stretch": [[1, 0, 0], [0, 0, 0]],  # with the other diagonal entry of the map at 1
    "hyperbolic_rotation": [[0, 1, 0], [1, 0, 0]],
    "brightness": None,
}


def resampled(images: Tensor, name: str, t: Tensor) -> Tensor:
    """Move each image by its own time, by bilinear resampling."""
    velocity = PUBLISHED[name]
    if velocity is None:
        return images * torch.exp(t)[:, None, None, None]
    field = torch.zeros(3, 3, dtype=images.dtype)
    field[:2] = torch.tensor(velocity, dtype=images.dtype)
    back = torch.linalg.matrix_exp(-t[:, None, None] * field)[:, :2]
    grid = functional.affine_grid(back, list(images.shape), align_corners=True)
    return functional.grid_sample(images, grid, align_corners=True)


def published(model: Callable[[Tensor], Tensor], images: Tensor, name: str) -> Tensor:
    """d/dt at 0 of f(ρ_X(t) x), one component of the output after the other."""
    t = torch.zeros(len(images), dtype=images.dtype, requires_grad=True)
    outputs = model(resampled(images, name, t))
    slopes = [torch.autograd.grad(column.sum(), t, retain_graph=True)[0] for column in outputs.T]
    return torch.stack(slopes, dim=1)


@pytest.mark.parametrize("name", GENERATORS)
def test_bilinear_mode_is_the_published_definition(name):
    """To 1e-6 in float64, and for the kink in float32, too, but not in another mode."""
    torch.manual_seed(0)
    network, images = PlainCNN().eval(), pictures()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
    found = lie_derivative(network.double(), images, generator(name, gradient="bilinear"))[1]
    expected = published(network, images, name)
    assert relative(found, expected) < 1e-12
    single = generator(name, gradient="bilinear")
    found = lie_derivative(network.float(), images.float(), single)[1]
    assert relative(found, published(network, images.float(), name)) < 1e-4
    if name != "brightness":
        found = lie_derivative(network.double(), images, generator(name))[1]
        assert relative(found, expected) > 0.1


@pytest.mark.parametrize("name", ["translation_x", "rotation", "stretch", "brightness"])
def test_the_published_definition_where_the_output_moves_too(name):
    """d/dt of ρ_Z(-t) f(ρ_X(t) x), tried on three directions among the images of the output."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1)
    ).double()
    images = pictures(2, border=6)
    # Beyond the border the resampler of PyTorch takes zeros; so the border is left out.
    probes = functional.pad(noise(3, 2, 1, 26, 26), (1, 1, 1, 1))

    def expected(sign: int) -> Tensor:
        t = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        moved = resampled(layers(resampled(images, name, t)), name, sign * t)
        each = [torch.autograd.grad((moved * p).sum(), t, retain_graph=True)[0] for p in probes]
        return torch.stack(each)

    move = generator(name, gradient="bilinear")
    derivative = lie_derivative(layers, images, move, Image())[1]
    found = (probes * derivative).sum((2, 3, 4))
    assert relative(found, expected(-1)) < 1e-12
    assert relative(found, expected(0)) > 0.1
    assert relative(found, expected(1)) > 0.1


# ------------------------------------------------------------------ several generators


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("build", [PlainCNN, RotationCNN])
def test_several_generators_are_one_after_the_other(build, dtype):
    torch.manual_seed(0)
    network = copy.deepcopy(build()).to(dtype).eval()
    images = pictures().to(dtype)
    moves = standard_generators()
    outputs, derivatives = lie_derivatives(network, images, moves)
    assert derivatives.shape == (9, 3, 10)
    assert derivatives.dtype == dtype
    assert not derivatives.requires_grad
    for move, derivative in zip(moves, derivatives, strict=True):
        once, alone = lie_derivative(network, images, move)
        assert_close(alone, derivative)
        assert_close(once, outputs)
    assert_close(outputs, network(images).detach())
    assert len({float(d.norm()) for d in derivatives}) == 9


def test_representations_of_the_output_with_several_generators():
    network, images = Conv().double().eval(), pictures()
    moves = [generator("rotation"), generator("translation_y")]
    grid = Image(stride=4.0, offset=0.5)
    _, derivatives = lie_derivatives(network.body, images, moves, grid)
    for move, derivative in zip(moves, derivatives, strict=True):
        assert_close(lie_derivative(network.body, images, move, grid)[1], derivative)


def test_codes_of_the_rotation_network_turn():
    """Counter-clockwise, by the regular representation, and not the other way or not at all."""
    torch.manual_seed(0)
    network, turn = RotationCNN().eval(), generator("rotation", gradient="fourier")
    images = (blobs() + 0.5 * blobs().flip(0)).float()
    _, right = lie_derivative(network.encode, images, turn, RegularField(8))
    codes, still = lie_derivative(network.encode, images, turn)
    back = affine_generator([[0, -1, 0], [1, 0, 0]], gradient="fourier")
    wrong = still + RegularField(8).derivative(turn, codes, (28, 28))
    assert_close(-RegularField(8).derivative(back, codes, (28, 28)), still - right)
    assert right.norm() < 0.5 * still.norm()
    assert wrong.norm() > 1.5 * still.norm()


# ------------------------------------------------------------------ the local equivariance error


def test_the_error_of_a_known_map():
    """Two outputs, 3 and 4 times the sum of the image; brightness multiplies them."""
    images = torch.tensor([1.0, 2.0, 4.0]).reshape(3, 1, 1, 1).double()
    factors = torch.tensor([3.0, 4.0]).double()
    moves = [generator("brightness"), generator("translation_x")]
    found = local_equivariance_error(
        lambda x: x.sum((1, 2, 3))[:, None] * factors, images, moves, scores="logits"
    )
    each = torch.tensor([1.0, 2.0, 4.0]).double() * 5 / math.sqrt(2)
    assert_close(found.per_image[0], each)
    assert_close(found.absolute[0], each.mean())
    assert_close(found.absolute_standard_error[0], each.std() / math.sqrt(3))
    assert_close(found.mean_square[0], each.square().mean())
    assert_close(found.mean_square_standard_error[0], each.square().std() / math.sqrt(3))
    size = each.square().mean().sqrt()
    assert_close(found.relative[0], each.mean() / size)
    # Outputs and derivatives are the same here, so that a ratio of one list of numbers is left.
    pull = each / size - each.mean() * each.square() / (2 * size**3)
    assert_close(found.relative_standard_error[0], pull.std() / math.sqrt(3))
    numbers = (found.absolute, found.relative, found.mean_square, found.absolute_standard_error)
    for values in numbers:
        assert values.dtype == torch.float64
        assert values[1] == 0
    assert found.generators == ("brightness", "translation_x")
    assert found.units == tuple(move.unit for move in moves)
    assert (found.images, found.scores, found.scale) == (3, "logits", "norm")
    lines = str(found).splitlines()
    assert "translation_x: 0 " in lines[2]
    assert lines[2].endswith("per pixel to the right")


def test_standard_errors_are_those_of_repeated_draws():
    """The spread of the errors over many draws of the images, next to what one draw predicts."""
    network = Conv().double().eval()
    moves = [generator("translation_x")]
    images = pictures(1200) * torch.linspace(0.3, 1, 1200).double()[:, None, None, None]
    images = images[torch.randperm(1200, generator=torch.Generator().manual_seed(0))]
    for scale in ("norm", "spread"):
        found = [
            local_equivariance_error(network, part, moves, scores="logits", scale=scale)
            for part in images.split(30)
        ]
        for name in ("absolute", "relative", "mean_square"):
            spread = torch.stack([getattr(f, name) for f in found]).std()
            predicted = torch.stack([getattr(f, f"{name}_standard_error") for f in found]).mean()
            assert 0.7 < float(predicted / spread) < 1.4, (scale, name)


def test_probabilities_are_the_softmax():
    network, images, moves = Conv().double().eval(), pictures(), [generator("rotation")]
    found = local_equivariance_error(network, images, moves, scores="probabilities")
    expected = local_equivariance_error(
        lambda x: functional.softmax(network(x), dim=1), images, moves, scores="logits"
    )
    assert_close(found.absolute, expected.absolute)
    assert_close(found.relative, expected.relative)
    logits = local_equivariance_error(network, images, moves, scores="logits")
    assert abs(float(logits.absolute / found.absolute)) > 2


def test_what_relative_errors_are_relative_to():
    network, images, moves = Conv().double().eval(), pictures(), [generator("scale")]

    def error(add: float, scale: str) -> Tensor:
        return local_equivariance_error(
            lambda x: 3 * network(x) + add, images, moves, scores="logits", scale=scale
        ).relative

    assert_close(error(0, "spread"), error(50, "spread"))
    assert error(50, "norm") < 0.1 * error(0, "norm")
    outputs = 3 * network(images).detach()
    absolute = 3 * local_equivariance_error(network, images, moves, scores="logits").absolute
    spread = (outputs - outputs.mean(0)).square().mean().sqrt()
    assert_close(error(0, "spread"), absolute / spread)


def test_batches_do_not_change_the_error():
    network, images = Conv().double().eval(), pictures(7)
    whole, parts = (
        local_equivariance_error(
            network, images, standard_generators(), scores="probabilities", batch_size=size
        )
        for size in (64, 3)
    )
    for name in ("per_image", "absolute", "relative", "relative_standard_error"):
        assert_close(getattr(whole, name), getattr(parts, name))


def test_one_image_has_no_standard_error():
    found = local_equivariance_error(
        Conv().double().eval(), pictures(1), [generator("scale")], scores="logits"
    )
    assert found.absolute_standard_error.isnan().all()
    assert found.relative_standard_error.isnan().all()
    assert found.absolute.isfinite().all()


# ------------------------------------------------------------------ layer by layer: networks


class Residual(nn.Module):
    """Two branches, one of them with a strided shortcut; a ReLU in place, used twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.shortcut = nn.Conv2d(4, 6, 1, stride=2)
        self.norm = nn.BatchNorm2d(6)
        nn.init.normal_(self.norm.running_mean, std=0.1)
        self.last = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        x = self.relu(self.stem(images))
        y = self.norm(self.conv2(self.relu(self.conv1(x))))
        y += self.shortcut(x)  # in place, on what a leaf returned
        return self.head(self.pool(self.last(y)).flatten(1))

    @staticmethod
    def leaves() -> dict:
        coarse = Image(stride=2.0)
        return {
            "stem": Image(),
            "relu": Image(),
            "conv1": Image(),
            "conv2": (Image(), coarse),
            "shortcut": (Image(), coarse),
            "norm": coarse,
            "last": coarse,
            "pool": (coarse, Trivial()),
        }


class Attention(nn.Module):
    """Attention written out, two heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self.project(tokens).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class Positions(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, tokens, width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table


class ClassToken(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, width))

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.cat([self.token.expand(len(tokens), -1, -1), tokens], dim=1)


class ViT(nn.Module):
    """One block, a class token, patches of seven pixels."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(1, width, 7, stride=7)
        self.positions = Positions(16, width)
        self.extra = ClassToken(width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width)
        self.mlp1, self.act, self.mlp2 = nn.Linear(width, 24), nn.GELU(), nn.Linear(24, width)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = self.extra(self.positions(x))
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp2(self.act(self.mlp1(self.norm2(x))))
        return self.head(x[:, 0])

    @staticmethod
    def leaves() -> dict:
        place = {"stride": 7.0, "offset": 3.0}
        plain, tokens = Tokens(4, 4, **place), Tokens(4, 4, extra=1, **place)
        return {
            "patches": (Image(), Image(**place)),
            "positions": plain,
            "norm1": tokens,
            "attention": tokens,
            "norm2": tokens,
            "mlp1": tokens,
            "act": tokens,
            "mlp2": tokens,
        }


class Mixer(nn.Module):
    """One block; as many tokens as channels, so that no shape tells the layouts apart."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(1, 16, 7, stride=7)
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.tokens = nn.Sequential(nn.Linear(16, 20), nn.GELU(), nn.Linear(20, 16))
        self.channels = nn.Sequential(nn.Linear(16, 20), nn.GELU(), nn.Linear(20, 16))
        self.mean = nn.AdaptiveAvgPool1d(1)
        self.head = nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(self.mean(x.transpose(1, 2)).flatten(1))

    @staticmethod
    def leaves() -> dict:
        place = {"stride": 7.0, "offset": 3.0}
        last, first = Tokens(4, 4, **place), Tokens(4, 4, channels_first=True, **place)
        return {
            "patches": (Image(), Image(**place)),
            "norm1": last,
            "tokens": first,
            "norm2": last,
            "channels": last,
            "mean": (first, Trivial()),
        }


class Pool(nn.Module):
    def forward(self, codes: Tensor) -> Tensor:
        return codes.amax(dim=-1)


class Steerable(nn.Module):
    """The rotation network of the book, with its pooling over the group as a layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        # e2cnn shares its tables between networks; a copy has its own, and can change its type.
        network = copy.deepcopy(RotationCNN())
        self.trunk, self.classifier = network.trunk, network.classifier
        self.image_type, self.code_shape = network.image_type, network._code_shape
        self.pool = Pool()

    def forward(self, images: Tensor) -> Tensor:
        field = GeometricTensor(images, self.image_type)
        codes = self.trunk(field).tensor.reshape(len(images), *self.code_shape)
        return self.classifier(self.pool(codes))

    def leaves(self) -> dict:
        """Every step of the trunk, its grid found from the side of its output."""
        sides: dict[str, int] = {}
        hooks = [
            module.register_forward_hook(
                lambda _m, _a, out, name=name: sides.update({name: out.tensor.shape[-1]})
            )
            for name, module in self.trunk.named_children()
        ]
        with torch.no_grad():
            self(torch.zeros(1, 1, 29, 29, dtype=next(self.parameters()).dtype))
        for hook in hooks:
            hook.remove()
        strides = {29: 1.0, 25: 1.0, 13: 2.0, 7: 4.0, 5: 4.0, 1: 4.0}
        before, leaves = Image(), {}
        for name, side in sides.items():
            stride = strides[side]
            here = RegularField(8, stride=stride, offset=14 - stride * (side - 1) / 2)
            masked = before == Image() and side == 29
            leaves[f"trunk.{name}"] = (before, Image() if masked else here)
            before = leaves[f"trunk.{name}"][1]
        leaves["pool"] = (RegularField(8), Trivial())
        return leaves


def sum_of(found: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(found.values())).sum(dim=0)


@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("build", [Conv, Residual, ViT, Mixer, Steerable])
def test_contributions_add_up(build, dtype, method):
    """To 1e-5 in float32 and to rounding in float64, for translations and rotations."""
    network = build().to(dtype).eval()
    leaves = network.leaves()
    images = pictures(3, side=29 if build is Steerable else 28).to(dtype)
    for name in ("translation_x", "rotation", "scale", "brightness"):
        move = generator(name)
        found = layerwise_lie_derivative(network, images, move, leaves, method=method)
        assert list(found.contributions) == list(leaves)
        assert found.relative_gap < (1e-5 if dtype == torch.float32 else 1e-12)
        total = sum_of(found.contributions)
        assert_close(found.gap, found.end_to_end - total)
        outputs, derivative = lie_derivative(network, images, move)
        assert_close(found.end_to_end, derivative)
        assert_close(found.outputs, outputs)
        if dtype == torch.float64:
            assert relative(total, derivative) < 1e-9
            assert sum(found.shares.values()) == pytest.approx(1, abs=1e-9)
        assert (
            sum(
                float(c.norm()) > 1e-3 * float(derivative.norm())
                for c in found.contributions.values()
            )
            >= 2
            or name == "brightness"
        )


def test_contributions_of_linear_layers_have_a_closed_form():
    """f = B A: the first layer contributes B (A X - X A) x, the second (B X - X B) A x."""
    a, b = noise(30, 30), noise(30, 30, seed=1)
    network = nn.Sequential(nn.Linear(30, 30, bias=False), nn.Linear(30, 30, bias=False)).double()
    network[0].weight.data, network[1].weight.data = a, b
    model = nn.Sequential(nn.Flatten(), network)
    images, move = noise(2, 1, 5, 6), generator("rotation")
    flat = Image(flattened=(1, 5, 6))

    def x(values: Tensor) -> Tensor:
        return move(values.reshape(-1, 1, 5, 6)).flatten(1)

    found = layerwise_lie_derivative(model, images, move, {"1.0": flat, "1.1": flat}, output=flat)
    z = images.flatten(1)
    first = (x(z) @ a.T - x(z @ a.T)) @ b.T
    second = x(z @ a.T) @ b.T - x(z @ a.T @ b.T)
    assert_close(found.contributions["1.0"], first)
    assert_close(found.contributions["1.1"], second)
    square = (first + second).square().sum()
    assert found.shares["1.0"] == pytest.approx(float((first * (first + second)).sum() / square))


def test_a_silent_leaf_contributes_nothing():
    """A layer that commutes has no share, and one whose output is not used has none either."""

    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.aside = Conv(), nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, images: Tensor) -> Tensor:
            self.aside(images)
            return self.body(images)

    leaves = {"body": (Image(), Trivial()), "aside": Image()}
    for method in ("forward", "reverse"):
        found = layerwise_lie_derivative(
            Unused().double().eval(), pictures(), generator("rotation"), leaves, method=method
        )
        assert not found.contributions["aside"].any()
        assert_close(found.contributions["body"], found.end_to_end)


def test_an_equivariant_network_passes():
    """All contributions are rounding, and so is the gap; it does not count as one."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    leaves = {"0": Image(), "1": Image(), "2": (Image(), Image())}
    move = generator("translation_x", gradient="fourier")
    for dtype in (torch.float32, torch.float64):
        images = noise(2, 1, 12, 12).to(dtype)
        found = layerwise_lie_derivative(network.to(dtype), images, move, leaves)
        assert found.end_to_end.norm() < 1e-5
    network[0].padding_mode = "zeros"
    found = layerwise_lie_derivative(network.to(dtype), images, move, leaves)
    assert found.end_to_end.norm() > 1e-3
    assert found.shares["0"] == pytest.approx(1)


def test_shares_of_a_network_that_does_not_change():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Identity())
    found = layerwise_lie_derivative(
        network.double(),
        torch.zeros(2, 1, 6, 6).double(),
        generator("rotation"),
        {"0": Image()},
        Image(),
    )
    assert math.isnan(found.shares["0"])
    assert found.relative_gap == 0


def test_a_leaf_with_two_inputs():
    class Product(nn.Module):
        def forward(self, a: Tensor, *, b: Tensor) -> Tensor:
            return a * b.sum((2, 3), keepdim=True)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.one, self.two = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 2, 3, stride=2)
            self.product = Product()

        def forward(self, images: Tensor) -> Tensor:
            return self.product(self.one(images), b=self.two(images))

    coarse = Image(stride=2.0, offset=1.0)
    leaves = {"one": Image(), "two": (Image(), coarse), "product": (Image(), coarse, Image())}
    found = layerwise_lie_derivative(
        Two().double(), pictures(), generator("rotation"), leaves, Image()
    )
    assert found.relative_gap < 1e-12
    with pytest.raises(ValueError, match="'product' is declared with 1 inputs, but it gets 2"):
        layerwise_lie_derivative(
            Two().double(), pictures(), generator("rotation"), {**leaves, "product": Image()}
        )


class Pieces(Conv):
    """Without gradients it takes two images at a time, as networks of the book take 256."""

    def forward(self, images: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(images)
        return torch.cat([Conv.forward(self, part) for part in images.split(2)])


def test_images_in_pieces():
    """A leaf is called once for each piece; the calls are added, and carried forward."""
    images, move, leaves = pictures(5), generator("rotation"), Conv.leaves()
    whole, pieces = (
        layerwise_lie_derivative(network.double().eval(), images, move, leaves)
        for network in (Conv(), Pieces())
    )
    assert pieces.relative_gap < 1e-12
    for name in leaves:
        assert_close(pieces.contributions[name], whole.contributions[name])
    with pytest.raises(ValueError, match="cannot be told apart by images; choose method='forward'"):
        layerwise_lie_derivative(Pieces().double().eval(), images, move, leaves, method="reverse")


# ------------------------------------------------------------------ layer by layer: wrong leaves


def culprit(network: nn.Module, leaves: dict, name: str = "rotation", **options: object) -> str:
    images = pictures(3, side=29 if isinstance(network, Steerable) else 28)
    network.double().eval()
    with pytest.raises(TelescopingError) as caught:
        layerwise_lie_derivative(network, images, generator(name), leaves, **options)
    assert f"{caught.value.layer!r}" in str(caught.value) or caught.value.layer == "output"
    return caught.value.layer


@pytest.mark.parametrize("move", ["rotation", "translation_x", "scale"])
@pytest.mark.parametrize(
    ("layer", "wrong"),
    [
        ("stem", (Image(), Image(stride=2.0))),
        ("stem", (Image(stride=2.0), Image())),
        ("conv1", Image(stride=2.0)),
        ("conv2", Image()),
        ("shortcut", Image()),
        ("last", Image()),
    ],
)
def test_a_wrong_stride_is_found(layer, wrong, move):
    assert culprit(Residual(), {**Residual.leaves(), layer: wrong}, move) == layer


def test_a_wrong_centre_is_found():
    """Half a pixel off, which translations cannot see."""
    wrong = {**Residual.leaves(), "conv2": (Image(), Image(stride=2.0, offset=0.5))}
    assert culprit(Residual(), wrong) == "conv2"
    network = Residual().double().eval()
    found = layerwise_lie_derivative(network, pictures(), generator("translation_x"), wrong)
    assert found.relative_gap < 1e-12


@pytest.mark.parametrize("layer", ["stem", "relu", "conv1", "conv2", "shortcut", "last"])
def test_a_layer_that_is_not_declared_is_found(layer):
    leaves = Residual.leaves()
    del leaves[layer]
    assert culprit(Residual(), leaves) == layer


@pytest.mark.parametrize("layer", ["patches", "positions", "norm1", "attention"])
def test_undeclared_positions_and_other_layers_of_a_transformer(layer):
    leaves = ViT.leaves()
    del leaves[layer]
    assert culprit(ViT(), leaves) == layer


def test_layers_that_commute_need_not_be_declared():
    """A linear map of channels, an affine map of each: the same with and without, and anyhow."""
    for build, names in ((ViT, ("mlp1", "mlp2")), (Residual, ("norm", "head"))):
        network, images, move = build().double().eval(), pictures(), generator("rotation")
        leaves = build.leaves()
        full = layerwise_lie_derivative(network, images, move, leaves)
        for name in names:
            fewer = {key: kind for key, kind in leaves.items() if key != name}
            found = layerwise_lie_derivative(network, images, move, fewer)
            assert found.relative_gap < 1e-12
            for key in fewer:
                assert_close(found.contributions[key], full.contributions[key])


@pytest.mark.parametrize(
    ("layer", "wrong"),
    [
        ("tokens", Tokens(4, 4, stride=7.0, offset=3.0)),  # the same shape, the other layout
        ("norm2", Tokens(4, 4, stride=7.0, offset=3.0, channels_first=True)),
        ("channels", Tokens(4, 4, stride=4.0, offset=3.0)),
        ("norm1", Tokens(2, 8, stride=7.0, offset=3.0)),
    ],
)
def test_a_wrong_layout_of_tokens_is_found(layer, wrong):
    assert culprit(Mixer(), {**Mixer.leaves(), layer: wrong}) == layer


class Same(nn.Module):
    """A convolution with padding on two sides only, split into its two steps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()
        self.pad, self.conv = nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(4, 4, 3, stride=2)
        self.act, self.mean = nn.ReLU6(), nn.AdaptiveAvgPool2d(1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.act(self.conv(self.pad(self.relu(self.first(images)))))
        return self.mean(x).flatten(1)


def test_a_convolution_split_in_two_is_found():
    """The padding sets zeros beside a bias, which does not commute; it has to be declared."""
    coarse = Image().after_window(3, stride=2)
    leaves = {
        "first": Image(),
        "relu": Image(),
        "conv": (Image(), coarse),
        "act": coarse,
        "mean": (coarse, Trivial()),
    }
    network = Same()
    assert culprit(network, leaves) == "pad"
    leaves["pad"] = Image()
    found = layerwise_lie_derivative(network, pictures(), generator("rotation"), leaves)
    assert found.relative_gap < 1e-12
    assert culprit(network, {**leaves, "conv": (Image(), Image(stride=2.0, offset=0.5))}) == "conv"


def test_a_wrong_field_is_found():
    """The second convolution of the rotation network, declared to return plain feature maps."""
    network = Steerable().double().eval()
    leaves = network.leaves()
    name = next(key for key, kind in leaves.items() if kind[1] != Image())
    wrong = Image(stride=leaves[name][1].stride, offset=leaves[name][1].offset)
    assert culprit(network, {**leaves, name: (leaves[name][0], wrong)}) == name


def test_a_wrong_output_of_the_network_is_found():
    network = Conv().body
    leaves = {name.partition(".")[2]: kind for name, kind in list(Conv.leaves().items())[:5]}
    good = Image(stride=4.0, offset=0.5)
    found = layerwise_lie_derivative(
        network.double(), pictures(), generator("rotation"), leaves, good
    )
    assert found.relative_gap < 1e-12
    assert culprit(network, leaves, output=Trivial()) == "output"
    assert culprit(network, {**leaves, "4": (good, Trivial())}, output=good) == "4"


def test_what_the_sentence_says():
    wrong = {**Residual.leaves(), "conv2": Image()}
    with pytest.raises(TelescopingError) as caught:
        layerwise_lie_derivative(
            Residual().double().eval(), pictures(), generator("rotation"), wrong
        )
    sentence = str(caught.value)
    assert "'conv2' is declared to return Image(stride=1.0, offset=0.0" in sentence
    assert "moves as Image(stride=2.0, offset=0.0" in sentence
    assert isinstance(caught.value, ValueError)
    wrong = {**Residual.leaves(), "stem": (Image(stride=2.0), Image())}
    with pytest.raises(
        TelescopingError, match=r"gets is declared as Image\(stride=2.* moves as .*1"
    ):
        layerwise_lie_derivative(
            Residual().double().eval(), pictures(), generator("rotation"), wrong
        )


def test_of_several_undeclared_layers_the_guilty_one_is_found():
    """A convolution of one pixel commutes, the next has a stride, and no leaf comes before."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 2, 1),
        nn.Conv2d(2, 3, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    coarse = Image(stride=2.0)
    assert culprit(network, {"2": coarse, "3": (coarse, Trivial())}) == "1"


def test_the_tolerance_decides():
    """An undeclared layer of little effect passes with a large tolerance, and the gap is told."""
    leaves = ViT.leaves()
    del leaves["positions"]
    network, images, move = ViT().double().eval(), pictures(), generator("translation_x")
    found = layerwise_lie_derivative(network, images, move, leaves, tolerance=10)
    gap = found.end_to_end - sum_of(found.contributions)
    assert_close(found.gap, gap)
    largest = max(c.norm() for c in (*found.contributions.values(), found.end_to_end))
    assert found.relative_gap == pytest.approx(float(gap.norm() / largest))
    assert found.relative_gap > 0.01
    with pytest.raises(TelescopingError):
        layerwise_lie_derivative(network, images, move, leaves, tolerance=0.9 * found.relative_gap)
    layerwise_lie_derivative(network, images, move, leaves, tolerance=1.1 * found.relative_gap)


# ------------------------------------------------------------------ what cannot be entered


class Fused(nn.Module):
    """Attention by PyTorch's own kernel, which no module shows."""

    def forward(self, images: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(images, images, images).flatten(1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 4, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.rnn(images[:, 0])[0].flatten(1)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=8, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images[:, 0]).flatten(1)


def measure(model: nn.Module, dtype: torch.dtype = torch.float32) -> Tensor:
    images = noise(2, 1, 8, 8).to(dtype)
    return lie_derivatives(model.to(dtype), images, [generator("rotation")])[1]


def test_fused_attention_is_refused_and_the_remedy_works():
    with pytest.raises(ValueError, match=r"calls fused attention.*sdpa_kernel\(.*MATH"):
        measure(Fused().eval())
    with sdpa_kernel(SDPBackend.MATH):
        assert measure(Fused().eval()).any()


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (Encoder, "'layer' is a TransformerEncoderLayer with a fused fast path"),
        (lambda: nn.Sequential(Encoder()), "'0.layer' is a TransformerEncoderLayer"),
        (Recurrent, "'rnn' is a LSTM.*float64.*LSTMCell"),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64)).train(),
            r"'1' is a BatchNorm1d in training mode.*call model.eval\(\)",
        ),
        (lambda: nn.Dropout().train(), "The model is a Dropout in training mode"),
    ],
)
def test_refused_before_any_work(build, sentence):
    model = build() if "training" in sentence else build().eval()
    calls: list[int] = []
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    with pytest.raises(ValueError, match=sentence):
        measure(model)
    with pytest.raises(ValueError, match=sentence):
        layerwise_lie_derivative(model, torch.ones(2, 1, 8, 8), generator("scale"), {"": Image()})
    assert not calls


def test_the_remedies_work():
    assert measure(Recurrent().eval(), torch.float64).any()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            assert measure(Encoder().eval()).any()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def test_what_modules_do_not_show_is_translated():
    table = torch.zeros(8, 8)

    def counts(x: Tensor) -> Tensor:
        table.add_(x.sum((0, 1)))
        return x.flatten(1) * 2

    def resampling(x: Tensor) -> Tensor:
        grid = functional.affine_grid(torch.eye(2, 3)[None].repeat(2, 1, 1), list(x.shape), False)
        return functional.grid_sample(x, grid, align_corners=False)

    images, move = torch.ones(2, 1, 8, 8), generator("rotation")
    with pytest.raises(ValueError, match="changes a tensor of its own while it runs"):
        lie_derivative(counts, images, move)
    with pytest.raises(ValueError, match="calls grid_sampler_2d; write this step"):
        lie_derivative(resampling, images, move)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        lie_derivative(nn.Linear(3, 2), images, move)


def test_a_method_of_a_network_is_looked_into():
    with pytest.raises(ValueError, match="in training mode"):
        lie_derivative(PlainCNN().train().encode, pictures().float(), generator("rotation"))


# ------------------------------------------------------------------ sentences about bad input

IMAGES, MOVE = torch.ones(2, 1, 8, 8), generator("rotation")
FLAT = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def layers(leaves: object, model: nn.Module | None = None, **options: object) -> object:
    return layerwise_lie_derivative(model or FLAT, IMAGES, MOVE, leaves, **options)


def error_of(images: Tensor = IMAGES, **options: object) -> object:
    options = {"scores": "logits", **options}
    return local_equivariance_error(FLAT, images, [MOVE], **options)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: lie_derivative("net", IMAGES, MOVE),
            TypeError,
            "must be callable, but it is a str",
        ),
        (lambda: lie_derivative(FLAT, IMAGES.half(), MOVE), TypeError, "float32 or float64"),
        (lambda: lie_derivative(FLAT, IMAGES[0], MOVE), ValueError, r"\(B, C, H, W\)"),
        (lambda: lie_derivative(FLAT, IMAGES[:0], MOVE), ValueError, "batch of images is empty"),
        (lambda: lie_derivative(FLAT, IMAGES / 0 * 0, MOVE), ValueError, "NaN or infinite"),
        (lambda: lie_derivative(FLAT, IMAGES, "rotation"), TypeError, "this is a str"),
        (lambda: lie_derivative(FLAT, IMAGES, MOVE, Image), TypeError, "but it is a Image"),
        (lambda: lie_derivative(FLAT, IMAGES, MOVE, None), TypeError, "but it is a NoneType"),
        (lambda: lie_derivatives(FLAT, IMAGES, []), ValueError, "at least one generator"),
        (
            lambda: lie_derivative(FLAT, IMAGES, MOVE, Image()),
            ValueError,
            r"For the outputs: Image is for features of shape \(B, C, H, W\), but these have shape "
            r"\(2, 3\)",
        ),
        (
            lambda: lie_derivative(lambda x: x.sum(0), IMAGES, MOVE),
            ValueError,
            r"an entry for each of the 2 images, but it returned \(1, 8, 8\)",
        ),
        (
            lambda: error_of(scores="softmax"),
            ValueError,
            "scores is one of 'logits', 'probabilities'",
        ),
        (lambda: error_of(scale="max"), ValueError, "scale is one of 'norm', 'spread'"),
        (lambda: error_of(batch_size=0), ValueError, "batch_size is at least 1, but it is 0"),
        (lambda: error_of(scale="spread"), ValueError, "The outputs are all equal"),
        (
            lambda: local_equivariance_error(
                lambda x: 0 * x.flatten(1), IMAGES, [MOVE], scores="logits"
            ),
            ValueError,
            "The outputs are all zero",
        ),
        (
            lambda: local_equivariance_error(
                nn.Conv2d(1, 2, 3), IMAGES, [MOVE], Image(), scores="probabilities"
            ),
            ValueError,
            r"need logits of shape \(B, classes\), but the outputs have shape \(2, 2, 6, 6\)",
        ),
        (lambda: layers({}), ValueError, "at least one layer"),
        (lambda: layers([("1", Trivial())]), ValueError, "leaves must map the names"),
        (lambda: layers({"2": Trivial()}), ValueError, "no layer '2'; its layers are '0', '1'"),
        (lambda: layers({"1": "image"}), TypeError, "leaf '1' must be a representation"),
        (lambda: layers({"1": (Trivial(),)}), ValueError, "a sequence of 1 was given"),
        (
            lambda: layers({"1": Trivial()}, method="both"),
            ValueError,
            "method is one of 'forward', 'reverse', None",
        ),
        (lambda: layers({"1": Trivial()}, tolerance=0), ValueError, "tolerance is positive"),
        (
            lambda: layers({"": (Image(), Trivial()), "1": Trivial()}),
            ValueError,
            "Leaf '1' lies inside leaf ''",
        ),
        (
            lambda: layers({"1": (Image(), Trivial())}),
            ValueError,
            "For the input of leaf '1': Image is for features",
        ),
        (
            lambda: layers({"0": (Image(), Image())}),
            ValueError,
            "For the output of leaf '0': Image is for features",
        ),
        (
            lambda: layerwise_lie_derivative(lambda x: x, IMAGES, MOVE, {"0": Image()}),
            TypeError,
            "Layers have names in a torch.nn.Module only",
        ),
    ],
)
def test_bad_input(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_that_differ_by_rounding_have_no_spread(dtype: torch.dtype) -> None:
    # A product of matrices may round the same row in two ways, as it lies in the matrix.
    images = torch.stack([IMAGES[0], torch.full_like(IMAGES[0], 2)]).to(dtype)

    def spread_by(difference: float) -> Tensor:
        def model(x: Tensor) -> Tensor:
            return 3 + difference * x.flatten(1)[:, :2]

        found = local_equivariance_error(model, images, [MOVE], scores="logits", scale="spread")
        return found.relative

    eps = torch.finfo(dtype).eps
    with pytest.raises(ValueError, match="The outputs are all equal"):
        spread_by(4 * eps)
    assert spread_by(1000 * eps).isfinite().all()


def test_leaves_that_do_not_run_or_return_several_tensors():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.MaxPool2d(2), nn.ReLU()

        def forward(self, images: Tensor) -> Tensor:
            return self.used(images).flatten(1)

    class Two(nn.Module):
        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            return images, images

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.two = Two()

        def forward(self, images: Tensor) -> Tensor:
            return self.two(images)[0]

    half = Image(stride=2.0, offset=0.5)
    with pytest.raises(ValueError, match="Leaf 'idle' is not called"):
        layers({"used": (Image(), half), "idle": Image()}, Odd())
    with pytest.raises(ValueError, match="'two' returns 2; declare the layers inside it"):
        layers({"two": Image()}, Both())


def test_hooks_are_removed():
    """After a run, and after one that failed, the network is as it was."""
    network = Conv().double().eval()
    for leaves in (Conv.leaves(), {**Conv.leaves(), "body.2": Image()}):
        try:
            layerwise_lie_derivative(network, pictures(), generator("rotation"), leaves)
        except TelescopingError:
            failed = True
    assert failed
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in network.parameters())
