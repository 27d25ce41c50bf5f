"""The solution of every chapter catches all five mutants; its naive test does not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.mutants.chapters import (
    CARRY_EXAMPLE,
    CELLS,
    CHAPTERS,
    carry_by_loop,
    distance_by_helper,
    distance_pairs,
    draw,
    error_by_images,
    geodesic_ends,
    geodesic_from_the_library,
    images,
    lie_by_moving,
    lie_example,
    noise,
    section_codes,
    some_encoder,
    some_tables,
    table_by_loop,
    table_images,
    turned_codes,
    turns_by_roots,
)
from utils.equivariance import assert_equivariant
from utils.groups import regular_representation, reynolds_operator, symmetric
from utils.projections import random_max_filter

CORRECT = {number: chapter.correct for number, chapter in CHAPTERS.items()}
MUTANTS = {number: chapter.broken for number, chapter in CHAPTERS.items()}

every_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
every_mutant = pytest.mark.parametrize(
    ("chapter", "mutant"),
    [(number, name) for number, broken in MUTANTS.items() for name in sorted(broken)],
)


@every_chapter
def test_there_are_five_different_mutants(chapter):
    CHAPTERS[chapter].assert_five_differ()


@every_mutant
def test_the_solution_catches(chapter, mutant):
    CHAPTERS[chapter].assert_caught(mutant)


@every_chapter
def test_the_solution_accepts_correct_implementations(chapter):
    CHAPTERS[chapter].assert_correct_is_accepted()


@every_chapter
def test_the_naive_test_accepts_the_correct_one_and_misses_some(chapter):
    CHAPTERS[chapter].assert_naive_misses()


def test_every_chapter_with_mutants_is_examined(root):
    tagged = {
        path.name[:2]
        for path in (root / "chapters").glob("*.ipynb")
        if '"mutants"' in path.read_text()
    }
    assert tagged == CHAPTERS.keys()


# -- 02


def test_02_is_the_reynolds_operator():
    rho = regular_representation(symmetric(3))
    np.testing.assert_allclose(CORRECT["02"](rho.matrices), reynolds_operator(rho), atol=1e-12)


# -- 03


def test_03_catches_a_layer_that_ignores_its_input():
    assert CHAPTERS["03"].catches(lambda x: torch.ones(len(x), 4, 14, 14))


def test_03_is_equivariant_by_the_helper():
    turns = range(4)
    actions = [lambda x, r=r: torch.rot90(x, r, (-2, -1)) for r in turns]
    features = [lambda z, r=r: torch.rot90(z, r, (-2, -1)).roll(r, dims=1) for r in turns]
    assert_equivariant(CORRECT["03"], images(8, batch=4), actions, features)
    with pytest.raises(AssertionError):
        assert_equivariant(
            MUTANTS["03"]["forgets even sides"], images(8, batch=4), actions, features
        )


# -- 04


def test_04_naive_accepts_the_helper():
    assert not CHAPTERS["04"].naive(distance_by_helper)


@pytest.mark.parametrize("name", MUTANTS["04"])
def test_04_a_mutant_differs_from_the_helper(name):
    found = [(MUTANTS["04"][name](a, b), distance_by_helper(a, b)) for a, b in distance_pairs(5)]
    assert max((mine - theirs).abs().max() for mine, theirs in found) > 1e-3


# -- 05


def test_05_catches_a_member_of_the_orbit_that_jumps():
    def largest_first(z):
        order = z.abs().argsort(dim=1)
        shift = torch.where(z.abs().amax(dim=1) > 1, 1, 0)
        sizes = torch.gather(z.abs(), 1, order)
        return torch.where(shift[:, None] == 1, sizes, sizes.flip(1))

    assert CHAPTERS["05"].catches(largest_first)


def test_05_is_isometric_by_brute_force():
    z, w = section_codes(1), section_codes(2)
    signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=3)), dtype=torch.float64)
    orders = torch.tensor(list(itertools.permutations(range(3))))
    orbit = (w[:, None] * signs)[:, :, orders].flatten(1, 2)
    brute = (z[:, None] - orbit).norm(dim=-1).amin(dim=1)
    torch.testing.assert_close((CORRECT["05"](z) - CORRECT["05"](w)).norm(dim=1), brute)
    wrong = MUTANTS["05"]["sorts squares"]
    assert ((wrong(z) - wrong(w)).norm(dim=1) - brute).abs().max() > 0.1


# -- 06


def test_06_is_the_helper():
    filters = random_max_filter(3, 5, 7, seed=2)
    codes = torch.randn(4, 3, 5, generator=draw(3), dtype=torch.float64)
    torch.testing.assert_close(CORRECT["06"](filters.weights, codes), filters(codes))


# -- 08


def test_08_is_the_loop():
    found, expected = (f(CARRY_EXAMPLE, *some_tables()) for f in (carry_by_loop, CORRECT["08"]))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


# -- 09


def test_09_is_the_geodesic_of_the_library_up_to_order():
    x, y = geodesic_ends(7)
    ours, theirs = CORRECT["09"](x, y, 0.3), geodesic_from_the_library(x, y, 0.3)
    torch.testing.assert_close(theirs.sort(1).values, ours)
    assert not torch.allclose(ours, theirs)


# -- 10


def test_10_catches_a_network_that_ignores_its_input():
    assert CHAPTERS["10"].catches(lambda x: torch.ones(len(x), 2, 4, *x.shape[-2:]))


def test_10_is_equivariant_by_the_helper():
    turns = range(4)
    actions = [lambda x, r=r: torch.rot90(x, r, (-2, -1)) for r in turns]
    fields = [lambda f, r=r: torch.rot90(f, r, (-2, -1)).roll(r, dims=2) for r in turns]
    assert_equivariant(CORRECT["10"], noise(4, 8), actions, fields)
    with pytest.raises(AssertionError):
        assert_equivariant(MUTANTS["10"]["rolls the wrong way"], noise(4, 8), actions, fields)


def test_10_turning_a_field_four_times_is_nothing_and_twice_is_half_a_turn():
    turn_field, turn = CELLS["10"].turn_field, CELLS["10"].turn
    f = torch.randn(2, 3, 4, 5, 5, generator=draw(9))
    once = turn_field(f, 1)
    assert torch.equal(turn_field(turn_field(once, 2), 1), f)
    assert torch.equal(once[:, :, 1], turn(f[:, :, 0], 1))


def test_10_agrees_with_sums_over_places():
    generator = draw(10)
    x = torch.randn(1, 1, 5, 5, generator=generator)
    w = torch.randn(1, 1, 5, 5, generator=generator)
    v = torch.randn(1, 1, 4, 5, 5, generator=generator)
    lifted = CELLS["10"].lift(x, w)
    for h in range(4):
        centre = (x * torch.rot90(w, h, (-2, -1))).sum()
        assert torch.allclose(lifted[0, 0, h, 2, 2], centre, atol=1e-4)
    mixed = CELLS["10"].mix(lifted, v)
    for h in range(4):
        pattern = torch.stack([torch.rot90(v[0, 0, (k - h) % 4], h) for k in range(4)])
        assert torch.allclose(mixed[0, 0, h, 2, 2], (lifted[0, 0] * pattern).sum(), atol=1e-3)


# -- 11


def test_11_agrees_with_the_roots_of_the_derivative():
    x, y = turned_codes(3), turned_codes(4)
    torch.testing.assert_close(CORRECT["11"](x, y), turns_by_roots(x, y), rtol=1e-9, atol=1e-9)
    coarse = CORRECT["11"](x, y, angles=8, steps=0)
    assert (coarse > turns_by_roots(x, y) + 1e-4).any()


# -- 12


def test_12_agrees_with_a_loop():
    x = table_images(7)
    torch.testing.assert_close(table_by_loop(some_encoder, x), CORRECT["12"](some_encoder, x))


# -- 13


def test_13_agrees_with_finite_transformations():
    found, expected = CORRECT["13"](*lie_example()), lie_by_moving(*lie_example())
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


# -- 14


def test_14_agrees_with_a_library():
    y, L = np.random.default_rng(7).normal(size=(2, 6, 4)) + np.arange(4)
    np.testing.assert_allclose(CORRECT["14"](y, L), error_by_images(y, L))


def test_14_does_not_see_what_is_added_to_the_logits_of_all_images():
    y, L = np.random.default_rng(8).normal(size=(2, 6, 4))
    shifted = y + np.array([100.0, -3.0, 0.5, 7.0])
    np.testing.assert_allclose(CORRECT["14"](shifted, L), CORRECT["14"](y, L))
    assert abs(MUTANTS["14"]["divided by the norm"](shifted, L) - CORRECT["14"](y, L)) > 0.1
