"""Tasks of chapter 16 with code: an error and a derivative, averages over a cube, a penalty."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from book.course.task import Answer, Task, require
from book.course.values import array, number


class Ripples(Task):
    """Compare an equivariance error with a Lie derivative."""

    label = "ex-16-map"
    points = 5
    names = {
        "errors": "the equivariance errors of the two maps, a list",
        "derivatives": "the sizes of their Lie derivatives, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the numbers of waves, their sizes and a constant, in hundredths."""
        return {
            "waves": [*chance.sample(range(1, 7), 2), chance.randint(10, 40)],
            "sizes": [chance.randint(5, 60) for _ in range(3)],
            "constant": chance.randint(10, 60),
        }

    def prompt(self, waves: list[int], sizes: list[int], constant: int) -> str:
        """Return the question."""
        j, k, m = waves
        a, b, s = (size / 100 for size in sizes)
        return rf"""
        Let $\varphi$ be the angle of a point $x$ of space about the axis $z$, and $e_x$, $e_y$,
        $e_z$ the unit vectors. Two maps of space to itself are
        $f_1(x) = x + \bigl( {a} \cos({j}\varphi) + {b} \sin({k}\varphi) \bigr)\, e_z
        + {constant / 100}\, e_x$ and $f_2(x) = x + {s} \cos({m}\varphi)\, e_z$. For each give the
        root mean square of $\lVert f(Rx) - R f(x) \rVert$ over all $\varphi$ and over all turns $R$
        about $z$, and the root mean square of its Lie derivative
        $J_f(x)[Ax] - A f(x)$ over all $\varphi$, where $A$ generates these turns at one radian per
        unit of time.
        """

    def solution(self, waves: list[int], sizes: list[int], constant: int) -> str:
        """Return the answer."""
        j, k, m = waves
        a, b, s = (size / 100 for size in sizes)
        return f"""
        from math import sqrt

        a, b, s, c = {a}, {b}, {s}, {constant / 100}
        errors = [sqrt(a**2 + b**2 + 2 * c**2), s]
        derivatives = [sqrt((a * {j})**2 / 2 + (b * {k})**2 / 2 + c**2), s * {m} / sqrt(2)]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Waves of different frequency are perpendicular, so squares add up. The constant does not
        turn with the input, as it should. A fine ripple has a large derivative and a small error.
        """

    def difficulty(
        self, waves: list[int], sizes: list[int], constant: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the finest wave."""
        return {"finest wave": (waves[2], 10, 40), "constant": (constant, 10, 60)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are two errors and two derivatives, all positive."""
        for name in self.names:
            require((array(answer, name, (2,)) > 0).all(), "Neither map is equivariant.")

    def hidden_errors(
        self, answer: Answer, waves: list[int], sizes: list[int], constant: int
    ) -> None:
        """The errors are right to a thousandth."""
        wanted = [_error(*one) for one in _maps(waves, sizes, constant)]
        says = "The values at two independent angles; and what does a turn do to the constant?"
        require(np.allclose(array(answer, "errors", (2,)), wanted, rtol=1e-3), says)

    def hidden_derivatives(
        self, answer: Answer, waves: list[int], sizes: list[int], constant: int
    ) -> None:
        """The derivatives are right to a thousandth."""
        wanted = [_slope(*one) for one in _maps(waves, sizes, constant)]
        says = (
            "Both terms of the Lie derivative count: the slope of the waves, the turned constant."
        )
        require(np.allclose(array(answer, "derivatives", (2,)), wanted, rtol=1e-3), says)


def _maps(waves: list[int], sizes: list[int], constant: int) -> list[tuple[Any, float]]:
    """Return the ripple of each map as a function of the angle, and its constant."""
    (j, k, m), (a, b, s) = waves, (size / 100 for size in sizes)
    return [
        (lambda t: a * np.cos(j * t) + b * np.sin(k * t), constant / 100),
        (lambda t: s * np.cos(m * t), 0.0),
    ]


def _error(ripple: Any, c: float) -> float:
    """Return the error on a grid of angles, that is fine enough to be exact."""
    t = np.arange(256) * 2 * np.pi / 256
    up = ripple(t[:, None] + t) - ripple(t[:, None])
    across = np.abs(c - c * np.exp(1j * t))
    return float(np.sqrt((up**2).mean() + (across**2).mean()))


def _slope(ripple: Any, c: float) -> float:
    """Return the size of the derivative, by differences of the ripple."""
    t, h = np.arange(256) * 2 * np.pi / 256, 1e-4
    return float(np.sqrt((((ripple(t + h) - ripple(t - h)) / (2 * h)) ** 2).mean() + c**2))


class Cube(Task):
    """Average polynomials over the rotations of the cube, and over all."""

    label = "ex-16-cube"
    points = 6
    names = {
        "of_cube": "the averages over the 24 rotations at the given point, a list",
        "of_all": "the averages over all rotations at the given point, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw polynomials of degree 2, 4 and 6, two terms each, and a point."""
        terms = []
        for degree in (2, 4, 6):
            a = chance.randrange(0, degree + 1, 2)
            b = chance.randrange(0, degree - a + 1, 2)
            other = chance.randint(0, degree)
            terms.append(
                [
                    [chance.choice([-3, -2, 2, 3, 4]), a, b, degree - a - b],
                    [chance.choice([-2, -1, 1, 2]), degree - other, other, 0],
                ]
            )
        point = [chance.choice([-1, 1]) * n for n in chance.sample(range(3, 16), 3)]
        return {"terms": terms, "point": point}

    def prompt(self, terms: list[list[list[int]]], point: list[int]) -> str:
        """Return the question."""
        listed = ", ".join(
            "$" + " + ".join(rf"({s})\, x_1^{a} x_2^{b} x_3^{c}" for s, a, b, c in one) + "$"
            for one in terms
        )
        return rf"""
        A function $f$ of a point is averaged over rotations: $\bar f(x)$ is the mean of $f(Rx)$.
        Give $\bar f(x)$ at the point $x = ({", ".join(str(v / 10) for v in point)})$, if $R$
        runs through the 24 rotations of the cube with its faces perpendicular to the axes, and if
        it runs through all rotations, for each of these three functions: {listed}.
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return r"""
        Over the sphere of radius 1 the mean of $x_1^a x_2^b x_3^c$ with even exponents is
        $(a - 1)!!\,(b - 1)!!\,(c - 1)!! / (a + b + c + 1)!!$, where
        $n!! = n (n - 2) (n - 4) \cdots$ and $(-1)!! = 1$; with an odd exponent it is zero.
        """

    def solution(self, terms: list[list[list[int]]], point: list[int]) -> str:
        """Return the answer."""
        return f"""
        import itertools
        from math import prod
        import numpy as np

        point = np.array({[v / 10 for v in point]})
        cube = []
        for order in itertools.permutations(range(3)):
            for signs in itertools.product([1, -1], repeat=3):
                R = np.eye(3)[list(order)] * np.array(signs)
                if np.linalg.det(R) > 0:
                    cube.append(R)

        def double(n):
            return prod(range(n, 0, -2))

        of_cube, of_all = [], []
        for terms in {terms}:
            value = lambda x: sum(s * prod(x ** np.array(p)) for s, *p in terms)
            of_cube.append(float(np.mean([value(R @ point) for R in cube])))
            of_all.append(sum(
                s * np.linalg.norm(point)**sum(p) * prod(double(e - 1) for e in p)
                / double(sum(p) + 1) for s, *p in terms if all(e % 2 == 0 for e in p)))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        Up to degree three the two averages agree, and from degree four on they do not: averaging
        over the cube makes a function invariant under its 24 rotations and under no other.
        """

    def difficulty(
        self, terms: list[list[list[int]]], point: list[int]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of terms and the size of the point."""
        size = float(np.linalg.norm(point)) / 10
        return {"terms": (sum(len(one) for one in terms), 6, 6), "size": (size, 0.6, 2.6)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three averages of either kind, and the first two agree."""
        of_cube, of_all = (array(answer, name, (3,)) for name in self.names)
        says = "In degree two the averages over the cube's and over all rotations agree."
        require(abs(of_cube[0] - of_all[0]) < 1e-3 * (1 + abs(of_all[0])), says)

    def hidden_cube(self, answer: Answer, terms: list[list[list[int]]], point: list[int]) -> None:
        """The averages over the cube are right."""
        x = np.array(point) / 10
        turns = [
            np.stack([s * x[i], t * x[j], s * t * sign * x[k]])
            for (i, j, k), sign in _ORDERS.items()
            for s in (1, -1)
            for t in (1, -1)
        ]
        wanted = [np.mean([_value(one, y) for y in turns]) for one in terms]
        says = "Signed permutations with the determinant one: there are 24."
        require(np.allclose(array(answer, "of_cube", (3,)), wanted, rtol=1e-3, atol=1e-4), says)

    def hidden_all(self, answer: Answer, terms: list[list[list[int]]], point: list[int]) -> None:
        """The averages over all rotations are right."""
        z, weights = np.polynomial.legendre.leggauss(8)
        t = np.arange(16) * 2 * np.pi / 16
        radius, size = np.sqrt(1 - z**2)[:, None], float(np.linalg.norm(point)) / 10
        y = size * np.stack([radius * np.cos(t), radius * np.sin(t), z[:, None] + 0 * t])
        wanted = [(_value(one, y).mean(1) @ weights) / 2 for one in terms]
        says = "All rotations take the point to all places of its sphere, equally often."
        require(np.allclose(array(answer, "of_all", (3,)), wanted, rtol=1e-3, atol=1e-4), says)


_ORDERS = {
    (0, 1, 2): 1,
    (1, 2, 0): 1,
    (2, 0, 1): 1,
    (0, 2, 1): -1,
    (2, 1, 0): -1,
    (1, 0, 2): -1,
}


def _value(terms: list[list[int]], x: Any) -> Any:
    """Return the value of a polynomial at points, the first axis of which holds coordinates."""
    return sum(s * x[0] ** a * x[1] ** b * x[2] ** c for s, a, b, c in terms)


class Strength(Task):
    """Find the best weight of a penalty."""

    label = "ex-16-beta"
    points = 6
    names = {
        "expected": "the expected squared errors without a penalty, with the given one, and with "
        "the best one, a list",
        "best": "the best weight",
        "worth": "the squared size of the broken part above which the given weight does harm",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the size of matrices and of the equivariant part, data, noise, and a weight."""
        d = chance.randint(3, 6)
        return {
            "d": d,
            "kept": chance.randint(1, d),
            "n": chance.randrange(40, 201, 10),
            "noise": chance.randint(5, 20),
            "broken": chance.randint(5, 60),
            "tenths": chance.choice([5, 10, 15, 20, 30, 50]),
        }

    def prompt(self, d: int, kept: int, n: int, noise: int, broken: int, tenths: int) -> str:
        """Return the question."""
        return rf"""
        A ${d} \times {d}$ matrix $W$ is estimated by least squares from {n} pairs $y = Wx$ plus
        noise, and each entry of the estimate has the variance $\sigma^2 / n$ with
        $\sigma = {noise / 10}$, independently. The equivariant matrices are a subspace of
        dimension {kept}. A penalty of weight $\beta$ leaves the part of the estimate in this
        subspace alone, and multiplies the part perpendicular to it by $1 / (1 + \beta)$. The
        perpendicular part of the true $W$ has the squared norm $b^2 = {broken / 100}$. Give the
        expected squared error (Frobenius) of the estimate for $\beta = 0$, for
        $\beta = {tenths / 10}$, and for the best $\beta$; and the best $\beta$. Above which $b^2$
        would $\beta = {tenths / 10}$ be worse than no penalty?
        """

    def solution(self, d: int, kept: int, n: int, noise: int, broken: int, tenths: int) -> str:
        """Return the answer."""
        return f"""
        variance, b2, rest = {noise / 10} ** 2 / {n}, {broken / 100}, {d * d - kept}

        def error(beta):
            s = 1 / (1 + beta)
            return variance * ({kept} + rest * s**2) + (1 - s) ** 2 * b2

        best = rest * variance / b2
        expected = [error(0), error({tenths / 10}), error(best)]
        s = 1 / (1 + {tenths / 10})
        worth = rest * variance * (1 - s**2) / (1 - s) ** 2
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return """
        A penalty trades variance of what is not equivariant against a bias. It pays if what is
        broken is small against the noise of its estimate.
        """

    def difficulty(
        self, d: int, kept: int, n: int, noise: int, broken: int, tenths: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the size of matrices and the weight."""
        return {"size": (d, 3, 6), "weight": (tenths / 10, 0.5, 5)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three errors and two numbers, all positive, and the best is the best."""
        expected = array(answer, "expected", (3,))
        require((expected > 0).all(), "An expected square is positive.")
        require(expected[2] <= expected[:2].min() * 1.0001, "The best weight has the least error.")
        for name in ("best", "worth"):
            require(number(answer, name) > 0, f"{name} must be positive.")

    def hidden_expected(self, answer: Answer, tenths: int, **numbers: int) -> None:
        """The expected errors are right."""
        grid = np.geomspace(1e-4, 1e4, 20_001)
        least = min(_expected(beta, numbers["broken"] / 100, **numbers) for beta in grid)
        wanted = [_expected(b, numbers["broken"] / 100, **numbers) for b in (0, tenths / 10)]
        says = "Add the variances of all entries, each shrunk or not, and the squared bias."
        require(np.allclose(array(answer, "expected", (3,)), [*wanted, least], rtol=1e-3), says)

    def hidden_best(self, answer: Answer, tenths: int, **numbers: int) -> None:
        """The best weight has a slope of zero."""
        beta, h = number(answer, "best"), 1e-4
        b2 = numbers["broken"] / 100
        there, back = (_expected(beta * (1 + s * h), b2, **numbers) for s in (1, -1))
        says = "Differentiate the expected error in the factor by which the part is multiplied."
        near = (_expected(beta * (1 + s * 0.01), b2, **numbers) for s in (1, -1))
        middle = _expected(beta, b2, **numbers)
        require(abs(there - back) < 4e-3 * h * middle, says)
        require(all(value > middle for value in near), says)

    def hidden_worth(self, answer: Answer, tenths: int, **numbers: int) -> None:
        """There the given weight makes no difference."""
        b2 = number(answer, "worth")
        both = [_expected(beta, b2, **numbers) for beta in (0, tenths / 10)]
        says = "Set the two expected errors equal, and solve for the square of the broken part."
        require(abs(both[1] / both[0] - 1) < 1e-3, says)


def _expected(beta: float, b2: float, d: int, kept: int, n: int, noise: int, **_: int) -> float:
    """Return the expected squared error, entry by entry in a basis of both parts."""
    factors = [1.0] * kept + [1 / (1 + beta)] * (d * d - kept)
    variance = sum((f * noise / 10) ** 2 / n for f in factors)
    return variance + (beta / (1 + beta)) ** 2 * b2
