"""Speed of the permutation-equivariant layers, as ratios measured in one run.

Graphs of nine nodes in batches of 256, forward and backward, one thread. The literal form computes
the fifteen operations of a matrix and mixes their channels; the fast form mixes first, and keeps
9 + 36 rows instead of 81. All layers compared compute the same function of symmetric matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from timing import best_times
from torch import Tensor, nn

from utils.equivariance import relative_error
from utils.models.permutation import (
    GraphFeatures,
    SymmetricEquivariantLinear,
    unpack_symmetric,
)

GRAPHS, NODES, PAIRS = 256, 9, 36


def step(evaluate: Callable, layer: nn.Module, inputs: list[Tensor]) -> Callable[[], list[Tensor]]:
    """Return a function that runs a layer forward and backward, for all gradients."""
    leaves = [*inputs, *layer.parameters()]
    pull: list[Tensor] = []

    def run() -> list[Tensor]:
        out = evaluate(GraphFeatures(*inputs) if len(inputs) == 2 else inputs[0])
        outputs = list(out) if isinstance(out, GraphFeatures) else [out]
        if not pull:
            pull.extend(torch.randn_like(one) for one in outputs)
        torch.autograd.grad(outputs, leaves, pull)
        return [one.detach() for one in outputs]

    return run


class Steps(NamedTuple):
    """Forward and backward of one function in four forms, at one number of channels."""

    compact: Callable[[], list[Tensor]]
    compact_literal: Callable[[], list[Tensor]]
    directed: Callable[[], list[Tensor]]
    literal: Callable[[], list[Tensor]]


def steps(channels: int) -> Steps:
    torch.manual_seed(0)
    layer = SymmetricEquivariantLinear(channels, channels)
    directed = layer.as_directed(NODES)
    compact = [torch.randn(GRAPHS, rows, channels).requires_grad_() for rows in (NODES, PAIRS)]
    with torch.no_grad():
        matrix = unpack_symmetric(GraphFeatures(*compact))
    full = [matrix.requires_grad_()]
    return Steps(
        step(layer, layer, compact),
        step(layer.literal, layer, compact),
        step(directed, directed, full),
        step(directed.literal, directed, full),
    )


@pytest.mark.parametrize("channels", [20, 64])
def test_fast_against_the_fifteen_operations(channels):
    """At 20 channels at least seven times the molecules per second, and the same numbers."""
    found = steps(channels)
    expected = found.literal()[0]
    compact = unpack_symmetric(GraphFeatures(*found.compact()))
    assert relative_error(compact, expected).max() < 1e-5
    assert relative_error(found.directed()[0], expected).max() < 1e-5
    fast, slow = best_times(found.compact, found.literal, 15)
    directed, literal = best_times(found.directed, found.compact_literal, 15)
    print(
        f"\n{channels} channels: literal, 15 operations {GRAPHS / slow:,.0f} molecules/s; compact "
        f"{GRAPHS / fast:,.0f} (ratio {slow / fast:.1f}), directed {GRAPHS / directed:,.0f} "
        f"(ratio {slow / directed:.1f}), compact literal, 9 operations {GRAPHS / literal:,.0f} "
        f"(ratio {slow / literal:.1f})"
    )
    if channels == 20:
        assert slow / fast >= 7


@pytest.mark.parametrize("form", Steps._fields)
def test_each_form(benchmark, form):
    """Each form at 20 channels, for the table that pytest-benchmark prints."""
    run = getattr(steps(20), form)
    outputs = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    assert outputs[0].shape[0] == GRAPHS
