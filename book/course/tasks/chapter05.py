"""Tasks of chapter 5: isometric cross sections."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from itertools import permutations, product
from math import atan2, factorial, gcd, pi, prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, whole, words

Array = NDArray[np.floating[Any]]


class ByHand(Task):
    """Fold a point into the chamber of type B, and count orbits."""

    label = "ex-05-by-hand"
    points = 2
    names = {
        "first_mirror": "the point after the mirror z1 = 0, a pair of numbers",
        "folded": "the point of the chamber, a pair of numbers",
        "points_of_z": "the number of points in the orbit of z",
        "points_of_w": "the number of points in the orbit of w",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two different sizes for the entries; the first entry is negative."""
        a, b = chance.sample(range(2, 10), 2)
        return {"a": max(a, b), "b": min(a, b)}

    def prompt(self, a: int, b: int) -> str:
        """Return the question."""
        return rf"""
        Fold $z = (-{a}, {b})$ into the chamber $0 \le z_1 \le z_2$ of type B, beginning with the
        mirror $z_1 = 0$. Give the point after this first mirror and the point in the chamber. How
        many points has the orbit of $z$, and how many that of $w = ({b}, -{b})$?
        """

    def hint(self, **_: Any) -> str:
        """Return what the two mirrors do."""
        return """
        The reflection in $z_1 = 0$ changes the sign of the first entry, the one in $z_1 = z_2$
        exchanges the entries. Is there an element besides the identity that leaves the code alone?
        """

    def solution(self, a: int, b: int) -> str:
        """Return the answer."""
        return f"""
        first_mirror = ({a}, {b})
        folded = ({b}, {a})
        points_of_z = 8
        points_of_w = 4
        """

    def remarks(self, a: int, b: int) -> str:
        """Return why."""
        return r"""
        The group has $2^2 \cdot 2! = 8$ elements, and none but the identity leaves $z$ alone.
        Exchanging the entries and changing both signs leaves $w$ alone: $8 / 2 = 4$ points.
        """

    def difficulty(self, a: int, b: int) -> dict[str, tuple[float, float, float]]:
        """Return the number of mirrors that fold the point."""
        return {"mirrors": (1 + (a > b), 2, 2)}

    def public_shapes(self, answer: Answer, a: int, b: int) -> None:
        """The points are pairs and the counts are whole numbers."""
        for name in ("first_mirror", "folded"):
            array(answer, name, (2,))
        for name in ("points_of_z", "points_of_w"):
            whole(answer, name)

    def hidden_walk(self, answer: Answer, a: int, b: int) -> None:
        """The point after the first mirror is the reflection of z."""
        found = array(answer, "first_mirror", (2,)).tolist()
        require(found == [a, b], "Reflect z in the line z1 = 0.")

    def hidden_chamber(self, answer: Answer, a: int, b: int) -> None:
        """The folded point lies in the chamber and in the orbit of z."""
        found = array(answer, "folded", (2,)).tolist()
        require(found == [b, a], "The chamber asks for 0 <= z1 <= z2.")

    def hidden_orbits(self, answer: Answer, a: int, b: int) -> None:
        """The orbits have the right numbers of points."""
        images = {(s * x, t * y) for s in (1, -1) for t in (1, -1) for x, y in ((-a, b), (b, -a))}
        require(whole(answer, "points_of_z") == len(images), "List the eight images of z.")
        twins = {(s * b, t * b) for s in (1, -1) for t in (1, -1)}
        require(whole(answer, "points_of_w") == len(twins), "Which element leaves w alone?")


SWAPS = {n: [[*range(i), i + 1, i, *range(i + 2, n)] for i in range(n - 1)] for n in (2, 3, 4)}


def permuting(order: Sequence[int]) -> Array:
    """Return the matrix that permutes the unit vectors."""
    return np.eye(len(order))[list(order)]


def signs(*values: int) -> Array:
    """Return a diagonal matrix of signs."""
    return np.diag(np.array(values, float))


def turn(angle: float) -> Array:
    """Return the turn of the plane by an angle in degrees."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[c, -s], [s, c]])


ACTIONS: dict[str, list[Array]] = {
    r"$\{1, -1\}$ on $\mathbb R^3$ by $z \mapsto \pm z$": [-np.eye(3)],
    r"$\{1, -1\}$ on $\mathbb R^4$ by $z \mapsto \pm z$": [-np.eye(4)],
    r"exchanging $(z_1, z_2)$ with $(z_3, z_4)$ in $\mathbb R^4$": [permuting([2, 3, 0, 1])],
    r"cyclic shifts of three numbers": [permuting([1, 2, 0])],
    r"cyclic shifts of four numbers": [permuting([1, 2, 3, 0])],
    r"the even permutations of four numbers": [permuting([1, 2, 0, 3]), permuting([0, 2, 3, 1])],
    r"changing an even number of the signs of three numbers": [signs(-1, -1, 1), signs(1, -1, -1)],
    r"changing an even number of the signs of two numbers": [signs(-1, -1)],
    r"turning the plane by multiples of 72°": [turn(72)],
    r"turning the plane by multiples of 120°": [turn(120)],
    r"reversing the order of four numbers": [permuting([3, 2, 1, 0])],
    r"$D_4$ permuting the four corners of a square": [
        permuting([1, 2, 3, 0]),
        permuting([0, 3, 2, 1]),
    ],
    r"$S_2$ exchanging the coordinates of the plane": [permuting([1, 0])],
    r"all sign changes of three numbers": [signs(-1, 1, 1), signs(1, -1, 1), signs(1, 1, -1)],
    r"$S_3$ permuting three numbers": [permuting(p) for p in SWAPS[3]],
    r"$S_4$ permuting four numbers": [permuting(p) for p in SWAPS[4]],
    r"all permutations and sign changes of two numbers": [permuting([1, 0]), signs(-1, 1)],
    r"all permutations and sign changes of three numbers": [
        *[permuting(p) for p in SWAPS[3]],
        signs(-1, 1, 1),
    ],
    r"exchanging $z_1$ with $z_2$, and $z_3$ with $z_4$, independently": [
        permuting([1, 0, 2, 3]),
        permuting([0, 1, 3, 2]),
    ],
    r"changing the sign of $z_1$ and exchanging $z_2$ with $z_3$, independently": [
        signs(-1, 1, 1),
        permuting([0, 2, 1]),
    ],
    r"reversing the order of three numbers": [permuting([2, 1, 0])],
    r"changing the sign of $z_2$ in $\mathbb R^3$": [signs(1, -1, 1)],
}


def generated(generators: Sequence[Array]) -> Array:
    """Return all matrices of the group that some generate."""
    size = len(generators[0])
    found = {np.eye(size).round(6).tobytes(): np.eye(size)}
    new = list(found.values())
    while new:
        products = [g @ h for g in generators for h in new]
        new = []
        for one in products:
            key = (one.round(6) + 0.0).tobytes()
            if key not in found:
                found[key] = one
                new.append(one)
    return np.array(list(found.values()))


@functools.lru_cache(maxsize=64)
def elements(name: str) -> Array:
    """Return all matrices of an action."""
    return generated(ACTIONS[name])


@functools.lru_cache(maxsize=64)
def qualifies(name: str) -> bool:
    """Say whether the reflections of an action generate it."""
    group = elements(name)
    mirrors = [g for g in group if np.linalg.matrix_rank(g - np.eye(len(g)), tol=1e-6) == 1]
    return bool(mirrors) and len(generated(mirrors)) == len(group)


class Which(Task):
    """Decide which actions have an isometric cross section, and give one."""

    label = "ex-05-which"
    points = 3
    names = {
        "qualify": "the letters of the actions that have an isometric cross section, a list",
        "section": "a function of such a letter and a code, which returns the chosen code",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw six actions, two to four of which qualify."""
        count = chance.choice([2, 3, 4])
        good = [name for name in ACTIONS if qualifies(name)]
        bad = [name for name in ACTIONS if not qualifies(name)]
        chosen = chance.sample(good, count) + chance.sample(bad, 6 - count)
        chance.shuffle(chosen)
        return {"chosen": chosen}

    def prompt(self, chosen: list[str]) -> str:
        """Return the question."""
        listed = "; ".join(f"({x}) {name}" for x, name in zip("abcdef", chosen, strict=True))
        return rf"""
        Which of these actions have an isometric cross section? {listed}. Give the letters of those
        that have one (`qualify`, a list), and for each of them write one: `section(letter, z)`
        takes such a letter and a code, a list of numbers, and returns the code that is chosen
        from its orbit, as a list or an array.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        qualify = ...

        def section(letter, z):
            ...
        """

    def solution(self, chosen: list[str]) -> str:
        """Return the answer."""
        letters = [x for x, name in zip("abcdef", chosen, strict=True) if qualifies(name)]
        generators = {
            x: [[int(v) for v in g.ravel()] for g in ACTIONS[name]]
            for x, name in zip("abcdef", chosen, strict=True)
            if qualifies(name)
        }
        return f"""
        import numpy as np

        qualify = {letters}
        generators = {generators}

        def section(letter, z):
            z = np.asarray(z, float)
            guide = np.array([1.0, 2.3, 3.9, 6.1])[: len(z)]
            mirrors = [np.reshape(g, (len(z), len(z))) for g in generators[letter]]
            while True:
                better = [g @ z for g in mirrors if guide @ (g @ z) > guide @ z + 1e-12]
                if not better:
                    return z
                z = better[0]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        A finite group has an isometric cross section exactly if reflections generate it. A
        reflection leaves a hyperplane in place; an element that fixes less is none. A section is
        sorting or taking absolute values, where the group allows it: reflect as long as that
        brings the code nearer to a point off all mirrors.
        """

    def difficulty(self, chosen: list[str]) -> dict[str, Any]:
        """Return how many qualify, and the order of the largest group."""
        return {
            "qualify": (sum(map(qualifies, chosen)), 2, 4),
            "largest group": (max(len(elements(name)) for name in chosen), 3, 48),
        }

    def public_letters(self, answer: Answer, chosen: list[str]) -> None:
        """The letters are from a to f, and each section returns a code of the same length."""
        listed = words(answer, "qualify", list("abcdef"))
        require(listed, "At least one action qualifies.")
        for letter in sorted(listed):
            size = len(elements(chosen["abcdef".index(letter)])[0])
            as_array(answer.section(letter, [0.5] * size), "section(letter, z)", (size,))

    def hidden_letters(self, answer: Answer, chosen: list[str]) -> None:
        """The list holds the actions that qualify and no other."""
        right = {x for x, name in zip("abcdef", chosen, strict=True) if qualifies(name)}
        found = words(answer, "qualify", list("abcdef"))
        says = "Do the reflections among its elements generate each action that you list?"
        require(found <= right, says)
        require(found == right, "There are more actions that qualify.")

    def hidden_sections(self, answer: Answer, chosen: list[str]) -> None:
        """Each section is constant on orbits, chooses a member, and stretches nothing."""
        rng = np.random.default_rng(5)
        for letter, name in zip("abcdef", chosen, strict=True):
            if not qualifies(name):
                continue
            group = elements(name)
            codes, values = rng.normal(size=(6, len(group[0]))), []
            for z in codes:
                value = self._section(answer, letter, z)
                near = np.abs(group @ z - value).max(axis=1).min()
                require(near < 1e-6, f"The section of ({letter}) leaves the orbit.")
                for g in group[1:8]:
                    same = np.abs(self._section(answer, letter, g @ z) - value).max() < 1e-6
                    require(same, f"The section of ({letter}) chooses two codes of one orbit.")
                values.append(value)
            far, apart = (
                np.linalg.norm(np.array(x)[:, None] - np.array(x)[None], axis=2)
                for x in (values, codes)
            )
            require((far <= apart + 1e-6).all(), f"The section of ({letter}) stretches distances.")

    def _section(self, answer: Answer, letter: str, z: Array) -> Array:
        """Call the student's section."""
        value = answer.section(letter, z.tolist())
        return as_array(value, "section(letter, z)", z.shape)


class TypeD(Task):
    """Fold codes whose entries are split into two blocks with a reflection group each."""

    label = "ex-05-type-d"
    points = 5
    names = {
        "fold": "a function of codes (B, n) that returns the folded codes",
        "mirrors": "the number of mirrors of the group",
        "order": "the order of the group",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the places of two blocks, one of type D, the other of type A, B or D."""
        sizes = [chance.choice([3, 4]), chance.choice([2, 3])]
        other = chance.choice(["A", "B", "D"]) if sizes[1] == 3 else chance.choice(["A", "B"])
        places = chance.sample(range(1, sum(sizes) + 1), sum(sizes))
        blocks = [["D", sorted(places[: sizes[0]])], [other, sorted(places[sizes[0] :])]]
        chance.shuffle(blocks)
        return {"blocks": blocks}

    def prompt(self, blocks: list[Any]) -> str:
        """Return the question."""
        n = sum(len(places) for _, places in blocks)
        does = {
            "A": "permutes the entries at places {}",
            "B": "permutes the entries at places {} and changes any of their signs",
            "D": "permutes the entries at places {} and changes an even number of their signs",
        }
        chambers = {
            "A": r"from left to right they do not fall",
            "B": r"none is negative, and from left to right they do not fall",
            "D": r"from left to right their absolute values do not fall, and none but the first "
            "may be negative",
        }
        listed = " It also ".join(
            f"{does[kind].format(', '.join(map(str, places)))}." for kind, places in blocks
        )
        chamber = "; ".join(
            f"of the entries at places {', '.join(map(str, places))}, {chambers[kind]}"
            for kind, places in blocks
        )
        return f"""
        A reflection group acts on codes of {n} numbers, whose places are counted from 1. It
        {listed} The two are independent of each other. Fold codes into this chamber: {chamber}.
        Write `fold(z)`, which takes a torch tensor of shape $(B, {n})$ and returns the folded
        codes, of the same shape. How many mirrors has the group (`mirrors`), and how many elements
        (`order`)?
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        import torch

        def fold(z):
            ...

        mirrors = ...
        order = ...
        """

    def hint(self, blocks: list[Any]) -> str:
        """Return what to do first with a block."""
        first = {
            "A": "the entries that are only permuted are sorted as they are",
            "B": "where any sign may change, sort the absolute values",
            "D": "where signs change in pairs, sort the absolute values first: which sign can then "
            "no longer be changed, and on which entry does it do least harm?",
        }
        other = [kind for kind, _ in blocks if kind != "D"]
        steps = "; ".join(first[kind] for kind in [*other, "D"])
        return f"Fold the two blocks one after the other: {steps}"

    def solution(self, blocks: list[Any]) -> str:
        """Return the answer."""
        mirrors, order = self._counts(blocks)
        return f"""
        import torch

        def fold(z):
            z = z.clone()
            for kind, places in {blocks}:
                columns = [p - 1 for p in places]
                part = z[:, columns]
                if kind == "A":
                    z[:, columns] = part.sort(dim=1).values
                    continue
                value = part.abs().sort(dim=1).values
                if kind == "D":
                    odd = (part < 0).sum(dim=1) % 2 == 1
                    value[:, 0] *= torch.where(odd, -1.0, 1.0).to(z.dtype)
                z[:, columns] = value
            return z

        mirrors = {mirrors}
        order = {order}
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        Where signs change in pairs, sort the absolute values; an odd number of signs cannot be
        removed, and the smallest entry bears the one that is left. If an entry is zero, so is the
        smallest, and its sign does not matter.
        """

    def difficulty(self, blocks: list[Any]) -> dict[str, Any]:
        """Return the numbers of mirrors and of elements."""
        mirrors, order = self._counts(blocks)
        return {"mirrors": (mirrors, 7, 21), "order of the group": (order, 48, 9216)}

    def _counts(self, blocks: list[Any]) -> tuple[int, int]:
        """Return the numbers of mirrors and of elements."""
        mirrors, order = 0, 1
        for kind, places in blocks:
            n = len(places)
            mirrors += n * (n - 1) // 2 * (1 if kind == "A" else 2) + (n if kind == "B" else 0)
            order *= factorial(n) * {"A": 1, "B": 2**n, "D": 2 ** (n - 1)}[kind]
        return mirrors, order

    def _member(self, kind: str, z: Array) -> Array:
        """Find the member in the chamber by going through a whole orbit."""
        n = len(z)
        for p in permutations(range(n)):
            for s in product((1, -1), repeat=n):
                allowed = {"A": min(s) == 1, "B": True, "D": prod(s) == 1}[kind]
                x = np.array(s) * z[list(p)]
                size = x if kind == "A" else np.abs(x)
                free = {"A": n, "B": 0, "D": 1}[kind]
                if allowed and (np.diff(size) >= 0).all() and (x[free:] >= 0).all():
                    return x
        raise ValueError("no member lies in the chamber")

    def public_shapes(self, answer: Answer, blocks: list[Any]) -> None:
        """The function keeps the shape of a batch, and the counts are whole numbers."""
        n = sum(len(places) for _, places in blocks)
        as_array(answer.fold(torch.ones(2, n)), "fold(z)", (2, n))
        whole(answer, "mirrors")
        whole(answer, "order")

    def hidden_fold(self, answer: Answer, blocks: list[Any]) -> None:
        """Codes are folded into the chamber, also those with a zero entry."""
        n = sum(len(places) for _, places in blocks)
        z = np.random.default_rng(9).normal(size=(12, n))
        z[-1, blocks[0][1][1] - 1] = 0.0
        found = as_array(answer.fold(torch.tensor(z)), "fold(z)", z.shape)
        for kind, places in blocks:
            columns = [p - 1 for p in places]
            for one, value in zip(z[:, columns], found[:, columns], strict=True):
                says = {
                    "A": "fold: the block whose entries are only permuted is not folded right.",
                    "B": "fold: the block with all sign changes is not folded right.",
                    "D": "fold: in a block with even sign changes, which sign is left, and where?",
                }[kind]
                require(np.abs(value - self._member(kind, one)).max() < 1e-6, says)

    def hidden_counts(self, answer: Answer, blocks: list[Any]) -> None:
        """Mirrors and elements are counted."""
        mirrors, order = self._counts(blocks)
        says = "mirrors: which exchanges and which sign changes are reflections?"
        require(whole(answer, "mirrors") == mirrors, says)
        says = "order: the two blocks are independent of each other."
        require(whole(answer, "order") == order, says)


class Wide(Task):
    """Fold in two mirrors whose wedge is wider than a chamber."""

    label = "ex-05-wide"
    points = 4
    names = {
        "order": "the number of elements of the group that the two reflections generate",
        "mirrors": "the number of all its mirrors",
        "ends": "the different points where the members of the orbit of z end, a list of pairs",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the angle between the mirrors, where the first lies, and a point."""
        pairs = [(n, j) for n in range(5, 13) for j in range(2, n // 2 + 2)]
        lowest = [(n, j, n // gcd(n, j), j // gcd(n, j)) for n, j in pairs]
        wide = [(n, j) for n, j, m, i in lowest if m >= 5 and i >= 2 and (m, i) != (5, 2)]
        n, j = chance.choice(wide)
        start, step = chance.randrange(0, 180, 10), 180 * gcd(n, j) / n
        while True:
            z = [chance.randint(20, 60) / 10, chance.randint(-19, 19) / 10]
            above = (np.rad2deg(atan2(z[1], z[0])) - start) % step
            if 2 < above < step - 2:  # no mirror of the group passes near the point
                return {"n": n, "j": j, "start": start, "z": z}

    def given(self, n: int, j: int, start: int, z: list[float]) -> str:
        """Return the two normals and the point."""
        return f"""
        import numpy as np

        first, second = np.deg2rad({start}), np.deg2rad({start}) + {j} * np.pi / {n}
        normals = np.array([[-np.sin(first), np.cos(first)], [np.sin(second), -np.cos(second)]])
        z = np.array({z})
        """

    def prompt(self, n: int, j: int, start: int, z: list[float]) -> str:
        """Return the question."""
        return rf"""
        Two mirrors through the origin of the plane enclose the angle ${j}\pi/{n}$. The given
        `normals` are perpendicular to them and point into the wedge between them. How many
        elements has the group that the two reflections generate (`order`), and how many mirrors
        (`mirrors`)? Now fold in the two given mirrors only: as long as a point has a negative
        scalar product with one of the normals, reflect it in that mirror. Do this for all members
        of the orbit of the given `z` under the group. At which different points do they end
        (`ends`, pairs to four digits)?
        """

    def hint(self, **_: Any) -> str:
        """Return how to list the group."""
        return """
        Two reflections, one after the other, turn by twice the angle between their mirrors. After
        how many such turns is one back? An orbit grows from `z` if both reflections are applied to
        all its points until no new one comes.
        """

    def solution(self, **parameters: Any) -> str:
        """Return the answer."""
        return """
        def reflect(points, normal):
            return points - 2 * np.outer(points @ normal, normal)

        def distinct(points):
            found = []
            for p in points:
                if all(np.abs(p - q).max() > 1e-6 for q in found):
                    found.append(p)
            return np.array(found)

        def folded(point):
            for _ in range(100):
                for normal in normals:
                    if point @ normal < -1e-9:
                        point = reflect(point[None], normal)[0]
            return point

        orbit, size = z[None], 0
        while len(orbit) > size:
            size = len(orbit)
            orbit = distinct(np.vstack([orbit, *(reflect(orbit, m) for m in normals)]))
        order, mirrors = len(orbit), len(orbit) // 2
        ends = distinct(np.array([folded(point) for point in orbit]))
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        Further mirrors of the group cut the wedge into chambers, and the orbit has one point in
        each. Folding in the two walls only ends at whichever of them the start leads to: the
        result is not invariant.
        """

    def difficulty(self, n: int, j: int, **_: Any) -> dict[str, Any]:
        """Return the order of the group and the number of chambers in the wedge."""
        return {
            "order of the group": (2 * n // gcd(n, j), 10, 24),
            "chambers": (j // gcd(n, j), 2, 7),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The counts are whole numbers, and the ends pairs of numbers."""
        whole(answer, "order")
        whole(answer, "mirrors")
        array(answer, "ends", (None, 2))

    def hidden_counts(self, answer: Answer, n: int, j: int, **_: Any) -> None:
        """The group and its mirrors are counted."""
        m = n // gcd(n, j)
        says = "order: by which angle do the two reflections, one after the other, turn?"
        require(whole(answer, "order") == 2 * m, says)
        require(whole(answer, "mirrors") == m, "mirrors: half of the elements are reflections.")

    def hidden_ends(self, answer: Answer, n: int, j: int, start: int, z: list[float]) -> None:
        """The ends are the points of the orbit inside the wedge."""
        step = 2 * pi * gcd(n, j) / n
        angle, low = atan2(z[1], z[0]), np.deg2rad(start)
        wanted = []
        for k in range(n // gcd(n, j)):
            for one in (angle + k * step, 2 * low - angle + k * step):
                if 0 <= (one - low) % (2 * pi) <= j * pi / n:
                    wanted.append(float(np.linalg.norm(z)) * np.array([np.cos(one), np.sin(one)]))
        found = array(answer, "ends", (None, 2))
        apart = np.linalg.norm(found[:, None] - np.array(wanted)[None], axis=2)
        require(
            apart.min(axis=1).max() < 1e-3, "One of ends is not a point of the orbit in the wedge."
        )
        require(apart.min(axis=0).max() < 1e-3, "Members of the orbit end at other points, too.")
        require(len(found) == len(wanted), "ends must hold each point once.")
