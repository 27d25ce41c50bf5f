"""Lie groups that move points: axioms, logarithms against SciPy's, lifts that carry a place."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from utils.groups import Motions, Rotations, Similarities, Translations, Trivial

GROUPS = [Trivial(2), Translations(2), Rotations(), Similarities(), Motions()]
MOVING = GROUPS[1:]
names = [group.name for group in GROUPS]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def matrix(group, element) -> np.ndarray:
    """A 3 × 3 matrix from what the group does to three points: nothing of its algebra is used."""
    places = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    shift, first, second = group.act(element, places).numpy()
    found = np.eye(3)
    found[:2, 0], found[:2, 1], found[:2, 2] = first - shift, second - shift, shift
    return found


@pytest.mark.parametrize("group", GROUPS, ids=names)
def test_axioms(group):
    a, b, c = (group.random(40, generator=seeded(seed)) for seed in range(3))
    multiply, one = group.multiply, group.exp(torch.zeros(group.log_size, dtype=torch.float64))
    points = torch.randn(40, 2, generator=seeded(9), dtype=torch.float64)
    close = {"rtol": 1e-12, "atol": 1e-12}
    assert torch.allclose(multiply(multiply(a, b), c), multiply(a, multiply(b, c)), **close)
    assert torch.allclose(multiply(group.inverse(a), a), one.expand_as(a), **close)
    assert torch.allclose(multiply(one, a), a, **close)
    moved = group.act(multiply(a, b), points)
    assert torch.allclose(moved, group.act(a, group.act(b, points)), **close)
    assert torch.allclose(group.exp(group.log(a)), a, **close)


@pytest.mark.parametrize("group", MOVING, ids=names[1:])
def test_products_and_logarithms_are_those_of_matrices(group):
    a, b = (group.random(25, generator=seeded(seed)) for seed in (3, 4))
    found, product = group.log(a), group.multiply(a, b)
    for i in range(25):
        own = matrix(group, a[i])
        assert np.allclose(own @ matrix(group, b[i]), matrix(group, product[i]), atol=1e-12)
        expected = scipy.linalg.logm(own)
        numbers = {
            "T(2)": expected[:2, 2],
            "SO(2)": expected[1:2, 0],
            "R×SO(2)": expected[[0, 1], [0, 0]],
            "SE(2)": np.append(expected[1, 0], expected[:2, 2]),
        }[group.name]
        assert np.allclose(found[i].numpy(), numbers.real, atol=1e-9)


@pytest.mark.parametrize("group", GROUPS, ids=names)
def test_a_lift_carries_a_fixed_place_of_the_orbit_to_the_point(group):
    points = torch.randn(3, 7, 2, generator=seeded(), dtype=torch.float64)
    elements, orbits = group.lift(points, generator=seeded(1))
    start = {
        "trivial": orbits,
        "T(2)": torch.zeros_like(points),
        "SO(2)": torch.cat([orbits, torch.zeros_like(orbits)], -1),
        "R×SO(2)": torch.tensor([1.0, 0.0], dtype=torch.float64).expand_as(points),
        "SE(2)": torch.zeros_like(points),
    }[group.name]
    assert torch.allclose(group.act(elements, start), points, atol=1e-12)


@pytest.mark.parametrize("group", MOVING, ids=names[1:])
def test_what_is_read_of_a_pair_stays_when_both_move(group):
    u, v, g = (group.random(60, generator=seeded(seed)) for seed in (5, 6, 7))
    moved = group.relative(group.multiply(g, v), group.multiply(g, u))
    assert torch.allclose(moved, group.relative(v, u), atol=1e-12)
    assert torch.allclose(
        group.relative(v, u), group.read(group.multiply(group.inverse(v), u)), atol=1e-12
    )
    # The wrong side, u v^-1: no group that commutes notices.
    wrong = group.read(group.multiply(u, group.inverse(v)))
    far = group.read(group.multiply(group.multiply(g, u), group.inverse(group.multiply(g, v))))
    same = torch.allclose(wrong, far, atol=1e-12)
    assert same == (group.name != "SE(2)")


def test_pairs_have_u_first_and_v_second():
    points = torch.tensor([[0.0, 0.0], [3.0, 1.0], [5.0, 5.0]], dtype=torch.float64)
    pairs = Translations(2).pairs(points)
    assert pairs[1, 0].tolist() == [3.0, 1.0]
    assert pairs[2, 1].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("group_class", [Rotations, Similarities, Motions])
def test_the_logarithm_jumps_at_pi_and_the_entries_do_not(group_class):
    log, entries = group_class(), group_class(chart="entries")
    ends = torch.zeros(2, log.log_size, dtype=torch.float64)
    ends[:, log.angle] = torch.tensor([1.0, -1.0], dtype=torch.float64)
    ends[:, log.angle] *= math.pi - 1e-9
    if group_class is Motions:
        ends[:, 1:] = torch.tensor([[1.0, 2.0], [-1.0, -2.0]])
    above, below = log.exp(ends)
    assert torch.allclose(above, below, atol=1e-8)  # one element, but for 2e-9
    assert (log.read(above) - log.read(below)).abs().max() > 6
    assert torch.allclose(entries.read(above), entries.read(below), atol=1e-8)
    assert entries.read(above).shape == (entries.pair_size,)


def test_lifts_are_a_circle_of_equally_spaced_frames():
    points = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    elements, orbits = Motions(lifts=5).lift(points, generator=seeded(1))
    assert elements.shape == (20, 4)
    assert orbits.shape == (20, 0)
    frames = elements.reshape(4, 5, 4)
    assert torch.equal(frames[..., 2:], points[:, None].expand(4, 5, 2))
    angles = torch.atan2(frames[..., 1], frames[..., 0])
    steps = (angles.diff(dim=1) + 2 * math.pi) % (2 * math.pi)
    assert torch.allclose(steps, torch.full_like(steps, 2 * math.pi / 5))
    assert angles[:, 0].std() > 0.3  # each point draws its own
    fixed, _ = Motions(lifts=5, frames="fixed").lift(points)
    assert fixed.reshape(4, 5, 4)[:, 0, :2].tolist() == [[1.0, 0.0]] * 4


def test_frames_are_the_same_for_any_dtype_and_follow_the_generator():
    points = torch.randn(6, 2, generator=seeded())
    single, _ = Motions().lift(points, generator=seeded(1))
    double, _ = Motions().lift(points.double(), generator=seeded(1))
    other, _ = Motions().lift(points, generator=seeded(2))
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), double, atol=1e-6)
    assert not torch.allclose(single, other, atol=1e-2)


@pytest.mark.parametrize("group", MOVING, ids=names[1:])
def test_slopes_are_finite_and_right_near_the_identity(group):
    start = torch.full((group.log_size,), 1e-3, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(group.log_size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: group.log(group.exp(a)), (start,))
    slope = torch.autograd.functional.jacobian(lambda a: group.log(group.exp(a)), zero)
    assert torch.allclose(slope, torch.eye(group.log_size, dtype=torch.float64), atol=1e-12)


def test_second_slopes_are_right_at_the_identity():
    """A point and itself: torch.sinc has no second slope there, and a network is trained by it."""
    for angle in (0.0, 1e-12, 1e-4, 0.0499, 0.0501, 1.0, 3.0):
        place = torch.tensor([angle, 0.7, -0.4], dtype=torch.float64, requires_grad=True)
        group = Motions()
        assert torch.autograd.gradgradcheck(group.exp, (place,), atol=1e-5)
        element = group.exp(place).detach().requires_grad_()
        assert torch.autograd.gradgradcheck(group.log, (element,), atol=1e-5)
        h = torch.tensor(angle / 2, dtype=torch.float64)
        exact = torch.where(h == 0, 1.0, h / h.tan())
        velocity = group.log(torch.tensor([np.cos(angle), np.sin(angle), 1.0, 0.0]))[1]
        assert abs(float(velocity - exact)) < 1e-14


def test_what_cannot_be_lifted_is_said():
    origin = torch.zeros(1, 2)
    for group in (Rotations(), Similarities()):
        with pytest.raises(ValueError, match="no angle is its own"):
            group.lift(origin)
    with pytest.raises(ValueError, match="lifts points of shape"):
        Translations(2).lift(torch.zeros(4, 3))
    with pytest.raises(TypeError, match="float32 or float64"):
        Translations(2).lift(torch.zeros(4, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="The chart is one of"):
        Rotations(chart="sine")
    with pytest.raises(ValueError, match="number of lifts is at least 1"):
        Motions(lifts=0)
