"""Tasks of chapter 1: latent codes that mislead."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, defined, whole


def shifts(row: Sequence[float]) -> set[tuple[float, ...]]:
    """Return the orbit of a row under all cyclic shifts."""
    return {(*row[r:], *row[:r]) for r in range(len(row))}


class OrbitByHand(Task):
    """Sizes of orbits, a stabilizer, and what three plain invariants miss."""

    label = "ex-orbit-by-hand"
    points = 2
    names = {
        "sizes": "the sizes of the orbits of the three rows, a list of three whole numbers",
        "stabilizer": "the shifts, from 0 on, that leave the row asked for as it is, a list",
        "twins": "two rows in different orbits, a pair of rows",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the order of the group and three rows with different periods."""
        n = chance.choice([6, 8, 10, 12])
        proper = [p for p in range(2, n) if n % p == 0]
        periods = [*chance.sample(proper, 2), n]
        chance.shuffle(periods)
        rows = []
        for p in periods:
            start: list[int] = []
            while len(shifts(start)) != p:
                start = [chance.choice([0, 0, 1, 2]) for _ in range(p)]
            rows.append(start * (n // p))
        asked = chance.choice([i for i, p in enumerate(periods) if p < n])
        return {"n": n, "rows": rows, "asked": asked, "top": chance.randint(4, 9)}

    def prompt(self, n: int, rows: list[list[int]], asked: int, top: int) -> str:
        """Return the question."""
        shown = ", ".join(f"$({', '.join(map(str, row))})$" for row in rows)
        which = ("first", "second", "third")[asked]
        return rf"""
        Let $C_{{{n}}}$ shift rows of {n} numbers. How many members have the orbits of {shown}, in
        this order (`sizes`)? Which shifts, by $0, 1, \dots, {n - 1}$ places, leave the {which}
        row as it is (`stabilizer`)? Give two rows of {n} numbers in different orbits that have
        the same mean, the same length and the same largest entry, and let this entry be {top}
        (`twins`).
        """

    def solution(self, n: int, rows: list[list[int]], asked: int, top: int) -> str:
        """Return the answer."""
        sizes = [len(shifts(row)) for row in rows]
        return f"""
        sizes = {sizes}
        stabilizer = {list(range(0, n, sizes[asked]))}
        twins = [[{top}, 1] + [0] * {n - 2}, [{top}, 0, 1] + [0] * {n - 3}]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        A row that repeats itself after $p$ places is met again before the group is exhausted: its
        orbit has $p$ members, and the shifts by multiples of $p$ leave it alone. The two rows have
        the same entries in another order, which no mean, maximum or length can see.
        """

    def difficulty(self, n: int, rows: list[list[int]], **_: Any) -> dict[str, Any]:
        """Return the order of the group and the size of the smallest orbit."""
        return {
            "order of the group": (n, 6, 12),
            "smallest orbit": (min(len(shifts(r)) for r in rows), 2, 4),
        }

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """There are three sizes, a list of shifts, and two rows of the right length."""
        array(answer, "sizes", (3,))
        array(answer, "stabilizer", (None,))
        array(answer, "twins", (2, n))

    def hidden_sizes(self, answer: Answer, rows: list[list[int]], **_: Any) -> None:
        """The orbits have the right sizes."""
        sizes = array(answer, "sizes", (3,))
        for size, row in zip(sizes, rows, strict=True):
            require(size == len(shifts(row)), "After how many places does each row repeat itself?")

    def hidden_stabilizer(
        self, answer: Answer, n: int, rows: list[list[int]], asked: int, **_: Any
    ) -> None:
        """The shifts listed are those that leave the row alone, and all of them."""
        row = rows[asked]
        still = {r for r in range(n) if row[r:] + row[:r] == row}
        listed = array(answer, "stabilizer", (None,)).tolist()
        require(set(listed) <= still, "One of the shifts in stabilizer moves the row.")
        require(set(listed) == still, "There are more shifts that leave the row as it is.")

    def hidden_twins(self, answer: Answer, n: int, top: int, **_: Any) -> None:
        """The two rows agree in mean, length and largest entry, and lie in different orbits."""
        one, two = array(answer, "twins", (2, n))
        require(one.max() == two.max() == top, "The largest entry of a row of twins is wrong.")
        require(abs(one.mean() - two.mean()) < 1e-9, "The two rows have different means.")
        length = np.linalg.norm(one) - np.linalg.norm(two)
        require(abs(length) < 1e-9, "The two rows have different lengths.")
        apart = min(np.abs(np.roll(one, r) - two).max() for r in range(n))
        require(apart > 1e-6, "A shift carries one row of twins to the other.")


class Canonical(Task):
    """Shift codes into a canonical pose, and find where this jumps."""

    label = "ex-canonical"
    points = 5
    names = {
        "canonical": "a function that returns the codes (B, k, n) in their canonical pose",
        "left": "a code of shape (k, n) near a jump",
        "right": "a code of shape (k, n) on the other side of the jump",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the shape of a code and the rule that chooses its pose."""
        k, n = chance.randint(3, 5), chance.randint(6, 10)
        row, place = chance.randint(1, k), chance.randint(2, n)
        return {
            "k": k,
            "n": n,
            "row": row,
            "place": place,
            "extreme": chance.choice(["largest", "smallest"]),
        }

    def prompt(self, k: int, n: int, row: int, place: int, extreme: str) -> str:
        """Return the question."""
        return rf"""
        A code has {k} rows of length {n}, and $C_{{{n}}}$ shifts all rows together. Undo the shift
        like this: shift every code so that the {extreme} entry of row {row} comes to place
        {place}. Rows are counted from 1 to {k}, places from 1 to {n}. Write this map as a
        function `canonical(z)` that takes a torch tensor of shape $(B, {k}, {n})$ and returns one
        of the same shape. Then show that the map is not continuous: give two codes `left` and
        `right` of shape $({k}, {n})$ whose entries differ by at most $10^{{-6}}$ while their
        canonical codes are more than 1 apart in some entry.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        import torch

        def canonical(z):
            ...

        left = ...  # a code of shape (k, n)
        right = ...  # a code of shape (k, n)
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        For the jump, make a code in which two equal entries could decide, and change one of them by
        a billionth up and down.
        """

    def solution(self, k: int, n: int, row: int, place: int, extreme: str) -> str:
        """Return the answer."""
        find = "argmax" if extreme == "largest" else "argmin"
        high = 4.0 if extreme == "largest" else -4.0
        return f"""
        import torch

        def canonical(z):
            place = z[:, {row - 1}].{find}(dim=-1)
            source = torch.arange(z.shape[-1]) + place[:, None] - {place - 1}
            source = (source % z.shape[-1])[:, None].expand(z.shape)
            return z.gather(2, source)

        left = torch.zeros({k}, {n}, dtype=torch.float64)
        left[{row - 1}, 0] = left[{row - 1}, 3] = {high}
        left[0, 1] += 2.0
        right = left.clone()
        left[{row - 1}, 0] += {high / 4} * 1e-7
        right[{row - 1}, 3] += {high / 4} * 1e-7
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        If $m(z)$ is the place of the extreme entry, then $m(gz) = m(z) + g$, so shifting back by
        $m$ gives the same for $z$ and $gz$. Where two entries are equally extreme, an arbitrarily
        small change decides between two places, and the whole code jumps.
        """

    def difficulty(self, k: int, n: int, **_: Any) -> dict[str, Any]:
        """Return the numbers of rows and of places."""
        return {"rows": (k, 3, 5), "places": (n, 6, 10)}

    def _canonical(
        self, z: Any, k: int, n: int, row: int, place: int, extreme: str
    ) -> list[list[list[float]]]:
        """Shift codes one by one."""
        moved = []
        for code in np.asarray(z).tolist():
            found = max(code[row - 1]) if extreme == "largest" else min(code[row - 1])
            r = code[row - 1].index(found) - (place - 1)
            moved.append([[line[(i + r) % n] for i in range(n)] for line in code])
        return moved

    def public_shapes(self, answer: Answer, k: int, n: int, **_: Any) -> None:
        """The function keeps the shape of a batch, and the two codes have the right shape."""
        z = torch.arange(2.0 * k * n).reshape(2, k, n)
        as_array(answer.canonical(z), "canonical(z)", (2, k, n))
        array(answer, "left", (k, n))
        array(answer, "right", (k, n))

    def hidden_poses(self, answer: Answer, k: int, n: int, **rule: Any) -> None:
        """Random codes are brought into the pose of the rule, each by its own shift."""
        z = torch.randn(6, k, n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        found = as_array(answer.canonical(z), "canonical(z)", (6, k, n))
        wanted = np.array(self._canonical(z, k=k, n=n, **rule))
        same = np.abs(found - wanted).max(axis=(1, 2)) < 1e-6
        require(same.any(), "No code comes into the pose asked for: look at row, place and entry.")
        require(same.all(), "Some codes of a batch come into another pose: has each its own shift?")

    def hidden_orbits(self, answer: Answer, k: int, n: int, **_: Any) -> None:
        """Codes of one orbit come into one pose."""
        z = torch.randn(1, k, n, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        orbit = torch.cat([torch.roll(z, r, dims=-1) for r in range(n)])
        found = as_array(answer.canonical(orbit), "canonical(z)", (n, k, n))
        require(np.ptp(found, axis=0).max() < 1e-6, "A shifted code comes into another pose.")

    def hidden_jump(self, answer: Answer, k: int, n: int, **rule: Any) -> None:
        """The two codes are near to each other, and their canonical codes are not."""
        pair = np.stack([array(answer, "left", (k, n)), array(answer, "right", (k, n))])
        require(np.abs(pair[0] - pair[1]).max() <= 1.001e-6, "left and right are too far apart.")
        one, two = np.array(self._canonical(pair, k=k, n=n, **rule))
        says = "The canonical codes of left and right are near: make two entries decide."
        require(np.abs(one - two).max() > 1, says)


@functools.lru_cache(maxsize=256)
def curves(given: str) -> tuple[list[float], list[float]]:
    """Return the two lists of accuracies, with SciPy's trees and with correlations by FFT."""
    from scipy.spatial import KDTree

    data = defined(given)
    spectrum = np.conj(np.fft.fft(data["templates"]))

    def filters(z: Any) -> Any:
        products = np.fft.fft(z)[:, None] * spectrum
        return np.fft.ifft(products.sum(axis=2)).real.max(axis=-1)

    found: list[list[float]] = []
    for read in (lambda z: z, filters):
        fit, test = (
            read(data[name]).reshape(len(data[name]), -1) for name in ("fit_codes", "test_codes")
        )
        nearest = [KDTree(fit[:c]).query(test)[1] for c in data["counts"]]
        right = [(data["fit_labels"][i] == data["test_labels"]).mean() for i in nearest]
        found.append([float(share) for share in right])
    return found[0], found[1]


class LabelCurve(Task):
    """How many labels hide that a code has poses."""

    label = "ex-label-curve"
    points = 4
    names = {
        "raw": "the accuracies for the raw code, a list in the order of counts",
        "filtered": "the accuracies for the max filters, a list in the order of counts",
        "enough": "the first of the counts from which on the two differ by less than 0.05",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the order of the group, the number of classes and the seed of the codes."""
        return {
            "n": chance.choice([10, 12, 14]),
            "classes": chance.randint(4, 6),
            "seed": chance.randrange(10**6),
        }

    def given(self, n: int, classes: int, seed: int) -> str:
        """Return synthetic codes with random shifts."""
        return f"""
        import numpy as np

        rng = np.random.default_rng({seed})
        centres = rng.normal(size=({classes}, 3, {n}))

        def draw_codes(number):
            labels = rng.integers({classes}, size=number)
            codes = centres[labels] + 0.6 * rng.normal(size=(number, 3, {n}))
            turns = rng.integers({n}, size=number)
            return np.stack([np.roll(c, r, axis=-1) for c, r in zip(codes, turns)]), labels

        fit_codes, fit_labels = draw_codes(400)
        test_codes, test_labels = draw_codes(150)
        templates = rng.normal(size=(60, 3, {n}))
        counts = [20, 50, 100, 200, 400]
        """

    def prompt(self, n: int, classes: int, seed: int) -> str:
        """Return the question."""
        return rf"""
        The given cell makes codes of shape $(3, {n})$ of {classes} classes, each shifted at random
        by an element of $C_{{{n}}}$. Classify each code in `test_codes` by its nearest neighbour
        among the first $c$ of `fit_codes`, for every $c$ in `counts`: once with the raw codes and
        the Euclidean distance (`raw`), and once with the 60 max filters
        $s_w(z) = \max_g \langle w, gz \rangle$, where $w$ runs through `templates`, and the
        Euclidean distance of their values (`filtered`). Give the two lists of accuracies, shares
        between 0 and 1. From which count on, to the end of `counts`, do the two differ by less
        than 0.05 (`enough`)?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        One matrix of distances from `test_codes` to `fit_codes` serves all counts. Read `enough`
        from the end of the list.
        """

    def solution(self, n: int, classes: int, seed: int) -> str:
        """Return the answer."""
        return """
        def max_filters(z):
            moved = np.stack([np.roll(z, r, axis=-1) for r in range(z.shape[-1])])
            return np.einsum("gbkn,mkn->gbm", moved, templates).max(axis=0)

        def accuracies(read):
            fit = read(fit_codes).reshape(len(fit_codes), -1)
            test = read(test_codes).reshape(len(test_codes), -1)
            distances = (fit**2).sum(axis=1) - 2 * test @ fit.T
            nearest = [distances[:, :c].argmin(axis=1) for c in counts]
            return [float((fit_labels[i] == test_labels).mean()) for i in nearest]

        raw, filtered = accuracies(lambda z: z), accuracies(max_filters)
        small = [abs(r - f) < 0.05 - 1e-9 for r, f in zip(raw, filtered)]
        enough = next(c for i, c in enumerate(counts) if all(small[i:]))
        """

    def remarks(self, n: int, **_: Any) -> str:
        """Return why."""
        return f"""
        The raw code needs examples of each class in each pose, roughly {n} times as many. With
        many labels the difference nearly disappears, although the codes are as ambiguous as before.
        """

    def difficulty(self, n: int, classes: int, seed: int) -> dict[str, Any]:
        """Return the order of the group and the number of classes."""
        return {"order of the group": (n, 10, 14), "classes": (classes, 4, 6)}

    def _curves(self, **numbers: Any) -> tuple[list[float], list[float]]:
        """Return the two lists of accuracies for the given codes."""
        return curves(inspect.cleandoc(self.given(**numbers)))

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Each list has five shares, and the count is a whole number."""
        for name in ("raw", "filtered"):
            shares = array(answer, name, (5,))
            require(((shares >= 0) & (shares <= 1)).all(), f"{name} must hold shares from 0 to 1.")
        whole(answer, "enough")

    def hidden_raw(self, answer: Answer, **numbers: Any) -> None:
        """The accuracies of the raw code are right."""
        gap = np.abs(array(answer, "raw", (5,)) - self._curves(**numbers)[0]).max()
        require(gap < 0.005, "raw: take the nearest of the first codes, by Euclidean distance.")

    def hidden_filtered(self, answer: Answer, **numbers: Any) -> None:
        """The accuracies of the max filters are right."""
        gap = np.abs(array(answer, "filtered", (5,)) - self._curves(**numbers)[1]).max()
        require(gap < 0.005, "filtered: one shift moves all rows of a code, then take the largest.")

    def hidden_enough(self, answer: Answer, **numbers: Any) -> None:
        """The count is the first from which on the two lists stay together."""
        raw, filtered = array(answer, "raw", (5,)), array(answer, "filtered", (5,))
        counts = np.array([20, 50, 100, 200, 400])
        apart = np.flatnonzero(np.abs(raw - filtered) > 0.05 - 1e-9)
        require(len(apart) < 5, "The curves never come together: look at raw and filtered again.")
        first = counts[apart[-1] + 1] if len(apart) else counts[0]
        require(whole(answer, "enough") == first, "Which later counts have a larger difference?")
