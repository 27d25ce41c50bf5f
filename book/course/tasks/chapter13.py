"""Tasks of chapter 13: the Lie derivative."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import array, number, whole


class Units(Task):
    """Convert equivariance errors between units."""

    label = "ex-13-units"
    points = 3
    names = {
        "per_degree": "the rotation error per degree",
        "enlarged": "the three errors on the larger images: shift, turn, log size",
        "degrees": "the degrees that are comparable to a shift by one pixel",
        "factors": "the factors of the three errors after the logits are multiplied",
        "halves": "the translation error in halves of the width",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw errors, a side, a block and a factor."""
        return {
            "turn": chance.randint(50, 400),
            "shift": chance.randint(5, 60),
            "size": chance.randint(50, 400),
            "n": chance.choice([20, 24, 28, 32, 40, 48, 64]),
            "block": chance.randint(2, 5),
            "times": chance.randint(2, 9),
        }

    def prompt(self, turn: int, shift: int, size: int, n: int, block: int, times: int) -> str:
        """Return the question."""
        return rf"""
        On images of ${n} \times {n}$ pixels a network has a relative error of {shift / 1000} per
        pixel of a shift, of {turn / 100} per radian of a turn about the centre, and of
        {size / 100} per unit of log size. (a) What is the second per degree? (b) The network is
        fed images of ${n * block} \times {n * block}$ pixels, smooth ones, through a new first
        layer that takes the mean of blocks of ${block} \times {block}$. What do the three errors
        per pixel (of the new images), per radian and per unit of log size become, if one neglects
        what the new layer blurs? (c) A turn by how many degrees moves the centre of a corner
        pixel of the ${n} \times {n}$ image, to first order, as far as a shift by one pixel does?
        (d) All logits are multiplied by {times}. By which factors are multiplied: the mean over
        images of the root mean square of the Lie derivative of the logits, the mean of its mean
        square, and the relative error? (e) What is the shift error in units in which the centres
        of the pixels reach from $-1$ to $1$ across the ${n} \times {n}$ image?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        An error is a speed: ask how far one unit of the parameter moves a pixel. Between $m$ pixels
        there are $m - 1$ steps.
        """

    def solution(self, turn: int, shift: int, size: int, n: int, block: int, times: int) -> str:
        """Return the answer."""
        return f"""
        from math import pi, sqrt

        per_degree = {turn / 100} * pi / 180
        enlarged = ({shift / 1000} / {block}, {turn / 100}, {size / 100})
        degrees = 180 / pi / (({n} - 1) / 2 * sqrt(2))
        factors = ({times}, {times}**2, 1)
        halves = {shift / 1000} * ({n} - 1) / 2
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        An error is a speed. A pixel of the larger image is a smaller part of the picture; angles
        and ratios of sizes know no pixels. A relative error is divided by something that grows
        with the logits.
        """

    def difficulty(self, n: int, block: int, **_: Any) -> dict[str, tuple[float, float, float]]:
        """Return the side and the block."""
        return {"side": (n, 20, 64), "block": (block, 2, 5)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three numbers and two triples."""
        for name in ("per_degree", "degrees", "halves"):
            number(answer, name)
        for name in ("enlarged", "factors"):
            array(answer, name, (3,))

    def hidden_angles(self, answer: Answer, turn: int, n: int, **_: Any) -> None:
        """The error per degree and the exchange rate are right, to one part in a thousand."""
        says = "How many radians are one degree? The error per degree is the smaller one."
        close = math.isclose(number(answer, "per_degree"), math.radians(turn / 100), rel_tol=1e-3)
        require(close, says)
        corner = math.hypot((n - 1) / 2, (n - 1) / 2)
        moved = math.radians(number(answer, "degrees")) * corner
        says = "How far is the centre of a corner pixel from the centre of the image?"
        require(math.isclose(moved, 1, rel_tol=1e-3), says)

    def hidden_pixels(
        self, answer: Answer, turn: int, shift: int, size: int, n: int, block: int, **_: Any
    ) -> None:
        """The errors on larger images, and in halves of the width, are right."""
        true = (shift / (1000 * block), turn / 100, size / 100)
        says = "Ask for each motion: how far does one unit of it move the picture on either grid?"
        require(np.allclose(array(answer, "enlarged", (3,)), true, rtol=1e-3), says)
        step = np.diff(np.linspace(-1, 1, n))[0]
        says = "How many steps between pixels are there from -1 to 1, and how many in one unit?"
        require(math.isclose(number(answer, "halves") * step, shift / 1000, rel_tol=1e-3), says)

    def hidden_factors(self, answer: Answer, times: int, **_: Any) -> None:
        """The factors are right."""
        y, L = np.random.default_rng(times).normal(size=(2, 5, 4))

        def errors(scale: float) -> NDArray[np.float64]:
            root = np.sqrt(((scale * L) ** 2).mean(1)).mean()
            return np.array([root, ((scale * L) ** 2).mean(), root / (scale * y).std()])

        found = array(answer, "factors", (3,))
        says = "The Lie derivative is linear in the network. By what is each error divided?"
        require(np.allclose(found, errors(times) / errors(1), rtol=1e-6), says)


class Defect(Task):
    """Take a wrong generator of rotations to pieces."""

    label = "ex-13-defect"
    points = 5
    names = {
        "turn": "how much of the true generator it holds",
        "right": "how much of the slope to the right it holds besides",
        "down": "how much of the downward slope it holds besides",
        "fixed": "the row and the column about which it turns",
        "mended": "a function of an image (n, n), the true generator",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a side, a speed, and the quarters of a pixel by which the centre is off."""
        off = [q for q in range(-7, 8) if q]
        return {
            "n": chance.randint(8, 20),
            "quarters": [chance.choice(off), chance.choice(off)],
            "speed": chance.choice([-8, -6, -5, -3, 3, 5, 6, 8]),
        }

    def prompt(self, n: int, **_: Any) -> str:
        """Return the question."""
        return rf"""
        On images of ${n} \times {n}$ pixels, rows counted downwards from 0, the generator of
        rotations about the centre, at one radian per unit of time, is
        $(\dot\rho\,x)_{{ij}} = -\bigl((i - c)\,r_{{ij}} - (j - c)\,d_{{ij}}\bigr)$, where $i$ is
        the row, $j$ the column, $c = {(n - 1) / 2}$, and $r$ and $d$ are the slopes to the right
        and downwards that `slopes` returns. The given `suspicious` is linear, vanishes on
        constant images up to the border, and is the generator of a one-parameter group. Write it
        as `turn` times the true generator plus `right` times $r$ plus `down` times $d$. About
        which point (row, column) does it turn? Write the true generator as a function `mended` of
        a NumPy array.
        """

    def given(self, n: int, quarters: list[int], speed: int) -> str:
        """Return the suspicious generator."""
        s = speed / 4
        a, b = s * ((n - 1) / 2 + quarters[0] / 4), -s * ((n - 1) / 2 + quarters[1] / 4)
        return f"""
        import numpy as np


        def slopes(x):
            p = np.pad(x, 1)
            return (p[1:-1, 2:] - p[1:-1, :-2]) / 2, (p[2:, 1:-1] - p[:-2, 1:-1]) / 2


        def suspicious(x):
            r, d = slopes(x)
            i, j = np.indices(x.shape)
            return ({a} - {s} * i) * r + ({b} + {s} * j) * d
        """

    def starter(self, n: int, **_: Any) -> str:
        """Return the cell to fill in."""
        return f"""
        turn = ...  # how much of the true generator it holds
        right = ...  # how much of the slope to the right it holds besides
        down = ...  # how much of the downward slope it holds besides
        fixed = ...  # the row and the column about which it turns


        def mended(x):
            ...  # an array of shape ({n}, {n})
        """

    def solution(self, n: int, quarters: list[int], speed: int) -> str:
        """Return the answer."""
        return f"""
        def mended(x):
            r, d = slopes(np.asarray(x))
            place = np.arange({n}) - ({n} - 1) / 2
            return -(place[:, None] * r - place * d)

        x = np.random.default_rng(0).normal(size=({n}, {n}))
        pieces = np.stack([mended(x), *slopes(x)], axis=-1).reshape(-1, 3)
        turn, right, down = np.linalg.lstsq(pieces, suspicious(x).ravel(), rcond=None)[0]
        fixed = (({n} - 1) / 2 + right / turn, ({n} - 1) / 2 - down / turn)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        It is a good generator of rotations, about another point and at another speed. No test of
        group properties can object. A rotation about the centre commutes with quarter turns of
        the grid, and this one does not.
        """

    def difficulty(
        self, n: int, quarters: list[int], speed: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return by how much the centre is off."""
        return {"quarters of a pixel": (math.hypot(*quarters), 1, 10), "side": (n, 8, 20)}

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """There are three numbers and a point, and the function keeps the shape."""
        for name in ("turn", "right", "down"):
            number(answer, name)
        array(answer, "fixed", (2,))
        array_of(answer, "mended", (n, n), np.zeros((n, n)))

    def hidden_pieces(self, answer: Answer, n: int, quarters: list[int], speed: int) -> None:
        """The pieces add up to the suspicious generator."""
        x = np.random.default_rng(n).normal(size=(n, n))
        r, d, true = _rotation(x)
        i, j = np.indices(x.shape)
        top, left = ((n - 1) / 2 + q / 4 for q in quarters)
        wanted = -speed / 4 * ((i - top) * r - (j - left) * d)
        found = [number(answer, name) for name in ("turn", "right", "down")]
        gap = found[0] * true + found[1] * r + found[2] * d - wanted
        says = "Compare the coefficients of the two slopes at each row and column."
        require(np.abs(gap).max() < 1e-4, says)

    def hidden_fixed(self, answer: Answer, n: int, quarters: list[int], speed: int) -> None:
        """The point is where nothing moves, to a thousandth of a pixel."""
        true = [(n - 1) / 2 + q / 4 for q in quarters]
        says = "At which row and column do both coefficients vanish?"
        require(np.allclose(array(answer, "fixed", (2,)), true, atol=1e-3), says)

    def hidden_mended(self, answer: Answer, n: int, **_: Any) -> None:
        """The mended generator is the true one, and commutes with quarter turns."""
        x = np.random.default_rng(n + 1).normal(size=(n, n))
        once = array_of(answer, "mended", (n, n), x)
        turned = array_of(answer, "mended", (n, n), np.rot90(x).copy())
        says = "Turn an image by a quarter before and after: the results must agree."
        require(np.allclose(turned, np.rot90(once), atol=1e-6), says)
        says = "It must turn at one radian per unit of time, in the direction of the formula."
        require(np.allclose(once, _rotation(x)[2], atol=1e-6), says)


def _rotation(x: NDArray[np.float64]) -> tuple[Any, Any, Any]:
    """Return the slopes to the right and downwards, and the generator of rotations."""
    n = len(x)
    difference = (np.eye(n, k=1) - np.eye(n, k=-1)) / 2
    r, d = x @ difference.T, difference @ x
    place = np.diag(np.arange(n) - (n - 1) / 2)
    return r, d, d @ place - place @ r


class Aliasing(Task):
    """Find where a power of a wave stops moving like the wave."""

    label = "ex-13-aliasing"
    points = 6
    names = {
        "last": "the largest k for which the power is equivariant",
        "heard": "the frequency at which the grid shows the highest wave of the power",
        "errors": "the relative Lie derivatives for the three frequencies, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a grid, a power, and frequencies below and above the limit."""
        while True:
            n, p = chance.randrange(40, 101, 2), chance.choice([2, 3, 4])
            below = [k for k in range(2, n // 2) if 2 * p * k < n]
            beyond = [k for k in range(2, n // 2) if n / 2 < p * k < n]
            beyond = [k for k in beyond if all((2 * j * k) % n for j in range(p, 0, -2))]
            if len(beyond) > 1:
                ks = sorted([chance.choice(below), *chance.sample(beyond, 2)])
                return {"n": n, "p": p, "ks": ks, "phase": chance.randint(1, 14)}

    def prompt(self, n: int, p: int, ks: list[int], phase: int) -> str:
        """Return the question."""
        return rf"""
        The wave $x_q = \cos(2\pi k q / {n} + {phase / 10})$ stands on a circle of {n} pixels $q$.
        Shifts act by trigonometric interpolation: the generator multiplies the Fourier
        coefficient of frequency $m$, $\lvert m \rvert < {n // 2}$, by $-2\pi i m / {n}$. A layer
        takes the power $x \mapsto x^{p}$ of each pixel, and the shift acts on its output in the
        same way. Let $y = x^{p}$. The Lie derivative is the change of $y$ when $x$ moves, minus
        the motion $\dot\rho\, y$ of $y$; the relative one is its norm over that of
        $\dot\rho\, y$. What is the largest $k$ such that for all frequencies up to $k$ the layer
        is equivariant up to rounding? For $k = {ks[-1]}$, at which frequency between 0 and
        {n // 2} does the grid show the highest wave of the power? What is the relative Lie
        derivative for $k = {ks[0]}$, ${ks[1]}$ and ${ks[2]}$?
        """

    def solution(self, n: int, p: int, ks: list[int], phase: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        n, p = {n}, {p}
        frequencies = np.fft.fftfreq(n, 1 / n)
        frequencies[n // 2] = 0

        def moved(z):
            return np.fft.ifft(-2j * np.pi * frequencies / n * np.fft.fft(z)).real

        def error(k):
            x = np.cos(2 * np.pi * k * np.arange(n) / n + {phase / 10})
            motion = moved(x**p)
            return np.linalg.norm(p * x ** (p - 1) * moved(x) - motion) / np.linalg.norm(motion)

        errors = [error(k) for k in {ks}]
        last = next(k for k in range(1, n) if 2 * p * (k + 1) >= n)
        heard = n - p * {ks[-1]}
        """

    def remarks(self, n: int, p: int, **_: Any) -> str:
        """Return why."""
        return rf"""
        The power of a wave of frequency $k$ has the frequencies ${p}k$, ${p - 2}k$ and so on.
        While ${p}k < {n // 2}$ the grid holds them all. Beyond, frequency ${p}k$ looks like
        ${n} - {p}k$, a wave that moves the other way and at another speed.
        """

    def difficulty(
        self, n: int, p: int, ks: list[int], phase: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the power and the number of pixels."""
        return {"power": (p, 2, 4), "pixels": (n, 40, 100)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two frequencies and three errors."""
        whole(answer, "last")
        whole(answer, "heard")
        require((array(answer, "errors", (3,)) >= 0).all(), "An error is not negative.")

    def hidden_last(self, answer: Answer, n: int, p: int, phase: int, **_: Any) -> None:
        """The largest frequency is right."""
        true = next(k for k in range(1, n) if _aliasing(n, p, k + 1, phase) > 1e-8)
        says = "Which frequencies has the power of a wave, and which does the grid hold?"
        require(whole(answer, "last") == true, says)

    def hidden_heard(self, answer: Answer, n: int, p: int, ks: list[int], **_: Any) -> None:
        """The frequency that the grid shows is right."""
        wave = np.cos(2 * np.pi * p * ks[-1] * np.arange(n) / n)
        true = int(np.abs(np.fft.rfft(wave)).argmax())
        says = "Sample the wave of the highest frequency. Which slower wave has the same values?"
        require(whole(answer, "heard") == true, says)

    def hidden_errors(self, answer: Answer, n: int, p: int, ks: list[int], phase: int) -> None:
        """The relative Lie derivatives are right to a thousandth."""
        true = [_aliasing(n, p, k, phase) for k in ks]
        says = "The change of y by the chain rule, minus the generator applied to y itself."
        require(np.allclose(array(answer, "errors", (3,)), true, rtol=1e-3, atol=1e-6), says)


def _aliasing(n: int, p: int, k: int, phase: int) -> float:
    """Return the relative Lie derivative, with the generator as a matrix of cotangents."""
    away = np.subtract.outer(np.arange(n), np.arange(n))
    signs = np.where(away % 2, -1.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(away, signs * np.pi / n / np.tan(np.pi * away / n), 0)
    x = np.cos(2 * np.pi * k * np.arange(n) / n + phase / 10)
    motion = -slope @ x**p
    change = -p * x ** (p - 1) * (slope @ x)
    return float(np.linalg.norm(change - motion) / np.linalg.norm(motion))
