"""Task of the companion of chapter 13 on finite turns."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np

from book.course.task import Answer, Task, require
from book.course.values import array

ANGLES = (10, 45, 90)


class Integral(Task):
    """Bound how far an output goes by the integral of the Lie derivative."""

    label = "ex-13-integral"
    points = 5
    names = {
        "gone": "how far the outputs are apart at the three angles, a list",
        "allowed": "the integrals of the size of the Lie derivative up to the angles, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw weights, a point, and how fast the output turns."""
        return {
            "W": [[chance.randint(-20, 20) for _ in range(2)] for _ in range(2)],
            "x": [chance.choice([-1, 1]) * chance.randint(5, 20) for _ in range(2)],
            "m": chance.randint(1, 3),
        }

    def prompt(self, W: list[list[int]], x: list[int], m: int) -> str:
        """Return the question."""
        return rf"""
        The given `f` is a map of the plane to itself. The angle $t$ acts on inputs by the
        rotation $\rho_X(t)$ by $t$, counter-clockwise, and on outputs by the rotation
        $\rho_Z(t)$ by ${m}t$. For $t$ of 10, 45 and 90 degrees give the distance
        $\lVert f(\rho_X(t)\,x) - \rho_Z(t) f(x) \rVert$, and the integral of
        $\lVert (\mathcal L f)(\rho_X(s)\,x) \rVert$ over $s$ from 0 to $t$, with $s$ in radians,
        to three digits. The first must not exceed the second.
        """

    def given(self, W: list[list[int]], x: list[int], m: int) -> str:
        """Return the map and the point."""
        return f"""
        import numpy as np

        W = np.array({[[w / 10 for w in row] for row in W]})
        x = np.array({[v / 10 for v in x]})


        def f(x):
            return np.tanh(W @ x)
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        The map is smooth, so its derivative is exact at every angle and nothing is interpolated.
        Integrate by the midpoint rule.
        """

    def solution(self, W: list[list[int]], x: list[int], m: int) -> str:
        """Return the answer."""
        return f"""
        J = np.array([[0.0, -1.0], [1.0, 0.0]])  # the generator of rotations

        def turned(t, v):
            return np.cos(t) * v + np.sin(t) * J @ v

        def speed(s):
            y = turned(s, x)
            pushed = (1 - f(y) ** 2) * (W @ J @ y)
            return np.linalg.norm(pushed - {m} * J @ f(y))

        gone, allowed = [], []
        for t in np.radians({list(ANGLES)}):
            gone.append(np.linalg.norm(f(turned(t, x)) - turned({m} * t, f(x))))
            middle = (np.arange(500) + 0.5) * t / 500
            allowed.append(sum(map(speed, middle)) * t / 500)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The integral is the length of a path, and the distance is how far its end lies from its
        beginning. They agree only for a path that is straight.
        """

    def difficulty(
        self, W: list[list[int]], x: list[int], m: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return how fast the output turns."""
        return {"turns of the output": (m, 1, 3)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three distances and three integrals, and the bound holds."""
        gone, allowed = array(answer, "gone", (3,)), array(answer, "allowed", (3,))
        require((gone <= allowed * 1.001 + 1e-3).all(), "A distance exceeds its bound.")

    def hidden_gone(self, answer: Answer, W: list[list[int]], x: list[int], m: int) -> None:
        """The distances are right to a thousandth."""
        w, z = np.array(W) / 10, complex(*x) / 10
        for found, degrees in zip(array(answer, "gone", (3,)), ANGLES, strict=True):
            step = np.exp(1j * np.radians(degrees))
            true = abs(_value(w, z * step) - step**m * _value(w, z))
            says = f"At {degrees} degrees: turn the input and apply f; turn f(x) by its own action."
            require(abs(found - true) < 1e-3 * (1 + true), says)

    def hidden_allowed(self, answer: Answer, W: list[list[int]], x: list[int], m: int) -> None:
        """The integrals are right to two parts in a thousand."""
        true = _lengths(str(W), str(x), m)
        for found, wanted, degrees in zip(
            array(answer, "allowed", (3,)), true, ANGLES, strict=True
        ):
            says = (
                f"Up to {degrees} degrees: both actions enter the Lie derivative, s is in radians."
            )
            require(abs(found - wanted) < 2e-3 * (1 + wanted), says)


def _value(w: Any, z: Any) -> Any:
    """Return the map as a complex number, for one point or for many."""
    a, b = (np.tanh(row[0] * np.real(z) + row[1] * np.imag(z)) for row in w)
    return a + 1j * b


@cache
def _lengths(W: str, x: str, m: int) -> list[float]:
    """Return the integrals as lengths of the path of the output, turned back."""
    import ast

    w, z = np.array(ast.literal_eval(W)) / 10, complex(*ast.literal_eval(x)) / 10
    found = []
    for degrees in ANGLES:
        step = np.exp(1j * np.linspace(0, np.radians(degrees), 20_001))
        found.append(float(np.abs(np.diff(_value(w, z * step) / step**m)).sum()))
    return found
