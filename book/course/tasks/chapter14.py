"""Tasks of chapter 14: learned equivariance."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.calls import array_of
from book.course.task import Answer, Task, require
from book.course.values import array, number

ERRORS = ("norm", "spread", "probabilities", "published")
CHANGES = {
    "times": "all logits are multiplied by {c}",
    "minus": "all logits are multiplied by $-{c}$",
    "vector": "the same vector, with {c} different entries, is added to the logits of all images",
    "own": "for each image a number of its own is added to all its logits, times {c}",
    "number": "the number {c} is added to all logits of all images",
    "classes": "the classes are listed in another order, {c} of them moved",
    "twice": "every image is listed {c} times in the dataset",
    "scaled": "the logits of each image are multiplied by a factor of its own between 1 and {c}",
    "turned": "one orthogonal matrix, which is a turn by {c}0 degrees in a plane of two classes, "
    "is applied to all logits",
    "unit": "the first three errors are counted per {c} pixels instead of per pixel",
    "class": "{c} classes are added whose logits are 0 for all images in all poses",
}


class Which(Task):
    """Say which of four errors a change leaves alone."""

    label = "ch14-ex-which"
    points = 3
    names = {"same": "for each of the five changes the errors that stay, a list of lists of words"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw five changes."""
        kinds = chance.sample(list(CHANGES), 5)
        return {"kinds": kinds, "c": [chance.randint(2, 5) for _ in kinds]}

    def prompt(self, kinds: list[str], c: list[int]) -> str:
        """Return the question."""
        changes = "; ".join(
            f"({k}) {CHANGES[kind].format(c=number)}"
            for k, (kind, number) in enumerate(zip(kinds, c, strict=True), 1)
        )
        return rf"""
        Let $y$ be the logits of $B$ images, $\mathcal L f$ their Lie derivatives along a
        translation by one pixel, and $\lvert v \rvert$ the root mean square of $K$ numbers. Four
        errors: `norm` and `spread` are the mean of $\lvert \mathcal L f(x_b) \rvert$ over the
        images, divided by the root mean square of all logits, or of their deviations from their
        mean over the images, class by class; `probabilities` is the mean of
        $\lvert \mathcal L p(x_b) \rvert$ for the softmax $p$; `published` is the mean absolute
        value of the entries of $\mathcal L p(x_b)$, counted in halves of the image's width. A
        network is changed in one of these ways: {changes}. The logits change in the same way in
        all poses of an image, except that in the change which adds a number of its own to each
        image this number may move with the image. For each change, in this order, which of the
        four errors stay exactly as they are, whatever the network was? For a change that leaves
        none alone the list is empty.
        """

    def solution(self, kinds: list[str], c: list[int]) -> str:
        """Return the answer."""
        known = {
            "times": ["norm", "spread"],
            "minus": ["norm", "spread"],
            "vector": ["spread"],
            "own": ["probabilities", "published"],
            "number": ["spread", "probabilities", "published"],
            "classes": list(ERRORS),
            "twice": list(ERRORS),
            "scaled": [],
            "turned": ["norm", "spread"],
            "unit": ["published"],
            "class": ["norm", "spread"],
        }
        return f"same = {[known[kind] for kind in kinds]}"

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Ask of each change what happens to $\mathcal L f$, and to that by which it is divided.
        The errors of the probabilities see differences of logits alone; the relative errors see
        a common factor as little as a common unit of the logits.
        """

    def difficulty(self, kinds: list[str], c: list[int]) -> dict[str, tuple[float, float, float]]:
        """Return how many changes there are, and in how many verdicts."""
        return {"changes": (len(set(kinds)), 5, 5)}

    def public_words(self, answer: Answer, **_: Any) -> None:
        """There are five lists of names of errors."""
        _lists(answer)

    def hidden_verdicts(self, answer: Answer, kinds: list[str], c: list[int]) -> None:
        """The errors that stay are those that stay for random networks."""
        for k, (found, kind, times) in enumerate(zip(_lists(answer), kinds, c, strict=True), 1):
            says = f"Change ({k}): what happens to the derivative, and to what divides it?"
            require(found == _stay(kind, times), says)


def _lists(answer: Answer) -> list[set[str]]:
    """Return five sets of names of errors."""
    value = answer.same
    good = isinstance(value, (list, tuple)) and len(value) == 5
    good = good and all(isinstance(v, (list, tuple)) for v in value)
    says = f"same must hold five lists, each of some of the words {', '.join(ERRORS)}."
    require(good and all(word in ERRORS for v in value for word in v), says)
    return [set(v) for v in value]


def _stay(kind: str, c: int) -> set[str]:
    """Return which errors a change leaves alone, found on random logits and derivatives."""
    draw = np.random.default_rng(c)
    y, L = draw.normal([3, 0, -1, 1], 1, size=(6, 4)), draw.normal(size=(6, 4))
    before = _four(y, L)
    plane = np.eye(4)
    cosine, sine = np.cos(np.radians(10 * c)), np.sin(np.radians(10 * c))
    plane[:2, :2] = [[cosine, -sine], [sine, cosine]]
    own = draw.uniform(1, c, size=(6, 1))
    empty = np.zeros((6, c))
    changed = {
        "times": (c * y, c * L),
        "minus": (-c * y, -c * L),
        "vector": (y + draw.normal(size=4), L),
        "own": (y + own, L + draw.normal(size=(6, 1))),
        "number": (y + c, L),
        "classes": (y[:, ::-1], L[:, ::-1]),
        "twice": (np.tile(y, (c, 1)), np.tile(L, (c, 1))),
        "scaled": (own * y, own * L),
        "turned": (y @ plane, L @ plane),
        "class": (np.hstack([y, empty]), np.hstack([L, empty])),
    }
    after = before * [c, c, c, 1] if kind == "unit" else _four(*changed[kind])
    return {name for name, gap in zip(ERRORS, after - before, strict=True) if abs(gap) < 1e-9}


def _four(y: Any, L: Any) -> NDArray[np.float64]:
    """Return the four errors of logits and derivatives, up to the unit of the last."""
    sizes = np.sqrt((L**2).mean(1)).mean()
    P = _slope(y, L)
    spread = np.sqrt(((y - y.mean(0)) ** 2).mean())
    published = np.abs(P).mean()
    return np.array([sizes / np.sqrt((y**2).mean()), sizes / spread, _rms(P).mean(), published])


def _slope(y: Any, L: Any) -> Any:
    """Return the derivative of the softmax by a matrix for each image."""
    p = np.exp(y - y.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    jacobians = p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])
    return np.einsum("bij,bj->bi", jacobians, L)


def _rms(P: Any) -> Any:
    """Return the root mean square over classes, for each image."""
    return np.sqrt((P**2).mean(1))


FACTORS = (0.1, 1.0, 10.0)


class Dial(Task):
    """Dial the error of the probabilities by a factor of the logits."""

    label = "ch14-ex-dial"
    points = 4
    names = {
        "errors": "the errors of the probabilities for the three factors, a list",
        "relative": "the relative errors (norm) for the three factors, a list",
        "worst": "the factor between 0.01 and 100 with the largest error",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a seed and the size of the logits."""
        return {"seed": chance.randrange(10**6), "tenths": chance.randint(3, 30)}

    def prompt(self, seed: int, tenths: int) -> str:
        """Return the question."""
        return rf"""
        The given cell holds the logits `y` of a network for 40 images and 5 classes, and their
        Lie derivatives `L`. All logits are multiplied by a factor $c > 0$. For $c$ of
        {", ".join(map(str, FACTORS))} give the error of the probabilities, that is, the mean over
        the images of the root mean square over the classes of the Lie derivative of the softmax;
        and the relative error (norm), the mean of the root mean square of the derivative of the
        logits over the root mean square of all logits. Which $c$ between $0.01$ and $100$ makes
        the error of the probabilities largest? The error there must be the largest to one part
        in ten thousand.
        """

    def given(self, seed: int, tenths: int) -> str:
        """Return the logits and their derivatives."""
        return f"""
        import numpy as np

        draw = np.random.default_rng({seed})
        y = {tenths / 10} * draw.normal(size=(40, 5))
        L = draw.normal(size=(40, 5)) * draw.uniform(0.1, 1, size=(40, 1))
        """

    def solution(self, **_: Any) -> str:
        """Return the answer."""
        return f"""
        def error(c):
            p = np.exp(c * y - (c * y).max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            moved = p * (c * L - (p * c * L).sum(axis=1, keepdims=True))
            return np.sqrt((moved**2).mean(axis=1)).mean()

        errors = [error(c) for c in {FACTORS}]
        relative = [np.sqrt((L**2).mean(axis=1)).mean() / np.sqrt((y**2).mean())] * 3
        factors = np.geomspace(0.01, 100, 2001)
        worst = factors[np.argmax([error(c) for c in factors])]
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        No factor changes a prediction or the relative error. The error of the probabilities
        vanishes for a network that says nothing and for one that is sure of everything, and has
        its largest value in between.
        """

    def difficulty(self, seed: int, tenths: int) -> dict[str, tuple[float, float, float]]:
        """Return the size of the logits."""
        return {"size of the logits": (tenths / 10, 0.3, 3.0)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three errors of either kind and a factor."""
        for name in ("errors", "relative"):
            require((array(answer, name, (3,)) > 0).all(), "An error is positive here.")
        require(0.01 <= number(answer, "worst") <= 100, "worst lies between 0.01 and 100.")

    def hidden_errors(self, answer: Answer, seed: int, tenths: int) -> None:
        """The errors of the probabilities are right to one part in a thousand."""
        y, L = _logits(seed, tenths)
        true = [_rms(_slope(c * y, c * L)).mean() for c in FACTORS]
        says = "Differentiate the softmax: which part of the derivative changes no probability?"
        require(np.allclose(array(answer, "errors", (3,)), true, rtol=1e-3), says)

    def hidden_relative(self, answer: Answer, seed: int, tenths: int) -> None:
        """The relative errors are right to one part in a thousand."""
        y, L = _logits(seed, tenths)
        true = [_four(c * y, c * L)[0] for c in FACTORS]
        says = "Multiply logits and derivatives by the factor, and divide."
        require(np.allclose(array(answer, "relative", (3,)), true, rtol=1e-3), says)

    def hidden_worst(self, answer: Answer, seed: int, tenths: int) -> None:
        """The error is largest at the factor."""
        y, L = _logits(seed, tenths)
        true = _worst(seed, tenths)
        c = number(answer, "worst")
        says = "Try factors that are closer to each other, evenly on a logarithmic scale."
        require(_rms(_slope(c * y, c * L)).mean() > (1 - 1e-4) * true, says)


@cache
def _worst(seed: int, tenths: int) -> float:
    """Return the largest error of the probabilities over all factors."""
    y, L = _logits(seed, tenths)
    return max(float(_rms(_slope(c * y, c * L)).mean()) for c in np.geomspace(0.01, 100, 300))


def _logits(seed: int, tenths: int) -> tuple[Any, Any]:
    """Return the logits and their derivatives."""
    draw = np.random.default_rng(seed)
    y = tenths / 10 * draw.normal(size=(40, 5))
    return y, draw.normal(size=(40, 5)) * draw.uniform(0.1, 1, size=(40, 1))


class Blur(Task):
    """Blur images, and see what a generator finds on them."""

    label = "ch14-ex-blur"
    points = 4
    names = {
        "blurred": "a function of an image (n, n) and a number of times, the blurred image",
        "sizes": "the relative sizes of the generator after 0, 1 and 4 blurs, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the weights of the blur, other than 1, 2, 1, and the waves of a picture."""
        n, side = chance.randrange(16, 33, 2), chance.randint(1, 4)
        middle = chance.choice([m for m in range(4, 10) if m != 2 * side])
        waves = [[chance.randint(1, n // 4), chance.randint(0, n // 4)] for _ in range(3)]
        return {"n": n, "side": side, "middle": middle, "waves": waves}

    def prompt(self, n: int, side: int, middle: int, waves: list[list[int]]) -> str:
        """Return the question."""
        total = 2 * side + middle
        return rf"""
        A blur replaces each pixel of an image by the mean of itself and its two neighbours with
        weights $\frac{{1}}{{{total}}}({side}, {middle}, {side})$, first along one axis, then along
        the other; the image is a torus, so that every pixel has neighbours. Write
        `blurred(x, times)`, which blurs a NumPy array of shape $({n}, {n})$ so many times. The
        generator of shifts to the right takes minus half the difference of the right neighbour
        and the left one, again on the torus, where the column is the second index. For the given
        `picture` give the norm of the generator's value over the norm of the image, after 0, 1
        and 4 blurs.
        """

    def given(self, n: int, waves: list[list[int]], **_: Any) -> str:
        """Return the picture."""
        return f"""
        import numpy as np

        i, j = np.indices(({n}, {n}))
        picture = sum(np.cos(2 * np.pi * (k * j + m * i) / {n} + k) for k, m in {waves})
        """

    def starter(self, n: int, **_: Any) -> str:
        """Return the cell to fill in."""
        return f"""
        def blurred(x, times):
            ...  # an array of shape ({n}, {n})


        sizes = ...  # the relative sizes of the generator after 0, 1 and 4 blurs, a list
        """

    def solution(self, n: int, side: int, middle: int, waves: list[list[int]]) -> str:
        """Return the answer."""
        total = 2 * side + middle
        return f"""
        def blurred(x, times):
            x = np.asarray(x, dtype=float)
            for _ in range(times):
                for axis in (0, 1):
                    beside = np.roll(x, 1, axis) + np.roll(x, -1, axis)
                    x = ({middle} * x + {side} * beside) / {total}
            return x

        sizes = []
        for times in (0, 1, 4):
            x = blurred(picture, times)
            moved = (np.roll(x, 1, 1) - np.roll(x, -1, 1)) / 2
            sizes.append(np.linalg.norm(moved) / np.linalg.norm(x))
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        A blur takes more from fast waves than from slow ones, so the generator, which lives on
        edges, finds less. An error that falls with a blur says nothing about the network, which
        is the same.
        """

    def difficulty(
        self, n: int, side: int, middle: int, waves: list[list[int]]
    ) -> dict[str, tuple[float, float, float]]:
        """Return the weight of the neighbours and the number of waves."""
        return {"weight": (2 * side / (2 * side + middle), 0.1, 0.7), "waves": (len(waves), 3, 3)}

    def public_shapes(self, answer: Answer, n: int, **_: Any) -> None:
        """The function returns an image of the same shape, and there are three sizes."""
        array_of(answer, "blurred", (n, n), np.ones((n, n)), 1)
        array(answer, "sizes", (3,))

    def hidden_blur(self, answer: Answer, n: int, side: int, middle: int, **_: Any) -> None:
        """The function blurs random images as asked."""
        x = np.random.default_rng(n).normal(size=(n, n))
        wave = (middle + 2 * side * np.cos(2 * np.pi * np.arange(n) / n)) / (middle + 2 * side)
        for times in (0, 1, 3):
            true = np.fft.ifft2(np.fft.fft2(x) * np.outer(wave, wave) ** times).real
            found = array_of(answer, "blurred", (n, n), x, times)
            says = "Blur an image of one bright pixel, and look at both axes and at the border."
            require(np.allclose(found, true, atol=1e-6), says)

    def hidden_sizes(
        self, answer: Answer, n: int, side: int, middle: int, waves: list[list[int]]
    ) -> None:
        """The sizes of the generator are right to a ten-thousandth."""
        i, j = np.indices((n, n))
        x = sum(np.cos(2 * np.pi * (k * j + m * i) / n + k) for k, m in waves)
        at = 2 * np.pi * np.arange(n) / n
        wave = (middle + 2 * side * np.cos(at)) / (middle + 2 * side)
        power = np.abs(np.fft.fft2(x)) ** 2
        for found, times in zip(array(answer, "sizes", (3,)), (0, 1, 4), strict=True):
            left = power * np.outer(wave, wave) ** (2 * times)
            true = np.sqrt((left * np.sin(at) ** 2).sum() / left.sum())
            says = f"After {times} blurs: divide by the norm of the blurred image."
            require(abs(found - true) < 1e-4, says)


class Hyperbolic(Task):
    """Take a linear flow to pieces, and measure along two of them."""

    label = "ch14-ex-hyperbolic"
    points = 6
    names = {
        "pieces": "the coefficients of rotation, hyperbolic rotation, scaling, squeeze, a list",
        "errors": "the relative errors along rotation and hyperbolic rotation, a pair",
        "flow": "the relative error along the given flow",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a linear velocity field and the weights of a network."""
        while True:
            A = [[chance.randint(-6, 6) for _ in range(2)] for _ in range(2)]
            W = [[chance.randint(-15, 15) for _ in range(2)] for _ in range(3)]
            if all(_pieces(A)):
                return {"A": A, "W": W, "seed": chance.randrange(10**6)}

    def prompt(self, A: list[list[int]], W: list[list[int]], seed: int) -> str:
        """Return the question."""
        (a, b), (c, d) = A
        return rf"""
        The velocity field of a linear flow of the plane is
        $v(x, y) = ({a}x {b:+d}y,\ {c}x {d:+d}y)$. Write it as a combination of the rotation
        $(-y, x)$, the hyperbolic rotation $(y, x)$, the scaling $(x, y)$ and the squeeze
        $(x, -y)$, and give the four coefficients in this order. The given `f` takes points of the
        plane, an array of shape $(B, 2)$, to three outputs each, which the flows are supposed to
        leave where they are. At the given `points`, what is the relative error of `f` along the
        rotation and along the hyperbolic rotation, that is, the mean over the points of the root
        mean square of the three entries of the Lie derivative, over the root mean square of all
        outputs? And what is it along $v$?
        """

    def given(self, A: list[list[int]], W: list[list[int]], seed: int) -> str:
        """Return the network and the points."""
        return f"""
        import numpy as np

        W = np.array({[[w / 10 for w in row] for row in W]})
        points = np.random.default_rng({seed}).uniform(-1, 1, size=(200, 2))


        def f(points):
            return np.tanh(points @ W.T + 0.2)
        """

    def solution(self, A: list[list[int]], W: list[list[int]], seed: int) -> str:
        """Return the answer."""
        return f"""
        flows = np.array([[[0, -1], [1, 0]], [[0, 1], [1, 0]], [[1, 0], [0, 1]], [[1, 0], [0, -1]]])
        A = np.array({A})
        pieces = np.tensordot(flows, A, axes=2) / 2

        def error(matrix):
            y = f(points)
            change = (1 - y**2) * (points @ matrix.T @ W.T)
            return np.sqrt((change**2).mean(axis=1)).mean() / np.sqrt((y**2).mean())

        errors = (error(flows[0]), error(flows[1]))
        flow = error(A)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        The four fields are perpendicular as matrices and equally long. The Lie derivative along
        $v$ is the combination of the four with the same coefficients; its size is not the
        combination of their sizes.
        """

    def difficulty(self, A: list[list[int]], **_: Any) -> dict[str, tuple[float, float, float]]:
        """Return how many of the four pieces take part."""
        return {"pieces": (sum(p != 0 for p in _pieces(A)), 4, 4)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are four coefficients, a pair of errors and one more."""
        array(answer, "pieces", (4,))
        array(answer, "errors", (2,))
        require(number(answer, "flow") >= 0, "An error is not negative.")

    def hidden_pieces(self, answer: Answer, A: list[list[int]], **_: Any) -> None:
        """The combination is the velocity field, at many points."""
        r, h, s, q = array(answer, "pieces", (4,))
        x, y = np.random.default_rng(5).normal(size=(2, 20))
        combined = np.stack([-r * y + h * y + s * x + q * x, r * x + h * x + s * y - q * y])
        says = "Compare what multiplies x and what multiplies y in both entries."
        require(np.allclose(combined, np.array(A) @ [x, y], atol=1e-6), says)

    def hidden_errors(
        self, answer: Answer, A: list[list[int]], W: list[list[int]], seed: int
    ) -> None:
        """The errors are right to one part in a thousand."""
        rotation, hyperbolic = [[0, -1], [1, 0]], [[0, 1], [1, 0]]
        true = [_flow_error(matrix, W, seed) for matrix in (rotation, hyperbolic)]
        says = "Move the points a little along the flow: how fast do the outputs change?"
        require(np.allclose(array(answer, "errors", (2,)), true, rtol=1e-3), says)
        says = "Combine the Lie derivatives of the four flows before you take sizes."
        good = np.isclose(number(answer, "flow"), _flow_error(A, W, seed), rtol=1e-3)
        require(good, says)


def _pieces(A: list[list[int]]) -> list[float]:
    """Return the coefficients of rotation, hyperbolic rotation, scaling and squeeze."""
    (a, b), (c, d) = A
    return [(c - b) / 2, (c + b) / 2, (a + d) / 2, (a - d) / 2]


def _flow_error(matrix: Any, W: Any, seed: int) -> float:
    """Return the relative error along a linear flow, by central differences along it."""
    points = np.random.default_rng(seed).uniform(-1, 1, size=(200, 2))
    step = 1e-5
    moved = [
        np.tanh((points + t * points @ np.array(matrix).T) @ np.array(W).T / 10 + 0.2)
        for t in (-step, 0, step)
    ]
    change = (moved[2] - moved[0]) / (2 * step)
    return float(_rms(change).mean() / np.sqrt((moved[1] ** 2).mean()))
