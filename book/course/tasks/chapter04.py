"""Tasks of chapter 4: quotient spaces."""

from __future__ import annotations

import functools
import inspect
import random
from itertools import permutations
from math import cos, pi, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, as_number, defined, number, whole

Array = NDArray[np.floating[Any]]


class Hand(Task):
    """Distances and midpoints of orbits under permutations, by hand."""

    label = "ex-04-hand"
    points = 2
    all_or_nothing = False
    names = {
        "distance": "the quotient distance of the two orbits",
        "midpoint": "a member of the orbit halfway on the shortest path, three numbers",
        "straight": "the midpoint of the straight line between the two points, three numbers",
        "how_far": "the quotient distance of the straight midpoint from the first orbit",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two points whose entries stand in different orders."""
        while True:
            z, w = chance.sample(range(-6, 10), 3), chance.sample(range(-6, 10), 3)
            ranks = [[sorted(x).index(v) for v in x] for x in (z, w)]
            moved = sum((a - b) ** 2 for a, b in zip(sorted(z), sorted(w), strict=True))
            if ranks[0] != ranks[1] and 6 <= moved <= 60 and sorted(z) != z:
                return {"z": z, "w": w}

    def prompt(self, z: list[int], w: list[int]) -> str:
        """Return the question."""
        first, second = (f"({', '.join(map(str, x))})" for x in (z, w))
        return rf"""
        Let $S_3$ permute the coordinates of $\mathbb R^3$. For $z = {first}$ and $w = {second}$
        compute the quotient distance of $[z]$ and $[w]$ (`distance`), a member of the orbit in the
        middle of the shortest path between them (`midpoint`), the midpoint of the straight line
        from $z$ to $w$ (`straight`), and the quotient distance of $[z]$ and the orbit of this
        last point (`how_far`). Give numbers to three
        digits after the point.
        """

    def solution(self, z: list[int], w: list[int]) -> str:
        """Return the answer."""
        return f"""
        from math import dist

        z, w = {z}, {w}
        distance = dist(sorted(z), sorted(w))
        midpoint = [(a + b) / 2 for a, b in zip(sorted(z), sorted(w))]
        straight = [(a + b) / 2 for a, b in zip(z, w)]
        how_far = dist(sorted(straight), sorted(z))
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        Sorted members of two orbits are as near to each other as members can be. The straight line
        between members that are not nearest is longer than it need be, and leads elsewhere.
        """

    def difficulty(self, z: list[int], w: list[int]) -> dict[str, Any]:
        """Return the squared distance."""
        squared = sum((a - b) ** 2 for a, b in zip(sorted(z), sorted(w), strict=True))
        return {"squared distance": (squared, 6, 60)}

    def _distance(self, x: Any, y: Any) -> float:
        """Go through all permutations."""
        return min(float(np.linalg.norm(np.array(x)[list(p)] - y)) for p in permutations(range(3)))

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The distances are numbers, and the points have three entries."""
        number(answer, "distance")
        number(answer, "how_far")
        array(answer, "midpoint", (3,))
        array(answer, "straight", (3,))

    def hidden_distance(self, answer: Answer, z: list[int], w: list[int]) -> None:
        """The quotient distance is right."""
        gap = abs(number(answer, "distance") - self._distance(z, w))
        require(gap < 1e-3, "distance: which members of the two orbits are nearest?")

    def hidden_midpoint(self, answer: Answer, z: list[int], w: list[int]) -> None:
        """The midpoint lies halfway between the two orbits."""
        middle, half = array(answer, "midpoint", (3,)), self._distance(z, w) / 2
        for end in (z, w):
            gap = abs(self._distance(middle, end) - half)
            require(gap < 1e-3, "midpoint must be equally far from both orbits, half of distance.")

    def hidden_straight(self, answer: Answer, z: list[int], w: list[int]) -> None:
        """The straight midpoint and its distance from the first orbit are right."""
        middle = (np.array(z) + np.array(w)) / 2
        gap = np.abs(array(answer, "straight", (3,)) - middle).max()
        require(gap < 1e-3, "straight: take the mean of the two points as they are.")
        gap = abs(number(answer, "how_far") - self._distance(middle, z))
        require(gap < 1e-3, "how_far: the nearest member of the orbit need not be z itself.")


class Turns(Task):
    """The cone of finitely many turns becomes a half line."""

    label = "ex-04-so2"
    points = 3
    names = {
        "distance": "a function of two complex numbers, the quotient distance for the finite group",
        "limit": "a function of two complex numbers, the quotient distance for all turns",
        "enough": "the smallest n for which the two are near for all such points",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the order of the group, two radii and a tolerance."""
        r, s = chance.sample(range(2, 9), 2)
        return {"n": chance.randint(3, 12), "r": r, "s": s, "digits": chance.choice([2, 3])}

    def prompt(self, n: int, r: int, s: int, digits: int) -> str:
        """Return the question."""
        return rf"""
        Let $C_n$ turn the complex plane by the multiples of $2\pi/n$. Write two functions of two
        complex numbers $z$ and $w$: `distance(z, w)`, the quotient distance for $C_{{{n}}}$, and
        `limit(z, w)`, the quotient distance for the group $\mathrm{{SO}}(2)$ of all turns. What is
        the smallest $n$ such that for *all* $z$ with $|z| = {r}$ and all $w$ with $|w| = {s}$ the
        quotient distance for $C_n$ is by less than $10^{{-{digits}}}$ larger than that for
        $\mathrm{{SO}}(2)$ (`enough`)?
        """

    def starter(self, **parameters: Any) -> str:
        """Return functions without a body."""
        return """
        def distance(z, w):
            ...

        def limit(z, w):
            ...

        enough = ...
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Which turn of $w$ points in the direction of $z$? For `enough`, ask which $w$ lies as badly
        as possible between two turns.
        """

    def solution(self, n: int, r: int, s: int, digits: int) -> str:
        """Return the answer."""
        return f"""
        from cmath import exp
        from math import pi

        def distance(z, w):
            return min(abs(z - exp(2j * pi * k / {n}) * w) for k in range({n}))

        def limit(z, w):
            return abs(abs(z) - abs(w))

        enough = 2
        while abs({r} - exp(1j * pi / enough) * {s}) - {abs(r - s)} >= 10**-{digits}:
            enough += 1
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        Two directions are at most half a step $\pi/n$ apart, and the distance grows with the angle.
        So the worst pair has the angle $\pi/n$.
        """

    def difficulty(self, n: int, r: int, s: int, digits: int) -> dict[str, Any]:
        """Return the order of the group and the number asked for."""
        return {"order of the group": (n, 3, 12), "enough": (self._enough(r, s, digits), 20, 560)}

    def _enough(self, r: int, s: int, digits: int) -> int:
        """Search by the law of cosines."""
        for n in range(2, 2000):
            if sqrt(r * r + s * s - 2 * r * s * cos(pi / n)) - abs(r - s) < 10**-digits:
                return n
        raise ValueError("no order is large enough")

    def public_types(self, answer: Answer, **_: Any) -> None:
        """The functions return numbers, zero for a point and itself."""
        for name in ("distance", "limit"):
            value = as_number(getattr(answer, name)(1 + 2j, 1 + 2j), name)
            require(abs(value) < 1e-9, f"{name} must be zero for a point and itself.")
        whole(answer, "enough")

    def hidden_distance(self, answer: Answer, n: int, **_: Any) -> None:
        """The distance for the finite group is right."""
        rng = np.random.default_rng(4)
        for z, w in rng.normal(size=(40, 2, 2)) @ [1, 1j]:
            found = as_number(answer.distance(complex(z), complex(w)), "distance(z, w)")
            turn = np.abs(np.angle(z / w)) % (2 * pi / n)
            turn = min(turn, 2 * pi / n - turn)
            wanted = sqrt(max((abs(z) - abs(w)) ** 2 + 4 * abs(z * w) * sin(turn / 2) ** 2, 0))
            require(abs(found - wanted) < 1e-6, "distance: take the nearest of all turned copies.")

    def hidden_limit(self, answer: Answer, **_: Any) -> None:
        """The distance for all turns is right."""
        rng = np.random.default_rng(6)
        angles = np.exp(2j * pi * np.arange(20000) / 20000)
        for z, w in rng.normal(size=(10, 2, 2)) @ [1, 1j]:
            found = as_number(answer.limit(complex(z), complex(w)), "limit(z, w)")
            nearest = np.abs(z - angles * w).min()
            says = "limit: turn one point into the direction of the other."
            require(abs(found - nearest) < 1e-3, says)

    def hidden_enough(self, answer: Answer, r: int, s: int, digits: int, **_: Any) -> None:
        """The smallest order is found."""
        right = whole(answer, "enough") == self._enough(r, s, digits)
        require(right, "enough: which pair of points with these lengths is the worst?")


GROUPS = {
    "shifts": "all cyclic shifts",
    "even shifts": "the cyclic shifts by an even number of places",
    "shifts and reversal": "all cyclic shifts, and reversing the order of the entries",
    "shifts and sign": "all cyclic shifts, and multiplying all entries by $-1$",
    "even shifts and sign": "cyclic shifts by an even number, and multiplying all by $-1$",
}


def members(kind: str, z: Array) -> Array:
    """Return all members of the orbit of a row."""
    step = 2 if kind.startswith("even") else 1
    found = [np.roll(z, r) for r in range(0, len(z), step)]
    if kind.endswith("reversal"):
        found += [row[::-1] for row in found]
    if kind.endswith("sign"):
        found += [-row for row in found]
    return np.array(found)


def step(kind: str, rows: Array, m: Array) -> tuple[Array, float]:
    """Return the mean of the rows moved near to m, and the sum of their squared distances."""
    near = []
    for z in rows:
        copies = members(kind, z)
        near.append(copies[np.linalg.norm(copies - m, axis=1).argmin()])
    return np.mean(near, axis=0), float(np.square(np.array(near) - m).sum())


@functools.lru_cache(maxsize=256)
def reached(kind: str, given: str) -> tuple[float, float]:
    """Return the sums of squares at the first row and where the steps from it end."""
    rows = defined(given)["rows"]
    m, start = step(kind, rows, rows[0])
    end = start
    for _ in range(200):
        m, value = step(kind, rows, m)
        if abs(value - end) < 1e-12:
            break
        end = value
    return start, end


class Frechet(Task):
    """Improve a mean of orbits step by step."""

    label = "ex-04-frechet"
    points = 5
    names = {
        "step": "a function of the rows and a candidate that returns a better candidate",
        "mean": "a row that no step improves, found from the given rows",
        "start_value": "the sum of squared quotient distances of the first row from all rows",
        "end_value": "the same sum for mean",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the group, the length of the rows and their seed."""
        return {
            "kind": chance.choice(sorted(GROUPS)),
            "n": chance.choice([8, 10, 12]),
            "seed": chance.randrange(10**6),
        }

    def given(self, kind: str, n: int, seed: int) -> str:
        """Return noisy rows, moved at random."""
        return f"""
        import numpy as np

        rng = np.random.default_rng({seed})
        truth = rng.normal(size={n})
        rows = truth + 0.3 * rng.normal(size=(20, {n}))
        rows = np.stack([np.roll(row, 2 * rng.integers({n})) for row in rows])
        """

    def prompt(self, kind: str, n: int, seed: int) -> str:
        """Return the question."""
        return rf"""
        A group acts on rows of length {n} by {GROUPS[kind]}. A Fréchet mean of orbits minimizes
        $F([m]) = \sum_i d_{{Z/G}}([m], [z_i])^2$. Write `step(rows, m)`: it takes an array of shape
        $(N, {n})$ and a row $m$, brings every row as near to $m$ as the group allows, and returns
        the mean of the moved rows, an array of shape $({n},)$. Begin with the first of the given
        `rows` and repeat the step until nothing changes (`mean`). Give $F$ for the first row
        (`start_value`) and for the mean (`end_value`), to three digits after the point.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        def step(rows, m):
            ...

        mean = ...
        start_value = ...
        end_value = ...
        """

    def solution(self, kind: str, n: int, seed: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        def moved(z):
            found = [np.roll(z, r) for r in range(0, {n}, {2 if kind.startswith("even") else 1})]
            if {kind.endswith("reversal")}:
                found += [row[::-1] for row in found]
            if {kind.endswith("sign")}:
                found += [-row for row in found]
            return np.array(found)

        def nearest(z, m):
            copies = moved(z)
            return copies[((copies - m) ** 2).sum(axis=1).argmin()]

        def step(rows, m):
            return np.mean([nearest(z, m) for z in np.asarray(rows)], axis=0)

        def F(m):
            return sum(((nearest(z, m) - m) ** 2).sum() for z in rows)

        mean, before = step(rows, rows[0]), rows[0]
        while np.abs(mean - before).max() > 1e-12:
            mean, before = step(rows, mean), mean
        start_value, end_value = F(rows[0]), F(mean)
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        The mean of the moved rows minimizes the sum of squares to the moved rows, and moving them
        again can only lower each term. So the value never rises; it may stop at a local minimum.
        """

    def difficulty(self, kind: str, n: int, seed: int) -> dict[str, Any]:
        """Return the order of the group."""
        order = len(members(kind, np.arange(1.0, n + 1)))
        return {"order of the group": (order, 4, 24)}

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """The function and the mean give rows of the right length."""
        rows = np.ones((3, n))
        found = as_array(answer.step(rows, np.ones(n)), "step(rows, m)", (n,))
        require(np.allclose(found, 1), "If all rows are the same, constant row, so is their mean.")
        array(answer, "mean", (n,))
        number(answer, "start_value")
        number(answer, "end_value")

    def hidden_step(self, answer: Answer, kind: str, n: int, **_: Any) -> None:
        """A step moves every row by the nearest element and takes the mean."""
        rng = np.random.default_rng(8)
        for _number in range(4):
            rows, m = rng.normal(size=(7, n)), rng.normal(size=n)
            found = as_array(answer.step(rows, m), "step(rows, m)", (n,))
            wanted = step(kind, rows, m)[0]
            says = "step: has every row been moved by the element of this group that is nearest?"
            require(np.abs(found - wanted).max() < 1e-6, says)

    def hidden_mean(self, answer: Answer, **numbers: Any) -> None:
        """The mean is the one that the steps reach, and the values of F are right."""
        kind = numbers["kind"]
        given = inspect.cleandoc(self.given(**numbers))
        rows, (start, end) = defined(given)["rows"], reached(kind, given)
        gap = abs(number(answer, "start_value") - start)
        require(gap < 2e-3, "start_value: sum the squares of the distances to all rows.")
        found = array(answer, "mean", (numbers["n"],))
        again, value = step(kind, rows, found)
        require(np.abs(again - found).max() < 1e-3, "mean: another step still changes it.")
        require(value < end + 1e-3, "mean: begin with the first row, as it is.")
        gap = abs(number(answer, "end_value") - value)
        require(gap < 2e-3, "end_value is not the value of F at mean.")
