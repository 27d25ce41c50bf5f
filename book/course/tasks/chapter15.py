"""Tasks of chapter 15 on a given function and on what a reward buys."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, number, truth


class Form(Task):
    """Find the symmetry form of a quadratic function."""

    label = "ex-15-form"
    points = 4
    names = {
        "M": "the symmetry form, a 4 × 4 array",
        "A": "a generator of the symmetry, a 2 × 2 array",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the two factors and the spread of the second input."""
        a, c = chance.sample([-5, -4, -3, -2, 2, 3, 4, 5], 2)
        return {"a": a, "c": c, "spread": chance.choice([2, 3, 4])}

    def prompt(self, a: int, c: int, spread: int) -> str:
        """Return the question."""
        return rf"""
        Let $f(x) = \frac12 ({a}\, x_1^2 + ({c})\, x_2^2)$ on the plane. The inputs are independent
        and normal with mean zero, $x_1$ with the standard deviation 1 and $x_2$ with the standard
        deviation {spread}. For a matrix $A$ let $\mathcal L_A f = \nabla f(x) \cdot A x$. Give the
        matrix $M$ with $a^{{\mathsf T}} M a = \mathbb E\, (\mathcal L_A f)^2$ for
        $a = (A_{{11}}, A_{{12}}, A_{{21}}, A_{{22}})$, and a matrix $A$ other than zero for which
        $\mathcal L_A f$ vanishes everywhere.
        """

    def solution(self, a: int, c: int, spread: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        a, c, v = {a}, {c}, {spread} ** 2
        # a A11 x1^2 + (a A12 + c A21) x1 x2 + c A22 x2^2, with E x1^4 = 3, E x1^2 x2^2 = v
        M = np.zeros((4, 4))
        M[0, 0], M[0, 3], M[3, 0], M[3, 3] = 3 * a**2, a * c * v, a * c * v, 3 * c**2 * v**2
        M[1, 1], M[1, 2], M[2, 1], M[2, 2] = a**2 * v, a * c * v, a * c * v, c**2 * v
        A = np.array([[0, -c], [a, 0]])
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        The products with an odd power have the mean zero, so the form falls into two blocks, and
        only the one of the entries beside the diagonal has the determinant zero.
        """

    def difficulty(self, a: int, c: int, spread: int) -> dict[str, tuple[float, float, float]]:
        """Return the factors."""
        return {"factor": (max(abs(a), abs(c)), 2, 5), "spread": (spread, 2, 4)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are a symmetric 4 × 4 and a 2 × 2 array, and the second is not zero."""
        M = array(answer, "M", (4, 4))
        require(np.allclose(M, M.T), "The form is symmetric.")
        require(np.abs(array(answer, "A", (2, 2))).max() > 1e-3, "A must not be zero.")

    def hidden_form(self, answer: Answer, a: int, c: int, spread: int) -> None:
        """The form is right."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(6)
        x, y = (g.ravel() for g in np.meshgrid(nodes, spread * nodes, indexing="ij"))
        w = np.outer(weights, weights).ravel() / weights.sum() ** 2
        L = np.stack([a * x * x, a * x * y, c * y * x, c * y * y])
        says = "Write the derivative as a polynomial in x, and take the mean of its square."
        require(np.allclose(array(answer, "M", (4, 4)), (L * w) @ L.T, rtol=1e-4), says)

    def hidden_generator(self, answer: Answer, a: int, c: int, **_: Any) -> None:
        """The function does not change along the flow."""
        A = array(answer, "A", (2, 2))
        x = np.random.default_rng(1).normal(size=(20, 2))
        rate = (x * [a, c] * (x @ A.T)).sum(1)
        says = "A polynomial vanishes everywhere only if each of its coefficients does."
        require(np.abs(rate).max() < 1e-6 * np.abs(A).max(), says)


class Reward(Task):
    """Find the width that a reward buys."""

    label = "ex-15-reward"
    points = 4
    names = {
        "first": "the width to first order in the reward, in degrees",
        "exact": "the width at the bottom of the valley, in degrees",
        "bought": "whether the cap of 180 degrees has a smaller loss, True or False",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw how often the target goes round, its size and the reward."""
        k, size = chance.randint(1, 4), chance.randint(5, 20)
        turned = chance.randint(250, 600) / 1000  # k times the width, to first order
        return {"k": k, "size": size, "reward": round(2 / 3 * k * (size / 10) ** 2 * turned, 4)}

    def prompt(self, k: int, size: int, reward: float) -> str:
        """Return the question."""
        return rf"""
        Points of the unit circle have all angles $\theta$ equally often. The target is
        ${size / 10}\,(\cos {k}\theta, \sin {k}\theta)$. Each point is turned by an angle from
        $U(-w, w)$ before a network sees it, and its target stays. The loss is the least expected
        squared error of all networks, less $\lambda w$ with $\lambda = {reward}$ and $w$ in
        radians. To which width does it lead to first order in $\lambda$? Where exactly, to a tenth
        of a degree, is the bottom of the first valley, the one that a small start finds? The width
        is capped at 180 degrees. Is the loss smaller there than in that valley?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return "Given the turned angle, the best guess is the mean of the targets that are left."

    def solution(self, k: int, size: int, reward: float) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        k, r, reward = {k}, {size / 10}, {reward}

        def loss(w):
            return r**2 * (1 - np.sinc(k * w / np.pi) ** 2) - reward * w

        first = np.degrees(1.5 * reward / (r * k) ** 2)
        w = np.linspace(0, np.pi, 200_001)
        bottom = np.flatnonzero(np.diff(loss(w)) > 0)[0]
        exact = np.degrees(w[bottom])
        bought = bool(loss(np.pi) < loss(w[bottom]))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The best guess is the target shortened by $\operatorname{sinc} kw$, and what is left is its
        variance. A valley is where a small start ends, and not always the best place.
        """

    def difficulty(self, k: int, size: int, reward: float) -> dict[str, tuple[float, float, float]]:
        """Return the angle of the target to first order."""
        return {"angle": (1.5 * reward / (size / 10) ** 2 / k, 0.24, 0.61)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two widths below the cap and a truth value."""
        for name in ("first", "exact"):
            require(0 < number(answer, name) < 180, f"{name} lies between 0 and 180 degrees.")
        truth(answer, "bought")

    def hidden_first(self, answer: Answer, k: int, size: int, reward: float) -> None:
        """The width to first order is right."""
        h = 1e-3  # the error is a parabola there
        curvature = _variance(k, size / 10, h) / h**2
        says = "For small widths the error is a multiple of the width's square. Which?"
        wanted = math.degrees(reward / (2 * curvature))
        require(math.isclose(number(answer, "first"), wanted, rel_tol=5e-4), says)

    def hidden_exact(self, answer: Answer, k: int, size: int, reward: float) -> None:
        """The bottom of the valley is right to a tenth of a degree."""
        says = "Where does the slope of the error first reach the reward?"
        wanted = math.degrees(_valley(k, size / 10, reward))
        require(abs(number(answer, "exact") - wanted) < 0.1, says)

    def hidden_bought(self, answer: Answer, k: int, size: int, reward: float) -> None:
        """It is right whether the cap is better."""
        w = _valley(k, size / 10, reward)
        at = [_variance(k, size / 10, v) - reward * v for v in (math.pi, w)]
        says = "Compare the loss at the cap with that in the valley."
        require(truth(answer, "bought") == (at[0] < at[1]), says)


def _variance(k: int, r: float, w: float) -> float:
    """Return the variance of the targets that are left, from Gauss and Legendre's points."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    left = r * np.exp(1j * k * w * nodes)
    middle = (weights * left).sum() / 2
    return float((weights * np.abs(left - middle) ** 2).sum() / 2)


@cache
def _valley(k: int, r: float, reward: float) -> float:
    """Return the first width at which the error rises as fast as the reward, by bisection."""

    def rises(w: float) -> bool:
        return _variance(k, r, w + 1e-5) - _variance(k, r, w - 1e-5) > 2e-5 * reward

    low, high = 0.001, next(w for w in np.arange(0.01, 3, 0.01) if rises(w))
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return float(low)


class Predict(Task):
    """Predict a width from the best possible cross-entropy."""

    label = "ex-15-predict"
    points = 6
    names = {
        "room": "the width at which classes begin to overlap, in degrees",
        "width": "the width of the least loss, in degrees",
        "paid": "the best possible cross-entropy at that width, in nats",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the number of classes, the range of their angles and the reward."""
        while True:
            m = chance.choice([2, 3, 4])
            half = chance.choice([h for h in range(8, 180 // m - 6) if h not in (30, 45)])
            reward = chance.randint(4, 20) / 100
            left = math.radians(180 - (180 / m - half))  # from the room to the cap
            if 1.25 * reward * left < math.log(m):
                return {"m": m, "half": half, "reward": reward}

    def prompt(self, m: int, half: int, reward: float) -> str:
        """Return the question."""
        return rf"""
        Points of the circle belong to {m} classes, equally often. Class $k$ has the angles within
        $\pm {half}°$ of $k \cdot {360 // m}°$, all equally often. A point is turned by an angle
        from $U(-w, w)$ before a network sees it, and the question is to which class it belongs. At
        which width do two classes begin to overlap? The loss is the best possible cross-entropy,
        in nats, less $\lambda w$ with $\lambda = {reward}$ and $w$ in radians, $w \le \pi$. At
        which width is it least, to half a degree, and what is the cross-entropy there, to 0.005?
        """

    def solution(self, m: int, half: int, reward: float) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        m, n = {m}, 7200
        angles = np.linspace(-np.pi, np.pi, n, endpoint=False)

        def box(h):
            inside = np.clip((h - abs(angles)) * n / (2 * np.pi) + 0.5, 0, 1)
            return np.fft.rfft(np.roll(inside / inside.sum(), n // 2))

        def cross_entropy(w):
            one = np.fft.irfft(box(np.radians({half})) * box(w), n).clip(1e-18)
            classes = np.stack([np.roll(one, k * n // m) for k in range(m)])
            return -(classes * np.log(classes / classes.sum(0))).sum() / m

        room = 180 / m - {half}
        degrees = np.arange(1, 180.2, 0.2)
        found = np.array([cross_entropy(np.radians(d)) for d in degrees])
        best = np.argmin(found - {reward} * np.radians(degrees))
        width, paid = degrees[best], found[best]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        The width is the room that the classes leave, and some more that the reward pays for. The
        narrower the data, the wider it is.
        """

    def difficulty(self, m: int, half: int, reward: float) -> dict[str, tuple[float, float, float]]:
        """Return the room and the reward."""
        return {"room": (180 / m - half, 6, 82), "reward": (reward, 0.04, 0.2)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two widths and a cross-entropy."""
        for name in ("room", "width"):
            require(0 < number(answer, name) <= 180, f"{name} is in degrees, at most 180.")
        require(number(answer, "paid") >= 0, "A cross-entropy is not negative.")

    def hidden_room(self, answer: Answer, m: int, half: int, **_: Any) -> None:
        """The room is right."""
        says = "How far may one class be turned until it meets the next, turned the other way?"
        require(abs(number(answer, "room") - (360 / m / 2 - half)) < 0.01, says)

    def hidden_width(self, answer: Answer, m: int, half: int, reward: float) -> None:
        """The width of the least loss is right."""
        losses = _losses(m, half, reward)
        says = "The density of the turned angles is a box convolved with a box."
        require(abs(number(answer, "width") - losses.argmin() / 2) < 0.75, says)

    def hidden_paid(self, answer: Answer, m: int, half: int, reward: float) -> None:
        """The cross-entropy is right."""
        losses = _losses(m, half, reward)
        at = int(losses.argmin())
        says = "Take the mean of the entropy of the class, given the turned angle."
        wanted = losses[at] + reward * math.radians(at / 2)
        require(abs(number(answer, "paid") - wanted) < 0.006, says)


def _losses(m: int, half: int, reward: float) -> NDArray[np.float64]:
    """Return the loss at each half degree, from trapezoids instead of convolutions."""
    return _entropies(m, half) - reward * np.radians(np.arange(361) / 2)


@cache
def _entropies(m: int, half: int) -> NDArray[np.float64]:
    """Return the best cross-entropies; an angle of one class, turned, has a trapezoid's density."""
    angles = np.arange(-180, 180, 0.25) + 0.125
    found = np.zeros(361)
    for step in range(1, 361):
        w = step / 2
        density = np.zeros((m, len(angles)))
        for k in range(m):
            for lap in (-360, 0, 360):
                away = angles - 360 * k / m + lap
                both = np.minimum(half, away + w) - np.maximum(-half, away - w)
                density[k] += np.clip(both, 0, None)
        density /= density.sum()
        share = density / np.maximum(density.sum(0), 1e-300)
        found[step] = -(density * np.log(np.maximum(share, 1e-300))).sum()
    return found
