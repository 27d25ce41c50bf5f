"""Max filters for any finite group: against the definition, and against groups that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from utils.equivariance import assert_invariant
from utils.groups import (
    Action,
    CyclicShifts,
    PointPermutations,
    Representation,
    cyclic,
    dihedral,
    irreps,
    regular_representation,
    symmetric,
)
from utils.projections import group_max_filter, random_max_filter
from utils.quotient import quotient_distance

ARROWS = Representation(
    cyclic(4), np.stack([np.linalg.matrix_power([[0, -1], [1, 0]], k) for k in range(4)]), "arrows"
)
CASES = {
    "regular of D_4": (regular_representation(dihedral(4)), (3, 8)),
    "an arrow and two numbers": (ARROWS + 2 * irreps(cyclic(4))[0], (4,)),
    "three arrows": (ARROWS, (3, 2)),
    "permuted points": (PointPermutations(4), (4, 2)),
    "shifts": (CyclicShifts(5), (2, 5)),
}
each = pytest.mark.parametrize(("action", "shape"), CASES.values(), ids=CASES)


def codes(shape: tuple[int, ...], count: int = 20, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *shape, generator=generator, dtype=torch.float64)


@each
def test_it_is_what_its_formula_says(action, shape):
    project, z = group_max_filter(action, shape, outputs=7, seed=3), codes(shape)
    orbit = torch.stack([action.act(g, z).flatten(1) for g in action.elements()])
    expected = (orbit @ project.weights.flatten(1).T).amax(0)
    assert torch.allclose(project(z), expected, atol=1e-12)


@each
def test_it_is_invariant_and_within_its_lipschitz_constant(action, shape):
    project, x, y = group_max_filter(action, shape), codes(shape), codes(shape, seed=1)
    assert_invariant(project, x, action, tolerance=1e-10)
    apart = (project(x) - project(y)).norm(dim=1)
    assert (apart <= project.lipschitz_constant * quotient_distance(x, y, action)).all()
    assert project.action is action


def test_the_filter_of_another_group_on_the_same_shape_is_not_invariant():
    """Eight channels may be moved by C_8 or by D_4, and the shape does not say by which."""
    mirrors = regular_representation(dihedral(4))
    assert_invariant(group_max_filter(mirrors, (3, 8)), codes((3, 8)), mirrors, tolerance=1e-10)
    with pytest.raises(AssertionError, match="not invariant"):
        assert_invariant(random_max_filter(3, 8), codes((3, 8)), mirrors)


def test_for_shifts_it_is_the_filter_of_the_cyclic_group():
    z, mine = codes((2, 5)), group_max_filter(CyclicShifts(5), (2, 5), 9, seed=4)
    assert torch.allclose(mine(z), random_max_filter(2, 5, 9, seed=4)(z), atol=1e-12)


def test_what_is_declared_of_completeness():
    found = [group_max_filter(ARROWS, (3, 2), m).complete for m in (5, 6, 11, 12)]
    assert found == [False, None, None, True]


def test_gradients_and_single_precision():
    project, z = group_max_filter(ARROWS, (3, 2), 5), codes((3, 2), count=4)
    assert torch.autograd.gradcheck(project, (z.requires_grad_(),))
    assert project(z.float()).dtype == torch.float32


class Moved(Action):
    """C_2 that mirrors the line at the place 1, and not at 0."""

    group, is_isometric = cyclic(2), True

    def act(self, elements, x):
        """Leave, or mirror."""
        return 2 - x if int(elements) else x.clone()

    def check(self, x):
        """Take everything."""


def test_what_it_refuses_before_any_code_is_seen():
    stretched = Representation(symmetric(2), np.array([np.eye(2), [[0, 2], [0.5, 0]]]), "stretch")
    with pytest.raises(ValueError, match="stretch changes lengths"):
        group_max_filter(stretched, (2,))
    with pytest.raises(ValueError, match="does not act linearly"):
        group_max_filter(Moved(), (1,))
    with pytest.raises(ValueError, match=r"acts on tensors of shape \(B, ..., 2\)"):
        group_max_filter(ARROWS, (3,))
    for shape in (8, (), "8"):
        sentence = rf"^shape is that of one code, such as \(3, 8\), but it is {shape!r}\.$"
        with pytest.raises(ValueError, match=sentence.replace("()", r"\(\)")):
            group_max_filter(CyclicShifts(8), shape)
    with pytest.raises(TypeError, match="action is an Action"):
        group_max_filter(4, (3,))
    with pytest.raises(ValueError, match="too many to list"):
        group_max_filter(PointPermutations(9), (9,))
