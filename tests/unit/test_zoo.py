"""The zoo: shapes, refusals, steps, what the steps keep of a symmetry, and what breaks it."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from utils.data.mnist import load_small
from utils.lie import (
    Image,
    TelescopingError,
    Tokens,
    Trivial,
    generator,
    layerwise_lie_derivative,
    lie_derivative,
)
from utils.models.base import Stepwise
from utils.models.rotation_cnn import (
    PlainClassifier,
    RotationCNN,
    RotationCNNConfig,
    plain_classifier,
)
from utils.models.zoo import CNN, MLP, CNNConfig, Mixer, MixerConfig, MLPConfig, ViT, ViTConfig
from utils.models.zoo.steps import Attention, Blur
from utils.training import (
    load_checkpoint,
    save_checkpoint,
    shipped_checkpoints,
    untrained_model,
)

SMALL_C8 = RotationCNNConfig(widths=(2, 2, 3), copies=4, hidden=8)
CONFIGS: dict[str, Any] = {
    "maximum": CNNConfig(widths=(3, 4, 5)),
    "stride": CNNConfig(widths=(3, 4, 5), downsampling="stride", kernel=5),
    "blur": CNNConfig(widths=(3, 4, 5), downsampling="blur", activation="gelu"),
    "mean": CNNConfig(widths=(3, 4, 5), readout="mean"),
    "circular": CNNConfig(widths=(3, 4, 5), padding="circular", kernel=7),
    "mlp": MLPConfig(width=6, depth=3),
    "mixer": MixerConfig(width=6, depth=2, token_hidden=5, channel_hidden=7),
    "vit": ViTConfig(width=6, depth=2, heads=2, hidden=7),
    "vit-mean": ViTConfig(width=6, depth=1, heads=3, hidden=7, patch=7, readout="mean"),
}
KINDS = {CNNConfig: CNN, MLPConfig: MLP, MixerConfig: Mixer, ViTConfig: ViT}


pytestmark = pytest.mark.usefixtures("one_thread")


def noise(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def build(config: Any, seed: int = 0) -> Any:
    """Return a network whose batch statistics are not the initial ones."""
    torch.manual_seed(seed)
    network = KINDS[type(config)](config)
    with torch.no_grad():
        network(noise(32, seed + 10))
    return network.eval()


def stepwise(name: str) -> Any:
    """Return a network of any kind, the rotation network written out among them."""
    if name != "c8":
        return build(CONFIGS[name])
    torch.manual_seed(0)
    network = RotationCNN(SMALL_C8)
    with torch.no_grad():
        network(noise(16))  # batch statistics
    return plain_classifier(network.eval())


EVERY = [*CONFIGS, "c8"]


# --- configuration ---------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGS)
def test_configuration_survives_json(name: str) -> None:
    config = CONFIGS[name]
    cls = type(config)
    assert cls.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert cls.from_dict({}) == cls()


@pytest.mark.parametrize(
    ("cls", "values", "error", "words"),
    [
        (CNNConfig, {"widths": (4, 6)}, ValueError, "3 entries"),
        (CNNConfig, {"kernel": 4}, ValueError, "kernel .* 3, 5, 7.* 4"),
        (CNNConfig, {"kernel": 3.0}, TypeError, "kernel .* integer"),
        (CNNConfig, {"downsampling": "max"}, ValueError, "'maximum', 'stride', 'blur'.* 'max'"),
        (CNNConfig, {"activation": "tanh"}, ValueError, "activation .* 'relu'"),
        (CNNConfig, {"padding": "same"}, ValueError, "padding .* 'zeros'"),
        (CNNConfig, {"readout": "class"}, ValueError, "readout .* 'places', 'mean'"),
        (MLPConfig, {"depth": 0}, ValueError, "depth .* at least 1"),
        (MLPConfig, {"activation": "tanh"}, ValueError, "activation .* 'relu'"),
        (MixerConfig, {"patch": 5}, ValueError, "patch must divide the 28 pixels"),
        (MixerConfig, {"token_hidden": True}, TypeError, "token_hidden .* integer"),
        (ViTConfig, {"patch": 3}, ValueError, "patch must divide the 28 pixels"),
        (ViTConfig, {"heads": 3}, ValueError, "heads must divide the width of 40"),
        (ViTConfig, {"readout": "max"}, ValueError, "readout .* 'class', 'mean'"),
        (ViTConfig, {"layers": 3}, ValueError, "unknown field 'layers'"),
    ],
)
def test_wrong_configurations_are_refused(
    cls: Any, values: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        cls.from_dict(values)


@pytest.mark.parametrize("kind", [CNN, MLP, Mixer, ViT])
def test_a_configuration_of_another_network_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} is made from a {kind.__name__}Config"):
        kind(RotationCNNConfig())


# --- shapes and refusals ---------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_shapes(name: str) -> None:
    network = stepwise(name)
    with torch.no_grad():
        several = network(noise(3))
        assert several.shape == (3, 10)
        torch.testing.assert_close(network(noise(3)[1:2]), several[1:2], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(several[0], several[1])
    assert build(CNNConfig(classes=3))(noise(1)).shape == (1, 3)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (torch.zeros(2, 1, 30, 30), ValueError, r"\(B, 1, 28, 28\).*not \(2, 1, 30, 30\)"),
        (torch.zeros(2, 28, 28), ValueError, "must have shape"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), TypeError, "torch.uint8"),
        (255 * torch.ones(2, 1, 28, 28), ValueError, "divide bytes by 255"),
        (torch.full((2, 1, 28, 28), float("nan")), ValueError, "finite values"),
    ],
)
def test_wrong_images_are_refused(
    name: str, images: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        stepwise(name)(images)


# --- forward-mode differentiation --------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_forward_mode_enters_and_gives_the_derivative(name: str) -> None:
    network, images = stepwise(name).double(), noise(3).double()
    tangents = torch.stack([noise(3, seed).double() - 0.5 for seed in (1, 2)])

    def push(tangent: Tensor) -> Tensor:
        return torch.func.jvp(network, (images,), (tangent,))[1]

    with torch.no_grad():
        found = torch.func.vmap(push)(tangents)
        step = 1e-6
        for tangent, derivative in zip(tangents, found, strict=True):
            difference = network(images + step * tangent) - network(images - step * tangent)
            torch.testing.assert_close(derivative, difference / (2 * step), rtol=1e-4, atol=1e-6)


def test_fused_attention_would_not_let_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why attention is written out, and that written out it computes the same."""
    network, images = build(CONFIGS["vit"]), noise(2)
    with torch.no_grad():
        expected = network(images)

    def fused(self: Any, tokens: Tensor) -> Tensor:
        parts = tokens.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)

    monkeypatch.setattr(Attention, "forward", fused)
    with torch.no_grad():
        torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(NotImplementedError, match="forward AD"):
        torch.func.jvp(network, (images,), (images,))


# --- the steps -------------------------------------------------------------------------


def heard(network: nn.Module, images: Tensor) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Listen to the leaves: what each got, what it said, and a copy of that at the time."""
    found: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def listen(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            assert name not in found, "called twice"
            assert len(inputs) == 1
            found[name] = (inputs[0], output, output.clone())

        return hook

    assert isinstance(network, Stepwise)
    handles = [
        network.get_submodule(name).register_forward_hook(listen(name)) for name in network.leaves()
    ]
    with torch.no_grad():
        network(images)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("name", EVERY)
def test_leaves_are_all_steps_in_the_order_of_computation(name: str) -> None:
    network = stepwise(name)
    leaves = network.leaves()
    found = heard(network, noise(2))
    assert list(found) == list(leaves)
    for before, output, at_the_time in found.values():
        assert isinstance(before, Tensor)
        assert torch.equal(output, at_the_time), "changed in place by a later step"
    inside = {m for leaf in leaves for m in network.get_submodule(leaf).modules()}
    alone = [m for m in network.modules() if next(m.children(), None) is None]
    assert set(alone) <= inside
    for leaf in leaves:
        assert not any(other.startswith(f"{leaf}.") for other in leaves)
    assert network.representations() == {n: (e.input, e.output) for n, e in leaves.items()}


@pytest.mark.parametrize("name", EVERY)
def test_representations_fit_and_follow_from_each_other(name: str) -> None:
    network = stepwise(name)
    leaves, moved = network.leaves(), generator("rotation")
    for step, (before, after, _) in heard(network, noise(2)).items():
        for tensor, declared in ((before, leaves[step].input), (after, leaves[step].output)):
            assert declared.derivative(moved, tensor, (28, 28)).shape == tensor.shape
            wrong = Trivial() if tensor.ndim > 2 and declared != Trivial() else Image()
            if wrong == Image() and tensor.ndim < 4:
                with pytest.raises(ValueError, match="features of shape"):
                    wrong.derivative(moved, tensor, (28, 28))
    steps = list(leaves.values())
    assert steps[0].input == Image()
    assert steps[-1].output == Trivial()
    for first, second in itertools.pairwise(steps):
        assert first.output == second.input


GRIDS = [
    CNNConfig((2, 3, 4), kernel=kernel, downsampling=kind, activation="gelu", readout="mean")
    for kernel in (3, 5, 7)
    for kind in ("maximum", "stride", "blur")
]


def middle(representation: Any, side: int) -> float:
    first, step = representation.offset, representation.stride
    first, step = (v if isinstance(v, tuple) else (v, v) for v in (first, step))
    assert first[0] == first[1]
    return first[0] + step[0] * (side - 1) / 2


@pytest.mark.parametrize("config", GRIDS, ids=lambda c: f"{c.downsampling}-{c.kernel}")
def test_every_grid_has_the_centre_of_the_image(config: CNNConfig) -> None:
    network = build(config)
    leaves, seen = network.leaves(), heard(network, noise(1))
    sides = {}
    for name, (_, after, _) in seen.items():
        if after.ndim == 4:
            sides[name] = after.shape[2]
            assert middle(leaves[name].output, after.shape[2]) == 13.5, name
    assert set(sides.values()) >= {14, 7}
    # An odd window of stride two does not: half a pixel beside.
    assert middle(Image().after_window(3, stride=2, padding=1), 14) == 13.0


def symmetric(network: CNN) -> CNN:
    """Give every convolution constant filters: nothing in them knows a direction."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.copy_(module.weight.data.mean(dim=(2, 3), keepdim=True))
    return network


@pytest.mark.parametrize("config", GRIDS, ids=lambda c: f"{c.downsampling}-{c.kernel}")
def test_quarter_turns_pass_through_filters_without_direction(config: CNNConfig) -> None:
    network, images = build(config).double(), noise(4).double()
    turned = torch.rot90(images, 1, (2, 3))

    def change() -> float:
        return float((network(turned) - network(images)).norm() / network(images).std(dim=0).norm())

    with torch.no_grad():
        assert change() > 1e-3  # filters with directions
        symmetric(network)
        assert change() < 1e-10
        if config.downsampling == "stride":  # an odd window keeps the wrong positions
            side = network.conv1.kernel_size[0] - 1
            odd = nn.Conv2d(1, 2, side, stride=2, padding=side // 2, bias=False).double()
            odd.weight.data.fill_(0.1)
            network.conv1 = odd
            assert change() > 1e-3


def test_tokens_lie_where_their_patches_lie() -> None:
    leaves = build(ViTConfig()).leaves()
    assert leaves["patches"].output == Tokens(7, 7, 0, stride=4, offset=1.5)
    assert leaves["positions"].output == Tokens(7, 7, 1, stride=4, offset=1.5)
    network, images = build(ViTConfig()), torch.zeros(1, 1, 28, 28)
    images[0, 0, 9, 22] = 1.0  # patch (2, 5)
    with torch.no_grad():
        tokens = network.patches(images) - network.patches(torch.zeros_like(images))
    assert tokens.norm(dim=2)[0].nonzero().flatten().tolist() == [2 * 7 + 5]


# --- translations ------------------------------------------------------------------------


def commutes(step: Any, features: Tensor, shift: int, after: int) -> float:
    """How far a step is from turning a shift of its input into a shift of its output."""
    with torch.no_grad():
        one = step(torch.roll(features, shift, dims=3))
        two = torch.roll(step(features), after, dims=3)
        return float((one - two).norm() / two.std())


def test_circular_convolutions_commute_with_shifts_and_padded_ones_do_not() -> None:
    images = noise(2).double()
    for padding, equal in (("circular", True), ("zeros", False)):
        network = build(CNNConfig(widths=(3, 4, 5), padding=padding)).double()
        first = nn.Sequential(network.conv1, network.norm1, network.activation1)
        assert (commutes(first, images, 1, 1) < 1e-12) == equal
        # Away from the border the two are the same convolution.
        moved = first(torch.roll(images, 1, dims=3))[..., 2:-2]
        assert torch.allclose(moved, torch.roll(first(images), 1, dims=3)[..., 2:-2])


def test_pooling_commutes_with_shifts_by_its_stride_only() -> None:
    network = build(CNNConfig((3, 4, 5), padding="circular", readout="mean")).double()
    images = noise(2).double()
    assert commutes(network.maximum1, images, 2, 1) == 0
    assert min(commutes(network.maximum1, images, 1, after) for after in (0, 1)) > 0.1
    with torch.no_grad():
        logits = network(images)
        by_four = network(torch.roll(images, 4, dims=2))
        by_one = network(torch.roll(images, 1, dims=2))
    assert torch.allclose(by_four, logits, rtol=0, atol=1e-12)
    assert (by_one - logits).abs().max() > 1e-6
    places = build(CNNConfig((3, 4, 5), padding="circular")).double()
    with torch.no_grad():  # a head that reads places knows where the digit is
        assert not torch.allclose(places(torch.roll(images, 4, dims=2)), places(images))


@pytest.mark.parametrize("name", ["mlp", "mixer", "vit"])
def test_the_others_do_not_know_shifts(name: str) -> None:
    network, images = build(CONFIGS[name]).double(), noise(2).double()
    with torch.no_grad():
        assert not torch.allclose(network(torch.roll(images, 4, dims=2)), network(images))


def test_blur_is_the_binomial_filter() -> None:
    features = torch.randn(2, 3, 27, 13, generator=torch.Generator().manual_seed(0)).double()
    found = Blur()(features)
    weights = np.outer([1, 2, 1], [1, 2, 1]) / 16
    whole = ndimage.convolve(features.numpy(), weights[None, None], mode="mirror")
    torch.testing.assert_close(found, torch.from_numpy(whole[..., ::2, ::2].copy()))
    ones = torch.ones(1, 2, 13, 13)
    assert torch.equal(Blur()(ones), torch.ones(1, 2, 7, 7))


def test_blur_makes_shifts_by_one_pixel_smaller() -> None:
    """The point of it: features change less when the image moves by half a step of the grid."""
    sizes = {}
    smooth = torch.from_numpy(ndimage.gaussian_filter(noise(8, 3).numpy(), (0, 0, 1, 1))).float()
    for kind in ("maximum", "blur"):
        network = build(CNNConfig(downsampling=kind), seed=1)
        stages = list(network.children())
        stop = next(i for i, (name, _) in enumerate(network.named_children()) if name == "conv2")
        first = nn.Sequential(*stages[:stop])
        with torch.no_grad():
            still, moved = first(smooth), first(torch.roll(smooth, 1, dims=3))
            half = (still + torch.roll(still, 1, dims=3)) / 2
        inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
        sizes[kind] = float((moved - half)[inner].norm() / still[inner].std())
    assert sizes["blur"] < 0.7 * sizes["maximum"]


def test_without_positions_a_transformer_does_not_know_where_a_patch_is() -> None:
    images = noise(2).double()
    pieces = images.unfold(2, 4, 4).unfold(3, 4, 4).reshape(2, 49, 4, 4)
    order = torch.randperm(49, generator=torch.Generator().manual_seed(0))
    mixed = pieces[:, order].reshape(2, 7, 7, 4, 4).transpose(2, 3).reshape(2, 1, 28, 28)
    for readout in ("class", "mean"):
        config = dataclasses.replace(CONFIGS["vit"], readout=readout)
        network = build(config).double()
        with torch.no_grad():
            assert not torch.allclose(network(mixed), network(images), atol=1e-6)
            network.positions.vectors[-49:] = 0
            torch.testing.assert_close(network(mixed), network(images))
    mixer = build(CONFIGS["mixer"]).double()
    with torch.no_grad():
        assert not torch.allclose(mixer(mixed), mixer(images), atol=1e-6)


# --- what the steps contribute ----------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("moved", ["translation_x", "rotation"])
def test_contributions_of_the_steps_add_up(name: str, moved: str) -> None:
    network, images = stepwise(name).double(), noise(4).double()
    found = layerwise_lie_derivative(
        network, images, generator(moved), network.representations(), tolerance=1e-9
    )
    assert found.relative_gap < 1e-9
    assert list(found.contributions) == list(network.leaves())
    _, expected = lie_derivative(network, images, generator(moved))
    assert expected.norm() > 0
    torch.testing.assert_close(sum(found.contributions.values()), expected)
    # What acts on every place by itself and linearly commutes with moving the places.
    for step, leaf in network.leaves().items():
        if leaf.kind == "linear":
            assert found.contributions[step].norm() < 1e-10 * expected.norm(), step


@pytest.mark.parametrize(
    ("name", "step", "declared"),
    [
        ("vit", "positions", None),
        ("vit", "blocks.1.attention", None),
        ("mixer", "blocks.0.mixing", None),
        ("maximum", "maximum1", None),
        ("blur", "blur2", (Image(stride=2, offset=0.5), Image(stride=2, offset=0.5))),
        ("c8", "conv2", (Image(stride=2, offset=1.5), Image(stride=2, offset=1.5))),
    ],
)
def test_a_step_that_is_left_out_or_declared_wrongly_is_noticed(
    name: str, step: str, declared: Any
) -> None:
    network, images = stepwise(name).double(), noise(4).double()
    leaves = network.representations()
    if declared is None:
        del leaves[step]
    else:
        leaves[step] = declared
    with pytest.raises(TelescopingError, match="declar"):
        layerwise_lie_derivative(network, images, generator("rotation"), leaves)


SHIPPED = [name for name in shipped_checkpoints() if name.startswith("digit-zoo")]


@pytest.mark.parametrize("name", [name for name in SHIPPED if "-epoch" not in name])
def test_contributions_add_up_in_the_networks_that_come_with_the_book(name: str) -> None:
    model, _ = load_checkpoint(name)
    network = plain_classifier(model) if isinstance(model, RotationCNN) else model
    assert isinstance(network, Stepwise)
    images = load_small().images[::1000].double()
    for moved in ("translation_x", "rotation"):
        found = layerwise_lie_derivative(
            network.double(), images, generator(moved), network.representations(), tolerance=1e-6
        )
        assert found.relative_gap < 1e-6
        assert found.end_to_end.norm() > 1e-3


# --- checkpoints -----------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGS)
def test_the_round_trip_keeps_every_bit(name: str, tmp_path: Path) -> None:
    network = build(CONFIGS[name], seed=5)
    torch.manual_seed(5)
    fresh = type(network)(CONFIGS[name]).eval()
    save_checkpoint(tmp_path / "net", network)
    loaded, manifest = load_checkpoint(tmp_path / "net", config=CONFIGS[name])
    with torch.no_grad():
        assert torch.equal(loaded(noise(2)), network(noise(2)))
        assert torch.equal(untrained_model(tmp_path / "net", seed=5)(noise(2)), fresh(noise(2)))
        other = untrained_model(tmp_path / "net", seed=6)
        assert not torch.equal(other(noise(2)), fresh(noise(2)))
    assert manifest["model"]["parameters"] == sum(p.numel() for p in network.parameters())
    half = tmp_path / "half"
    save_checkpoint(half, network, dtype=torch.float16)
    rounded = load_checkpoint(half)[0]
    for key, tensor in network.checkpoint_state().items():
        kept = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(rounded.checkpoint_state()[key], kept)


# --- the rotation network, written out -----------------------------------------------------


@pytest.mark.parametrize("head", ["max", "mean", "norm"])
def test_the_written_out_network_computes_the_same(head: Any) -> None:
    torch.manual_seed(2)
    network = RotationCNN(dataclasses.replace(SMALL_C8, head=head))
    with torch.no_grad():
        network(noise(16))
        network.eval()
        plain = plain_classifier(network)
        torch.testing.assert_close(plain(noise(4)), network(noise(4)), rtol=1e-4, atol=1e-5)
        # Another's weights give something else.
        assert not torch.allclose(stepwise("c8")(noise(4)), network(noise(4)), atol=1e-3)
    assert not any("e2cnn" in type(module).__module__ for module in plain.modules())
    assert not any(p.requires_grad for p in plain.parameters())
    assert isinstance(plain, PlainClassifier)


def test_only_rotation_networks_are_written_out() -> None:
    with pytest.raises(TypeError, match="network must be a RotationCNN, not CNN"):
        plain_classifier(build(CNNConfig()))


def test_fields_of_the_written_out_network_turn_as_declared() -> None:
    """A quarter turn of the image turns every grid and shifts the group axis by two."""
    network, images = stepwise("c8").double(), noise(3).double()
    still = heard(network, images)
    turned = heard(network, torch.rot90(images, 1, (2, 3)))
    for name in list(network.leaves())[1:]:
        before, after = still[name][1], turned[name][1]
        if after.ndim == 4:
            fields = torch.rot90(before, 1, (2, 3)).unflatten(1, (-1, 8)).roll(2, dims=2)
            before = fields.flatten(1, 2)
        elif after.ndim == 3:
            before = before.roll(2, dims=2)
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4, msg=name)
        if after.ndim == 4 and name != "code":
            wrong = torch.rot90(still[name][1], -1, (2, 3))
            assert not torch.allclose(after, wrong, atol=1e-2)
