"""Speed and memory of quotient distances, as ratios measured in one run.

One thread, and the time that the processor spent on this process, so that other work on the
machine hardly matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from timing import best_times, peak_growth

from utils.equivariance import equivariant_basis
from utils.groups import (
    CyclicShifts,
    PointPermutations,
    permutation_representation,
    symmetric,
    tensor_product,
)
from utils.quotient import match_graphs, quotient_distance, quotient_distance_matrix


def codes(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def best_time(function: Callable[[], object], repetitions: int = 3) -> float:
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def by_loops(x: torch.Tensor, y: torch.Tensor, order: int) -> torch.Tensor:
    """The definition, as a loop over pairs and group elements."""
    rows = []
    for a in x:
        row = []
        for b in y:
            row.append(min(float((a - torch.roll(b, r, -1)).norm()) for r in range(order)))
        rows.append(row)
    return torch.tensor(rows)


def test_all_pairs_against_loops():
    """1,000 x 1,000 codes: at least fifty times as fast as a loop, and equal to 1e-5."""
    x, y, action = codes(1000, 16, 8), codes(1000, 16, 8, seed=1), CyclicShifts(8)
    y[:20] = torch.roll(x[:20], 3, -1) + 1e-4 * y[:20]  # some pairs are close
    found = quotient_distance_matrix(x, y, action)
    fast = best_time(lambda: quotient_distance_matrix(x, y, action))
    start = time.process_time()
    exact = by_loops(x[:20], y[:20], 8)  # 400 of the million pairs; the loop is linear in them
    slow = (time.process_time() - start) * 1_000_000 / 400
    assert torch.allclose(found[:20, :20], exact, rtol=1e-5, atol=0)
    print(f"\nall pairs: {fast:.3f} s, loops {slow:.0f} s, ratio {slow / fast:.0f}")
    assert slow / fast >= 50


PAIRS = """
from utils.groups import CyclicShifts
from utils.quotient import quotient_distance_matrix

small = torch.randn(4, 16, 8)
quotient_distance_matrix(small, small, CyclicShifts(8))
x, y = torch.randn(1000, 16, 64), torch.randn(1000, 16, 64)
"""


def test_the_measure_of_memory_sees_memory():
    """The control: a tensor of 600 MB that is freed at once."""
    assert 550 < peak_growth(PAIRS, "torch.ones(150_000_000).sum()") < 650


@pytest.mark.parametrize("order", [8, 64])
@pytest.mark.parametrize("method", ["matmul", "fft"])
def test_all_pairs_in_bounded_memory(order, method):
    """The peak memory of a fresh process grows by less than 500 MB."""
    call = f"quotient_distance_matrix(x[..., :{order}], y[..., :{order}], CyclicShifts({order}), "
    megabytes = peak_growth(PAIRS, f"{call} method={method!r})")
    print(f"\nC_{order} by {method}: {megabytes:.0f} MB more")
    assert 4 < megabytes < 500


@pytest.mark.parametrize("order", [4, 8, 16, 32, 64])
def test_where_the_forms_cross(order):
    """The Fourier form is ahead for C_64; the automatic choice is never far from the best."""
    x, y, action = codes(500, 16, order), codes(500, 16, order, seed=1), CyclicShifts(order)
    taken = {
        method: best_time(lambda m=method: quotient_distance_matrix(x, y, action, method=m), 5)
        for method in ("matmul", "fft", "auto")
    }
    print(f"\nC_{order}: " + ", ".join(f"{m} {1000 * t:.0f} ms" for m, t in taken.items()))
    if order == 64:
        assert taken["fft"] < taken["matmul"]
    assert taken["auto"] < 2 * min(taken["matmul"], taken["fft"])


def by_plain_fft(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The textbook form: correlations by Fourier transforms, all shifts of all pairs at once."""
    spectra = torch.fft.rfft(x), torch.fft.rfft(y).conj()
    products = torch.einsum("akf,bkf->abf", *spectra)
    largest = torch.fft.irfft(products, n=x.shape[-1]).amax(dim=-1)
    norms = x.flatten(1).square().sum(1)[:, None] + y.flatten(1).square().sum(1)
    return (norms - 2 * largest).clamp(min=0).sqrt()


@pytest.mark.parametrize("order", [16, 32, 64])
def test_frequencies_against_a_plain_fft(order):
    """The textbook form has no guard against cancellation, and holds all pairs and shifts."""
    x, y = (codes(500, 16, order, seed=seed).double() for seed in (0, 1))
    action = CyclicShifts(order)
    found = quotient_distance_matrix(x, y, action)
    torch.testing.assert_close(found, by_plain_fft(x, y), rtol=1e-9, atol=0)
    ours, plain = best_times(
        lambda: quotient_distance_matrix(x, y, action), lambda: by_plain_fft(x, y), 7
    )
    print(f"\nC_{order}: {plain / ours:.2f} times the speed of a plain Fourier transform")
    assert plain / ours >= 0.8


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1.2), (torch.float32, 2.4)])
def test_all_pairs_of_eight_shifts_against_matrix_products(dtype, most):
    """The limit: eight matrix products of the size of the result, in the type of the codes.

    Distances are in double precision for both types, which alone is twice the time of a product in
    single precision.
    """
    x, y = (codes(1000, 16, 8, seed=seed).to(dtype) for seed in (0, 1))
    left, right, action = x.flatten(1), y.flatten(1).T.contiguous(), CyclicShifts(8)
    ours, limit = best_times(
        lambda: quotient_distance_matrix(x, y, action), lambda: [left @ right for _ in range(8)], 9
    )
    print(f"\nC_8 in {dtype}: {ours / limit:.2f} times eight products")
    assert ours / limit <= most


@pytest.mark.parametrize("dimension", [1, 2, 8])
def test_points_against_a_loop_over_scipy(dimension):
    """Pairs of nine points: not slower than a plain loop that builds each cost matrix itself.

    Points on a line are sorted, which needs no assignment at all.
    """
    x, y = codes(5000, 9, dimension).double(), codes(5000, 9, dimension, seed=1).double()

    def loop() -> np.ndarray:
        found = []
        for a, b in zip(x.numpy(), y.numpy(), strict=True):
            costs = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
            rows, columns = linear_sum_assignment(costs)
            found.append(np.sqrt(costs[rows, columns].sum()))
        return np.array(found)

    action = PointPermutations(9)
    np.testing.assert_allclose(quotient_distance(x, y, action).numpy(), loop(), rtol=1e-10)
    fast, slow = best_time(lambda: quotient_distance(x, y, action)), best_time(loop)
    print(f"\nnine points in R^{dimension}: {fast:.3f} s, loop {slow:.3f} s, {slow / fast:.1f}")
    assert fast <= slow / (2 if dimension == 1 else 1)


@pytest.mark.parametrize(("n", "least"), [(9, 0.97), (32, 1.8)])
def test_numbers_against_sorting_and_scipy(n, least):
    """All pairs of n numbers: not slower than sorting and SciPy's distances, checks included."""
    x, y, action = codes(1500, n).double(), codes(1500, n, seed=1).double(), PointPermutations(n)

    def plain() -> np.ndarray:
        return cdist(np.sort(x.numpy(), axis=1), np.sort(y.numpy(), axis=1))

    np.testing.assert_allclose(quotient_distance_matrix(x, y, action).numpy(), plain(), rtol=1e-12)
    ours, theirs = best_times(lambda: quotient_distance_matrix(x, y, action), plain, 9)
    print(f"\nall pairs of {n} numbers: {theirs / ours:.2f} times the speed of SciPy")
    assert theirs / ours >= least


def test_pairs_of_graphs_a_second():
    """Exact distances of random graphs with nine nodes, beside the approximation alone."""
    x, y = ((codes(64, 9, 9, 3, seed=seed).abs() > 1.5).float() for seed in (0, 1))
    x, y = ((graphs + graphs.swapaxes(1, 2)).clamp(max=1) for graphs in (x, y))
    exact, faq = best_times(lambda: match_graphs(x, y), lambda: match_graphs(x, y, method="faq"), 2)
    print(f"\ngraphs: {64 / exact:.0f} pairs a second exactly, {64 / faq:.0f} by FAQ")
    assert match_graphs(x, y).certified.all()
    assert exact < 500 * faq


def test_basis_for_tensors_of_five_points():
    """Equivariant maps between tensors of order two over five points in under five seconds."""
    point = permutation_representation(symmetric(5))
    square = tensor_product(point, point)
    taken = best_time(lambda: equivariant_basis(square, square), 1)
    print(f"\nbasis for S_5: {taken:.2f} s")
    assert taken < 5
