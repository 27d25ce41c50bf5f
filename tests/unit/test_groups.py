"""Groups and representations against sympy, e2cnn and hand-made tables."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import itertools
import math
import pkgutil

import numpy as np
import pytest
import torch
from e2cnn import group as e2group
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.combinatorics import Permutation
from sympy.combinatorics.named_groups import CyclicGroup, DihedralGroup, SymmetricGroup

from utils import groups
from utils.groups import (
    CyclicShifts,
    FiniteGroup,
    Group,
    PointPermutations,
    Representation,
    SetAction,
    burnside_count,
    character,
    character_inner_product,
    check_axioms,
    count_colourings,
    cyclic,
    decompose,
    dihedral,
    direct_product,
    direct_sum,
    irreps,
    isotypic_projection,
    orbit,
    permutation_representation,
    regular_representation,
    reynolds_operator,
    stabilizer,
    symmetric,
    tensor_product,
    trivial_representation,
)

GROUPS = [cyclic(n) for n in (1, 2, 3, 4, 7, 8, 12)]
GROUPS += [dihedral(n) for n in (1, 2, 3, 4, 5, 6)]
GROUPS += [symmetric(n) for n in (1, 2, 3, 4, 5)]
every_group = pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)

FIVE = np.array(
    # The smallest loop that is not a group: a Latin square with a neutral element.
    [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]
)


# --------------------------------------------------------------------------------------------
# The room
# --------------------------------------------------------------------------------------------


def test_every_public_name_is_at_the_door():
    names = [m.name for m in pkgutil.iter_modules(groups.__path__) if m.name[0] != "_"]
    modules = [importlib.import_module(f"utils.groups.{name}") for name in names]
    public = [(name, getattr(module, name)) for module in modules for name in module.__all__]
    assert sorted(name for name, _ in public) == groups.__all__
    for name, found in public:
        assert getattr(groups, name) is found


def test_examples_in_docstrings_run_and_every_public_name_has_one():
    names = [m.name for m in pkgutil.iter_modules(groups.__path__)]
    found = [doctest.testmod(importlib.import_module(f"utils.groups.{name}")) for name in names]
    assert sum(result.failed for result in found) == 0
    assert sum(result.attempted for result in found) > len(groups.__all__)
    for name in groups.__all__:
        assert ">>> " in inspect.getdoc(getattr(groups, name)), name


# --------------------------------------------------------------------------------------------
# Axioms
# --------------------------------------------------------------------------------------------


@every_group
def test_axioms_hold(group):
    report = check_axioms(group.table)
    assert report.holds
    assert report.counterexample == ""
    assert str(report) == ("closure holds, associativity holds, identity holds, inverses holds")


@pytest.mark.parametrize(
    ("table", "flags", "words"),
    [
        ([[0, 1], [1, 2]], (False, False, False, False), "1·1 = 2 is not one of the elements"),
        ([[0, 1], [1, -1]], (False, False, False, False), "1·1 = -1 is not one"),
        (FIVE, (True, False, True, True), "differs from"),
        ([[0, 0], [1, 1]], (True, True, False, False), "no element is neutral"),
        ([[0, 1], [0, 1]], (True, True, False, False), "no element is neutral"),
        ([[0, 1], [1, 1]], (True, True, True, False), "1 has no inverse"),
        ((np.arange(3)[:, None] - np.arange(3)) % 3, (True, False, False, False), "(0·0)·1"),
    ],
)
def test_broken_tables_are_seen_through(table, flags, words):
    report = check_axioms(np.array(table))
    assert dataclasses.astuple(report)[:4] == flags
    assert words in report.counterexample
    assert words in str(report)
    assert not report.holds
    with pytest.raises(ValueError, match="is not that of a group"):
        FiniteGroup("broken", np.array(table))


def test_the_counterexample_is_one():
    text = check_axioms(FIVE).counterexample
    a, b, c = (int(text[i]) for i in (1, 3, 6))
    assert text == f"({a}·{b})·{c} differs from {a}·({b}·{c})"
    assert FIVE[FIVE[a, b], c] != FIVE[a, FIVE[b, c]]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([5, 6, 8]), st.data())
def test_a_single_wrong_entry_is_caught(n, data):
    table = np.array(cyclic(n).table)
    a, b = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    table[a, b] = (table[a, b] + data.draw(st.integers(1, n - 1))) % n
    assert not check_axioms(table).holds
    with pytest.raises(ValueError, match="not that of a group"):
        FiniteGroup("broken", table)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(6)))
def test_light_and_the_triples_agree_on_renamed_and_on_mixed_tables(renaming):
    """Renaming keeps a group a group; renaming the products alone mostly does not."""
    p = np.array(renaming)
    s3 = symmetric(3).table
    inverse = np.argsort(p)
    assert check_axioms(p[s3][inverse][:, inverse]).holds
    mixed = p[s3]
    holds = check_axioms(mixed).holds
    try:
        FiniteGroup("mixed", mixed)
        accepted = True
    except ValueError:
        accepted = False
    assert accepted == holds


def test_tables_of_the_wrong_form():
    for table in (np.zeros((2, 3), int), np.zeros(4, int), np.zeros((0, 0), int)):
        with pytest.raises(ValueError, match="square and not empty"):
            check_axioms(table)
    with pytest.raises(TypeError, match="element indices"):
        FiniteGroup("floats", np.zeros((1, 1)))
    with pytest.raises(ValueError, match="2 elements and needs as many different labels"):
        FiniteGroup("C_2", cyclic(2).table, ("e", "e"))


# --------------------------------------------------------------------------------------------
# The families against sympy
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(cyclic(5), CyclicGroup(5)), (cyclic(8), CyclicGroup(8))]
    + [(dihedral(n), DihedralGroup(n)) for n in (3, 4, 6)]
    + [(symmetric(n), SymmetricGroup(n)) for n in (3, 4, 5)],
    ids=lambda g: getattr(g, "name", ""),
)
def test_families_against_sympy(ours, theirs):
    assert ours.order == theirs.order() == len(ours)
    assert ours.is_abelian == theirs.is_abelian
    images = ours.natural_action().images
    as_sympy = [Permutation(list(map(int, image))) for image in images]
    assert set(as_sympy) == set(theirs.elements)
    index = {p: g for g, p in enumerate(as_sympy)}
    for a, b in itertools.product(range(0, ours.order, 7), range(0, ours.order, 5)):
        # sympy multiplies from left to right: p * q applies p first.
        assert index[as_sympy[b] * as_sympy[a]] == ours.multiply(a, b)
    for g in range(ours.order):
        assert ours.element_order(g) == as_sympy[g].order()
        assert index[as_sympy[g] ** -1] == ours.inverse(g)
    classes = sorted(sorted(index[p] for p in c) for c in theirs.conjugacy_classes())
    assert sorted(list(c) for c in ours.conjugacy_classes) == classes


@every_group
def test_generators_generate_and_none_is_idle(group):
    assert group.subgroup(*group.generators) == tuple(group.elements)
    for i, g in enumerate(group.generators):
        assert g not in group.subgroup(*group.generators[:i])
    assert len(group.generators) <= 3


def test_dihedral_conventions():
    group = dihedral(5)
    images = group.natural_action().images
    assert images[1].tolist() == [1, 2, 3, 4, 0]
    assert images[5].tolist() == [0, 4, 3, 2, 1]
    assert group.labels[:2] + group.labels[5:8] == ("e", "r", "s", "rs", "r^2s")
    assert group.multiply(2, 5) == 7
    assert group.multiply(5, 1, 5) == group.inverse(1)


def test_symmetric_conventions():
    group = symmetric(3)
    assert group.labels == ("e", "(1 2)", "(0 1)", "(0 1 2)", "(0 2 1)", "(0 2)")
    images = group.natural_action().images
    for a, b in itertools.product(range(6), repeat=2):
        assert images[group.multiply(a, b)].tolist() == images[a][images[b]].tolist()


def test_products_and_subgroups():
    klein = direct_product(cyclic(2), cyclic(2))
    assert check_axioms(klein.table).holds
    assert [klein.element_order(g) for g in klein.elements] == [1, 2, 2, 2]
    six = direct_product(cyclic(2), cyclic(3))
    assert max(six.element_order(g) for g in six.elements) == 6
    assert six.labels[4] == "(r, r)"
    assert six.multiply(4, 4) == 2
    assert symmetric(3).subgroup() == (0,)
    assert symmetric(3).subgroup(3) == (0, 3, 4)
    with pytest.raises(ValueError, match="comes without points"):
        klein.natural_action()


def test_equality_and_immutability():
    assert cyclic(3) == cyclic(3)
    assert hash(cyclic(3)) == hash(cyclic(3))
    assert cyclic(6) != symmetric(3)
    assert cyclic(2) == symmetric(2)
    assert cyclic(3) != "C_3"
    with pytest.raises(ValueError, match="read-only"):
        cyclic(3).table[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        cyclic(3).name = "other"
    table = np.array(cyclic(3).table)
    group = FiniteGroup("mine", table)
    table[:] = 0
    assert group == cyclic(3)


@pytest.mark.parametrize("family", [cyclic, dihedral, symmetric])
def test_bad_degrees(family):
    with pytest.raises(ValueError, match="but it is 0"):
        family(0)
    with pytest.raises(TypeError, match="is an integer"):
        family(2.0)
    with pytest.raises(TypeError, match="is an integer"):
        family(True)


def test_symmetric_groups_end_at_six():
    assert symmetric(6).order == 720
    with pytest.raises(ValueError, match="from 1 to 6, but it is 7"):
        symmetric(7)


@pytest.mark.parametrize("element", [-1, 3])
def test_elements_out_of_range(element):
    group = cyclic(3)
    for call in (group.inverse, group.element_order, group.multiply, group.subgroup):
        with pytest.raises(ValueError, match="is not an element of C_3"):
            call(element)


# --------------------------------------------------------------------------------------------
# Actions on sets, Burnside
# --------------------------------------------------------------------------------------------


@every_group
def test_orbit_stabilizer_and_burnside(group):
    for action in (group.natural_action(), SetAction(group, group.table)):
        for point in range(action.points):
            stable = action.stabilizer(point)
            assert group.subgroup(*stable.tolist()) == tuple(stable.tolist())
            assert len(action.orbit(point)) * len(stable) == group.order
        orbits = action.orbits()
        assert sorted(itertools.chain(*orbits)) == list(range(action.points))
        assert burnside_count(action.fixed_points()) == len(orbits)
        for members in orbits:
            assert all(tuple(action.orbit(i).tolist()) == members for i in members)


@pytest.mark.parametrize(("colours", "count"), [(1, 1), (2, 13), (3, 92), (4, 430)])
def test_colourings_of_a_ring_of_six(colours, count):
    """Bracelets of six beads; the counts are classical."""
    action = dihedral(6).natural_action()
    assert count_colourings(action, colours) == count
    induced = action.on_colourings(colours)
    assert len(induced.orbits()) == count
    assert burnside_count(induced.fixed_points()) == count


@pytest.mark.parametrize(("beads", "count"), [(1, 3), (2, 6), (3, 11), (4, 24), (5, 51)])
def test_necklaces_of_three_colours(beads, count):
    assert count_colourings(cyclic(beads).natural_action(), 3) == count


def test_colourings_under_all_permutations_are_multisets():
    for points, colours in ((3, 4), (5, 3)):
        found = count_colourings(symmetric(points).natural_action(), colours)
        assert found == math.comb(points + colours - 1, points)


def test_colouring_numbers_are_digits():
    induced = cyclic(3).natural_action().on_colourings(2)
    # Colouring 4 is 100: turning by one carries the colour of point 0 to point 1: 010.
    assert induced.images[1, 4] == 2
    assert induced.images[1, 1] == 4


def test_big_counts_stay_exact():
    action = cyclic(2).natural_action()
    assert count_colourings(action, 10**12) == (10**24 + 10**12) // 2


def test_refusals_of_actions():
    group = cyclic(3)
    with pytest.raises(ValueError, match=r"shape \(3, points\)"):
        SetAction(group, np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="must be a permutation"):
        SetAction(group, np.zeros((3, 2), int))
    with pytest.raises(ValueError, match="do not multiply as C_3 does"):
        SetAction(group, [[0, 1], [1, 0], [0, 1]])
    with pytest.raises(ValueError, match="identity of the group must leave"):
        SetAction(cyclic(1), [[1, 0]])
    action = group.natural_action()
    for bad in (-1, 3):
        with pytest.raises(ValueError, match="not one of the points"):
            action.orbit(bad)
        with pytest.raises(ValueError, match="not one of the points"):
            action.stabilizer(bad)
    for call in (action.on_colourings, lambda c: count_colourings(action, c)):
        with pytest.raises(ValueError, match="number of colours is at least 1"):
            call(0)
    with pytest.raises(ValueError, match="too many to list"):
        cyclic(12).natural_action().on_colourings(4)
    with pytest.raises(ValueError, match="which 2 does not divide"):
        burnside_count(np.array([3, 2]))
    with pytest.raises(ValueError, match="got none"):
        burnside_count(np.array([]))


# --------------------------------------------------------------------------------------------
# Representations
# --------------------------------------------------------------------------------------------


@every_group
def test_all_products_of_matrices(group):
    """The constructor looks at generators only; here every pair is multiplied."""
    for rho in (*irreps(group), permutation_representation(group)):
        products = np.einsum("aij,bjk->abik", rho.matrices, rho.matrices)
        np.testing.assert_allclose(products, rho.matrices[group.table], atol=1e-12)
        assert rho.is_isometric
        assert rho.order == group.order


@every_group
def test_the_irreps_are_complete_and_different(group):
    """Row orthogonality, and the sum of squares over the dimension of the commutant."""
    found = irreps(group)
    assert found[0].name == "trivial"
    assert (found[0].matrices == 1).all()
    assert len({rho.name for rho in found}) == len(found)
    for a, b in itertools.combinations(found, 2):
        assert abs(character_inner_product(a, b)) < 1e-12
    norms = [character_inner_product(rho, rho) for rho in found]
    assert all(abs(norm - round(norm)) < 1e-12 and round(norm) in (1, 2) for norm in norms)
    total = sum(rho.dimension**2 / norm for rho, norm in zip(found, norms, strict=True))
    assert total == pytest.approx(group.order)


@every_group
def test_the_regular_representation_holds_every_irrep(group):
    counts = decompose(regular_representation(group))
    for rho in irreps(group):
        expected = rho.dimension / character_inner_product(rho, rho)
        assert counts[rho.name] == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 8])
def test_cyclic_characters_against_e2cnn(n):
    theirs = e2group.cyclic_group(n)
    ours = cyclic(n)
    found = sorted(tuple(np.round(character(rho), 9)) for rho in irreps(ours))
    expected = [
        tuple(np.round([np.trace(irrep(r)) for r in range(n)], 9) + 0.0)
        for irrep in theirs.irreps.values()
    ]
    np.testing.assert_allclose(found, sorted(expected), atol=1e-8)
    regular = regular_representation(ours)
    for r in range(n):
        np.testing.assert_allclose(regular(r), theirs.regular_representation(r), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 8])
def test_dihedral_characters_against_e2cnn(n):
    theirs = e2group.dihedral_group(n)
    found = sorted(tuple(np.round(character(rho), 9)) for rho in irreps(dihedral(n)))
    expected = [
        tuple(np.round([np.trace(irrep((f, r))) for f in (0, 1) for r in range(n)], 9) + 0.0)
        for irrep in theirs.irreps.values()
    ]
    np.testing.assert_allclose(found, sorted(expected), atol=1e-8)


@pytest.mark.parametrize(
    ("n", "dimensions"),
    [(3, [1, 2, 1]), (4, [1, 3, 2, 3, 1]), (5, [1, 4, 5, 6, 5, 4, 1])],
)
def test_dimensions_of_symmetric_irreps(n, dimensions):
    assert [rho.dimension for rho in irreps(symmetric(n))] == dimensions


def test_characters_of_s4():
    """The table that every textbook prints: rows by partition, columns by cycle type."""
    group = symmetric(4)
    columns = [group.labels.index(s) for s in ("e", "(0 1)", "(0 1)(2 3)", "(0 1 2)", "(0 1 2 3)")]
    table = np.array([character(rho)[columns] for rho in irreps(group)])
    expected = [[1, 1, 1, 1, 1], [3, 1, -1, 0, -1], [2, 0, 2, -1, 0], [3, -1, -1, 0, 1]]
    np.testing.assert_allclose(table, [*expected, [1, -1, 1, 1, -1]], atol=1e-12)


@every_group
def test_characters_are_class_functions(group):
    for rho in irreps(group):
        for members in group.conjugacy_classes:
            assert np.ptp(character(rho)[list(members)]) < 1e-12


def test_permutation_representation_of_points_is_trivial_plus_standard():
    counts = decompose(permutation_representation(symmetric(4)))
    assert {name for name, count in counts.items() if count} == {"trivial", "partition (3, 1)"}
    assert counts["partition (3, 1)"] == 1


def test_sums_and_products():
    group = dihedral(3)
    sign, plane = irreps(group)[1], irreps(group)[2]
    both = direct_sum(sign, plane, plane)
    assert both.dimension == 5
    assert both.name == "reflection sign + plane 1 + plane 1"
    np.testing.assert_allclose(character(both), character(sign) + 2 * character(plane))
    assert (both.matrices[:, :1, 1:] == 0).all()
    np.testing.assert_array_equal(both.matrices[:, 3:, 3:], plane.matrices)
    square = tensor_product(plane, plane)
    np.testing.assert_allclose(character(square), character(plane) ** 2)
    for g in group.elements:
        np.testing.assert_allclose(square(g), np.kron(plane(g), plane(g)))
    assert decompose(square) == {"trivial": 1, "reflection sign": 1, "plane 1": 1}
    tensor = np.arange(4.0).reshape(2, 2)
    moved = (plane(4) @ tensor @ plane(4).T).ravel()
    np.testing.assert_allclose(square(4) @ tensor.ravel(), moved)


def test_the_algebra_of_representations():
    group = dihedral(3)
    sign, plane = irreps(group)[1:]
    for ours, theirs in (
        (sign + plane, direct_sum(sign, plane)),
        (plane * plane, tensor_product(plane, plane)),
        (3 * plane, direct_sum(plane, plane, plane)),
        (sign * (sign + plane), tensor_product(sign, direct_sum(sign, plane))),
    ):
        np.testing.assert_array_equal(ours.matrices, theirs.matrices)
    assert repr(sign + 2 * plane) == (
        "Representation(reflection sign + 2 plane 1 of D_3, dimension 5)"
    )
    assert (2 * (sign + plane)).name == "2 (reflection sign + plane 1)"
    assert ((sign + plane) * plane).name == "(reflection sign + plane 1) x plane 1"
    assert decompose(plane * plane) == decompose(sum(irreps(group)[1:], start=irreps(group)[0]))
    for refused in (0, -1):
        with pytest.raises(ValueError, match="number of copies is at least 1"):
            refused * plane
    for wrong in (lambda: plane + 1, lambda: plane * 2, lambda: plane * "x", lambda: 1.5 * plane):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="belong to D_3 and C_3"):
        plane + trivial_representation(cyclic(3))


@every_group
def test_reynolds_operator_is_the_projection_on_fixed_vectors(group):
    rho = direct_sum(permutation_representation(group), irreps(group)[-1])
    R = reynolds_operator(rho)
    np.testing.assert_allclose(R @ R, R, atol=1e-12)
    for g in group.elements:
        np.testing.assert_allclose(rho(g) @ R, R, atol=1e-12)
        np.testing.assert_allclose(R @ rho(g), R, atol=1e-12)
    fixed = character_inner_product(rho, trivial_representation(group))
    assert np.trace(R) == pytest.approx(fixed)


@pytest.mark.parametrize("group", [cyclic(6), dihedral(4), symmetric(4)], ids=lambda g: g.name)
def test_isotypic_projections_split_the_space(group):
    rho = regular_representation(group)
    pieces = [isotypic_projection(rho, irrep) for irrep in irreps(group)]
    np.testing.assert_allclose(sum(pieces), np.eye(group.order), atol=1e-12)
    np.testing.assert_allclose(pieces[0], reynolds_operator(rho), atol=1e-12)
    for a, b in itertools.product(range(len(pieces)), repeat=2):
        expected = pieces[a] if a == b else 0 * pieces[a]
        np.testing.assert_allclose(pieces[a] @ pieces[b], expected, atol=1e-12)
    counts = decompose(rho)
    for piece, irrep in zip(pieces, irreps(group), strict=True):
        assert np.trace(piece) == pytest.approx(counts[irrep.name] * irrep.dimension)


def test_trivial_and_skew_representations():
    trivial = trivial_representation(symmetric(3), 3)
    assert (trivial.matrices == np.eye(3)).all()
    assert trivial.is_isometric
    assert permutation_representation(symmetric(3)).is_isometric
    skew = Representation(cyclic(2), [np.eye(2), [[1, 1], [0, -1]]], "skew")
    assert not skew.is_isometric
    with pytest.raises(ValueError, match="dimension is at least 1"):
        trivial_representation(cyclic(2), 0)


def test_refusals_of_representations():
    group = cyclic(2)
    for shape in ((2, 2), (3, 2, 2), (2, 2, 3)):
        with pytest.raises(ValueError, match="one square matrix for each of its 2 elements"):
            Representation(group, np.zeros(shape))
    with pytest.raises(ValueError, match="finite and not empty"):
        Representation(group, np.zeros((2, 0, 0)))
    with pytest.raises(ValueError, match="finite and not empty"):
        Representation(group, [np.eye(1), [[np.nan]]])
    with pytest.raises(ValueError, match="do not multiply as C_2 does"):
        Representation(group, [np.eye(1), [[2.0]]])
    with pytest.raises(ValueError, match="do not multiply"):
        Representation(cyclic(1), [[[2.0]]])
    with pytest.raises(ValueError, match="do not multiply as C_2"):
        Representation(group, [np.eye(1), [[1 + 1e-7]]])
    other = trivial_representation(cyclic(3))
    one = trivial_representation(group)
    for combine in (direct_sum, tensor_product, character_inner_product, isotypic_projection):
        with pytest.raises(ValueError, match="belong to C_2 and C_3"):
            combine(one, other)
    for combine in (direct_sum, tensor_product):
        with pytest.raises(ValueError, match="at least one representation"):
            combine()
    with pytest.raises(ValueError, match="none of them"):
        irreps(direct_product(group, group))
    with pytest.raises(ValueError, match="is not an element of C_2"):
        one(2)
    with pytest.raises(ValueError, match="read-only"):
        one.matrices[0] = 0


@every_group
def test_orbits_and_stabilizers_of_vectors(group):
    rho = permutation_representation(group)
    action = group.natural_action()
    generic = np.random.default_rng(0).normal(size=rho.dimension)
    x = torch.tensor(np.stack([np.eye(rho.dimension)[0], np.ones(rho.dimension), generic]))
    members, stable = orbit(x, rho), stabilizer(x, rho)
    assert members.shape == (3, group.order, rho.dimension)
    assert stable.shape == (3, group.order)
    for one, fixed in zip(members, stable, strict=True):
        different = {tuple(row) for row in one.round(decimals=9).tolist()}
        subgroup = tuple(fixed.nonzero().flatten().tolist())
        assert len(different) * len(subgroup) == group.order
        assert group.subgroup(*subgroup) == subgroup
    np.testing.assert_array_equal(stable[0].nonzero().flatten(), action.stabilizer(0))
    assert stable[1].all()


def test_stabilizers_of_points_and_of_zero():
    three = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [2.0, 2.0]]], dtype=torch.float64)
    fixed = stabilizer(three, PointPermutations(3))
    assert fixed[0].nonzero().flatten().tolist() == [0, 2]  # e and the swap of the first two
    assert stabilizer(torch.zeros(2, 4), CyclicShifts(4)).all()


def test_vectors_of_the_wrong_form():
    rho = trivial_representation(cyclic(2), 2)
    for call in (orbit, stabilizer):
        for bad in (torch.zeros(1, 3), torch.zeros(2)):
            with pytest.raises(ValueError, match=r"acts on tensors of shape \(B, ..., 2\)"):
                call(bad, rho)
        with pytest.raises(ValueError, match="NaN or infinite"):
            call(torch.tensor([[0, math.inf]]), rho)
        with pytest.raises(TypeError, match=r"must be a torch.Tensor"):
            call(np.zeros((1, 2)), rho)
        with pytest.raises(TypeError, match="is an Action"):
            call(torch.zeros(1, 2), rho.group)


# --------------------------------------------------------------------------------------------
# Actions on tensors
# --------------------------------------------------------------------------------------------


def test_shifts_are_the_regular_representation():
    action = CyclicShifts(6)
    rho = action.representation()
    x = torch.randn(6, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    elements = torch.arange(6)
    assert torch.equal(action.act(elements, x), rho.act(elements, x))
    for r in range(6):
        assert torch.equal(action.act(r, x), torch.roll(x, r, -1))
        assert torch.equal(action.act(r, x), rho.act(r, x))
        assert torch.equal(action.act(torch.tensor(r), x)[0], rho.act(r, x)[0])
    assert (action.name, action.order) == ("C_6", 6)


def test_point_permutations_are_the_permutation_representation():
    action = PointPermutations(4)
    rho = action.representation()
    images = rho.group.natural_action().images
    x = torch.randn(24, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = torch.stack([x, 2 * x], dim=2)
    assert torch.equal(action.act(torch.tensor(images), x), rho.act(torch.arange(24), x))
    for g in (0, 5, 23):
        moved = action.act(torch.tensor(images[g]), x)
        assert torch.equal(moved, rho.act(g, x))
        both = action.act(torch.tensor(images[g]), points)
        assert torch.equal(both, torch.stack([moved, 2 * moved], dim=2))
    assert (action.name, action.order) == ("S_4", 24)


@pytest.mark.parametrize(
    ("action", "shape"),
    [
        (CyclicShifts(5), (3, 2, 5)),
        (PointPermutations(5), (3, 5, 2)),
        (PointPermutations(5), (3, 5)),
        (irreps(dihedral(5))[-1], (3, 4, 2)),
    ],
)
def test_left_actions(action, shape):
    """Acting with h and then with g is acting with gh."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(*shape, dtype=torch.float64, generator=generator)
    for _ in range(20):
        g, h = (action.random_elements(3, generator) for _ in range(2))
        if isinstance(action, CyclicShifts):
            product = (g + h) % 5
        elif isinstance(action, Representation):
            product = torch.tensor(action.group.table[g, h])
        else:
            product = torch.gather(g, 1, h)
        twice = action.act(g, action.act(h, x))
        assert torch.allclose(twice, action.act(product, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("action", [CyclicShifts(5), PointPermutations(4), irreps(dihedral(5))[-1]])
def test_every_element_is_listed_once_in_the_order_of_the_table(action):
    x = torch.randn(1, *{5: (5,), 24: (4,), 10: (2,)}[action.order], dtype=torch.float64)
    listed = list(action.elements())
    assert len(listed) == action.order == action.group.order
    rho = action if isinstance(action, Representation) else action.representation()
    assert action.group == rho.group
    for number, element in enumerate(listed):
        assert torch.equal(action.act(element, x), rho.act(number, x))
    taken = action.take(torch.tensor([3, 0, 3]))
    assert torch.equal(action.act(taken[1], x), x)
    assert torch.equal(taken[0], taken[2])
    assert torch.equal(action.act(taken[:1], x), rho.act(3, x))


def test_groups_of_actions():
    """A table where it is at hand, a name and an order where it is too large."""
    assert PointPermutations(5).group == symmetric(5)
    assert PointPermutations(9).group == Group("S_9", 362880)
    assert isinstance(cyclic(3), Group)
    assert cyclic(3) != Group("C_3", 3)
    assert repr(CyclicShifts(8).group) == "FiniteGroup(name='C_8', order=8)"
    with pytest.raises(ValueError, match="S_8 has 40320 elements, too many to list"):
        PointPermutations(8).elements()


def test_random_elements_reach_the_whole_group():
    generator = torch.Generator().manual_seed(0)
    assert set(CyclicShifts(5).random_elements(200, generator).tolist()) == set(range(5))
    rho = irreps(dihedral(3))[-1]
    assert set(rho.random_elements(200, generator).tolist()) == set(range(6))
    drawn = PointPermutations(3).random_elements(200, generator)
    assert {tuple(p) for p in drawn.tolist()} == set(itertools.permutations(range(3)))


def test_the_action_keeps_the_type_and_leaves_the_matrices_alone():
    rho = irreps(cyclic(3))[1]
    x = torch.ones(2, 2)
    for elements in (1, torch.tensor([1, 2])):
        moved = rho.act(elements, x)
        assert moved.dtype == torch.float32
        moved.zero_()
    assert (x == 1).all()
    assert rho.matrices.any()


def test_refusals_of_tensor_actions():
    rho = irreps(cyclic(3))[1]
    shifts, points = CyclicShifts(3), PointPermutations(3)
    with pytest.raises(TypeError, match="acts on floating-point tensors"):
        rho.act(0, torch.ones(2, 2, dtype=torch.int64))
    for bad in (torch.zeros(2), torch.zeros(2, 3)):
        with pytest.raises(ValueError, match=r"acts on tensors of shape \(B, ..., 2\)"):
            rho.act(0, bad)
    for bad in (torch.zeros(3), torch.zeros(2, 4)):
        with pytest.raises(ValueError, match="C_3 shifts tensors"):
            shifts.act(0, bad)
    for bad in (torch.zeros(3), torch.zeros(2, 4), torch.zeros(2, 3, 1, 1)):
        with pytest.raises(ValueError, match="S_3 permutes the points"):
            points.act(torch.arange(3), bad)
    for action, x in ((rho, torch.zeros(2, 2)), (shifts, torch.zeros(2, 3))):
        for bad in (
            torch.zeros(3, dtype=torch.int64),
            torch.tensor([0.0, 1.0]),
            torch.tensor(True),
        ):
            with pytest.raises(ValueError, match="one for each of the 2 members"):
                action.act(bad, x)
        for bad in (-1, 3, torch.tensor([0, 3])):
            with pytest.raises(ValueError, match="has the elements 0 to 2"):
                action.act(bad, x)
    with pytest.raises(ValueError, match="is a permutation of 3 points"):
        points.act(torch.arange(2), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="must hold each of 0 to n - 1 once"):
        points.act(torch.tensor([0, 0, 1]), torch.zeros(2, 3))
    for make in (CyclicShifts, PointPermutations):
        with pytest.raises(ValueError, match="at least 1"):
            make(0)
        with pytest.raises(TypeError, match="is an integer"):
            make(2.5)
    with pytest.raises(ValueError, match="from 1 to 6"):
        PointPermutations(7).representation()
