"""Codes split into an invariant part and a pose, and learned actions: networks, tasks, measures."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.distributions import Normal, kl_divergence

from utils.data.mnist import rotate, turn_orbits
from utils.models.context_vae import ContextVAE, ContextVAEConfig, Posterior
from utils.models.group_invariant import (
    GroupInvariantAutoencoder,
    GroupInvariantConfig,
    turn_by_pose,
)
from utils.probes import (
    measure_context,
    measure_split,
    pose_angles,
    pose_jumps,
    predicted_orbits,
    read_codes,
)
from utils.training import Recipe
from utils.training.presets import find_preset
from utils.training.tasks.digit_context import DigitContext, DigitContextData
from utils.training.tasks.digit_split import DigitSplit, DigitSplitData
from utils.training.tasks.orbits import orbit_digits

RECIPE = Recipe(1, 10, 1e-3)


def split(sense: str = "right", seed: int = 0, **config: int) -> GroupInvariantAutoencoder:
    torch.manual_seed(seed)
    return GroupInvariantAutoencoder(GroupInvariantConfig(sense=sense, **config)).eval()


def blobs(number: int = 4, side: int = 14, seed: int = 0) -> torch.Tensor:
    """Smooth pictures with no symmetry, well inside the frame."""
    draw = torch.Generator().manual_seed(seed)
    axis = torch.arange(side) - (side - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    centres = 3.0 * torch.randn(number, 3, 2, generator=draw).clamp(-1.2, 1.2)
    spots = [
        torch.exp(-((x - c[:, :1, None]) ** 2 + (y - c[:, 1:, None]) ** 2) / 5)
        for c in centres.unbind(1)
    ]
    return (spots[0] + 0.7 * spots[1] + 0.4 * spots[2])[:, None].clamp(0, 1)


# ---------------------------------------------------------------- the explicit split


def encoded_by_loop(
    network: GroupInvariantAutoencoder, image: np.ndarray
) -> tuple[np.ndarray, complex]:
    """The invariant code and the vector of the pose, with SciPy's rotation and NumPy."""
    first, _, second = network.columns
    w1, b1, w2, b2 = (
        t.detach().double().numpy() for t in (first.weight, first.bias, second.weight, second.bias)
    )
    order, columns = network.config.order, []
    for r in range(order):
        back = ndimage.rotate(image, -360 * r / order, reshape=False, order=3)
        columns.append(w2 @ np.maximum(w1 @ back.ravel() + b1, 0) + b2)
    table = np.array(columns).T
    vector = sum(table[-1, r] * np.exp(2j * np.pi * r / order) for r in range(order))
    return table[:-1].max(1), vector


@pytest.mark.parametrize("order", [3, 8])
def test_the_code_is_what_a_loop_finds(order: int) -> None:
    network, images = split(order=order), blobs()
    code = network.encode(images)
    for b, image in enumerate(images[:, 0].double().numpy()):
        invariant, vector = encoded_by_loop(network, image)
        assert np.allclose(code.invariant[b].detach(), invariant, atol=1e-5)
        assert abs(complex(*code.pose[b].tolist()) - vector / abs(vector)) < 1e-3
        last = network.table(images)[b, -1].detach().numpy()
        share = 2 * abs(np.fft.fft(last)[1]) ** 2 / (order * (last**2).sum())
        assert code.strength[b].item() == pytest.approx(math.sqrt(share), rel=1e-3)


def test_quarter_turns_leave_the_code_and_turn_the_pose() -> None:
    network, images = split(), blobs()
    here, there = network.encode(images), network.encode(images.rot90(1, (2, 3)))
    assert torch.allclose(here.invariant, there.invariant, atol=1e-5)
    turned = torch.stack([-here.pose[:, 1], here.pose[:, 0]], 1)
    assert torch.allclose(there.pose, turned, atol=1e-3)
    flipped = network.encode(images.flip(3))  # a mirror is not in the group
    assert (flipped.invariant - here.invariant).abs().max() > 1e-2


def test_turns_by_45_degrees_are_followed_up_to_interpolation() -> None:
    network, images = split(), blobs()
    here, there = network.encode(images), network.encode(rotate(images, 45.0))
    assert (here.invariant - there.invariant).norm() < 0.05 * here.invariant.norm()
    drift = pose_angles(there.pose) - pose_angles(here.pose)
    drift = torch.atan2((drift - math.pi / 4).sin(), (drift - math.pi / 4).cos())
    assert drift.abs().median().rad2deg() < 5


@pytest.mark.parametrize("degrees", [30.0, 90.0, 200.0, 315.0])
def test_a_pose_turns_counter_clockwise_as_rotate_does(degrees: float) -> None:
    images = blobs()
    angle = math.radians(degrees)
    pose = torch.tensor([[math.cos(angle), math.sin(angle)]]).expand(len(images), 2)
    turned, wanted = turn_by_pose(images, pose), rotate(images, degrees)
    backwards = turn_by_pose(images, pose * torch.tensor([1.0, -1.0]))
    unit = wanted.norm()
    assert (turned - wanted).norm() < 0.15 * unit < 0.5 * (backwards - wanted).norm()


def test_only_the_right_sense_commutes_with_turns() -> None:
    images = blobs()
    turned = images.rot90(1, (2, 3))
    with torch.no_grad():
        for sense, quarters in (("right", 1), ("wrong", -1), ("none", 0)):
            network = split(sense)
            here, there = network(images), network(turned)
            assert torch.allclose(there, here.rot90(quarters, (2, 3)), atol=1e-4), sense
            error = (there - here.rot90(1, (2, 3))).norm() / here.norm()
            assert (error < 1e-3) == (sense == "right")


def test_a_picture_with_a_half_turn_symmetry_has_no_pose() -> None:
    images = blobs()
    code = split().encode((images + images.rot90(2, (2, 3))) / 2)
    assert code.strength.max() < 1e-4
    assert split().encode(images).strength.min() > 1e-3


def test_fading_into_the_half_turn_makes_the_pose_jump() -> None:
    images = blobs()
    ways = [torch.lerp(images, images.rot90(2, (2, 3)), t) for t in (0.499, 0.501)]
    before, after = (split().encode(way) for way in ways)
    assert (ways[0] - ways[1]).abs().max() < 0.01
    assert ((before.pose * after.pose).sum(1) < -0.9).all()
    assert (before.invariant - after.invariant).abs().max() < 0.01


def test_pose_jumps_are_large_where_the_pose_vanishes() -> None:
    network, images = split(), blobs()
    jumps, strengths = pose_jumps(network, images, 10.0)
    assert jumps.shape == strengths.shape == (4,)
    symmetric = (images + images.rot90(2, (2, 3))) / 2
    assert pose_jumps(network, symmetric, 10.0)[0].median() > 20 > jumps.min()
    with pytest.raises(ValueError, match="must divide 360"):
        pose_jumps(network, images, 7.0)


def test_measures_of_a_split_agree_with_a_loop() -> None:
    network, images = split(), blobs(6)
    orbits = turn_orbits(images, 16)
    found = measure_split(network, orbits)
    mean = orbits.mean((0, 1))
    variance = sum(((x - mean) ** 2).mean() for o in orbits for x in o) / 96
    code = network.encode(images)
    for k in (0, 3, 4):
        total = 0.0
        for b in range(6):
            angle = torch.atan2(code.pose[b, 1], code.pose[b, 0]) + 2 * math.pi * k / 16
            pose = torch.stack([angle.cos(), angle.sin()])[None]
            drawn = network.decode(code.invariant[b : b + 1], pose)
            total += ((drawn - orbits[b, k]) ** 2).mean().item() / 6
        assert found.render[k] == pytest.approx(total / variance.item(), rel=1e-4)
    codes = network.encode(orbits.flatten(0, 1)).invariant.detach().reshape(6, 16, -1).numpy()
    within = sum(((row - row.mean(0)) ** 2).sum() for row in codes)
    assert found.share == pytest.approx(
        within / ((codes - codes.mean((0, 1))) ** 2).sum(), rel=1e-4
    )
    assert found.share_grid < found.share
    with pytest.raises(ValueError, match="multiple of 8"):
        measure_split(network, turn_orbits(images, 12))


def test_wrong_sense_shows_in_the_pictures_and_nowhere_else() -> None:
    orbits = turn_orbits(blobs(6), 16)
    right, wrong = (measure_split(split(sense), orbits) for sense in ("right", "wrong"))
    assert right.render[0] != wrong.render[0]
    for name in ("pose_error", "strength", "share_grid", "share", "pose_lost"):
        assert getattr(right, name) == getattr(wrong, name)


def test_bad_input_is_refused() -> None:
    network = split()
    with pytest.raises(ValueError, match="shape"):
        network.encode(torch.zeros(2, 1, 28, 28))
    with pytest.raises(ValueError, match=r"\(B, 32\)"):
        network.canonical(torch.zeros(2, 31))
    with pytest.raises(ValueError, match="pose"):
        turn_by_pose(blobs(), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="sense"):
        GroupInvariantConfig(sense="left")
    with pytest.raises(ValueError, match="at least 3"):
        GroupInvariantConfig(order=2)


@pytest.mark.parametrize("config", [GroupInvariantConfig("wrong", rows=5), ContextVAEConfig(8)])
def test_configurations_survive_json(config: GroupInvariantConfig | ContextVAEConfig) -> None:
    assert type(config).from_dict(config.to_dict()) == config


# ---------------------------------------------------------------- a learned action


class TrueAction(ContextVAE):
    """Its codes are an angle and a class, and its action is one."""

    def encode(self, images: torch.Tensor) -> Posterior:
        code = split().encode(images)
        mean = torch.cat([code.pose, code.invariant[:, :14]], 1)
        return Posterior(mean, torch.zeros_like(mean))

    def act(self, z: torch.Tensor, degrees: torch.Tensor | float) -> Posterior:
        angle = torch.as_tensor(degrees).deg2rad().expand(len(z))
        cosine, sine = angle.cos(), angle.sin()
        first = cosine * z[:, 0] - sine * z[:, 1]
        second = sine * z[:, 0] + cosine * z[:, 1]
        mean = torch.cat([torch.stack([first, second], 1), z[:, 2:]], 1)
        return Posterior(mean, torch.zeros_like(mean))


class HalfAction(TrueAction):
    """Turns by half of what it is told."""

    def act(self, z: torch.Tensor, degrees: torch.Tensor | float) -> Posterior:
        return super().act(z, torch.as_tensor(degrees) / 2)


def test_an_action_has_no_errors_and_a_broken_one_has() -> None:
    orbits = turn_orbits(blobs(6), 16)[:, ::4]
    torch.manual_seed(0)
    true = measure_context(TrueAction().eval(), orbits)
    broken = measure_context(HalfAction().eval(), orbits)
    assert max(true.action_error, true.return_error, true.identity_error) < 1e-6
    assert broken.identity_error < 1e-6 < 1e-2 < min(broken.action_error, broken.return_error)
    assert true.predicted_share < 1e-6 < true.share


def test_the_predicted_orbit_rolls_when_the_picture_is_turned() -> None:
    torch.manual_seed(0)
    network, images = TrueAction().eval(), blobs()
    tables = [
        predicted_orbits(network, network.encode(x).mean, 4)
        for x in (images, images.rot90(1, (2, 3)))
    ]
    assert torch.allclose(tables[1], tables[0].roll(1, 2), atol=1e-3)
    assert not torch.allclose(tables[1], tables[0].roll(-1, 2), atol=1e-1)


def test_the_context_network_knows_full_turns_and_refuses_bad_codes() -> None:
    network = ContextVAE().eval()
    z = torch.randn(3, 16)
    assert torch.allclose(network.act(z, 30.0).mean, network.act(z, 390.0).mean, atol=1e-4)
    angles = torch.tensor([0.0, 90.0, 45.0])
    each = torch.cat([network.act(z[i : i + 1], float(a)).mean for i, a in enumerate(angles)])
    assert torch.allclose(network.act(z, angles).mean, each, atol=1e-5)
    with pytest.raises(ValueError, match=r"\(B, 16\)"):
        network.act(torch.zeros(3, 15), 0.0)


@pytest.mark.parametrize("auxiliary", ["plain", "divergence", "decoding"])
def test_the_loss_is_what_torch_distributions_say(auxiliary: str) -> None:
    task = DigitContext("x", RECIPE, auxiliary=auxiliary, beta=0.5, weight=0.7)
    torch.manual_seed(1)
    network = ContextVAE()
    images, degrees = blobs(5), torch.tensor([0.0, 22.5, 90.0, 180.0, 300.0])
    turned = torch.stack(
        [rotate(x[None], float(a))[0] for x, a in zip(images, degrees, strict=True)]
    ).clamp(0)
    torch.manual_seed(2)
    found = network(images, turned, degrees)
    torch.manual_seed(2)
    loss = task.loss(network, (images, turned, degrees), 0.0)

    def normal(p: Posterior) -> Normal:
        return Normal(p.mean, (p.log_variance / 2).exp())

    def ink(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        p = torch.sigmoid(logits)
        return -(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)

    unit = Normal(torch.zeros(5, 16), torch.ones(5, 16))
    total = sum(
        ink(x, logits) + 0.5 * kl_divergence(normal(q), unit).sum(1)
        for x, logits, q in ((images, found.logits, found.here),
                             (turned, found.turned_logits, found.there))
    ) / 2  # fmt: skip
    if auxiliary == "divergence":
        total += 0.7 * kl_divergence(normal(found.there), normal(found.predicted)).sum(1)
    if auxiliary == "decoding":
        total += 0.7 * ink(turned, found.predicted_logits)
    assert loss.item() == pytest.approx(total.mean().item(), rel=1e-4)


# ---------------------------------------------------------------- tasks


def test_training_pictures_are_turned_as_they_say() -> None:
    parts = orbit_digits(40, "small")
    rows = torch.tensor([3, 17, 39])
    (images,) = DigitSplitData(parts, seed=0).training_batch(rows, 2)
    for image, row in zip(images, rows, strict=True):
        assert any(torch.equal(image, pose) for pose in parts.train.images[row])
    first, turned, degrees = DigitContextData(parts, seed=0).training_batch(rows, 2)
    exact = torch.stack([rotate(x[None], float(a))[0] for x, a in zip(first, degrees, strict=True)])
    quarters = degrees % 90 == 0
    assert torch.allclose(turned[quarters], exact[quarters], atol=1e-5)
    data = DigitContextData(parts, seed=0)
    whole = data.training_batch(torch.arange(40), 2)
    assert torch.equal(whole[0][rows], first)  # whatever else is in the batch
    assert not torch.equal(data.training_batch(rows, 3)[0], first)


def test_parts_share_no_digit_and_sizes_are_checked() -> None:
    parts = orbit_digits(3_500, "small")
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [3500, 500, 1000]
    mass = torch.cat([p.images.sum((1, 2, 3, 4)) for p in (parts.train, parts.test)])
    assert len(mass.unique()) > 4_450
    with pytest.raises(ValueError, match="too large"):
        orbit_digits(3_501, "small")
    with pytest.raises(ValueError, match="training_size"):
        DigitSplit("x", RECIPE, training_size=0)
    with pytest.raises(ValueError, match="beta"):
        DigitContext("x", RECIPE, beta=-1.0)
    with pytest.raises(ValueError, match="source"):
        DigitSplit("x", RECIPE, source="all")


def test_metrics_of_a_task_agree_with_the_measures() -> None:
    task = DigitSplit("x", RECIPE, training_size=10, source="small")
    data, network = task.load_data(), split()
    batch = data.evaluation("test")
    with torch.no_grad():
        found = task.metrics(network, batch)
    measured = measure_split(network, data.digits.test.images)
    assert found["error"].mean().item() == pytest.approx(measured.render[0], rel=1e-4)
    assert found["rendering"].mean().item() == pytest.approx(measured.render[4], rel=1e-4)


def test_a_short_training_prefers_the_right_sense() -> None:
    """Smooth pictures at random angles: the pose has somewhere to go, or it has not."""
    images = blobs(300)
    orbits = turn_orbits(images, 16).clamp(0)
    errors = {}
    for sense in ("right", "wrong", "none"):
        network = split(sense, rows=8, width=32).train()
        optimiser = torch.optim.Adam(network.parameters(), 5e-3)
        draw = torch.Generator().manual_seed(0)
        for _ in range(250):
            rows = torch.randint(300, (64,), generator=draw)
            poses = torch.randint(16, (64,), generator=draw)
            batch = orbits[rows, poses]
            loss = (network(batch) - batch).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        errors[sense] = measure_split(network.eval(), orbits).render[0]
    assert errors["right"] < 0.75 * min(errors["wrong"], errors["none"])


def test_readings_find_classes_where_they_are() -> None:
    labels = torch.arange(400) % 10
    codes = torch.nn.functional.one_hot(labels, 10).float()
    noise = torch.rand(400, 10, generator=torch.Generator().manual_seed(0))
    right = read_codes(codes, labels, codes, labels)
    chance = read_codes(noise, labels, noise.flip(0), labels)
    assert dataclasses.astuple(right) == (1.0, 1.0, 1.0)
    assert max(chance.few, chance.many) < 0.3


@pytest.mark.parametrize("experiment", ["digit-split", "digit-context", "molecule-split"])
def test_presets_make_tasks_that_json_can_hold(experiment: str) -> None:
    preset = find_preset(experiment, "smoke")
    assert preset.summary.startswith(("200", "500"))
