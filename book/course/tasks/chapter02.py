"""Tasks of chapter 2: groups and actions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import gcd
from typing import Any

import numpy as np
import torch

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, as_whole, whole

OPERATIONS: dict[str, tuple[str, Callable[[int, int, int], int]]] = {
    "times": ("multiplication modulo {m}", lambda a, b, m: a * b % m),
    "plus": ("addition modulo {m}", lambda a, b, m: (a + b) % m),
    "minus": ("subtraction modulo {m}, that is, $ab := a - b$", lambda a, b, m: (a - b) % m),
    "max": ("$ab := \\max(a, b)$", lambda a, b, m: max(a, b)),
    "first": ("$ab := a$", lambda a, b, m: a),
    "twist": ("$ab := a + b + 1$ modulo {m}", lambda a, b, m: (a + b + 1) % m),
}
AXIOMS = ("closure", "associativity", "identity", "inverses")


def first_failure(elements: Sequence[int], kind: str, m: int) -> tuple[str | None, int | None]:
    """Return the first axiom that fails, or None and the identity."""
    op = OPERATIONS[kind][1]
    if any(op(a, b, m) not in elements for a, b in product(elements, repeat=2)):
        return "closure", None
    triples = product(elements, repeat=3)
    if any(op(op(a, b, m), c, m) != op(a, op(b, c, m), m) for a, b, c in triples):
        return "associativity", None
    unit = [e for e in elements if all(op(e, a, m) == a == op(a, e, m) for a in elements)]
    if not unit:
        return "identity", None
    if not all(any(op(a, b, m) == unit[0] for b in elements) for a in elements):
        return "inverses", None
    return None, unit[0]


class GroupOrNot(Task):
    """Tell groups from what is none, and say what fails."""

    label = "ex-02-group-or-not"
    points = 2
    names = {
        "identities": "a dictionary from the letter of each group to its identity",
        "failures": "a dictionary from each other letter to the first axiom that fails",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw five sets with an operation each, two or three of them groups."""
        prime, q = chance.sample([5, 7, 11], 2)
        composite, m = chance.choice([8, 9, 10, 12]), chance.choice([5, 6, 7])
        half = chance.choice([5, 7])
        groups: list[tuple[list[int], str, int]] = [
            (list(range(1, prime)), "times", prime),
            ([a for a in range(composite) if gcd(a, composite) == 1], "times", composite),
            (list(range(2, 2 * half, 2)), "times", 2 * half),
            (list(range(0, 3 * q, 3)), "plus", 3 * q),
            (list(range(m)), "twist", m),
        ]
        others: list[tuple[list[int], str, int]] = [
            (list(range(1, composite)), "times", composite),
            (list(range(q)), "times", q),
            (list(range(m)), "minus", m),
            (list(range(m)), "max", m),
            (list(range(m)), "first", m),
            (list(range(1, 2 * m, 2)), "plus", 2 * m),
        ]
        count = chance.choice([2, 3])
        chosen = chance.sample(groups, count) + chance.sample(others, 5 - count)
        chance.shuffle(chosen)
        return {"structures": [[elements, kind, m] for elements, kind, m in chosen]}

    def prompt(self, structures: list[Any]) -> str:
        """Return the question."""
        lines = []
        for letter, (elements, kind, m) in zip("abcde", structures, strict=True):
            shown = ", ".join(map(str, elements))
            lines.append(rf"({letter}) $\{{{shown}\}}$ with {OPERATIONS[kind][0].format(m=m)}")
        return f"""
        Which of these are groups? {"; ".join(lines)}. Write the identity of each group into
        `identities`, a dictionary like `{{"a": 0}}`. For each of the others write into `failures`
        the first axiom that fails in the order `"closure"`, `"associativity"`, `"identity"`,
        `"inverses"`. An identity has to work from both sides.
        """

    def solution(self, structures: list[Any]) -> str:
        """Return the answer."""
        found = {x: first_failure(*s) for x, s in zip("abcde", structures, strict=True)}
        return f"""
        identities = { ({x: e for x, (why, e) in found.items() if why is None}) }
        failures = { ({x: why for x, (why, e) in found.items() if why is not None}) }
        """

    def difficulty(self, structures: list[Any]) -> dict[str, Any]:
        """Return how many are groups, and the size of the largest table."""
        groups = sum(first_failure(*s)[0] is None for s in structures)
        return {
            "groups": (groups, 2, 3),
            "largest set": (max(len(s[0]) for s in structures), 4, 12),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Each of the five letters stands in one of the two dictionaries."""
        groups, others = answer.identities, answer.failures
        for name, value in (("identities", groups), ("failures", others)):
            require(isinstance(value, dict), f"{name} must be a dictionary.")
        letters = sorted([*map(str, groups), *map(str, others)])
        require(
            letters == list("abcde"), "Each of the letters a to e must stand in one dictionary."
        )
        for letter, value in groups.items():
            as_whole(value, f"the identity of ({letter})")
        says = f"failures may hold only {', '.join(AXIOMS)}."
        require(all(value in AXIOMS for value in others.values()), says)

    def hidden_groups(self, answer: Answer, structures: list[Any]) -> None:
        """The groups are found, with their identities."""
        for letter, one in zip("abcde", structures, strict=True):
            why, identity = first_failure(*one)
            says = f"Is ({letter}) a group? Look at all four axioms."
            require((letter in answer.identities) == (why is None), says)
            if why is None:
                right = as_whole(answer.identities[letter], "identity") == identity
                require(right, f"({letter}) has another identity.")

    def hidden_failures(self, answer: Answer, structures: list[Any]) -> None:
        """The first axiom that fails is named."""
        for letter, one in zip("abcde", structures, strict=True):
            why, _ = first_failure(*one)
            if why is not None:
                says = f"For ({letter}) another axiom fails first."
                require(answer.failures.get(letter) == why, says)


def orbits(points: Iterable[Any], moves: Sequence[Sequence[int]]) -> int:
    """Count the orbits of tuples under permutations of their places, by listing them."""
    left, count = set(points), 0
    while left:
        one = left.pop()
        left -= {tuple(one[i] for i in move) for move in moves}
        count += 1
    return count


def cycles(move: Sequence[int]) -> int:
    """Count the cycles of a permutation."""
    seen: set[int] = set()
    count = 0
    for i in range(len(move)):
        count += i not in seen
        while i not in seen:
            seen.add(i)
            i = move[i]
    return count


class Necklaces(Task):
    """Count colourings of a ring up to some of its turns and flips."""

    label = "ex-02-necklaces"
    points = 4
    names = {
        "count": "a function of the number of beads n and the number of colours q",
        "here": "its value for the two numbers asked for",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw which turns are allowed, whether one may flip, and the two numbers."""
        d = chance.choice([2, 3, 4])
        return {
            "d": d,
            "flips": chance.choice([True, False]),
            "n": d * chance.choice([4, 5, 6]),
            "q": chance.randint(3, 6),
        }

    def prompt(self, d: int, flips: bool, n: int, q: int) -> str:
        """Return the question."""
        flip = r"""
        It may also be flipped over, so that bead $i$ comes to place $-i$ modulo $n$; turns and this
        flip may be combined.
        """
        return rf"""
        A necklace has $n$ beads in $q$ colours, and $n$ is a multiple of {d}. It is fastened so
        that it may be turned by any multiple of {d} places, and by no other number.
        {" ".join(flip.split()) if flips else "It may not be flipped."}
        Necklaces that can be brought into each other count as one. Write a function `count(n, q)`
        that counts them and returns a whole number, also for $n = 60$ and $q = 3$, where they
        cannot be listed; use Burnside's lemma. How many are there for $n = {n}$
        and $q = {q}$ (`here`)?
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        def count(n, q):
            ...

        here = ...
        """

    def solution(self, d: int, flips: bool, n: int, q: int) -> str:
        """Return the answer."""
        return f"""
        def cycles(move):
            seen, number = set(), 0
            for i in range(len(move)):
                if i not in seen:
                    number += 1
                while i not in seen:
                    seen.add(i)
                    i = move[i]
            return number

        def count(n, q):
            moves = [[(i + k) % n for i in range(n)] for k in range(0, n, {d})]
            if {flips}:
                moves += [[(k - i) % n for i in range(n)] for k in range(0, n, {d})]
            return sum(q ** cycles(move) for move in moves) // len(moves)

        here = count({n}, {q})
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        A colouring is fixed by an element exactly if it is constant on its cycles, so $q^c$
        colourings are fixed by an element with $c$ cycles. The turn by $k$ has $\gcd(n, k)$ cycles.
        """

    def difficulty(self, d: int, flips: bool, n: int, q: int) -> dict[str, Any]:
        """Return the order of the group and the number of digits of the count."""
        value = self._count(d, flips, n, q)
        return {
            "order of the group": ((2 if flips else 1) * n // d, 4, 12),
            "digits": (len(str(value)), 2, 20),
        }

    def _count(self, d: int, flips: bool, n: int, q: int) -> int:
        """Count by closed formulas for the numbers of cycles."""
        turns = range(0, n, d)
        fixed = sum(q ** gcd(n, k) for k in turns)
        if flips:
            fixed += sum(q ** ((n + (1 if n % 2 else (0 if k % 2 else 2))) // 2) for k in turns)
        return fixed // ((2 if flips else 1) * len(turns))

    def public_types(self, answer: Answer, d: int, **_: Any) -> None:
        """The function returns a whole number, and one colour allows one necklace."""
        says = "With one colour there is one necklace."
        require(as_whole(answer.count(2 * d, 1), "count(n, q)") == 1, says)
        whole(answer, "here")

    def hidden_small(self, answer: Answer, d: int, flips: bool, **_: Any) -> None:
        """The function agrees with a list of all orbits for few beads."""
        for n in (d, 2 * d, 3 * d):
            moves = [[(i + k) % n for i in range(n)] for k in range(0, n, d)]
            moves += [[(k - i) % n for i in range(n)] for k in range(0, n, d)] if flips else []
            for q in (2, 3) if n < 7 else (2,):
                wanted = orbits(product(range(q), repeat=n), moves)
                says = f"List the necklaces for n = {n} and q = {q}, and compare."
                require(as_whole(answer.count(n, q), "count(n, q)") == wanted, says)

    def hidden_large(self, answer: Answer, d: int, flips: bool, **_: Any) -> None:
        """The function is exact for numbers that cannot be listed."""
        right = answer.count(60, 3) == self._count(d, flips, 60, 3)
        require(right, "For sixty beads the count is off: use whole numbers, and look at cycles.")

    def hidden_here(self, answer: Answer, **numbers: Any) -> None:
        """The count for the two numbers is right."""
        require(whole(answer, "here") == self._count(**numbers), "here is another number.")


def compose(one: Sequence[int], two: Sequence[int]) -> tuple[int, ...]:
    """Return the permutation that does ``two`` first."""
    return tuple(one[i] for i in two)


class OwnGroup(Task):
    """Write an action of the symmetries of a square on pictures, and its table."""

    label = "ex-02-own-group"
    points = 5
    names = {
        "act": "a function of a number g from 0 to 7 and pictures of shape (B, n, n)",
        "table": "the table of the group, an 8 by 8 array of numbers from 0 to 7",
    }
    flips = {
        "left and right": "y = x.flip(2)",
        "top and bottom": "y = x.flip(1)",
        "rows and columns": "y = x.transpose(1, 2)",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the flip, the sense of turns, what comes first, and the numbers of elements."""
        return {
            "flip": chance.choice(sorted(self.flips)),
            "clockwise": chance.choice([True, False]),
            "turn_first": chance.choice([True, False]),
            "order": chance.sample(range(8), 8),
        }

    def prompt(self, flip: str, clockwise: bool, turn_first: bool, order: list[int]) -> str:
        """Return the question."""
        sense = "clockwise" if clockwise else "counterclockwise"
        first, second = ("turns", "flips") if turn_first else ("flips", "turns")
        words = []
        for g, element in enumerate(order):
            j, k = divmod(element, 4)
            words.append(f"{g}: {'flip and ' if j else ''}{k} quarter turn{'s' if k != 1 else ''}")
        return f"""
        The eight symmetries of a square act on pictures, torch tensors of shape $(B, n, n)$ with
        row 0 on top. Each element exchanges {flip} or does not, and turns the picture {sense} by
        some quarter turns. An element that does both {first} first and {second} afterwards. The
        elements are numbered like this: {"; ".join(words)}. Write `act(g, x)`, which returns the
        pictures `x` moved by element `g`, and `table`, for which `act(g, act(h, x))` is
        `act(table[g][h], x)` for all pictures.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        import torch

        def act(g, x):
            ...

        table = ...
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        `torch.rot90(x, k, (1, 2))` turns counter-clockwise, `x.flip(2)` exchanges left and right.
        For the table, move one picture without any symmetry by two elements, and look which single
        element does the same.
        """

    def solution(self, flip: str, clockwise: bool, turn_first: bool, order: list[int]) -> str:
        """Return the answer."""
        sign = -1 if clockwise else 1
        flip_it = f"if j: {self.flips[flip].replace('y = ', 'x = ')}"
        turn_it = f"x = torch.rot90(x, {sign} * k, (1, 2))"
        first, second = (turn_it, flip_it) if turn_first else (flip_it, turn_it)
        return f"""
        import torch

        order = {order}

        def act(g, x):
            j, k = divmod(order[g], 4)
            {first}
            {second}
            return x

        x = torch.arange(9.0).reshape(1, 3, 3)
        moved = [act(g, x).flatten().tolist() for g in range(8)]
        table = [[moved.index(act(g, act(h, x)).flatten().tolist()) for h in range(8)]
                 for g in range(8)]
        """

    def difficulty(self, order: list[int], **_: Any) -> dict[str, Any]:
        """Return the order of the group and how many of its numbers are out of place."""
        return {
            "order of the group": (len(set(order)), 8, 8),
            "out of place": (sum(i != g for g, i in enumerate(order)), 0, 8),
        }

    def _act(self, g: int, x: Any, flip: str, clockwise: bool, turn_first: bool, order: Any) -> Any:
        """Move pictures entry by entry."""
        j, k = divmod(order[g], 4)
        n = x.shape[1]
        image = np.empty_like(x)
        for row, column in product(range(n), repeat=2):
            at = (row, column)
            for step in ("turn", "flip") if turn_first else ("flip", "turn"):
                if step == "flip" and j:
                    at = {
                        "left and right": (at[0], n - 1 - at[1]),
                        "top and bottom": (n - 1 - at[0], at[1]),
                        "rows and columns": (at[1], at[0]),
                    }[flip]
                for _ in range(k if step == "turn" else 0):
                    at = (at[1], n - 1 - at[0]) if clockwise else (n - 1 - at[1], at[0])
            image[:, at[0], at[1]] = x[:, row, column]
        return image

    def public_shapes(self, answer: Answer, order: list[int], **_: Any) -> None:
        """The identity leaves pictures alone, and the table has numbers from 0 to 7."""
        x = torch.arange(18.0).reshape(2, 3, 3)
        found = as_array(answer.act(order.index(0), x), "act(g, x)", (2, 3, 3))
        require(np.allclose(found, x), "The element without flip and turn must change nothing.")
        table = array(answer, "table", (8, 8))
        require(np.isin(table, range(8)).all(), "table must hold whole numbers from 0 to 7.")

    def hidden_moves(self, answer: Answer, **rule: Any) -> None:
        """Every element moves pictures as described, on even and odd sides."""
        for n in (4, 5):
            x = np.random.default_rng(n).normal(size=(2, n, n))
            for g in range(8):
                found = as_array(answer.act(g, torch.tensor(x)), "act(g, x)", (2, n, n))
                right = np.allclose(found, self._act(g, x, **rule))
                require(right, f"Element {g} moves pictures otherwise: follow one corner by hand.")

    def hidden_table(self, answer: Answer, **rule: Any) -> None:
        """The table tells which element two elements make together."""
        table = array(answer, "table", (8, 8)).astype(int)
        x = np.arange(9.0).reshape(1, 3, 3)
        for g, h in product(range(8), repeat=2):
            both = self._act(g, self._act(h, x, **rule), **rule)
            right = np.array_equal(both, self._act(int(table[g, h]), x, **rule))
            require(right, f"Row {g}, column {h} of the table: the element {h} acts first.")
