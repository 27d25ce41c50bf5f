"""Tasks of chapter 4 on the cone of the turns of the plane."""

from __future__ import annotations

import random
from math import pi, sin
from typing import Any

import numpy as np

from book.course.task import Answer, Task, require
from book.course.values import as_array, number


def cone_distance(n: int, z: complex, w: complex) -> float:
    """Return the quotient distance of two points under turns, by brute force."""
    return float(np.abs(z - w * np.exp(2j * pi * np.arange(n) / n)).min())


def as_points(value: Any, name: str) -> tuple[complex, complex]:
    """Return a value that is a pair of complex numbers."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    good = isinstance(value, (list, tuple)) and len(value) == 2
    good = good and all(isinstance(v, (int, float, complex)) for v in value)
    good = good and bool(np.isfinite(np.array(value, complex)).all())
    require(good, f"{name} must be a pair of complex numbers.")
    return complex(value[0]), complex(value[1])


class Distortion(Task):
    """Best constants of a flat map, and a map into space that does better."""

    label = "ex-04-distortion"
    points = 6
    names = {
        "lower": "the best lower constant of the flat map",
        "upper": "the best upper constant of the flat map",
        "low_pair": "two complex numbers whose ratio is near the lower constant",
        "high_pair": "two complex numbers whose ratio is near the upper constant",
        "in_space": "a function of a complex number that returns three numbers",
        "lower_in_space": "the best lower constant of in_space",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the order of the group, a factor and a length."""
        return {
            "n": chance.choice([3, 4, 6, 7, 8, 9, 10]),
            "c": chance.randint(2, 7),
            "r": chance.randint(2, 9),
        }

    def prompt(self, n: int, c: int, r: int) -> str:
        """Return the question."""
        return rf"""
        Let $C_{{{n}}}$ turn the complex plane. The flat map
        $q(r e^{{\mathrm i\varphi}}) = {c}\, r\, e^{{{n} \mathrm i\varphi}}$ is invariant. The
        *ratio* of two points in different orbits is the distance of their values divided by the
        quotient distance of their orbits; the best lower and upper constants are the infimum and
        the supremum of the ratio. Give them for $q$ (`lower`, `upper`), a pair of points whose
        ratio exceeds the lower one by at most one hundredth of it (`low_pair`), and a pair whose
        ratio falls below the upper one by at most one hundredth of it (`high_pair`). The first
        point of each pair has length {r}, and the two orbits are at least $10^{{-6}}$ apart. Then
        write `in_space(z)`, a cone in space: the values of $q$ times one factor as the first two
        coordinates, and $\lambda |z|$ as the third, with the factor and $\lambda$ chosen so that
        the upper constant is 1 and the distortion as small as the chapter promises. What is its
        best lower constant (`lower_in_space`, to four digits)?
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        lower = ...
        upper = ...
        low_pair = ...
        high_pair = ...

        def in_space(z):
            ...

        lower_in_space = ...
        """

    def solution(self, n: int, c: int, r: int) -> str:
        """Return the answer."""
        return f"""
        from cmath import exp, phase
        from math import pi, sin, sqrt

        lower, upper = {c}, {c * n}
        low_pair = ({r}, {2 * r})
        high_pair = ({r}, {r} * exp(0.001j))

        def in_space(z):
            flat = abs(z) / {n} * exp({n}j * phase(z)) if z else 0j
            return flat.real, flat.imag, abs(z) * sqrt(1 - {n}**-2)

        lower_in_space = 1 / ({n} * sin(pi / {2 * n}))
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        Points with one angle give the lower constant of the flat map, points with one length and
        nearly one angle the upper one. In space the ratio lies between that of chords and 1: it is
        smallest for opposite points, $\sin(na) / (n \sin a)$ with $a = \pi/2n$.
        """

    def difficulty(self, n: int, c: int, r: int) -> dict[str, Any]:
        """Return the order of the group."""
        return {"order of the group": (n, 3, 10), "factor": (c, 2, 7)}

    def _ratio(self, n: int, c: int, pair: tuple[complex, complex]) -> float:
        """Return the ratio of two points under the flat map."""
        z, w = pair
        apart = cone_distance(n, z, w)
        require(apart >= 1e-6, "The two points of a pair lie in one orbit, or nearly.")
        values = [c * abs(x) * np.exp(1j * n * np.angle(x)) for x in (z, w)]
        return float(abs(values[0] - values[1]) / apart)

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Constants are numbers, pairs hold complex numbers, and the map has three coordinates."""
        for name in ("lower", "upper", "lower_in_space"):
            number(answer, name)
        for name in ("low_pair", "high_pair"):
            as_points(getattr(answer, name), name)
        as_array(answer.in_space(1 + 1j), "in_space(z)", (3,))

    def hidden_constants(self, answer: Answer, n: int, c: int, **_: Any) -> None:
        """The constants of the flat map are right."""
        rng = np.random.default_rng(2)
        z = rng.normal(size=(2000, 2)) @ [1, 1j]
        w = z * np.exp(1j * 10 ** rng.uniform(-4, 0.5, 2000)) * rng.choice([1, 1.1], 2000)
        moved = w[:, None] * np.exp(2j * pi * np.arange(n) / n)
        apart = np.abs(z[:, None] - moved).min(axis=1)
        values = [c * np.abs(x) * np.exp(1j * n * np.angle(x)) for x in (z, w)]
        ratios = np.abs(values[0] - values[1]) / apart
        lower, upper = number(answer, "lower"), number(answer, "upper")
        fits = (ratios >= lower * (1 - 1e-6)).all() and (ratios <= upper * (1 + 1e-6)).all()
        require(fits, "Some pairs of points have a ratio outside lower and upper.")
        tight = abs(lower - c) < 1e-3 and abs(upper - c * n) < 1e-3
        require(
            tight, "lower and upper are not best possible: try equal angles, and equal lengths."
        )

    def hidden_pairs(self, answer: Answer, n: int, c: int, r: int) -> None:
        """The pairs come near to the constants."""
        for name, best in (("low_pair", c), ("high_pair", c * n)):
            pair = as_points(getattr(answer, name), name)
            says = f"The first point of {name} has another length than asked for."
            require(abs(abs(pair[0]) - r) < 1e-6, says)
            near = abs(self._ratio(n, c, pair) / best - 1) <= 0.01
            require(near, f"The ratio of {name} is not near enough to the constant.")

    def hidden_in_space(self, answer: Answer, n: int, **_: Any) -> None:
        """The map into space is invariant, never stretches, and shrinks as little as it can."""
        least, says = 1 / (n * sin(pi / (2 * n))), "in_space: the upper constant must be 1."
        rng, found = np.random.default_rng(3), []
        for _number in range(150):
            z = complex(rng.normal(size=2) @ [1, 1j])
            angle = rng.choice([pi / n, rng.uniform(0, pi / n), 1e-3])
            w = z * np.exp(1j * angle) * rng.choice([1, rng.uniform(0.5, 2)])
            turned = w * np.exp(2j * pi / n)
            one, two, same = (
                as_array(answer.in_space(complex(x)), "in_space(z)", (3,)) for x in (z, w, turned)
            )
            still = np.abs(two - same).max() < 1e-6
            require(still, "in_space has different values on one orbit.")
            found.append(np.linalg.norm(one - two) / cone_distance(n, z, w))
        require(max(found) < 1 + 1e-4, says)
        require(max(found) > 0.99, says)
        require(min(found) > least - 1e-4, "in_space shrinks some distances more than it need.")

    def hidden_lower(self, answer: Answer, n: int, **_: Any) -> None:
        """The lower constant in space is right."""
        angles = np.linspace(1e-6, pi / (2 * n), 20001)
        least = (np.sin(n * angles) / (n * np.sin(angles))).min()
        says = "lower_in_space: compare opposite points of the cone, of equal length."
        require(abs(number(answer, "lower_in_space") - least) < 1e-3, says)


class Collide(Task):
    """The computable part: two opposite orbits with one value."""

    label = "ex-04-collide"
    points = 3
    names = {
        "first": "a complex number of length 1",
        "second": "a complex number of length 1 in the opposite orbit",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the order of the group and the coefficients of the invariant."""
        return {
            "n": chance.choice([3, 4, 5, 6]),
            "a": chance.randint(2, 6),
            "b": chance.choice([-4, -3, -2, 2, 3, 4]),
            "c": chance.choice([1.5, 2.5, 3.5]),
        }

    def prompt(self, n: int, a: int, b: int, c: float) -> str:
        """Return the question."""
        return rf"""
        Let $C_{{{n}}}$ turn the complex plane, and let
        $$s(z) = {a} \operatorname{{Re}} z^{{{n}}} {b:+d} \operatorname{{Im}} z^{{{n}}}
        + \prod_{{g \in C_{{{n}}}}} |z - {c} g|,$$
        where $g$ runs through the numbers $e^{{2\pi\mathrm i k/{n}}}$. Find two points of length 1
        whose orbits are opposite on the cone, as far apart as orbits of this length can be, and on
        which $s$ has the same value, to ten digits (`first`, `second`). The proof that every
        continuous real invariant has such a pair is handed in apart from this.
        """

    def hint(self, n: int, **_: Any) -> str:
        """Return a hint for these numbers."""
        return rf"Compare $s$ at two angles that differ by $\pi/{n}$, and turn both by $\pi/{n}$."

    def solution(self, n: int, a: int, b: int, c: float) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        ring = np.exp(2j * np.pi * np.arange({n}) / {n})

        def s(z):
            return {a} * (z**{n}).real + {b} * (z**{n}).imag + np.prod(abs(z - {c} * ring))

        def h(angle):
            return s(np.exp(1j * angle)) - s(np.exp(1j * (angle + np.pi / {n})))

        low, high = 0.0, np.pi / {n}
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if h(low) * h(middle) > 0 else (low, middle)
        first, second = np.exp(1j * low), np.exp(1j * (low + np.pi / {n}))
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        The difference of the values at two angles $\pi/n$ apart changes its sign when both are
        turned by $\pi/n$, so it vanishes in between; bisection finds where.
        """

    def difficulty(self, n: int, **_: Any) -> dict[str, Any]:
        """Return the order of the group."""
        return {"order of the group": (n, 3, 6)}

    def _value(self, n: int, a: int, b: int, c: float, z: complex) -> float:
        """Return the invariant, by the polynomial with the roots c g."""
        power = z**n
        return a * power.real + b * power.imag + abs(power - c**n)

    def public_points(self, answer: Answer, **_: Any) -> None:
        """Both points have length 1."""
        points = as_points((answer.first, answer.second), "The answer")
        for z in points:
            require(abs(abs(z) - 1) < 1e-6, "first and second must have length 1.")

    def hidden_opposite(self, answer: Answer, n: int, **_: Any) -> None:
        """The two orbits are opposite."""
        z, w = as_points((answer.first, answer.second), "The answer")
        farthest = 2 * sin(pi / (2 * n))
        says = "The two orbits are not opposite: by which angle do opposite orbits differ?"
        require(abs(cone_distance(n, z, w) - farthest) < 1e-6, says)

    def hidden_values(self, answer: Answer, n: int, a: int, b: int, c: float) -> None:
        """The invariant has one value on both."""
        z, w = as_points((answer.first, answer.second), "The answer")
        size = abs(a) + abs(b) + c**n
        gap = abs(self._value(n, a, b, c, z) - self._value(n, a, b, c, w))
        require(gap < 1e-9 * size, "s has different values on the two orbits.")
