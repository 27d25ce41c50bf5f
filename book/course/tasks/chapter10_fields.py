"""Tasks of the companions of chapter 10: types of fields, and the error of the ruler."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import array, whole


class Vectors(Task):
    """Act on fields of vectors, and bend only their lengths."""

    label = "ex-10-vectors"
    points = 5
    names = {
        "act": "a function of an array (B, k, 2) and a number of steps, which turns the pairs",
        "shorten": "a function of an array (B, k, 2), the nonlinearity",
        "witness": "a pair of length 1 on which ReLU breaks the promise",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a group, a frequency and what is taken off the lengths."""
        n = chance.randint(5, 12)
        f = chance.choice([f for f in range(2, n) if 2 * f != n])
        return {"n": n, "f": f, "tenths": chance.randint(3, 12)}

    def prompt(self, n: int, f: int, tenths: int) -> str:
        """Return the question."""
        return rf"""
        A field of frequency {f} for $C_{{{n}}}$ holds pairs of numbers, and one step of
        $C_{{{n}}}$ turns each pair counter-clockwise by ${f} \cdot 360° / {n}$. Write `act(v, r)`,
        which applies $r$ steps to a NumPy array of shape $(B, k, 2)$; $r$ may be negative. Write
        the nonlinearity `shorten(v)`, which keeps the direction of each pair and replaces its
        length $\ell$ by $\max(\ell - {tenths / 10}, 0)$; a pair of length 0 stays. Finally find a
        pair $w$ of length 1 for which the ReLU of both entries breaks the promise clearly: one
        step after the ReLU and the ReLU after one step shall differ by a vector whose length is
        at least nine tenths of the largest that is possible.
        """

    def starter(self, **_: Any) -> str:
        """Return the cell to fill in."""
        return """
        import numpy as np


        def act(v, r):
            ...  # an array of shape (B, k, 2)


        def shorten(v):
            ...  # an array of shape (B, k, 2)


        witness = ...  # a pair of length 1
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        A pair of length 0 has no direction to divide by. For $w$, measure the difference on a fine
        grid of directions.
        """

    def solution(self, n: int, f: int, tenths: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        def act(v, r):
            angle = 2 * np.pi * {f} * r / {n}
            c, s = np.cos(angle), np.sin(angle)
            return np.asarray(v) @ np.array([[c, s], [-s, c]])

        def shorten(v):
            v = np.asarray(v)
            length = np.linalg.norm(v, axis=-1, keepdims=True)
            return v * np.maximum(length - {tenths / 10}, 0) / np.maximum(length, 1e-12)

        around = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        pairs = np.stack([np.cos(around), np.sin(around)], axis=-1)[:, None]
        gap = act(np.maximum(pairs, 0), 1) - np.maximum(act(pairs, 1), 0)
        witness = pairs[np.linalg.norm(gap[:, 0], axis=1).argmax(), 0]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        A turn leaves lengths alone and moves directions, so whatever is done to the lengths alone
        commutes with it. ReLU cuts along axes that a turn does not keep.
        """

    def difficulty(self, n: int, f: int, tenths: int) -> dict[str, tuple[float, float, float]]:
        """Return the order and the frequency."""
        return {"order": (n, 5, 12), "frequency": (f, 2, 11)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Both functions keep the shape, and the witness has length 1."""
        v = np.ones((2, 3, 2))
        array_of(answer, "act", (2, 3, 2), v, 1)
        array_of(answer, "shorten", (2, 3, 2), v)
        length = np.linalg.norm(array(answer, "witness", (2,)))
        require(abs(length - 1) < 1e-6, "witness must have length 1.")

    def hidden_act(self, answer: Answer, n: int, f: int, tenths: int) -> None:
        """The steps turn pairs by the right angle, in the right direction."""
        v = np.random.default_rng(n + 20 * f).normal(size=(4, 3, 2))
        for r in (1, -2, n):
            turned = (v[..., 0] + 1j * v[..., 1]) * np.exp(2j * np.pi * f * r / n)
            found = array_of(answer, "act", (4, 3, 2), v, r)
            says = "By which angle do r steps turn a pair? Try the pair (1, 0) by hand."
            good = np.allclose(found, np.stack([turned.real, turned.imag], -1), atol=1e-6)
            require(good, says)

    def hidden_shorten(self, answer: Answer, n: int, f: int, tenths: int) -> None:
        """The nonlinearity changes lengths as asked, and leaves directions alone."""
        v = np.random.default_rng(tenths).normal(size=(5, 4, 2))
        v[0, 0] = 0
        z = v[..., 0] + 1j * v[..., 1]
        true = np.clip(np.abs(z) - tenths / 10, 0, None) * np.exp(1j * np.angle(z))
        found = array_of(answer, "shorten", (5, 4, 2), v)
        says = "Compare lengths and directions before and after, for short pairs and for zero too."
        require(np.allclose(found, np.stack([true.real, true.imag], -1), atol=1e-6), says)

    def hidden_witness(self, answer: Answer, n: int, f: int, tenths: int) -> None:
        """The witness shows the break clearly."""

        def gap(z: Any) -> Any:
            step = np.exp(2j * np.pi * f / n)
            cut = np.maximum(z.real, 0) + 1j * np.maximum(z.imag, 0)
            late = np.maximum((z * step).real, 0) + 1j * np.maximum((z * step).imag, 0)
            return np.abs(cut * step - late)

        x, y = array(answer, "witness", (2,))
        most = gap(np.exp(1j * np.linspace(0, 2 * np.pi, 3600))).max()
        says = "Try pairs all around the circle and take the one with the largest difference."
        require(gap(np.array([complex(x, y)]))[0] >= 0.9 * most, says)


class Ruler(Task):
    """Measure what interpolation costs by itself."""

    label = "ex-10-ruler"
    points = 4
    names = {
        "there_and_back": "the relative errors of the two shifts, a list of four",
        "once": "the relative errors of one shift against the true wave, a list of four",
        "first": "the smallest k at which there and back costs more than the given share",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a circle of pixels, a part of a pixel, frequencies and a share."""
        while True:
            drawn = {
                "n": chance.randrange(24, 49, 2),
                "percent": chance.choice([15, 20, 25, 30, 35, 40]),
                "share": chance.choice([5, 10, 15, 20]),
            }
            first = _first(**drawn)
            if 3 <= first <= 9:
                ks = sorted(chance.sample(range(1, drawn["n"] // 2), 4))
                return {**drawn, "ks": ks}

    def prompt(self, n: int, percent: int, share: int, ks: list[int]) -> str:
        """Return the question."""
        return rf"""
        The wave $\cos(2\pi k p / n)$ stands on a circle of $n = {n}$ pixels $p$. To shift it by
        $a = {percent / 100}$ of a pixel by linear interpolation, pixel $p$ gets $1 - a$ times its
        own value and $a$ times that of pixel $p - 1$; to shift it back, pixel $p + 1$ takes the
        place of pixel $p - 1$. For $k$ in ${", ".join(map(str, ks))}$, give the norm of the change
        after a shift there and back over the norm of the wave. Give also the norm of the
        difference between the wave after *one* interpolated shift and the wave that is truly
        shifted, $\cos(2\pi k (p - a) / n)$, over the same norm. What is the smallest $k$ at which
        there and back costs more than {share} %?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        `np.roll(x, 1)` gives each pixel the value of the pixel before it. Which number does a shift
        there and back multiply the wave by?
        """

    def solution(self, n: int, percent: int, share: int, ks: list[int]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        a, theta = {percent / 100}, 2 * np.pi * np.arange({n // 2}) / {n}
        shift = 1 - a + a * np.exp(-1j * theta)
        ruler, one = 1 - abs(shift) ** 2, abs(shift - np.exp(-1j * a * theta))
        there_and_back, once = ruler[{ks}], one[{ks}]
        first = int(np.argmax(ruler > {share / 100}))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        An interpolated shift multiplies the wave by $1 - a + a e^{-i\theta}$ with
        $\theta = 2\pi k / n$, and there and back by $1 - 2a(1 - a)(1 - \cos\theta)$. The error of
        one shift is a complex number of another size and direction, which is why the ruler cannot
        be subtracted from it.
        """

    def difficulty(
        self, n: int, percent: int, share: int, ks: list[int]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the first costly frequency."""
        return {"first": (_first(n, percent, share), 3, 9)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are four errors of each kind and a whole number."""
        array(answer, "there_and_back", (4,))
        array(answer, "once", (4,))
        whole(answer, "first")

    def hidden_ruler(self, answer: Answer, n: int, percent: int, ks: list[int], **_: Any) -> None:
        """The errors there and back are right to a ten-thousandth."""
        true = [_there_and_back(n, percent / 100, k)[0] for k in ks]
        says = "Shift the wave with np.roll, shift the result back, and compare with the wave."
        require(np.allclose(array(answer, "there_and_back", (4,)), true, atol=1e-4), says)

    def hidden_once(self, answer: Answer, n: int, percent: int, ks: list[int], **_: Any) -> None:
        """The errors of one shift are right to a ten-thousandth."""
        true = [_there_and_back(n, percent / 100, k)[1] for k in ks]
        says = "Compare one interpolated shift with the wave at p - a, pixel by pixel."
        require(np.allclose(array(answer, "once", (4,)), true, atol=1e-4), says)

    def hidden_first(self, answer: Answer, n: int, percent: int, share: int, **_: Any) -> None:
        """The first costly frequency is right."""
        says = "Compute the error there and back for all frequencies, one after the other."
        require(whole(answer, "first") == _first(n, percent, share), says)


def _there_and_back(n: int, a: float, k: int) -> tuple[float, float]:
    """Return the relative errors of the shift there and back, and of one shift, pixel by pixel."""
    p = np.arange(n)
    # A wave and its quarter shifted companion together, so that no phase is special.
    wave: NDArray[np.complex128] = np.exp(2j * np.pi * k * p / n)
    there = (1 - a) * wave + a * np.roll(wave, 1)
    back = (1 - a) * there + a * np.roll(there, -1)
    true = np.exp(2j * np.pi * k * (p - a) / n)
    size = np.linalg.norm(wave)
    return float(np.linalg.norm(back - wave) / size), float(np.linalg.norm(there - true) / size)


def _first(n: int, percent: int, share: int) -> int:
    """Return the smallest frequency at which there and back costs more than a share."""
    costly = (k for k in range(n // 2) if _there_and_back(n, percent / 100, k)[0] > share / 100)
    return next(costly, n)
