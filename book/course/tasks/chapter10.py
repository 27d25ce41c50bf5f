"""Tasks of chapter 10: a rotation-equivariant classifier."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import array, number, whole


class Count(Task):
    """Count the weights and the multiplications of a group convolution."""

    label = "ex-10-count"
    points = 3
    names = {
        "free": "the free weights of the group convolution",
        "ordinary": "the weights of an ordinary convolution between the same channels",
        "lifting": "the free weights of the lifting convolution",
        "multiplications": "the multiplications of the group convolution for one image",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw numbers of fields, a group, and sides."""
        k, j = chance.sample(range(3, 10), 2)
        n, s = chance.choice([4, 6, 8, 12]), chance.choice([3, 5, 7])
        return {"k": k, "j": j, "n": n, "s": s, "m": chance.randint(20, 40)}

    def prompt(self, k: int, j: int, n: int, s: int, m: int) -> str:
        """Return the question."""
        return rf"""
        A lifting convolution for $C_{{{n}}}$ leads from an image with one channel to {k} regular
        fields, and a group convolution from these to {j} regular fields. All filters have side
        {s} and can be turned exactly, and there are no biases. How many weights of each of the
        two are free? How many weights has an ordinary convolution between as many channels as
        the group convolution? How many multiplications does the group convolution need for one
        image, if its bank of turned filters is convolved like any other, at each of the
        ${m} \times {m}$ pixels, with zeros outside counted as numbers?
        """

    def solution(self, k: int, j: int, n: int, s: int, m: int) -> str:
        """Return the answer."""
        return f"""
        free = {j} * {k} * {n} * {s}**2
        ordinary = ({j} * {n}) * ({k} * {n}) * {s}**2
        lifting = {k} * {s}**2
        multiplications = ordinary * {m}**2
        """

    def remarks(self, k: int, j: int, n: int, s: int, m: int) -> str:
        """Return why."""
        return rf"""
        A filter between two fields has ${s}^2$ places and {n} directions. The turned copies are
        no new weights, but they are multiplied like any others: {n} times fewer weights, and not
        one multiplication less.
        """

    def difficulty(
        self, k: int, j: int, n: int, s: int, m: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the digits of the largest number."""
        return {"digits": (len(str(j * n * k * n * s**2 * m**2)), 5, 9)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The four numbers are whole."""
        for name in self.names:
            whole(answer, name)

    def hidden_weights(self, answer: Answer, k: int, j: int, n: int, s: int, m: int) -> None:
        """The numbers of weights are those of a bank of filters that is written out."""
        own = np.arange(j * k * n * s * s).reshape(j, k, n, s, s)
        bank = np.stack([np.roll(own, h, axis=2) for h in range(n)], axis=1)
        says = "How many places and directions has the filter between two fields?"
        require(whole(answer, "free") == len(np.unique(bank)), says)
        says = "How many channels has a regular field?"
        require(whole(answer, "ordinary") == bank.size, says)
        says = "Before the lifting convolution there are no directions."
        require(whole(answer, "lifting") == own[0, :, 0].size, says)

    def hidden_multiplications(
        self, answer: Answer, k: int, j: int, n: int, s: int, m: int
    ) -> None:
        """The number of multiplications is right."""
        per_pixel = sum(s * s * k * n for _ in range(j * n))
        says = "Each number of the bank is multiplied once at each pixel."
        require(whole(answer, "multiplications") == per_pixel * m * m, says)


class Restrict(Task):
    """Read a code of a group as a code of a subgroup."""

    label = "ex-10-restrict"
    points = 4
    names = {
        "together": "the entries of a row that are permuted among themselves, a list of lists",
        "restrict": "a function of an array (B, c, n) that returns one of shape (B, c, q, m)",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a group, a subgroup and a generator of it that is not the smallest turn."""
        sizes = [(n, m) for n in range(8, 21) for m in range(4, n) if n % m == 0]
        n, m = chance.choice(sizes)
        r = chance.choice([r for r in range(2, m) if math.gcd(r, m) == 1])
        return {"n": n, "m": m, "r": r, "e": chance.randrange(n)}

    def prompt(self, n: int, m: int, r: int, e: int) -> str:
        """Return the question."""
        angle = 360 * r / m
        return rf"""
        The code of a network for $C_{{{n}}}$ has the shape $(B, c, {n})$: a turn of the image by
        one step of $C_{{{n}}}$ rolls each row by one place, `np.roll(z, 1, axis=-1)`. A user wants
        to regard it as a code for the subgroup $C_{{{m}}}$, with the turn by
        {angle:.6g}° as the generator. Which entries of a row are permuted among themselves by
        this subgroup? List them as {n // m} lists of {m} entries, counted from 0. Then write
        `restrict`, which takes an array of shape $(B, c, {n})$ and returns one of shape
        $(B, c, {n // m}, {m})$ with the same numbers, such that a turn of the image by
        {angle:.6g}° rolls its last axis by one place. Entry {e} of a row shall come first, at the
        places 0, 0 of the last two axes.
        """

    def starter(self, n: int, m: int, r: int, e: int) -> str:
        """Return the cell to fill in."""
        return f"""
        import numpy as np

        together = ...  # {n // m} lists of {m} entries


        def restrict(z):
            ...  # an array of shape (B, c, {n // m}, {m})
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        By how many places does the given turn roll a row? Follow one entry until it is back.
        """

    def solution(self, n: int, m: int, r: int, e: int) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        q = {n} // {m}
        places = ({e} + np.arange(q)[:, None] + {r} * q * np.arange({m})) % {n}
        together = places.tolist()


        def restrict(z):
            return np.asarray(z)[..., places]
        """

    def remarks(self, n: int, m: int, r: int, e: int) -> str:
        """Return why."""
        return rf"""
        The turn rolls a row by {r * n // m} places, so entry $i$ goes to
        $i + {r * n // m}$, counted modulo {n}. Following one entry of each class in these steps
        gives the order of the last axis.
        """

    def difficulty(self, n: int, m: int, r: int, e: int) -> dict[str, tuple[float, float, float]]:
        """Return the size of the subgroup and its index."""
        return {"index": (n // m, 2, 5), "order": (m, 4, 10)}

    def public_shapes(self, answer: Answer, n: int, m: int, r: int, e: int) -> None:
        """The lists have the right lengths, and the function returns the promised shape."""
        array(answer, "together", (n // m, m))
        array_of(answer, "restrict", (2, 3, n // m, m), np.zeros((2, 3, n)))

    def hidden_together(self, answer: Answer, n: int, m: int, r: int, e: int) -> None:
        """The lists are the orbits of the subgroup."""
        found = {frozenset(row) for row in array(answer, "together", (n // m, m)).tolist()}
        steps = [s for s in range(n) if s * m % n == 0]
        true = {frozenset(float((i + s) % n) for s in steps) for i in range(n)}
        require(found == true, "Start at one entry and follow where the subgroup moves it.")

    def hidden_rolls(self, answer: Answer, n: int, m: int, r: int, e: int) -> None:
        """The turn rolls the last axis by one place, and the numbers are kept."""
        z = np.random.default_rng(n * m * r).normal(size=(3, 2, n))
        shape = (3, 2, n // m, m)
        before = array_of(answer, "restrict", shape, z)
        after = array_of(answer, "restrict", shape, np.roll(z, r * n // m, axis=-1))
        kept = np.allclose(np.sort(before.reshape(3, 2, n)), np.sort(z), atol=1e-6)
        require(kept, "The result must hold the numbers of each row, each once.")
        says = "The first number must be the entry that is asked for."
        require(np.allclose(before[..., 0, 0], z[..., e], atol=1e-6), says)
        says = "By how many places does the turn roll a row, and in which order does it visit it?"
        require(np.allclose(after, np.roll(before, 1, axis=-1), atol=1e-6), says)


class Averaging(Task):
    """Average logits over turns, and see who gains and who loses."""

    label = "ex-10-averaging"
    points = 4
    names = {
        "upright": "the accuracy on upright images",
        "turned": "the accuracy over all turned images, the upright ones among them",
        "averaged": "the accuracy after averaging the logits over the four turns",
        "lost": "the images that are read well upright and badly after averaging, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw logits for twelve images, four turns and three classes."""
        while True:
            labels = [chance.randrange(3) for _ in range(12)]
            logits = [
                [
                    [chance.randint(-40, 40) + (k == y) * (35 if r == 0 else 8) for k in range(3)]
                    for r in range(4)
                ]
                for y in labels
            ]
            upright, turned, averaged, lost, sure = _verdicts(labels, logits)
            if sure and upright > averaged > turned and 2 <= len(lost) <= 4:
                return {"labels": labels, "logits": logits}

    def prompt(self, **_: Any) -> str:
        """Return the question."""
        return r"""
        The given cell holds the logits of an ordinary network for twelve images, each in four
        turns, of which the first is upright, and three classes, and the labels. The class with
        the largest logit is the network's answer. How accurate are its answers on the upright
        images, and on all 48 turned ones? How accurate is the network that averages the logits
        over the four turns, which gives every turn of an image the same answer? Which images,
        counted from 0, does it read wrongly although the network reads them well upright?
        """

    def given(self, labels: list[int], logits: list[list[list[int]]]) -> str:
        """Return the logits."""
        lines = "\n".join(f"            {image}," for image in logits)
        return f"""
        import numpy as np

        labels = np.array({labels})
        logits = np.array([  # shape (12, 4, 3): image, turn, class
{lines}
        ])
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return "Take the mean over the axis of the turns first, and the largest logit then."

    def solution(self, **_: Any) -> str:
        """Return the answer."""
        return """
        right = logits.argmax(axis=2) == labels[:, None]
        averaged_right = logits.mean(axis=1).argmax(axis=1) == labels
        upright, turned, averaged = right[:, 0].mean(), right.mean(), averaged_right.mean()
        lost = np.flatnonzero(right[:, 0] & ~averaged_right).tolist()
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Averaging makes the answers invariant. It gains where turns were read badly and loses
        where a good answer is outvoted: invariance does not say that an answer is right.
        """

    def difficulty(
        self, labels: list[int], logits: list[list[list[int]]]
    ) -> dict[str, tuple[float, float, float]]:
        """Return how many images are lost."""
        upright, turned, _, lost, _ = _verdicts(labels, logits)
        return {"lost": (len(lost), 2, 4), "gap": (upright - turned, 0.01, 0.9)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three accuracies and a list of images."""
        for name in ("upright", "turned", "averaged"):
            require(0 <= number(answer, name) <= 1, f"{name} lies between 0 and 1.")
        array(answer, "lost", (None,))

    def hidden_accuracies(
        self, answer: Answer, labels: list[int], logits: list[list[list[int]]]
    ) -> None:
        """The accuracies are right to a thousandth."""
        upright, turned, averaged, *_ = _verdicts(labels, logits)
        for name, true in (("upright", upright), ("turned", turned), ("averaged", averaged)):
            says = f"For {name}: which logits decide, and over what is the share taken?"
            require(abs(number(answer, name) - true) < 1e-3, says)

    def hidden_lost(self, answer: Answer, labels: list[int], logits: list[list[list[int]]]) -> None:
        """The images that averaging loses are right."""
        found = sorted(array(answer, "lost", (None,)).tolist())
        says = "Compare, image by image, the answer upright with that of the averaged logits."
        require(found == _verdicts(labels, logits)[3], says)


def _verdicts(
    labels: list[int], logits: list[list[list[int]]]
) -> tuple[float, float, float, list[int], bool]:
    """Return three accuracies, the lost images, and whether no two largest logits are equal."""
    one, every, mean, lost, sure = 0, 0, 0, [], True
    for i, (y, image) in enumerate(zip(labels, logits, strict=True)):
        total = [sum(column) for column in zip(*image, strict=True)]
        sure &= all(row.count(max(row)) == 1 for row in [*image, total])
        right = [row.index(max(row)) == y for row in image]
        good = total.index(max(total)) == y
        one, every, mean = one + right[0], every + sum(right), mean + good
        lost += [i] if right[0] and not good else []
    return one / 12, every / 48, mean / 12, lost, sure


class Hidden(Task):
    """Find out which code carries a linear action, and of which frequencies."""

    label = "ex-10-hidden"
    points = 6
    names = {
        "linear": "the network whose code moves by a matrix, 'a' or 'b'",
        "M": "this matrix, shape (5, 5): the code after one step is the code before times M",
        "frequencies": "the frequencies of its pieces, a list of three whole numbers",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a group, two planes and a line."""
        n = chance.randint(7, 10)
        planes = sorted(chance.randint(1, (n - 1) // 2) for _ in range(2))
        line = chance.choice([0, n // 2]) if n % 2 == 0 else 0
        which = chance.choice("ab")
        return {
            "n": n,
            "planes": planes,
            "line": line,
            "which": which,
            "seed": chance.randrange(10**6),
        }

    def prompt(self, n: int, **_: Any) -> str:
        """Return the question."""
        return rf"""
        Two networks were shown twelve images, before and after a turn by one step of
        $C_{{{n}}}$. The given cell holds their codes as rows of five numbers. Only one of the
        codes moves by a matrix $M$, up to rounding: `after = before @ M`. Which one, and what is
        $M$? A representation of $C_{{{n}}}$ on $\mathbb R^5$ is a sum of lines and planes on
        which the step acts by $1$, by $-1$ or by a rotation by $2\pi f / {n}$. Here it has three
        pieces: list their frequencies $f$, between $0$ and ${n} / 2$, each as often as it occurs,
        where a line with $1$ has the frequency 0 and one with $-1$ has ${n} / 2$.
        """

    def given(self, **parameters: Any) -> str:
        """Return the codes."""
        lines = []
        for network in "ab":
            for when, codes in zip(("before", "after"), _codes(network, **parameters), strict=True):
                rows = ",\n".join(f"            {row}" for row in codes.tolist())
                lines.append(f"        {when}_{network} = np.array([\n{rows},\n        ])")
        cells = "\n".join(lines)
        return f"""
        import numpy as np

{cells}
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        `np.linalg.lstsq` finds a matrix and says what it leaves over. The eigenvalues of $M$ come
        as pairs of conjugate numbers, or as $1$ or $-1$.
        """

    def solution(self, n: int, **_: Any) -> str:
        """Return the answer."""
        return f"""
        best = None
        for name, before, after in (("a", before_a, after_a), ("b", before_b, after_b)):
            fit = np.linalg.lstsq(before, after, rcond=None)[0]
            error = np.linalg.norm(before @ fit - after) / np.linalg.norm(after)
            if best is None or error < best:
                best, linear, M = error, name, fit
        steps = np.rint(abs(np.angle(np.linalg.eigvals(M))) * {n} / (2 * np.pi)).astype(int)
        frequencies = []
        for f in sorted(set(steps.tolist())):
            dimension = 1 if f in (0, {n} / 2) else 2
            frequencies += [f] * (int((steps == f).sum()) // dimension)
        """

    def remarks(self, n: int, **_: Any) -> str:
        """Return why."""
        return rf"""
        The eigenvalues of $M$ are $e^{{\pm 2\pi i f / {n}}}$, so the code tells by itself of
        which pieces it is made, in whatever basis it is written. $M^{{{n}}}$ is the identity up
        to rounding.
        """

    def difficulty(
        self, n: int, planes: list[int], **_: Any
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of different pieces."""
        return {"order": (n, 7, 10), "planes": (len(planes), 2, 2)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """A name, a matrix of five rows and columns, and three frequencies."""
        require(answer.linear in ("a", "b"), "linear must be 'a' or 'b'.")
        array(answer, "M", (5, 5))
        array(answer, "frequencies", (3,))

    def hidden_linear(self, answer: Answer, which: str, **_: Any) -> None:
        """The code that moves by a matrix is the right one."""
        says = "Fit a matrix to both, and look at what it leaves over."
        require(answer.linear == which, says)

    def hidden_matrix(self, answer: Answer, which: str, **parameters: Any) -> None:
        """The matrix moves new codes, to two percent."""
        before, after = _codes(which, which=which, **{**parameters, "images": 40})
        gap = np.linalg.norm(before @ array(answer, "M", (5, 5)) - after)
        says = "The matrix does not move new codes as a turn does. Rows are codes: before @ M."
        require(gap < 0.02 * np.linalg.norm(after), says)

    def hidden_frequencies(self, answer: Answer, planes: list[int], line: int, **_: Any) -> None:
        """The frequencies are right."""
        found = sorted(array(answer, "frequencies", (3,)).tolist())
        says = "Read the angles of the eigenvalues of M; a plane has two of them."
        require(found == sorted([*planes, line]), says)


def _codes(
    network: str, n: int, planes: list[int], line: int, which: str, seed: int, images: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the codes of a network before and after a step, rounded to four digits."""
    draw = np.random.default_rng(seed)
    step = np.zeros((5, 5))
    for i, f in enumerate(planes):
        c, s = np.cos(2 * np.pi * f / n), np.sin(2 * np.pi * f / n)
        step[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, s], [-s, c]]
    step[4, 4] = 1 if line == 0 else -1
    basis = np.linalg.qr(draw.normal(size=(5, 5)))[0]
    other = draw.normal(size=(5, 5))
    hidden = np.random.default_rng(seed + images).normal(size=(images, 5))
    if network == which:
        return (hidden @ basis).round(4), (hidden @ step @ basis).round(4)
    return np.tanh(hidden @ other).round(4), np.tanh(hidden @ step @ other).round(4)
