"""The figure of codes that move and drawings that turn: errors, storage, what it refuses."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from utils.plots import CodeAction, turning_figure

ALT = "A picture, the drawing of a moved code and the code."
LABELS = ["0 places", "1 place", "2 places", "3 places", "4 places"]


def example(**changes):
    draw = np.random.default_rng(0)
    pictures, codes = draw.uniform(size=(2, 6, 6)), draw.normal(size=(2, 3, 4))
    truth = np.array([[np.rot90(one, t) for t in range(5)] for one in pictures])
    moved = np.array([[np.roll(code, t, axis=1) for t in range(5)] for code in codes])
    arguments = {
        "actions": [
            CodeAction("<shift>", moved, truth),
            CodeAction("fading", moved * 0.5, truth * np.linspace(1, 0.6, 5)[:, None, None]),
        ],
        "truth": truth,
        "labels": LABELS,
        "items": ["a", "b"],
        "spread": 0.1,
        "control": "Shift",
        "alt": ALT,
    }
    return arguments | changes


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)


def test_errors_are_mean_squares_over_the_spread():
    arguments = example()
    exact, fading = stored(turning_figure(**arguments))["actions"]
    assert exact["errors"] == [[0.0] * 5] * 2
    by_hand = (arguments["truth"][1, 3] * 0.3) ** 2
    assert fading["errors"][1][3] == pytest.approx(by_hand.mean() / 0.1, rel=1e-4)
    assert fading["mean"] == pytest.approx(np.mean(fading["errors"]), rel=1e-4)


def test_pictures_and_codes_can_be_read_back_and_equal_ones_are_stored_once():
    arguments = example()
    data = stored(turning_figure(**arguments))
    pictures = np.frombuffer(base64.b64decode(data["pictures"]), np.uint8).reshape(-1, 6, 6)
    codes = np.frombuffer(base64.b64decode(data["codes"]), np.int8).reshape(-1, 3, 4)
    # four turns of each picture, and four more that fade; a full turn is the first again
    assert len(pictures) == 2 * (4 + 4)
    assert len(codes) == 2 * 4, "codes are stored up to the scale of their item"
    for i in range(2):
        largest = np.abs(arguments["actions"][0].codes[i]).max()
        for t in range(5):
            np.testing.assert_array_equal(
                pictures[data["truth"][i][t]], 17 * np.round(arguments["truth"][i, t] * 15)
            )
            np.testing.assert_allclose(
                codes[data["actions"][0]["codes"][i][t]] / 15,
                arguments["actions"][0].codes[i, t] / largest,
                atol=0.5 / 15,
            )


def test_the_same_input_gives_the_same_figure_and_is_left_alone():
    arguments = example(start=2)
    held = [np.copy(a) for a in (arguments["truth"], arguments["actions"][1].codes)]
    figures = [turning_figure(**arguments).html for _ in range(2)]
    assert figures[0] == figures[1]
    assert "&lt;shift&gt;" in figures[0]
    assert 'max="4" value="2"' in figures[0]
    assert not re.search(r"https?://(?!www\.w3\.org)", figures[0])
    np.testing.assert_array_equal(arguments["truth"], held[0])
    np.testing.assert_array_equal(arguments["actions"][1].codes, held[1])


def test_a_code_of_zeros_is_drawn_as_nothing():
    arguments = example()
    one = arguments["actions"][0]
    empty = CodeAction("none", np.zeros_like(one.codes), one.drawings)
    codes = np.frombuffer(
        base64.b64decode(stored(turning_figure(**example(actions=[empty])))["codes"]), np.int8
    )
    assert not codes.any()


GOOD = example()["actions"][0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": []}, "no actions"),
        ({"truth": example()["truth"][:1]}, "there are 2 items and 5 labels"),
        ({"truth": np.full((2, 5, 6, 6), np.nan)}, "finite numbers"),
        ({"actions": [CodeAction("x", GOOD.codes, GOOD.drawings[:, :, :5])]}, "action 'x'"),
        ({"actions": [GOOD, CodeAction("y", GOOD.codes[:, :, :2], GOOD.drawings)]}, "action 'y'"),
        ({"actions": [CodeAction("z", GOOD.codes[0], GOOD.drawings)]}, "codes of 'z'"),
        ({"spread": 0.0}, "not above zero"),
        ({"start": 5}, "outside its 5 positions"),
        ({"alt": "short"}, "alternative text"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        turning_figure(**example(**changes))
