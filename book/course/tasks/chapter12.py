"""Tasks of chapter 12: symmetry from augmentation."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from book.course.task import Answer, Task, require
from book.course.values import array, number, whole, words

LETTERS = "abcde"


def _closed(turns: list[int]) -> set[int]:
    """Return the group that turns in degrees generate."""
    group = {0}
    while True:
        larger = {(a + b) % 360 for a in group for b in [0, *turns]}
        if larger == group:
            return group
        group = larger


def _keeps(turns: list[int], h: int) -> bool:
    """Say whether a turn maps a set of turns to itself."""
    return {(t + h) % 360 for t in turns} == {t % 360 for t in turns}


class Sets(Task):
    """Say over which sets of turns an average does not notice a turn."""

    label = "ex-12-sets"
    points = 3
    names = {
        "unchanged": "the sets whose average no member of the set changes, a list of letters",
        "generated": "the sizes of the groups that the five sets generate, a list",
        "fixing": "for each set, how many turns of the circle leave its average alone, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw subgroups, a coset, a subgroup with a gap, an open walk, and two cosets at once."""
        orders = chance.sample([3, 4, 5, 6, 8, 9, 10, 12], 5)
        group = [[360 // n * i for i in range(n)] for n in orders]
        offset = chance.choice([5, 15, 25, 35])
        gap = chance.choice(group[2][1:])
        step = chance.choice([50, 70, 80, 100, 110, 140])
        size = chance.randint(4, 7)
        sets = [
            group[0],
            [t + offset for t in group[1]],
            [t for t in group[2] if t != gap],
            [step * i % 360 for i in range(size)],
            sorted({*group[4], *((t + offset) % 360 for t in group[4])}),
        ]
        if chance.random() < 0.5:
            sets[4] = group[3]
        chance.shuffle(sets)
        return {"sets": [sorted(s) for s in sets]}

    def prompt(self, sets: list[list[int]]) -> str:
        """Return the question."""
        lines = "; ".join(
            f"({letter}) {', '.join(f'{t}°' for t in turns)}"
            for letter, turns in zip(LETTERS, sets, strict=True)
        )
        return f"""
        In a world without pixels the codes of an image are averaged over a set of turns, where
        the encoder may be any function. The sets are {lines}. For which sets is the average
        unchanged if the image is turned by any *member* of the set, whatever the encoder? How
        many elements has the group that each set generates? And how many turns of the circle,
        members or not, leave the average over each set unchanged whatever the encoder, the turn
        by 0° among them?
        """

    def solution(self, sets: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        from math import gcd

        unchanged, generated, fixing = [], [], []
        for letter, turns in zip("abcde", {sets}):
            same = [h for h in range(360) if sorted((t + h) % 360 for t in turns) == turns]
            fixing.append(len(same))
            generated.append(360 // gcd(360, *turns))
            if set(turns) <= set(same):
                unchanged.append(letter)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Turning the image by $h$ replaces the set $S$ by $S + h$. All its members do so without a
        change only if $S$ is a group. A coset of a group is left alone by that group, and by its
        own members only if it is the group itself.
        """

    def difficulty(self, sets: list[list[int]]) -> dict[str, tuple[float, float, float]]:
        """Return how many of the sets are groups, and how many turns there are."""
        groups = sum(all(_keeps(s, h) for h in s) for s in sets)
        return {"groups": (groups, 1, 3), "turns": (sum(map(len, sets)), 15, 60)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The letters are those of the sets, and there are five numbers of either kind."""
        words(answer, "unchanged", LETTERS)
        array(answer, "generated", (5,))
        array(answer, "fixing", (5,))

    def hidden_unchanged(self, answer: Answer, sets: list[list[int]]) -> None:
        """The sets whose average does not change are right."""
        true = {
            letter
            for letter, turns in zip(LETTERS, sets, strict=True)
            if all(_keeps(turns, h) for h in turns)
        }
        says = "Turn the image by a member: over which turned copies is the average taken then?"
        require(words(answer, "unchanged", LETTERS) == true, says)

    def hidden_generated(self, answer: Answer, sets: list[list[int]]) -> None:
        """The sizes of the groups are right."""
        found = array(answer, "generated", (5,)).tolist()
        for letter, size, turns in zip(LETTERS, found, sets, strict=True):
            says = f"Set ({letter}): add its turns to each other until nothing new appears."
            require(size == len(_closed(turns)), says)

    def hidden_fixing(self, answer: Answer, sets: list[list[int]]) -> None:
        """The numbers of turns that leave the averages alone are right."""
        found = array(answer, "fixing", (5,)).tolist()
        for letter, count, turns in zip(LETTERS, found, sets, strict=True):
            says = f"Set ({letter}): which turns map the set to itself?"
            require(count == sum(_keeps(turns, h) for h in range(360)), says)


class Shares(Task):
    """Compute, dial and doubt the share of variance within orbits."""

    label = "ex-12-shares"
    points = 4
    names = {
        "independent": "the quotient of the two expected variances for independent draws",
        "share": "the share within orbits of the table",
        "mended": "a table of share 1, in which each orbit is moved as a whole, shape (3, 4)",
        "after": "the share after the entry has been added",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw numbers, a table of three orbits, and the variance of another entry."""
        while True:
            table = [[chance.randint(-9, 9) for _ in range(4)] for _ in range(3)]
            if 0.3 < _share(np.array(table)) < 0.8:
                break
        images, turns = chance.randint(5, 40), chance.randint(3, 12)
        return {"B": images, "n": turns, "table": table, "times": chance.randint(2, 9)}

    def prompt(self, B: int, n: int, table: list[list[int]], times: int) -> str:
        """Return the question."""
        rows = "; ".join(f"({', '.join(map(str, row))})" for row in table)
        return rf"""
        The share within orbits is the variance about the means of the orbits over the variance
        about the mean of all codes. First let all codes of {B} images in {n} turns each be
        independent draws from one distribution: what is the quotient of the *expected* variance
        within orbits and the expected total variance of the sample (both divided by the number
        of codes)? Then let three images have codes of a single number, in four turns each:
        {rows}. What is the share within orbits? Give a table of share exactly 1, in which all
        four codes of an image are moved by the same number. Finally an entry is added to the
        codes of the original table that differs from image to image, is the same in all turns of
        an image, and has {times} times the total variance of the table. What is the share then?
        """

    def solution(self, B: int, n: int, table: list[list[int]], times: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        independent = (1 - 1 / {n}) / (1 - 1 / {B * n})
        table = np.array({table}, dtype=float)
        mended = table - table.mean(axis=1, keepdims=True)
        share = mended.var() / table.var()
        after = share / (1 + {times})
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Strangers have a share near $1 - \frac1n$, so a value below 1 is no sign of invariance by
        itself. The share falls when something is added that has nothing to do with the pose: it
        measures a proportion.
        """

    def difficulty(
        self, B: int, n: int, table: list[list[int]], times: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the share of the table."""
        return {"share": (_share(np.array(table)), 0.3, 0.8), "turns": (n, 3, 12)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three shares and a table of three images in four turns."""
        for name in ("independent", "share", "after"):
            require(0 <= number(answer, name) <= 1.5, f"{name} must be a share.")
        array(answer, "mended", (3, 4))

    def hidden_independent(self, answer: Answer, B: int, n: int, **_: Any) -> None:
        """The quotient is right to a ten-thousandth."""
        # Variances are traces: of the projection off the orbit means, and off the mean of all.
        within = np.eye(B * n) - np.kron(np.eye(B), np.ones((n, n)) / n)
        total = np.eye(B * n) - np.ones((B * n, B * n)) / (B * n)
        says = "By how much is the variance about the mean of a sample too small, on average?"
        good = abs(number(answer, "independent") - np.trace(within) / np.trace(total)) < 1e-4
        require(good, says)

    def hidden_share(self, answer: Answer, table: list[list[int]], **_: Any) -> None:
        """The share of the table is right to a ten-thousandth."""
        says = "Subtract from each code the mean of its orbit, and from all the mean of all."
        require(abs(number(answer, "share") - _share(np.array(table))) < 1e-4, says)

    def hidden_mended(self, answer: Answer, table: list[list[int]], **_: Any) -> None:
        """The mended table has the share 1, and its orbits are moved as a whole."""
        mended = array(answer, "mended", (3, 4))
        moved = mended - np.array(table)
        says = "Within an orbit all codes must be moved by the same number."
        require(np.allclose(moved, moved[:, :1], atol=1e-4), says)
        says = "What must be true of the means of the orbits if nothing varies between them?"
        require(abs(_share(mended) - 1) < 1e-4, says)

    def hidden_after(self, answer: Answer, table: list[list[int]], times: int, **_: Any) -> None:
        """The share with the added entry is right to a ten-thousandth."""
        codes = np.array(table, dtype=float)
        entry = np.array([[1.0], [-1.0], [0.0]]) * np.ones((1, 4))
        entry *= math.sqrt(times * codes.var() / entry.var())
        both = np.stack([codes, entry])
        within = (both - both.mean(2, keepdims=True)).var((1, 2)).sum()
        true = within / both.var((1, 2)).sum()
        says = "Variances of entries add up. To which of the two does the new entry contribute?"
        require(abs(number(answer, "after") - true) < 1e-4, says)


def _share(table: Any) -> float:
    """Return the share of variance within the rows."""
    mean, total, within = table.mean(), 0.0, 0.0
    for row in table:
        total += sum((v - mean) ** 2 for v in row)
        within += sum((v - row.mean()) ** 2 for v in row)
    return float(within / max(total, 1e-12))


class More(Task):
    """Average over more turns, and see which waves are left."""

    label = "ex-12-more"
    points = 4
    names = {
        "moves": "how far the three averages move under half a step, a list",
        "swings": "the distances between the largest and the smallest average, a list",
        "steady": "the smallest number of turns whose average no turn moves",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a code with five frequencies, and three numbers of turns."""
        while True:
            turns = sorted(chance.sample(range(3, 9), 3))
            odd = [turns[0] * 3, turns[1], turns[2] * chance.choice([1, 3])]
            frequencies = sorted({*odd, 1, 2 * turns[1]})
            if len(frequencies) != 5:
                continue
            cosines = [chance.choice([-1, 1]) * chance.randint(10, 99) for _ in frequencies]
            sines = [chance.choice([-1, 1]) * chance.randint(10, 99) for _ in frequencies]
            drawn = {"turns": turns, "frequencies": frequencies}
            return {**drawn, "cosines": cosines, "sines": sines}

    def prompt(
        self, turns: list[int], frequencies: list[int], cosines: list[int], sines: list[int]
    ) -> str:
        """Return the question."""
        waves = (
            " ".join(
                rf"{a / 100:+.2f} \cos {f}\theta {b / 100:+.2f} \sin {f}\theta"
                for f, a, b in zip(frequencies, cosines, sines, strict=True)
            )
            .replace("cos 1\\", "cos \\")
            .replace("sin 1\\", "sin \\")
        )
        return rf"""
        The code of an image turned by the angle $\theta$ is the number
        $$f(\theta) = {waves}.$$
        The average over $n$ turns at $\theta$ is the mean of $f(\theta + 2\pi r / n)$ over
        $r = 0, \dots, n - 1$. For $n = {turns[0]}$, ${turns[1]}$ and ${turns[2]}$, by how much
        (in absolute value) does the average change if the image at $\theta = 0$ is turned by half
        a step, $\pi / n$? How far apart are its largest and its smallest value over all $\theta$?
        What is the smallest $n$ for which no turn at all moves the average?
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Which frequencies does an average over $n$ turns keep, and how do these move with the angle?
        """

    def solution(
        self, turns: list[int], frequencies: list[int], cosines: list[int], sines: list[int]
    ) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        m = np.array({frequencies})
        a, b = np.array({cosines}) / 100, np.array({sines}) / 100
        theta = np.linspace(0, 2 * np.pi, 20_001)
        moves, swings = [], []
        for n in {turns}:
            left = m % n == 0  # the others average to zero
            moves.append(abs((a * left * (np.cos(np.pi * m / n) - 1)
                              + b * left * np.sin(np.pi * m / n)).sum()))
            values = sum(a[i] * np.cos(m[i] * theta) + b[i] * np.sin(m[i] * theta)
                         for i in np.flatnonzero(left))
            swings.append(np.ptp(values))
        steady = next(n for n in range(1, 200) if (m % n).all())
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The average over $n$ turns keeps the waves whose frequency is a multiple of $n$, and no
        others. A smooth code has little in high frequencies, and soon nothing moves; a code with
        kinks has some in all of them.
        """

    def difficulty(
        self, turns: list[int], frequencies: list[int], **_: Any
    ) -> dict[str, tuple[float, float, float]]:
        """Return how many waves are left by the three averages together."""
        left = sum(f % n == 0 for n in turns for f in frequencies)
        return {"waves left": (left, 4, 9), "waves": (len(frequencies), 5, 5)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three moves and three swings, and a whole number."""
        for name in ("moves", "swings"):
            require((array(answer, name, (3,)) >= 0).all(), f"{name} must not be negative.")
        whole(answer, "steady")

    def hidden_moves(self, answer: Answer, **parameters: Any) -> None:
        """The moves under half a step are right to a thousandth."""
        found = array(answer, "moves", (3,))
        for n, move in zip(parameters["turns"], found, strict=True):
            here, there = (_average(n, theta=t, **parameters) for t in (0.0, math.pi / n))
            says = (
                f"For n = {n}: which of the waves has an average over the turns that is not zero?"
            )
            require(abs(move - abs(there - here)) < 1e-3, says)

    def hidden_swings(self, answer: Answer, **parameters: Any) -> None:
        """The swings are right to a hundredth."""
        theta = np.linspace(0, 2 * np.pi, 2001)
        for n, swing in zip(parameters["turns"], array(answer, "swings", (3,)), strict=True):
            says = f"For n = {n}: look at the average over one whole circle of angles."
            require(abs(swing - np.ptp(_average(n, theta=theta, **parameters))) < 0.01, says)

    def hidden_steady(self, answer: Answer, frequencies: list[int], **parameters: Any) -> None:
        """The smallest steady number of turns is right."""
        angles = np.linspace(0, 6, 50)
        true = next(
            n
            for n in range(1, 200)
            if np.ptp(_average(n, theta=angles, frequencies=frequencies, **parameters)) < 1e-9
        )
        says = "The smallest number that divides none of what?"
        require(whole(answer, "steady") == true, says)


def _average(
    n: int,
    theta: Any,
    turns: list[int],
    frequencies: list[int],
    cosines: list[int],
    sines: list[int],
) -> Any:
    """Return the average over n turns at an angle, or at many, turn by turn."""
    total = 0.0
    for r in range(n):
        at = theta + 2 * np.pi * r / n
        for f, a, b in zip(frequencies, cosines, sines, strict=True):
            total = total + (a * np.cos(f * at) + b * np.sin(f * at)) / (100 * n)
    return total
