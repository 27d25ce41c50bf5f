"""Tasks of chapter 16 on paper: which turns are left, what a method wants, what it costs."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from book.course.task import Answer, Task, require
from book.course.values import array, number

AXES = "xyz"
KINDS = ("arrow", "slanted", "two arrows", "metric", "all axes", "drag", "magnet", "plane", "line")


class Which(Task):
    """Say which turns remain symmetries of forces."""

    label = "ex-16-which"
    points = 3
    names = {"left": "for each of the six additions the axes that are left, a list of lists"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw six additions, and an order of the axes for each."""
        kinds = chance.sample(KINDS, 6)
        return {"kinds": kinds, "axes": ["".join(chance.sample(AXES, 3)) for _ in kinds]}

    def prompt(self, kinds: list[str], axes: list[str]) -> str:
        """Return the question."""
        says = {
            "arrow": "a constant force along ${a}$ on body 0, and the opposite one on body 1",
            "slanted": "a constant force on body 0 that points half way between ${a}$ and ${b}$",
            "two arrows": "a constant force along ${a}$ on body 0 and one along ${b}$ on body 1",
            "metric": "all distances are measured in a metric that stretches ${a}$ by two",
            "all axes": "all distances are measured in a metric that stretches ${a}$ by two and "
            "${b}$ by three",
            "drag": "a drag against the velocity, the stronger the faster a body is",
            "magnet": "a force on every body that is the cross product of its velocity with the "
            "unit vector of ${a}$",
            "plane": "a force on every body towards the plane through the origin that is "
            "perpendicular to ${a}$, as large as its distance",
            "line": "a force on every body towards the axis ${a}$, as large as its distance",
        }
        listed = "; ".join(
            f"({k}) " + says[kind].format(a=axis[0], b=axis[1])
            for k, (kind, axis) in enumerate(zip(kinds, axes, strict=True), 1)
        )
        return rf"""
        Three bodies attract each other along their connecting lines, with a strength that depends
        on the distance. The forces are changed in one of these ways, where an axis means the
        positive one: {listed}. For each change, in this order, which of the turns about the axes
        `"x"`, `"y"` and `"z"` through the origin are still symmetries, so that forces turn along
        with positions and velocities?
        """

    def solution(self, kinds: list[str], axes: list[str]) -> str:
        """Return the answer."""
        one = {"arrow", "metric", "magnet", "plane", "line"}
        left = [
            [axis[0]] if kind in one else list(AXES) if kind == "drag" else []
            for kind, axis in zip(kinds, axes, strict=True)
        ]
        return f"left = {left}"

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        What is left are the turns that keep the arrow, the axis, the plane or the ellipsoid of the
        addition. About an axis that is none of the three a turn may be left all the same.
        """

    def difficulty(
        self, kinds: list[str], axes: list[str]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of different additions."""
        return {"additions": (len(set(kinds)), 6, 6)}

    def public_words(self, answer: Answer, **_: Any) -> None:
        """There are six lists of axes."""
        _six(answer)

    def hidden_left(self, answer: Answer, kinds: list[str], axes: list[str]) -> None:
        """The turns that are left are those under which forces turn along."""
        for k, (found, kind, axis) in enumerate(zip(_six(answer), kinds, axes, strict=True), 1):
            says = f"Addition ({k}): which turns leave its arrow, axis, plane or ellipsoid alone?"
            require(found == _left(kind, axis), says)


def _six(answer: Answer) -> list[set[str]]:
    """Return six sets of axes."""
    value = answer.left
    good = isinstance(value, (list, tuple)) and len(value) == 6
    good = good and all(isinstance(v, (list, tuple)) for v in value)
    says = "left must hold six lists, each of some of the words 'x', 'y' and 'z'."
    require(good and all(isinstance(w, str) and w in AXES and w for v in value for w in v), says)
    require(all(len(w) == 1 for v in value for w in v), says)
    return [set(v) for v in value]


def _forces(kind: str, axis: str, x: NDArray[Any], v: NDArray[Any]) -> NDArray[np.float64]:
    """Return the forces on three bodies, (3, 3)."""
    a, b = (np.eye(3)[AXES.index(letter)] for letter in axis[:2])
    metric = np.eye(3)
    if kind in ("metric", "all axes"):
        metric += 3 * np.outer(a, a) + (8 * np.outer(b, b) if kind == "all axes" else 0)
    total = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            gap = x[j] - x[i]
            total[i] += metric @ gap / (gap @ metric @ gap + 0.3) ** 1.5
    added = {
        "arrow": np.stack([a, -a, 0 * a]),
        "slanted": np.stack([a + b, 0 * a, 0 * a]),
        "two arrows": np.stack([a, b, 0 * a]),
        "drag": -v * np.linalg.norm(v, axis=1, keepdims=True),
        "magnet": np.cross(v, a),
        "plane": -np.outer(x @ a, a),
        "line": np.outer(x @ a, a) - x,
    }
    return total + added.get(kind, 0)


def _left(kind: str, axis: str) -> set[str]:
    """Return the axes about which forces turn along, found by turning states."""
    x, v = np.random.default_rng(3).normal(size=(2, 3, 3))
    found = set()
    for letter in AXES:
        R = Rotation.from_rotvec(0.7 * np.eye(3)[AXES.index(letter)]).as_matrix()
        gap = _forces(kind, axis, x @ R.T, v @ R.T) - _forces(kind, axis, x, v) @ R.T
        if np.abs(gap).max() < 1e-9:
            found.add(letter)
    return found


class Time(Task):
    """Count time fairly."""

    label = "ex-16-time"
    points = 4
    names = {
        "factors": "how many times as long the exact and the averaged network take, two numbers",
        "training": "the seconds of training: penalized, exact, augmented, three numbers",
        "batches": "the number of batches after which the penalized network has made good its "
        "longer training",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw times of a pass, in hundredths of a millisecond, and numbers of steps."""
        plain = chance.randint(20, 90)
        exact = plain + chance.randint(15, 80)
        steps = chance.randrange(800, 3001, 50)
        most = int(2 * steps * plain / exact * 0.85)
        return {
            "plain": plain,
            "exact": exact,
            "order": chance.choice([8, 12, 24, 60]),
            "steps": steps,
            "exact_steps": chance.randrange(200, max(300, most), 25),
        }

    def prompt(self, plain: int, exact: int, order: int, steps: int, exact_steps: int) -> str:
        """Return the question."""
        return rf"""
        A pass of a batch through a plain network takes {plain / 100} ms, through an exactly
        equivariant one {exact / 100} ms. The plain one may also be averaged over the {order}
        elements of a group, which takes a pass for each and nothing else. A step of training takes
        three passes for each batch that the loss looks at. Which multiples of the plain network's
        time do the exact and the averaged network take to answer? Trained are the plain network
        with a penalty that needs its answers at the inputs and at turned inputs, {steps} steps; the
        exact network, {exact_steps} steps; and the plain one with augmentation, {steps} steps.
        How many seconds does each take? After how many batches to be answered is the penalized
        network, training included, as fast as the exact one? The number need not be whole.
        """

    def solution(self, plain: int, exact: int, order: int, steps: int, exact_steps: int) -> str:
        """Return the answer."""
        return f"""
        plain, exact = {plain / 100}, {exact / 100}  # ms
        factors = (exact / plain, {order})
        training = ({steps} * 2 * 3 * plain / 1000, {exact_steps} * 3 * exact / 1000,
                    {steps} * 3 * plain / 1000)
        batches = 1000 * (training[0] - training[1]) / (exact - plain)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A penalty looks at two batches in a step, augmentation at one. Two lines meet where what is
        saved at each answer has made good what was spent in training.
        """

    def difficulty(
        self, plain: int, exact: int, order: int, steps: int, exact_steps: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the quotient of the times of training."""
        return {"quotient": (2 * steps * plain / (exact * exact_steps), 1.05, 40)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two factors, three times and a number of batches, all positive."""
        require((array(answer, "factors", (2,)) >= 1).all(), "Neither is faster.")
        require((array(answer, "training", (3,)) > 0).all(), "Time is positive.")
        require(number(answer, "batches") > 0, "The penalized network trains longer here.")

    def hidden_factors(self, answer: Answer, plain: int, exact: int, order: int, **_: Any) -> None:
        """The factors are right."""
        says = "Divide the times of an answer."
        close = np.allclose(array(answer, "factors", (2,)), (exact / plain, order), rtol=1e-3)
        require(close, says)

    def hidden_training(
        self, answer: Answer, plain: int, exact: int, steps: int, exact_steps: int, **_: Any
    ) -> None:
        """The times of training are right."""
        passes = {"penalty": 6 * steps, "exact": 3 * exact_steps, "augment": 3 * steps}
        cost = {"penalty": plain, "exact": exact, "augment": plain}
        wanted = [passes[name] * cost[name] / 1e5 for name in passes]
        says = "How many batches does each loss look at in a step, and through which network?"
        require(np.allclose(array(answer, "training", (3,)), wanted, rtol=1e-3), says)

    def hidden_batches(
        self, answer: Answer, plain: int, exact: int, steps: int, exact_steps: int, **_: Any
    ) -> None:
        """After that many batches the two have taken equally long."""
        count = number(answer, "batches")
        totals = [6 * steps * plain + count * plain, 3 * exact_steps * exact + count * exact]
        says = "Write both total times as functions of the number of batches."
        require(math.isclose(*totals, rel_tol=1e-3), says)


class Floor(Task):
    """Compute floors, and what penalties ask for."""

    label = "ex-16-projection"
    points = 6
    names = {
        "floors": "the floors for all rotations and for the turns about z, two numbers",
        "turned_targets": "the squared error that is left with the first penalty",
        "own_answers": "the squared error that is left with the second penalty",
        "price": "the price of the pathway that wants the same map as the second penalty",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a symmetric matrix, a vector and a weight."""
        entries = [chance.randint(-3, 3) for _ in range(6)]
        while not (entries[1] or entries[2] or entries[4]):
            entries = [chance.randint(-3, 3) for _ in range(6)]
        c = [chance.randint(-3, 3), chance.randint(1, 3), chance.randint(1, 3)]
        return {"D": entries, "c": c, "tenths": chance.choice([2, 4, 5, 6, 8, 12, 15, 20, 30])}

    def prompt(self, D: list[int], c: list[int], tenths: int) -> str:
        """Return the question."""
        a, b, d, e, f, g = D
        return rf"""
        Inputs $x$ of space have a distribution that no rotation changes, with
        $\mathbb E\, x x^{{\mathsf T}} = I$. The truth is
        $F(x) = \tanh(\lVert x \rVert)\, x + Dx + c$ with the rows $({a}, {b}, {d})$,
        $({b}, {e}, {f})$, $({d}, {f}, {g})$ of $D$ and $c = ({c[0]}, {c[1]}, {c[2]})$. Give the
        least mean squared error $\mathbb E\, \lVert f(x) - F(x) \rVert^2$ of a map that commutes
        with all rotations, and of one that commutes with the turns about $z$. Now $f$ may be any
        map, data are unlimited, and it is least for the mean squared error plus
        $\beta = {tenths / 10}$ times (first penalty) $\mathbb E\, \lVert f(Rx) - R F(x) \rVert^2$
        or (second penalty) $\mathbb E\, \lVert f(Rx) - R f(x) \rVert^2$, with $R$ uniform over all
        rotations. Which mean squared error to $F$ is left in each case? A residual pathway $g + r$
        with $g$ equivariant is trained on $\lVert g + r - F \rVert^2 + \lambda \lVert r \rVert^2$.
        For which $\lambda$ does it want the same map as the second penalty?
        """

    def solution(self, D: list[int], c: list[int], tenths: int) -> str:
        """Return the answer."""
        a, b, d, e, f, g = D
        return f"""
        import numpy as np

        D = np.array([[{a}, {b}, {d}], [{b}, {e}, {f}], [{d}, {f}, {g}]])
        c, beta = np.array({c}), {tenths / 10}
        off = D - np.trace(D) / 3 * np.eye(3)
        about_z = (2 * (D[0, 1]**2 + D[0, 2]**2 + D[1, 2]**2) + (D[0, 0] - D[1, 1])**2 / 2
                   + c[0]**2 + c[1]**2)
        floors = ((off**2).sum() + c @ c, about_z)
        turned_targets = (beta / (1 + beta))**2 * floors[0]
        own_answers = (2 * beta / (1 + 2 * beta))**2 * floors[0]
        price = 2 * beta
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The floor is what averaging over the group takes away. A penalty leaves
        $\frac{1}{1 + \beta}$ of it in the map, and with its own turned answers
        $\frac{1}{1 + 2\beta}$.
        """

    def difficulty(
        self, D: list[int], c: list[int], tenths: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the weight."""
        return {"weight": (tenths / 10, 0.2, 3), "entries": (sum(map(bool, D)), 1, 6)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two floors, two errors and a price."""
        floors = array(answer, "floors", (2,))
        require(floors[0] >= floors[1] >= 0, "Fewer turns leave a lower floor.")
        for name in ("turned_targets", "own_answers", "price"):
            require(number(answer, name) >= 0, f"{name} must not be negative.")

    def hidden_floors(self, answer: Answer, D: list[int], c: list[int], **_: Any) -> None:
        """The floors are right."""
        says = "Average the matrix and the vector over the turns; what is taken away is the floor."
        wanted = (
            _floor(D, c, Rotation.create_group("O")),
            _floor(D, c, Rotation.create_group("C8")),
        )
        require(np.allclose(array(answer, "floors", (2,)), wanted, rtol=1e-4), says)

    def hidden_penalties(self, answer: Answer, D: list[int], c: list[int], tenths: int) -> None:
        """The errors that are left are right."""
        floor, beta = _floor(D, c, Rotation.create_group("O")), tenths / 10
        says = "Which multiple of F - PF does the best map keep, with each penalty?"
        for name, weight in (("turned_targets", beta), ("own_answers", 2 * beta)):
            # the best share s of the broken part, and the error that it leaves
            shares = np.linspace(0, 1, 2001)
            best = shares[((1 - shares) ** 2 + weight * shares**2).argmin()]
            wanted = (1 - best) ** 2 * floor
            require(math.isclose(number(answer, name), wanted, rel_tol=4e-3, abs_tol=1e-3), says)

    def hidden_price(self, answer: Answer, tenths: int, **_: Any) -> None:
        """The price is right."""
        says = "Which multiple of F - PF does the pathway's second summand keep?"
        require(abs(number(answer, "price") - tenths / 5) < 1e-6, says)


def _floor(D: list[int], c: list[int], group: Rotation) -> float:
    """Return the squared size of what an average over a group takes away.

    Matrices and vectors have the same average over the cube's rotations as over all of them, and
    the same over eight turns as over all turns about the axis.
    """
    a, b, d, e, f, g = D
    matrix, vector = np.array([[a, b, d], [b, e, f], [d, f, g]], float), np.array(c, float)
    R = group.as_matrix()
    mean = (R.transpose(0, 2, 1) @ matrix @ R).mean(0)
    back = (R.transpose(0, 2, 1) @ vector).mean(0)
    return float(((matrix - mean) ** 2).sum() + ((vector - back) ** 2).sum())
