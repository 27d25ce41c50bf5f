"""Checks of equivariance that catch broken maps and refuse to be fooled."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import itertools
import math

import numpy as np
import psutil
import pytest
import torch

from utils import equivariance
from utils.equivariance import (
    assert_equivariant,
    assert_invariant,
    equivariance_report,
    equivariant_basis,
    relative_error,
)
from utils.groups import (
    Action,
    CyclicShifts,
    Group,
    PointPermutations,
    Representation,
    character_inner_product,
    cyclic,
    dihedral,
    direct_sum,
    irreps,
    permutation_representation,
    regular_representation,
    symmetric,
    tensor_product,
    trivial_representation,
)
from utils.quotient import NodePermutations

C8 = CyclicShifts(8)


def batch(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# --------------------------------------------------------------------------------------------
# Maps that pass and maps that are caught
# --------------------------------------------------------------------------------------------

KERNEL = batch(8, seed=5)


def circular(z):
    """Correlate with one kernel, by shifts."""
    return sum(KERNEL[r] * torch.roll(z, r, -1) for r in range(8))


EQUIVARIANT = {
    "circular correlation": circular,
    "relu": torch.relu,
    "softmax": lambda z: z.softmax(-1),
    "mean repeated": lambda z: z + z.mean(-1, keepdim=True),
}
BROKEN = {
    "correlation with a border": lambda z: torch.nn.functional.pad(z, (1, 0))[..., :-1],
    "reflection": lambda z: z.flip(-1),
    "bias along the group": lambda z: z + torch.arange(8.0),
    "a generic matrix": lambda z: z @ batch(8, 8, seed=6),
    "stride": lambda z: z[..., ::2].repeat_interleave(2, -1),
    "sort": lambda z: z.sort(dim=-1).values,
    "a small leak": lambda z: torch.relu(z) + 1e-3 * z[..., :1],
}


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_equivariant_maps_pass(name):
    report = assert_equivariant(EQUIVARIANT[name], batch(4, 2, 8), C8, C8, tolerance=1e-12)
    assert report.passed
    assert report.largest <= 1e-12
    assert (report.elements, report.inputs, report.invariance) == (8, 4, False)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_maps_are_caught(name):
    with pytest.raises(AssertionError, match="is not equivariant"):
        assert_equivariant(BROKEN[name], batch(4, 2, 8), C8, C8)


INVARIANT = {"mean": lambda z: z.mean(-1), "one number": lambda z: z.square().sum((1, 2))}
NOT_INVARIANT = {
    "first": lambda z: z[..., 0],
    "nearly mean": lambda z: z.mean(-1) + 1e-3 * z[..., 0],
    "identity": lambda z: z,
    "argmax": lambda z: z.argmax(-1),
}


@pytest.mark.parametrize("name", INVARIANT)
def test_invariant_maps_pass(name):
    report = assert_invariant(INVARIANT[name], batch(4, 2, 8), C8, tolerance=1e-12)
    assert report.invariance
    assert "is invariant" in str(report)


@pytest.mark.parametrize("name", NOT_INVARIANT)
def test_maps_that_are_not_invariant_are_caught(name):
    with pytest.raises(AssertionError, match="is not invariant"):
        assert_invariant(NOT_INVARIANT[name], batch(4, 2, 8), C8)


def test_actions_may_differ_on_both_sides():
    """The Fourier coefficient of frequency f turns by f steps when the input shifts by one."""
    rotation = irreps(cyclic(8))[2]

    def second_frequency(z):
        spectrum = torch.fft.fft(z)[..., 2]
        return torch.stack([spectrum.real, -spectrum.imag], -1)

    assert_equivariant(second_frequency, batch(3, 8), C8, rotation, tolerance=1e-12)
    with pytest.raises(AssertionError):
        assert_equivariant(second_frequency, batch(3, 8), C8, irreps(cyclic(8))[1])


@pytest.mark.parametrize("points", [3, 6])
def test_permutations_of_points(points):
    action = PointPermutations(points)
    x = batch(3, points, 2)
    assert_equivariant(lambda z: z - z.mean(1, keepdim=True), x, action, action)
    assert_invariant(lambda z: z.sum(1), x, action)
    for broken in (lambda z: z.cumsum(1), lambda z: z - z[:, :1]):
        with pytest.raises(AssertionError):
            assert_equivariant(broken, x, action, action)
    # Invariant under all permutations that leave the last point where it is, and no others.
    with pytest.raises(AssertionError):
        assert_invariant(lambda z: z[:, -1], x, action)
    count = equivariance_report(lambda z: z.sum(1), x, action).elements
    assert count == math.factorial(3) if points == 3 else 6 <= count <= 14


@pytest.mark.parametrize("nodes", [3, 9])
def test_graphs_in_and_points_out(nodes):
    """What a graph network does: matrices are renumbered, and rows of codes with them."""
    graphs, numbered = batch(3, nodes, nodes), torch.arange(nodes)[:, None]
    moves = NodePermutations(nodes), PointPermutations(nodes)
    report = assert_equivariant(lambda a: a.sum(2)[..., None], graphs, *moves)
    assert report.elements == math.factorial(3) if nodes == 3 else 6 <= report.elements <= 17
    with pytest.raises(AssertionError, match="is not equivariant"):
        assert_equivariant(lambda a: a.sum(2)[..., None] + numbered, graphs, *moves)


def test_functions_for_elements():
    turns = [lambda x, k=k: torch.rot90(x, k, (-2, -1)) for k in range(4)]
    images = batch(3, 5, 5)
    assert_equivariant(torch.relu, images, turns, turns)
    assert_invariant(lambda x: x.amax((1, 2)), images, turns)
    with pytest.raises(AssertionError, match=r"element 1,|element 3,|element 2,"):
        assert_equivariant(lambda x: x.cumsum(-1), images, turns, turns)
    named = {f"{90 * k} degrees": turn for k, turn in enumerate(turns)}
    mixed = equivariance_report(lambda x: x.cumsum(-1), images, named, turns)
    assert mixed.worst_element in named
    assert equivariance_report(lambda x: x.cumsum(-1), images, turns, named) == mixed


class SignFlips(Action):
    """All changes of signs on R^3, a group that a reader brings, without a table."""

    group, is_isometric = Group("C_2^3", 8), True

    def elements(self):
        return (torch.tensor(s) for s in itertools.product((1.0, -1.0), repeat=3))

    def act(self, elements, x):
        return x * elements

    def check(self, x):
        assert x.shape[1:] == (3,)


class QuarterTurns(Action):
    """The turns of pictures, a group that a reader brings, with a table."""

    group, is_isometric = cyclic(4), True

    def act(self, elements, x):
        return x.rot90(elements, (1, 2))

    def check(self, x):
        assert x.ndim == 3


class GeneratingTurns(QuarterTurns):
    """The same, where one turn stands for all in a check."""

    def tried(self):
        return [1]


class GeneratingFlips(SignFlips):
    """The same, where three flips stand for all in a check."""

    def tried(self):
        return list(1 - 2 * torch.eye(3))


def test_an_action_may_list_fewer_elements_for_a_check_than_its_group_has():
    images = batch(3, 4, 4)
    report = assert_equivariant(lambda x: x**2, images, GeneratingTurns(), GeneratingTurns())
    assert (report.elements, report.worst_element) == (1, "1")
    with pytest.raises(AssertionError, match="element 1, input"):
        assert_invariant(lambda x: x[:, 0, 0], images, GeneratingTurns())
    assert assert_invariant(torch.abs, batch(4, 3), GeneratingFlips()).elements == 3
    with pytest.raises(ValueError, match="by the same elements, but 1 are"):
        assert_equivariant(lambda x: x**2, images, GeneratingTurns(), QuarterTurns())


def test_groups_that_a_reader_brings():
    signs, x = SignFlips(), batch(4, 3)
    assert assert_equivariant(lambda z: z**3, x, signs, signs).elements == 8
    assert_invariant(torch.abs, x, signs)
    with pytest.raises(AssertionError, match=r"is not equivariant.*element [1-7], input"):
        assert_equivariant(torch.relu, x, signs, signs)
    turns, images = QuarterTurns(), batch(3, 5, 5)
    assert_invariant(lambda z: z.amax((1, 2)), images, turns)
    assert_equivariant(torch.relu, images, turns, turns)
    report = equivariance_report(lambda z: z.cumsum(-1), images, turns, turns)
    assert report.worst_element in ("r", "r^2", "r^3")
    # Signs in two coordinates turn a point of the plane by half a turn.
    half = Representation(cyclic(2), [np.eye(2), -np.eye(2)])
    assert_equivariant(lambda z: z**3, batch(4, 2), half, [lambda z: z, lambda z: -z])


def test_names_are_matched_and_not_places():
    forward = {"a": lambda x: torch.roll(x, 1, -1), "b": lambda x: torch.roll(x, 3, -1)}
    backward = {"b": forward["b"], "a": forward["a"]}
    assert_equivariant(torch.relu, batch(2, 8), forward, backward)
    with pytest.raises(ValueError, match="must be acted on by the same elements"):
        assert_equivariant(torch.relu, batch(2, 8), forward, {"a": forward["a"], "c": len})
    with pytest.raises(ValueError, match=r"2 are given on inputs .* and 1 on outputs"):
        assert_equivariant(torch.relu, batch(2, 8), forward, [forward["a"]])


# --------------------------------------------------------------------------------------------
# The report
# --------------------------------------------------------------------------------------------


def test_the_report_names_the_worst_element_and_input():
    x = batch(3, 8)
    x[0] *= 0.1
    x[1] *= 0.1

    def broken(z):
        wrong = z.clone()
        wrong[:, 0] += 0.5 * (z[:, 3] == x[2, 0])  # fires when input 2 is shifted by three
        return wrong

    report = equivariance_report(broken, x, C8, C8, name="broken")
    assert (report.worst_element, report.worst_input) == ("r^3", 2)
    scale = float((broken(x).square().sum() / 3).sqrt())
    assert report.largest == pytest.approx(0.5 / scale, rel=1e-12)
    assert report.mean == pytest.approx(0.5 / scale / 24, rel=1e-12)
    assert not report.passed
    assert str(report) == (
        f"broken is not equivariant: largest relative error {report.largest:.2g} (element r^3, "
        f"input 2), mean {report.mean:.2g}, over 8 elements and 3 inputs; tolerance 1e-05"
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.largest = 0
    assert not dataclasses.replace(report, largest=math.nan).passed
    assert dataclasses.replace(report, largest=1e-5).passed


def test_the_tolerance_decides():
    def leak(z):
        return z + 1e-4 * z[..., :1]

    x = batch(4, 8)
    largest = equivariance_report(leak, x, C8, C8).largest
    assert assert_equivariant(leak, x, C8, C8, tolerance=largest * 1.01).passed
    with pytest.raises(AssertionError):
        assert_equivariant(leak, x, C8, C8, tolerance=largest * 0.99)
    with pytest.raises(AssertionError):
        assert_equivariant(leak, x, C8, C8)


def test_relative_error():
    expected = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    actual = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    error = relative_error(actual, expected)
    assert error.dtype == torch.float64
    assert error.tolist() == pytest.approx([0.0, math.sqrt(2) / 5])
    zero = torch.zeros(2, 3)
    assert relative_error(zero, zero).tolist() == [0.0, 0.0]
    assert relative_error(zero + 1, zero).tolist() == [math.inf, math.inf]
    with pytest.raises(ValueError, match=r"shapes \(2, 1\) and \(2,\)"):
        relative_error(torch.zeros(2, 1), torch.zeros(2))
    for empty in (torch.zeros(0, 3), torch.tensor(1.0)):
        with pytest.raises(ValueError, match="must be a batch axis"):
            relative_error(empty, empty)


# --------------------------------------------------------------------------------------------
# Checks that could not fail are refused
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [torch.relu, BROKEN["reflection"], BROKEN["a generic matrix"]])
def test_the_identity_alone_is_refused(f):
    only = [lambda x: x]
    with pytest.raises(ValueError, match="None of the 1 given elements moves an input"):
        assert_equivariant(f, batch(3, 8), only, only)
    with pytest.raises(ValueError, match="None of the 1 given elements"):
        assert_invariant(f, batch(3, 8), trivial_representation(cyclic(1), 8))
    with pytest.raises(ValueError, match="at least one group element"):
        assert_equivariant(f, batch(3, 8), [], [])


def test_inputs_that_nothing_moves_are_refused():
    fixed = torch.ones(3, 8) * torch.tensor([[1.0], [2.0], [3.0]])
    with pytest.raises(ValueError, match="None of the 8 given elements moves"):
        assert_equivariant(torch.relu, fixed, C8, C8)
    with pytest.raises(ValueError, match="None of the 8"):
        assert_invariant(lambda z: z[..., 0], fixed + 1e-9 * batch(3, 8), C8)


@pytest.mark.parametrize("f", [lambda z: 0 * z, lambda z: torch.zeros(len(z), 8)])
def test_zero_maps_are_refused(f):
    with pytest.raises(ValueError, match="f is zero on every input"):
        assert_equivariant(f, batch(3, 8), C8, C8)
    with pytest.raises(ValueError, match="f is zero on every input"):
        assert_invariant(f, batch(3, 8), C8)


@pytest.mark.parametrize(
    "f", [lambda z: 0 * z + 3, lambda z: 1e6 + 1e-3 * z.mean(-1), lambda z: z.isnan().sum(-1) + 1]
)
def test_constant_maps_are_refused(f):
    with pytest.raises(ValueError, match="same output for every input tried"):
        assert_invariant(f, batch(3, 8), C8)


def test_one_orbit_is_not_enough_for_invariance():
    one = batch(1, 8)
    with pytest.raises(ValueError, match="at least two inputs from different orbits"):
        assert_invariant(lambda z: z.mean(-1), one, C8)
    orbit = torch.cat([torch.roll(one, r, -1) for r in range(3)])
    with pytest.raises(ValueError, match="at least two inputs from different orbits"):
        assert_invariant(lambda z: z.mean(-1), orbit, C8)
    assert assert_equivariant(torch.relu, one, C8, C8).passed


def test_a_constant_that_is_not_fixed_is_an_error_and_no_excuse():
    with pytest.raises(AssertionError):
        assert_equivariant(lambda z: torch.arange(8.0).expand(len(z), 8), batch(3, 8), C8, C8)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_outputs_that_are_not_finite_fail(bad):
    for position in (0, 1):
        calls = iter(range(100))

        def f(z, calls=calls, position=position):
            return z * bad if next(calls) == position else z

        with pytest.raises(AssertionError, match="returned NaN or infinite"):
            assert_equivariant(f, batch(3, 8), C8, C8)


def test_an_action_on_outputs_that_makes_nan_fails():
    spoil = [lambda z: z * math.nan for _ in range(8)]
    report = equivariance_report(torch.relu, batch(3, 8), C8, spoil)
    assert report.largest == math.inf


def test_bad_arguments():
    x = batch(3, 8)
    for empty in (x[:0], torch.tensor(1.0), None):
        with pytest.raises(ValueError, match="needs a batch of at least one input"):
            assert_equivariant(torch.relu, empty, C8, C8)
    with pytest.raises(ValueError, match="batch for f holds NaN"):
        assert_invariant(torch.relu, x * math.nan, C8)
    for tolerance in (0, -1, 1, math.nan):
        with pytest.raises(ValueError, match="tolerance lies between 0 and 1"):
            assert_invariant(torch.relu, x, C8, tolerance=tolerance)
    for wrong in (lambda z: z[:2], lambda z: z.sum(), lambda z: [z]):
        with pytest.raises(ValueError, match="one entry for each of the 3 inputs"):
            assert_invariant(wrong, x, C8, name="wrong")
    with pytest.raises(ValueError, match="returned an empty tensor"):
        assert_invariant(lambda z: z[:, :0], x, C8)
    with pytest.raises(ValueError, match="but this one is a int"):
        assert_invariant(torch.relu, x, 3)
    shorter = [lambda z: z[:, :-1] for _ in range(8)]
    with pytest.raises(ValueError, match=r"has shape \(3, 7\), but the output .* \(3, 8\)"):
        assert_equivariant(torch.relu, x, C8, shorter)


def test_shapes_are_not_broadcast():
    """A target of shape (B, 1) against (B, 8) would pass by broadcasting a constant row."""
    narrow = [lambda z: z[:, :1] for _ in range(8)]
    with pytest.raises(ValueError, match=r"\(3, 1\)"):
        assert_equivariant(lambda z: z, batch(3, 8), C8, narrow)


# --------------------------------------------------------------------------------------------
# Bases
# --------------------------------------------------------------------------------------------

PAIRS = [
    (regular_representation(cyclic(5)), regular_representation(cyclic(5)), 5),
    (irreps(cyclic(5))[1], irreps(cyclic(5))[1], 2),
    (irreps(cyclic(5))[1], irreps(cyclic(5))[2], 0),
    (irreps(dihedral(5))[2], irreps(dihedral(5))[2], 1),
    (permutation_representation(dihedral(4)), regular_representation(dihedral(4)), 4),
    (trivial_representation(cyclic(1), 2), trivial_representation(cyclic(1), 3), 6),
    (irreps(symmetric(4))[1], permutation_representation(symmetric(4)), 1),
]


def spans_equal(a: np.ndarray, b: np.ndarray) -> bool:
    p, q = (np.linalg.qr(m.reshape(len(m), -1).T)[0] for m in (a, b))
    return np.allclose(p @ p.T, q @ q.T, atol=1e-10)


@pytest.mark.parametrize(("rho_in", "rho_out", "dimension"), PAIRS)
@pytest.mark.parametrize("form", ["orthonormal", "echelon"])
def test_bases(rho_in, rho_out, dimension, form):
    basis = equivariant_basis(rho_in, rho_out, form=form)
    assert basis.shape == (dimension, rho_out.dimension, rho_in.dimension)
    assert basis.dtype == np.float64
    assert character_inner_product(rho_in, rho_out) == pytest.approx(dimension)
    for g in rho_in.group.elements:
        np.testing.assert_allclose(rho_out(g) @ basis, basis @ rho_in(g), atol=1e-10)
    flat = basis.reshape(dimension, rho_out.dimension * rho_in.dimension)
    if form == "orthonormal":
        np.testing.assert_allclose(flat @ flat.T, np.eye(dimension), atol=1e-12)
    assert np.linalg.matrix_rank(flat) == dimension if dimension else flat.size == 0
    # Independently: averaging rho_out(g) W rho_in(g)^-1 leaves the basis and moves other maps.
    inverse = rho_in.matrices[rho_in.group.inverses]
    outside = np.random.default_rng(0).normal(size=basis.shape[1:])
    average = np.mean(rho_out.matrices @ outside @ inverse, axis=0)
    weights = np.linalg.lstsq(flat.T, average.ravel(), rcond=None)[0]
    np.testing.assert_allclose(weights @ flat, average.ravel(), atol=1e-10)


def test_cyclic_maps_are_circulant_matrices():
    basis = equivariant_basis(*[regular_representation(cyclic(6))] * 2, form="echelon")
    shifts = np.array([np.roll(np.eye(6), r, axis=0) for r in range(6)])
    assert spans_equal(basis, shifts)
    assert {m.tobytes() for m in basis} == {m.tobytes() for m in shifts}


def orbits_of_pairs(images_in, images_out) -> set:
    """List indicator matrices of the orbits of pairs, by hand."""
    found = set()
    for i, j in itertools.product(range(images_out.shape[1]), range(images_in.shape[1])):
        indicator = np.zeros((images_out.shape[1], images_in.shape[1]))
        indicator[images_out[:, i], images_in[:, j]] = 1.0
        found.add(indicator.tobytes())
    return found


@pytest.mark.parametrize("n", [2, 3, 4])
def test_operations_on_tensors_are_orbits_of_pairs(n):
    group = symmetric(n)
    images = group.natural_action().images
    pairs = (images[:, :, None] * n + images[:, None, :]).reshape(group.order, n * n)
    point = permutation_representation(group)
    square = tensor_product(point, point)
    for a, b, images_a, images_b in (
        (point, point, images, images),
        (square, point, pairs, images),
        (point, square, images, pairs),
        (square, square, pairs, pairs),
    ):
        basis = equivariant_basis(a, b, form="echelon")
        assert {m.tobytes() for m in basis} == orbits_of_pairs(images_a, images_b)


def test_two_five_five_fifteen():
    """Maron et al. 2019: Bell numbers, as soon as there are enough points."""
    point = permutation_representation(symmetric(4))
    square = tensor_product(point, point)
    trivial = trivial_representation(point.group)
    found = [
        len(equivariant_basis(a, b))
        for a, b in ((point, trivial), (point, point), (square, trivial), (square, point))
    ]
    assert found == [1, 2, 2, 5]
    assert len(equivariant_basis(point, square)) == 5
    assert len(equivariant_basis(square, square)) == 15


def test_order_two_of_s5_in_little_memory():
    point = permutation_representation(symmetric(5))
    square = tensor_product(point, point)
    process = psutil.Process()
    before = process.memory_info().rss
    basis = equivariant_basis(square, square)
    assert len(basis) == 15
    assert process.memory_info().rss - before < 500e6
    for g in (1, 17, 119):
        np.testing.assert_allclose(square(g) @ basis, basis @ square(g), atol=1e-10)


def test_matrices_that_are_not_orthogonal():
    change = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [0.25, 0.0, 1.0]])
    rho = permutation_representation(symmetric(3))
    skew = Representation(rho.group, np.linalg.inv(change) @ rho.matrices @ change, "skew")
    assert not skew.is_isometric
    basis = equivariant_basis(skew, rho)
    assert len(basis) == 2
    plain = equivariant_basis(rho, rho)
    assert spans_equal(basis, plain @ change)


def test_a_map_outside_the_basis_is_caught_and_one_inside_passes():
    rho = direct_sum(irreps(dihedral(4))[-1], trivial_representation(dihedral(4)))
    basis = equivariant_basis(rho, rho)
    weights = np.random.default_rng(0).normal(size=len(basis))
    inside = torch.tensor(np.einsum("m,mij->ij", weights, basis))
    assert_equivariant(lambda z: z @ inside.T, batch(5, 3), rho, rho, tolerance=1e-12)
    outside = inside + 1e-3 * batch(3, 3)
    with pytest.raises(AssertionError):
        assert_equivariant(lambda z: z @ outside.T, batch(5, 3), rho, rho)


def test_refusals_of_bases():
    one, other = trivial_representation(cyclic(2)), trivial_representation(cyclic(3))
    with pytest.raises(ValueError, match="belong to C_2 and C_3"):
        equivariant_basis(one, other)
    with pytest.raises(ValueError, match="form is one of 'orthonormal', 'echelon'"):
        equivariant_basis(one, one, form="sparse")


def test_badly_conditioned_matrices_are_refused_and_not_guessed_at():
    tiny = np.diag([1.0, 1e-6])
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    skewed = np.linalg.inv(tiny) @ swap @ tiny
    lines = irreps(cyclic(2))
    rho = direct_sum(Representation(cyclic(2), [np.eye(2), skewed], "skewed"), *lines)
    with pytest.raises(ArithmeticError, match="too badly conditioned"):
        equivariant_basis(rho, rho)


def test_examples_in_docstrings_run_and_every_function_has_one():
    found = doctest.testmod(equivariance)
    public = [getattr(equivariance, name) for name in equivariance.__all__]
    documented = [thing for thing in public if inspect.isroutine(thing) or inspect.isclass(thing)]
    assert all(">>> " in inspect.getdoc(thing) for thing in documented)
    assert found.attempted >= len(documented) == 6
    assert found.failed == 0
