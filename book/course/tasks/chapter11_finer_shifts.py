"""Tasks of chapter 11 on shifts by part of a place."""

from __future__ import annotations

import itertools
import random
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, number, whole


class Half(Task):
    """Measure the distance over steps finer than a place."""

    label = "ch11-ex-half"
    points = 5
    names = {
        "coarse": "the smallest distance over whole shifts of y",
        "fine": "the smallest distance over all the finer shifts of y",
        "shift": "the finer shift of y with the smallest distance, in places",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two codes, nearly shifts of each other by part of a place."""
        n, q = chance.choice([7, 9, 11]), chance.choice([2, 3, 4, 5])
        part = chance.choice([t for t in range(n * q) if t % q])
        wave = np.random.default_rng(chance.randrange(10**6))
        x = wave.normal(size=(2, n)).round(2)
        y = x @ _shift_matrix(n, -part / q).T + 0.1 * wave.normal(size=(2, n))
        return {"q": q, "x": x.tolist(), "y": y.round(2).tolist()}

    def prompt(self, q: int, x: list[list[float]], y: list[list[float]]) -> str:
        """Return the question."""
        n = len(x[0])
        return rf"""
        The given cell holds two codes of two rows of {n} numbers. A shift by $t$ places, for any
        real $t$, multiplies $\hat z(f)$ by $e^{{-2\pi i f t / {n}}}$, with frequencies counted
        from $-{n // 2}$ to ${n // 2}$; for whole $t$ this is `np.roll`. Both rows are shifted
        together. What is the smallest Euclidean distance between $x$ and a shift of $y$ by whole
        places? What is it over all shifts of $y$ by multiples of $1/{q}$ of a place, and for
        which $t$ with $0 \le t < {n}$ is it attained?
        """

    def given(self, q: int, x: list[list[float]], y: list[list[float]]) -> str:
        """Return the codes."""
        return f"""
        import numpy as np

        x = np.array([
            {x[0]},
            {x[1]},
        ])
        y = np.array([
            {y[0]},
            {y[1]},
        ])
        """

    def hint(self, x: list[list[float]], **_: Any) -> str:
        """Return how to shift by part of a place."""
        n = len(x[0])
        return rf"""
        `np.fft.fft(y)` holds $\hat z(f)$ of both rows, and `np.fft.fftfreq({n}, 1 / {n})` the
        frequencies in the same order. Try your shift with a whole $t$ against `np.roll` first.
        """

    def solution(self, q: int, x: list[list[float]], y: list[list[float]]) -> str:
        """Return the answer."""
        return f"""
        n = x.shape[1]
        t = np.arange(n * {q}) / {q}
        turn = np.exp(-2j * np.pi * t[:, None, None] * np.fft.fftfreq(n))
        moved = np.fft.ifft(np.fft.fft(y) * turn).real
        distances = np.linalg.norm((moved - x).reshape(len(t), -1), axis=1)
        coarse, fine = distances[:: {q}].min(), distances.min()
        shift = t[distances.argmin()]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        A digit that was turned by an angle between two elements of the group has a code between
        two shifts. The finer steps supply the points of the orbit that the group lacks.
        """

    def difficulty(
        self, q: int, x: list[list[float]], y: list[list[float]]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the length of a row and the number of finer steps."""
        return {"places": (len(x[0]), 7, 11), "steps in a place": (q, 2, 5)}

    def public_shapes(self, answer: Answer, x: list[list[float]], **_: Any) -> None:
        """The distances are positive, and the shift lies on the circle."""
        for name in ("coarse", "fine"):
            require(number(answer, name) > 0, f"{name} must be positive.")
        n = len(x[0])
        require(0 <= number(answer, "shift") < n, f"shift must be at least 0 and less than {n}.")

    def hidden_distances(
        self, answer: Answer, q: int, x: list[list[float]], y: list[list[float]]
    ) -> None:
        """The distances are right to one part in a thousand."""
        gaps = _gaps(q, x, y)
        says = "Try all whole shifts of y with np.roll."
        require(abs(number(answer, "coarse") / min(gaps[::q]) - 1) < 1e-3, says)
        says = "Multiply the Fourier coefficients of y by the phases of each finer shift."
        require(abs(number(answer, "fine") / min(gaps) - 1) < 1e-3, says)

    def hidden_shift(
        self, answer: Answer, q: int, x: list[list[float]], y: list[list[float]]
    ) -> None:
        """The shift is right to a thousandth of a place."""
        gaps = _gaps(q, x, y)
        says = "It is y that is shifted; which way does a positive shift move it?"
        require(abs(number(answer, "shift") - gaps.index(min(gaps)) / q) < 1e-3, says)


@cache
def _shift_matrix(n: int, t: float) -> NDArray[np.float64]:
    """Return the matrix of a shift by t places, for odd n: the kernel of Dirichlet."""
    away = np.subtract.outer(np.arange(n), np.arange(n)) - t
    terms = [2 * np.cos(2 * np.pi * f * away / n) for f in range(1, n // 2 + 1)]
    return np.asarray((1 + sum(terms)) / n)


def _gaps(q: int, x: list[list[float]], y: list[list[float]]) -> list[float]:
    """Return the distances between x and the shifts of y by multiples of 1/q."""
    n = len(x[0])
    moved = (np.array(y) @ _shift_matrix(n, t / q).T for t in range(n * q))
    return [float(np.linalg.norm(m - np.array(x))) for m in moved]


class Eight(Task):
    """Find the products that survive shifts by part of a place."""

    label = "ch11-ex-eight"
    points = 5
    names = {
        "whole_shifts": "how many products no whole shift changes",
        "all_shifts": "the products that no shift changes, a list of triples of frequencies",
        "factor": "the number by which the given shift multiplies the given product",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a length, a frequency that takes part, and a shift of a product that wraps."""
        n, g = chance.randint(9, 16), chance.randint(2, 4)
        triples = [t for t in _triples(n, g) if abs(sum(t)) == n]
        tenths = chance.choice([t for t in range(1, 10 * n) if t % 5])
        return {"n": n, "g": g, "triple": list(chance.choice(triples)), "tenths": tenths}

    def prompt(self, n: int, g: int, triple: list[int], tenths: int) -> str:
        """Return the question."""
        top = (n - 1) // 2
        return rf"""
        Count the frequencies of rows of {n} numbers from $-{top}$ to ${top}$. A shift by $t$
        places, whole or not, multiplies $\hat z(f)$ by $e^{{-2\pi i f t / {n}}}$. Consider
        the products $\hat z(f_1) \hat z(f_2) \hat z(f_3)$ with $f_1 \le f_2 \le f_3$ and at least
        one of the three frequencies equal to {g}. How many of them are invariant under all whole
        shifts, for every $z$? Which are invariant under all shifts? By which complex number does
        a shift by {tenths / 10} places multiply the product with the frequencies
        ${triple[0]}, {triple[1]}, {triple[2]}$?
        """

    def hint(self, **_: Any) -> str:
        """Return what a shift does to a product."""
        return """
        By which number does a shift by $t$ places multiply a product of three coefficients? It
        depends on the sum of the frequencies only. Ask when it is 1 for $t = 1$, and when for all
        $t$.
        """

    def solution(self, n: int, g: int, triple: list[int], tenths: int) -> str:
        """Return the answer."""
        return f"""
        import cmath
        from itertools import combinations_with_replacement

        top = ({n} - 1) // 2
        triples = [t for t in combinations_with_replacement(range(-top, top + 1), 3) if {g} in t]
        whole_shifts = sum(sum(t) % {n} == 0 for t in triples)
        all_shifts = [t for t in triples if sum(t) == 0]
        factor = cmath.exp(-2j * cmath.pi * {sum(triple)} * {tenths / 10} / {n})
        """

    def remarks(self, n: int, **_: Any) -> str:
        """Return why."""
        return rf"""
        A shift by $t$ multiplies a product by $e^{{-2\pi i t (f_1 + f_2 + f_3) / {n}}}$. For
        whole $t$ that is 1 if {n} divides the sum of the frequencies; for all $t$ the sum has to
        vanish.
        """

    def difficulty(
        self, n: int, g: int, triple: list[int], tenths: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return how many products there are of either kind."""
        smooth = sum(sum(t) == 0 for t in _triples(n, g))
        return {"length": (n, 9, 16), "smooth": (smooth, 3, 14)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are a whole number, a list of triples and a number."""
        whole(answer, "whole_shifts")
        array(answer, "all_shifts", (None, 3))
        _complex(answer)

    def hidden_whole(self, answer: Answer, n: int, g: int, **_: Any) -> None:
        """The number of products that whole shifts leave alone is right."""
        draw = np.random.default_rng(0)
        row = draw.normal(size=n)
        before, after = np.fft.fft(row), np.fft.fft(np.roll(row, 1))
        same = [
            abs(before[list(t)].prod() / after[list(t)].prod() - 1) < 1e-9 for t in _triples(n, g)
        ]
        says = "A whole shift leaves a product alone if the sum of the frequencies is what?"
        require(whole(answer, "whole_shifts") == sum(same), says)

    def hidden_smooth(self, answer: Answer, n: int, g: int, **_: Any) -> None:
        """The products that no shift changes are right."""
        found = [tuple(sorted(t)) for t in array(answer, "all_shifts", (None, 3)).tolist()]
        true = [t for t in _triples(n, g) if abs(np.exp(2j * np.pi * sum(t) * 0.37 / n) - 1) < 1e-9]
        says = "List each triple once. What must the sum be if the shift is half a place?"
        require(sorted(found) == sorted(tuple(map(float, t)) for t in true), says)

    def hidden_factor(
        self, answer: Answer, n: int, triple: list[int], tenths: int, **_: Any
    ) -> None:
        """The factor is right to a ten-thousandth."""
        true = np.prod([np.exp(-2j * np.pi * f * tenths / (10 * n)) for f in triple])
        says = "Multiply the three factors of the three coefficients."
        require(abs(_complex(answer) - true) < 1e-4, says)


def _complex(answer: Answer) -> complex:
    """Return the factor."""
    value = answer.factor.item() if hasattr(answer.factor, "item") else answer.factor
    good = isinstance(value, (int, float, complex)) and not isinstance(value, bool)
    require(good and np.isfinite(value), "factor must be a number, complex if need be.")
    return complex(value)


@cache
def _triples(n: int, g: int) -> list[tuple[int, int, int]]:
    """Return all triples of frequencies, in order, of which one is g."""
    top = (n - 1) // 2
    triples = itertools.product(range(-top, top + 1), repeat=3)
    return [(a, b, c) for a, b, c in triples if a <= b <= c and g in (a, b, c)]
