"""The figure of orbits: what it refuses, what it stores, and its first state beside the library."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

from utils.groups import (
    FiniteGroup,
    Representation,
    count_colourings,
    cyclic,
    dihedral,
    orbit,
    reflection_group,
    reflection_mirrors,
    stabilizer,
    symmetric,
)
from utils.plots import orbit_figure
from utils.plots.explorables.orbit._beads import beads_of, colouring_of, number_of
from utils.plots.explorables.orbit._drawing import UNIT, necklace, plane
from utils.plots.explorables.orbit._moves import MIRROR, images, keepers, moves, said_of_point

ALT = "A point and its orbit, and beads with theirs."
GROUPS = [*(dihedral(n) for n in range(2, 7)), *(cyclic(n) for n in range(2, 7))]
#: Directions that lie on a mirror of some of the groups, and others.
DIRECTIONS = (0, 21, 30, 36, 45, 60, 90, 108, 150, 200, 359)


def matrices(group: FiniteGroup) -> np.ndarray:
    """The matrices of the moves, in the order of the group."""
    found = []
    for move in moves(group):
        angle = math.radians(move.degrees * (2 if move.kind == MIRROR else 1))
        c, s = math.cos(angle), math.sin(angle)
        found.append([[c, s], [s, -c]] if move.kind == MIRROR else [[c, -s], [s, c]])
    return np.array(found)


def orders(group: FiniteGroup) -> list[int]:
    return sorted(group.element_order(g) for g in group.elements)


def stored(markup: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', markup, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_the_moves_multiply_as_the_group_does_and_move_the_corners_so(group: FiniteGroup) -> None:
    rho = Representation(group, matrices(group))  # which refuses what is none
    corners = 2 * np.pi * np.arange(group.degree) / group.degree
    places = np.stack([np.cos(corners), np.sin(corners)], axis=1)
    carried = np.einsum("gij,cj->gci", rho.matrices, places)
    np.testing.assert_allclose(carried, places[group.natural_images], atol=1e-12)
    with pytest.raises(ValueError, match="matrices"):
        Representation(group, np.roll(matrices(group), 1, axis=0))


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
@pytest.mark.parametrize("distance", [0, 80])
def test_orbit_and_stabilizer_of_a_point_are_the_librarys(
    group: FiniteGroup, distance: int
) -> None:
    rho, elements = Representation(group, matrices(group)), moves(group)
    for degrees in DIRECTIONS:
        angle = math.radians(degrees)
        x = distance * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
        kept = keepers(elements, degrees, distance)
        assert kept == torch.where(stabilizer(x, rho)[0])[0].tolist()
        found = images(elements, degrees, distance)
        places = np.unique(orbit(x, rho)[0].numpy().round(6) + 0.0, axis=0)
        ours = [(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in found]
        np.testing.assert_allclose(
            np.unique((distance * np.array(ours)).round(6) + 0.0, axis=0), places, atol=1e-5
        )
        assert set(found.values()) == {len(kept)}
        assert len(found) * len(kept) == group.order
        assert f"{len(found)} point" in said_of_point(elements, degrees, distance)


@pytest.mark.parametrize(
    ("n", "roots"),
    [
        (3, [[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]),  # A2, in the plane x + y + z = 0
        (4, [[1.0, -1.0], [0.0, 1.0]]),  # B2
        (2, [[1.0, -1.0], [1.0, 1.0]]),  # D2, which is A1 x A1
        (6, [[1.0, 0.0], [-1.5, math.sqrt(3) / 2]]),  # G2
    ],
)
def test_the_types_that_the_chapter_names_have_the_mirrors_of_the_dihedral_groups(
    n: int, roots: list[list[float]]
) -> None:
    given = np.array(roots)
    mirrors = [move for move in moves(dihedral(n)) if move.kind == MIRROR]
    assert len(reflection_mirrors(given)) == len(mirrors)
    assert orders(reflection_group(given).group) == orders(dihedral(n))
    assert orders(reflection_group(given).group) != orders(dihedral(5))


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_colourings_and_their_count_are_the_librarys(group: FiniteGroup) -> None:
    beads = [1, 0, 1, 0, 0, 0][: group.degree]
    for colours in (2, 3):
        found = beads_of(group, beads, colours)
        assert sum(found.fixed) == found.orbits * group.order
        assert found.orbits == count_colourings(group.natural_action(), colours)
        assert found.orbits != count_colourings(group.natural_action(), colours + 1)
        assert len(found.orbit) * len(found.keepers) == group.order
        assert number_of(beads, colours) in found.orbit
        assert f"= {found.orbits} colourings" in found.said.replace("\N{NO-BREAK SPACE}", " ")
    assert [colouring_of(number_of(beads, 3), len(beads), 3)] == [tuple(beads)]


def test_the_first_state_is_drawn() -> None:
    drawn = plane(dihedral(6), 30, 50)
    assert drawn.count("stroke-dasharray") == 5  # the sixth mirror is solid
    assert drawn.count('r="8.5"') == 5
    assert drawn.count('r="11"') == 1
    x, y = 120 + UNIT / 2 * math.cos(math.pi / 6), 120 - UNIT / 4
    assert f'cx="{x:.1f}" cy="{y:.1f}" r="11"' in drawn
    beads = necklace(dihedral(6), beads_of(dihedral(6), (1, 0, 1, 0, 1, 0), 2))
    assert beads.count("<rect") == 12
    assert beads.count('r="2.2"') == 6  # the elements that fix the colouring
    assert ">mean 13<" in beads


def test_what_is_stored_is_small_and_the_same_each_time() -> None:
    groups = {"D": dihedral(6), "C": cyclic(3)}
    figure = orbit_figure(groups, alt=ALT, start=1, direction=45, distance=0.333)
    assert figure.html == orbit_figure(groups, alt=ALT, start=1, direction=45, distance=0.333).html
    data = stored(figure.html)
    assert (data["degrees"], data["distance"], data["start"]) == (45, 33, 1)
    assert [one["n"] for one in data["groups"]] == [6, 3]
    assert data["groups"][0]["images"] == dihedral(6).natural_images.tolist()
    assert len(figure.html) < 50_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": {}}, "at least one"),
        ({"groups": {"S": symmetric(3)}}, "'S' is S_3"),
        ({"groups": {"big": dihedral(7)}}, "2 to 6 corners"),
        ({"groups": {"small": cyclic(1)}}, "2 to 6 corners"),
        ({"start": 1}, "starts with group 1"),
        ({"direction": 360}, "direction"),
        ({"distance": 1.1}, "from 0 to 1"),
        ({"distance": math.nan}, "from 0 to 1"),
        ({"colours": 5}, "number of colours"),
        ({"colouring": (0, 2, 0)}, "colour of a bead"),
        ({"colouring": (0, 1)}, "3 beads need"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_what_cannot_be_shown_is_refused(changes: dict[str, Any], message: str) -> None:
    given = {"groups": {"D": dihedral(3)}, "alt": ALT} | changes
    with pytest.raises(ValueError, match=message):
        orbit_figure(given.pop("groups"), **given)
