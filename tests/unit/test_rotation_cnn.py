"""The rotation networks: their symmetry, its direction, and their checkpoints.

Every check of the symmetry stands beside a broken variant that the same check catches.
"""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
import safetensors.torch
import torch
from e2cnn import gspaces
from e2cnn import nn as enn
from e2cnn.kernels.irreps_basis import R2ContinuousRotationsSolution
from torch import Tensor, nn
from torch.testing import assert_close

from utils.data.mnist import load_small, rotate, rotated
from utils.models.rotation_cnn import (
    SO2CNN,
    RotationCNN,
    RotationCNNConfig,
    SO2CNNConfig,
    centred_on_odd_grid,
    networks,
    plain_convolutions,
)
from utils.models.rotation_cnn.continuous import HashableSolution

EXACT = 5e-6
Network = RotationCNN | SO2CNN
N = TypeVar("N", RotationCNN, SO2CNN)


pytestmark = pytest.mark.usefixtures("one_thread")


def make(seed: int = 0, **values: object) -> RotationCNN:
    """Return a network whose batch-norm statistics and biases are not the initial ones."""
    torch.manual_seed(seed)
    network = RotationCNN(RotationCNNConfig(**values))  # type: ignore[arg-type]
    return trained_a_little(network, seed).eval()


def make_so2(seed: int = 0, **values: object) -> SO2CNN:
    """Return a network for SO(2) in the same state, with few channels."""
    torch.manual_seed(seed)
    network = SO2CNN(SO2CNNConfig(**{"widths": (2, 3, 4), **values}))  # type: ignore[arg-type]
    return trained_a_little(network, seed).eval()


both = pytest.mark.parametrize("build", [make, make_so2])


def trained_a_little(network: N, seed: int) -> N:
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    images, labels = noise(32, seed + 1), torch.arange(32) % 10
    for _ in range(3):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    return network


def noise(count: int, seed: int = 0, side: int = 28) -> Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(seed))


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@torch.no_grad()
def quarter_turn_error(network: RotationCNN, images: Tensor, shift: int) -> float:
    """Largest relative error over the quarter turns, if one of them shifts by `shift`."""
    codes = network.encode(images)
    return max(
        relative(
            network.encode(torch.rot90(images, turns, (-2, -1))), codes.roll(turns * shift, -1)
        )
        for turns in (1, 2, 3)
    )


# --- configuration ---------------------------------------------------------------------


def test_configuration_survives_json() -> None:
    config = RotationCNNConfig(group_order=4, widths=(2, 3, 4), copies=5, head="norm", hidden=7)
    assert RotationCNNConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert RotationCNNConfig.from_dict({}) == RotationCNNConfig()


def test_configuration_for_so2_survives_json() -> None:
    config = SO2CNNConfig(max_frequency=2, widths=(2, 3, 4), copies=5, hidden=7, classes=3)
    assert SO2CNNConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert SO2CNNConfig.from_dict({}) == SO2CNNConfig()


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"max_frequency": 0}, ValueError, "max_frequency"),
        ({"max_frequency": 9}, ValueError, "max_frequency must be at most 8"),
        ({"max_frequency": 3.0}, TypeError, "max_frequency .* integer"),
        ({"widths": (4, 6)}, ValueError, "3 entries"),
        ({"widths": "468"}, TypeError, "3 integers"),
        ({"widths": (4, True, 8)}, TypeError, r"widths\[1\]"),
        ({"copies": 0}, ValueError, "copies"),
        ({"classes": 1}, ValueError, "classes .* at least 2"),
        ({"group_order": 8}, ValueError, "unknown field 'group_order'"),
    ],
)
def test_bad_configurations_for_so2_are_refused(
    values: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        SO2CNNConfig.from_dict(values)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"group_order": 6}, ValueError, "4, 8, 16"),
        ({"group_order": 8.0}, TypeError, "integer"),
        ({"group_order": True}, TypeError, "integer"),
        ({"widths": (4, 6)}, ValueError, "3 entries"),
        ({"widths": 4}, TypeError, "3 integers"),
        ({"widths": (4, 0, 8)}, ValueError, r"widths\[1\]"),
        ({"copies": 0}, ValueError, "copies"),
        ({"classes": 1}, ValueError, "classes .* at least 2"),
        ({"hidden": "64"}, TypeError, "hidden"),
        ({"head": "sum"}, ValueError, "'max', 'mean', 'norm'"),
        ({"depth": 3}, ValueError, "unknown field 'depth'"),
    ],
)
def test_bad_configurations_are_refused(
    values: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        RotationCNNConfig.from_dict(values)


@both
def test_construction_gives_no_warning(build: Callable[[], Network]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build()(noise(2))


@both
def test_initial_weights_are_those_of_e2cnn(build: Callable[[], Network]) -> None:
    """Their scales are kept from one network to the next; the numbers are drawn afresh."""
    kind, config = type(build()), build().config
    torch.manual_seed(3)
    first = kind(config)  # type: ignore[arg-type]
    torch.manual_seed(3)
    second = kind(config)  # type: ignore[arg-type]
    torch.manual_seed(3)
    layers = [layer for layer in second.trunk.children() if isinstance(layer, enn.R2Conv)]
    for layer in layers:
        theirs = torch.zeros_like(layer.weights.data)
        enn.init.generalized_he_init(theirs, layer.basisexpansion)
        assert torch.equal(layer.weights, theirs)
    assert len(layers) == 4
    state = first.checkpoint_state()
    assert all(torch.equal(state[n], t) for n, t in second.checkpoint_state().items())
    third = kind(config)  # type: ignore[arg-type]
    assert not torch.equal(third.checkpoint_state()["trunk.1.weights"], state["trunk.1.weights"])


# --- the odd grid ----------------------------------------------------------------------


def padded_on_two_sides(images: Tensor) -> Tensor:
    """The usual way from 28 to 29 pixels, which moves the centre by half a pixel."""
    return nn.functional.pad(images, (0, 1, 0, 1))


def stretched(images: Tensor) -> Tensor:
    """A symmetric resampling that is not a shift: it is exact under turns and blurs unevenly."""
    return nn.functional.interpolate(images, size=29, mode="bilinear", align_corners=True)


def commutes(to_grid: Callable[[Tensor], Tensor]) -> float:
    images = noise(4)
    symmetries: list[Callable[[Tensor], Tensor]] = [
        lambda x: torch.rot90(x, 1, (-2, -1)),
        lambda x: x.flip(-1),
        lambda x: x.transpose(-2, -1),
    ]
    return max(relative(to_grid(act(images)), act(to_grid(images))) for act in symmetries)


def test_the_odd_grid_commutes_with_the_symmetries_of_the_square() -> None:
    assert commutes(centred_on_odd_grid) < 1e-6
    assert commutes(padded_on_two_sides) > 0.1


def test_the_odd_grid_reproduces_cubics_between_the_pixels() -> None:
    def cubic(t: Tensor) -> Tensor:
        return 0.3 + 0.1 * t - 0.02 * t**2 + 0.005 * t**3

    def image(side: int) -> Tensor:
        t = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
        return (cubic(t)[:, None] * cubic(-t)[None, :])[None, None]

    inner = (..., slice(2, -2), slice(2, -2))  # the frame is zero, which is no cubic
    assert relative(centred_on_odd_grid(image(28))[inner], image(29)[inner]) < 1e-12
    assert relative(stretched(image(28))[inner], image(29)[inner]) > 1e-2


def test_images_on_an_odd_grid_are_left_alone() -> None:
    images = noise(2, side=29)
    assert centred_on_odd_grid(images) is images


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), TypeError),
        ([[0.0]], TypeError),
        (torch.zeros(2, 28, 28), ValueError),
        (torch.zeros(2, 3, 28, 28), ValueError),
        (torch.zeros(2, 1, 28, 29), ValueError),
        (torch.zeros(2, 1, 32, 32), ValueError),
    ],
)
@both
def test_other_images_are_refused(
    build: Callable[[], Network], images: Tensor, error: type[Exception]
) -> None:
    with pytest.raises(error, match="images must"):
        build()(images)


@both
def test_every_side_is_odd(build: Callable[[], Network]) -> None:
    network, sides = build(), []
    for layer in network.trunk.children():
        layer.register_forward_hook(lambda _m, _i, out: sides.append(out.tensor.shape[-1]))
    network(noise(1))
    assert sorted(set(sides), reverse=True) == [29, 25, 13, 7, 5, 1]


# --- symmetry --------------------------------------------------------------------------


@pytest.mark.parametrize("order", [4, 8, 16])
@pytest.mark.parametrize("side", [28, 29])
def test_quarter_turns_are_exact(order: int, side: int) -> None:
    network, images = make(group_order=order), noise(8, side=side)
    assert quarter_turn_error(network, images, order // 4) < EXACT
    # The other direction is another statement, and a wrong one.
    assert quarter_turn_error(network, images, -order // 4) > 0.05


def test_two_sided_padding_breaks_quarter_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = make(), noise(8)
    monkeypatch.setattr(networks, "centred_on_odd_grid", padded_on_two_sides)
    assert quarter_turn_error(network, images, 2) > 0.05


def test_an_even_grid_breaks_quarter_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = make(), noise(8)
    # A row and a column more before the stride: 26 is even, and the stride keeps pixels that
    # are not symmetric about the centre.
    pool = list(network.trunk.children())[4]
    before = pool.forward

    def lopsided(features):  # type: ignore[no-untyped-def]
        wider = nn.functional.pad(features.tensor, (1, 0, 1, 0))
        return before(type(features)(wider, features.type))

    monkeypatch.setattr(pool, "forward", lopsided)
    assert quarter_turn_error(network, images, 2) > 0.05


def test_logits_do_not_change_under_quarter_turns() -> None:
    for head in ("max", "mean", "norm"):
        network, images = make(head=head), noise(8)
        with torch.no_grad():
            turned = network(torch.rot90(images, 1, (-2, -1)))
            assert relative(turned, network(images)) < EXACT
            # An entry of the code is no invariant: the classifier must see the pooled code.
            raw = network.encode(images)[..., 0]
            assert relative(network.encode(torch.rot90(images, 1, (-2, -1)))[..., 0], raw) > 0.05


@pytest.mark.parametrize("order", [4, 8, 16])
def test_direction_of_the_shift(order: int) -> None:
    """Turning a digit counter-clockwise by 360° r/n rolls its code by +r, for every r."""
    digits = load_small().images[::250]
    network = make(group_order=order)
    with torch.no_grad():
        codes = network.encode(digits)
        for r in range(1, order):
            turned = network.encode(rotate(digits, 360.0 * r / order))
            errors = [relative(turned, codes.roll(shift, -1)) for shift in range(order)]
            best = min(range(order), key=errors.__getitem__)
            assert best == r
            assert errors[r] < (EXACT if 4 * r % order == 0 else 0.35)


@pytest.mark.parametrize("head", ["max", "mean", "norm"])
def test_pooling_is_invariant_and_is_what_it_says(head: str) -> None:
    network = make(head=head)
    codes = torch.randn(5, 16, 8, generator=torch.Generator().manual_seed(0))
    pooled = network.pool(codes)
    assert pooled.shape == (5, 16)
    assert relative(network.pool(codes.roll(3, -1)), pooled) < 1e-6
    row = codes[2, 7].tolist()
    expected = {
        "max": max(row),
        "mean": sum(row) / 8,
        "norm": sum(value * value for value in row) ** 0.5,
    }
    assert float(pooled[2, 7]) == pytest.approx(expected[head], rel=1e-5)
    with pytest.raises(ValueError, match=r"\(B, 16, 8\)"):
        network.pool(codes.flatten(1))


@both
def test_codes_do_not_depend_on_how_images_are_grouped(build: Callable[[], Network]) -> None:
    network, images = build(), noise(300)
    with torch.no_grad():
        pieces = torch.cat([network.encode(part) for part in images.split(100)])
        assert relative(network.encode(images), pieces) < 1e-6
        assert relative(network.encode(images), pieces.flip(0)) > 0.1
        assert network.encode(images[:0]).shape == (0, *network.encode(images[:1]).shape[1:])


@both
def test_every_learned_parameter_gets_a_gradient(build: Callable[[], Network]) -> None:
    network = build().train()
    network.zero_grad()
    nn.functional.cross_entropy(network(noise(16)), torch.arange(16) % 10).backward()
    gradients = {
        name: parameter.grad
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    # The bias before a batch norm cannot matter; there is none but the classifier's.
    without = [name for name, grad in gradients.items() if grad is None or not grad.any()]
    assert without == []


# --- symmetry under all rotations --------------------------------------------------------


def phases(degrees: float, top: int = 3) -> Tensor:
    """What a turn multiplies the frequencies 0, ..., `top` by."""
    return torch.exp(1j * math.radians(degrees) * torch.arange(top + 1))


@torch.no_grad()
def turn_error(network: SO2CNN, images: Tensor, degrees: float, sign: int = 1) -> float:
    """Relative error, if a counter-clockwise turn multiplies by the phases (sign 1)."""
    turned = (
        torch.rot90(images, int(degrees // 90), (-2, -1))
        if degrees % 90 == 0
        else rotate(images, degrees)
    )
    expected = network.frequencies(network.encode(images)) * phases(sign * degrees)
    return relative(network.frequencies(network.encode(turned)), expected)


@pytest.mark.parametrize("side", [28, 29])
def test_quarter_turns_are_exact_for_so2(side: int) -> None:
    network, images = make_so2(), noise(8, side=side)
    for degrees in (90.0, 180.0, 270.0):
        assert turn_error(network, images, degrees) < EXACT
    # The other direction is another statement, and a wrong one.
    assert turn_error(network, images, 90.0, sign=-1) > 0.05


def test_other_padding_or_a_relu_break_so2(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = make_so2(), noise(8)
    with monkeypatch.context() as patch:
        patch.setattr(networks, "centred_on_odd_grid", padded_on_two_sides)
        assert turn_error(network, images, 90.0) > 0.01
    gates = next(m for m in network.trunk.children() if hasattr(m, "gates"))
    gated = gates.forward

    def lopsided(features):  # type: ignore[no-untyped-def]
        return gated(
            type(features)(nn.functional.pad(features.tensor, (2, 0, 2, 0)), gates.in_type)
        )

    def rectified(features):  # type: ignore[no-untyped-def]
        out = gated(features)
        return type(out)(out.tensor.relu(), out.type)  # the entries of a pair, one by one

    for wrong in (lopsided, rectified):
        with monkeypatch.context() as patch:
            patch.setattr(gates, "forward", wrong)
            assert turn_error(network, images, 90.0) > 0.01, wrong.__name__
    assert turn_error(network, images, 90.0) < EXACT


@pytest.mark.parametrize("degrees", [22.5, 30.0, 45.0, 100.0, -60.0])
def test_direction_and_speed_of_every_frequency(degrees: float) -> None:
    """Turning a digit counter-clockwise by θ turns frequency f by f θ, at any angle."""
    digits = load_small().images[::125]
    network = make_so2()
    with torch.no_grad():
        codes = network.frequencies(network.encode(digits))
        turned = network.frequencies(network.encode(rotate(digits, degrees)))
    assert relative(turned, codes * phases(degrees)) < 0.3
    measured = (turned * codes.conj()).sum(dim=(0, 1))
    for f in range(4):
        # The angle between what was measured and what was promised, and each wrong promise.
        away = {
            g: abs(float((measured[f] * phases(-degrees * g, 1)[1]).angle())) for g in range(-4, 5)
        }
        assert min(away, key=away.__getitem__) == f
        assert away[f] < 0.1


def test_codes_and_frequencies_hold_the_same_numbers() -> None:
    network = make_so2()
    codes = torch.randn(5, 16, 7, generator=torch.Generator().manual_seed(0))
    z = network.frequencies(codes)
    assert z.shape == (5, 16, 4)
    row, numbers = codes[2, 7].tolist(), z[2, 7].tolist()
    assert numbers == [row[0], *(complex(row[2 * f - 1], row[2 * f]) for f in (1, 2, 3))]
    pooled = network.pool(codes)
    assert pooled.shape == (5, 64)
    expected = [row[0], *(abs(number) for number in numbers[1:])]
    assert pooled[2, 28:32].tolist() == pytest.approx(expected, rel=1e-5)
    for wrong in (codes.flatten(1), codes[..., :-1]):
        with pytest.raises(ValueError, match=r"\(B, 16, 7\)"):
            network.pool(wrong)
        with pytest.raises(ValueError, match=r"\(B, 16, 7\)"):
            network.frequencies(wrong)


def test_logits_for_so2_do_not_change_under_quarter_turns() -> None:
    network, images = make_so2(), noise(8)
    with torch.no_grad():
        turned = torch.rot90(images, 1, (-2, -1))
        assert relative(network(turned), network(images)) < EXACT
        codes, other = network.encode(images), network.encode(turned)
        assert relative(network.pool(other), network.pool(codes)) < EXACT
        assert relative(other[..., 1:], codes[..., 1:]) > 0.05


def test_pairs_are_divided_by_their_root_mean_square() -> None:
    """The batch norm of the pairs: what it divides by, what it remembers, what it leaves."""
    network = SO2CNN(SO2CNNConfig(widths=(2, 2, 2), max_frequency=2))
    gates = next(m for m in network.trunk.children() if hasattr(m, "gates"))
    generator = torch.Generator().manual_seed(0)
    channels = 5.0 * torch.randn(6, gates.in_type.size, 3, 3, generator=generator)
    channels[:, :4] = 0.0  # the gates: a sigmoid of 0 is one half
    features = enn.GeometricTensor(channels, gates.in_type)
    out = gates.train()(features).tensor[:, 2:].unflatten(1, (4, 2))
    assert out.square().mean(dim=(0, 2, 3, 4)).tolist() == pytest.approx([0.25] * 4, rel=1e-4)
    mean_square = channels[:, 6:].unflatten(1, (4, 2)).square().mean(dim=(0, 2, 3, 4))
    remembered = 0.9 * torch.ones(4) + 0.1 * mean_square
    assert gates.running_var.tolist() == pytest.approx(remembered.tolist(), rel=1e-5)
    with torch.no_grad():
        gates.eval()
        assert gates(features).tensor[:, 2:].square().mean() > 0.5  # it now uses what it remembers


@pytest.mark.parametrize("top", [1, 8])
def test_every_frequency_is_heard(top: int) -> None:
    network = make_so2(max_frequency=top, widths=(2, 2, 2), copies=3)
    with torch.no_grad():
        z = network.frequencies(network.encode(load_small().images[::500]))
    assert z.shape == (10, 3, top + 1)
    spread = z.abs().mean(dim=(0, 1))
    assert bool((spread > 1e-3 * spread.max()).all()), spread


def test_e2cnn_is_left_as_it_was() -> None:
    """The way around the missing `tostring` holds for copies of a network, and only there."""
    network = make_so2()
    twin = copy.deepcopy(network.train())  # in evaluation mode e2cnn's filters cannot be copied
    assert sum(1 for _ in twin.parameters()) == sum(1 for _ in network.parameters())
    theirs = R2ContinuousRotationsSolution
    group = gspaces.Rot2dOnR2(N=-1, maximum_frequency=3).fibergroup
    ours = HashableSolution(group, 1, 2)
    assert ours == HashableSolution(group, 1, 2)
    assert hash(ours) == hash(HashableSolution(group, 1, 2))
    assert hash(ours) != hash(HashableSolution(group, 2, 1))
    angles = np.linspace(0, 6, 7)[None]
    assert np.array_equal(ours.sample(angles), theirs(group, 1, 2).sample(angles))
    if hasattr(np.ndarray, "tostring"):  # before NumPy 2.3, which the lock does not take
        return
    # Should this begin to pass, NumPy or e2cnn has changed, and HashableSolution can go.
    with pytest.raises(AttributeError, match="tostring"):
        hash(theirs(group, 1, 2))


def test_a_short_training_learns_turned_digits() -> None:
    digits = load_small()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    turned = rotated(digits.take(order[:1500]), seed=1)
    torch.manual_seed(0)
    network = SO2CNN(SO2CNNConfig(widths=(2, 3, 4), copies=8)).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)

    @torch.no_grad()
    def accuracy() -> float:
        network.eval()
        found = network(turned.images[1100:]).argmax(dim=1) == turned.labels[1100:]
        network.train()
        return float(found.float().mean())

    assert accuracy() < 0.3
    for step in range(60):
        part = torch.arange(32) + 32 * step % 1088
        optimiser.zero_grad()
        logits = network(turned.images[part])
        nn.functional.cross_entropy(logits, turned.labels[part]).backward()
        optimiser.step()
    assert accuracy() > 0.7


# --- checkpoints -----------------------------------------------------------------------


@torch.no_grad()
def outputs(network: Network, mode: bool) -> Tensor:
    return network.train(mode)(noise(16, seed=9))


@both
@pytest.mark.parametrize("saved_in_training", [True, False])
@pytest.mark.parametrize("loaded_in_training", [True, False])
def test_checkpoints_are_exact_in_every_mode(
    build: Callable[[int], Network], saved_in_training: bool, loaded_in_training: bool
) -> None:
    source, target = build(0), build(7)
    source.train(saved_in_training)
    target.train(loaded_in_training)
    data = safetensors.torch.save(source.checkpoint_state())
    target.load_checkpoint_state(safetensors.torch.load(data))
    assert target.training is loaded_in_training
    assert all(module.training is loaded_in_training for module in target.modules())
    # In the mode it was loaded in, without a further switch of mode, then in both others.
    with torch.no_grad():
        images = noise(16, seed=9)
        source.train(loaded_in_training)
        assert torch.equal(target(images), source(images))
    for mode in (False, True, False):
        assert torch.equal(outputs(target, mode), outputs(source, mode))


@both
def test_training_goes_on_exactly_from_a_checkpoint(build: Callable[[int], Network]) -> None:
    source, target = build(0).train(), build(7)
    target.load_checkpoint_state(source.checkpoint_state())
    target.train()
    for network in (source, target):
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
        for step in range(2):
            optimiser.zero_grad()
            images, labels = noise(16, seed=step), torch.arange(16) % 10
            nn.functional.cross_entropy(network(images), labels).backward()
            optimiser.step()
    one, other = source.checkpoint_state(), target.checkpoint_state()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(outputs(target, False), outputs(source, False))


@both
def test_the_naive_way_leaves_stale_filters(build: Callable[[int], Network]) -> None:
    """The trap: a state of the training mode, loaded into the evaluation mode, does nothing."""
    source, naive, careful = build(0), build(7), build(7)
    expected = outputs(source, False)
    state = source.train().state_dict()
    naive.load_state_dict(state, strict=False)
    naive.eval()
    with torch.no_grad():
        wrong = naive(noise(16, seed=9))
        careful.load_checkpoint_state(source.checkpoint_state())
        right = careful(noise(16, seed=9))
    assert relative(wrong, expected) > 0.1
    assert torch.equal(right, expected)


@both
def test_the_state_holds_what_was_learned_and_nothing_else(build: Callable[[], Network]) -> None:
    network = build()
    state = network.checkpoint_state()
    endings = {name.rsplit(".", 1)[1] for name in state}
    assert endings == {
        "weights",
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    learned = {name for name, p in network.named_parameters() if p.requires_grad}
    assert learned <= set(state)
    in_training = network.train().checkpoint_state()
    assert set(in_training) == set(state)
    assert all(torch.equal(in_training[name], state[name]) for name in state)
    # A state is a copy: training on does not change it.
    before = {name: tensor.clone() for name, tensor in state.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(state[name], before[name]) for name in state)


@both
@pytest.mark.parametrize("mode", [True, False])
def test_a_state_that_does_not_fit_changes_nothing(
    build: Callable[..., Network], mode: bool
) -> None:
    network = build().train(mode)
    state, before = network.checkpoint_state(), outputs(network, False)
    network.train(mode)
    name = next(iter(state))
    bad_states = {
        "lacks": {key: value for key, value in state.items() if key != name},
        "unexpected": {**state, "trunk.1.filter": torch.zeros(1)},
        "has shape": {**state, name: torch.zeros(3)},
    }
    for words, bad in bad_states.items():
        with pytest.raises(ValueError, match=words):
            network.load_checkpoint_state(bad)
        assert network.training is mode
    with pytest.raises(ValueError, match="configuration"):
        network.load_checkpoint_state(build(copies=4).checkpoint_state())
    assert torch.equal(outputs(network, False), before)


# --- the same network in ordinary layers -------------------------------------------------


@pytest.mark.parametrize("order", [4, 8])
def test_plain_convolutions_compute_the_same_codes(order: int) -> None:
    torch.manual_seed(3)
    network = RotationCNN(RotationCNNConfig(group_order=order, widths=(2, 3, 4), copies=5))
    network(torch.rand(8, 1, 28, 28))  # in training mode: the statistics move off 0 and 1
    chance, modes = torch.get_rng_state(), [module.training for module in network.modules()]
    plain = plain_convolutions(network)
    assert network.training
    assert [module.training for module in network.modules()] == modes
    assert not any(module.training for module in plain.modules())
    assert torch.equal(torch.get_rng_state(), chance)
    assert not any(type(module).__module__.startswith("e2cnn") for module in plain.modules())
    network.eval()
    for side in (28, 29):
        images = torch.rand(6, 1, side, side)
        with torch.no_grad():
            assert_close(plain(images), network.encode(images), rtol=1e-5, atol=1e-6)
    before = plain(images).clone()
    with torch.no_grad():
        next(network.parameters()).add_(1.0)
    assert torch.equal(plain(images), before)


def test_plain_convolutions_refuse_another_network() -> None:
    with pytest.raises(TypeError, match="must be a RotationCNN, not Linear"):
        plain_convolutions(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
