"""Tasks of the companion of chapter 14 on what explains an error."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, number


class Hand(Task):
    """Share out the variation of eight values by hand."""

    label = "ch14-ex-hand"
    points = 4
    names = {
        "shares": "the shares of architecture, training, interaction and seed, a list",
        "value": "what the last value must become for the first share to vanish",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two seeds of two trainings of two architectures; all four parts take part."""
        while True:
            v = [[[chance.randint(0, 20) for _ in "ab"] for _ in "ab"] for _ in "ab"]
            if _shares(np.array(v, dtype=float)).min() > 0.02:
                return {"v": v}

    def prompt(self, v: list[list[list[int]]]) -> str:
        """Return the question."""
        (a, b), (c, d) = v
        return rf"""
        Two architectures, two trainings, two seeds. The first architecture has the values
        ${a[0]}, {a[1]}$ with the first training and ${b[0]}, {b[1]}$ with the second, the second
        architecture ${c[0]}, {c[1]}$ and ${d[0]}, {d[1]}$. Compute the shares of the
        architecture, the training, their interaction and the seed in the sum of squared
        deviations from the mean of all eight. What would the last value, ${d[1]}$, have to be for
        the share of the architecture to be 0?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return "Begin with the means over the seeds, then the means of rows and of columns."

    def solution(self, v: list[list[list[int]]]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        v = np.array({v}, dtype=float)
        mean, row, column = v.mean(), v.mean((1, 2)), v.mean((0, 2))
        cell = v.mean(2)
        interaction = cell - row[:, None] - column + mean
        squares = [4 * ((row - mean) ** 2).sum(), 4 * ((column - mean) ** 2).sum(),
                   2 * (interaction**2).sum(), ((v - cell[..., None]) ** 2).sum()]
        shares = np.array(squares) / ((v - mean) ** 2).sum()
        value = v[1, 1, 1] + v[0].sum() - v[1].sum()
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The parts are perpendicular, so their sums of squares add up. The share of the
        architecture vanishes when both have the same mean; it may still matter, through the
        interaction.
        """

    def difficulty(self, v: list[list[list[int]]]) -> dict[str, tuple[float, float, float]]:
        """Return the smallest of the four shares."""
        return {"smallest share": (_shares(np.array(v, dtype=float)).min(), 0.02, 0.25)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are four shares that add up to one, and a number."""
        total = array(answer, "shares", (4,)).sum()
        require(abs(total - 1) < 0.02, "The four shares must add up to one.")
        number(answer, "value")

    def hidden_shares(self, answer: Answer, v: list[list[list[int]]]) -> None:
        """The shares are right to half a hundredth."""
        true = _shares(np.array(v, dtype=float))
        says = "Begin with the mean of all, then the means of architectures, trainings and cells."
        require(np.allclose(array(answer, "shares", (4,)), true, atol=0.005), says)

    def hidden_value(self, answer: Answer, v: list[list[list[int]]]) -> None:
        """With the value the share of the architecture vanishes."""
        changed = np.array(v, dtype=float)
        changed[1, 1, 1] = number(answer, "value")
        says = "The share vanishes if both architectures have the same what?"
        require(_shares(changed)[0] < 1e-6, says)


def _shares(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the four shares as squared lengths of contrasts, for two of everything."""
    signs = np.array([1.0, -1.0])
    one = np.ones(2)
    contrasts = [
        [np.einsum("a,t,s->ats", signs, one, one)],
        [np.einsum("a,t,s->ats", one, signs, one)],
        [np.einsum("a,t,s->ats", signs, signs, one)],
        [np.einsum("a,t,s->ats", x, y, signs) for x in (one, signs) for y in (one, signs)],
    ]
    squares = np.array([sum((c * v).sum() ** 2 / 8 for c in group) for group in contrasts])
    return np.asarray(squares / squares.sum())


class Bootstrap(Task):
    """Draw a zoo by presets or by networks."""

    label = "ch14-ex-bootstrap"
    points = 5
    names = {
        "by_presets": "the standard error of the mean if presets are drawn",
        "by_networks": "the standard error of the mean if single networks are drawn",
        "tenfold": "both once more, presets first, if every network is listed ten times",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the values of presets whose seeds are much alike."""
        presets = chance.randint(3, 5)
        while True:
            centres = chance.sample(range(4, 27), presets)
            values = [[c + chance.randint(-2, 2) for _ in range(3)] for c in centres]
            if np.std(np.mean(values, axis=1)) > 3 and np.std(values, axis=1).min() > 0:
                return {"values": values}

    def prompt(self, values: list[list[int]]) -> str:
        """Return the question."""
        lines = "; ".join(f"({', '.join(map(str, row))})" for row in values)
        n = len(values)
        return rf"""
        A zoo has {n} presets with three seeds each. Their values are, preset by preset, {lines}.
        The bootstrap draws {n} presets with replacement, each with all its seeds, and takes the
        mean; the standard deviation of this mean over all draws is the standard error. What is
        it? What is it if {3 * n} single networks are drawn with replacement instead? What do the
        two become if every network is listed ten times, so that a preset has thirty members and
        {30 * n} single networks are drawn? Exact values are asked for, not a simulation.
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        The mean of $m$ independent draws has the variance of one draw over $m$. What is one draw,
        and what is its variance if it is drawn from the values at hand?
        """

    def solution(self, values: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        values = np.array({values}, dtype=float)
        by_presets = values.mean(axis=1).std() / len(values) ** 0.5
        by_networks = values.std() / values.size**0.5
        tenfold = (by_presets, by_networks / 10**0.5)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Seeds of a preset are alike, so they are no independent witnesses. Listing them ten times
        shows nothing new, and only the bootstrap by presets knows it.
        """

    def difficulty(self, values: list[list[int]]) -> dict[str, tuple[float, float, float]]:
        """Return the number of presets, and how unlike they are."""
        return {
            "presets": (len(values), 3, 5),
            "spread of presets": (float(np.std(np.mean(values, axis=1))), 3, 14),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two standard errors and a pair, all positive."""
        for name in ("by_presets", "by_networks"):
            require(number(answer, name) > 0, f"{name} must be positive.")
        array(answer, "tenfold", (2,))

    def hidden_presets(self, answer: Answer, values: list[list[int]]) -> None:
        """The standard error by presets is right to one part in a thousand."""
        means = [sum(row) / 3 for row in values]
        draws = itertools.product(means, repeat=len(means))
        true = float(np.std([sum(draw) / len(draw) for draw in draws]))
        says = "How large is the variance of a mean of independent draws from the presets' means?"
        require(abs(number(answer, "by_presets") / true - 1) < 1e-3, says)
        says = "A preset that is listed ten times is still one preset with the same mean."
        require(abs(array(answer, "tenfold", (2,))[0] / true - 1) < 1e-3, says)

    def hidden_networks(self, answer: Answer, values: list[list[int]]) -> None:
        """The standard errors by networks are right to one part in a thousand."""
        flat = [v for row in values for v in row]
        says = "How large is the variance of a mean of independent draws from all networks?"
        true = _error_of_mean(flat, len(flat))
        require(abs(number(answer, "by_networks") / true - 1) < 1e-3, says)
        says = "How many networks are drawn then, and from values with which variance?"
        true = _error_of_mean(flat, 10 * len(flat))
        require(abs(array(answer, "tenfold", (2,))[1] / true - 1) < 1e-3, says)


def _error_of_mean(values: list[int], draws: int) -> float:
    """Return the standard deviation of the mean of draws, from the distribution of their sum."""
    once = np.bincount(np.array(values)) / len(values)
    size = draws * (len(once) - 1) + 1
    chances = np.fft.irfft(np.fft.rfft(once, size) ** draws, size)
    means = np.arange(len(chances)) / draws
    centre = (chances * means).sum()
    return float(np.sqrt((chances * (means - centre) ** 2).sum()))
