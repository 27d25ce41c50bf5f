"""Tasks of chapter 9: reading the molecular latent space."""

from __future__ import annotations

import itertools
import math
import random
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, number

RINGS: tuple[str, ...] = (
    "CC1CC1",
    "OC1CCC1",
    "CC1CCCC1",
    "C1CC2CC12",
    "C1CC2CC2C1",
    "CC1CCC1",
    "N1CC2CC12",
)
RINGS += ("CC1OC1C", "C1CCCCC1", "C1OCC12CC2", "CC1CCOC1", "OC1CC2CC12", "CN1CC1C")
CHAINS = ("CCO", "CC(C)C", "CCCO", "CC(C)(C)O", "NCCO", "CCCCN", "CC(O)CN", "CCOCC", "CCC(C)CO")


class OneOrbit(Task):
    """Predict the principal components of codes in random order."""

    label = "ex-09-one-orbit"
    points = 2
    names = {
        "variances": "the variances along the principal components of the raw codes, a list",
        "shares": "the shares of these variances, in the same order",
        "left": "the total variance of the sorted codes",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two codes of equal length with different means."""
        n = chance.randint(5, 8)
        while True:
            a, b = (sorted(chance.sample(range(12), n)) for _ in range(2))
            if abs(sum(a) - sum(b)) > 3:
                return {"a": chance.sample(a, n), "b": chance.sample(b, n)}

    def prompt(self, a: list[int], b: list[int]) -> str:
        """Return the question."""
        n = len(a)
        return rf"""
        Suppose that every molecule has one of two codes up to order, $({", ".join(map(str, a))})$
        and $({", ".join(map(str, b))})$, each with probability one half, and that the order of
        the {n} numbers is random. What are the {n} variances along the principal components of
        the raw codes, that is, the eigenvalues of their covariance, and what are their shares?
        How much variance, in all {n} numbers together, is left after every code has been sorted?
        """

    def solution(self, a: list[int], b: list[int]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        a, b = np.array({a}), np.array({b})
        n = len(a)
        first = n * ((a.mean() - b.mean()) / 2) ** 2
        inner = sum(((c - c.mean()) ** 2).sum() for c in (a, b)) / 2
        variances = np.array([first] + [inner / (n - 1)] * (n - 1))
        shares = variances / variances.sum()
        left = (((np.sort(a) - np.sort(b)) / 2) ** 2).sum()
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The mean of the entries, which no order changes, has the variance
        $((\bar a - \bar b) / 2)^2$. All other variance is shared equally by the directions of sum
        zero, whatever the codes. Two sorted codes differ along one line.
        """

    def difficulty(self, a: list[int], b: list[int]) -> dict[str, tuple[float, float, float]]:
        """Return the length of a code and the difference of the sums."""
        return {"numbers": (len(a), 5, 8), "sums apart": (abs(sum(a) - sum(b)), 4, 50)}

    def public_shapes(self, answer: Answer, a: list[int], b: list[int]) -> None:
        """There is a variance and a share for each component, and one number for sorted codes."""
        array(answer, "variances", (len(a),))
        total = array(answer, "shares", (len(a),)).sum()
        require(abs(total - 1) < 1e-3, "The shares must add up to one.")
        number(answer, "left")

    def hidden_variances(self, answer: Answer, a: list[int], b: list[int]) -> None:
        """The variances are those of the covariance, to one part in a thousand."""
        true = np.linalg.eigvalsh(_covariance(a, b))
        found = np.sort(array(answer, "variances", (len(a),)))
        says = "What varies if only the order varies, and what does no order change?"
        require(np.allclose(found, true, rtol=1e-3, atol=1e-3), says)

    def hidden_shares(self, answer: Answer, a: list[int], b: list[int]) -> None:
        """The shares belong to the variances, to a thousandth."""
        true = np.linalg.eigvalsh(_covariance(a, b))
        found = np.sort(array(answer, "shares", (len(a),)))
        require(np.allclose(found, true / true.sum(), atol=1e-3), "Divide by the total variance.")

    def hidden_left(self, answer: Answer, a: list[int], b: list[int]) -> None:
        """The variance of the sorted codes is right."""
        true = np.var([sorted(a), sorted(b)], axis=0).sum()
        says = "There are two sorted codes; how far is each from their mean?"
        require(abs(number(answer, "left") - true) < 1e-3 * (1 + true), says)


def _covariance(a: list[int], b: list[int]) -> NDArray[np.float64]:
    """Return the covariance of the raw codes from the moments of one and of two entries."""
    n = len(a)
    one = (sum(a) + sum(b)) / (2 * n)
    same = sum(v * v for v in a + b) / (2 * n)
    other = sum(x * y for c in (a, b) for x, y in itertools.permutations(c, 2)) / (2 * n * (n - 1))
    return np.full((n, n), other) + (same - other) * np.eye(n) - one**2


class Valid(Task):
    """Delete bonds: what stays valid, and what stays whole."""

    label = "ex-09-valid"
    points = 2
    names = {
        "valid": "the probabilities that the three graphs are still valid, a list",
        "whole": "the probabilities that they are still connected, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two molecules with rings and one without, and a probability."""
        smiles = [*chance.sample(RINGS, 2), chance.choice(CHAINS)]
        chance.shuffle(smiles)
        return {"smiles": smiles, "percent": chance.choice(range(10, 60, 5))}

    def prompt(self, smiles: list[str], percent: int) -> str:
        """Return the question."""
        a, b, c = (f"`{s}`" for s in smiles)
        return rf"""
        Each bond between two heavy atoms of the molecules {a}, {b} and {c} is deleted with
        probability {percent} %, independently, and valences that are free are filled with
        hydrogen. For each molecule, in this order: with which probability is the graph still
        valid, and with which is it still in one piece? Exact values are asked for, not a
        simulation.
        """

    def solution(self, smiles: list[str], percent: int) -> str:
        """Return the answer."""
        return f"""
        from itertools import product
        from rdkit import Chem

        def in_one_piece(n, edges):
            piece = list(range(n))
            for i, j in edges:
                old, new = piece[i], piece[j]
                piece = [new if p == old else p for p in piece]
            return len(set(piece)) == 1

        p, whole = {percent / 100}, []
        for smiles in {smiles}:
            molecule = Chem.MolFromSmiles(smiles)
            bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
            total = 0.0
            for kept in product((0, 1), repeat=len(bonds)):
                edges = [b for b, k in zip(bonds, kept) if k]
                if in_one_piece(molecule.GetNumAtoms(), edges):
                    total += (1 - p) ** len(edges) * p ** (len(bonds) - len(edges))
            whole.append(total)
        valid = [1.0, 1.0, 1.0]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Deleting a bond never raises a valence, so validity is free, and says nothing about a
        generator. A chain of $m$ bonds stays whole with probability $(1 - p)^m$; a ring may lose
        one bond and stays whole.
        """

    def difficulty(self, smiles: list[str], percent: int) -> dict[str, tuple[float, float, float]]:
        """Return the number of molecules with rings."""
        return {"with rings": (sum(s in RINGS for s in smiles), 2, 2), "percent": (percent, 10, 55)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three probabilities of either kind."""
        for name in self.names:
            found = array(answer, name, (3,))
            require(((found >= 0) & (found <= 1)).all(), "A probability lies between 0 and 1.")

    def hidden_valid(self, answer: Answer, **_: Any) -> None:
        """The probabilities of being valid are right."""
        says = "What happens to the valence of an atom that loses a bond?"
        require(np.allclose(array(answer, "valid", (3,)), 1, atol=1e-6), says)

    def hidden_whole(self, answer: Answer, smiles: list[str], percent: int) -> None:
        """The probabilities of being in one piece are right to a ten-thousandth."""
        for found, name in zip(array(answer, "whole", (3,)), smiles, strict=True):
            says = f"For {name}: which sets of bonds may be missing from a whole graph?"
            require(abs(found - _reliability(*_edges(name), percent / 100)) < 1e-4, says)


@cache
def _edges(smiles: str) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the number of heavy atoms and the bonds."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    bonds = ((b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds())
    return molecule.GetNumAtoms(), tuple(bonds)


def _reliability(n: int, edges: tuple[tuple[int, int], ...], p: float) -> float:
    """Return the probability to stay connected, by deleting or contracting the first edge."""
    if n == 1:
        return 1.0
    if not edges:
        return 0.0
    (i, j), rest = edges[0], edges[1:]
    joined = ((i if a == j else a, i if b == j else b) for a, b in rest)
    contracted = tuple((a, b) for a, b in joined if a != b)
    return p * _reliability(n, rest, p) + (1 - p) * _reliability(n - 1, contracted, p)


QUANTITIES = {
    "max(z) - min(z)": "the largest number minus the smallest",
    "sum(v**3 for v in z)": "the sum of the cubes",
    "max(z) * min(z)": "the largest number times the smallest",
    "sum(abs(v) for v in z)": "the sum of the absolute values",
}


class Augment(Task):
    """Pay for the order with copies, or sort once."""

    label = "ex-09-augment"
    points = 4
    names = {
        "errors": "the root mean square errors with 1, 6 and 24 orders of each training code",
        "sorted_once": "the root mean square error after sorting, without copies",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a seed and a quantity."""
        return {"seed": chance.randrange(10**6), "quantity": chance.choice(list(QUANTITIES))}

    def prompt(self, seed: int, quantity: str) -> str:
        """Return the question."""
        return rf"""
        A reader predicts an invariant quantity of a code, here {QUANTITIES[quantity]}, as that of
        the nearest training code. The given cell holds `train`, 80 codes of four numbers, `test`,
        40 others, both in random order, the function `quantity`, and `orders`, all 24 ways to
        order four numbers in a list. Add to the training set the codes `train[:, order]` for the
        first 1, 6 and 24 orders of the list (the first order changes nothing), each with its
        quantity, and give the root mean square error on the test codes, which stay as they are.
        Then sort training and test codes, use no copies, and give the error again.
        """

    def given(self, seed: int, quantity: str) -> str:
        """Return the codes."""
        return f"""
        from itertools import permutations
        import numpy as np

        draw = np.random.default_rng({seed})
        train, test = draw.normal(size=(80, 4)), draw.normal(size=(40, 4))
        orders = [list(order) for order in permutations(range(4))]

        def quantity(z):
            return {quantity}
        """

    def solution(self, seed: int, quantity: str) -> str:
        """Return the answer."""
        return """
        def error(known, judged):
            distance = np.linalg.norm(judged[:, None] - known, axis=2)
            guess = [quantity(known[i]) for i in distance.argmin(axis=1)]
            true = [quantity(z) for z in judged]
            return np.sqrt(np.mean((np.array(guess) - true) ** 2))

        errors = [error(np.concatenate([train[:, order] for order in orders[:k]]), test)
                  for k in (1, 6, 24)]
        sorted_once = error(np.sort(train), np.sort(test))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        With all 24 orders the nearest copy realizes the quotient distance, and so does sorting:
        the two errors are equal. Nine atoms would need $9!$ copies for what one sort does.
        """

    def difficulty(self, seed: int, quantity: str) -> dict[str, tuple[float, float, float]]:
        """Return the length of the quantity's formula."""
        return {"operations in the quantity": (len(quantity), 15, 22)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three errors and one more, all positive."""
        require((array(answer, "errors", (3,)) > 0).all(), "An error is positive.")
        require(number(answer, "sorted_once") > 0, "An error is positive.")

    def hidden_errors(self, answer: Answer, seed: int, quantity: str) -> None:
        """The errors with copies are right to one part in a thousand."""
        true = [_nearest_error(seed, quantity, copies) for copies in (1, 6, 24)]
        for found, wanted, k in zip(array(answer, "errors", (3,)), true, (1, 6, 24), strict=True):
            says = f"With the first {k} of the orders: is every copy as good a neighbour?"
            require(abs(found - wanted) < 1e-3 * wanted, says)

    def hidden_sorted(self, answer: Answer, seed: int, quantity: str) -> None:
        """The error after sorting is right to one part in a thousand."""
        true = _nearest_error(seed, quantity, 24)
        says = "Sort the numbers within each code, of the training set and of the test set."
        require(abs(number(answer, "sorted_once") - true) < 1e-3 * true, says)


@cache
def _nearest_error(seed: int, quantity: str, copies: int) -> float:
    """Return the error of the nearest of so many copies, one test code at a time."""
    draw = np.random.default_rng(seed)
    train, test = draw.normal(size=(80, 4)), draw.normal(size=(40, 4))
    orders = np.array(list(itertools.permutations(range(4))))[:copies]
    truth = {
        "max(z) - min(z)": lambda z: np.ptp(z),
        "sum(v**3 for v in z)": lambda z: (z**3).sum(),
        "max(z) * min(z)": lambda z: np.sort(z)[[0, -1]].prod(),
        "sum(abs(v) for v in z)": lambda z: np.linalg.norm(z, 1),
    }[quantity]
    squares = []
    for z in test:
        nearest = ((train[:, orders] - z) ** 2).sum(2).min(1).argmin()
        squares.append((truth(train[nearest]) - truth(z)) ** 2)
    return math.sqrt(sum(squares) / len(squares))


class Fine(Task):
    """Find the noise at which half of a codebook is lost."""

    label = "ex-09-fine"
    points = 5
    names = {
        "half": "the standard deviation at which half of the codes are lost",
        "length": "the root mean square length of this noise",
        "ratio": "this length over the distance from a code to the nearest other",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the spacings of a grid of codes."""
        return {"hundredths": chance.sample(range(11, 60), chance.randint(4, 6))}

    def prompt(self, hundredths: list[int]) -> str:
        """Return the question."""
        spacings = ", ".join(f"{h / 100}" for h in hundredths)
        n = len(hundredths)
        return rf"""
        A decoder knows the codes of a grid in $\mathbb R^{n}$: all points whose $i$-th number is
        a whole multiple of the $i$-th of the spacings $({spacings})$. It decodes every point as
        the nearest code. Add to each number of a code independent Gaussian noise of mean 0 and
        standard deviation $\varepsilon$. At which $\varepsilon$ are half of the codes lost? How
        long is this noise, as the root of its mean squared length, and what is this length over
        the distance from a code to the nearest other code?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return r"""
        The numbers of a code are lost or kept independently of each other. Independent noise of $n$
        numbers makes a vector of length about $\sqrt n\, \varepsilon$.
        """

    def solution(self, hundredths: list[int]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np
        from scipy.optimize import brentq
        from scipy.stats import norm

        spacings = np.array({hundredths}) / 100

        def kept(size):
            return np.prod(2 * norm.cdf(spacings / (2 * size)) - 1)

        half = brentq(lambda size: kept(size) - 0.5, 1e-3, 1)
        length = half * len(spacings) ** 0.5
        ratio = length / spacings.min()
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        A code survives if no number moves by more than half of its spacing; the numbers are
        independent, so the probabilities multiply. It is the length of the noise, not its
        standard deviation, that has to be compared with a distance between codes.
        """

    def difficulty(self, hundredths: list[int]) -> dict[str, tuple[float, float, float]]:
        """Return the dimension."""
        return {"dimension": (len(hundredths), 4, 6)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The three numbers are positive."""
        for name in self.names:
            require(number(answer, name) > 0, f"{name} must be positive.")

    def hidden_half(self, answer: Answer, hundredths: list[int]) -> None:
        """Half of the codes are lost, to one percent of the noise."""

        def kept(size: float) -> float:
            scaled = (h / 100 / (2 * size * math.sqrt(2)) for h in hundredths)
            return math.prod(math.erf(s) for s in scaled)

        half = number(answer, "half")
        says = "How far may each number move before another code is nearer?"
        require(half > 0 and kept(half * 1.01) < 0.5 < kept(half / 1.01), says)

    def hidden_length(self, answer: Answer, hundredths: list[int]) -> None:
        """The length and the ratio belong to the noise, to one percent."""
        length = math.hypot(*[number(answer, "half")] * len(hundredths))
        says = "Add the variances of all numbers of the code."
        require(abs(number(answer, "length") / length - 1) < 0.01, says)
        says = "Which other code of the grid is the nearest?"
        true = length / (min(hundredths) / 100)
        require(abs(number(answer, "ratio") / true - 1) < 0.01, says)
