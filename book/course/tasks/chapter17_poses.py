"""Tasks of chapter 17 in code: lifts without chance, and poses with weights."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import as_number, whole


class Lifts(Task):
    """Choose lifts without chance."""

    label = "ex-17-lifts"
    points = 6
    names = {
        "exact": "whether each of the six turns is exact, six truth values",
        "least": "the least number of frames for which all six are exact",
        "poses": "a function of points, an array (n, 2): an angle for each, an array (n)",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a number of frames, and turns of which some are multiples of its angle."""
        order = chance.choice([6, 8, 9, 10, 12])
        exact = chance.sample(range(1, order), 3)
        half = [2 * m + 1 for m in chance.sample(range(order), 3)]
        turns = [[m, order] for m in exact] + [[m, 2 * order] for m in half]
        chance.shuffle(turns)
        return {"order": order, "turns": turns, "away": chance.choice([True, False])}

    def prompt(self, order: int, turns: list[list[int]], away: bool) -> str:
        """Return the question."""
        listed = ", ".join(f"{360 * m / n:g}°" for m, n in turns)
        return rf"""
        A convolution on $SE(2)$ gives every point of a cloud the same {order} frames, with the
        angles $2\pi k/{order}$, and averages over points and frames. Which of the turns by {listed}
        leave its answer as it is, whatever the weights? What is the least number of equally spaced
        frames for which all six do? Then every point is to have one frame, with its first axis
        pointing {"away from" if away else "towards"} the mean of the cloud. Write a function
        `poses(x)` that returns the angles of these frames in radians. No point lies at the mean.
        """

    def solution(self, order: int, turns: list[list[int]], away: bool) -> str:
        """Return the answer."""
        gap = "x - x.mean(0)" if away else "x.mean(0) - x"
        return f"""
        import math
        import numpy as np

        turns = {turns}  # shares of the circle
        exact = [m * {order} % n == 0 for m, n in turns]
        least = math.lcm(*[n // math.gcd(m, n) for m, n in turns])

        def poses(x):
            gap = {gap}
            return np.arctan2(gap[:, 1], gap[:, 0])
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A turn by a multiple of the angle between frames exchanges them. Frames that move along with
        the cloud are exact under all motions, and have no direction where a point lies at the mean.
        """

    def difficulty(
        self, order: int, turns: list[list[int]], away: bool
    ) -> dict[str, tuple[float, float, float]]:
        """Return how many of the turns are exact."""
        return {
            "exact": (sum(m * order % n == 0 for m, n in turns), 3, 3),
            "frames": (order, 6, 12),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are six truth values, a number, and a function."""
        _truths(answer)
        require(whole(answer, "least") > 0, "least must be positive.")
        array_of(answer, "poses", (4,), np.random.default_rng(0).normal(size=(4, 2)))

    def hidden_turns(self, answer: Answer, order: int, turns: list[list[int]], **_: Any) -> None:
        """Exact are the turns that exchange frames."""
        for found, (m, n) in zip(_truths(answer), turns, strict=True):
            says = f"The turn by {360 * m / n:g}°: are the frames the same set afterwards?"
            require(found == _same(order, m / n), says)
        smaller = next(k for k in range(1, 10**4) if all(_same(k, m / n) for m, n in turns))
        require(whole(answer, "least") == smaller, "All six must exchange the frames.")

    def hidden_poses(self, answer: Answer, away: bool, **_: Any) -> None:
        """The frames point where they should, and turn with the cloud."""
        draw = np.random.default_rng(1)
        for n in (3, 6):
            x = draw.normal(size=(n, 2))
            angle, shift = draw.uniform(1, 5), draw.normal(size=2)
            c, s = math.cos(angle), math.sin(angle)
            moved = x @ np.array([[c, s], [-s, c]]) + shift
            before, after = (array_of(answer, "poses", (n,), one) for one in (x, moved))
            gap = np.exp(1j * (after - before - angle))
            require(np.allclose(gap, 1, atol=1e-6), "Angles must turn along with the cloud.")
            along = np.exp(1j * before) * (1 if away else -1)
            off = (x - x.mean(0)) @ [1, 1j]
            says = "Each frame points along the line through its point and the mean: which way?"
            require(np.allclose(along, off / abs(off), atol=1e-6), says)


def _truths(answer: Answer) -> list[bool]:
    value = answer.exact
    value = value.tolist() if hasattr(value, "tolist") else value
    good = isinstance(value, (list, tuple)) and len(value) == 6
    require(good and all(isinstance(v, bool) for v in value), "exact must hold six truth values.")
    return list(value)


def _same(order: int, share: float) -> bool:
    """Whether equally spaced frames are the same set after a turn, found by comparing them."""
    frames = np.exp(2j * np.pi * np.arange(order) / order)
    turned = frames * np.exp(2j * np.pi * share)
    return bool(abs(turned[:, None] - frames).min(axis=1).max() < 1e-6)


GIVEN = """
import numpy as np

draw = np.random.default_rng({seed})
a, b, shift = draw.normal(size=(20, {m})), draw.normal(size=(20, {m})), draw.uniform(0, 6, 20)

def phi(z):
    return np.cos(a @ np.real(z) + b @ np.imag(z) + shift).sum()
"""


class Weighted(Task):
    """Average over poses with weights."""

    label = "ex-17-frame"
    points = 6
    names = {
        "F": "a function of a cloud, a complex array (m): the weighted mean of phi, a number",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a function of clouds, and weights."""
        return {
            "seed": chance.randrange(1000),
            "m": chance.choice([4, 5, 6]),
            "power": chance.choice([2, 3, 4]),
            "angle": chance.choice([45, 60, 90, 120, 135, 180]),
        }

    def prompt(self, seed: int, m: int, power: int, angle: int) -> str:
        """Return the question."""
        return rf"""
        The given cell has a continuous function `phi` of clouds $z \in \mathbb C^{{{m}}}$ that is
        not invariant. Bring each point of a cloud in turn to the ray from the origin at {angle}° to
        the positive real axis, by turning the whole cloud, and average `phi` with weights
        proportional to $\lvert z_j \rvert^{{{power}}}$. Points at the origin are left out, and not
        all points are there. Write the average as a function `F(z)`.
        """

    def given(self, seed: int, m: int, **_: Any) -> str:
        """Return the function of clouds."""
        return GIVEN.format(seed=seed, m=m)

    def solution(self, seed: int, m: int, power: int, angle: int) -> str:
        """Return the answer."""
        return f"""
        def F(z):
            z = np.asarray(z)
            kept = z[abs(z) > 0]
            ray = np.exp(1j * np.radians({angle}))
            values = np.array([phi(z * ray * abs(w) / w) for w in kept])
            weights = abs(kept)**{power}
            return (weights * values).sum() / weights.sum()
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A pose that has no limit comes in with the weight zero. With equal weights it would jump.
        """

    def difficulty(
        self, seed: int, m: int, power: int, angle: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of points."""
        return {"points": (m, 4, 6)}

    def public_invariant(self, answer: Answer, m: int, **_: Any) -> None:
        """The average does not change when the cloud is turned."""
        z = _cloud(0, m)
        first, turned = (_value(answer, one) for one in (z, z * np.exp(0.7j)))
        require(abs(first - turned) < 1e-8, "F changes when the cloud is turned.")

    def hidden_values(self, answer: Answer, seed: int, m: int, power: int, angle: int) -> None:
        """The averages are right, with and without points at the origin."""
        names: dict[str, Any] = {}
        exec(GIVEN.format(seed=seed, m=m), names)
        for number in range(1, 5):
            z = _cloud(number, m)
            if number > 2:
                z[number - 3] = 0
            total = weights = 0.0
            for j in range(m):
                if z[j] == 0:
                    continue
                turn = math.radians(angle) - math.atan2(z[j].imag, z[j].real)
                moved = [complex(w) * complex(math.cos(turn), math.sin(turn)) for w in z]
                total += math.hypot(z[j].real, z[j].imag) ** power * names["phi"](np.array(moved))
                weights += math.hypot(z[j].real, z[j].imag) ** power
            says = "Which point goes where, and with which weight?"
            require(math.isclose(_value(answer, z), total / weights, abs_tol=1e-6), says)

    def hidden_continuous(self, answer: Answer, m: int, **_: Any) -> None:
        """A point that goes through the origin makes no jump."""
        z = _cloud(7, m)
        values = []
        for t in (-1e-7, 0.0, 1e-7):
            z[1] = t * (1 + 2j)
            values.append(_value(answer, z))
        require(max(values) - min(values) < 1e-4, "F jumps where a point passes the origin.")


def _cloud(which: int, m: int) -> NDArray[np.complex128]:
    x, y = np.random.default_rng(which).normal(size=(2, m))
    return np.asarray(x + 1j * y)


def _value(answer: Answer, z: NDArray[np.complex128]) -> float:
    function = answer.F
    require(callable(function), "F must be a function.")
    return as_number(function(z.copy()), "What F returns")
