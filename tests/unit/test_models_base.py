"""What the networks share: images at the door, configuration, learned state, pieces."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from utils.data.mnist import load_small, rotate
from utils.models.base import TOLERATED, Network, NetworkConfig, WindowMaximum, check_images
from utils.models.baselines import ConvVAE, PlainCNN
from utils.models.rotation_cnn import SO2CNN, RotationCNN

NETWORKS = (PlainCNN, ConvVAE, RotationCNN, SO2CNN)
everyone = pytest.mark.parametrize("kind", NETWORKS)


def noise(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def spoiled(value: float, row: int = 2) -> Tensor:
    images = noise(4)
    images[row, 0, 3, 5] = value
    return images


def doors(network: Any) -> list[Callable[[Tensor], Any]]:
    """Every way for images into a network."""
    ways = [network, network.encode]
    return [*ways, network.features] if isinstance(network, PlainCNN) else ways


# --- images -----------------------------------------------------------------------------


@everyone
@pytest.mark.parametrize(
    ("images", "words"),
    [
        (spoiled(float("nan")), "finite values, but 1 of 4 hold NaN .* the first in row 2"),
        (spoiled(float("inf"), row=0), "1 of 4 hold NaN or infinite ones, the first in row 0"),
        (spoiled(-float("inf")), "finite values"),
        (255 * noise(2), r"values in \[0, 1\] .* the largest is 25\d.*; divide bytes by 255"),
        ((noise(2) - 0.13) / 0.31, r"the largest is 2\.8.* undo a standardisation"),
        (noise(2) - 1, r"the least is -0\.99.* undo a standardisation"),
    ],
)
def test_images_with_impossible_values_are_refused(
    kind: type[nn.Module], images: Tensor, words: str
) -> None:
    for enter in doors(kind().eval()):
        with pytest.raises(ValueError, match=words) as caught:
            enter(images)
        assert "\n" not in str(caught.value)


@everyone
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.complex64])
def test_images_of_another_type_are_refused(kind: type[nn.Module], dtype: torch.dtype) -> None:
    for enter in doors(kind().eval()):
        with pytest.raises(TypeError, match=rf"not {dtype}; for bytes .* images.float\(\) / 255"):
            enter(torch.ones(2, 1, 28, 28, dtype=dtype))


@everyone
def test_turned_digits_are_let_in(kind: type[nn.Module]) -> None:
    digits = load_small().images[::25]
    angles = 360 * torch.rand(len(digits), generator=torch.Generator().manual_seed(1))
    turned = rotate(digits, angles)
    assert float(turned.min()) < 0
    assert float(turned.max()) > 1
    network = kind().eval()
    for images in (turned, rotate(turned, 45.0), turned[:0]):
        for enter in doors(network):
            enter(images)


def test_the_room_ends_where_it_says() -> None:
    least, largest = TOLERATED
    check_images(torch.tensor([least, largest]).repeat(392).reshape(1, 1, 28, 28), 28)
    for value in (least - 1e-3, largest + 1e-3):
        with pytest.raises(ValueError, match=r"an overshoot to \[-0.5, 1.5\] is accepted"):
            check_images(spoiled(value), 28)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        check_images(noise(2).to(dtype), 28)
        with pytest.raises(ValueError, match="finite values"):
            check_images(spoiled(float("nan")).to(dtype), 28)


def test_every_side_that_is_accepted_is_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(B, 1, 28, 28\) or \(B, 1, 29, 29\), not \(2, 9"):
        check_images(torch.zeros(2, 9), 28, 29)


# --- transforms of functions: the check must not stand in their way ----------------------


def codes_of(network: Any) -> Callable[[Tensor], Tensor]:
    """Images to codes, without noise."""
    if isinstance(network, ConvVAE):
        return lambda images: torch.cat(network.encode(images), dim=1)
    return lambda images: network.encode(images).flatten(1)


def with_a_naive_check(encode: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same codes behind a check that asks for the values wherever it stands."""

    def checked(images: Tensor) -> Tensor:
        if images.max() > TOLERATED[1]:
            raise ValueError("too large")
        return encode(images)

    return checked


@everyone
def test_derivatives_go_through_the_door(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    encode, images, direction = codes_of(kind().eval()), noise(3), noise(3, seed=1)
    codes, slope = torch.func.jvp(encode, (images,), (direction,))
    torch.testing.assert_close(codes, encode(images))
    reverse = torch.autograd.functional.jvp(encode, images, direction)[1]
    torch.testing.assert_close(slope, reverse, rtol=1e-3, atol=1e-4)
    gradient = torch.func.grad(lambda x: encode(x).sum())(images)
    torch.testing.assert_close((gradient * direction).sum(), slope.sum(), rtol=1e-3, atol=1e-3)
    leaf = images.clone().requires_grad_()
    (backward,) = torch.autograd.grad(encode(leaf).sum(), leaf)
    torch.testing.assert_close(backward, gradient)
    with pytest.raises(ValueError, match="the largest is"):  # under jvp the values are known
        torch.func.jvp(encode, (255 * images,), (direction,))


@pytest.mark.parametrize("kind", [PlainCNN, ConvVAE])
def test_a_batch_can_be_mapped_one_image_at_a_time(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    encode, images = codes_of(kind().eval()), noise(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = torch.func.vmap(lambda image: encode(image[None])[0])(images)
        each = torch.func.vmap(torch.func.jacrev(lambda image: encode(image[None])[0].sum()))
        assert each(images).shape == images.shape
    torch.testing.assert_close(mapped, encode(images), rtol=1e-4, atol=1e-5)
    naive = with_a_naive_check(encode)
    with pytest.raises(RuntimeError, match="vmap"):
        torch.func.vmap(lambda image: naive(image[None])[0])(images)


def test_a_directional_derivative_can_be_mapped_over_directions() -> None:
    """What a measure of sensitivity does: vmap over jvp, through the logits."""
    torch.manual_seed(0)
    network, images = PlainCNN().eval(), noise(2)
    directions = torch.stack([noise(2, seed=s) for s in range(3)])

    def slope(direction: Tensor) -> Tensor:
        return torch.func.jvp(network, (images,), (direction,))[1]

    slopes = torch.func.vmap(slope)(directions)
    torch.testing.assert_close(
        slopes, torch.stack([slope(one) for one in directions]), rtol=1e-4, atol=1e-5
    )


def test_a_computation_can_be_recorded() -> None:
    network, images = PlainCNN().eval(), noise(2)
    exported = torch.export.export(network, (images,))
    torch.testing.assert_close(exported.module()(images), network(images))
    meta = PlainCNN().eval().to("meta")
    assert meta(images.to("meta")).shape == (2, 10)

    class Naive(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return with_a_naive_check(torch.sin)(given)

    with pytest.raises(Exception, match=r"data-dependent|Data-dependent|control flow"):
        torch.export.export(Naive(), (images,))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_has_no_break_at_the_door() -> None:
    network, images = PlainCNN().eval(), noise(2)
    compiled = torch.compile(network.encode, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(images), network.encode(images))


# --- a network of another kind -----------------------------------------------------------


@dataclass(frozen=True)
class PatchConfig(NetworkConfig):
    network: ClassVar[str] = "patch network"

    widths: tuple[int, int] = (3, 5)
    patch: int = 7
    head: str = "mean"

    def __post_init__(self) -> None:
        self._check_widths(2)
        self._check_numbers(patch=2)


class PatchNetwork(Network):
    """With a table of positions: a buffer that is no statistic and is kept all the same."""

    config: PatchConfig

    def __init__(self, config: PatchConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(PatchConfig, config)
        first, second = self.config.widths
        self.patches = nn.Conv2d(1, first, self.config.patch, stride=self.config.patch)
        self.mix = nn.Linear(first, second)
        self.register_buffer("positions", torch.randn(first))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)

    def encode(self, images: Tensor) -> Tensor:
        check_images(images, 28)
        return self._in_pieces(self._encode, images)

    def _encode(self, images: Tensor) -> Tensor:
        return self.mix(self.patches(images).mean(dim=(2, 3)) + self.get_buffer("positions"))


def test_the_configuration_of_any_network_survives_json() -> None:
    config = PatchConfig(widths=(2, 4), patch=4, head="sum")
    text = json.dumps(config.to_dict())
    assert json.loads(text) == {"widths": [2, 4], "patch": 4, "head": "sum"}
    again = PatchConfig.from_dict(json.loads(text))
    assert again == config
    assert hash(again) == hash(config)
    assert [field.name for field in fields(PatchConfig)] == ["widths", "patch", "head"]
    with pytest.raises(
        ValueError, match=r"unknown field 'side' in .* patch network; .* patch, head"
    ):
        PatchConfig.from_dict({"side": 3})
    for values, error, words in (
        ({"widths": (1, 2, 3)}, ValueError, "2 entries.* has 3"),
        ({"widths": "35"}, TypeError, "2 integers"),
        ({"widths": (1, 0)}, ValueError, r"widths\[1\] is at least 1"),
        ({"patch": 1}, ValueError, "patch is at least 2"),
        ({"patch": 7.0}, TypeError, "patch is an integer"),
    ):
        with pytest.raises(error, match=words):
            PatchConfig.from_dict(values)


@pytest.mark.parametrize("kind", [*NETWORKS, PatchNetwork])
def test_a_network_refuses_a_configuration_that_is_not_its_own(kind: Any) -> None:
    other = PlainCNN if kind is PatchNetwork else PatchNetwork
    own = kind.__name__.removesuffix("Network") + "Config"
    words = f"{kind.__name__} is made from a {own}, not a"
    for wrong in (other().config, "default", kind):
        with pytest.raises(TypeError, match=words):
            kind(wrong)


def test_the_state_of_any_network_is_kept_whole() -> None:
    torch.manual_seed(0)
    source, target = PatchNetwork().eval(), PatchNetwork()
    target.patches.eval()
    images = noise(4)
    state = source.checkpoint_state()
    assert set(state) == {"positions", *(name for name, _ in source.named_parameters())}
    with torch.no_grad():
        assert not torch.allclose(target.encode(images), source.encode(images))
        target.load_checkpoint_state(state)
        assert torch.equal(target.encode(images), source.encode(images))
        source.mix.weight.add_(1.0)  # a state is a copy, on both ways
        assert not torch.equal(target.encode(images), source.encode(images))
    assert torch.equal(target.mix.weight, state["mix.weight"])
    assert target.training  # nor does loading touch the mode of a part
    assert not target.patches.training
    parameters = {name: tensor for name, tensor in state.items() if name != "positions"}
    with pytest.raises(
        ValueError, match=r"a patch network of .* it lacks 'positions' \(and 0 more"
    ):
        target.load_checkpoint_state(parameters)
    wider = PatchNetwork(PatchConfig(widths=(3, 6))).checkpoint_state()
    with pytest.raises(ValueError, match=r"'mix\.\w+' has shape \(6.*\), expected \(5.*\)"):
        target.load_checkpoint_state({**wider, "positions": torch.zeros(3)})
    assert torch.equal(target.get_buffer("positions"), state["positions"])  # nothing was changed


def test_pieces_are_used_only_where_rows_do_not_meet() -> None:
    network, lengths = PatchNetwork().eval(), []
    network.patches.register_forward_hook(lambda module, given, out: lengths.append(len(out)))
    with torch.no_grad():
        codes = network.encode(noise(130))
        network.train().encode(noise(130))
    torch.testing.assert_close(codes, network.eval().encode(noise(130)))
    assert lengths == [64, 64, 2, 130, 130]


# --- maxima over windows ----------------------------------------------------------------


@pytest.mark.parametrize(("window", "stride"), [(2, None), (2, 1), (3, 2), (3, None), (1, 2)])
@pytest.mark.parametrize("size", [(28, 28), (7, 9), (3, 4)])
def test_maxima_over_windows_are_those_of_pytorch_to_the_last_bit(
    window: int, stride: int | None, size: tuple[int, int]
) -> None:
    features = torch.randn(3, 5, *size, generator=torch.Generator().manual_seed(0)).relu()
    features[0, 0, 0, 2], features[1, 0, 0, 0] = float("nan"), -float("inf")
    layer, library = WindowMaximum(window, stride), nn.MaxPool2d(window, stride)
    with torch.inference_mode():
        found = layer(features)
    assert torch.equal(found.nan_to_num(9.0), library(features).nan_to_num(9.0))
    assert found.isnan().any()


def test_the_derivative_of_a_maximum_goes_to_one_entry_of_a_tie() -> None:
    def gradient(layer: nn.Module) -> Tensor:
        features = torch.ones(1, 1, 4, 4, requires_grad=True)
        layer(features).sum().backward()
        assert features.grad is not None
        return features.grad

    found = gradient(WindowMaximum(2))
    assert torch.equal(found, gradient(nn.MaxPool2d(2)))
    assert set(found.unique().tolist()) == {0.0, 1.0}


def test_features_smaller_than_the_window_are_refused_in_every_mode() -> None:
    with pytest.raises(RuntimeError), torch.inference_mode():
        WindowMaximum(3)(torch.zeros(1, 1, 2, 5))
    with pytest.raises(RuntimeError):
        WindowMaximum(3)(torch.zeros(1, 1, 2, 5))
