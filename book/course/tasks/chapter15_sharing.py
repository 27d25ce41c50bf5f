"""Tasks of chapter 15 on sharing: which groups its classes name, and when it hurts."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, as_whole

Set = tuple[str, int, list[list[list[int]]]]

_TURN, _SHEAR = [[0, -1], [1, 0]], [[0, 1], [0, 0]]
_ABOUT_X, _ABOUT_Z = [[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]
_UP, _ON, _BACK = (
    [[0, 1, 0], [0, 0, 0], [0, 0, 0]],
    [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
    [[0, 0, 0], [0, 0, 0], [1, 0, 0]],
)


def _diagonal(*entries: int) -> list[list[int]]:
    return [[v if i == j else 0 for j in range(3)] for i, v in enumerate(entries)]


def _within(A: list[list[int]]) -> list[list[int]]:
    """Return a matrix of the plane as one of space."""
    return [*([*row, 0] for row in A), [0, 0, 0]]


SETS: tuple[Set, ...] = (
    ("one turn", 1, [_ABOUT_Z]),
    ("two turns", 3, [_ABOUT_X, _ABOUT_Z]),
    ("a turn and the stretch along its axis", 2, [_ABOUT_Z, [[0, 0, 0], [0, 0, 0], [0, 0, 1]]]),
    ("Heisenberg", 3, [_UP, _ON]),
    ("trace zero", 8, [_UP, _ON, _BACK]),
    ("a shear and a stretch", 2, [_UP, [[1, 0, 0], [0, 0, 0], [0, 0, 0]]]),
    ("all", 9, [_UP, _ON, _BACK, [[1, 0, 0], [0, 0, 0], [0, 0, 0]]]),
    ("two turns and the scaling", 4, [_ABOUT_X, _ABOUT_Z, _diagonal(1, 1, 1)]),
    ("a shear, a stretch, a scaling", 3, [_UP, _diagonal(1, 0, 0), _diagonal(1, 1, 1)]),
    ("of the plane", 3, [_within(_TURN), _within(_SHEAR)]),
    (
        "a shear and its step",
        6,
        [_UP, _ON, _diagonal(1, 2, 4), _diagonal(1, 4, 2), _diagonal(1, 1, 1)],
    ),
)
"""Sets of matrices, with the dimension of what they generate, known from theory."""


class Brackets(Task):
    """Find what matrices generate."""

    label = "ex-15-brackets"
    points = 6
    names = {
        "generated": "a function of a list of square arrays, the dimension of what they generate",
        "dimensions": "these dimensions for the given sets, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw five sets of matrices, seen in other coordinates."""
        while True:
            sets = chance.sample(range(len(SETS)), 5)
            if len({SETS[k][1] for k in sets}) >= 3:
                break
        return {"sets": sets, "shears": [chance.choice([-2, -1, 1, 2]) for _ in range(3)]}

    def prompt(self, **_: Any) -> str:
        """Return the question."""
        return r"""
        A set of matrices generates the smallest linear space that holds them and, with any two of
        its matrices, their bracket $AB - BA$. Write `generated(matrices)`, which takes a list of
        square NumPy arrays of one size, at most 4 × 4, and returns the dimension of this space.
        What is it for each of the sets in the given list `sets`?
        """

    def given(self, sets: list[int], shears: list[int]) -> str:
        """Return the sets."""
        a, b, c = shears
        listed = ",\n            ".join(str([_whole(A) for A in SETS[k][2]]) for k in sets)
        return f"""
        import numpy as np

        change = np.array([[1, {a}, {b}], [0, 1, {c}], [0, 0, 1]]) @ np.array(
            [[1, 0, 0], [{c}, 1, 0], [{a}, {b}, 1]])
        sets = [
            {listed},
        ]
        sets = [[change @ np.array(A) @ np.linalg.inv(change) for A in one] for one in sets]
        """

    def starter(self, **_: Any) -> str:
        """Return the cell to fill in."""
        return """
        def generated(matrices):
            ...  # a whole number


        dimensions = ...  # these dimensions for the given sets, a list
        """

    def solution(self, **_: Any) -> str:
        """Return the answer."""
        return """
        def generated(matrices):
            n = len(matrices[0])
            basis = [np.asarray(A, dtype=float) for A in matrices]
            while True:
                brackets = [A @ B - B @ A for A in basis for B in basis]
                flat = np.array([A.ravel() for A in basis + brackets])
                _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
                found = directions[sizes > 1e-9 * sizes[0]]
                if len(found) == len(basis):
                    return len(basis)
                basis = [row.reshape(n, n) for row in found]

        dimensions = [generated(one) for one in sets]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Each round adds all brackets and keeps a basis. The dimension grows in every round but the
        last, so there are few.
        """

    def difficulty(
        self, sets: list[int], shears: list[int]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of dimensions that differ."""
        return {"dimensions": (len({SETS[k][1] for k in sets}), 3, 5)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are five whole numbers, and the function returns one."""
        for value in _five(answer):
            require(1 <= value <= 9, "Matrices of three rows generate at most nine dimensions.")
        _dimension(answer, [np.array([[0.0, -1.0], [1.0, 0.0]])])

    def hidden_dimensions(self, answer: Answer, sets: list[int], **_: Any) -> None:
        """The dimensions are right."""
        says = "Brackets of brackets count too, and matrices that depend on others do not."
        require(_five(answer) == [SETS[k][1] for k in sets], says)

    def hidden_function(self, answer: Answer, shears: list[int], **_: Any) -> None:
        """The function is right for other sets, also if one matrix is listed twice."""
        draw = np.random.default_rng(10 + sum(shears))
        says = "Try a matrix listed twice, two that commute, and the two turns about x and z."
        for _name, wanted, matrices in SETS:
            S = draw.normal(size=(3, 3)) + 2 * np.eye(3)
            seen = [S @ np.array(A, dtype=float) @ np.linalg.inv(S) for A in matrices]
            require(_dimension(answer, [*seen, 2 * seen[0]]) == wanted, says)


def _whole(A: Any) -> list[list[int]]:
    return [[int(v) for v in row] for row in A]


def _five(answer: Answer) -> list[int]:
    value = answer.dimensions
    good = isinstance(value, (list, tuple)) and len(value) == 5
    require(good, "dimensions must be a list of five whole numbers.")
    return [as_whole(v, "Each dimension") for v in value]


def _dimension(answer: Answer, matrices: list[NDArray[np.float64]]) -> int:
    require(callable(answer.generated), "generated must be a function.")
    return as_whole(answer.generated(matrices), "What generated returns")


GROUPS: dict[str, tuple[int, int, int, int]] = {
    "C5": (5, 5, 5, 5),
    "C6": (6, 6, 6, 6),
    "C7": (7, 7, 7, 7),
    "D5": (5, 10, 3, 10),
    "D6": (6, 12, 4, 12),
    "D7": (7, 14, 4, 14),
    "A4": (4, 12, 2, 24),
    "A5": (5, 60, 2, 120),
    "A6": (6, 360, 2, 720),
    "F20": (5, 20, 2, 120),
    "F21": (7, 21, 3, 21),
    "S2 and S3": (5, 12, 6, 12),
    "S3 and S3": (6, 36, 6, 36),
    "S2 and S4": (6, 48, 6, 48),
    "A4 and S2": (6, 24, 6, 48),
    "S2 in S3": (6, 48, 3, 48),
}
"""Groups by name: places, elements, classes, and permutations that keep the classes."""


def _generators(name: str) -> list[list[int]]:
    n = GROUPS[name][0]
    turn = [(i + 1) % n for i in range(n)]
    even = [[1, 2, 0, *range(3, n)], [*range(n - 3), n - 2, n - 1, n - 3]]
    listed = {
        "C": [turn],
        "D": [turn, [-i % n for i in range(n)]],
        "A": [*even, *([[0, 2, 3, 1, *range(4, n)]] if n > 5 else [])],
        "F20": [turn, [2 * i % n for i in range(n)]],
        "F21": [turn, [2 * i % n for i in range(n)]],
        "S2 and S3": [[1, 0, 2, 3, 4], [0, 1, 3, 4, 2], [0, 1, 3, 2, 4]],
        "S3 and S3": [
            [1, 0, 2, 3, 4, 5],
            [1, 2, 0, 3, 4, 5],
            [0, 1, 2, 4, 3, 5],
            [0, 1, 2, 4, 5, 3],
        ],
        "S2 and S4": [[1, 0, 2, 3, 4, 5], [0, 1, 3, 2, 4, 5], [0, 1, 3, 4, 5, 2]],
        "A4 and S2": [[1, 2, 0, 3, 4, 5], [0, 2, 3, 1, 4, 5], [0, 1, 2, 3, 5, 4]],
        "S2 in S3": [[1, 0, 2, 3, 4, 5], [2, 3, 0, 1, 4, 5], [2, 3, 4, 5, 0, 1]],
    }
    return listed.get(name) or listed[name[0]]


class Closure(Task):
    """Count the classes of a group, and what they give back."""

    label = "ex-15-closure"
    points = 6
    names = {
        "orders": "the numbers of elements of the four groups, a list",
        "classes": "the numbers of classes of entries, a list",
        "kept": "the numbers of permutations that leave the classes alone, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw four groups, one of them smaller than what comes back, and new numbers of places."""
        while True:
            names = chance.sample(list(GROUPS), 4)
            if sum(GROUPS[name][1] < GROUPS[name][3] for name in names) in (1, 2):
                break
        orders = [chance.sample(range(GROUPS[name][0]), GROUPS[name][0]) for name in names]
        return {"groups": names, "places": orders}

    def prompt(self, **_: Any) -> str:
        """Return the question."""
        return r"""
        The given list `groups` holds four groups of permutations, each by generators: `p[i]` is
        where place $i$ goes. A linear map commutes with a group exactly if its entries are equal
        along the orbits on ordered pairs of places, its classes. For each group give the number of
        its elements, the number of its classes, and the number of all permutations of the places
        that leave every class alone.
        """

    def given(self, groups: list[str], places: list[list[int]]) -> str:
        """Return the generators, with the places numbered anew."""
        rows = ",\n            ".join(
            str([_renumbered(g, p) for g in _generators(name)])
            for name, p in zip(groups, places, strict=True)
        )
        return f"""
        groups = [
            {rows},
        ]
        """

    def solution(self, **_: Any) -> str:
        """Return the answer."""
        return """
        import itertools
        import numpy as np

        def elements(generators):
            found, new = set(), {tuple(range(len(generators[0])))}
            while new:
                found |= new
                new = {tuple(g[i] for i in p) for p in new for g in generators} - found
            return np.array(sorted(found))

        orders, classes, kept = [], [], []
        for generators in groups:
            group = elements(generators)
            n = len(group[0])
            colours = np.min(group[:, :, None] * n + group[:, None, :], axis=0)
            every = np.array(list(itertools.permutations(range(n))))
            moved = colours[every[:, :, None], every[:, None, :]]
            orders.append(len(group))
            classes.append(len(np.unique(colours)))
            kept.append(int((moved == colours).all((1, 2)).sum()))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        What comes back is the largest group with these classes. It is larger than the group itself
        where this one is transitive enough on pairs to look like it.
        """

    def difficulty(
        self, groups: list[str], places: list[list[int]]
    ) -> dict[str, tuple[float, float, float]]:
        """Return how many of the groups do not come back."""
        larger = sum(GROUPS[name][1] < GROUPS[name][3] for name in groups)
        return {"groups that do not come back": (larger, 1, 2)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three lists of four numbers, and no group is larger than what comes back."""
        orders, _classes, kept = (_four(answer, name) for name in self.names)
        says = "Every element of a group leaves its classes alone."
        require(all(a <= b for a, b in zip(orders, kept, strict=True)), says)

    def hidden_orders(self, answer: Answer, groups: list[str], **_: Any) -> None:
        """The numbers of elements are right."""
        says = "Multiply generators until nothing new comes."
        require(_four(answer, "orders") == [GROUPS[name][1] for name in groups], says)

    def hidden_classes(self, answer: Answer, groups: list[str], **_: Any) -> None:
        """The numbers of classes are right."""
        says = "Pairs are ordered, and a place with itself is a pair too."
        require(_four(answer, "classes") == [GROUPS[name][2] for name in groups], says)

    def hidden_kept(self, answer: Answer, groups: list[str], **_: Any) -> None:
        """The numbers of permutations that keep the classes are right."""
        says = "Each class is to be left alone by itself; exchanging two does not count."
        require(_four(answer, "kept") == [GROUPS[name][3] for name in groups], says)


def _renumbered(g: list[int], places: list[int]) -> list[int]:
    """Return a permutation after place i has been called ``places[i]``."""
    found = [0] * len(g)
    for i, j in enumerate(g):
        found[places[i]] = places[j]
    return found


def _four(answer: Answer, name: str) -> list[int]:
    value = getattr(answer, name)
    good = isinstance(value, (list, tuple)) and len(value) == 4
    require(good, f"{name} must be a list of four whole numbers.")
    return [as_whole(v, f"Each number of {name}") for v in value]


class Spacing(Task):
    """Say when sharing helps, although it is wrong."""

    label = "ex-15-spacing"
    points = 6
    names = {
        "risks": "the expected squared errors for the three partitions, a list",
        "best": "the partition with the least expected error, a list of five labels",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw five means in tenths, the size of groups and three partitions."""
        rows = _partitions()
        while True:
            means = [chance.randint(-9, 9) for _ in range(5)]
            n, variance = chance.randint(10, 40), chance.randint(1, 4)
            risks = sorted(_risk(row, means, n, variance) for row in rows)
            best = min(rows, key=lambda row: _risk(row, means, n, variance))
            if 2 <= max(best) + 1 <= 3 and risks[1] > 1.05 * risks[0]:
                break
        tried = [rows[k] for k in chance.sample(range(1, len(rows) - 1), 3)]
        return {"means": means, "n": n, "variance": variance, "tried": tried}

    def prompt(self, means: list[int], n: int, variance: int, tried: list[list[int]]) -> str:
        """Return the question."""
        listed = "; ".join(f"$({', '.join(map(str, row))})$" for row in tried)
        return rf"""
        Five groups of {n} observations each have the variance {variance} within each group, and the
        true means {", ".join(str(m / 10) for m in means)}. A partition, written by the label of
        each group, ties the means of groups with the same label: each of them is estimated by the
        average of all their observations. Give the expected sum of the squared errors of the five
        estimated means for the partitions {listed}. Which of all partitions has the least? Write
        its labels as a list of five whole numbers.
        """

    def solution(self, means: list[int], n: int, variance: int, tried: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        import itertools
        import numpy as np

        means = np.array({[m / 10 for m in means]})

        def risk(labels):
            same = np.equal.outer(labels, labels)
            tied = same / same.sum(1, keepdims=True)
            bias = tied @ means - means
            return {variance} / {n} * (tied**2).sum() + bias @ bias

        risks = [risk(row) for row in {tried}]
        best = min(itertools.product(range(5), repeat=5), key=risk)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Each class costs the variance of one mean, and each tie the squares of what it moves. The
        best partition ties means that differ.
        """

    def difficulty(
        self, means: list[int], n: int, variance: int, tried: list[list[int]]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the standard error of a mean."""
        return {"standard error": (math.sqrt(variance / n), 0.15, 0.65)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three positive numbers and five labels."""
        require((array(answer, "risks", (3,)) > 0).all(), "An expected square is positive.")
        _labels(answer)

    def hidden_risks(
        self, answer: Answer, means: list[int], n: int, variance: int, tried: list[list[int]]
    ) -> None:
        """The expected errors are right."""
        wanted = [_risk(row, means, n, variance) for row in tried]
        says = (
            "The error of an average is its variance plus the square of its bias, group by group."
        )
        require(np.allclose(array(answer, "risks", (3,)), wanted, rtol=1e-4), says)

    def hidden_best(
        self, answer: Answer, means: list[int], n: int, variance: int, tried: list[list[int]]
    ) -> None:
        """The partition is the best of all."""
        least = min(_risk(row, means, n, variance) for row in _partitions())
        says = "Try all partitions of five groups; there are few."
        require(_risk(_labels(answer), means, n, variance) < 1.001 * least, says)


def _partitions() -> list[list[int]]:
    rows = [[0]]
    for _ in range(4):
        rows = [[*row, j] for row in rows for j in range(max(row) + 2)]
    return rows


def _risk(labels: list[int], means: list[int], n: int, variance: int) -> float:
    """Return the expected error, class by class."""
    total = 0.0
    for label in set(labels):
        members = [m / 10 for m, k in zip(means, labels, strict=True) if k == label]
        middle = sum(members) / len(members)
        total += variance / n + sum((m - middle) ** 2 for m in members)
    return total


def _labels(answer: Answer) -> list[int]:
    value = answer.best
    good = isinstance(value, (list, tuple)) and len(value) == 5
    require(good, "best must be a list of five labels.")
    return [as_whole(v, "A label") for v in value]
