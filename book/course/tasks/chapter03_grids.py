"""Tasks of chapter 3 on grids, kernels and the fifteen operations."""

from __future__ import annotations

import inspect
import random
from math import cos, exp, pi, sin
from typing import Any

import numpy as np
import torch

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, defined


def exact(k: int, s: int, p: int, side: int) -> bool:
    """Say, by trying, whether a layer commutes with a quarter turn on images of a side."""
    x = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(side))

    def layer(image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(image, k, stride=s, padding=p)

    one = layer(torch.rot90(x, 1, (2, 3)))
    return one.shape[-1] > 0 and torch.allclose(one, torch.rot90(layer(x), 1, (2, 3)), atol=1e-5)


class Even(Task):
    """Find the sides on which a pooling is exact, and a path of layers that is."""

    label = "ex-03-even"
    points = 4
    names = {
        "exact_sides": "the sides for which the pooling is exact, a list",
        "path": "the layers from first to last, a list of triples (k, s, p)",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a pooling, a range of sides, and a side to start from."""
        pools = [(3, 2, 0), (4, 2, 1), (4, 2, 0), (3, 3, 0), (4, 3, 0), (5, 3, 1), (5, 3, 2)]
        pools += [(4, 4, 0), (5, 2, 1), (5, 2, 2), (3, 2, 1), (6, 3, 0), (6, 4, 1)]
        k, s, p = chance.choice(pools)
        return {
            "k": k,
            "s": s,
            "p": p,
            "low": chance.randint(18, 30),
            "start": chance.randint(40, 60),
        }

    def prompt(self, k: int, s: int, p: int, low: int, start: int) -> str:
        """Return the question."""
        around = f", after a frame of zeros, {p} wide, is put around the image" if p else ""
        return rf"""
        A pooling takes the mean over blocks of {k} by {k} pixels, with stride {s}{around} (kernel
        $k = {k}$, stride $s = {s}$, padding $p = {p}$; zeros count in the mean). For which sides
        from {low} to {low + 11} does it commute exactly with quarter turns (`exact_sides`)? Then
        design a path of layers from an image of side {start} to a single pixel such that every
        layer is exact. It uses this pooling at least twice, and otherwise only convolutions with
        a kernel of at most 9, stride 1 and no padding, at most ten layers in all. Write each
        layer as a triple $(k, s, p)$ (`path`).
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        A turned image is read from its other end. For which sides do the blocks end, together with
        the frame, where the image does?
        """

    def solution(self, k: int, s: int, p: int, low: int, start: int) -> str:
        """Return the answer."""
        return f"""
        k, s, p = {k}, {s}, {p}
        exact_sides = [m for m in range({low}, {low + 12}) if (m + 2 * p - k) % s == 0]

        layers = [(k, s, p)] + [(size, 1, 0) for size in range(9, 1, -1)]

        def search(side, pools, depth):
            if side == 1 and pools >= 2:
                return []
            for kernel, stride, frame in layers if depth else []:
                room = side + 2 * frame - kernel
                if room < 0 or room % stride:
                    continue
                more = (kernel, stride, frame) == (k, s, p)
                rest = search(room // stride + 1, pools + more, depth - 1)
                if rest is not None:
                    return [(kernel, stride, frame), *rest]
            return None

        path = next(found for depth in range(2, 11) if (found := search({start}, 0, depth)))
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        A layer is exact if $s$ divides $m + 2p - k$: then the blocks reach both ends of the image.
        Convolutions with stride 1 are always exact, so they may be used to reach a side that fits.
        """

    def difficulty(self, k: int, s: int, p: int, low: int, start: int) -> dict[str, Any]:
        """Return how many sides are exact, and the side to start from."""
        sides = [m for m in range(low, low + 12) if (m + 2 * p - k) % s == 0]
        return {"exact sides": (len(sides), 3, 6), "start": (start, 40, 60)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The sides are a list of numbers, and the path a list of triples."""
        array(answer, "exact_sides", (None,))
        require(len(array(answer, "path", (None, 3))) <= 10, "path has more than ten layers.")

    def hidden_sides(self, answer: Answer, k: int, s: int, p: int, low: int, **_: Any) -> None:
        """The list holds the sides on which the pooling is exact and no other."""
        found = set(array(answer, "exact_sides", (None,)).tolist())
        wanted = {m for m in range(low, low + 12) if exact(k, s, p, m)}
        says = "One of exact_sides is not exact: do the blocks reach the last row?"
        require(found <= wanted, says)
        require(found == wanted, "There are more sides on which the pooling is exact.")

    def hidden_path(self, answer: Answer, k: int, s: int, p: int, start: int, **_: Any) -> None:
        """Every layer of the path is allowed and exact, and the last leaves one pixel."""
        side, pools = start, 0
        for number, layer in enumerate(array(answer, "path", (None, 3)).astype(int).tolist(), 1):
            kernel, stride, frame = layer
            plain = 1 <= kernel <= 9 and (stride, frame) == (1, 0)
            pool = layer == [k, s, p]
            require(plain or pool, f"Layer {number} of path is not allowed.")
            room = side + 2 * frame - kernel
            require(room >= 0, f"Layer {number} of path is larger than its image.")
            require(room % stride == 0, f"Layer {number} of path is not exact on its image.")
            side, pools = room // stride + 1, pools + pool
        require(side == 1, "path does not end with a single pixel.")
        require(pools >= 2, "path uses the pooling less than twice.")


class Circle(Task):
    """Write a steerable kernel, and count the kernels between frequencies."""

    label = "ex-03-circle"
    points = 5
    names = {
        "kernel": "a function of x and y that returns the pair of values of the kernel",
        "counts": "the numbers of independent kernels for the pairs of frequencies, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the frequency, the values on a ray, and three pairs of frequencies."""
        f = chance.randint(2, 6)
        pairs = [[0, 0], [0, chance.randint(1, 4)], [chance.randint(1, 4), 0]]
        pairs += [[chance.randint(1, 4), chance.randint(1, 4)]]
        chance.shuffle(pairs)
        return {
            "f": f,
            "a": chance.choice([-3, -2, 2, 3]),
            "b": chance.choice([-4, -2, -1, 1, 2, 4]),
            "degrees": chance.choice([90, 180, 270]),
            "pairs": pairs[:3],
        }

    def prompt(self, f: int, a: int, b: int, degrees: int, pairs: list[list[int]]) -> str:
        """Return the question."""
        shown = ", ".join(f"$({m}, {k})$" for m, k in pairs)
        return rf"""
        Let $R_\theta$ be the turn of the plane by $\theta$. Write the continuous kernel
        $\kappa \colon \mathbb R^2 \to \mathbb R^2$ with $\kappa(R_\theta x) = R_{{{f}\theta}}
        \kappa(x)$ for all $\theta$ whose values on the ray at {degrees}°, at distance $r$ from the
        origin, are $\kappa = ({a} r^2 e^{{-r^2}}, {b} r e^{{-r}})$. `kernel(x, y)` takes two
        numbers and returns two. How many independent kernels are there, for one radius, from
        features that turn $m$ times as fast as the image to features that turn $k$ times as fast,
        for $(m, k)$ = {shown} (`counts`, in this order)? Features of frequency 0 are single
        numbers, all others are pairs.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        def kernel(x, y):
            ...

        counts = ...
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Every point is a turn of a point of the given ray: by which angle, and what does the rule
        then say of the kernel? For the counts, ask which values a kernel may have on one ray.
        """

    def solution(self, f: int, a: int, b: int, degrees: int, pairs: list[list[int]]) -> str:
        """Return the answer."""
        return f"""
        from math import atan2, cos, exp, hypot, pi, sin

        def kernel(x, y):
            r, angle = hypot(x, y), {f} * (atan2(y, x) - {degrees} * pi / 180)
            u, v = {a} * r**2 * exp(-r**2), {b} * r * exp(-r)
            return u * cos(angle) - v * sin(angle), u * sin(angle) + v * cos(angle)

        counts = [(2 if m else 1) * (2 if k else 1) for m, k in {pairs}]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        The values on one ray determine the kernel everywhere: go to the point by a turn, and turn
        the value along. They are free, one matrix with a row for each number that comes out and a
        column for each that goes in; only at the origin does every turn ask something of them.
        """

    def difficulty(self, f: int, pairs: list[list[int]], **_: Any) -> dict[str, Any]:
        """Return the frequency, and how many pairs have two frequencies that are not zero."""
        return {"frequency": (f, 2, 6), "pairs of planes": (sum(m * k > 0 for m, k in pairs), 0, 1)}

    def public_shapes(self, answer: Answer, pairs: list[list[int]], **_: Any) -> None:
        """The kernel returns a pair of numbers, zero at the origin, and there are three counts."""
        value = as_array(answer.kernel(0.0, 0.0), "kernel(x, y)", (2,))
        require(np.abs(value).max() < 1e-9, "At the origin only zero is fixed by all turns.")
        array(answer, "counts", (3,))

    def hidden_ray(self, answer: Answer, a: int, b: int, degrees: int, **_: Any) -> None:
        """The kernel has the prescribed values on the ray."""
        angle = degrees * pi / 180
        for r in (0.4, 1.0, 2.3):
            value = answer.kernel(r * cos(angle), r * sin(angle))
            found = as_array(value, "kernel(x, y)", (2,))
            wanted = [a * r**2 * exp(-(r**2)), b * r * exp(-r)]
            says = "On the ray the kernel has other values than prescribed."
            require(np.abs(found - wanted).max() < 1e-6, says)

    def hidden_turns(self, answer: Answer, f: int, **_: Any) -> None:
        """The values turn as fast as they should when the point turns."""
        rng = np.random.default_rng(5)
        for x, y, t in zip(*rng.normal(size=(2, 30)), rng.uniform(0, 2 * pi, 30), strict=True):
            c, s, cf, sf = cos(t), sin(t), cos(f * t), sin(f * t)
            here = as_array(answer.kernel(x, y), "kernel(x, y)", (2,))
            there = as_array(answer.kernel(c * x - s * y, s * x + c * y), "kernel(x, y)", (2,))
            turned = [cf * here[0] - sf * here[1], sf * here[0] + cf * here[1]]
            says = "When the point turns, the value turns at another speed or in another sense."
            require(np.abs(there - turned).max() < 1e-6, says)

    def hidden_counts(self, answer: Answer, pairs: list[list[int]], **_: Any) -> None:
        """The kernels between the frequencies are counted."""
        wanted = [(1 + (m > 0)) * (1 + (k > 0)) for m, k in pairs]
        says = "counts: what is free for one radius, once the values on a ray are known?"
        require(array(answer, "counts", (3,)).tolist() == wanted, says)


class Relation(Task):
    """Find the relation between the fifteen operations on three nodes."""

    label = "ex-03-relation"
    points = 4
    names = {"coefficients": "the fifteen coefficients of the relation, up to a common factor"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw an order of the operations, and how each vector and number is scaled."""
        return {
            "order": chance.sample(range(15), 15),
            "scales": [chance.choice([-2, -1, 1, 2]) for _ in range(15)],
        }

    def given(self, order: list[int], scales: list[int]) -> str:
        """Return the operations."""
        return f"""
        import torch

        order = {order}
        scales = torch.tensor({scales}, dtype=torch.float64)

        def operations(A):
            n, diagonal = A.shape[-1], A.diagonal(dim1=1, dim2=2)
            v = torch.stack([diagonal, A.sum(2), A.sum(1)], dim=1)
            c = torch.stack([diagonal.sum(1), A.sum((1, 2))], dim=1)[:, :, None, None]
            rows, c = v[..., None].expand(-1, -1, n, n), c.expand(-1, -1, n, n)
            eye = torch.eye(n, dtype=A.dtype)
            found = torch.cat([A[:, None], A.mT[:, None], rows, rows.mT, rows * eye, c, c * eye], 1)
            return found[:, order] * scales[:, None, None]
        """

    def prompt(self, **parameters: Any) -> str:
        """Return the question."""
        return r"""
        The given function `operations` takes matrices of shape $(B, n, n)$, in double precision,
        and returns the results of the fifteen operations, of shape $(B, 15, n, n)$. Their order
        is not that of the chapter, and each is multiplied by a number. For three nodes one of
        them is a combination of the others: find fifteen coefficients, not all zero, such that
        the combination of the operations with these coefficients is zero for all 3 by 3 matrices
        (`coefficients`, to six digits).
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Which pattern of four indices does not occur with three nodes? The coefficients are the null
        vector of a matrix that has a column for each operation.
        """

    def solution(self, **parameters: Any) -> str:
        """Return the answer."""
        return """
        units = torch.eye(9, dtype=torch.float64).reshape(9, 3, 3)
        columns = operations(units).movedim(1, 0).reshape(15, -1)
        coefficients = torch.linalg.svd(columns.T).Vh[-1]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        Four indices cannot be all different on three nodes. The pattern that asks for this is a
        combination of the fifteen operations, with the same coefficients for every number of nodes,
        and it is zero for three.
        """

    def difficulty(self, scales: list[int], **_: Any) -> dict[str, Any]:
        """Return the number of operations and the largest factor."""
        return {"operations": (len(scales), 15, 15), "factor": (max(map(abs, scales)), 1, 2)}

    def public_shape(self, answer: Answer, **_: Any) -> None:
        """There are fifteen coefficients, not all zero."""
        found = array(answer, "coefficients", (15,))
        require(np.abs(found).max() > 1e-6, "The coefficients must not all be zero.")

    def hidden_relation(self, answer: Answer, **numbers: Any) -> None:
        """The combination is zero on three nodes, and so a relation."""
        c = array(answer, "coefficients", (15,))
        weights = torch.tensor(c / np.abs(c).max())
        operations = defined(inspect.cleandoc(self.given(**numbers)))["operations"]
        draw = torch.Generator().manual_seed(3)
        values = {
            n: torch.einsum(
                "bkij,k->bij",
                operations(torch.randn(8, n, n, generator=draw, dtype=torch.float64)),
                weights,
            )
            for n in (3, 4)
        }
        says = "On random matrices with three nodes the combination is not zero."
        require(values[3].abs().max() < 1e-4, says)
        require(values[4].abs().max() > 1e-3, "The combination is zero for four nodes, too.")
