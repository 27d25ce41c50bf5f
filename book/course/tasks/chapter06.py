"""Tasks of chapter 6: random invariant projections."""

from __future__ import annotations

import inspect
import random
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, as_number, defined, number, whole

Array = NDArray[np.floating[Any]]


def correlations(templates: Array, z: Array) -> Array:
    """Return the products of templates (m, k, n) with all shifts of a code (k, n): (m, n)."""
    spectrum = np.fft.fft(templates) * np.conj(np.fft.fft(z))
    return np.fft.ifft(spectrum.sum(axis=1)).real


def shift_distance(z: Array, w: Array) -> float:
    """Return the quotient distance of two codes (k, n) under shifts."""
    return min(float(np.linalg.norm(z - np.roll(w, r, axis=-1))) for r in range(z.shape[-1]))


class Constants(Task):
    """Best upper constants of plain invariants."""

    label = "ex-06-constants"
    points = 3
    names = {
        "mean": "the best upper constant of the mean of each row",
        "top": "the best upper constant of the sum of the largest entries of each row",
        "spread": "the best upper constant of the largest minus the smallest entry of each row",
        "max_filter": "the best upper constant of the max filter",
        "pair": "two codes, of shape (2, k, n), on which the max filter attains its constant",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the shape of a code, how many entries are added, and a template."""
        k, n = chance.choice([2, 3]), chance.choice([5, 6, 7, 8, 10])
        return {
            "k": k,
            "n": n,
            "m": chance.choice([2, 3, 4]),
            "w": [[chance.choice([-2, -1, 0, 1, 2, 3]) for _ in range(n)] for _ in range(k - 1)]
            + [[3, *(chance.choice([-2, -1, 0, 1]) for _ in range(n - 1))]],
        }

    def prompt(self, k: int, n: int, m: int, w: list[list[int]]) -> str:
        """Return the question."""
        rows = r" \\ ".join(" & ".join(map(str, row)) for row in w)
        return rf"""
        Codes have {k} rows of length {n}, and $C_{{{n}}}$ shifts all rows together. For each of
        these invariants give the best upper constant $\beta$, the smallest number with
        $\lVert s(x) - s(y) \rVert \le \beta\, d_{{Z/G}}([x], [y])$ for all codes, to three digits
        after the point: the mean of each row (`mean`); the sum of the {m} largest entries of each
        row (`top`); the largest minus the smallest entry of each row (`spread`); each of these
        has {k} values. Finally the max filter $\max_g \langle w, gz \rangle$, a single value,
        with the template $$w = \begin{{pmatrix}} {rows} \end{{pmatrix}}$$
        (`max_filter`). Give two codes in different orbits for which the max filter attains its
        constant (`pair`, an array of shape $(2, {k}, {n})$).
        """

    def solution(self, k: int, n: int, m: int, w: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        w = np.array({w}, float)
        mean = {n} ** -0.5
        top = {m} ** 0.5
        spread = 2 ** 0.5
        max_filter = np.linalg.norm(w)
        pair = np.stack([2 * w, w])
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        The group may be forgotten. Each value is a scalar product with a vector that depends on the
        order of the entries, and the largest length of such a vector is the constant:
        $n \cdot n^{-2}$, $m$ and $1 + 1$ under the root. Rows add their squares and change nothing.
        """

    def difficulty(self, k: int, n: int, m: int, w: list[list[int]]) -> dict[str, Any]:
        """Return the numbers of entries."""
        return {"entries": (k * n, 10, 30), "squared length": (float(np.square(w).sum()), 9, 200)}

    def public_shapes(self, answer: Answer, k: int, n: int, **_: Any) -> None:
        """The constants are positive numbers, and the pair has the right shape."""
        for name in ("mean", "top", "spread", "max_filter"):
            require(number(answer, name) > 0, f"{name} must be positive.")
        array(answer, "pair", (2, k, n))

    def hidden_rows(self, answer: Answer, n: int, m: int, **_: Any) -> None:
        """The constants of the three readings of rows are best possible."""
        weights = {"mean": [1 / n] * n, "top": [1.0] * m + [0.0] * (n - m)}
        for name, row in weights.items():
            best = sqrt(sum(v * v for v in row))
            says = f"{name}: write the change of the value as a scalar product."
            require(abs(number(answer, name) - best) < 1e-3, says)
        says = "spread: which change of a row moves both ends at once?"
        require(abs(number(answer, "spread") - np.hypot(1, 1)) < 1e-3, says)

    def hidden_filter(self, answer: Answer, w: list[list[int]], **_: Any) -> None:
        """The constant of the max filter is best possible."""
        best = sqrt(sum(v * v for row in w for v in row))
        says = "max_filter: use the inequality of Cauchy and Schwarz with the whole template."
        require(abs(number(answer, "max_filter") - best) < 1e-3, says)

    def hidden_pair(self, answer: Answer, k: int, n: int, w: list[list[int]], **_: Any) -> None:
        """The pair attains the constant."""
        x, y = array(answer, "pair", (2, k, n))
        apart, best = shift_distance(x, y), np.linalg.norm(w)
        require(apart > 1e-6, "The two codes of pair lie in one orbit.")
        values = [correlations(np.array([w], float), z).max() for z in (x, y)]
        says = "The max filter does not attain its constant on pair: when is Cauchy an equality?"
        require(abs(abs(values[0] - values[1]) / apart - best) < 1e-3, says)


class TooFew(Task):
    """Two codes that too few max filters cannot tell apart."""

    label = "ex-06-too-few"
    points = 4
    names = {
        "here": "a code of shape (k, n)",
        "there": "a code of shape (k, n) in another orbit",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the shape of a code, the number of filters, and the seed of the templates."""
        k, n = chance.choice([(2, 4), (2, 5), (3, 4), (2, 6)])
        return {"k": k, "n": n, "m": k * n - chance.choice([1, 2]), "seed": chance.randrange(10**6)}

    def given(self, k: int, n: int, m: int, seed: int) -> str:
        """Return the templates."""
        return f"""
        import numpy as np

        templates = np.random.default_rng({seed}).normal(size=({m}, {k}, {n}))
        """

    def prompt(self, k: int, n: int, m: int, seed: int) -> str:
        """Return the question."""
        return rf"""
        Codes have {k} rows of length {n}, and $C_{{{n}}}$ shifts all rows together. The given
        `templates`, of shape $({m}, {k}, {n})$, define {m} max filters
        $\max_g \langle w, gz \rangle$. Find two codes whose {m} values agree to $10^{{-9}}$ while
        their quotient distance is at least 0.001 (`here`, `there`). No entry of a code exceeds 10.
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Near a given code every filter is linear, and fewer vectors than there are dimensions leave
        a direction perpendicular to all.
        """

    def solution(self, k: int, n: int, m: int, seed: int) -> str:
        """Return the answer."""
        return f"""
        def copies(w):
            return np.stack([np.roll(w, -r, axis=-1).ravel() for r in range({n})])

        rng = np.random.default_rng(1)
        for _ in range(1000):
            here = rng.normal(size=({k}, {n}))
            products = np.stack([copies(w) @ here.ravel() for w in templates])
            gaps = np.diff(np.sort(products, axis=1))[:, -1]
            if gaps.min() > 0.05:
                break
        A = np.stack([copies(w)[i] for w, i in zip(templates, products.argmax(axis=1))])
        direction = np.linalg.svd(A)[2][-1].reshape({k}, {n})
        there = here + 0.005 * direction
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        Near a code every filter is linear, the product with the copy of its template that attains
        the maximum. Fewer of them than there are entries leave a direction perpendicular to all.
        """

    def difficulty(self, k: int, n: int, m: int, seed: int) -> dict[str, Any]:
        """Return the number of entries and how many filters are missing."""
        return {"entries": (k * n, 8, 12), "filters missing": (k * n - m, 1, 2)}

    def public_shapes(self, answer: Answer, k: int, n: int, **_: Any) -> None:
        """Both codes have the right shape and entries of at most 10."""
        for name in ("here", "there"):
            found = array(answer, name, (k, n))
            require(np.abs(found).max() <= 10, f"An entry of {name} exceeds 10.")

    def hidden_orbits(self, answer: Answer, k: int, n: int, **_: Any) -> None:
        """The codes lie in different orbits."""
        apart = shift_distance(array(answer, "here", (k, n)), array(answer, "there", (k, n)))
        require(apart >= 1e-3, "The two orbits are too near to each other.")

    def hidden_values(self, answer: Answer, k: int, n: int, **numbers: Any) -> None:
        """The max filters have the same values on both."""
        templates = defined(inspect.cleandoc(self.given(k, n, **numbers)))["templates"]
        one, two = (
            correlations(templates, array(answer, name, (k, n))).max(axis=-1)
            for name in ("here", "there")
        )
        says = "Some filters have different values: which copy of the template attains the maximum?"
        require(np.abs(one - two).max() < 1e-9, says)


class Signs(Task):
    """The computable part: a collision of too few templates for the group of signs."""

    label = "ex-06-signs"
    points = 3
    names = {
        "x": "a vector of d numbers",
        "y": "a vector of d numbers in another orbit",
        "enough": "the number of templates that is enough in this dimension, if they are generic",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the dimension and the seed of the templates."""
        while True:
            drawn = {"d": chance.choice([5, 6, 7, 8]), "seed": chance.randrange(10**6)}
            if self._condition(**drawn) < 200:
                return drawn

    def given(self, d: int, seed: int) -> str:
        """Return the templates."""
        return f"""
        import numpy as np

        templates = np.random.default_rng({seed}).normal(size=({2 * d - 2}, {d}))
        """

    def prompt(self, d: int, seed: int) -> str:
        """Return the question."""
        return rf"""
        The group $\{{1, -1\}}$ acts on $\mathbb R^{{{d}}}$ by $z \mapsto \pm z$. Find two vectors
        $x$ and $y$ with $|\langle w, x \rangle| = |\langle w, y \rangle|$, to $10^{{-9}}$, for
        each of the {2 * d - 2} given `templates` $w$, and such that $x - y$ and $x + y$ both have
        length at least 1; no entry exceeds 100. How many templates, any {d} of which are linearly
        independent, are enough for no such pair to exist (`enough`, the smallest number)? The
        proof is handed in apart from this.
        """

    def solution(self, d: int, seed: int) -> str:
        """Return the answer."""
        return f"""
        u = np.linalg.svd(templates[:{d - 1}])[2][-1]
        v = np.linalg.svd(templates[{d - 1}:])[2][-1]
        x, y = u + v, u - v
        enough = {2 * d - 1}
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        Each template is perpendicular to $x - y$ or to $x + y$. Half of them leave one direction
        for each of the two. With one more, $d$ of them would be perpendicular to one of the two.
        """

    def difficulty(self, d: int, seed: int) -> dict[str, Any]:
        """Return the dimension and the condition of the two halves."""
        return {"dimension": (d, 5, 8), "condition": (self._condition(d, seed), 1, 200)}

    def _condition(self, d: int, seed: int) -> float:
        """Return the larger condition of the two halves of the templates."""
        templates = defined(inspect.cleandoc(self.given(d, seed)))["templates"]
        return max(float(np.linalg.cond(half)) for half in (templates[: d - 1], templates[d - 1 :]))

    def public_shapes(self, answer: Answer, d: int, **_: Any) -> None:
        """Both are vectors of the right length, with entries of at most 100."""
        for name in ("x", "y"):
            found = array(answer, name, (d,))
            require(np.abs(found).max() <= 100, f"An entry of {name} exceeds 100.")
        whole(answer, "enough")

    def hidden_orbits(self, answer: Answer, d: int, **_: Any) -> None:
        """The two vectors lie in different orbits."""
        x, y = array(answer, "x", (d,)), array(answer, "y", (d,))
        apart = min(np.linalg.norm(x - y), np.linalg.norm(x + y))
        require(apart >= 1 - 1e-9, "The two orbits are too near to each other.")

    def hidden_values(self, answer: Answer, d: int, seed: int) -> None:
        """All templates have the same values on both."""
        templates = defined(inspect.cleandoc(self.given(d, seed)))["templates"]
        x, y = array(answer, "x", (d,)), array(answer, "y", (d,))
        gap = np.abs(np.abs(templates @ x) - np.abs(templates @ y)).max()
        require(gap < 1e-9, "Some template tells the two apart: is it perpendicular to x ± y?")

    def hidden_enough(self, answer: Answer, d: int, **_: Any) -> None:
        """The number of templates that is enough is known."""
        says = "enough: how many templates may be perpendicular to one vector that is not zero?"
        require(whole(answer, "enough") == 2 * d - 1, says)


class Rectifier(Task):
    """A row that averages of rectified features cannot tell from another."""

    label = "ex-06-relu"
    points = 5
    names = {
        "twin": "a row in another orbit with the same rectified averages",
        "separates": "a function of a template and a row: the average of exponential features",
        "gap": "the largest difference of the exponential averages of row and twin",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a row with sum zero that no shift turns into its negative."""
        while True:
            n = chance.randint(5, 9)
            row = [chance.randint(-4, 4) for _ in range(n - 1)]
            row.append(-sum(row))
            z = np.array([row], float)
            bounded = abs(row[-1]) <= 5 and sum(map(abs, row)) >= 6
            if bounded and shift_distance(z, -z) > 2:
                return {"row": row, "seed": chance.randrange(10**6)}

    def given(self, row: list[int], seed: int) -> str:
        """Return the row and the templates."""
        return f"""
        import numpy as np

        row = np.array({row}, float)
        templates = 0.3 * np.random.default_rng({seed}).normal(size=(500, {len(row)}))
        """

    def prompt(self, row: list[int], seed: int) -> str:
        """Return the question."""
        n = len(row)
        return rf"""
        $C_{{{n}}}$ shifts rows of length {n}. The rectified average of a row $z$ with the template
        $w$ is the mean of $\max(\langle w, gz \rangle, 0)$ over all $g$. Find a row in another
        orbit than the given `row` for which all averages with the 500 given `templates` agree
        with those of `row` to $10^{{-9}}$ (`twin`). Then replace the rectifier by the exponential
        function: write `separates(w, z)`, the mean of $e^{{\langle w, gz \rangle}}$ over all $g$
        for a template and a row of length {n}, and give the largest absolute difference of its
        values for `row` and `twin` over the given templates (`gap`, to four digits).
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        twin = ...

        def separates(w, z):
            ...

        gap = ...
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return r"""
        The rectifier is half of $t + \lvert t \rvert$. What does the mean of each of the two see of
        a row?
        """

    def solution(self, **parameters: Any) -> str:
        """Return the answer."""
        return """
        twin = -row

        def separates(w, z):
            return float(np.mean([np.exp(np.dot(w, np.roll(z, r))) for r in range(len(z))]))

        gap = max(abs(separates(w, row) - separates(w, twin)) for w in templates)
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        The rectifier is half of $t + |t|$. The averages of $t$ vanish for a row with sum zero, and
        those of $|t|$ do not see a sign. The exponential function has odd powers, which do.
        """

    def difficulty(self, row: list[int], seed: int) -> dict[str, Any]:
        """Return the length of the row, and how far it is from its negative."""
        z = np.array([row], float)
        return {"length": (len(row), 5, 9), "distance": (shift_distance(z, -z), 2, 40)}

    def public_shapes(self, answer: Answer, row: list[int], **_: Any) -> None:
        """The twin has the right length, and the function returns 1 for the row of zeros."""
        n = len(row)
        array(answer, "twin", (n,))
        value = as_number(answer.separates(np.ones(n), np.zeros(n)), "separates(w, z)")
        require(abs(value - 1) < 1e-9, "separates must be 1 for the row of zeros.")
        number(answer, "gap")

    def hidden_twin(self, answer: Answer, row: list[int], seed: int) -> None:
        """The twin has the same rectified averages and lies in another orbit."""
        templates = defined(inspect.cleandoc(self.given(row, seed)))["templates"][:, None]
        twin = array(answer, "twin", (len(row),))[None]
        z = np.array([row], float)
        require(shift_distance(z, twin) > 0.1, "twin lies in the orbit of row.")
        one, two = (np.maximum(correlations(templates, x), 0).mean(axis=1) for x in (z, twin))
        says = "The rectified averages of twin differ: what does the rectifier do with a sign?"
        require(np.abs(one - two).max() < 1e-9, says)

    def hidden_exponential(self, answer: Answer, row: list[int], **_: Any) -> None:
        """The exponential averages are right."""
        rng, n = np.random.default_rng(7), len(row)
        for w, z in rng.normal(size=(6, 2, n)):
            wanted = np.exp(correlations(w[None, None], z[None])).mean()
            found = as_number(answer.separates(w, z), "separates(w, z)")
            says = "separates: take the exponential function first, and the mean over shifts then."
            require(abs(found / wanted - 1) < 1e-6, says)

    def hidden_gap(self, answer: Answer, row: list[int], seed: int) -> None:
        """The largest difference is right."""
        templates = defined(inspect.cleandoc(self.given(row, seed)))["templates"][:, None]
        pair = np.array([row], float), array(answer, "twin", (len(row),))[None]
        one, two = (np.exp(correlations(templates, x)).mean(axis=1) for x in pair)
        wanted = np.abs(one - two).max()
        says = "gap: take the largest difference over all the given templates."
        require(abs(number(answer, "gap") - wanted) <= 1e-3 * max(wanted, 1e-3), says)


class Bispectrum(Task):
    """The computable part: which Fourier coefficients vanish, and what that leaves open."""

    label = "ex-06-bispectrum"
    points = 3
    names = {
        "vanishing": "for each of the three rows the frequencies with coefficient zero, lists",
        "recovered": "the numbers of the rows that the bispectrum surely determines, a list",
        "smallest": "the smallest modulus of a coefficient that is not zero, over all three rows",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw three rows: one that repeats, one with a missing frequency, one with none."""
        n = chance.choice([6, 8])
        while True:
            half = [chance.randint(-3, 4) for _ in range(n // 2)]
            missing = [chance.randint(-3, 4) for _ in range(n)]
            missing[-1] -= sum(v * (-1) ** i for i, v in enumerate(missing)) * (-1) ** (n - 1)
            whole_row = [chance.randint(-3, 5) for _ in range(n)]
            rows = [half + half, missing, whole_row]
            counts = [len(self._zeros(row)) for row in rows]
            sizes = np.abs(np.fft.fft(rows, norm="ortho"))
            clear = sizes[sizes > 1e-9].min() > 0.1
            if clear and counts == [n // 2, 1, 0] and max(map(abs, missing)) < 10:
                chance.shuffle(rows)
                return {"rows": rows}

    def prompt(self, rows: list[list[int]]) -> str:
        """Return the question."""
        n = len(rows[0])
        shown = ", ".join(f"$({', '.join(map(str, row))})$" for row in rows)
        return rf"""
        The Fourier coefficients of a row of length {n} are
        $\hat z(f) = {n}^{{-1/2}} \sum_i z_i e^{{-2\pi\mathrm i f i/{n}}}$ for
        $f = 0, \dots, {n - 1}$. Find the frequencies at which they vanish for the three rows
        {shown} (`vanishing`, a list of three lists, empty where none does). If none vanishes, the
        bispectrum determines the row up to a shift: for which of the rows 1, 2, 3 is this so
        (`recovered`)? What is the smallest modulus of all coefficients of the three rows that are
        not zero (`smallest`, to four digits)? The proof is handed in apart from this.
        """

    def solution(self, rows: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        sizes = np.abs(np.fft.fft({rows}, norm="ortho"))
        vanishing = [np.flatnonzero(row < 1e-9).tolist() for row in sizes]
        recovered = [i for i, zeros in enumerate(vanishing, 1) if not zeros]
        smallest = sizes[sizes > 1e-9].min()
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        A row that repeats itself has no coefficients at odd frequencies; its phases cannot be
        carried from one frequency to the next.
        """

    def difficulty(self, rows: list[list[int]]) -> dict[str, Any]:
        """Return the length, and how many coefficients vanish."""
        zeros = sum(len(self._zeros(row)) for row in rows)
        return {"length": (len(rows[0]), 6, 8), "zeros": (zeros, 4, 5)}

    def _zeros(self, row: list[int]) -> list[int]:
        """Return the frequencies that vanish, by the sums themselves."""
        n = len(row)
        waves = np.exp(-2j * np.pi * np.outer(range(n), range(n)) / n)
        return [f for f in range(n) if abs(waves[f] @ np.array(row)) < 1e-9]

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three lists of frequencies, a list of rows, and a positive number."""
        lists = answer.vanishing
        says = "vanishing must be a list of three lists."
        require(isinstance(lists, (list, tuple)) and len(lists) == 3, says)
        for one in lists:
            self._listed(one, "A list in vanishing")
        self._listed(answer.recovered, "recovered")
        require(number(answer, "smallest") > 0, "smallest must be positive.")

    def _listed(self, value: Any, name: str) -> list[int]:
        """Return a list of whole numbers, sorted."""
        empty = isinstance(value, (list, tuple)) and not len(value)
        return [] if empty else sorted(as_array(value, name, (None,)).tolist())

    def hidden_vanishing(self, answer: Answer, rows: list[list[int]]) -> None:
        """The coefficients that vanish are found."""
        for number_, (one, row) in enumerate(zip(answer.vanishing, rows, strict=True), 1):
            found = self._listed(one, "A list in vanishing")
            says = f"Row {number_}: other coefficients vanish. Does the row repeat itself?"
            require(found == self._zeros(row), says)

    def hidden_recovered(self, answer: Answer, rows: list[list[int]]) -> None:
        """The rows that are determined are named."""
        wanted = [i for i, row in enumerate(rows, 1) if not self._zeros(row)]
        found = self._listed(answer.recovered, "recovered")
        require(found == wanted, "recovered: for which rows does no coefficient vanish?")

    def hidden_smallest(self, answer: Answer, rows: list[list[int]]) -> None:
        """The smallest coefficient is right."""
        sizes = [
            abs(np.exp(-2j * np.pi * f * np.arange(len(row)) / len(row)) @ np.array(row))
            for row in rows
            for f in range(len(row))
            if f not in self._zeros(row)
        ]
        wanted = min(sizes) / sqrt(len(rows[0]))
        says = "smallest: the factor in front of the sum counts, and zeros do not."
        require(abs(number(answer, "smallest") - wanted) < 1e-3, says)
