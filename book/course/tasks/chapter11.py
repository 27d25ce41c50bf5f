"""Tasks of chapter 11: reading the rotation latent space."""

from __future__ import annotations

import itertools
import math
import random
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import array, number


class Clock(Task):
    """Find the principal components of a randomly shifted row."""

    label = "ch11-ex-clock"
    points = 4
    names = {
        "eigenvalues": "the eigenvalues of the covariance, a list",
        "angle": "the angle in degrees by which one shift turns the first plane",
        "constants": "the eigenvalue of the constant rows",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a row with a first plane that stands out."""
        while True:
            row = [chance.randint(0, 9) for _ in range(chance.randint(6, 9))]
            power = np.sort(np.abs(np.fft.fft(row)[1 : (len(row) + 1) // 2]) ** 2)
            line = abs(np.fft.fft(row)[len(row) // 2]) ** 2 if len(row) % 2 == 0 else 0
            if power[-1] > 1.2 * max(power[-2], line):
                return {"row": row}

    def prompt(self, row: list[int]) -> str:
        """Return the question."""
        n = len(row)
        return rf"""
        Let $z$ be a random shift of the row $({", ".join(map(str, row))})$ under $C_{{{n}}}$, all
        {n} shifts equally likely. What are the {n} eigenvalues of the covariance of $z$? Which of
        them belongs to the constant rows? The first two principal components span a plane. By
        which angle, between 0 and 180 degrees, does a shift by one place turn this plane?
        """

    def hint(self, row: list[int]) -> str:
        """Return where the eigenvalues come from."""
        return r"""
        The covariance is the mean over all shifts of the products of deviations from the mean, and
        shifting does not change it. So the waves of each frequency are its eigenvectors. How large
        is the component of the row along the waves of one frequency, and what does a shift by one
        place do to them?
        """

    def solution(self, row: list[int]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        row = np.array({row})
        n = len(row)
        power = abs(np.fft.fft(row)) ** 2
        power[0] = 0
        eigenvalues = power / n
        f = 1 + int(np.argmax(power[1 : n // 2 + 1]))
        angle = 360 * f / n
        constants = 0.0
        """

    def remarks(self, row: list[int]) -> str:
        """Return why."""
        return r"""
        The covariance commutes with shifts, so it is diagonal on the Fourier modes. Its
        eigenvalue at frequency $f$ is $\lvert \hat z(f) \rvert^2 / n$ with
        $\hat z(f) = \sum_p z_p e^{-2\pi i f p / n}$, and at frequency 0 it vanishes, since no
        shift changes the mean of the row. A shift turns the modes of frequency $f$ by
        $360° \cdot f / n$.
        """

    def difficulty(self, row: list[int]) -> dict[str, tuple[float, float, float]]:
        """Return the length of the row and the lead of the first plane."""
        top = np.linalg.eigvalsh(_shift_covariance(row))[::-1]
        return {"entries": (len(row), 6, 9), "lead": (min(top[1] / top[2], 99), 1.19, 99)}

    def public_shapes(self, answer: Answer, row: list[int]) -> None:
        """There is an eigenvalue for each entry, and the angle lies between 0 and 180."""
        array(answer, "eigenvalues", (len(row),))
        require(0 <= number(answer, "angle") <= 180, "angle lies between 0 and 180 degrees.")
        number(answer, "constants")

    def hidden_eigenvalues(self, answer: Answer, row: list[int]) -> None:
        """The eigenvalues are right to one part in a thousand."""
        found = np.sort(array(answer, "eigenvalues", (len(row),)))
        true = np.linalg.eigvalsh(_shift_covariance(row))
        says = "Average over all shifts: the mean, then the products of deviations."
        require(np.allclose(found, true, rtol=1e-3, atol=1e-4 * true.max()), says)

    def hidden_constants(self, answer: Answer, row: list[int]) -> None:
        """The eigenvalue of the constant rows is right."""
        ones = np.ones(len(row))
        true = ones @ _shift_covariance(row) @ ones / len(row)
        says = "How much does the mean of the row vary from shift to shift?"
        require(abs(number(answer, "constants") - true) < 1e-6, says)

    def hidden_angle(self, answer: Answer, row: list[int]) -> None:
        """The angle is right to a hundredth of a degree."""
        plane = np.linalg.eigh(_shift_covariance(row))[1][:, -2:]
        moved = plane.T @ np.roll(plane, 1, axis=0)
        true = np.degrees(np.arccos(np.clip(np.trace(moved) / 2, -1, 1)))
        says = "Which frequency spans the first plane, and what does a shift do to it?"
        require(abs(number(answer, "angle") - true) < 0.01, says)


def _shift_covariance(row: list[int]) -> NDArray[np.float64]:
    """Return the covariance over all shifts of a row."""
    return np.asarray(np.cov([np.roll(row, s) for s in range(len(row))], rowvar=False, bias=True))


class Votes(Task):
    """Let an orbit vote more than once."""

    label = "ch11-ex-votes"
    points = 4
    names = {
        "codes": "the labelled codes, an array with a row for each",
        "labels": "their labels, a list of 'A' and 'B'",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a group, a number of votes and a query that no shift moves."""
        n, k = chance.choice([(3, 3), (3, 5), (4, 3), (4, 5), (5, 5), (5, 7)])
        return {"n": n, "k": k, "at": chance.choice(range(-60, 61, 5))}

    def prompt(self, n: int, k: int, at: int) -> str:
        """Return the question."""
        query = ", ".join([str(at)] * n)
        return rf"""
        $C_{{{n}}}$ shifts rows of {n} numbers. The query is $({query})$. Find {k} labelled codes,
        with labels 'A' and 'B', each at a distance between 0.01 and 2 from the query and no two
        at distances that differ by less than 0.01, for which two votes name different labels:
        the vote of all {k} codes, which are the {k} nearest in the quotient metric, and the vote
        of the {k} nearest points after all {n} shifts of every code have been added with its
        label.
        """

    def hint(self, n: int, **_: Any) -> str:
        """Return what the query's symmetry does."""
        return f"""
        No shift moves the query. How far from it are the {n} shifts of one code, then, and how many
        of the votes do they take?
        """

    def solution(self, n: int, k: int, at: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        codes = np.full(({k}, {n}), {at}.0)
        codes[:, 0] += 0.5 + 0.1 * np.arange({k})
        labels = ["A"] * ({k} // 2) + ["B"] * ({k} // 2 + 1)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The query is fixed by all shifts, so every copy of a code is equally far from it. The
        nearest code votes as often as it has copies before the second is heard.
        """

    def difficulty(self, n: int, k: int, at: int) -> dict[str, tuple[float, float, float]]:
        """Return the number of votes and of copies."""
        return {"votes": (k, 3, 7), "copies": (n, 3, 5)}

    def public_shapes(self, answer: Answer, n: int, k: int, at: int) -> None:
        """There is a code for each vote, and a label for each code."""
        array(answer, "codes", (k, n))
        _labels(answer, k)

    def hidden_codes(self, answer: Answer, n: int, k: int, at: int) -> None:
        """The codes are near the query, at different distances."""
        distances = np.sort(np.linalg.norm(array(answer, "codes", (k, n)) - at, axis=1))
        near = distances[0] > 0.01 - 1e-9 and distances[-1] < 2 + 1e-9
        require(near, "Each code must be at a distance between 0.01 and 2 from the query.")
        says = "Two of the distances from the query differ by less than 0.01."
        require(np.diff(distances).min() >= 0.01 - 1e-9, says)

    def hidden_votes(self, answer: Answer, n: int, k: int, at: int) -> None:
        """The two votes name different labels."""
        codes, labels = array(answer, "codes", (k, n)), _labels(answer, k)
        ballots = [
            (math.dist(np.roll(code, s), [at] * n), label)
            for code, label in zip(codes, labels, strict=True)
            for s in range(n)
        ]
        ballots.sort(key=lambda ballot: round(ballot[0], 6))
        added = [label for _, label in ballots[:k]]
        says = "Both votes name the same label. How often does the nearest code vote?"
        require((added.count("A") > k / 2) != (labels.count("A") > k / 2), says)


def _labels(answer: Answer, k: int) -> list[str]:
    """Return the labels."""
    labels = answer.labels.tolist() if hasattr(answer.labels, "tolist") else answer.labels
    good = isinstance(labels, (list, tuple)) and len(labels) == k
    require(
        good and all(v in ("A", "B") for v in labels), "labels must hold 'A' or 'B', one a code."
    )
    return list(labels)


class Cubes(Task):
    """Compare products of three coefficients with their cube roots."""

    label = "ch11-ex-cubes"
    points = 4
    names = {
        "wild": "the nearest codes of the queries by the products, a list of indices",
        "tame": "the nearest codes of the queries after the cube roots, a list of indices",
        "stretch": "the factors by which the two kinds of distances grow, a pair",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw codes of which many have another neighbour after the cube roots."""
        while True:
            drawn = {"seed": chance.randrange(10**6), "n": chance.randint(7, 12)}
            if 4 <= sum(a != b for a, b in zip(*_neighbours(**drawn), strict=True)) <= 9:
                return {**drawn, "tenths": chance.randint(15, 40)}

    def prompt(self, seed: int, n: int, tenths: int) -> str:
        """Return the question."""
        return rf"""
        For a row $z$ of {n} numbers let $\hat z(f) = \sum_p z_p e^{{-2\pi i f p / {n}}}$. The
        bispectrum holds the products
        $\hat z(f_1) \hat z(f_2) \overline{{\hat z(f_1 + f_2)}}$, with frequencies counted modulo
        {n}; take them for all pairs $1 \le f_1 \le f_2 \le 3$. The *tamed* one replaces each
        product by the number with the same phase and the cube root of its modulus. Distances are
        Euclidean, of real and imaginary parts. The given cell holds `codes` and ten `queries`.
        For each query, which code is the nearest (counted from 0) by the products, and which by
        the tamed ones? If all codes and queries are multiplied by {tenths / 10}, by which factors
        do the two kinds of distances grow?
        """

    def given(self, seed: int, n: int, tenths: int) -> str:
        """Return the codes."""
        return f"""
        import numpy as np

        draw = np.random.default_rng({seed})
        codes, queries = draw.normal(size=(60, {n})), draw.normal(size=(10, {n}))
        """

    def hint(self, **_: Any) -> str:
        """Return how to begin."""
        return r"""
        There are six pairs, so a code becomes six complex numbers; the squared moduli of six
        differences add up to the square of a distance. What happens to a product of three numbers
        that all grow?
        """

    def solution(self, seed: int, n: int, tenths: int) -> str:
        """Return the answer."""
        return f"""
        pairs = np.array([(a, b) for a in (1, 2, 3) for b in range(a, 4)])

        def products(z):
            h = np.fft.fft(z)
            return h[:, pairs[:, 0]] * h[:, pairs[:, 1]] * h[:, pairs.sum(1) % {n}].conj()

        def tamed(z):
            return products(z) / abs(products(z)) ** (2 / 3)

        wild, tame = (np.linalg.norm(s(queries)[:, None] - s(codes), axis=2).argmin(1).tolist()
                      for s in (products, tamed))
        stretch = ({tenths / 10}**3, {tenths / 10})
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        A product of three grows like the cube, so that a few large entries decide on distances.
        Which invariant is the better one cannot be said without saying in which metric its values
        are compared.
        """

    def difficulty(self, seed: int, n: int, tenths: int) -> dict[str, tuple[float, float, float]]:
        """Return how many queries change their neighbour."""
        return {"changes": (sum(a != b for a, b in zip(*_neighbours(seed, n), strict=True)), 4, 9)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are ten indices of either kind and two factors."""
        for name in ("wild", "tame"):
            array(answer, name, (10,))
        array(answer, "stretch", (2,))

    def hidden_neighbours(self, answer: Answer, seed: int, n: int, tenths: int) -> None:
        """The nearest codes are right."""
        for name, true in zip(("wild", "tame"), _neighbours(seed, n), strict=True):
            says = f"For {name}: compute the six numbers of one query and one code by hand first."
            require(array(answer, name, (10,)).tolist() == true, says)

    def hidden_stretch(self, answer: Answer, tenths: int, **_: Any) -> None:
        """The factors are right to one part in a thousand."""
        c = tenths / 10
        good = np.allclose(array(answer, "stretch", (2,)), (c * c * c, c), rtol=1e-3)
        require(good, "What happens to a product of three numbers that all grow?")


@cache
def _neighbours(seed: int, n: int) -> tuple[list[int], list[int]]:
    """Return the nearest codes by the products and by the tamed ones, from the definitions."""
    draw = np.random.default_rng(seed)
    z = np.concatenate([draw.normal(size=(60, n)), draw.normal(size=(10, n))])
    modes = {f: z @ np.exp(-2j * np.pi * f * np.arange(n) / n) for f in range(1, 7)}
    pairs = itertools.combinations_with_replacement((1, 2, 3), 2)
    wild = np.stack([modes[a] * modes[b] * modes[a + b].conj() for a, b in pairs], axis=1)
    tame = np.cbrt(np.abs(wild)) * np.exp(1j * np.angle(wild))
    found = []
    for s in (wild, tame):
        gaps = (np.abs(s[60:, None] - s[None, :60]) ** 2).sum(2)
        found.append([int(i) for i in gaps.argmin(1)])
    return found[0], found[1]


class Canonical(Task):
    """Choose the shift by the phase of one frequency."""

    label = "ch11-ex-canonical"
    points = 5
    names = {"canonical": "a function of an array (B, C, n) that returns the chosen shifts"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a group, a frequency other than 1, weights and a phase."""
        n = chance.choice([7, 8, 9, 10, 11, 12, 13])
        f = chance.choice([f for f in range(2, (n + 1) // 2) if math.gcd(f, n) == 1] or [n - 1])
        weights = chance.sample([w for w in range(-9, 10) if w], 3)
        return {"n": n, "f": f, "weights": weights, "degrees": chance.randrange(0, 360, 5)}

    def prompt(self, n: int, f: int, weights: list[int], degrees: int) -> str:
        """Return the question."""
        combination = " ".join(f"{w:+d}\\,\\hat z_{c}({f})" for c, w in enumerate(weights))
        return rf"""
        A code has three rows of {n} numbers, and $C_{{{n}}}$ shifts all three rows together. Let
        $\hat z_c(f) = \sum_p z_{{c,p}} e^{{-2\pi i f p / {n}}}$ for row $c$, and let
        $a(z) = {combination}$. Write `canonical(z)`, which takes a NumPy array of shape
        $(B, 3, {n})$ and returns for each code that one of its shifts by whole places, all three
        rows together, whose $a$ has the phase nearest to {degrees}° on the circle. The result has
        the same shape.
        """

    def starter(self, n: int, **_: Any) -> str:
        """Return the cell to fill in."""
        return f"""
        import numpy as np


        def canonical(z):
            ...  # an array of shape (B, 3, {n})
        """

    def hint(self, n: int, **_: Any) -> str:
        """Return how to begin."""
        return rf"""
        Compute $a$ for all {n} shifts of one code: its modulus stays, and its phase goes round. Two
        phases are compared on the circle, where 359° and 1° are two degrees apart.
        """

    def solution(self, n: int, f: int, weights: list[int], degrees: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        def canonical(z):
            z = np.asarray(z)
            a = np.array({weights}) @ np.fft.fft(z)[..., {f}].T
            steps = np.rint((np.angle(a) - np.radians({degrees})) * {n} / (2 * np.pi))
            shift = steps.astype(int) * pow({f}, -1, {n})  # a shift by t turns a by -{f} t steps
            place = (np.arange({n}) - shift[:, None]) % {n}
            return np.take_along_axis(z, place[:, None].repeat(3, axis=1), axis=2)
        """

    def remarks(self, n: int, f: int, **_: Any) -> str:
        """Return why."""
        return rf"""
        A shift by $t$ places multiplies $a$ by $e^{{-2\pi i \cdot {f} t / {n}}}$. As {f} and {n}
        have no common divisor, every multiple of ${360 / n:.4g}°$ is reached by exactly one
        shift. The rule jumps where the phase lies half way between two steps, and where $a$
        vanishes.
        """

    def difficulty(
        self, n: int, f: int, weights: list[int], degrees: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the order of the group."""
        return {"order": (n, 7, 13), "frequency": (f, 2, 11)}

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """The function returns an array of the same shape."""
        z = np.random.default_rng(0).normal(size=(2, 3, n))
        array_of(answer, "canonical", (2, 3, n), z)

    def hidden_shift(
        self, answer: Answer, n: int, f: int, weights: list[int], degrees: int
    ) -> None:
        """The result is the right one of all shifts."""
        z = np.random.default_rng(n * f + degrees).normal(size=(12, 3, n))
        shifts = np.stack([np.roll(z, s, axis=2) for s in range(n)])
        wave = np.exp(-2j * np.pi * f * np.arange(n) / n)
        phase = np.einsum("sbcp,c,p->sb", shifts, weights, wave) / np.exp(1j * np.radians(degrees))
        true = shifts[np.abs(np.angle(phase)).argmin(0), np.arange(12)]
        found = array_of(answer, "canonical", (12, 3, n), z)
        whole_shift = np.abs(shifts - found).max((2, 3)).min(0) < 1e-6
        require(whole_shift.all(), "The result must be a shift of the code, the same for its rows.")
        says = "Compute the phase for all shifts of one code. Which is nearest to the given one?"
        require(np.allclose(found, true, atol=1e-6), says)

    def hidden_invariant(self, answer: Answer, n: int, **_: Any) -> None:
        """A shifted code gives the same result."""
        z = np.random.default_rng(n).normal(size=(6, 3, n))
        one = array_of(answer, "canonical", (6, 3, n), z)
        two = array_of(answer, "canonical", (6, 3, n), np.roll(z, 2, axis=2))
        require(np.allclose(one, two, atol=1e-6), "Shift a code by two places and compare.")
