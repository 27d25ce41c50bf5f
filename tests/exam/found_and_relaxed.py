"""Answers to the questions on chapters 15 to 18."""

from __future__ import annotations

import math

import numpy as np

from tests.exam.frame import Values, first_wrong, of

# -- chapter 15


@of("exam-15-four-points")
def four_points(p: list[int], q: list[int], r: list[int], s: list[int]) -> Values:
    def f(x: np.ndarray) -> float:
        return float(x[0] * x[1])

    generators = [np.array([[0, -1], [1, 0]]), np.diag([1, -1]), np.eye(2)]
    h = 1e-6
    rates = np.array(
        [
            [(f(x + h * E @ x) - f(x - h * E @ x)) / (2 * h) for x in map(np.array, (p, q, r, s))]
            for E in generators
        ]
    )
    form = rates @ rates.T / 4
    for x in np.random.default_rng(0).normal(size=(5, 2)):
        assert math.isclose(f(x * np.exp([0.7, -0.7])), f(x))
    away = form - np.diag(np.diag(form))
    return {
        "diagonal": [round(float(v), 6) for v in np.diag(form)],
        "beside": round(float(abs(away).max()), 6),
    }


@of("exam-15-ties")
def ties(n: int, first: float, second: float, gap: float) -> Values:
    draw = np.random.default_rng(1).normal(size=(2, n))
    seen = draw - draw.mean(1, keepdims=True) + np.array([[first], [second]])
    untied = ((seen - seen.mean(1, keepdims=True)) ** 2).sum()
    raised = float(((seen - seen.mean()) ** 2).sum() - untied)
    # each estimate is a matrix times the two averages, which have the variance 1/n
    risks = []
    for weights in (np.eye(2), np.full((2, 2), 0.5)):
        bias = weights @ np.array([0, gap]) - np.array([0, gap])
        risks.append(float((weights**2).sum() / n + bias @ bias))
    price = math.log(2 * n)
    assert risks[1] < risks[0]
    assert raised < price
    return {"raised": raised, "apart": risks[0], "together": risks[1], "price": price}


# -- chapter 16


@of("exam-16-odd-part")
def odd_part(near: int, far: int, beta: int) -> Values:
    x = np.array([-far, -near, near, far], dtype=float)

    def mean(values: np.ndarray) -> float:
        return float(values.mean())

    truth = 2 * x + x**2
    other = 2 * -x + x**2  # at -x
    projected = (truth - other) / 2
    for odd in (x, x**3, np.sin(x)):
        both = mean((odd - projected) ** 2) + mean((truth - projected) ** 2)
        assert math.isclose(mean((odd - truth) ** 2), both)
    # least squares at each point: weight 1 on F, beta / 2 on F and on -F(-x)
    best = (truth + beta / 2 * (truth - other)) / (1 + beta)
    assert near != 1 or far != 2 or np.allclose(best, 2 * x + x**2 / (1 + beta))
    return {
        "floor": mean((truth - projected) ** 2),
        "gap": mean((other + truth) ** 2) / 2,
        "left": mean((best - truth) ** 2),
    }


@of("exam-16-three-axes")
def three_axes(c: list[int]) -> Values:
    value = np.array(c, dtype=float)
    assert len(value) == 3
    derivatives = np.array([-np.cross(axis, value) for axis in np.eye(3)])
    some = np.array([1.0, 2.0, -1.0])
    steps = [
        np.allclose(some @ derivatives, -np.cross(some, value)),
        np.linalg.matrix_rank(np.eye(3)) == 3,
        not np.allclose(value @ derivatives, 0),
    ]
    form = derivatives @ derivatives.T
    assert np.allclose(form, value @ value * np.eye(3) - np.outer(value, value))
    return {
        "step": first_wrong(steps),
        "sizes": [float(v) for v in np.linalg.norm(derivatives, axis=1)],
        "eigenvalues": [round(float(v), 9) for v in np.linalg.eigvalsh(form)],
    }


# -- chapter 17


def cross(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


@of("exam-17-two-bodies")
def two_bodies(q: list[int], r: list[int]) -> Values:
    first, second = np.array(q, dtype=float), np.array(r, dtype=float)

    def potential(a: np.ndarray, b: np.ndarray) -> float:
        return float(((a - b) ** 2).sum()) / 2

    h = 1e-6
    pulls = [
        -np.array(
            [
                (potential(*(m + h * e * (k == i) for k, m in enumerate((first, second))))
                 - potential(*(m - h * e * (k == i) for k, m in enumerate((first, second)))))
                / (2 * h)
                for e in np.eye(2)
            ]
        )
        for i in range(2)
    ]  # fmt: skip
    assert np.allclose(pulls[0] + pulls[1], 0)
    uneven = [2 * (second - first), first - second]
    R, s = np.array([[0.6, -0.8], [0.8, 0.6]]), np.array([3.0, -1.0])
    assert np.allclose(2 * ((R @ second + s) - (R @ first + s)), R @ uneven[0])
    return {
        "force": [round(float(v), 6) for v in pulls[0]],
        "torque": round(cross(first, pulls[0]) + cross(second, pulls[1]), 6),
        "first": uneven[0].tolist(),
        "second": uneven[1].tolist(),
        "total": (uneven[0] + uneven[1]).tolist(),
        "spin": cross(first, uneven[0]) + cross(second, uneven[1]),
    }


@of("exam-17-pose")
def pose(arm: int) -> Values:
    def moment(t: float) -> complex:
        cloud = np.array([arm + t, -arm - t, 1j * (arm - t), -1j * (arm - t)])
        return complex((cloud**2).sum())

    steps = [True, True, abs(np.angle(moment(1e-6)) - np.angle(moment(-1e-6))) < 1]
    before, after = (abs(math.degrees(np.angle(moment(t)) / 2)) for t in (1e-3, -1e-3))

    def averaged(z: np.ndarray) -> float:
        kept = z[abs(z) > 0]
        values = [abs(w) * np.cos((z * abs(w) / w).real @ [1, 2, 3]) for w in kept]
        return float(sum(values) / abs(kept).sum())

    near = [averaged(np.array([1.0, 1j, t * (1 + 1j)])) for t in (-1e-7, 0.0, 1e-7)]
    assert max(near) - min(near) < 1e-6
    return {
        "step": first_wrong(steps),
        "rate": round(moment(0.1).real / 0.1, 6),
        "before": round(before, 6),
        "after": round(after, 6),
    }


# -- chapter 18


@of("exam-18-law")
def law(n: int, m: int, even: int) -> Values:
    def told(factor: int) -> int:
        return len({factor * k % n for k in range(n)})

    assert any((k + 1) ** 2 % n != (k**2 + 1) % n for k in range(n))
    assert told(m) == n
    return {"moved": 4**2 % n, "told": told(even), "shared": n / told(even)}


@of("exam-18-two-numbers")
def two_numbers(x: list[int], half: list[int]) -> Values:
    row = np.array(x, dtype=float)
    assert half == [row.mean()] * 4
    poses = {
        "A": np.array([np.roll(row, k) for k in range(4)]),
        "B": np.full((4, 4), row.mean()),
        "C": np.array([row] * 4),
    }
    gaps = {
        name: np.mean([((np.roll(z[k], 1) - z[(k + 1) % 4]) ** 2).sum() for k in range(4)])
        for name, z in poses.items()
    }
    spreads = {name: float(z.var(axis=0).mean()) for name, z in poses.items()}
    assert gaps["A"] == gaps["B"] == 0 == spreads["B"] == spreads["C"]
    return {"spread": spreads["A"], "gap": float(gaps["C"])}
