"""On a page, the drawings of figures have places of two decimals, and nothing else is rounded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_ext"))
from inline_pictures import with_short_numbers


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('<path d="M 1.2345 -2.3456 L 10.0004 3.5"/>', '<path d="M 1.23 -2.35 L 10 3.5"/>'),
        ('<path d="M1.0004-0.0001"/>', '<path d="M1-0"/>'),  # a minus that keeps numbers apart
        ('<use x="-0.0012" y="100.129"/>', '<use x="0" y="100.13"/>'),
        (
            '<g transform="translate(63.2371 283.2) scale(0.015625)"/>',
            '<g transform="translate(63.24 283.2) scale(0.015625)"/>',
        ),
        ('<g transform="matrix(0.9999 0 0 1 0 0)"/>', None),
        ('<text data-x="1.23456">1.23456</text>', None),
        ('<path style="stroke-width: 1.23456"/>', None),
    ],
)
def test_places_are_rounded_and_nothing_else_is(given: str, expected: str | None) -> None:
    around = '<p title="0.12345"><svg>{}</svg><i d="1.23456"></i></p>'
    assert with_short_numbers(around.format(given)) == around.format(expected or given)
