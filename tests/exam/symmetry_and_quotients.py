"""Answers on chapters 1 to 6."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tests.exam.frame import Code, Values, first_wrong, of, orbits, product, shifts, squared, turn

# -- chapter 1


@of("exam-01-which-action")
def which_action() -> Values:
    def f2(x: Code) -> tuple[float, ...]:
        return x[0] - x[2], x[1] - x[3]

    def f3(x: Code) -> tuple[float, ...]:
        return x[0] * x[1], x[1] * x[2], x[2] * x[3], x[0] * x[2]

    def f1(x: Code) -> tuple[float, ...]:
        return tuple(a * b for a, b in zip(x, np.roll(x, -1), strict=True))

    images = list(itertools.product([-1, 0, 1, 2], repeat=4))
    g = {x: tuple(np.roll(x, 1)) for x in images}
    assert all(f1(g[x]) == tuple(np.roll(f1(x), 1)) for x in images)
    columns = [f2(g[x]) for x in ((1, 0, 0, 0), (0, 1, 0, 0))]
    matrix = np.array(columns).T
    assert all((matrix @ f2(x) == f2(g[x])).all() for x in images)
    zeros = [x for x in itertools.product([0, 1], repeat=4) if f3(x) == (0, 0, 0, 0)]
    (witness,) = [x for x in zeros if any(f3(g[x])) and x[1] == 1]
    one, other = (5, 0), (3, 4)
    assert np.hypot(*one) == np.hypot(*other)
    assert not any(np.allclose(m @ one, other) for m in product([matrix]))
    values = {"first": columns[0], "second": columns[1], "witness": witness}
    return values | {"turned": g[witness], "code": f3(g[witness]), "one": one, "other": other}


@of("exam-01-enough-labels")
def enough_labels(turns: int, few: int) -> Values:
    """With that many labels, evenly spread over the poses, as many lie in the pose of a query."""
    enough = next(n for n in itertools.count(1) if n / turns >= few)
    return {"labels": enough}


# -- chapter 2


@of("exam-02-windows")
def windows(rows: int, columns: int) -> Values:
    def flat(a: np.ndarray) -> tuple[int, ...]:
        return tuple(a.ravel())

    def move(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Any], Any]:
        return lambda p: flat(change(np.reshape(p, (rows, columns))))

    patterns = list(itertools.product([0, 1], repeat=rows * columns))
    moves = [
        move(change) for change in (lambda a: a, lambda a: a[::-1, ::-1], np.fliplr, np.flipud)
    ]
    fixed = [sum(m(p) == p for p in patterns) for m in moves]
    found = Counter(map(len, orbits(patterns, moves)))
    return {
        "patterns": fixed[0],
        "half_turn": fixed[1],
        "sides": fixed[2],
        "upside_down": fixed[3],
        "orbits": sum(found.values()),
        "ones": found[1],
        "twos": found[2],
        "fours": found[4],
        "naive": len(patterns) // 4,
    }


@of("exam-02-longer")
def longer(slope: int) -> Values:
    a = np.array([[1, slope], [0, -1]])
    assert (a @ a == np.eye(2)).all()
    mean = (np.eye(2) + a) / 2
    steps = [a @ mean == mean, mean @ mean == mean, mean == mean.T]
    z = np.array([1, 1])
    assert np.linalg.norm(mean @ z) > np.linalg.norm(z)
    return {"step": first_wrong(steps), "corner": mean[0, 1], "z": z, "image": mean @ z}


@of("exam-02-nobody-stays")
def nobody_stays(corners: int) -> Values:
    every = [
        tuple((k + s * i) % corners for i in range(corners))
        for s in (1, -1)
        for k in range(corners)
    ]
    fixed = [sum(i == image for i, image in enumerate(g)) for g in every]
    assert sum(fixed) == len(every)
    swap = [(0, 1, 2), (1, 0, 2)]
    assert all(any(i == image for i, image in enumerate(g)) for g in swap)
    for n in (2, 3, 4):  # part (a), for groups with one orbit
        cyclic = [tuple((i + k) % n for i in range(n)) for k in range(n)]
        for group in (cyclic, list(itertools.permutations(range(n)))):
            assert any(all(i != image for i, image in enumerate(g)) for g in group)
    return {
        "order": len(every),
        "turns": corners - 1,
        "flips": sum(count == 2 for count in fixed),
        "free": fixed.count(0),
    }


# -- chapter 3


@of("exam-03-sides")
def sides() -> Values:
    every = [tuple((k + s * i) % 4 for i in range(4)) for s in (1, -1) for k in range(4)]
    outputs = {
        "sides": [frozenset({i, (i + 1) % 4}) for i in range(4)],
        "diagonals": [frozenset({0, 2}), frozenset({1, 3})],
    }
    found = {}
    for name, places in outputs.items():
        for end, group in (("", every), ("_turns", every[:4])):
            equations = []
            for g in group:
                out = np.array([[frozenset(g[i] for i in o) == p for o in places] for p in places])
                into = np.array([[g[i] == j for i in range(4)] for j in range(4)])
                equations.append(np.kron(out, np.eye(4)) - np.kron(np.eye(len(places)), into.T))
            rank = np.linalg.matrix_rank(np.concatenate(equations).astype(float))
            found[name + end] = 4 * len(places) - int(rank)
    return found


@of("exam-03-cubes")
def cubes(most: int) -> Values:
    draw = np.random.default_rng(0).normal(size=(2, 50))
    cases = {"cube": lambda x: x**3, "rectifier": lambda x: np.maximum(x, 0)}
    found = {}
    for name, f in cases.items():
        good = [
            n
            for n in range(1, most + 1)
            if all(np.allclose(f(m @ draw), m @ f(draw)) for m in product([turn(360 / n)]))
        ]
        found[name] = good
    signed = np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]])
    x = np.random.default_rng(1).normal(size=3)
    assert np.allclose((signed @ x) ** 3, signed @ x**3)
    return found


# -- chapter 4


@of("exam-04-two-calls")
def two_calls(z: Code, w: Code) -> Values:
    flips = shifts(w) + shifts(w[::-1])
    draw = np.random.default_rng(2)
    group = [np.eye(3)[list(p)] for p in itertools.permutations(range(3))]
    subgroup = [group[0], np.eye(3)[[1, 0, 2]]]

    def under(matrices: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
        return min(float(np.linalg.norm(x - m @ y)) for m in matrices)

    def representatives(right: bool) -> list[np.ndarray]:
        chosen: list[np.ndarray] = []
        for g in group:
            classes = [h @ k if right else k @ h for k in chosen for h in subgroup]
            if not any((g == c).all() for c in classes):
                chosen.append(g)
        return chosen

    after, before = representatives(True), representatives(False)
    wrong = False
    for _ in range(50):
        x, y = draw.normal(size=(2, 3))
        whole = under(group, x, y)
        assert np.isclose(whole, min(under(subgroup, x, g @ y) for g in after))
        assert np.isclose(whole, min(under(subgroup, k.T @ x, y) for k in before))
        assert np.isclose(whole, min(under(subgroup, x, k.T @ y) for k in before))
        wrong |= not np.isclose(whole, min(under(subgroup, x, k @ y) for k in before))
    assert wrong  # without the change of part (d)
    n = len(z)
    return {
        "calls_flips": 2 * n // n,
        "calls_all": math.factorial(4) // 4,
        "cyclic": squared(z, shifts(w)),
        "flips": squared(z, flips),
    }


@of("exam-04-four-offers")
def four_offers(rows: int, length: int) -> Values:
    draw = np.random.default_rng(3)
    dimension = rows * length
    impossible = [firm for firm, m in {"A": 12}.items() if m < dimension]

    def polynomial(z: np.ndarray) -> float:
        """An invariant polynomial with parts of degree 1, 2 and 3."""
        moved = [np.roll(z, r, axis=1) for r in range(length)]
        return sum(float((weights * m).sum() + (w2 * m).sum() ** 2 + m[0, 0] ** 3) for m in moved)

    weights, w2 = draw.normal(size=(2, rows, length))
    u = draw.normal(size=(rows, length))
    u -= u.mean(axis=1, keepdims=True)
    steep = [abs(polynomial(t * u)) / (t * np.linalg.norm(u)) for t in (1e-2, 1e-4, 1e-6)]
    if steep[2] < steep[1] / 50 < steep[0] / 2500:  # no lower bound near zero
        impossible.append("B")

    def d(x: np.ndarray, y: np.ndarray) -> float:
        return min(float(np.linalg.norm(x - np.roll(y, r, axis=-1))) for r in range(length))

    place = np.arange(length)
    x, y = (np.tile(np.cos(2 * np.pi * (place + h) / length), (rows, 1)) for h in (0, 0.5))
    middles = [(x + y) / 2, (x + np.roll(y, 1, axis=1)) / 2]
    halves = [d(end, m) for end in (x, y) for m in middles]
    if np.allclose(halves, d(x, y) / 2) and d(*middles) > 1e-3:
        impossible.append("C")
    return {"dimension": dimension, "impossible": impossible}


# -- chapter 5


def reflections(group: list[np.ndarray]) -> list[np.ndarray]:
    d = len(group[0])
    return [
        g
        for g in group
        if np.allclose(g @ g, np.eye(d)) and np.linalg.matrix_rank(g - np.eye(d)) == 1
    ]


@of("exam-05-five-actions")
def five_actions() -> Values:
    def exchange(d: int, i: int, j: int) -> np.ndarray:
        order = list(range(d))
        order[i], order[j] = j, i
        return np.eye(d)[order]

    groups = {
        "a": product([exchange(3, 0, 1) @ np.diag([1, 1, -1])]),
        "b": product([exchange(4, 0, 1), exchange(4, 2, 3)]),
        "c": product([np.diag([-1, -1, 1]), np.diag([1, -1, -1])]),
        "d": product([np.diag([-1, 1, 1]), exchange(3, 1, 2)]),
        "e": product([exchange(3, 0, 1), exchange(3, 1, 2), -np.eye(3)]),
    }
    assert [len(group) for group in groups.values()] == [2, 4, 4, 4, 12]
    generated = {name: len(product(reflections(group))) for name, group in groups.items()}
    sections = {
        "b": lambda z: [min(z[:2]), max(z[:2]), min(z[2:]), max(z[2:])],
        "d": lambda z: [abs(z[0]), min(z[1:]), max(z[1:])],
    }
    draw = np.random.default_rng(4)
    for name, s in sections.items():
        for _ in range(100):
            z, w = draw.normal(size=(2, len(groups[name][0])))
            exact = min(np.linalg.norm(z - g @ w) for g in groups[name])
            assert np.isclose(np.linalg.norm(np.subtract(s(z), s(w))), exact)
    return {
        "qualify": [name for name, group in groups.items() if generated[name] == len(group)],
        **{f"order_{name}": generated[name] for name in "ace"},
    }


@of("exam-05-by-norm")
def by_norm() -> Values:
    def listed(points: Iterable[Code], key: Callable[[Any], float]) -> np.ndarray:
        return np.array(sorted(points, key=key), float)

    def gap(x: list[Any], y: list[Any], key: Callable[[Any], float]) -> tuple[float, float]:
        sets = min(
            float(np.linalg.norm(np.array(x) - np.array(p))) for p in itertools.permutations(y)
        )
        return sets, float(np.linalg.norm(listed(x, key) - listed(y, key)))

    e = 1e-7
    pair = [(1 - e, 0), (0, 1 + e)], [(1 + e, 0), (0, 1 - e)]
    numbers = [1 + e, -1], [1, -1 - e]
    near, jump = gap(*pair, key=lambda p: math.hypot(*p))
    near_numbers, jump_numbers = gap(*numbers, key=abs)
    assert max(near, near_numbers) < 1e-6
    assert gap(*numbers, key=float)[1] < 1e-6
    far = [np.hypot(*np.array(points).T) for points in pair]
    steps = [
        np.allclose(
            listed(pair[0], lambda p: math.hypot(*p)),
            listed(pair[0][::-1], lambda p: math.hypot(*p)),
        ),
        abs(far[0] - far[1]).max() < 1e-6,
        abs(np.sort(far[0]) - np.sort(far[1])).max() < 1e-6,
        jump < 1e-6,
    ]
    return {"step": first_wrong(steps), "jump": round(jump, 6), "jump_numbers": jump_numbers}


@of("exam-05-other-costs")
def other_costs(x: Code, y: Code) -> Values:
    def cost(f: Callable[[float], float], a: Code, b: Code) -> float:
        return sum(f(s - t) for s, t in zip(a, b, strict=True))

    convex = [abs, lambda t: t * t, lambda t: abs(t) ** 3, math.exp, lambda t: max(t, 0.5 * t)]
    draw = np.random.default_rng(5)
    for f in convex:
        for n in (2, 4):
            for _ in range(20):
                a, b = np.sort(draw.normal(size=(2, n)))
                best = min(cost(f, a, p) for p in itertools.permutations(b))
                assert np.isclose(cost(f, a, b), best)
    root = lambda t: math.sqrt(abs(t))  # noqa: E731
    in_order, crossed = cost(root, x, y), cost(root, x, y[::-1])
    assert crossed < in_order
    return {"in_order": in_order, "crossed": crossed}


# -- chapter 6


@of("exam-06-shifted-row")
def shifted_row(rows: int, length: int) -> Values:
    z, other = np.zeros((2, rows, length))
    z[:, 0] = other[0, 0] = other[1, 1] = 1

    def copies(code: np.ndarray) -> list[np.ndarray]:
        return [np.roll(code, r, axis=1) for r in range(length)]

    by_row = [lambda c: c.mean(1), np.sort, lambda c: abs(np.fft.fft(c))]
    assert all(np.allclose(s(z), s(other)) for s in by_row)
    places = list(itertools.product(range(length), repeat=rows))
    moves = [lambda p, r=r: tuple((i + r) % length for i in p) for r in range(length)]
    dimension = rows * length
    fixed = [np.roll(np.eye(length), r, axis=1) - np.eye(length) for r in range(length)]
    still = rows * (length - np.linalg.matrix_rank(np.concatenate(fixed)))
    return {
        "squared": squared(z, copies(other)),
        "at_z": max((z * c).sum() for c in copies(z)),
        "at_other": max((z * c).sum() for c in copies(other)),
        "merged": len(orbits(places, moves)),
        "enough": 2 * dimension - int(still),
        "least": dimension,
    }


@of("exam-06-sampled")
def sampled(rows: int, length: int, few: int, some: int, least: float, most: float) -> Values:
    dimension, still = rows * length, rows
    assert few < dimension <= some < 2 * dimension - still
    z = np.random.default_rng(6).normal(size=(rows, length))
    scrambled = z.copy()
    scrambled[0] = np.roll(z[0], 1)
    assert np.allclose(np.sort(z), np.sort(scrambled))
    assert min(np.linalg.norm(z - np.roll(scrambled, r, axis=1)) for r in range(length)) > 0.1
    return {
        "dimension": dimension,
        "enough": 2 * dimension - still,
        "distortion": most / least,
    }
