"""Tasks of chapter 2 on graphs, rings and the circle."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from itertools import combinations, permutations, product
from math import factorial, gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.tasks.chapter02 import orbits
from book.course.values import array, as_number, as_whole, number, whole


class Graphs(Task):
    """Count graphs with two kinds of nodes up to renumbering."""

    label = "ex-02-graphs"
    points = 5
    names = {
        "graphs": "a function of the numbers a and b of nodes of the two kinds",
        "here": "its value for the two numbers asked for",
        "guess": "the naive guess for these, a number",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the number of kinds of bond, their direction, and the numbers of nodes."""
        a, b = chance.choice([(2, 2), (3, 2), (3, 3), (4, 2), (4, 3), (4, 4)])
        return {
            "q": chance.choice([2, 3, 4]),
            "directed": chance.choice([True, False]),
            "a": a,
            "b": b,
        }

    def prompt(self, q: int, directed: bool, a: int, b: int) -> str:
        """Return the question."""
        kind = ["a single", "a single or a double", "a single, a double or a triple"][q - 2]
        bonds = (
            f"From each node to each other node there may be {kind} bond, or none. A bond points "
            "from the one to the other; the two directions are independent of each other."
            if directed
            else f"Between any two nodes there may be {kind} bond, or none, without a direction."
        )
        pairs = r"2\binom{a+b}{2}" if directed else r"\binom{a+b}{2}"
        return rf"""
        A graph has $a$ nodes of one kind and $b$ of another. {bonds} Two graphs are the same if one
        becomes the other by renumbering the nodes of each kind among themselves. Write a function
        `graphs(a, b)` that counts them by Burnside's lemma, as a whole number, for $a, b \ge 1$
        with $a + b \le 8$. How many are there for $a = {a}$ and $b = {b}$ (`here`)? What is for
        these the naive guess ${q}^{{{pairs}}} / (a!\, b!)$ (`guess`)?
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        def graphs(a, b):
            ...

        here = ...
        guess = ...
        """

    def solution(self, q: int, directed: bool, a: int, b: int) -> str:
        """Return the answer."""
        pairs = "permutations" if directed else "combinations"
        return f"""
        from itertools import combinations, permutations, product
        from math import factorial

        def cycles(image):
            seen, number = set(), 0
            for one in image:
                if one not in seen:
                    number += 1
                while one not in seen:
                    seen.add(one)
                    one = image[one]
            return number

        def graphs(a, b):
            pairs = list({pairs}(range(a + b), 2))
            fixed = 0
            for p, r in product(permutations(range(a)), permutations(range(a, a + b))):
                move = p + r
                image = {{}}
                for i, j in pairs:
                    moved = (move[i], move[j])
                    image[i, j] = moved if moved in pairs else moved[::-1]
                fixed += {q} ** cycles(image)
            return fixed // (factorial(a) * factorial(b))

        here = graphs({a}, {b})
        guess = {q} ** len(list({pairs}(range({a + b}), 2))) / ({factorial(a) * factorial(b)})
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        The guess counts every graph as if all its numberings were different. Graphs with symmetries
        have fewer, so the guess is too small.
        """

    def difficulty(self, q: int, directed: bool, a: int, b: int) -> dict[str, Any]:
        """Return the number of nodes and the order of the group."""
        return {
            "nodes": (a + b, 4, 8),
            "order of the group": (factorial(a) * factorial(b), 4, 576),
        }

    def _count(self, q: int, directed: bool, a: int, b: int) -> int:
        """Count by the cycle types of the two permutations."""
        fixed = 0
        for one, two in product(permutations(range(a)), permutations(range(b))):
            lengths = [*_lengths(one), *_lengths(two)]
            between = sum(gcd(x, y) for x, y in combinations(lengths, 2))
            if directed:
                number = 2 * between + sum(x - 1 for x in lengths)
            else:
                number = between + sum(x // 2 for x in lengths)
            fixed += q**number
        return fixed // (factorial(a) * factorial(b))

    def public_types(self, answer: Answer, q: int, directed: bool, **_: Any) -> None:
        """The function returns a whole number, and the right one for two different nodes."""
        says = "For a = b = 1 no renumbering is possible: count the bonds of two nodes."
        wanted = q**2 if directed else q
        require(as_whole(answer.graphs(1, 1), "graphs(a, b)") == wanted, says)
        whole(answer, "here")
        number(answer, "guess")

    def hidden_small(self, answer: Answer, q: int, directed: bool, **_: Any) -> None:
        """The function agrees with a list of all orbits for few nodes."""
        for a, b in ((2, 1), (1, 2), (2, 2), (3, 1)):
            pairs = (a + b) * (a + b - 1) // (1 if directed else 2)
            if q**pairs > 4096:
                continue
            wanted = listed(q, directed, a, b)
            says = f"List the graphs for a = {a} and b = {b}, and compare."
            require(as_whole(answer.graphs(a, b), "graphs(a, b)") == wanted, says)

    def hidden_large(self, answer: Answer, q: int, directed: bool, **_: Any) -> None:
        """The function is right for graphs that are too many to list."""
        for a, b in ((2, 3), (4, 1), (4, 2)):
            wanted = self._count(q, directed, a, b)
            right = as_whole(answer.graphs(a, b), "graphs(a, b)") == wanted
            require(right, f"For a = {a} and b = {b} the count is off: how do pairs move?")

    def hidden_here(self, answer: Answer, q: int, directed: bool, a: int, b: int) -> None:
        """The count and the guess for the two numbers are right."""
        require(whole(answer, "here") == self._count(q, directed, a, b), "here is another number.")
        pairs = (a + b) * (a + b - 1) // (1 if directed else 2)
        guess = q**pairs / (factorial(a) * factorial(b))
        says = "guess: count all colourings of the pairs, and divide."
        require(abs(number(answer, "guess") / guess - 1) < 1e-3, says)


@functools.lru_cache(maxsize=64)
def listed(q: int, directed: bool, a: int, b: int) -> int:
    """Count graphs with two kinds of nodes by listing all orbits."""
    pairs = list(permutations(range(a + b), 2) if directed else combinations(range(a + b), 2))
    place = {pair: i for i, pair in enumerate(pairs)}
    if not directed:
        place |= {(j, i): k for (i, j), k in place.items()}
    moves = [
        [place[(*p, *r)[i], (*p, *r)[j]] for i, j in pairs]
        for p, r in product(permutations(range(a)), permutations(range(a, a + b)))
    ]
    return orbits(product(range(q), repeat=len(pairs)), moves)


def _lengths(move: Sequence[int]) -> list[int]:
    """Return the lengths of the cycles of a permutation."""
    left, found = set(range(len(move))), []
    while left:
        i = start = left.pop()
        length = 1
        while (i := move[i]) != start:
            left.discard(i)
            length += 1
        found.append(length)
    return found


class Hueckel(Task):
    """Energy levels of a ring, counted by Schur's lemma and computed."""

    label = "ex-02-hueckel"
    points = 5
    names = {
        "dimensions": "the dimensions of the irreps that occur, with repetitions, a list",
        "most_levels": "the largest number of different eigenvalues that Schur's lemma allows",
        "energies": "the n eigenvalues, a list in any order",
        "levels": "the number of different eigenvalues of this matrix",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the size of the ring and the two couplings."""
        return {
            "n": chance.choice([7, 8, 9, 10, 12]),
            "near": chance.randint(2, 9),
            "far": chance.choice([-3, -2, -1, 1, 2, 3]),
        }

    def prompt(self, n: int, near: int, far: int) -> str:
        """Return the question."""
        return rf"""
        On a ring of {n} corners let $A$ be the symmetric matrix with $A_{{ij}} = {near}$ if the
        corners $i$ and $j$ are neighbours, $A_{{ij}} = {far}$ if they are two steps apart, and zero
        otherwise, also on the diagonal. Decompose the permutation representation of $D_{{{n}}}$ on
        the corners by characters, and give the dimensions of its irreps (`dimensions`, a list such
        as `[1, 1, 2]`). How many different eigenvalues can a matrix that commutes with all
        symmetries have at most, by Schur's lemma (`most_levels`)? What are the eigenvalues of $A$,
        with their multiplicities (`energies`, to six digits), and how many different
        values are among them, if values within $10^{{-6}}$ count as one (`levels`)?
        """

    def solution(self, n: int, near: int, far: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np
        from utils.groups import decompose, dihedral, irreps, permutation_representation

        group = dihedral({n})
        found = decompose(permutation_representation(group))
        sizes = {{irrep.name: irrep.dimension for irrep in irreps(group)}}
        dimensions = [sizes[name] for name, m in found.items() for _ in range(m)]
        most_levels = len(dimensions)

        A = np.zeros(({n}, {n}))
        for i in range({n}):
            for step, weight in ((1, {near}), (2, {far})):
                A[i, (i + step) % {n}] += weight
                A[i, (i - step) % {n}] += weight
        energies = np.linalg.eigvalsh(A).tolist()
        levels = 1 + int((np.diff(energies) > 1e-6).sum())
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        All irreps that occur are different, so $A$ is a number on each of them. It has one
        eigenvalue for each irrep at most, as often as its dimension; two of them may agree by
        accident.
        """

    def difficulty(self, n: int, near: int, far: int) -> dict[str, Any]:
        """Return the size of the ring."""
        return {"corners": (n, 7, 12), "largest coupling": (max(near, abs(far)), 2, 9)}

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """The dimensions add up to the number of corners, and there are as many energies."""
        require(array(answer, "dimensions", (None,)).sum() == n, f"dimensions must add up to {n}.")
        array(answer, "energies", (n,))
        whole(answer, "most_levels")
        whole(answer, "levels")

    def hidden_dimensions(self, answer: Answer, n: int, **_: Any) -> None:
        """The representation is decomposed, and Schur's lemma is applied."""
        wanted = [1] * (2 - n % 2) + [2] * ((n - 1) // 2)
        found = sorted(array(answer, "dimensions", (None,)).tolist())
        require(found == wanted, "dimensions: how often does each irrep occur, by characters?")
        says = "most_levels: the matrix is a number on each irrep."
        require(whole(answer, "most_levels") == len(wanted), says)

    def hidden_energies(self, answer: Answer, n: int, near: int, far: int) -> None:
        """The eigenvalues are right, and so is the number of different ones."""
        angles = 2 * np.pi * np.arange(n) / n
        wanted = np.sort(2 * near * np.cos(angles) + 2 * far * np.cos(2 * angles))
        found = np.sort(array(answer, "energies", (n,)))
        require(np.abs(found - wanted).max() < 1e-4, "energies: write the matrix row by row.")
        levels = 1 + int((np.diff(wanted) > 1e-6).sum())
        require(whole(answer, "levels") == levels, "levels: which of the energies agree?")


class Circle(Task):
    """The computable part: which frequencies survive the mean over finitely many angles."""

    label = "ex-02-circle"
    points = 2
    names = {
        "survivors": "the frequencies that survive, a list of whole numbers",
        "mean_of_angles": "the mean of f over the n angles",
        "mean_of_circle": "the mean of f over the circle",
        "fooled": "a function of an angle that the n angles take for a constant",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the number of angles and the terms of a function."""
        n = chance.randint(5, 12)
        frequencies = [*chance.sample([m for m in range(1, 3 * n) if m % n], 2), n, 2 * n]
        chance.shuffle(frequencies)
        return {
            "n": n,
            "constant": chance.choice([-1, 1]) * chance.randint(1, 9),
            "terms": [[m, chance.choice([-1, 1]) * chance.randint(2, 9)] for m in frequencies],
        }

    def prompt(self, n: int, constant: int, terms: list[list[int]]) -> str:
        """Return the question."""
        f = " ".join(rf"{c:+d} \cos {m}\theta" for m, c in terms)
        return rf"""
        Take the {n} angles $2\pi k / {n}$. For which frequencies $m$ from 0 to {3 * n} is the mean
        of $e^{{im\theta}}$ over these angles not zero (`survivors`)? What is the mean of
        $f(\theta) = {constant} {f}$ over them (`mean_of_angles`), and what over the circle
        (`mean_of_circle`)? Write a function `fooled(theta)` of one angle that is invariant under
        $\theta \mapsto \theta + 2\pi/{n}$ and has the value 0 at all {n} angles, mean 0 over the
        circle, and largest value 1. The proof is handed in apart from this.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        survivors = ...
        mean_of_angles = ...
        mean_of_circle = ...

        def fooled(theta):
            ...
        """

    def solution(self, n: int, constant: int, terms: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        from math import sin

        survivors = {list(range(0, 3 * n + 1, n))}
        mean_of_angles = {constant + sum(c for m, c in terms if m % n == 0)}
        mean_of_circle = {constant}

        def fooled(theta):
            return sin({n} * theta)
        """

    def difficulty(self, n: int, terms: list[list[int]], **_: Any) -> dict[str, Any]:
        """Return the number of angles and how many terms survive."""
        return {"angles": (n, 5, 12), "survivors in f": (sum(m % n == 0 for m, _ in terms), 2, 2)}

    def public_types(self, answer: Answer, **_: Any) -> None:
        """The survivors are a list, the means numbers, and the function has numbers as values."""
        array(answer, "survivors", (None,))
        number(answer, "mean_of_angles")
        number(answer, "mean_of_circle")
        as_number(answer.fooled(0.1), "fooled(theta)")

    def hidden_survivors(self, answer: Answer, n: int, **_: Any) -> None:
        """The list holds the frequencies that survive and no other."""
        angles = 2 * np.pi * np.arange(n) / n
        means = [abs(np.exp(1j * m * angles).mean()) for m in range(3 * n + 1)]
        found = array(answer, "survivors", (None,)).tolist()
        says = "survivors: sum the geometric series for each frequency."
        require(sorted(found) == [m for m, size in enumerate(means) if size > 1e-9], says)

    def hidden_means(self, answer: Answer, n: int, constant: int, terms: list[list[int]]) -> None:
        """The two means are right."""
        angles = 2 * np.pi * np.arange(n) / n
        over = constant + sum(c * np.cos(m * angles).mean() for m, c in terms)
        says = "mean_of_angles: which terms are the same at all the angles?"
        require(abs(number(answer, "mean_of_angles") - over) < 1e-6, says)
        says = "mean_of_circle: integrate each term over a full turn."
        require(abs(number(answer, "mean_of_circle") - constant) < 1e-6, says)

    def hidden_fooled(self, answer: Answer, n: int, **_: Any) -> None:
        """The function is invariant under the small turn, zero at the angles, and not constant."""
        period = 2 * np.pi / n

        def values(angles: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
            found = [as_number(answer.fooled(float(t)), "fooled(theta)") for t in angles]
            return np.array(found)

        once, few = values(period * np.arange(240) / 240), period * np.array([0.1, 0.37, 0.8])
        says = "fooled must be invariant under the small turn."
        moved = [values(few + k * period) for k in range(n)]
        require(np.ptp(moved, axis=0).max() < 1e-6, says)
        zeros = values(period * np.arange(n))
        require(np.abs(zeros).max() < 1e-6, "fooled must be 0 at all the angles.")
        require(abs(once.mean()) < 1e-3, "The mean of fooled over the circle must be 0.")
        require(0.99 < once.max() < 1 + 1e-6, "The largest value of fooled must be 1.")
