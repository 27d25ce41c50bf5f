"""How many random max filters separate all orbits: both sides of the number that is proved."""

from __future__ import annotations

import pytest
import torch

from utils.groups import CyclicShifts
from utils.projections import InvariantProjection, random_max_filter
from utils.quotient import quotient_distance


@pytest.mark.parametrize("shape", [(1, 2), (1, 5), (2, 3), (3, 8), (16, 8)])
def test_completeness_is_declared_from_the_proved_number_on(shape):
    copies, order = shape
    enough = 2 * copies * order - copies
    declared = [random_max_filter(copies, order, m).complete for m in (enough - 1, enough)]
    assert declared == [None, True]
    below = copies * order - 1
    assert random_max_filter(copies, order, below).complete is False


def collisions(projection: InvariantProjection, starts: int = 200) -> int:
    """Search for orbits with equal values: Newton's step on the linear pieces, many times."""
    generator = torch.Generator().manual_seed(1)
    shape = projection.input_shape
    pair = torch.randn(2, starts, *shape, generator=generator, dtype=torch.float64)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: projection.function(one[None])[0]))
    for _ in range(30):
        x, y = pair
        gap = projection(x) - projection(y)
        rows = torch.cat([jacobian(x).flatten(2), -jacobian(y).flatten(2)], dim=2)
        step = (torch.linalg.pinv(rows, rtol=1e-9) @ gap[..., None])[..., 0]
        flat = torch.cat([x.flatten(1), y.flatten(1)], dim=1) - step
        flat = flat / flat.norm(dim=1, keepdim=True)
        pair = torch.stack(flat.chunk(2, dim=1)).reshape(pair.shape)
    x, y = pair
    equal = (projection(x) - projection(y)).norm(dim=1) < 1e-10
    apart = quotient_distance(x, y, CyclicShifts(shape[1])) > 1e-3
    return int((equal & apart).sum())


@pytest.mark.parametrize(("shape", "enough"), [((1, 5), 9), ((2, 3), 10)])
def test_collisions_are_found_below_the_number_and_not_from_it_on(shape, enough):
    assert random_max_filter(*shape, enough).complete is True
    for seed in range(3):
        assert collisions(random_max_filter(*shape, enough, seed=seed)) == 0
    few = enough - 3
    assert random_max_filter(*shape, few).complete is None
    assert sum(collisions(random_max_filter(*shape, few, seed=seed)) for seed in range(3)) > 0


def test_one_template_less_is_not_enough_for_five_shifts():
    """The declared number cannot be lowered for C_5: with 8 templates there are collisions."""
    found = [collisions(random_max_filter(1, 5, 8, seed=seed), 400) for seed in range(6)]
    assert sum(found) > 0
