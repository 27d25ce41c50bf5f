"""Tasks of the companion of chapter 9 on several numbers for each atom."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, whole

REACH = 0.1


class Reference(Task):
    """Align to a reference with a symmetry, and mend it."""

    label = "ex-09-reference"
    points = 6
    names = {
        "count": "the number of different best alignments of the code",
        "two": "two different best alignments, shape (2, 5, 2)",
        "mended": "a reference for which no such doubt is left, shape (5, 2)",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a reference with equal points and a code, which may have two equal points."""
        sizes = chance.choice([[2, 1, 1, 1], [2, 2, 1], [3, 1, 1], [3, 2]])
        while True:
            points = [[chance.randint(-9, 9), chance.randint(-9, 9)] for _ in sizes]
            reference = [p for p, k in zip(points, sizes, strict=True) for _ in range(k)]
            chance.shuffle(reference)
            code = [[chance.randint(-9, 9), chance.randint(-9, 9)] for _ in range(5)]
            if chance.random() < 0.5:
                code[4] = code[0]
            true = math.prod(math.factorial(k) for k in sizes)
            different = len({tuple(p) for p in points}) == len(sizes)
            if different and len(_best(reference, code)) in {true, max(2, true // 2)}:
                return {"reference": reference, "code": code}

    def prompt(self, reference: list[list[int]], code: list[list[int]]) -> str:
        """Return the question."""
        return rf"""
        The rows of a code are points of the plane that have no order. To align the code to a
        reference means to put its rows into the order in which the sum of the squared distances
        between row $i$ of the code and row $i$ of the reference is smallest. In the given cell
        the reference has equal points. How many *different* aligned codes have the smallest sum?
        Give two of them. Then move the points of the reference, each coordinate by at most
        {REACH}, so that this code has one best alignment only. As no other code shall be in doubt
        either because of equal points, no two points of the reference may be nearer to each other
        than 0.01.
        """

    def given(self, reference: list[list[int]], code: list[list[int]]) -> str:
        """Return the reference and the code."""
        return f"""
        import numpy as np

        reference = np.array({reference}, dtype=float)
        code = np.array({code}, dtype=float)
        """

    def solution(self, **_: Any) -> str:
        """Return the answer."""
        return f"""
        from itertools import permutations

        def best_alignments(centre):
            aligned = [code[list(order)] for order in permutations(range(5))]
            sums = np.array([((a - centre) ** 2).sum() for a in aligned])
            best = [a for a, s in zip(aligned, sums) if s < sums.min() + 1e-9]
            return np.unique(best, axis=0)

        found = best_alignments(reference)
        count, two = len(found), found[:2]
        draw = np.random.default_rng(0)
        mended = reference
        gaps = np.ones((5, 5), dtype=bool) & ~np.eye(5, dtype=bool)
        while (len(best_alignments(mended)) > 1
               or np.linalg.norm(mended[:, None] - mended, axis=2)[gaps].min() < 0.02):
            mended = reference + draw.uniform(-{REACH}, {REACH}, size=(5, 2))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Points of the code that are matched to equal points of the reference can be exchanged
        without a price, and give another aligned code unless they are equal themselves. So which
        one a solver finds depends on the order in which it is given the points, and the map is
        not invariant. The points of a reference must be different.
        """

    def difficulty(
        self, reference: list[list[int]], code: list[list[int]]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of best alignments."""
        return {"best alignments": (len(_best(reference, code)), 2, 12)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are a whole number, two aligned codes and a reference near the given one."""
        whole(answer, "count")
        array(answer, "two", (2, 5, 2))
        array(answer, "mended", (5, 2))

    def hidden_count(
        self, answer: Answer, reference: list[list[int]], code: list[list[int]]
    ) -> None:
        """The number of best alignments is right."""
        says = "Which rows of the code may change places for free? Count different results only."
        require(whole(answer, "count") == len(_best(reference, code)), says)

    def hidden_two(self, answer: Answer, reference: list[list[int]], code: list[list[int]]) -> None:
        """The two aligned codes are best and different."""
        best = _best(reference, code)
        found = [
            tuple(map(tuple, np.round(a, 6).tolist())) for a in array(answer, "two", (2, 5, 2))
        ]
        says = "Each of the two must hold the rows of the code, in an order of smallest sum."
        require(all(f in best for f in found), says)
        require(found[0] != found[1], "The two aligned codes must differ.")

    def hidden_mended(
        self, answer: Answer, reference: list[list[int]], code: list[list[int]]
    ) -> None:
        """The mended reference is near the given one, and leaves no doubt."""
        mended = array(answer, "mended", (5, 2))
        near = np.abs(mended - np.array(reference)).max() <= REACH + 1e-9
        require(near, f"Move each coordinate of the reference by at most {REACH}.")
        apart = min(np.linalg.norm(p - q) for p, q in itertools.combinations(mended, 2))
        require(apart >= 0.01, "Two points of the reference are still too near to each other.")
        says = "With this reference, the code still has two best alignments."
        require(len(_best(mended.tolist(), code)) == 1, says)


def _best(reference: Any, code: list[list[int]]) -> set[tuple[tuple[float, ...], ...]]:
    """Return the different aligned codes of smallest sum, building up the sums row by row."""
    costs = _costs(reference, code)
    sums = {o: sum(costs[i, j] for i, j in enumerate(o)) for o in itertools.permutations(range(5))}
    least = min(sums.values())
    orders = (order for order, s in sums.items() if s < least + 1e-9)
    return {tuple(tuple(map(float, code[j])) for j in order) for order in orders}


def _costs(reference: Any, code: Any) -> NDArray[np.float64]:
    """Return the squared distances between all points of a reference and of a code."""
    return ((np.array(reference)[:, None] - np.array(code)[None]) ** 2).sum(2).astype(float)
