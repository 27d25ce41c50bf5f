"""The figure of feature maps: its checks, what it stores, and its numbers beside the library's."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pytest
import torch

from utils.data.mnist import rotate
from utils.equivariance import relative_error
from utils.plots import FieldMaps, feature_maps_figure
from utils.plots.explorables.feature_maps._pictures import Store, greys, levels
from utils.plots.explorables.feature_maps._undoing import best_rolls, disk, turned_back

ALT = "A digit with eight maps around it."
LABELS = [f"{90 * h}°" for h in range(4)]


def field(name: str = "C4", side: int = 7, **other: Any) -> FieldMaps:
    """A regular field of C4 on an image that makes four quarter turns."""
    draw = np.random.default_rng(0)
    base, code = draw.uniform(size=(4, side, side)), draw.normal(size=4)
    given: dict[str, Any] = {
        "maps": [np.roll(np.rot90(base, t, (1, 2)), t, axis=0) for t in range(4)],
        "code": [np.roll(code, t) for t in range(4)],
        "labels": LABELS,
        "filters": [np.rot90(np.diag([1.0, 0.0, -0.5]), h) for h in range(4)],
    }
    return FieldMaps(name, **(given | other))


def stored(*fields: FieldMaps, digits: Any = None, **other: Any) -> dict[str, Any]:
    digits = np.ones((4, 5, 5)) if digits is None else digits
    markup = feature_maps_figure(fields, digits, alt=ALT, **other).html
    found = re.search(r'<script type="application/json">(.*?)</script>', markup, re.S)
    assert found is not None
    return json.loads(found[1])


def unpacked(text: str, number: int, side: int) -> np.ndarray:
    """A stored picture, as the script reads it."""
    pixels = np.array([int(sign, 32) for sign in text]).reshape(-1, side, side)
    return np.rot90(pixels[number // 4], number % 4)


@pytest.mark.parametrize("side", [7, 8])
def test_turning_back_and_what_is_left_are_those_of_the_library(side: int) -> None:
    draw = torch.Generator().manual_seed(1)
    maps = torch.randn(6, 5, side, side, generator=draw, dtype=torch.float64)
    back = turned_back(maps.numpy())
    expected = rotate(maps, [-60.0 * t for t in range(6)])
    np.testing.assert_allclose(back, expected.numpy(), atol=1e-9)
    forth = rotate(maps, [60.0 * t for t in range(6)])
    assert np.abs(back - forth.numpy()).max() > 0.1
    inside = torch.from_numpy(disk(side))
    first = (maps[:1] * inside).expand(6, -1, -1, -1)
    errors = torch.stack([relative_error((expected * inside).roll(-k, 1), first) for k in range(5)])
    rolls, left = best_rolls(back * disk(side))
    np.testing.assert_array_equal(rolls, errors.argmin(dim=0).numpy())
    np.testing.assert_allclose(left, errors.amin(dim=0).numpy(), rtol=1e-9, atol=1e-12)


def test_a_regular_field_is_undone_by_a_roll_and_another_is_not() -> None:
    data = stored(field(), field("other", maps=np.random.default_rng(3).uniform(size=(4, 4, 7, 7))))
    regular, other = data["fields"]
    assert regular["rolls"] == regular["codeRolls"] == [0, 1, 2, 3]
    assert max(regular["errors"]) < 1e-12
    assert max(regular["codeErrors"]) == 0
    assert min(other["errors"][1:]) > 0.3
    strongest = regular["strongest"]
    assert strongest == [(strongest[0] + t) % 4 for t in range(4)]


def test_pictures_are_stored_once_for_their_quarter_turns_and_come_back() -> None:
    given = field()
    data = stored(given)
    (one,) = data["fields"]
    assert len(one["pixels"]) == 4 * 7 * 7  # of 16 maps
    assert len(one["filterPixels"]) == 3 * 3
    assert len(data["pixels"]) == 5 * 5
    maps = np.array(given.maps)
    for t in range(4):
        for h in range(4):
            np.testing.assert_array_equal(
                unpacked(one["pixels"], one["maps"][t][h], 7),
                np.round(31 * maps[t, h] / maps.max()),
            )
    store = Store()
    different = [store.number(np.full((2, 2), grey, np.uint8)) for grey in (3, 31, 3)]
    assert different == [0, 4, 0]
    assert store.text() == "3333vvvv"


def test_grey_values_go_from_black_to_white_and_negative_ones_are_black() -> None:
    assert greys(levels(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))).tolist() == [0, 0, 132, 255, 255]
    maps = np.full((4, 4, 7, 7), -1.0)
    maps[:, 0] = 2.0
    (one,) = stored(field(maps=maps))["fields"]
    assert set(one["pixels"]) == {"0", "v"}


def test_the_first_state_is_told_and_a_later_one_with_what_is_left() -> None:
    figure = [feature_maps_figure([field()], np.ones((4, 5, 5)), alt=ALT, start=t) for t in (0, 1)]
    texts = [stills(one.html) for one in figure]
    assert "C4, digit turned by 0°" in texts[0]
    assert "nothing to undo" in texts[0]
    assert "rolled back by 1 (the best of 4 rolls), the maps would differ" in texts[1]
    assert "by rounding, the code by rounding." in texts[1]
    assert 'value="1"' in figure[1].html


def stills(markup: str) -> str:
    """The text of a figure's still."""
    found = re.search(r'<img class="book-still"[^>]*base64,([^"]*)">', markup)
    assert found is not None
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", base64.b64decode(found[1]).decode())
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"maps": np.ones((4, 4, 7))}, "4 dimensions"),
        ({"maps": np.full((4, 4, 7, 7), np.nan)}, "finite"),
        ({"maps": np.ones((4, 4, 7, 6))}, r"\(T, n, m, m\)"),
        ({"maps": np.ones((3, 4, 7, 7))}, "T = 4"),
        ({"maps": np.ones((4, 3, 7, 7))}, "n from 4 to 8"),
        ({"maps": np.zeros((4, 4, 7, 7))}, "are zero"),
        ({"code": np.zeros((4, 4))}, "are zero"),
        ({"code": np.ones((4, 5))}, r"give \(4, 4\)"),
        ({"labels": LABELS[:3]}, "3 labels"),
        ({"filters": np.ones((3, 5, 5))}, "one for each map"),
        ({"filters": np.ones((4, 5, 4))}, r"\(4, s, s\)"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(other: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        stored(field(**other))


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"digits": np.ones((4, 5, 6))}, r"\(T, H, H\)"),
        ({"digits": np.ones((1, 5, 5))}, "two angles or more"),
        ({"digits": np.ones((5, 5))}, "3 dimensions"),
        ({"start": 4}, "outside its 4 positions"),
        ({"start": -1}, "outside its 4 positions"),
    ],
)
def test_images_and_a_start_that_do_not_fit_are_refused(other: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        stored(field(), **other)


def test_a_figure_without_fields_or_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        stored()
    with pytest.raises(ValueError, match="alternative text"):
        feature_maps_figure([field()], np.ones((4, 5, 5)), alt="Maps.")


def test_what_is_handed_over_stays_as_it_is() -> None:
    maps, code = np.array(field().maps), np.array(field().code)
    before = maps.copy(), code.copy()
    stored(field(maps=maps, code=code))
    np.testing.assert_array_equal(maps, before[0])
    np.testing.assert_array_equal(code, before[1])
