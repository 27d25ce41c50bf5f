"""Speed of projections, as ratios measured in one run.

10,000 codes of 16 copies of the regular representation of C_8, one thread. Each ratio compares
the time that the processor spent on this process, the best of several alternating repetitions, so
that other work on the machine hardly matters.
"""

from __future__ import annotations

import pytest
import torch
from timing import best_times

from utils.projections import cyclic_projections, random_max_filter

COPIES, ORDER, CODES, OUTPUTS = 16, 8, 10_000, 256


@pytest.fixture(scope="module")
def codes() -> torch.Tensor:
    return torch.randn(CODES, COPIES, ORDER, generator=torch.Generator().manual_seed(0))


def max_filter_by_loops(codes: torch.Tensor, templates: torch.Tensor) -> torch.Tensor:
    """The definition, as a loop over templates and group elements."""
    columns = []
    for template in templates:
        values = [(torch.roll(codes, r, dims=-1) * template).sum(dim=(1, 2)) for r in range(ORDER)]
        columns.append(torch.stack(values).amax(dim=0))
    return torch.stack(columns, dim=1)


def test_max_filters_against_loops(codes):
    """256 max filters are at least ten times as fast as a loop over group and templates."""
    projection = random_max_filter(COPIES, ORDER, OUTPUTS)
    assert projection.weights is not None
    templates = projection.weights.float()
    some = 16  # the loop is linear in the templates
    fast, slow = best_times(
        lambda: projection(codes), lambda: max_filter_by_loops(codes, templates[:some]), 3
    )
    by_loops = max_filter_by_loops(codes, templates[:some])
    assert torch.allclose(projection(codes)[:, :some], by_loops, rtol=1e-4, atol=1e-4)
    ratio = slow * OUTPUTS / some / fast
    print(f"\nmax filter: {fast:.3f} s, loops {slow * OUTPUTS / some:.1f} s, ratio {ratio:.0f}")
    assert ratio >= 10


def test_max_filters_against_matrix_products(codes):
    """They take at most 1.5 times the time of |G| plain matrix products of the same size."""
    projection = random_max_filter(COPIES, ORDER, OUTPUTS)
    flat, matrix = codes.flatten(1), torch.randn(COPIES * ORDER, OUTPUTS)
    filters, product = best_times(lambda: projection(codes), lambda: flat @ matrix, 9)
    ratio = filters / (ORDER * product)
    print(f"\nmax filter: {filters:.3f} s, {ORDER} products {ORDER * product:.3f} s, {ratio:.2f}")
    assert ratio <= 1.5


@pytest.mark.parametrize("name", list(cyclic_projections(COPIES, ORDER)))
def test_every_projection(benchmark, codes, name):
    """Each projection on all codes, for the table that pytest-benchmark prints."""
    projection = cyclic_projections(COPIES, ORDER, outputs=OUTPUTS)[name]
    values = benchmark.pedantic(projection, args=(codes,), rounds=3, warmup_rounds=1)
    assert values.shape == (CODES, projection.output_dimension)


def test_all_projections_together(benchmark, codes):
    """All projections of chapter 11, one after the other, take less than five seconds together.

    The bound is on the time that the processor spends on this process. So that it means the same
    on a slow machine, it is also a ratio: at most forty times the eight matrix products that the
    max filters alone cannot do without.
    """
    projections = cyclic_projections(COPIES, ORDER, outputs=OUTPUTS)
    flat, matrix = codes.flatten(1), torch.randn(COPIES * ORDER, ORDER * OUTPUTS)

    def every() -> int:
        return sum(projection(codes).shape[1] for projection in projections.values())

    taken, product = best_times(every, lambda: flat @ matrix, 3)
    width = benchmark.pedantic(every, rounds=1)
    assert width == sum(projection.output_dimension for projection in projections.values())
    print(f"\nall {len(projections)}: {taken:.2f} s, {taken / product:.0f} times the products")
    assert taken < 5
    assert taken / product <= 40
