"""Tasks of chapter 18: which laws are actions, what a collapse costs, repairs, and senses."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import array, number

LAWS = {
    "multiple": "{m}k",
    "square": "k^2",
    "cube": "k^3",
    "offset": "{m}k + {c}",
    "negative": "-{m}k",
    "zero": "0",
}


class Actions(Task):
    """Say which laws are actions."""

    label = "ex-18-action"
    points = 5
    names = {
        "actions": "whether each of the four laws is an action, four truth values",
        "poses": "how many poses each of the three laws tells apart, three numbers",
        "together": "how many poses the two rows tell apart together",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw an order, laws and multiples."""
        n = chance.choice([10, 12, 14, 15, 16, 18, 20, 21, 24])
        laws = ["multiple", *chance.sample(["square", "cube", "offset", "negative", "zero"], 3)]
        chance.shuffle(laws)
        blind = [m for m in range(2, n) if math.gcd(m, n) > 1]
        return {
            "n": n,
            "laws": laws,
            "m": chance.randint(2, n - 1),
            "c": chance.randint(1, n - 1),
            "multiples": [chance.choice(blind), *chance.sample(range(2, n), 2)],
            "rows": chance.sample(blind, 2),
        }

    def prompt(
        self, n: int, laws: list[str], m: int, c: int, multiples: list[int], rows: list[int]
    ) -> str:
        """Return the question."""
        listed = ", ".join(f"${LAWS[law].format(m=m, c=c)}$" for law in laws)
        return rf"""
        A turn by $k$ steps of {n} shifts a code of {n} places by $a(k)$ places. For which of the
        laws $a(k) =$ {listed}, in this order, do codes carry an action of $C_{{{n}}}$? Pictures
        have no symmetry of their own, and a decoder sees the shifted code. How many of the {n}
        poses of a picture can it tell apart at most if $a(k) = {multiples[0]}k$, ${multiples[1]}k$
        or ${multiples[2]}k$? And if a code has two rows, of which one is shifted by ${rows[0]}k$
        and the other by ${rows[1]}k$ places?
        """

    def solution(
        self, n: int, laws: list[str], m: int, c: int, multiples: list[int], rows: list[int]
    ) -> str:
        """Return the answer."""
        return f"""
        from math import gcd

        rules = [{", ".join("lambda k: " + _python(law, m, c) for law in laws)}]
        every = range({n})
        actions = [all((a(k + l) - a(k) - a(l)) % {n} == 0 for k in every for l in every)
                   for a in rules]
        poses = [{n} // gcd(m, {n}) for m in {multiples}]
        together = {n} // gcd({rows[0]}, {rows[1]}, {n})
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A law is an action if it is a homomorphism. A multiple that shares a divisor with the order
        shifts some turns to nothing, and what is shifted alike is drawn alike.
        """

    def difficulty(self, n: int, **_: Any) -> dict[str, tuple[float, float, float]]:
        """Return the order of the group."""
        return {"order": (n, 10, 24)}

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """There are four truth values and four numbers of poses."""
        _four(answer)
        counts = [*array(answer, "poses", (3,)), number(answer, "together")]
        require(all(1 <= count <= n for count in counts), f"There are {n} poses.")

    def hidden_actions(
        self, answer: Answer, n: int, laws: list[str], m: int, c: int, **_: Any
    ) -> None:
        """Actions are the laws under which two turns shift as their sum does."""
        code = np.arange(n)
        for found, law in zip(_four(answer), laws, strict=True):
            move = {k: np.roll(code, eval(_python(law, m, c), {"k": k})) for k in range(n)}
            twice = all(
                (move[k][move[j]] == move[(k + j) % n]).all() for k in range(n) for j in range(n)
            )
            says = f"${LAWS[law].format(m=m, c=c)}$: is a shift for $k$ and one for $l$ that for "
            require(found == twice, says + "$k + l$?")

    def hidden_poses(
        self, answer: Answer, n: int, multiples: list[int], rows: list[int], **_: Any
    ) -> None:
        """Poses that are told apart are different codes."""
        code = np.random.default_rng(0).normal(size=n)

        def told(*ms: int) -> int:
            moved = [tuple(np.concatenate([np.roll(code, m * k) for m in ms])) for k in range(n)]
            return len(set(moved))

        wanted = [told(m) for m in multiples]
        says = "Which turns shift the code by a multiple of its length?"
        require(array(answer, "poses", (3,)).tolist() == wanted, says)
        require(number(answer, "together") == told(*rows), says + " Both rows must agree.")


def _python(law: str, m: int, c: int) -> str:
    return {"multiple": f"{m} * k", "square": "k**2", "cube": "k**3", "offset": f"{m} * k + {c}",
            "negative": f"-{m} * k", "zero": "0 * k"}[law]  # fmt: skip


def _four(answer: Answer) -> list[bool]:
    value = answer.actions
    value = value.tolist() if hasattr(value, "tolist") else value
    good = isinstance(value, (list, tuple)) and len(value) == 4
    good = good and all(isinstance(v, bool) for v in value)
    require(good, "actions must hold four truth values.")
    return list(value)


class Collapse(Task):
    """Compute an error that a collapse makes small."""

    label = "ex-18-collapse"
    points = 4
    names = {
        "shares": "the shares within orbits of the two codes",
        "errors": "the equivariance errors of the two codes",
        "weight": "the weight from which the collapse is the better bargain",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two codes, in tenths, and errors of drawing, in hundredths."""
        return {
            "n": chance.choice([8, 12, 16, 24]),
            "pose": chance.randint(5, 20),
            "noise": chance.randint(2, 4),
            "faint": chance.randint(1, 5),
            "good": chance.randint(2, 15),
            "bad": chance.randint(60, 95),
        }

    def prompt(self, n: int, pose: int, noise: int, faint: int, good: int, bad: int) -> str:
        """Return the question."""
        return rf"""
        A code has {n} places: $z = a \mathbf 1 + b\, \sigma^k u + c\, w$, where $\sigma$ shifts by
        one place, $a$ has mean 0 and variance 1 and says what is drawn, the pose $k$ is uniform,
        $u$ has mean 0 over its places and the squared length {n}, and $w$ are {n} independent
        numbers of mean 0 and variance 1, drawn anew for every picture and every pose. One code has
        $b = {pose / 10}$ and $c = {noise / 10}$, another $b = 0$ and $c = {faint / 100}$. For each
        give the share of the variance that lies within orbits, and the equivariance error
        $\mathbb E \lVert \sigma z_k - z_{{k+1}} \rVert^2$ over twice the variance. With the first
        code drawings have the error {good / 100}, with the second {bad / 100}. From which weight of
        the equivariance error in the loss on has the second code the smaller loss?
        """

    def solution(self, n: int, pose: int, noise: int, faint: int, good: int, bad: int) -> str:
        """Return the answer."""
        return f"""
        codes = [({pose / 10}, {noise / 10}), (0, {faint / 100})]
        shares = [(b*b + c*c) / (1 + b*b + c*c) for b, c in codes]
        errors = [c*c / (1 + b*b + c*c) for b, c in codes]
        weight = ({bad / 100} - {good / 100}) / (errors[0] - errors[1])
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A code without a pose has an equivariance error of noise alone. Only the share within orbits
        says that the pose is gone.
        """

    def difficulty(
        self, n: int, pose: int, noise: int, faint: int, good: int, bad: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the quotient of pose and noise."""
        return {"quotient": (pose / noise, 1.2, 10)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two shares, two errors and a positive weight."""
        for name in ("shares", "errors"):
            value = array(answer, name, (2,))
            require(((value >= 0) & (value <= 1)).all(), f"{name} lie between 0 and 1.")
        require(number(answer, "weight") > 0, "The weight is positive.")

    def hidden_measures(
        self, answer: Answer, n: int, pose: int, noise: int, faint: int, **_: Any
    ) -> None:
        """Shares and errors are right."""
        for i, (b, c) in enumerate([(pose / 10, noise / 10), (0.0, faint / 100)]):
            share, error = _measured(n, b, c)
            says = f"Code {i + 1}: which terms vary with the pose, and which are carried along?"
            require(math.isclose(array(answer, "shares", (2,))[i], share, rel_tol=2e-3), says)
            require(math.isclose(array(answer, "errors", (2,))[i], error, rel_tol=2e-3), says)

    def hidden_weight(self, answer: Answer, good: int, bad: int, **given: Any) -> None:
        """At that weight both losses are the same."""
        codes = [(given["pose"] / 10, given["noise"] / 10), (0.0, given["faint"] / 100)]
        weight = number(answer, "weight")
        first, second = (
            drawing / 100 + weight * _measured(given["n"], b, c)[1]
            for drawing, (b, c) in zip((good, bad), codes, strict=True)
        )
        says = "Put the weight in: are the two losses equal?"
        require(math.isclose(first, second, rel_tol=2e-3), says)


def _measured(n: int, b: float, c: float) -> tuple[float, float]:
    """Return share and error from covariances, entry by entry."""
    u = np.sqrt(2) * np.cos(2 * np.pi * np.arange(n) / n)
    orbit = np.array([b * np.roll(u, k) for k in range(n)])
    total = n * 1.0 + (orbit**2).sum(1).mean() + n * c * c
    within = (orbit**2).sum(1).mean() - (orbit.mean(0) ** 2).sum() + n * c * c
    gap = ((np.roll(orbit[0], 1) - orbit[1]) ** 2).sum() + 2 * n * c * c
    return within / total, gap / (2 * total)


MATRIX = """
import numpy as np

draw = np.random.default_rng({seed})
steps = {steps}
blocks = np.zeros((6, 6))
for i, (step, length, off) in enumerate(zip(steps, {lengths}, {offs})):
    angle = 2 * np.pi * (step + off) / {n}
    c, s = length * np.cos(angle), length * np.sin(angle)
    blocks[2 * i:2 * i + 2, 2 * i:2 * i + 2] = [[c, -s], [s, c]]
basis = np.eye(6) + 0.2 * draw.normal(size=(6, 6))
A = basis @ blocks @ np.linalg.inv(basis)
"""


class Generator(Task):
    """Repair the generator of an action."""

    label = "ex-18-generator"
    points = 6
    names = {
        "defect": "the norm of the given matrix to the power n less the identity, over the root "
        "of 6",
        "repaired": "a function of a real square matrix: the repaired one",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a matrix that is nearly a generator."""
        n = chance.choice([8, 9, 10, 12])
        return {
            "seed": chance.randrange(1000),
            "n": n,
            "steps": chance.sample(range(1, (n + 1) // 2), 3),
            "lengths": [chance.randint(80, 98) / 100 for _ in range(3)],
            "offs": [chance.choice([-1, 1]) * chance.randint(5, 25) / 100 for _ in range(3)],
        }

    def prompt(self, n: int, **_: Any) -> str:
        """Return the question."""
        return rf"""
        The matrix `A` of the given cell was fitted and should have $A^{{{n}}} = I$. Compute its
        defect, $\lVert A^{{{n}}} - I \rVert_F / \sqrt 6$. Write a function `repaired(M)` that moves
        every eigenvalue of a real matrix with different eigenvalues, in their direction, to the
        nearest of the {n} roots of unity and leaves the eigenvectors alone, and returns a real
        matrix.
        """

    def given(self, **parameters: Any) -> str:
        """Return the matrix."""
        return MATRIX.format(**parameters)

    def solution(self, n: int, **_: Any) -> str:
        """Return the answer."""
        return f"""
        defect = np.linalg.norm(np.linalg.matrix_power(A, {n}) - np.eye(6)) / 6**0.5

        def repaired(M):
            values, vectors = np.linalg.eig(M)
            steps = np.rint(np.angle(values) * {n} / (2 * np.pi))
            roots = np.exp(2j * np.pi * steps / {n})
            return (vectors @ np.diag(roots) @ np.linalg.inv(vectors)).real
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        The result is a generator whatever was put in. Whether it is the right one, its defect does
        not say.
        """

    def difficulty(
        self, n: int, lengths: list[float], **_: Any
    ) -> dict[str, tuple[float, float, float]]:
        """Return the order and how short eigenvalues are."""
        return {"order": (n, 8, 12), "shortest": (min(lengths), 0.8, 0.98)}

    def public_shapes(self, answer: Answer, **parameters: Any) -> None:
        """The defect is positive, and the repaired matrix has six rows."""
        require(number(answer, "defect") > 0, "A is no exact generator.")
        array_of(answer, "repaired", (6, 6), _given(parameters))

    def hidden_defect(self, answer: Answer, n: int, **parameters: Any) -> None:
        """The defect is right."""
        A = _given({"n": n, **parameters})
        product = np.eye(6)
        for _ in range(n):
            product = product @ A
        wanted = math.sqrt(((product - np.eye(6)) ** 2).sum() / 6)
        says = "Multiply, subtract, square, add up."
        require(math.isclose(number(answer, "defect"), wanted, rel_tol=1e-4), says)

    def hidden_repaired(self, answer: Answer, n: int, **parameters: Any) -> None:
        """The repaired matrices are generators with the eigenvectors of the first, and near it."""
        for seed in range(3):
            M = _given({"n": n, **parameters, "seed": parameters["seed"] + seed})
            C = array_of(answer, "repaired", (6, 6), M)
            require(np.allclose(np.linalg.matrix_power(C, n), np.eye(6), atol=1e-6),
                    "Its power is not the identity.")  # fmt: skip
            require(np.allclose(C @ M, M @ C, atol=1e-6), "It has other eigenvectors.")
            turns = np.linalg.eigvals(np.linalg.solve(M, C))
            says = "An eigenvalue has been moved to a root that is not the nearest."
            require(np.abs(np.angle(turns)).max() < math.pi / n, says)


def _given(parameters: dict[str, Any]) -> NDArray[np.float64]:
    names: dict[str, Any] = {}
    exec(MATRIX.format(**parameters), names)
    return np.asarray(names["A"])


class Sense(Task):
    """Compute what a wrong sense of turn draws."""

    label = "ex-18-sense"
    points = 6
    names = {
        "drawn": "what is drawn for the first multiple, one number for each place",
        "errors": "the errors of the three multiples, over the variance, three numbers",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a picture and three senses."""
        n = chance.choice([8, 9, 10, 12])
        x = [chance.randint(-9, 9) for _ in range(n)]
        while len(set(x)) < 5:
            x = [chance.randint(-9, 9) for _ in range(n)]
        shared = [m for m in range(2, n) if 1 < math.gcd(m - 1, n) < n]
        return {"x": x, "m": [chance.choice(shared), -1, chance.choice([0, 2])]}

    def prompt(self, x: list[int], m: list[int]) -> str:
        """Return the question."""
        return rf"""
        A picture is a row of {len(x)} numbers on a circle, in its pose 0 the row
        $({", ".join(map(str, x))})$, and $r$ moves it by one place, so that what was at place $i$
        is at place $i + 1$. A split knows the pose $k$ of $r^k x$ and draws $r^{{mk}} \delta$ with
        a row $\delta$ that is best for all {len(x)} poses together, which are equally likely. For
        $m = {m[0]}$, which row is $\delta$? For $m = {m[0]}$, ${m[1]}$ and ${m[2]}$, what is the
        mean squared error of the drawing, over the variance of the numbers in the row?
        """

    def solution(self, x: list[int], m: list[int]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        x = np.array({x})
        n = len(x)

        def best(m):
            return np.mean([np.roll(x, (1 - m) * k) for k in range(n)], axis=0)

        drawn = best({m[0]})
        errors = [np.mean([(np.roll(best(m), m * k) - np.roll(x, k))**2 for k in range(n)])
                  / x.var() for m in {m}]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Turned back, the best row is the mean over the multiples of 1 - m; what this mean loses are
        the frequencies that are no multiples of n over their common divisor.
        """

    def difficulty(self, x: list[int], m: list[int]) -> dict[str, tuple[float, float, float]]:
        """Return the number of places."""
        return {"places": (len(x), 8, 12)}

    def public_shapes(self, answer: Answer, x: list[int], **_: Any) -> None:
        """There is a row, and three errors between 0 and 1."""
        array(answer, "drawn", (len(x),))
        errors = array(answer, "errors", (3,))
        require(((errors >= 0) & (errors <= 1 + 1e-9)).all(), "Errors lie between 0 and 1.")

    def hidden_drawn(self, answer: Answer, x: list[int], m: list[int]) -> None:
        """The row is the best one, by least squares."""
        says = "Turn each picture back by mk places, and take the mean."
        wanted = _least(x, m[0])[0]
        require(np.allclose(array(answer, "drawn", (len(x),)), wanted, atol=1e-3), says)

    def hidden_errors(self, answer: Answer, x: list[int], m: list[int]) -> None:
        """The errors are those of least squares."""
        wanted = [_least(x, one)[1] for one in m]
        says = "Which frequencies does the mean keep?"
        require(np.allclose(array(answer, "errors", (3,)), wanted, atol=1e-3), says)


def _least(x: list[int], m: int) -> tuple[NDArray[np.float64], float]:
    """Return the best row and its error, with a matrix for every pose."""
    n = len(x)
    eye = np.eye(n)
    moved = np.concatenate([eye[(np.arange(n) - m * k) % n] for k in range(n)])
    target = np.concatenate([np.array(x, dtype=float)[(np.arange(n) - k) % n] for k in range(n)])
    row = np.linalg.lstsq(moved, target, rcond=None)[0]
    return row, float(((moved @ row - target) ** 2).mean() / np.var(x))
