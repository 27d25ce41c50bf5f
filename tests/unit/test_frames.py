"""Poses of clouds: invariant to rotations, right-handed, and where they tear."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from utils.data.qm9 import load_clouds, ring_cloud
from utils.groups import random_rotations
from utils.probes import POSES, displaced, pose_waves, relative_changes, spread_of
from utils.quotient import (
    axis_frames,
    canonical_rotations,
    frame_average,
    pair_frames,
    principal_axes,
)

GENERATOR = torch.Generator().manual_seed(0)
POINTS = torch.randn(20, 7, 3, generator=GENERATOR, dtype=torch.float64)
EXISTS = torch.arange(7) < torch.randint(4, 8, (20, 1), generator=GENERATOR)
TURNS = random_rotations(20, generator=GENERATOR)
SHIFTS = torch.randn(20, 1, 3, generator=GENERATOR, dtype=torch.float64)
FRAMES: dict[str, Callable[..., Any]] = {
    "canonical": lambda x, e=None: (canonical_rotations(x, e)[:, None], None),
    "axes": axis_frames,
    "pairs": pair_frames,
}


def phi(points: torch.Tensor) -> torch.Tensor:
    """A smooth function without any symmetry but the order of points."""
    waves = torch.linspace(-1, 1.3, 15, dtype=torch.float64).reshape(3, 5).to(points)
    return (points @ waves).sin().pow(2).sum(1)


def shown_phi(points: torch.Tensor) -> torch.Tensor:
    return phi(points * EXISTS[..., None])


# ---------------------------------------------------------------- each frame


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_rotations_and_their_average_is_invariant(name: str) -> None:
    rotations, weights = FRAMES[name](POINTS, EXISTS)
    identity = torch.eye(3, dtype=torch.float64)
    assert torch.allclose(rotations @ rotations.mT, identity.expand_as(rotations), atol=1e-12)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(rotations.shape[:2]).double())
    before = frame_average(shown_phi, POINTS, rotations, weights, EXISTS)
    moved = POINTS @ TURNS.mT + SHIFTS
    after = frame_average(shown_phi, moved, *FRAMES[name](moved, EXISTS), EXISTS)
    assert torch.allclose(before, after, atol=1e-10)
    # The control: one rotation for all is no pose of the cloud's own.
    fixed = TURNS[:1, None].expand(20, 1, 3, 3)
    wrong = [frame_average(shown_phi, x, fixed, exists=EXISTS) for x in (POINTS, moved)]
    assert not torch.allclose(*wrong, atol=1e-2)


@pytest.mark.parametrize("name", FRAMES)
def test_mirror_images_are_told_apart(name: str) -> None:
    mirrored = POINTS * torch.tensor([1.0, 1.0, -1.0])
    found, image = (
        frame_average(lambda x: x.prod(2).sum(1), x, *FRAMES[name](x)) for x in (POINTS, mirrored)
    )
    assert torch.allclose(found, -image)
    assert float(found.abs().max()) > 0.1


@pytest.mark.parametrize("name", FRAMES)
def test_empty_slots_and_their_content_do_not_matter(name: str) -> None:
    junk = torch.where(EXISTS[..., None], POINTS, 99.0)
    for a, b in zip(FRAMES[name](POINTS, EXISTS), FRAMES[name](junk, EXISTS), strict=True):
        assert a is b is None or torch.equal(a, b)
    alone = POINTS[3:4, EXISTS[3]]
    whole = frame_average(shown_phi, POINTS, *FRAMES[name](POINTS, EXISTS), EXISTS)[3]
    assert torch.allclose(frame_average(phi, alone, *FRAMES[name](alone))[0], whole, atol=1e-10)


def test_the_canonical_pose_again_in_numpy() -> None:
    """By singular values instead of eigenvalues, and the signs by hand."""
    found = canonical_rotations(POINTS)
    for cloud, rotation in zip(POINTS.numpy(), found.numpy(), strict=True):
        centred = cloud - cloud.mean(0)
        axes = np.linalg.svd(centred)[2]
        axes[:2] *= np.sign(((centred @ axes.T) ** 3).sum(0))[:2, None]
        axes[2] = np.cross(axes[0], axes[1])
        assert np.allclose(rotation, axes, atol=1e-9)


def test_frames_are_the_right_handed_signs_of_the_axes() -> None:
    rotations, weights = axis_frames(POINTS)
    axes = principal_axes(POINTS).axes
    for row in range(3):
        expected = [
            np.diag(signs) @ axes[row].numpy() for signs in itertools.product((1, -1), repeat=3)
        ]
        expected = [matrix for matrix in expected if np.linalg.det(matrix) > 0]
        for matrix in expected:
            assert any(np.allclose(matrix, found) for found in rotations[row].numpy())
        assert len(expected) == 4 == len(rotations[row])
    assert torch.allclose(weights.sum(1), torch.ones(20).double())


def test_pair_frames_again_by_scipy() -> None:
    rotations, weights = pair_frames(POINTS[:2])
    for row in range(2):
        centred = (POINTS[row] - POINTS[row].mean(0)).numpy()
        areas = []
        for k, (i, j) in enumerate(itertools.permutations(range(7), 2)):
            # It takes x_i to the x axis, and x_j to the half of the xy plane above it.
            turn = Rotation.from_matrix(rotations[row, k].numpy())
            first, second = turn.apply(centred[i]), turn.apply(centred[j])
            assert np.allclose(first, [np.linalg.norm(centred[i]), 0, 0], atol=1e-9)
            assert abs(second[2]) < 1e-9 < second[1]
            areas.append(np.linalg.norm(np.cross(centred[i], centred[j])) ** 2)
        assert np.allclose(weights[row].numpy(), np.array(areas) / sum(areas))


def test_average_over_many_turns_agrees_in_what_no_frame_decides() -> None:
    """What is invariant already is left as it is by every frame."""
    for frame in FRAMES.values():
        found = frame_average(lambda x: x.square().sum((1, 2)), POINTS, *frame(POINTS))
        expected = (POINTS - POINTS.mean(1, keepdim=True)).square().sum((1, 2))
        assert torch.allclose(found, expected)


def test_arguments_stay_and_type_is_kept() -> None:
    single = POINTS.float()
    before = single.clone()
    for frame in FRAMES.values():
        rotations, weights = frame(single)
        assert rotations.dtype == torch.float32
        assert frame_average(phi, single, rotations, weights).dtype == torch.float32
    assert torch.equal(before, single)


def test_bad_input_is_refused() -> None:
    line = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [3, 0, 0]]])
    with pytest.raises(ValueError, match="lie on a line"):
        pair_frames(torch.cat([torch.randn(1, 3, 3), line]))
    with pytest.raises(ValueError, match="power"):
        pair_frames(POINTS, power=0)
    with pytest.raises(ValueError, match="shape"):
        principal_axes(POINTS[0])
    with pytest.raises(ValueError, match="NaN"):
        canonical_rotations(POINTS * torch.nan)
    with pytest.raises(ValueError, match="mask"):
        axis_frames(POINTS, EXISTS[:3])
    with pytest.raises(ValueError, match="at least one point"):
        axis_frames(POINTS, EXISTS & False)
    with pytest.raises(ValueError, match="rotations must have shape"):
        frame_average(phi, POINTS, TURNS[:3])
    with pytest.raises(ValueError, match="weights must have shape"):
        frame_average(phi, POINTS, TURNS, torch.ones(20, 2).double())
    with pytest.raises(ValueError, match="pose"):
        pose_waves("upright")


# ---------------------------------------------------------------- tears

MOLECULES = load_clouds("test", number=600).double()


def jump(pose: str, angle: float = 0.0, size: float = 1e-8) -> float:
    """How far a step across the crossing of two moments moves the waves of a pose."""
    ring = ring_cloud(torch.tensor([-size, size]), angle=angle)
    before, after = pose_waves(pose)(ring)
    return float((after - before).norm()) / spread_of(pose_waves(pose)(MOLECULES[:60].heavy()))


def test_the_ring_is_torn_by_axes_and_not_by_weights() -> None:
    for angle in (0.0, 0.3):
        assert jump("as given", angle) < 1e-6
        assert jump("weighted", angle) < 1e-6
        assert min(jump("canonical", angle), jump("frame", angle)) > 0.1


def test_the_tear_does_not_close_and_a_steep_slope_would() -> None:
    """The control of the test before: away from the crossing the same step is harmless."""
    sizes = (1e-4, 1e-6, 1e-8)
    assert all(jump("frame", 0.3, size) > 0.1 for size in sizes)
    assert [jump("weighted", 0.3, size) < 100 * size for size in sizes] == [True] * 3
    ring = ring_cloud(torch.tensor([0.05, 0.05 + 1e-8]))
    before, after = pose_waves("frame")(ring)
    assert float((after - before).norm()) < 1e-5


def test_molecules_of_qm9_are_torn_by_one_pose_and_not_by_four() -> None:
    poses = {pose: pose_waves(pose) for pose in POSES[:3]}
    changes = relative_changes(poses, MOLECULES, 1e-3)
    assert float(changes["as given"].max()) < 5e-3
    assert float(changes["canonical"].max()) > 0.1
    assert float(changes["frame"].max()) < 0.1 * float(changes["canonical"].max())
    assert float(changes["canonical"].median()) < 5e-3  # most molecules notice nothing


def test_invariance_is_blind_to_it() -> None:
    turned = MOLECULES[:50].heavy().turned_in_place(random_rotations(50, generator=GENERATOR))
    for pose in POSES:
        before, after = (pose_waves(pose)(c) for c in (MOLECULES[:50].heavy(), turned))
        error = float((after - before).norm(dim=1).median()) / spread_of(before)
        assert error > 0.1 if pose == "as given" else error < 1e-10


def test_gaps_are_those_of_the_moments() -> None:
    found = principal_axes(ring_cloud(torch.tensor([0.0, 0.1])).positions)
    assert float(found.gaps[0]) < 1e-12
    high, low = 1.1**2, 0.9**2
    assert float(found.gaps[1]) == pytest.approx((high - low) / high)
    everything = load_clouds().double()
    gaps = principal_axes(everything.positions, everything.exists).gaps
    assert 0.003 < float((gaps < 0.01).double().mean()) < 0.012
    assert 0.05 < float((gaps < 0.05).double().mean()) < 0.1


def test_displacements_have_the_size_that_was_asked_for() -> None:
    moved = displaced(MOLECULES, 0.1, seed=3)
    step = moved.positions - MOLECULES.positions
    assert torch.allclose(step.flatten(1).norm(dim=1), torch.full((600,), 0.1).double())
    assert bool((step[~MOLECULES.exists] == 0).all())
    assert torch.equal(moved.positions, displaced(MOLECULES, 0.1, seed=3).positions)
