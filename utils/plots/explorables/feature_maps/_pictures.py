"""Small grey pictures as text: one sign for each pixel, and equal pictures once."""

from __future__ import annotations

import io
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Pixels have so many grey values, and are written as digits of this base.
LEVELS = 32
_DIGITS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuv", np.uint8)


def levels(pictures: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the nearest grey value, from 0 to 31, of numbers from 0 to 1; others are clipped.

    Examples
    --------
    >>> levels(np.array([-0.2, 0.0, 0.5, 1.0])).tolist()
    [0, 0, 16, 31]
    """
    return np.clip(np.round((LEVELS - 1) * pictures), 0, LEVELS - 1).astype(np.uint8)


def greys(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey values of 0 to 31 as a screen shows them, from 0 to 255."""
    return np.floor(255 * picture.astype(float) / (LEVELS - 1) + 0.5).astype(np.uint8)


def address(picture: NDArray[np.uint8]) -> str:
    """Return a picture of grey values from 0 to 31 as the address of an image."""
    stream = io.BytesIO()
    Image.fromarray(greys(picture)).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(stream.getvalue()).decode()}"


class Store:
    """Square pictures of one size, each kept once for all four quarter turns of it."""

    def __init__(self) -> None:
        self._kept: dict[bytes, int] = {}

    def number(self, picture: NDArray[np.uint8]) -> int:
        """Return ``4 i + q``: the picture is number i of the kept, turned by q quarter turns.

        Quarter turns are counter-clockwise.

        Examples
        --------
        >>> store = Store()
        >>> one = np.array([[1, 0], [0, 0]], np.uint8)
        >>> store.number(one), store.number(np.rot90(one)), store.text()
        (0, 1, '1000')
        """
        for q in range(4):
            found = self._kept.get(np.rot90(picture, -q).tobytes())
            if found is not None:
                return 4 * found + q
        self._kept[picture.tobytes()] = len(self._kept)
        return 4 * len(self._kept) - 4

    def text(self) -> str:
        """Return the kept pictures one after the other, row by row, a sign for each pixel."""
        pixels = np.frombuffer(b"".join(self._kept), np.uint8)
        return _DIGITS[pixels].tobytes().decode()
