"""Answers on chapters 7 to 14."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from tests.exam.frame import Code, Values, first_wrong, of, shifts, squared

# -- chapter 7

Edges = list[tuple[int, int]]


def table(edges: Edges, n: int) -> np.ndarray:
    bonds = np.zeros((n, n), int)
    for i, j in edges:
        bonds[i, j] = bonds[j, i] = 1
    return bonds


def automorphisms(bonds: np.ndarray) -> list[tuple[int, ...]]:
    """All of them, by extending partial maps atom by atom."""
    n, found = len(bonds), [()]
    for k in range(n):
        found = [
            (*p, j)
            for p in found
            for j in range(n)
            if j not in p and all(bonds[k, i] == bonds[j, p[i]] for i in range(k))
        ]
    return found


def colours(bonds: np.ndarray) -> list[int]:
    now = [0] * len(bonds)
    while True:
        seen = [
            (c, sorted(now[j] for j in np.flatnonzero(row)))
            for c, row in zip(now, bonds, strict=True)
        ]
        names = [min(i for i, s in enumerate(seen) if s == mine) for mine in seen]
        if names == now:
            return now
        now = names


def ambiguous(bonds: np.ndarray) -> bool:
    c, said = colours(bonds), {}
    pairs = itertools.permutations(range(len(bonds)), 2)
    return any(said.setdefault((c[i], c[j]), bonds[i, j]) != bonds[i, j] for i, j in pairs)


def ring(n: int) -> Edges:
    return [(i, (i + 1) % n) for i in range(n)]


@of("exam-07-three-rings")
def three_rings(slots: int) -> Values:
    molecules = [table(ring(3), 3), table([(0, k) for k in range(1, 5)], 5), table(ring(5), 5)]
    forms = []
    for bonds in molecules:
        edges = np.argwhere(np.triu(bonds))
        placed = itertools.permutations(range(slots), len(bonds))
        tables = {frozenset(frozenset((p[i], p[j])) for i, j in edges) for p in placed}
        forms.append(len(tables))
    return {
        "symmetries": [len(automorphisms(bonds)) for bonds in molecules],
        "forms": forms,
        "tied": [len(set(colours(bonds))) < len(bonds) for bonds in molecules],
        "ambiguous": [ambiguous(bonds) for bonds in molecules],
    }


def trees(n: int) -> Iterable[np.ndarray]:
    """Trees on n nodes, each at least once: every node but the first has a parent before it."""
    for parents in itertools.product(*[range(k) for k in range(1, n)]):
        yield table([(k + 1, p) for k, p in enumerate(parents)], n)


@of("exam-07-pairing")
def pairing(symmetries: int, atoms: int) -> Values:
    closed = [(1, 4), (0, 5), (0, 6), (2, 7), (3, 7)]
    cuneane = table([*((k, k + 1) for k in range(7)), *closed], 8)
    assert (cuneane.sum(0) == 3).all()
    group = automorphisms(cuneane)
    assert (len(group), len(cuneane)) == (symmetries, atoms)
    assert len(set(colours(cuneane))) == 1
    assert len({frozenset(p[i] for p in group) for i in range(atoms)}) > 1
    for tree in itertools.chain(trees(5), trees(6)):  # part (c)
        c, moved = colours(tree), automorphisms(tree)
        assert all(
            any(p[i] == j for p in moved)
            for i, j in itertools.combinations(range(len(tree)), 2)
            if c[i] == c[j]
        )
    return {"step": 2, "classes": -(-atoms // symmetries)}


# -- chapter 8


@of("exam-08-carry")
def carry(z: Code, tie: Code, places: Code) -> Values:
    def soft(code: Code) -> list[float]:
        s = sorted(code)
        weights = [[2.0 ** -abs(mine - there) for there in s] for mine in code]
        return [float(np.dot(w, places) / sum(w)) for w in weights]

    def hard(code: Code) -> list[float]:
        return [places[sorted(code).index(mine)] for mine in code]

    return {
        "hard": hard(z),
        "soft": soft(z),
        "tied": soft(tie),
        "after": hard([tie[0] - 1e-6, *tie[1:]]),
    }


@of("exam-08-three-generators")
def three_generators(draws: int, whole: Code, unique: Code, novel: Code) -> Values:
    shares = zip(whole, unique, novel, strict=True)
    error = math.sqrt(whole[1] * (1 - whole[1]) / draws)
    return {"new": [round(draws * a * b * c) for a, b, c in shares], "error": 100 * error}


# -- chapter 9


@of("exam-09-two-codes")
def two_codes(a: Code, b: Code) -> Values:
    met = np.array([p for code in (a, b) for p in itertools.permutations(code)], float)
    covariance = np.cov(met.T, bias=True)
    line = np.ones(3) / math.sqrt(3)
    on_line = float(line @ covariance @ line)
    others = sorted(np.linalg.eigvalsh(covariance))[:2]
    assert np.isclose(*others)
    assert np.allclose(covariance @ line, on_line * line)
    is_b = np.repeat([0, 1], 6)
    assert np.allclose((met.mean(1) - np.mean(a)) / 3, is_b)
    replacement = [0, 0, 3]
    again = np.array([p for code in (a, replacement) for p in itertools.permutations(code)])
    assert np.allclose((again - again.mean(0)).T @ (is_b - 0.5), 0)
    assert sorted(replacement) != sorted(a)
    share = 100 * on_line / np.trace(covariance)
    values = {"mean_line": on_line, "others": others[0], "share": round(share)}
    return values | {"replacement": replacement}


@of("exam-09-shorter")
def shorter(raw: int, quotient: int, raw_equal: int, quotient_equal: int, spread: int) -> Values:
    left = quotient_equal - raw_equal
    error = math.hypot(spread, spread)
    assert left < 1.5 * error
    return {"advantage": quotient - raw, "left": left, "error": error}


@of("exam-09-any-readout")
def any_readout(a: Code, b: Code) -> Values:
    squares = []
    for code in (a, b):
        (value,) = {sum(x * x for x in p) for p in itertools.permutations(code)}
        squares.append(value)
    assert sum(a) == sum(b)
    assert squares[0] != squares[1]
    return {"step": 3, "squares": squares}


# -- chapter 10


@of("exam-10-one-place")
def one_place(field: Code, filter: Code) -> Values:
    def convolution(f: Code, w: Code, sense: int) -> list[float]:
        return [sum(f[k] * w[(k + sense * h) % 4] for k in range(4)) for h in range(4)]

    draw = np.random.default_rng(7)
    passes = {-1: [], 1: []}
    for sense, r in itertools.product(passes, range(4)):
        f, w = draw.normal(size=(2, 4))
        moved = convolution(np.roll(f, r), w, sense)
        if np.allclose(moved, np.roll(convolution(f, w, sense), r)):
            passes[sense].append(r)
    assert passes[-1] == [0, 1, 2, 3]
    moved = list(np.roll(field, 1))
    return {
        "right": convolution(field, filter, -1),
        "right_moved": convolution(moved, filter, -1),
        "wrong": convolution(field, filter, 1),
        "wrong_moved": convolution(moved, filter, 1),
        "passes": passes[1],
    }


@of("exam-10-fair")
def fair(
    c8: float, small: float, large: float, longer: float, spread: float, much: float, little: float
) -> Values:
    error = math.hypot(spread, spread) / math.sqrt(3)
    holds = {
        "A": c8 < 0.6 * small,
        "B": all(other - c8 > 2 * error for other in (small, large, longer)),
        "C": much < little,
        "D": False,  # the table has nothing about single digits
    }
    return {
        "supported": [name for name, yes in holds.items() if yes],
        "difference": longer - c8,
        "error": error,
        "passes": round(5 * much / little),
    }


# -- chapter 11


@of("exam-11-half-step")
def half_step(order: int) -> Values:
    place = np.arange(order)

    def ratio(*frequencies: int) -> float:
        z, half = (
            sum(np.cos(2 * np.pi * f * (place - h) / order) for f in frequencies) for h in (0, 0.5)
        )
        return math.sqrt(squared(z, shifts(half))) / float(np.linalg.norm(z))

    lost = np.cos(2 * np.pi * 3 * (place - 0.5) / order)
    assert np.allclose(lost, 0)
    return {"slow": ratio(1), "fast": ratio(2), "both": ratio(1, 2)}


@of("exam-11-centroids")
def centroids(a: Code, b: Code, query: Code) -> Values:
    means = [np.mean(shifts(code), axis=0) for code in (a, b)]
    (mean,) = {Fraction(float(m)) for m in np.concatenate(means)}
    draw = np.random.default_rng(8)
    labelled = draw.normal(size=(3, 4))
    after = np.mean([np.roll(labelled, r, axis=1) for r in range(4)], axis=(0, 1))
    assert np.allclose(after, labelled.mean())
    distances = {"A": squared(query, shifts(a)), "B": squared(query, shifts(b))}
    assert distances["A"] == 0
    nearest = min(distances, key=distances.__getitem__)
    return {"mean": str(mean), "squared": squared(a, shifts(b)), "nearest": nearest}


# -- chapter 12


@of("exam-12-lucky-three")
def lucky_three(fast: int, groups: list[int], random: int) -> Values:
    theta = 2 * np.pi * np.arange(5040) / 5040

    def f(t: np.ndarray) -> np.ndarray:
        return np.cos(t) + np.cos(fast * t) / 2

    swings = {
        n: np.ptp(np.mean([f(theta + 2 * np.pi * k / n) for k in range(n)], 0)) for n in groups
    }
    spread = float(f(theta).std())
    return {
        "exact": [n for n in groups if swings[n] < 1e-9],
        "swing": round(float(swings[8]), 6),
        "spread": spread,
        "spread_of_mean": spread / math.sqrt(random),
    }


@of("exam-12-three-ingredients")
def three_ingredients(
    raw: int, raw_maxima: int, flat: int, flat_maxima: int, filters: int
) -> Values:
    ways = [(raw, raw_maxima, flat_maxima, filters), (raw, flat, flat_maxima, filters)]
    assert all(sum(np.diff(way)) == filters - raw for way in ways)
    return {
        "whole": filters - raw,
        "group": filters - flat_maxima,
        "views": [flat - raw, flat_maxima - raw_maxima],
        "nonlinearity": [raw_maxima - raw, flat_maxima - flat],
    }


# -- chapter 13


@of("exam-13-square")
def square(x: Code) -> Values:
    def f(v: np.ndarray) -> np.ndarray:
        return np.array([v[0] ** 2 - v[1] ** 2, 2 * v[0] * v[1]])

    def lie(v: Code, speed: int, h: float = 1e-5) -> list[int]:
        """By differences of what moves, and not by a Jacobian."""
        ends = [turn_by(-speed * t) @ f(turn_by(t) @ np.array(v)) for t in (h, -h)]
        return [round(float(d), 6) for d in (ends[0] - ends[1]) / (2 * h)]

    def turn_by(t: float) -> np.ndarray:
        return np.array([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]])

    other = np.random.default_rng(9).normal(size=2)
    assert np.allclose(lie(other, 2), 0, atol=1e-5)
    assert np.allclose(f(turn_by(0.7) @ other), turn_by(1.4) @ f(other))
    return {"still": lie(x, 0), "once": lie(x, 1), "twice": lie(x, 2)}


@of("exam-13-shares")
def shares(first: list[int], second: list[int], third: list[int]) -> Values:
    each = np.array([first, second, third])
    total = each.sum(0)
    signed = [Fraction(int(c @ total), int(total @ total)) for c in each]
    assert sum(signed) == 1
    lengths = (each**2).sum(1)
    return {
        "total": total,
        "shares": [str(share) for share in signed],
        "squares": [round(100 * n / lengths.sum()) for n in lengths],
        "without": [float(np.linalg.norm(total - c)) for c in each],
    }


@of("exam-13-trembling")
def trembling(frequency: int) -> Values:
    t = np.linspace(0, 2 * np.pi, 200_001)
    a, b = np.sin(frequency * t) / 100, 1 - np.cos(t)
    half = len(t) // 2
    return {
        "at_upright": [round(float((s[1] - s[0]) / t[1]), 3) for s in (a, b)],
        "farthest": [round(float(abs(s).max()), 6) for s in (a, b)],
        "bound": round(float(abs(np.diff(a[: half + 1])).sum()), 3),
        "reached": round(float(abs(a[half])), 6),
        "times": int((np.diff(np.sign(np.diff(a[: half + 1]))) < 0).sum()),
    }


# -- chapter 14


@of("exam-14-surer")
def surer(before: float, after: float, error_before: float) -> Values:
    def probability(m: float) -> float:
        return 1 / (1 + math.exp(-m))

    def slope(m: float, speed: float, h: float = 1e-5) -> float:
        return (probability(m + speed * h) - probability(m - speed * h)) / (2 * h)

    m = math.log(before / (1 - before))
    factor = math.log(after / (1 - after)) / m
    assert np.isclose(probability(factor * m), after)
    quotient = slope(factor * m, factor) / slope(m, 1)
    return {"factor": factor, "quotient": quotient, "predicted": error_before * quotient}


@of("exam-14-constant")
def constant() -> Values:
    def logits(t: float) -> np.ndarray:
        return np.array([t + 1, t])

    def softmax(y: np.ndarray) -> np.ndarray:
        return np.exp(y) / np.exp(y).sum()

    h = 1e-6
    change = (logits(h) - logits(-h)) / (2 * h)
    p = softmax(logits(0))
    of_p = (softmax(logits(h)) - softmax(logits(-h))) / (2 * h)
    steps = [
        np.allclose(of_p, p * (change - p @ change)),
        np.allclose(change, change[0]),
        np.allclose(change, 0),
    ]
    relative = math.sqrt((change**2).mean() / (logits(0) ** 2).mean())
    centred = [logits(t) - logits(t).mean() for t in (h, -h)]
    assert np.allclose(centred[0], centred[1])
    return {
        "step": first_wrong(steps),
        "relative": relative,
        "of_probabilities": round(float(abs(of_p).max()), 6),
    }
