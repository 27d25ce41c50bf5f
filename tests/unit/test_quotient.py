"""The quotient metric against brute force written here, and its laws."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import itertools
import math
import types
import typing
import weakref
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from utils import groups, quotient
from utils.groups import (
    Action,
    CyclicShifts,
    Group,
    PointPermutations,
    Representation,
    SetAction,
    cyclic,
    dihedral,
    direct_product,
    irreps,
    permutation_representation,
    regular_representation,
    symmetric,
)
from utils.quotient import (
    NodePermutations,
    align,
    distances,
    nearest,
    orbit,
    pairwise,
    quotient_distance,
    quotient_distance_matrix,
    quotient_geodesic,
)
from utils.quotient._norms import all_distances


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


class SignFlips(Action):
    """A reader's group without a table: all changes of signs on R^d."""

    is_isometric = True

    def __init__(self, d: int) -> None:
        self.group = Group(f"C_2^{d}", 2**d)
        self.d = d

    def elements(self):
        return (torch.tensor(s) for s in itertools.product((1.0, -1.0), repeat=self.d))

    def act(self, elements, x):
        self.check(x)
        return x * elements

    def check(self, x):
        if x.ndim != 2 or x.shape[1] != self.d:
            raise ValueError(f"Signs of {self.d} entries do not fit {tuple(x.shape)}.")


class QuarterTurns(Action):
    """A reader's group with a table: the turns of square pictures."""

    group, is_isometric = cyclic(4), True

    def act(self, elements, x):
        numbers = self.check_numbers(elements, x)
        turned = torch.stack([x.rot90(k, (1, 2)) for k in range(4)])
        return turned[numbers, torch.arange(len(x))]

    def check(self, x):
        if x.ndim != 3 or x.shape[1] != x.shape[2]:
            raise ValueError(f"Quarter turns need square pictures, not {tuple(x.shape)}.")


def copies_by_hand(y: np.ndarray, action) -> list[np.ndarray]:
    """List the orbit of one code, in NumPy and without the room under test."""
    if isinstance(action, CyclicShifts):
        return [np.roll(y, r, axis=-1) for r in range(action.degree)]
    if isinstance(action, PointPermutations):
        return [y[list(p)] for p in itertools.permutations(range(action.degree))]
    if isinstance(action, SignFlips):
        return [y * s for s in itertools.product((1, -1), repeat=action.d)]
    if isinstance(action, QuarterTurns):
        return [np.rot90(y, k) for k in range(4)]
    return [y @ matrix.T for matrix in action.matrices]


def distance_by_hand(x: torch.Tensor, y: torch.Tensor, action) -> np.ndarray:
    """All-pairs quotient distance by a loop over pairs and group elements."""
    return np.array(
        [
            [min(np.linalg.norm(a - c) for c in copies_by_hand(b, action)) for b in y.numpy()]
            for a in x.numpy()
        ]
    )


D4 = irreps(dihedral(4))[-1]
PLANE = irreps(cyclic(5))[-1]
CASES = [
    (CyclicShifts(1), (3, 1)),
    (CyclicShifts(2), (1, 2)),
    (CyclicShifts(3), (4, 3)),
    (CyclicShifts(8), (2, 8)),
    (CyclicShifts(8), (8,)),
    (CyclicShifts(6), (2, 3, 6)),
    (CyclicShifts(17), (2, 17)),
    (PointPermutations(1), (1,)),
    (PointPermutations(4), (4,)),
    (PointPermutations(1), (1, 3)),
    (PointPermutations(4), (4, 1)),
    (PointPermutations(4), (4, 3)),
    (regular_representation(dihedral(3)), (6,)),
    (regular_representation(dihedral(3)), (2, 6)),
    (D4, (2,)),
    (permutation_representation(symmetric(4)), (2, 4)),
    (PLANE, (3, 2)),
    (CyclicShifts(17), (17,)),
    (CyclicShifts(16), (2, 3, 16)),
    (SignFlips(3), (3,)),
    (QuarterTurns(), (3, 3)),
]


def label(case) -> str:
    action, shape = case
    return f"{action.name}-{'x'.join(map(str, shape))}".replace(" ", "_")


every_case = pytest.mark.parametrize(("action", "shape"), CASES, ids=[label(c) for c in CASES])


# --------------------------------------------------------------------------------------------
# Distances
# --------------------------------------------------------------------------------------------


@every_case
def test_all_pairs_against_brute_force(action, shape):
    x, y = draw(7, *shape), draw(5, *shape, seed=1)
    found = quotient_distance_matrix(x, y, action)
    assert found.shape == (7, 5)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), distance_by_hand(x, y, action), rtol=1e-10)


@every_case
def test_pairs_against_brute_force(action, shape):
    x, y = draw(6, *shape), draw(6, *shape, seed=1)
    found = quotient_distance(x, y, action)
    assert found.shape == (6,)
    exact = distance_by_hand(x, y, action)
    np.testing.assert_allclose(found.numpy(), exact.diagonal(), rtol=1e-10)
    np.testing.assert_allclose(quotient_distance(x[:1], y, action).numpy(), exact[0], rtol=1e-10)
    one = quotient_distance(x, y[2:3], action)
    np.testing.assert_allclose(one.numpy(), exact[:, 2], rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3, 8, 15, 16, 17])
@pytest.mark.parametrize("method", ["auto", "matmul", "fft"])
def test_both_forms_of_the_correlation(order, method):
    action = CyclicShifts(order)
    x, y = draw(9, 3, order), draw(4, 3, order, seed=1)
    found = quotient_distance_matrix(x, y, action, method=method)
    np.testing.assert_allclose(found.numpy(), distance_by_hand(x, y, action), rtol=1e-10)


@pytest.mark.parametrize(("order", "same", "other"), [(7, "matmul", "fft"), (8, "fft", "matmul")])
def test_the_automatic_choice(order, same, other):
    """The two forms differ in their last digits, which give the chosen one away."""
    x, y, action = draw(9, 3, order), draw(8, 3, order, seed=1), CyclicShifts(order)
    found = quotient_distance_matrix(x, y, action)
    assert torch.equal(found, quotient_distance_matrix(x, y, action, method=same))
    assert not torch.equal(found, quotient_distance_matrix(x, y, action, method=other))


@pytest.mark.parametrize("method", ["matmul", "fft"])
@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 3e-3, 1e-2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_distances_keep_their_digits(method, distance, dtype):
    """One code is a shifted copy of the other plus a step of known length."""
    action, x = CyclicShifts(8), draw(3, 2, 8).to(dtype)
    step = draw(3, 2, 8, seed=1)
    step *= distance / step.flatten(1).norm(dim=1)[:, None, None]
    y = (torch.roll(x.double(), 3, -1) + step).to(dtype)
    exact = distance_by_hand(x.double(), y.double(), action)
    found = quotient_distance_matrix(x, y, action, method=method)
    paired = quotient_distance(x, y, action)
    assert found.dtype == paired.dtype == dtype
    tolerance = 2e-7 if dtype == torch.float32 else 1e-10
    np.testing.assert_allclose(found.numpy(), exact, rtol=tolerance)
    np.testing.assert_allclose(paired.numpy(), exact.diagonal(), rtol=tolerance)


class WatchedShifts(CyclicShifts):
    """Shifts that note which pairs are compared directly."""

    seen: typing.ClassVar[list] = []


@nearest.register
def _(action: WatchedShifts, x: torch.Tensor, y: torch.Tensor):
    action.seen.append((x, y))
    return nearest(CyclicShifts(action.degree), x, y)


def test_the_second_look_is_at_close_pairs_only():
    WatchedShifts.seen.clear()
    x, y = draw(6, 2, 8), draw(5, 2, 8, seed=1)
    y[3] = torch.roll(x[2], 3, -1) + 1e-4 * y[3]
    found = quotient_distance_matrix(x, y, WatchedShifts(8))
    ((first, second),) = WatchedShifts.seen
    assert torch.equal(first, x[2:3])
    assert torch.equal(second, y[3:4])
    assert torch.equal(found, quotient_distance_matrix(x, y, CyclicShifts(8)))


def test_without_the_second_look_small_distances_are_lost():
    """The control for the test above: the formula that cancels."""
    x = draw(3, 2, 8)
    y = torch.roll(x, 3, -1) + 1e-9
    exact = distance_by_hand(x, y, CyclicShifts(8)).diagonal()
    products = torch.stack([(x * torch.roll(y, r, -1)).sum((1, 2)) for r in range(8)]).amax(0)
    squared = x.square().sum((1, 2)) + y.square().sum((1, 2)) - 2 * products
    assert not np.allclose(squared.clamp(min=0).sqrt().numpy(), exact, rtol=1e-3, atol=0)
    found = quotient_distance_matrix(x, y, CyclicShifts(8)).diagonal().numpy()
    np.testing.assert_allclose(found, exact, rtol=1e-6)


@every_case
def test_single_precision_is_computed_in_double_and_rounded_once(action, shape):
    """The nearest float32 to the exact distance: sums and rotations in float32 miss it."""
    x, y = draw(20, *shape).float(), draw(20, *shape, seed=1).float()
    exact = torch.from_numpy(distance_by_hand(x.double(), y.double(), action)).float()
    assert torch.equal(quotient_distance(x, y, action), exact.diagonal())
    assert torch.equal(align(y, x, action).distance, exact.diagonal())
    assert torch.equal(quotient_distance_matrix(x, y, action), exact)


@every_case
def test_gradients_point_from_the_nearest_copy(action, shape):
    x, y = draw(5, *shape).requires_grad_(), draw(5, *shape, seed=1)
    distance = quotient_distance(x, y, action)
    distance.sum().backward()
    away = (x.detach() - align(y, x.detach(), action).aligned).flatten(1)
    assert x.grad is not None
    expected = away / distance.detach()[:, None]
    assert torch.allclose(x.grad.flatten(1), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["matmul", "fft"])
def test_gradients_of_all_pairs_are_those_of_single_pairs(method):
    """Also of pairs so close that their distance is computed a second time."""
    action, y = CyclicShifts(8), draw(4, 2, 8, seed=1)
    gradients = []
    for matrix in (True, False):
        x = draw(3, 2, 8).requires_grad_()
        near = torch.cat([torch.roll(x.detach()[:1], 3, -1) + 1e-6, y])
        if matrix:
            found = quotient_distance_matrix(x, near, action, method=method)
        else:
            found = torch.stack([quotient_distance(one[None], near, action) for one in x])
        found.sum().backward()
        gradients.append(x.grad)
    assert torch.allclose(*gradients, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("action", "shape"), [CASES[8], CASES[11]], ids=["numbers", "points"])
def test_small_distances_between_sets(action, shape):
    x = draw(3, *shape)
    moved = action.act(torch.tensor([2, 0, 3, 1]), x)
    assert quotient_distance(x, moved, action).max() == 0
    y = moved + 1e-10 * draw(3, *shape, seed=1)
    found = quotient_distance(x, y, action).numpy()
    np.testing.assert_allclose(found, distance_by_hand(x, y, action).diagonal(), rtol=1e-12)


def test_the_plain_distance_is_not_the_quotient_distance():
    """The control: what a careless reader would compute fails the comparison."""
    x, y = draw(5, 2, 8), draw(5, 2, 8, seed=1)
    plain = torch.cdist(x.flatten(1), y.flatten(1)).numpy()
    exact = distance_by_hand(x, y, CyclicShifts(8))
    assert (plain >= exact - 1e-12).all()
    assert (plain > exact + 0.1).any()


@pytest.mark.parametrize(
    ("action", "shape"),
    [
        (CyclicShifts(8), (4, 8)),
        (CyclicShifts(16), (4, 16)),
        (PointPermutations(3), (3, 2)),
        (PointPermutations(5), (5,)),
        (regular_representation(cyclic(4)), (2, 4)),
    ],
)
def test_blocks_do_not_change_distances(action, shape):
    x, y = draw(150, *shape), draw(130, *shape, seed=1)
    y[:100] = x[:100]
    whole = quotient_distance_matrix(x, y, action)
    pieces = quotient_distance_matrix(x, y, action, max_bytes=2**20)
    assert torch.allclose(whole, pieces, rtol=1e-12, atol=0)
    assert whole.diagonal()[:100].max() == 0
    assert whole.diagonal()[100:].min() > 0


class LiveBytes(TorchDispatchMode):
    """Follow the bytes of all tensors that come into being inside, and their largest sum."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self.holders: dict[int, int] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {t.untyped_storage().data_ptr() for t in tree_leaves(args) if torch.is_tensor(t)}
        for tensor in filter(torch.is_tensor, tree_leaves(result)):
            storage = tensor.untyped_storage()
            place, size = storage.data_ptr(), storage.nbytes()
            if place not in self.holders:
                if place in given:
                    continue
                self.holders[place] = 0
                self.live += size
                self.peak = max(self.peak, self.live)
            self.holders[place] += 1
            weakref.finalize(tensor, self._release, place, size)
        return result

    def _release(self, place: int, size: int) -> None:
        self.holders[place] -= 1
        if self.holders[place] == 0:
            del self.holders[place]
            self.live -= size


@pytest.mark.parametrize(
    ("action", "shape", "method", "count", "equal"),
    [
        (CyclicShifts(8), (4, 8), "matmul", 200, False),
        (CyclicShifts(16), (1, 16), "matmul", 200, True),
        (CyclicShifts(16), (4, 16), "fft", 15, True),
        (CyclicShifts(8), (1, 8), "fft", 30, False),
        (PointPermutations(5), (5,), "auto", 400, False),
        (PointPermutations(12), (12,), "auto", 400, False),
        (PointPermutations(12), (12,), "auto", 400, True),
        (PointPermutations(4), (4, 2), "auto", 20, False),
        (PointPermutations(40), (40, 2), "auto", 1, False),
        (regular_representation(dihedral(3)), (2, 6), "auto", 400, False),
    ],
)
def test_working_memory_stays_below_the_bound(action, shape, method, count, equal, monkeypatch):
    """With equal codes every pair is close and is looked at twice."""
    seen = partial(torch.empty, dtype=torch.float64)  # in place of memory that NumPy hands out
    monkeypatch.setattr("utils.quotient._norms._unfilled", seen)
    x, y = draw(count, *shape), draw(120, *shape, seed=1)
    if equal:
        x, y = x[:1].expand_as(x), x[:1].expand_as(y)
    with LiveBytes() as memory:
        found = quotient_distance_matrix(x, y, action, method=method, max_bytes=2**20)
    moved = y.numel() * action.order if isinstance(action, Representation) else 0
    assert 2**17 < memory.peak - 8 * (found.numel() + moved) <= 2**20


def test_live_bytes_are_those_of_tensors_that_are_held():
    """The control: a tensor counts once, with its views, and until the last of them is gone."""
    with LiveBytes() as memory:
        first = torch.ones(1000, dtype=torch.float64)
        second = first[:10] + 1
        assert memory.live == 8000 + 80
        view = first[5:]
        del first
        assert memory.live == 8000 + 80
        del view, second
    assert memory.live == 0
    assert memory.peak == 8000 + 80


class Sizes(TorchDispatchMode):
    """Note the shapes of the results of one operation."""

    def __init__(self, operation: str) -> None:
        super().__init__()
        self.operation = operation
        self.shapes: list[torch.Size] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function.name() == f"aten::{self.operation}":
            self.shapes.append(result.shape)
        return result


@pytest.mark.parametrize(
    ("operation", "axis", "action", "shape", "method", "members", "bytes_of_one"),
    [
        ("all_distances", 0, PointPermutations(5), (5,), "auto", 100, 40),
        ("all_distances", 0, PointPermutations(1), (1,), "auto", 2**15 + 1, 40),
        ("mm", 0, CyclicShifts(8), (1, 8), "matmul", 10, 80),
        ("bmm", 1, CyclicShifts(8), (1, 8), "fft", 10, 8 * (2 * 8 + 6)),
        ("_cdist_forward", 0, PointPermutations(4), (4, 2), "auto", 1, 8 * 4 * (4 + 5 * 2 + 2)),
    ],
)
def test_blocks_are_as_large_as_memory_allows(
    monkeypatch, operation, axis, action, shape, method, members, bytes_of_one
):
    """One more row would not fit; one row is taken even if it does not fit."""
    rows = max(1, 2**20 // (bytes_of_one * members))
    x = torch.ones(rows + 1, *shape, dtype=torch.float64)
    y = torch.ones(members, *shape, dtype=torch.float64)
    with Sizes(operation) as seen:
        if operation == "all_distances":  # SciPy fills the blocks, and PyTorch does not see it

            def noted(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
                seen.shapes.append(a.shape)
                return all_distances(a, b)

            monkeypatch.setattr(distances, "all_distances", noted)
        found = quotient_distance_matrix(x, y, action, method=method, max_bytes=2**20)
    sizes = [shape[axis] for shape in seen.shapes]
    repeated = 8 if operation == "mm" else 1
    assert sizes == [rows] * repeated + [1] * repeated
    assert found.max() == 0


def test_close_pairs_are_compared_in_blocks():
    WatchedShifts.seen.clear()
    x = torch.ones(1025, 1, 8, dtype=torch.float64)
    quotient_distance_matrix(x, x[:1], WatchedShifts(8), max_bytes=2**20)
    assert [len(a) for a, _ in WatchedShifts.seen] == [2**20 // (128 * 8), 1]


@pytest.mark.parametrize("close", [0, 3, 200])
def test_many_numbers_keep_their_digits_near_and_far(close):
    """Products would cancel for near rows, far from the origin too; the control shows it."""
    action = PointPermutations(12)
    x, y = 1e5 + draw(300, 12), 1e5 + draw(250, 12, seed=1)
    y[:close] = x[:close].flip(1) + 1e-9 * draw(close, 12, seed=2)
    y[0] = x[0].roll(3)
    found = quotient_distance_matrix(x, y, action).numpy()
    left, right = (np.sort(codes.numpy(), axis=1) for codes in (x, y))
    expected = cdist(left, right)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    assert found[0, 0] == 0
    norms = (left**2).sum(1)[:, None] + (right**2).sum(1)
    assert abs(np.sqrt(np.abs(norms - 2 * left @ right.T)) - expected).max() > 1e-6


def test_rows_whose_squares_overflow_are_still_compared():
    x = draw(20, 12)
    x[0] *= 1e160
    found = quotient_distance_matrix(x, x, PointPermutations(12))
    assert not found.isnan().any()
    assert torch.equal(found, found.T)
    assert found.diagonal().max() == 0
    assert found[1:, 1:].isfinite().all()


def test_points_are_compared_in_blocks_of_both_sides():
    action = PointPermutations(4)
    for count, others, sizes in (
        (27, 200, [10 * 200, 10 * 200, 7 * 200]),
        (2, 3000, [2048, 952] * 2),
    ):
        x, y = draw(count, 4, 2), draw(others, 4, 2, seed=1)
        with Sizes("_cdist_forward") as seen:
            quotient_distance_matrix(x, y, action, max_bytes=2**20)
        assert [shape[0] for shape in seen.shapes] == sizes


def test_points_are_matched_by_differences_and_not_by_scalar_products():
    """Far from the origin scalar products cancel and match at random; the control shows it."""
    action = PointPermutations(9)
    x = 1e6 + 1e-4 * draw(20, 9, 2)
    p = action.random_elements(20, torch.Generator().manual_seed(0))
    moved = action.act(p, x) + 1e-7 * draw(20, 9, 2, seed=1)
    assert torch.equal(align(x, moved, action).elements, p)
    costs = torch.cdist(moved, x, compute_mode="use_mm_for_euclid_dist").square()
    control = [linear_sum_assignment(cost.numpy())[1].argsort() for cost in costs]
    assert not np.array_equal(control, p.numpy())


def test_points_in_single_precision_have_gradients_as_in_double():
    """The matching is held fixed: the gradient is that of the distance to the matched points."""
    x, y, action = draw(6, 5, 3), draw(6, 5, 3, seed=1), PointPermutations(5)
    gradients = []
    for kind in (torch.float32, torch.float64):
        leaf = x.to(kind).requires_grad_()
        quotient_distance(leaf, y.to(kind), action).sum().backward()
        gradients.append(leaf.grad.double())
    aligned = align(y, x, action).aligned
    exact = (x - aligned) / (x - aligned).flatten(1).norm(dim=1)[:, None, None]
    assert torch.allclose(gradients[1], exact, rtol=1e-12)
    assert torch.allclose(gradients[0], exact, atol=1e-5)


def test_the_bound_is_256_megabytes_unless_told():
    parameters = inspect.signature(quotient_distance_matrix).parameters
    assert parameters["max_bytes"].default == 256 * 2**20


@pytest.mark.parametrize(("action", "shape"), [CASES[3], CASES[8], CASES[11], CASES[14]])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_it_is_a_metric_on_orbits(action, shape, data):
    entries = hnp.arrays(np.float64, (1, *shape), elements=st.integers(-3, 3).map(float))
    x, y, z = (torch.from_numpy(data.draw(entries)) for _ in range(3))
    seed = data.draw(st.integers(0, 100))
    moved = action.act(action.random_elements(1, torch.Generator().manual_seed(seed)), y)
    xy, yz, xz = (quotient_distance(*p, action) for p in ((x, y), (y, z), (x, z)))
    assert torch.allclose(xy, quotient_distance(y, x, action), rtol=1e-12, atol=1e-12)
    assert torch.allclose(xy, quotient_distance(x, moved, action), rtol=1e-12, atol=1e-12)
    assert quotient_distance(y, moved, action) < 1e-12
    assert xz <= xy + yz + 1e-12
    on_one_orbit = any(
        np.allclose(x[0].numpy(), c, atol=1e-9) for c in copies_by_hand(y[0].numpy(), action)
    )
    assert on_one_orbit == bool(xy < 1e-9)


# --------------------------------------------------------------------------------------------
# Alignment
# --------------------------------------------------------------------------------------------


@every_case
def test_alignment(action, shape):
    x, reference = draw(6, *shape), draw(6, *shape, seed=1)
    found = align(x, reference, action)
    exact = distance_by_hand(reference, x, action).diagonal()
    direct = (found.aligned - reference).flatten(1).norm(dim=1)
    np.testing.assert_allclose(direct.numpy(), exact, rtol=1e-10)
    np.testing.assert_allclose(found.distance.numpy(), exact, rtol=1e-10)
    assert torch.equal(action.act(found.elements, x), found.aligned)
    assert found.elements.dtype == action.take(torch.arange(1)).dtype


@every_case
def test_alignment_with_one_reference(action, shape):
    x, reference = draw(5, *shape), draw(1, *shape, seed=1)
    found = align(x, reference, action)
    assert found.aligned.shape == x.shape
    exact = distance_by_hand(reference, x, action)[0]
    np.testing.assert_allclose(found.distance.numpy(), exact, rtol=1e-10)


def test_alignment_finds_the_shift_that_was_applied():
    x = draw(8, 2, 8)
    shifts = torch.arange(8)
    action = CyclicShifts(8)
    found = align(x, action.act(shifts, x), action)
    assert torch.equal(found.elements, shifts)
    assert found.distance.max() == 0


def test_alignment_finds_the_permutation_that_was_applied():
    action = PointPermutations(9)
    permutations = action.random_elements(20, torch.Generator().manual_seed(0))
    for shape in ((9,), (9, 3)):
        x = draw(20, *shape)
        found = align(x, action.act(permutations, x), action)
        assert torch.equal(found.elements, permutations)
        assert found.distance.max() == 0


def test_ties_go_to_the_smallest_element():
    x = torch.tensor([[[1.0, 0, 1, 0]], [[1.0, 1, 1, 1]]])
    reference = torch.tensor([[[0.0, 1, 0, 1]]])
    assert align(x, reference, CyclicShifts(4)).elements.tolist() == [1, 0]
    numbers = torch.tensor([[2.0, 2.0, 1.0]])
    found = align(numbers, torch.tensor([[5.0, 5.0, 7.0]]), PointPermutations(3))
    assert found.aligned.tolist() == [[1.0, 2.0, 2.0]]


def test_alignment_in_single_precision_keeps_the_type():
    found = align(draw(3, 2, 8).float(), draw(3, 2, 8, seed=1).float(), CyclicShifts(8))
    assert found.aligned.dtype == found.distance.dtype == torch.float32


def test_alignment_is_frozen():
    found = align(draw(1, 2, 3), draw(1, 2, 3), CyclicShifts(3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.distance = None


# --------------------------------------------------------------------------------------------
# Orbits and geodesics
# --------------------------------------------------------------------------------------------


@every_case
def test_orbit(action, shape):
    x = draw(3, *shape)
    found = orbit(x, action)
    assert found.shape == (3, action.order, *shape)
    for one, members in zip(x, found, strict=True):
        by_hand = np.array(copies_by_hand(one.numpy(), action)).reshape(action.order, -1)
        rows = members.reshape(action.order, -1).numpy()
        order_found, order_hand = np.lexsort(rows.T), np.lexsort(by_hand.T)
        np.testing.assert_allclose(rows[order_found], by_hand[order_hand], rtol=1e-12)


def test_the_orbit_is_in_the_order_of_the_group():
    x = draw(2, 3, 4)
    for r, member in enumerate(orbit(x, CyclicShifts(4)).unbind(1)):
        assert torch.equal(member, torch.roll(x, r, -1))
    rho = permutation_representation(symmetric(4))
    numbers = draw(2, 4)
    assert torch.equal(orbit(numbers, PointPermutations(4)), orbit(numbers, rho))


def test_the_longest_orbit_of_points_has_5040_members():
    assert orbit(draw(1, 7), PointPermutations(7)).shape == (1, 5040, 7)
    with pytest.raises(ValueError, match="S_8 has 40320 elements, too many"):
        orbit(draw(1, 8), PointPermutations(8))


@every_case
def test_geodesics_have_constant_speed(action, shape):
    x, y = draw(4, *shape), draw(4, *shape, seed=1)
    times = [0.0, 0.3, 0.5, 1.0]
    path = quotient_geodesic(x, y, action, times)
    assert path.shape == (4, 4, *shape)
    length = quotient_distance(x, y, action)
    assert torch.equal(path[0], x)
    assert quotient_distance(path[-1], y, action).max() < 1e-12
    for (i, s), (j, t) in itertools.combinations(enumerate(times), 2):
        found = quotient_distance(path[i], path[j], action)
        assert torch.allclose(found, (t - s) * length, rtol=1e-9, atol=1e-12)


def test_a_straight_line_in_z_is_not_a_geodesic():
    """The control: halfway along the straight line to the wrong copy the speed differs."""
    x = draw(4, 2, 8)
    y = torch.roll(x, 3, -1) + 0.1 * draw(4, 2, 8, seed=1)
    action = CyclicShifts(8)
    middle = torch.lerp(x, y, 0.5)
    halves = quotient_distance(x, middle, action) + quotient_distance(middle, y, action)
    assert (halves > 2 * quotient_distance(x, y, action)).all()


def test_geodesics_from_one_code_to_many():
    path = quotient_geodesic(draw(1, 2, 8), draw(5, 2, 8, seed=1), CyclicShifts(8), [0, 1])
    assert path.shape == (2, 5, 2, 8)
    path = quotient_geodesic(draw(5, 2, 8), draw(1, 2, 8, seed=1), CyclicShifts(8), [0, 1])
    assert path.shape == (2, 5, 2, 8)
    times = torch.tensor([0.5])
    assert quotient_geodesic(path[0], path[1], CyclicShifts(8), times).shape == (1, 5, 2, 8)


@pytest.mark.parametrize("times", [[], [-0.01], [1.01], [0.5, 2.0], [math.nan], [[0.5]], 0.5])
def test_times_outside_the_interval_are_refused(times):
    with pytest.raises(ValueError, match="times must be a list of at least one number between 0"):
        quotient_geodesic(draw(1, 2, 3), draw(1, 2, 3), CyclicShifts(3), times)


# --------------------------------------------------------------------------------------------
# Groups that a reader brings
# --------------------------------------------------------------------------------------------


def quarter_turns_as_matrices() -> Representation:
    """The turns of pictures of 3 by 3, read row by row, as a permutation representation."""
    places = torch.arange(9).reshape(3, 3)
    images = [places.rot90(k).flatten().argsort().tolist() for k in range(4)]
    return permutation_representation(SetAction(cyclic(4), np.array(images)))


def sign_flips_as_matrices() -> Representation:
    group = direct_product(direct_product(cyclic(2), cyclic(2)), cyclic(2))
    return Representation(group, [np.diag(s) for s in itertools.product((1, -1), repeat=3)])


@pytest.mark.parametrize(
    ("action", "shape", "matrices"),
    [
        (SignFlips(3), (3,), sign_flips_as_matrices()),
        (QuarterTurns(), (3, 3), quarter_turns_as_matrices()),
    ],
    ids=["signs", "turns"],
)
def test_a_group_of_a_reader_agrees_with_its_matrices(action, shape, matrices):
    x, y = draw(6, *shape), draw(6, *shape, seed=1)
    flat_x, flat_y = x.flatten(1), y.flatten(1)
    assert torch.equal(orbit(x, action).flatten(2), orbit(flat_x, matrices))
    ours, theirs = align(x, y, action), align(flat_x, flat_y, matrices)
    assert torch.equal(ours.aligned.flatten(1), theirs.aligned)
    assert torch.equal(ours.distance, theirs.distance)
    assert torch.equal(ours.elements, action.take(theirs.elements))
    for distance in (quotient_distance, quotient_distance_matrix):
        assert torch.equal(distance(x, y, action), distance(flat_x, flat_y, matrices))
    path = quotient_geodesic(x, y, action, [0.25, 1.0])
    assert torch.equal(path.flatten(2), quotient_geodesic(flat_x, flat_y, matrices, [0.25, 1.0]))


def test_random_elements_of_a_reader_are_what_it_acts_with():
    drawn = SignFlips(3).random_elements(200, torch.Generator().manual_seed(0))
    assert {tuple(s) for s in drawn.tolist()} == set(itertools.product((1.0, -1.0), repeat=3))
    turns = QuarterTurns().random_elements(50, torch.Generator().manual_seed(0))
    assert set(turns.tolist()) == set(range(4))


class Stretch(SignFlips):
    """Declared to be isometric, but it is not."""

    def elements(self):
        return (torch.tensor([1.0, s, 1.0]) for s in (1.0, 2.0))


@pytest.mark.parametrize("function", [quotient_distance, quotient_distance_matrix, align])
def test_a_false_declaration_is_found_out(function):
    with pytest.raises(ValueError, match="declared to be isometric, but its element"):
        function(draw(4, 3), draw(4, 3, seed=1), Stretch(3))


class FastFlips(SignFlips):
    """The nearest choice of signs makes the signs agree."""


@nearest.register
def _(action: FastFlips, x: torch.Tensor, y: torch.Tensor):
    signs = torch.where((x < 0) == (y < 0), 1.0, -1.0)
    return (x - signs * y.double()).norm(dim=1), signs


@pairwise.register
def _(action: FastFlips, x: torch.Tensor, y: torch.Tensor, method: str, max_bytes: int):
    return torch.cdist(x.abs(), y.abs())


def test_a_faster_road_can_be_registered():
    x, y = draw(6, 3), draw(6, 3, seed=1)
    slow, fast = align(x, y, SignFlips(3)), align(x, y, FastFlips(3))
    assert torch.equal(slow.aligned, fast.aligned)
    assert torch.allclose(slow.distance, fast.distance, rtol=1e-12)
    exact = quotient_distance_matrix(x, y, SignFlips(3))
    assert torch.allclose(quotient_distance_matrix(x, y, FastFlips(3)), exact, rtol=1e-12)


def test_an_action_that_says_too_little_cannot_be_made():
    class Silent(Action):
        def act(self, elements, x):
            return x

    with pytest.raises(TypeError, match=r"abstract.*(check|is_isometric)"):
        Silent()


# --------------------------------------------------------------------------------------------
# Refusals
# --------------------------------------------------------------------------------------------

SKEW = Representation(cyclic(2), np.array([np.eye(2), [[1.0, 1.0], [0.0, -1.0]]]), "skew")
TWO = [
    quotient_distance,
    quotient_distance_matrix,
    align,
    lambda x, y, action: quotient_geodesic(x, y, action, [0.5]),
]
SECOND = ["y", "y", "reference", "y"]


@pytest.mark.parametrize("function", TWO)
def test_pairs_are_refused_with_one_clear_sentence(function):
    action, x = CyclicShifts(4), draw(3, 2, 4)
    with pytest.raises(TypeError, match=r"action is an Action.*but it is a str"):
        function(x, x, "C_4")
    with pytest.raises(ValueError, match="skew of C_2 changes distances"):
        function(draw(3, 2), draw(3, 2), SKEW)
    with pytest.raises(TypeError, match=r"must be a torch.Tensor, but it is a ndarray"):
        function(x.numpy(), x, action)
    with pytest.raises(TypeError, match=r"must be a torch.Tensor, but it is a ndarray"):
        function(x, x.numpy(), action)
    with pytest.raises(TypeError, match=r"must be float32 or float64, but it is torch.int64"):
        function(x.long(), x, action)
    with pytest.raises(ValueError, match=r"C_4 shifts tensors of shape \(B, ..., 4\)"):
        function(x, x[..., :3], action)
    with pytest.raises(ValueError, match="is empty"):
        function(x, x[:0], action)
    with pytest.raises(ValueError, match="is empty"):
        function(x[:, :0], x, action)
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        function(x, torch.full_like(x, math.nan), action)
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        function(torch.full_like(x, math.inf), x, action)
    spoilt = x.clone()
    spoilt[1, 0, 2] = math.nan
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        function(spoilt, x, action)
    with pytest.raises(ValueError, match=r"must have one shape, but they have \(2, 4\) and \(1,"):
        function(x, x[:, :1], action)
    with pytest.raises(TypeError, match=r"is torch.float64 and .* is torch.float32"):
        function(x, x.float(), action)
    for count in (2, 3):
        with pytest.raises(
            ValueError, match=r"plane 1 of D_4 acts on tensors of shape \(B, ..., 2\)"
        ):
            function(draw(count), draw(count), D4)
    with pytest.raises(ValueError, match=r"plane 1 of D_4 acts on tensors of shape \(B, ..., 2\)"):
        function(draw(3, 3), draw(3, 3), D4)


@pytest.mark.parametrize(("function", "second"), list(zip(TWO, SECOND, strict=True)))
def test_names_in_messages_are_those_of_the_arguments(function, second):
    x = draw(3, 2, 4)
    with pytest.raises(ValueError, match=r"^x is empty"):
        function(x[:0], x, CyclicShifts(4))
    with pytest.raises(ValueError, match=f"^{second} is empty"):
        function(x, x[:0], CyclicShifts(4))


def test_public_names_are_listed():
    """Each module lists what it defines, and the room what its modules list."""
    public = set()
    for module in vars(quotient).values():
        if not isinstance(module, types.ModuleType) or module.__name__.split(".")[-1][0] == "_":
            continue
        defined = {
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__ and name[0] != "_"
        }
        assert set(module.__all__) == defined
        public |= defined
    assert set(quotient.__all__) == public | {"orbit"}
    assert orbit is groups.orbit


def test_examples_in_docstrings_run_and_every_public_name_has_one():
    modules = [value for value in vars(quotient).values() if isinstance(value, types.ModuleType)]
    found = [doctest.testmod(module) for module in modules]
    assert sum(result.failed for result in found) == 0
    assert sum(result.attempted for result in found) >= len(quotient.__all__)
    for name in quotient.__all__:
        assert ">>> " in inspect.getdoc(getattr(quotient, name)), name


def test_numbers_of_pairs_must_agree():
    x, action = draw(3, 2, 4), CyclicShifts(4)
    with pytest.raises(ValueError, match="x holds 3 codes and y 2; pairs need as many"):
        quotient_distance(x, x[:2], action)
    with pytest.raises(ValueError, match="x holds 2 codes and y 3"):
        quotient_geodesic(x[:2], x, action, [0.5])
    with pytest.raises(ValueError, match="one for each of the 3 codes, but there are 2"):
        align(x, x[:2], action)
    with pytest.raises(ValueError, match="one for each of the 1 codes, but there are 3"):
        align(x[:1], x, action)


def test_options_of_the_matrix_are_checked():
    x, action = draw(3, 2, 4), CyclicShifts(4)
    with pytest.raises(
        ValueError, match="method is one of 'auto', 'matmul', 'fft', but it is 'dft'"
    ):
        quotient_distance_matrix(x, x, action, method="dft")
    with pytest.raises(ValueError, match="method 'fft' is for CyclicShifts only"):
        quotient_distance_matrix(x, x, regular_representation(cyclic(4)), method="fft")
    with pytest.raises(ValueError, match="at least one megabyte, but it is 1048575"):
        quotient_distance_matrix(x, x, action, max_bytes=2**20 - 1)


def test_orbits_are_refused_with_one_clear_sentence():
    with pytest.raises(TypeError, match="action is an Action"):
        orbit(draw(2, 3), "C_3")
    with pytest.raises(ValueError, match=r"^x is empty"):
        orbit(draw(0, 3), CyclicShifts(3))
    with pytest.raises(ValueError, match="S_4 permutes the points"):
        orbit(draw(2, 3), PointPermutations(4))
    with pytest.raises(ValueError, match="Quarter turns need square pictures"):
        orbit(draw(2, 3, 4), QuarterTurns())


def test_the_orbit_of_a_skew_action_is_fine():
    found = orbit(torch.tensor([[1.0, 2.0]]), SKEW)
    assert found.tolist() == [[[1.0, 2.0], [3.0, -2.0]]]


@pytest.mark.parametrize(
    ("action", "shape"),
    [
        (CyclicShifts(4), (2, 4)),
        (CyclicShifts(4).representation(), (2, 4)),
        (PointPermutations(2), (2, 4)),
        (PointPermutations(4), (4,)),
    ],
)
def test_gradients_are_finite_where_codes_are_equal(action, shape):
    """The norm has the subgradient zero at zero; the square root of zero alone has none."""
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for found in (quotient_distance(x, x.detach(), action), quotient_distance_matrix(x, x, action)):
        (gradient,) = torch.autograd.grad(found.sum(), x)
        assert gradient.isfinite().all()
        assert (gradient != 0).any() == (found != 0).any()


GRAPHS = [(NodePermutations(3), (3, 3)), (NodePermutations(4), (4, 4, 2))]


def weighted(distances: torch.Tensor) -> torch.Tensor:
    """Add distances with weights that differ, so that no two gradients can be exchanged."""
    return distances.flatten() @ torch.linspace(0.5, 1.5, distances.numel(), dtype=torch.float64)


@pytest.mark.parametrize(
    ("action", "shape"), CASES + GRAPHS, ids=[label(case) for case in CASES + GRAPHS]
)
def test_gradients_against_finite_differences(action, shape):
    """With respect to both arguments, along random directions, of every function."""
    x, y = draw(3, *shape), draw(3, *shape, seed=1)
    methods = ["matmul", "fft"] if isinstance(action, CyclicShifts) else ["auto"]
    functions = [
        lambda x, y: quotient_distance(x, y, action),
        lambda x, y: align(x, y, action).distance,
        lambda x, y: quotient_distance_matrix(x, x, action)[:, 1:].tril(),
        *(
            lambda x, y, m=m: quotient_distance_matrix(x, y, action, method=m, max_bytes=2**20)
            for m in methods
        ),
    ]
    u, v = draw(3, *shape, seed=2), draw(3, *shape, seed=3)
    for function in functions:
        a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
        weighted(function(a, b)).backward()
        along = (a.grad * u).sum() + (0 if b.grad is None else (b.grad * v).sum())
        h = 1e-6
        ahead, behind = (weighted(function(x + s * u, y + s * v)) for s in (h, -h))
        assert along.item() == pytest.approx(((ahead - behind) / (2 * h)).item(), abs=1e-6)


@pytest.mark.parametrize(
    ("action", "shape"), CASES + GRAPHS, ids=[label(case) for case in CASES + GRAPHS]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_vanish_where_orbits_coincide(action, shape, dtype):
    """Also where the copy went through a rotation and differs by rounding."""
    x = draw(1, *shape).to(dtype)
    numbers = itertools.islice(action.elements(), 5)
    for moved in [x] + [action.act(g, x).to(dtype) for g in numbers]:
        for function in (quotient_distance, quotient_distance_matrix):
            a, b = x.clone().requires_grad_(), moved.clone().requires_grad_()
            function(a, b, action).sum().backward()
            assert (a.grad == 0).all()
            assert (b.grad == 0).all()


# ------------------------------------------------------------------ transformations of PyTorch


FOLLOWED = {
    "a line": (PointPermutations(5), (5,)),
    "a plane": (PointPermutations(4), (4, 2)),
    "C_8": (CyclicShifts(8), (3, 8)),
    "C_3 by matrices": (CyclicShifts(3).representation(), (2, 3)),
    "graphs": (NodePermutations(3), (3, 3, 2)),
}


@pytest.mark.parametrize("measure", [quotient_distance, quotient_distance_matrix])
@pytest.mark.parametrize("name", FOLLOWED)
def test_transformations_of_pytorch(name, measure):
    """Forward, backward and second derivatives are those of finite differences; vmap is refused."""
    action, shape = FOLLOWED[name]
    x, y, along = (draw(3, *shape, seed=seed) for seed in range(3))
    weights = draw(3, 3, seed=4) if measure is quotient_distance_matrix else draw(3, seed=4)

    def weighted(z: torch.Tensor) -> torch.Tensor:
        return (weights * measure(z, y, action)).sum()

    step = 1e-6
    slope = (weighted(x + step * along) - weighted(x - step * along)) / (2 * step)
    _, forward = torch.func.jvp(weighted, (x,), (along,))
    backward = torch.func.grad(weighted)
    torch.testing.assert_close(forward, slope, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close((backward(x) * along).sum(), slope, rtol=1e-6, atol=1e-8)
    _, other = torch.func.jvp(lambda z: measure(x, z, action), (y,), (along,))
    moved = measure(x, y + step * along, action) - measure(x, y - step * along, action)
    torch.testing.assert_close(other, moved / (2 * step), rtol=1e-6, atol=1e-8)

    bent = (backward(x + step * along) - backward(x - step * along)) / (2 * step)
    leaf = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(weighted(leaf), leaf, create_graph=True)
    (second,) = torch.autograd.grad((first * along).sum(), leaf)
    torch.testing.assert_close(second, bent, rtol=1e-5, atol=1e-7)

    with pytest.raises(ValueError, match="vmap hides; leave vmap out"):
        torch.func.vmap(lambda z: measure(z, y, action))(torch.stack([x, y]))


def test_derivatives_of_all_distances_at_a_tie_and_far_from_the_origin():
    action = PointPermutations(4)
    x = draw(3, 4).requires_grad_()
    (slope,) = torch.autograd.grad(quotient_distance_matrix(x, x.detach(), action).sum(), x)
    assert slope.isfinite().all()
    near = 1e6 + draw(3, 4, seed=1)
    far = (near + 1e-3 * draw(3, 4, seed=2)).requires_grad_()
    (slope,) = torch.autograd.grad(quotient_distance_matrix(far, near, action).sum(), far)
    differences = far.detach().sort().values[:, None] - near.sort().values
    unit = (differences / differences.norm(dim=2, keepdim=True)).sum(dim=1)
    back = far.detach().argsort().argsort()
    torch.testing.assert_close(slope, unit.gather(1, back), rtol=1e-5, atol=1e-5)
