"""Every property that a projection declares, against brute force and against counterexamples."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
import re
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import projections
from utils.groups import CyclicShifts, PointPermutations
from utils.projections import (
    InvariantProjection,
    amplitude_spectrum,
    bispectrum,
    bispectrum_triples,
    canonicalise,
    cyclic_projections,
    identity,
    max_pool,
    mean_pool,
    norm_pool,
    power_spectrum,
    power_sums,
    random_linear_mean,
    random_max_filter,
    random_reynolds,
    sort_per_copy,
    sort_projection,
    sorted_random_projections,
)
from utils.quotient import quotient_distance, quotient_distance_matrix

SHAPES = [(1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (3, 5), (2, 8)]
OUTPUTS = 7


def codes(shape: tuple[int, ...], count: int = 12, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *shape, generator=generator, dtype=torch.float64)


def cyclic_cases() -> list[InvariantProjection]:
    return [
        projection
        for copies, order in SHAPES
        for projection in cyclic_projections(copies, order, outputs=OUTPUTS, seed=1).values()
    ]


def set_cases() -> list[InvariantProjection]:
    return [
        sort_projection(1),
        sort_projection(5),
        power_sums(1),
        power_sums(4),
        sorted_random_projections(4, 1, 2, seed=1),
        sorted_random_projections(4, 2, 3, seed=1),
        sorted_random_projections(3, 2, 4, seed=1),
        sorted_random_projections(5, 3, 2, seed=1),
        sorted_random_projections(3, 3, 4, seed=1),
    ]


ALL = cyclic_cases() + set_cases()


def label(projection: InvariantProjection) -> str:
    return f"{projection.name}-{projection.input_shape}".replace(" ", "_")


every_projection = pytest.mark.parametrize("projection", ALL, ids=label)


def scramble(z: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shift every copy of every code by an amount of its own: a different orbit in general."""
    shifts = torch.randint(z.shape[2], z.shape[:2], generator=generator)
    source = (torch.arange(z.shape[2]) - shifts[..., None]) % z.shape[2]
    return torch.gather(z, 2, source)


def invariance_error(function, z: torch.Tensor, action) -> float:
    """Return the largest change of a value under group elements, over the size of the values."""
    value = function(z)
    if isinstance(action, CyclicShifts):
        elements = list(range(action.degree))
    else:
        elements = [torch.tensor(p) for p in itertools.permutations(range(action.degree))]
    errors = [(function(action.act(g, z)) - value).abs().max() for g in elements]
    return float(torch.stack(errors).max() / value.abs().max())


# --------------------------------------------------------------------------------------------
# Invariance, with maps that are not invariant
# --------------------------------------------------------------------------------------------


@every_projection
def test_declared_invariance_is_true(projection):
    error = invariance_error(projection, codes(projection.input_shape), projection.action)
    if projection.invariant:
        assert error < 1e-12
    else:
        assert error > 0.1


def _wrong_templates(z, weights):
    """Take the maximum over all shifts but one."""
    products = [(torch.roll(z, r, -1).flatten(1) @ weights) for r in range(z.shape[-1] - 1)]
    return torch.stack(products).amax(0)


BROKEN_CYCLIC = {
    "mean over the copies": lambda z: z.mean(dim=1),
    "max over the copies": lambda z: z.amax(dim=1),
    "norm over the copies": lambda z: z.norm(dim=1),
    "sort over the copies": lambda z: z.sort(dim=1).values.flatten(1),
    "mean over a part of the group": lambda z: z[..., :-1].mean(dim=-1),
    "max over a part of the group": lambda z: z[..., 1:].amax(dim=-1),
    "real part of the spectrum": lambda z: torch.fft.rfft(z).real.flatten(1),
    "bispectrum without the third factor": lambda z: (
        (torch.fft.fft(z)[..., 1] * torch.fft.fft(z)[..., 1]).real
    ),
    "filter without the group": lambda z: z.flatten(1) @ torch.arange(10.0).double().reshape(-1, 1),
    "filter that misses one shift": lambda z: _wrong_templates(z, codes((5,), 10)),
    "canonical by a fixed entry": lambda z: (z - z[:, :1, :1]).flatten(1),
}


@pytest.mark.parametrize("name", BROKEN_CYCLIC)
def test_broken_cyclic_maps_are_caught(name):
    assert invariance_error(BROKEN_CYCLIC[name], codes((2, 5)), CyclicShifts(5)) > 1e-3


BROKEN_SETS = {
    "sort but the last": lambda z: torch.cat([z[:, :-1].sort(dim=1).values, z[:, -1:]], 1),
    "cumulative sums": lambda z: z.cumsum(dim=1),
    "weighted power sums": lambda z: (z**2) @ torch.arange(1.0, 5.0).double()[:, None],
}


@pytest.mark.parametrize("name", BROKEN_SETS)
def test_broken_set_maps_are_caught(name):
    assert invariance_error(BROKEN_SETS[name], codes((4,)), PointPermutations(4)) > 1e-3


def test_sorting_whole_points_by_one_channel_of_another_set_is_caught():
    def sort_the_wrong_axis(z):
        return z.sort(dim=2).values.flatten(1)

    assert invariance_error(sort_the_wrong_axis, codes((4, 2)), PointPermutations(4)) > 1e-3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(2, 6),
    st.integers(0, 5),
    st.lists(st.integers(-2, 2), min_size=18, max_size=18),
)
def test_invariance_holds_with_ties(copies, order, shift, entries):
    """Small whole numbers tie all the time, which is where a canonical form goes wrong."""
    z = torch.tensor(entries[: copies * order], dtype=torch.float64).reshape(1, copies, order)
    for projection in cyclic_projections(copies, order, outputs=3).values():
        if projection.invariant:
            moved = projection(torch.roll(z, shift, -1))
            assert torch.allclose(moved, projection(z), rtol=0, atol=1e-10), projection.name


def test_canonical_form_by_the_first_maximum_alone_fails_on_ties():
    z = torch.tensor([[[1.0, 0, 1, 0], [1, 2, 3, 4]]], dtype=torch.float64)

    def naive(z):
        lead = z[:, 0].argmax(dim=1)
        return torch.stack([torch.roll(a, -int(r), -1) for a, r in zip(z, lead, strict=True)])

    assert invariance_error(naive, z, CyclicShifts(4)) > 0.1
    assert invariance_error(canonicalise(2, 4), z, CyclicShifts(4)) == 0


def test_canonical_form_resolves_ties_in_any_batch_and_under_vmap():
    """Copy 0 ties twice in the first code, not at all in the second, and wholly in the third."""
    z = torch.tensor(
        [
            [[1.0, 0, 1, 0], [1, 2, 3, 4]],
            [[4.0, 3, 2, 1], [0, 0, 0, 0]],
            [[1.0, 1, 1, 1], [2, 3, 3, 2]],
        ],
        dtype=torch.float64,
    )
    expected = torch.from_numpy(np.stack([_slow_canonical(one) for one in z.numpy()]))
    projection = canonicalise(2, 4)
    assert torch.equal(projection(z), expected)
    assert torch.equal(torch.func.vmap(lambda one: projection(one[None])[0])(z), expected)


def test_canonical_form_stops_when_nothing_ties(monkeypatch):
    """Without ties the first entry decides; with them as many as it takes."""
    looked_at = []
    original, long, short = torch.Tensor.amax, canonicalise(2, 4), canonicalise(1, 3)
    monkeypatch.setattr(
        torch.Tensor, "amax", lambda t, *a, **k: looked_at.append(t) or original(t, *a, **k)
    )
    long(codes((2, 4)))
    assert len(looked_at) == 1
    looked_at.clear()
    short(torch.tensor([[[2.0, 2, 1]], [[3.0, 2, 1]]]))
    assert len(looked_at) == 2


# --------------------------------------------------------------------------------------------
# Values, against slow independent definitions
# --------------------------------------------------------------------------------------------


def _fourier(z: np.ndarray, f: int) -> complex:
    n = len(z)
    return sum(z[i] * np.exp(-2j * np.pi * f * i / n) for i in range(n)) / math.sqrt(n)


def _slow_canonical(z: np.ndarray) -> np.ndarray:
    return np.array(max(tuple(np.roll(z, -r, axis=1).ravel()) for r in range(z.shape[1])))


def _slow_amplitude(row: np.ndarray) -> list[float]:
    n = len(row)
    return [
        abs(_fourier(row, f)) * (1 if f == 0 or 2 * f == n else math.sqrt(2))
        for f in range(n // 2 + 1)
    ]


def _slow_bispectrum(z: np.ndarray) -> np.ndarray:
    found = []
    for row in z:
        n = len(row)
        products = []
        for t in bispectrum_triples(n):
            value = _fourier(row, t[0]) * _fourier(row, t[1]) * _fourier(row, t[2])
            products.append((value, sorted(t) == sorted((-f) % n for f in t)))
        found += [value.real for value, _ in products]
        found += [value.imag for value, real in products if not real]
    return np.array(found)


SLOW = {
    "raw": lambda z, w: z.ravel(),
    "mean": lambda z, w: np.array([sum(row) / len(row) for row in z]),
    "max": lambda z, w: np.array([max(row) for row in z]),
    "norm": lambda z, w: np.array([math.sqrt(sum(v * v for v in row)) for row in z]),
    "amplitude spectrum": lambda z, w: np.concatenate([_slow_amplitude(row) for row in z]),
    "power spectrum": lambda z, w: np.array(
        [abs(_fourier(row, f)) ** 2 for row in z for f in range(len(row) // 2 + 1)]
    ),
    "bispectrum": lambda z, w: _slow_bispectrum(z),
    "sort per copy": lambda z, w: np.concatenate([sorted(row) for row in z]),
    "canonicalise": lambda z, w: _slow_canonical(z),
    "random linear + mean": lambda z, w: np.array(
        [np.mean([(t * np.roll(z, r, 1)).sum() for r in range(z.shape[1])]) for t in w]
    ),
    "random relu-mean": lambda z, w: np.array(
        [np.mean([max(0, (t * np.roll(z, r, 1)).sum()) for r in range(z.shape[1])]) for t in w]
    ),
    "random max filter": lambda z, w: np.array(
        [max((t * np.roll(z, r, 1)).sum() for r in range(z.shape[1])) for t in w]
    ),
    "sort": lambda z, w: np.array(sorted(z)),
    "power sums": lambda z, w: np.array([sum(v**j for v in z) for j in range(1, len(z) + 1)]),
    "sorted random projections": lambda z, w: np.concatenate([sorted(z @ a) for a in w]),
}


@every_projection
def test_values_agree_with_the_slow_definition(projection):
    z = codes(projection.input_shape)
    weights = None if projection.weights is None else projection.weights.numpy()
    expected = np.stack([SLOW[projection.name](one, weights) for one in z.numpy()])
    value = projection(z)
    assert value.shape == (12, projection.output_dimension) == expected.shape
    assert value.dtype == torch.float64
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-10, atol=1e-12)


@every_projection
def test_single_precision(projection):
    z = codes(projection.input_shape)
    value = projection(z.float())
    assert value.dtype == torch.float32
    assert torch.allclose(value.double(), projection(z), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [random_max_filter, random_reynolds])
def test_blocks_do_not_change_random_projections(make):
    """5000 codes are taken in several blocks, and 50 of them in one."""
    z, projection = codes((4, 8), 5000), make(4, 8, 16)
    pieces = torch.cat([projection(part) for part in z.split(50)])
    assert torch.allclose(projection(z), pieces, rtol=0, atol=1e-13)


def test_blocks_bound_the_size_of_a_product(monkeypatch):
    sizes = []
    relu = torch.Tensor.relu

    def spy(tensor):
        sizes.append(tensor.numel() * tensor.element_size())
        return relu(tensor)

    projection = random_reynolds(4, 8, 16)
    monkeypatch.setattr(torch.Tensor, "relu", spy)
    projection(codes((4, 8), 5000))
    assert len(sizes) == math.ceil(5000 / (2**19 // (8 * 8 * 16)))
    assert max(sizes) <= 2**19


def test_blocks_have_64_codes_at_least(monkeypatch):
    sizes = []
    relu, projection = torch.Tensor.relu, random_reynolds(1, 8, 256)
    monkeypatch.setattr(torch.Tensor, "relu", lambda c: sizes.append(len(c)) or relu(c))
    projection(codes((1, 8), 130))
    assert sizes == [64, 64, 2]


def test_bispectrum_triples_of_order_eight():
    """15 triples up to order and sign: 5 with a real product and 5 pairs with a complex one."""
    assert bispectrum_triples(3) == ((0, 0, 0), (0, 1, 2), (1, 1, 1))
    triples = bispectrum_triples(8)
    assert len(triples) == len(set(triples)) == 10
    assert all(sum(t) % 8 == 0 for t in triples)
    classes = set()
    for t in itertools.product(range(8), repeat=3):
        if sum(t) % 8 == 0:
            classes.add(min(tuple(sorted(t)), tuple(sorted(-f % 8 for f in t))))
    assert classes == set(triples)
    assert bispectrum(1, 8).output_dimension == 15


# --------------------------------------------------------------------------------------------
# Lipschitz constants
# --------------------------------------------------------------------------------------------


def ratios(projection: InvariantProjection, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    distance = quotient_distance(x, y, projection.action)
    return torch.linalg.vector_norm(projection(x) - projection(y), dim=1) / distance


@every_projection
def test_lipschitz_bounds_hold_on_random_and_on_close_pairs(projection):
    x, y = codes(projection.input_shape, 200, 2), codes(projection.input_shape, 200, 3)
    for pair in (
        y,
        x + 1e-3 * y,
        projection.action.act(1, y) if isinstance(projection.action, CyclicShifts) else y,
    ):
        found = ratios(projection, x, pair)
        assert found.max() <= projection.lipschitz_constant * (1 + 1e-9)
        assert found.min() >= projection.lower_lipschitz_constant * (1 - 1e-9)


def steepest(projection: InvariantProjection, base: torch.Tensor) -> float:
    """Return the largest ratio at a code, from the singular values of the derivative."""
    jacobian = torch.func.jacrev(lambda z: projection(z[None])[0])(base)
    matrix = jacobian.reshape(projection.output_dimension, -1)
    direction = torch.linalg.svd(matrix)[2][0].reshape(base.shape)
    return float(ratios(projection, base[None], (base + 1e-6 * direction)[None]))


TIGHT = [mean_pool, max_pool, norm_pool, amplitude_spectrum, sort_per_copy, random_linear_mean]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", TIGHT)
def test_lipschitz_constants_are_reached(make, shape):
    projection = make(*shape)
    assert steepest(projection, codes(shape, 1)[0]) >= projection.lipschitz_constant * (1 - 1e-5)


@pytest.mark.parametrize("make", [random_reynolds, random_max_filter])
def test_lipschitz_constants_of_random_filters_are_of_the_right_size(make):
    """They are bounds, not attained; a few ascent steps come within a factor of four."""
    projection = make(2, 4, 40, seed=3)
    best = max(steepest(projection, base) for base in codes((2, 4), 60, 5))
    assert projection.lipschitz_constant / 4 < best <= projection.lipschitz_constant


def test_lipschitz_constant_of_a_max_filter_is_reached_by_one_template():
    """With one template the Frobenius norm is the bound, and the template's own ray attains it."""
    projection = random_max_filter(2, 4, 1)
    w = projection.weights
    assert w is not None
    assert projection.lipschitz_constant == pytest.approx(float(w.norm()), rel=1e-12)
    assert float(ratios(projection, w, 2 * w)) == pytest.approx(projection.lipschitz_constant)


def test_lipschitz_constant_of_many_templates_uses_the_spectrum():
    """Against the singular values of the matrix of all moved templates, made one by one."""
    projection = random_max_filter(2, 4, 50, seed=2)
    w = projection.weights
    assert w is not None
    moved = torch.cat([torch.roll(w, r, -1).flatten(1) for r in range(4)])
    spectral = float(torch.linalg.matrix_norm(moved, ord=2))
    assert spectral < float(w.norm())
    assert projection.lipschitz_constant == pytest.approx(spectral, rel=1e-12)


def test_lipschitz_constant_of_relu_means():
    projection = random_reynolds(2, 4, 50, seed=2)
    w = projection.weights
    assert w is not None
    moved = torch.stack([torch.roll(w, r, -1).flatten(1) for r in range(4)])
    average = torch.linalg.matrix_norm(moved.mean(0), ord=2)
    moduli = torch.linalg.matrix_norm(moved.flatten(0, 1), ord=2) / 2
    assert projection.lipschitz_constant == pytest.approx(float(average + moduli) / 2, rel=1e-12)


@pytest.mark.parametrize("shape", [(4, 1), (4, 2), (3, 3)])
def test_lipschitz_constant_of_sorted_projections_is_reached(shape):
    projection = sorted_random_projections(*shape, 3, seed=4)
    assert steepest(projection, codes(shape, 1)[0]) >= projection.lipschitz_constant * (1 - 1e-5)


@pytest.mark.parametrize(
    "projection",
    [power_spectrum(2, 5), bispectrum(2, 5), bispectrum(1, 3), power_sums(3)],
    ids=label,
)
def test_polynomial_maps_exceed_every_lipschitz_constant(projection):
    assert math.isinf(projection.lipschitz_constant)
    x = codes(projection.input_shape, 1)
    for bound in (1e2, 1e4, 1e6):
        assert float(ratios(projection, bound * 10 * x, bound * 11 * x)) > bound


@pytest.mark.parametrize("shape", [s for s in SHAPES if s != (1, 2)])
def test_canonical_form_jumps(shape):
    projection = canonicalise(*shape)
    assert not projection.continuous
    assert math.isinf(projection.lipschitz_constant)
    x = torch.zeros(1, *shape, dtype=torch.float64)
    x[..., 0, 0], x[..., 0, 1] = 1.0, 1.0
    x[..., -1, 0] += 0.5 if shape[0] > 1 else 0.0
    y = x.clone()
    x[..., 0, 0] += 1e-9
    y[..., 0, 1] += 1e-9
    assert float(ratios(projection, x, y)) > 1e6


@every_projection
def test_declared_continuity(projection):
    if projection.continuous:
        x = codes(projection.input_shape, 500, 8)
        step = 1e-9 * codes(projection.input_shape, 500, 9)
        assert (projection(x + step) - projection(x)).abs().max() < 1e-5
    else:
        assert projection.name == "canonicalise"


def test_raw_codes_have_no_lipschitz_constant_on_the_quotient():
    projection = identity(2, 5)
    x = codes((2, 5), 1)
    y = torch.roll(x, 2, -1) + 1e-9
    assert float(ratios(projection, x, y)) > 1e6
    assert math.isinf(projection.lipschitz_constant)


def test_lower_lipschitz_constants():
    """A bound that is merely true would pass the test above: zero always is."""
    positive = {(p.name, p.input_shape) for p in ALL if p.lower_lipschitz_constant > 0}
    always = {"raw", "canonicalise", "sort"}
    assert positive == {(p.name, p.input_shape) for p in ALL if p.name in always} | {
        ("sort per copy", (1, 2)),
        ("power sums", (1,)),
        ("sorted random projections", (4, 1)),
    }
    for projection in ALL:
        if projection.lower_lipschitz_constant > 0:
            upper = projection.lipschitz_constant
            expected = upper if math.isfinite(upper) else 1.0
            assert projection.lower_lipschitz_constant == expected


@every_projection
def test_declared_properties_are_plain_numbers(projection):
    assert type(projection.lipschitz_constant) is float
    assert type(projection.lower_lipschitz_constant) is float
    assert projection.complete is None or type(projection.complete) is bool
    assert type(projection.isometric) is type(projection.continuous) is bool


# --------------------------------------------------------------------------------------------
# Isometry
# --------------------------------------------------------------------------------------------


@every_projection
def test_declared_isometry_is_true(projection):
    x, y = codes(projection.input_shape, 20, 4), codes(projection.input_shape, 30, 5)
    exact = quotient_distance_matrix(x, y, projection.action)
    values = torch.cdist(projection(x), projection(y))
    deviation = float((values - exact).abs().max() / exact.max())
    if projection.isometric:
        assert deviation < 1e-7
    else:
        assert deviation > 1e-3


def test_which_are_isometric():
    isometric = {(p.name, p.input_shape) for p in ALL if p.isometric}
    assert isometric == {
        ("sort per copy", (1, 2)),
        ("canonicalise", (1, 2)),
        ("sort", (1,)),
        ("sort", (5,)),
        ("power sums", (1,)),
    }


# --------------------------------------------------------------------------------------------
# Completeness: False comes with a pair of orbits, True with a reason
# --------------------------------------------------------------------------------------------


def collision(projection: InvariantProjection) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two codes on different orbits with equal values."""
    x = torch.zeros(1, *projection.input_shape, dtype=torch.float64)
    n = x.shape[-1]
    steps = torch.arange(n, dtype=torch.float64)
    if projection.name in ("mean", "random linear + mean"):
        x[..., 0, 0], x[..., 0, 1] = 1.0, -1.0
        return x, 2 * x
    if projection.name == "max":
        x[..., 0, 0] = 1.0
        y = x.clone()
        y[..., 0, 1] = -1.0
        return x, y
    if projection.name in ("norm", "amplitude spectrum", "power spectrum"):
        x[..., 0, 0] = 1.0
        return x, -x
    if projection.name == "bispectrum" and n != 3:
        x[..., 0, :] = torch.cos(2 * torch.pi * steps / n)
        return x, 2 * x
    if projection.name == "sort per copy" and x.shape[1] == 1:
        x[..., 0, :] = steps
        y = x.clone()
        y[..., 0, [1, 2]] = x[..., 0, [2, 1]]
        return x, y
    if projection.name in ("bispectrum", "sort per copy"):
        x[..., :, 0] = 1.0
        y = x.clone()
        y[..., 0, :] = torch.roll(x[..., 0, :], 1, -1)
        return x, y
    if projection.name == "random relu-mean" and n >= 3:
        x[..., 0, :3] = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)
        return x, -x
    if projection.name in ("random relu-mean", "random max filter"):
        base = codes(projection.input_shape, 1, 6)
        jacobian = torch.func.jacrev(lambda z: projection(z[None])[0])(base[0])
        unseen = torch.linalg.svd(jacobian.reshape(projection.output_dimension, -1))[2][-1]
        return base, base + 1e-3 * unseen.reshape(base.shape)
    assert projection.name == "sorted random projections"
    assert projection.weights is not None
    directions, dimension = projection.weights.shape
    if directions < dimension:
        unseen = torch.linalg.svd(projection.weights)[2][-1]
        return x, x + unseen
    # A parity pair: flipping epsilon_j moves a point perpendicularly to direction j.
    hidden = torch.stack([torch.linalg.svd(a[None])[2][-1] for a in projection.weights])
    signs = torch.tensor(list(itertools.product((0.0, 1.0), repeat=directions))).double()
    corners, parity = signs @ hidden, signs.sum(1) % 2
    even, odd = x.clone(), x.clone()
    even[0, : 2 ** (directions - 1)] = corners[parity == 0]
    odd[0, : 2 ** (directions - 1)] = corners[parity == 1]
    return even, odd


def test_which_are_complete():
    """A map declared complete by mistake would drop out of the tests below, so all are listed."""
    always = {"raw", "canonicalise", "sort", "power sums"}
    chosen = {
        ("sort per copy", (1, 2)),
        ("bispectrum", (1, 3)),
        ("random max filter", (1, 2)),
        ("random max filter", (1, 3)),
        ("random max filter", (1, 4)),
        ("random max filter", (2, 2)),
        ("sorted random projections", (4, 1)),
        ("sorted random projections", (3, 2)),
    }
    complete = {(p.name, p.input_shape) for p in ALL if p.complete is True}
    assert {name for name, _ in complete} - {name for name, _ in chosen} == always
    assert {pair for pair in complete if pair[0] not in always} == chosen
    assert {p.name for p in ALL if p.complete is None} == {
        "random relu-mean",
        "random max filter",
        "sorted random projections",
    }


@pytest.mark.parametrize("projection", [p for p in ALL if p.complete is False], ids=label)
def test_incomplete_projections_confuse_two_orbits(projection):
    x, y = collision(projection)
    assert float(quotient_distance(x, y, projection.action)) > 5e-4
    assert torch.allclose(projection(x), projection(y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("projection", [p for p in ALL if p.complete is False], ids=label)
def test_the_collisions_are_seen_by_a_complete_projection(projection):
    """The control for the test above: a complete map tells the two codes apart."""
    x, y = collision(projection)
    if isinstance(projection.action, CyclicShifts):
        complete = canonicalise(*projection.input_shape)
    else:
        points, dimension = projection.input_shape
        complete = sorted_random_projections(points, dimension, (dimension - 1) * points + 1)
    assert complete.complete
    assert (complete(x) - complete(y)).norm() > 1e-4


def test_completeness_by_number_of_outputs():
    assert [random_max_filter(1, 3, m).complete for m in (2, 3, 4, 5)] == [False, None, None, True]
    assert [random_reynolds(1, 3, m).complete for m in (2, 3, 100)] == [False, False, False]
    assert [random_reynolds(1, 2, m).complete for m in (1, 2, 100)] == [False, None, None]
    assert [sorted_random_projections(3, 2, m).complete for m in (1, 2, 3, 4)] == [
        False,
        False,
        None,
        True,
    ]
    assert [sorted_random_projections(2, 3, m).complete for m in (2, 3, 4, 5)] == [
        False,
        None,
        None,
        True,
    ]
    assert [sorted_random_projections(4, 2, m).complete for m in (3, 4, 5)] == [False, None, True]
    assert [sorted_random_projections(6, 2, m).complete for m in (3, 4, 7)] == [False, None, True]
    assert [sorted_random_projections(3, 4, m).complete for m in (3, 4, 10)] == [False, None, True]
    assert sorted_random_projections(4, 1, 1).complete is True


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=4, max_size=4), st.data())
def test_power_sums_separate_lists_of_whole_numbers(entries, data):
    other = data.draw(st.lists(st.integers(-5, 5), min_size=4, max_size=4))
    x, y = (torch.tensor([v], dtype=torch.float64) for v in (entries, other))
    same = torch.equal(power_sums(4)(x), power_sums(4)(y))
    assert same == (sorted(entries) == sorted(other))


def test_fewer_power_sums_would_not_separate():
    x = torch.tensor([[-2.0, -1, 0, 3]])
    y = torch.tensor([[-3.0, 0, 1, 2]])
    value_x, value_y = power_sums(4)(x), power_sums(4)(y)
    assert torch.equal(value_x[:, :2], value_y[:, :2])
    assert not torch.equal(value_x, value_y)


@pytest.mark.parametrize("shape", SHAPES)
def test_canonical_form_lies_on_the_orbit(shape):
    z = codes(shape, 50)
    form = canonicalise(*shape)(z).reshape(z.shape)
    assert quotient_distance(form, z, CyclicShifts(shape[1])).max() == 0


def test_bispectrum_determines_one_copy_of_order_three():
    """z(0) is a real cube root, and z(1) is one of three cube roots, which are the shifts."""
    z = codes((1, 3), 20)
    triples = bispectrum_triples(3)
    value = bispectrum(1, 3)(z)
    mean = value[:, triples.index((0, 0, 0))]
    mean = mean.sign() * mean.abs() ** (1 / 3)
    cube = torch.complex(value[:, triples.index((1, 1, 1))], value[:, -1])
    one = cube ** (1 / 3)
    rebuilt = torch.fft.ifft(torch.stack([mean + 0j, one, one.conj()], 1), norm="ortho").real
    assert quotient_distance(rebuilt[:, None], z, CyclicShifts(3)).max() < 1e-10


@pytest.mark.parametrize(
    ("projection", "far"),
    [
        (random_max_filter(2, 3, 12, seed=0), True),
        (random_max_filter(1, 4, 8, seed=0), True),
        (random_max_filter(1, 4, 3, seed=0), False),
    ],
    ids=["12 for dimension 6", "8 for dimension 4", "3 for dimension 4"],
)
def test_enough_max_filters_cannot_be_brought_together(projection, far):
    """Descend from many pairs on the ratio of distances; too few filters give way."""
    x = codes(projection.input_shape, 200, 1).requires_grad_()
    y = codes(projection.input_shape, 200, 2).requires_grad_()
    optimiser = torch.optim.Adam([x, y], lr=0.02)
    smallest = math.inf
    for _ in range(300):
        optimiser.zero_grad()
        ratio = ratios(projection, x, y)
        smallest = min(smallest, float(ratio.detach().min()))
        ratio.log().sum().backward()
        optimiser.step()
    assert (smallest > 0.02) == far


def test_enough_directions_separate_what_fewer_confuse():
    """The parity pair of three directions in the plane is told apart by five."""
    few = sorted_random_projections(4, 2, 3, seed=0)
    x, y = collision(few)
    enough = sorted_random_projections(4, 2, 5, seed=0)
    assert few.complete is False
    assert enough.complete is True
    assert float((few(x) - few(y)).abs().max()) < 1e-12
    assert float((enough(x) - enough(y)).norm()) > 0.1


PER_COPY = [mean_pool, max_pool, norm_pool, amplitude_spectrum, power_spectrum, bispectrum]
PER_COPY += [sort_per_copy, random_linear_mean]


def test_scramble_test_separates_joint_from_per_copy_invariants():
    z = codes((3, 8), 40)
    other = scramble(z, torch.Generator().manual_seed(0))
    assert (quotient_distance(z, other, CyclicShifts(8)) > 0.1).sum() > 30
    for make in PER_COPY:
        assert torch.allclose(make(3, 8)(z), make(3, 8)(other), rtol=0, atol=1e-12), make.__name__
    for make in (canonicalise, random_reynolds, random_max_filter):
        change = (make(3, 8)(z) - make(3, 8)(other)).norm(dim=1)
        assert (change > 0.1).sum() > 30, make.__name__


def test_scramble_moves_nothing_with_one_copy():
    z = codes((1, 8), 40)
    other = scramble(z, torch.Generator().manual_seed(0))
    assert quotient_distance(z, other, CyclicShifts(8)).max() == 0


# --------------------------------------------------------------------------------------------
# Transforms
# --------------------------------------------------------------------------------------------


@every_projection
def test_vmap(projection):
    z = codes(projection.input_shape)
    mapped = torch.func.vmap(lambda one: projection(one[None])[0])(z)
    assert torch.allclose(mapped, projection(z), rtol=0, atol=1e-13)


@every_projection
def test_forward_derivative_agrees_with_differences(projection):
    z, tangent = codes(projection.input_shape, 12, 1), codes(projection.input_shape, 12, 2)
    value, derivative = torch.func.jvp(projection, (z,), (tangent,))
    step = 1e-6
    difference = (projection(z + step * tangent) - projection(z - step * tangent)) / (2 * step)
    assert torch.equal(value, projection(z))
    assert torch.allclose(derivative, difference, rtol=1e-5, atol=1e-6)


@every_projection
def test_backward_derivative_agrees_with_forward(projection):
    z, tangent = codes(projection.input_shape, 12, 1), codes(projection.input_shape, 12, 2)
    forward = torch.func.jvp(lambda v: projection(v).sum(), (z,), (tangent,))[1]
    backward = (torch.func.grad(lambda v: projection(v).sum())(z) * tangent).sum()
    assert torch.allclose(forward, backward, rtol=1e-10)


# --------------------------------------------------------------------------------------------
# Declarations and refusals
# --------------------------------------------------------------------------------------------


def test_names_of_cyclic_projections():
    made = cyclic_projections(2, 8, outputs=9, seed=5)
    assert list(made) == [
        "raw",
        "mean",
        "max",
        "norm",
        "amplitude spectrum",
        "power spectrum",
        "bispectrum",
        "sort per copy",
        "canonicalise",
        "random linear + mean",
        "random relu-mean",
        "random max filter",
    ]
    for name, projection in made.items():
        assert projection.name == name
        assert (projection.group.name, projection.group.order) == ("C_8", 8)
        assert projection.input_shape == (2, 8)
        assert projection.invariant == (name != "raw")
        if projection.weights is not None:
            assert projection.weights.shape == (9, 2, 8)
    for make in (random_linear_mean, random_reynolds, random_max_filter):
        alone = make(2, 8, 9, seed=5)
        assert torch.equal(made[alone.name].weights, alone.weights)
        alone = make(2, 4)
        assert torch.equal(cyclic_projections(2, 4)[alone.name].weights, alone.weights)


@pytest.mark.parametrize("make", [random_linear_mean, random_reynolds, random_max_filter])
def test_seeds(make):
    first, again, other = make(2, 4, seed=1), make(2, 4, seed=1), make(2, 4, seed=2)
    assert torch.equal(first.weights, again.weights)
    assert not torch.equal(first.weights, other.weights)
    assert torch.equal(make(2, 4).weights, make(2, 4, seed=0).weights)
    assert first.output_dimension == len(first.weights) == 256


def test_templates_keep_the_scale_of_a_code():
    """Variance 1/m: the squares of the scalar products add up to the squared norm on average."""
    weights = random_max_filter(4, 8, 2000, seed=0).weights
    assert weights is not None
    assert float(weights.square().sum(0).mean()) == pytest.approx(1.0, abs=0.02)
    directions = sorted_random_projections(3, 4, 2000, seed=0).weights
    assert directions is not None
    assert float(directions.square().sum(0).mean()) == pytest.approx(1.0, abs=0.1)


def test_seeds_of_sorted_projections():
    first, other = (sorted_random_projections(3, 2, 4, seed=s) for s in (0, 1))
    assert torch.equal(first.weights, sorted_random_projections(3, 2, 4).weights)
    assert not torch.equal(first.weights, other.weights)
    assert (first.group.name, first.group.order) == ("S_3", 6)
    assert first.weights.shape == (4, 2)


def test_projections_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        mean_pool(2, 3).complete = True


@pytest.mark.parametrize("make", [mean_pool, random_max_filter, bispectrum])
def test_equality_and_text_leave_out_functions_templates_and_sources(make):
    first, again, other = make(2, 3), make(2, 3), make(1, 3)
    assert first == again == dataclasses.replace(first, function=lambda z: z, weights=None)
    assert first != other
    assert dataclasses.replace(first, source="elsewhere") != first
    assert not {"function", "weights", "source"} & set(re.findall(r"(\w+)=", repr(first)))
    assert "lower_lipschitz_constant=0.0" in repr(first)


def test_sources():
    assert {p.name: p.source for p in ALL if p.source} == {
        "bispectrum": "Kakarala (2012); Sadler and Giannakis (1992)",
        "random max filter": (
            "Cahill, Iverson, Mixon and Packer (2022), Group-invariant max filtering"
        ),
        "sorted random projections": "Balan, Haghani and Singh (2022); Dym and Gortler (2022)",
    }


def test_properties_are_given_by_name():
    parameters = inspect.signature(InvariantProjection).parameters.values()
    by_name = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert by_name == [*GOOD, "weights", "source"]


def test_public_names_are_listed():
    """Each module lists what it defines, and the room what its modules list."""
    public = set()
    for module in vars(projections).values():
        if not isinstance(module, types.ModuleType) or module.__name__.split(".")[-1][0] == "_":
            continue
        defined = {
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__ and name[0] != "_"
        }
        assert set(module.__all__) == defined
        public |= defined
    assert set(projections.__all__) == public


def test_a_batch_of_plain_numbers():
    mine = InvariantProjection("mine", CyclicShifts(1), (), 1, lambda z: z[:, None], **GOOD)
    assert mine(torch.ones(3)).shape == (3, 1)
    with pytest.raises(ValueError, match=r"mine for C_1 takes codes of shape \(B\)"):
        mine(torch.tensor(1.0))


@pytest.mark.parametrize("projection", [max_pool(2, 4), sort_projection(4), canonicalise(1, 3)])
def test_refusals(projection):
    shape = projection.input_shape
    good = torch.zeros(2, *shape)
    assert projection(good).shape == (2, projection.output_dimension)
    with pytest.raises(TypeError, match=r"must be a torch\.Tensor, but it is a ndarray"):
        projection(good.numpy())
    for dtype in (torch.int64, torch.float16, torch.complex64, torch.bfloat16):
        with pytest.raises(TypeError, match="must be float32 or float64"):
            projection(good.to(dtype))
    with pytest.raises(ValueError, match=r"codes for .* is empty"):
        projection(good[:0])
    for bad in (math.nan, math.inf, -math.inf):
        spoiled = good.clone()
        spoiled.view(-1)[-1] = bad
        with pytest.raises(ValueError, match="NaN or infinite"):
            projection(spoiled)
    for wrong in ((), shape, (2, *shape, 1), (2, *shape[:-1], shape[-1] + 1), (2,)):
        with pytest.raises(ValueError, match="takes codes of shape"):
            projection(torch.zeros(wrong))


def test_a_code_of_another_group_is_refused_by_name():
    with pytest.raises(ValueError, match=r"max for C_8 takes codes of shape \(B, 16, 8\)"):
        max_pool(16, 8)(torch.zeros(3, 16, 4))


MAKERS = [identity, mean_pool, max_pool, norm_pool, amplitude_spectrum, power_spectrum, bispectrum]
MAKERS += [sort_per_copy, canonicalise, random_linear_mean, random_reynolds, random_max_filter]


@pytest.mark.parametrize("make", MAKERS)
def test_makers_refuse_bad_numbers(make):
    with pytest.raises(ValueError, match="copies is at least 1, but it is 0"):
        make(0, 4)
    with pytest.raises(ValueError, match="group elements is at least 2, but it is 1"):
        make(2, 1)
    with pytest.raises(TypeError, match="copies is an integer"):
        make(2.0, 4)
    with pytest.raises(TypeError, match="group elements is an integer"):
        make(2, True)


@pytest.mark.parametrize("make", [random_linear_mean, random_reynolds, random_max_filter])
def test_random_makers_refuse_bad_numbers(make):
    assert make(1, 2, 1).output_dimension == 1
    with pytest.raises(ValueError, match="outputs is at least 1, but it is 0"):
        make(2, 4, 0)
    with pytest.raises(TypeError, match="seed is an integer"):
        make(2, 4, seed=None)
    with pytest.raises(TypeError, match="seed is an integer"):
        make(2, 4, seed=True)


def test_set_makers_refuse_bad_numbers():
    for make in (sort_projection, power_sums):
        with pytest.raises(ValueError, match="points is at least 1"):
            make(0)
    for arguments, what in (((0, 2, 2), "points"), ((2, 0, 2), "dimen"), ((2, 2, 0), "direc")):
        with pytest.raises(ValueError, match=f"number of {what}.* is at least 1"):
            sorted_random_projections(*arguments)
    with pytest.raises(ValueError, match="group elements is at least 2"):
        bispectrum_triples(1)


GOOD = {
    "invariant": True,
    "continuous": True,
    "complete": True,
    "isometric": True,
    "lipschitz_constant": 1.0,
    "lower_lipschitz_constant": 1.0,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"invariant": False}, "a map with a finite Lipschitz constant is invariant"),
        ({"continuous": False}, "a map with a finite Lipschitz constant is continuous"),
        ({"lipschitz_constant": 2.0}, "an isometric map has both Lipschitz constants 1"),
        ({"lower_lipschitz_constant": 0.5}, "an isometric map has both Lipschitz constants 1"),
        ({"complete": False}, "a map with a positive lower Lipschitz constant is complete"),
        ({"complete": None}, "a map with a positive lower Lipschitz constant is complete"),
        (
            {"isometric": False, "lower_lipschitz_constant": 2.0},
            "a lower Lipschitz constant is not above the upper one",
        ),
        (
            {"isometric": False, "lower_lipschitz_constant": -1.0},
            "a lower Lipschitz constant is not above the upper one",
        ),
    ],
)
def test_contradictory_declarations_are_refused(change, message):
    def make(**properties):
        return InvariantProjection("mine", CyclicShifts(3), (1, 3), 3, lambda z: z[0], **properties)

    assert make(**GOOD).isometric
    with pytest.raises(ValueError, match=rf"^The properties .* mine contradict: {message}\.$"):
        make(**{**GOOD, **change})


def test_defaults_of_a_declaration():
    properties = {**GOOD, "isometric": False, "complete": None}
    del properties["lower_lipschitz_constant"]
    mine = InvariantProjection("mine", CyclicShifts(3), (3,), 3, lambda z: 2 * z, **properties)
    assert mine.lower_lipschitz_constant == 0
    assert mine.weights is None
    assert mine.source == ""
    assert torch.equal(mine(torch.ones(1, 3)), torch.full((1, 3), 2.0))


@pytest.mark.parametrize("name", [n for n in projections.__all__ if n[0].islower()])
def test_docstrings_describe_the_arguments_in_their_order(name):
    """Whether a section is written in place or made from the signature; each stands once."""
    documented = getattr(projections, name)
    text = inspect.cleandoc(documented.__doc__)
    titles = re.findall(r"\n\n(\w+)\n-+\n\S", text)
    assert titles == ["Parameters", "Returns", "Examples"]
    section = re.search(r"\n\nParameters\n-+\n(.*?)\n\nReturns", text, re.DOTALL)
    described = re.findall(r"^(\w.*) : \S.*\n    \S", section[1], re.MULTILINE)
    assert ", ".join(described).split(", ") == list(inspect.signature(documented).parameters)


@pytest.mark.parametrize("make", [mean_pool, random_max_filter, sort_projection])
def test_a_factory_is_a_function_with_its_own_signature(make):
    signature = inspect.signature(make)
    assert signature.return_annotation is InvariantProjection
    assert "z" not in signature.parameters
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        make(z=torch.ones(1, 2, 3))


def test_without_docstrings():
    """Python leaves them out with -OO, and there is nothing to put sections into."""
    path = Path(inspect.getfile(mean_pool.__wrapped__))
    bare: dict = {"__name__": "bare"}
    exec(compile(path.read_text(encoding="utf-8"), path, "exec", optimize=2), bare)
    assert bare["mean_pool"].__doc__ is None
    assert bare["mean_pool"](2, 4).output_dimension == 2


def test_messages_name_the_group_that_mirrors_generate():
    fold = projections.chamber_fold(np.diff(np.eye(3), axis=0), np.array([1.0, 2.0, 4.0]))
    assert fold.group is fold.action.group
    assert fold.group.order == 6
    with pytest.raises(ValueError, match=r"chamber fold for W of 3 mirrors takes codes of shape"):
        fold(torch.ones(1, 4))
