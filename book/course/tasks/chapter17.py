"""Tasks of chapter 17 on paper: what is kept, what is seen from where, what a sample costs."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, number

SAYS = {
    "mean": "from a potential, a network of the positions less their mean",
    "body": "from a potential, a network of the positions less the position of body {b}",
    "distances": "from a potential, a network of the distances between the bodies",
    "lengths": "from a potential, a network of the distances of the bodies from the origin",
    "quarters": r"from the potential $\sum_i (q_{{i1}}^{e} + q_{{i2}}^{e})$",
    "pairs": r"from the potential $\sum_{{i<j}} \bigl((q_{{i1}} - q_{{j1}})^{e} + (q_{{i2}} - "
    r"q_{{j2}})^{e}\bigr)$",
    "unreturned": r"$F_i = \sum_j k_{{ij}} (q_j - q_i)$, where $k_{{ij}}$ and $k_{{ji}}$ differ",
    "springs": r"$F_i = \sum_j k_{{ij}} (q_j - q_i)$, where $k_{{ij}} = k_{{ji}}$",
    "anchors": r"$F_i = \sum_j k_{{ij}} (q_j - q_i) - a q_i$, where $k_{{ij}} = k_{{ji}}$ and "
    "$a = {b}$",
}
KEPT = {
    "mean": "P", "body": "P", "distances": "PL", "lengths": "L", "quarters": "", "pairs": "P",
    "unreturned": "", "springs": "PL", "anchors": "L",
}  # fmt: skip


class Kept(Task):
    """Say what forces keep."""

    label = "ex-17-noether"
    points = 5
    names = {"kept": "for each of the six forces what is kept, a list of lists"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw six kinds of forces and their numbers."""
        kinds = chance.sample(sorted(SAYS), 6)
        while len({KEPT[kind] for kind in kinds}) < 4:
            kinds = chance.sample(sorted(SAYS), 6)
        return {
            "kinds": kinds,
            "b": [chance.randint(1, 4) for _ in kinds],
            "e": [chance.choice([4, 6, 8]) for _ in kinds],
        }

    def prompt(self, kinds: list[str], b: list[int], e: list[int]) -> str:
        """Return the question."""
        listed = "; ".join(
            f"({i}) " + SAYS[kind].format(b=b[i - 1], e=e[i - 1]) for i, kind in enumerate(kinds, 1)
        )
        return rf"""
        Four bodies move in the plane. Networks have random weights. The forces come {listed}. For
        each, in this order, what is constant along every motion: the total momentum, `"P"`, and the
        total angular momentum about the origin, `"L"`?
        """

    def solution(self, kinds: list[str], b: list[int], e: list[int]) -> str:
        """Return the answer."""
        return f"kept = {[list(KEPT[kind]) for kind in kinds]}"

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A potential that shifts leave alone keeps P, one that all turns about the origin leave alone
        keeps L. A finite group is not enough, nor is equivariance without a potential.
        """

    def difficulty(
        self, kinds: list[str], b: list[int], e: list[int]
    ) -> dict[str, tuple[float, float, float]]:
        """Return how many different answers there are."""
        return {"answers": (len({KEPT[kind] for kind in kinds}), 4, 4)}

    def public_words(self, answer: Answer, **_: Any) -> None:
        """There are six lists of P and L."""
        _six(answer)

    def hidden_kept(self, answer: Answer, kinds: list[str], b: list[int], e: list[int]) -> None:
        """What is kept is what the sums of forces and of torques leave alone."""
        given = zip(_six(answer), kinds, b, e, strict=True)
        for i, (found, kind, body, power) in enumerate(given, 1):
            says = f"Forces ({i}): what are their sum, and the sum of their torques?"
            require(found == _constant(kind, body, power), says)


def _six(answer: Answer) -> list[set[str]]:
    """Return six sets of letters."""
    value = answer.kept
    good = isinstance(value, (list, tuple)) and len(value) == 6
    good = good and all(isinstance(v, (list, tuple)) for v in value)
    good = good and all(isinstance(w, str) and w in ("P", "L") for v in value for w in v)
    require(good, "kept must hold six lists, each of some of the words 'P' and 'L'.")
    return [set(v) for v in value]


def _forces(kind: str, b: int, e: int, q: NDArray[Any]) -> NDArray[np.float64]:
    """Return forces on four bodies, (4, 2), by difference quotients of a potential."""
    chance = np.random.default_rng(5)
    k = chance.uniform(0.5, 2, (4, 4))
    if kind != "unreturned":
        k = k + k.T
    if kind in ("unreturned", "springs", "anchors"):
        pull: NDArray[np.float64] = (k[:, :, None] * (q[None] - q[:, None])).sum(1)
        return pull - b * q if kind == "anchors" else pull
    W, out = chance.normal(size=(7, 8)), chance.normal(size=7)
    i, j = np.triu_indices(4, 1)

    def potential(q: NDArray[Any]) -> float:
        if kind == "quarters":
            return float((q**e).sum())
        if kind == "pairs":
            return float(((q[i] - q[j]) ** e).sum())
        seen = {
            "mean": lambda: (q - q.mean(0)).ravel(),
            "body": lambda: (q - q[b - 1]).ravel(),
            "distances": lambda: np.linalg.norm(q[i] - q[j], axis=1),
            "lengths": lambda: np.linalg.norm(q, axis=1),
        }[kind]()
        return float(np.tanh(W[:, : len(seen)] @ seen) @ out)

    h, found = 1e-5, np.zeros((4, 2))
    for place in np.ndindex(4, 2):
        step = np.zeros((4, 2))
        step[place] = h
        found[place] = (potential(q - step) - potential(q + step)) / (2 * h)
    return found


def _constant(kind: str, b: int, e: int) -> set[str]:
    """Return what is constant, from sums of forces and of torques at random places."""
    kept = {"P", "L"}
    for q in np.random.default_rng(6).uniform(-1.2, 1.2, (4, 4, 2)):
        F = _forces(kind, b, e, q)
        size = np.abs(F).max()
        if np.abs(F.sum(0)).max() > 1e-4 * size:
            kept.discard("P")
        if abs((q[:, 0] * F[:, 1] - q[:, 1] * F[:, 0]).sum()) > 1e-4 * size:
            kept.discard("L")
    return kept


class Seen(Task):
    """Compute with elements of SE(2)."""

    label = "ex-17-log"
    points = 4
    names = {
        "seen": "u seen from v: two coordinates, and an angle in degrees, three numbers",
        "log": "its logarithm (a, b, omega), with omega in radians",
        "other": "the element in the other order, as three numbers like seen",
        "after": "the same after the shift",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two elements with right angles, and a shift."""
        first = chance.choice([0, 90, 180, 270])
        v = [chance.randint(-3, 3), chance.randint(-3, 3), first]
        gap = chance.choice([(x, y) for x in range(-3, 4) for y in range(-3, 4) if x and y])
        turn = chance.choice([-90, 90])
        shift = [chance.randint(1, 4), chance.randint(-4, -1)]
        u = [v[0] + gap[0], v[1] + gap[1], (first + turn) % 360]
        return {"u": u, "v": v, "shift": shift}

    def prompt(self, u: list[int], v: list[int], shift: list[int]) -> str:
        """Return the question."""
        return rf"""
        An element $(x, \theta)$ of $SE(2)$ takes a point $p$ to $R_\theta\, p + x$. Let
        $u = (({u[0]}, {u[1]}), {u[2]}°)$ and $v = (({v[0]}, {v[1]}), {v[2]}°)$. Give $v^{{-1}}u$ as
        two coordinates and an angle between -180 and 180 degrees, its logarithm, the constant
        velocity $(a, b, \omega)$ in its own frame that leads there in unit time, with $\omega$ in
        radians, and $u v^{{-1}}$. Then $u$ and $v$ are both moved by the shift by
        $({shift[0]}, {shift[1]})$, from the left. What is $u v^{{-1}}$ now?
        """

    def solution(self, u: list[int], v: list[int], shift: list[int]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        (x, s), (y, t) = (np.array({u[:2]}), {u[2]}), (np.array({v[:2]}), {v[2]})
        angle = (s - t + 180) % 360 - 180

        def R(degrees):
            c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
            return np.array([[c, -s], [s, c]])

        seen = [*(R(-t) @ (x - y)), angle]
        w = np.radians(angle)
        arc = np.array([[np.sin(w), np.cos(w) - 1], [1 - np.cos(w), np.sin(w)]]) / w
        log = [*np.linalg.solve(arc, seen[:2]), w]
        other = [*(x - R(angle) @ y), angle]
        move = np.array({shift})
        after = [*(x + move - R(angle) @ (y + move)), angle]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Seen from v, a motion of both drops out. In the other order it conjugates.
        """

    def difficulty(
        self, u: list[int], v: list[int], shift: list[int]
    ) -> dict[str, tuple[float, float, float]]:
        """Return how far apart the two elements are."""
        return {"distance": (math.dist(u[:2], v[:2]), 1.4, 4.3)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are four times three numbers."""
        for name in self.names:
            array(answer, name, (3,))

    def hidden_elements(self, answer: Answer, u: list[int], v: list[int], shift: list[int]) -> None:
        """The elements are right."""
        U, V = _matrix(u), _matrix(v)
        move = _matrix([*shift, 0])
        there, back = move @ U, np.linalg.inv(move @ V)
        wanted = {
            "seen": np.linalg.inv(V) @ U,
            "other": U @ np.linalg.inv(V),
            "after": there @ back,
        }
        for name, matrix in wanted.items():
            says = f"{name}: multiply the matrices of three rows."
            require(np.allclose(_matrix(array(answer, name, (3,))), matrix, atol=1e-3), says)

    def hidden_log(self, answer: Answer, u: list[int], v: list[int], shift: list[int]) -> None:
        """The logarithm leads there."""
        a, b, w = array(answer, "log", (3,))
        require(abs(w) <= math.pi + 1e-6, "The angle of a logarithm is at most half a turn.")
        step = np.eye(3) + np.array([[0, -w, a], [w, 0, b], [0, 0, 0]]) / 2**20
        for _ in range(20):
            step = step @ step
        wanted = np.linalg.inv(_matrix(v)) @ _matrix(u)
        says = "Go along the arc with this velocity for unit time: do you arrive?"
        require(np.allclose(step, wanted, atol=1e-3), says)


def _matrix(element: Any) -> NDArray[np.float64]:
    """Return an element of SE(2), its angle in degrees, as a matrix of three rows."""
    x, y, degrees = map(float, element)
    pose = np.exp(1j * np.radians(degrees))
    return np.array([[pose.real, -pose.imag, x], [pose.imag, pose.real, y], [0, 0, 1]])


class Sample(Task):
    """Compute what a sample of neighbours costs."""

    label = "ex-17-sample"
    points = 5
    names = {
        "error": "the root mean square error of the mean of k terms",
        "factor": "by which factor the error falls if k is doubled",
        "pooled": "the root mean square error of the average over all points",
        "enough": "the least k for which the error is at most half as large as that of k",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw terms, and how many are kept."""
        n = chance.choice([10, 11, 12])
        terms = [chance.randint(-9, 9) for _ in range(n)]
        while len(set(terms)) < 5:
            terms = [chance.randint(-9, 9) for _ in range(n)]
        return {"terms": terms, "k": chance.choice([2, 3, 4]), "points": chance.randint(20, 90)}

    def prompt(self, terms: list[int], k: int, points: int) -> str:
        """Return the question."""
        return rf"""
        A convolution averages at each point over {len(terms)} terms, which happen to be the numbers
        {", ".join(map(str, terms))} at every point. To save time the mean of {k} of them is taken,
        drawn at random without repetition, and for each point anew. What is the root mean square
        error of such a mean? By which factor does it fall if {2 * k} terms are drawn? What is the
        root mean square error of the average of the means at {points} points? And what is the
        least number of terms for which the error at a point is at most half of that with {k}?
        """

    def solution(self, terms: list[int], k: int, points: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        terms, k = np.array({terms}), {k}
        n = len(terms)

        def of(k):
            return (terms.var() / k * (n - k) / (n - 1))**0.5

        error, factor, pooled = of(k), of(k) / of(2 * k), of(k) / {points}**0.5
        enough = min(more for more in range(k, n + 1) if of(more) <= of(k) / 2 + 1e-12)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Without repetition the error falls faster than with the root of k: at k = n it is zero.
        """

    def difficulty(
        self, terms: list[int], k: int, points: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the share of the terms that is drawn."""
        return {"share": (k / len(terms), 0.16, 0.4)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are four positive numbers."""
        for name in self.names:
            require(number(answer, name) > 0, f"{name} must be positive.")

    def hidden_errors(self, answer: Answer, terms: list[int], k: int, points: int) -> None:
        """The errors are those over all samples."""
        errors = {m: _by_samples(terms, m) for m in range(k, len(terms) + 1)}
        expected = {
            "error": errors[k],
            "factor": errors[k] / errors[2 * k],
            "pooled": errors[k] / math.sqrt(points),
        }
        for name, wanted in expected.items():
            says = f"{name}: list all samples of a small case; do not forget the repetition."
            require(math.isclose(number(answer, name), wanted, rel_tol=2e-3), says)
        least = min(m for m, e in errors.items() if e <= errors[k] / 2 + 1e-9)
        require(number(answer, "enough") == least, "Compare the errors of more and more terms.")


def _by_samples(terms: list[int], k: int) -> float:
    """Return the root mean square error of a mean of k terms, over all samples."""
    samples = np.array(list(itertools.combinations(terms, k)), dtype=float)
    return float(np.sqrt(((samples.mean(axis=1) - np.mean(terms)) ** 2).mean()))
