"""The mutants of each chapter, and other correct implementations beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from tests.mutants import load
from tests.mutants.frame import Mutants
from utils.groups import CyclicShifts, PointPermutations
from utils.quotient import quotient_distance, quotient_geodesic

CELLS = {f"{n:02d}": load(f"{n:02d}") for n in range(2, 19)}


def mutants(chapter: str, **expected: Any) -> Mutants:
    """Take what the cells of a chapter define; older chapters write it in lower case."""
    cells = CELLS[chapter]
    upper = hasattr(cells, "MUTANTS")
    return Mutants(
        broken=cells.MUTANTS if upper else cells.broken,
        correct=cells.CORRECT if upper else cells.correct,
        naive=cells.naive,
        catches=cells.catches,
        **expected,
    )


def draw(seed: int) -> torch.Generator:
    """A generator for one example."""
    return torch.Generator().manual_seed(seed)


# -- 02: the Reynolds operator


def reynolds_values(implementation):
    return implementation(np.random.default_rng(0).normal(size=(6, 4, 4)))


# -- 03: an equivariant layer for images that are turned


def images(seed: int, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 1, 28, 28, generator=draw(seed))


# -- 04: the quotient distance of shifted rows


def distance_by_helper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return quotient_distance(x, y, CyclicShifts(x.shape[-1]))


def distance_pairs(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    x, y = torch.randn(2, 40, 3, 6, generator=draw(seed), dtype=torch.float64)
    return [(x, y), (x, x), (x, torch.roll(x, 1, dims=-1))]


# -- 05: the isometric cross section of type B


def section_codes(seed: int) -> torch.Tensor:
    return torch.randn(8, 3, generator=draw(seed), dtype=torch.float64)


# -- 06: max filters


def filters_by_loop(templates, codes):
    shifts = [torch.roll(codes, r, dims=-1).flatten(1) for r in range(codes.shape[-1])]
    return torch.stack([c @ templates.flatten(1).T for c in shifts]).amax(0)


def filters_values(implementation):
    generator = draw(1)
    templates = torch.randn(5, 3, 4, generator=generator)
    return implementation(templates, torch.randn(6, 3, 4, generator=generator))


# -- 07: relabelling a batch of padded graphs


def relabelling_example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    a = torch.randint(0, 5, (6, 9), generator=draw(7))
    half = torch.randint(0, 4, (6, 9, 9), generator=draw(8)).triu(1)
    return a, half + half.mT, torch.rand(6, 9, generator=draw(9)).argsort(1)


def relabelled_values(implementation):
    a, A = implementation(*relabelling_example())
    return torch.cat([a.flatten(), A.flatten()]).double()


def relabelled_by_matrices(a, A, p):
    P = torch.nn.functional.one_hot(p, 9).mT
    return (P @ a[..., None])[..., 0], P @ A @ P.mT


# -- 08: rows and tables carried to sorted places


CARRY_EXAMPLE = torch.tensor([0.3, 0.0, 0.28, -0.1])


def some_tables():
    generator = draw(5)
    return torch.randn(4, 2, generator=generator), torch.randn(4, 4, generator=generator)


def carry_values(implementation):
    rows, table = implementation(CARRY_EXAMPLE, *some_tables())
    return torch.cat([rows.flatten(), table.flatten()])


def carry_by_loop(z, rows, table):
    places = sorted(z.tolist())
    reads = torch.zeros(len(z), len(z))
    for i, number in enumerate(z.tolist()):
        for k, place in enumerate(places):
            reads[i, k] = torch.tensor(-abs(number - place) / 0.05).exp()
        reads[i] /= reads[i].sum()
    new_rows, new_table = torch.zeros_like(rows), torch.zeros_like(table)
    for i in range(len(z)):
        for k in range(len(z)):
            new_rows[i] += reads[i, k] * rows[k]
            for j in range(len(z)):
                for m in range(len(z)):
                    new_table[i, j] += reads[i, k] * reads[j, m] * table[k, m]
    return new_rows, new_table


# -- 09: geodesics of the quotient


def geodesic_ends(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, 5, generator=draw(seed))


def geodesic_from_the_library(x, y, t):
    return quotient_geodesic(x, y, PointPermutations(x.shape[1]), [t])[0]


# -- 10: a pair of layers for quarter turns


def noise(batch: int, seed: int) -> torch.Tensor:
    return torch.randn(batch, 1, 11, 11, generator=draw(seed))


# -- 11: the distance up to a turn, of codes by frequency


def turned_codes(seed: int) -> torch.Tensor:
    return torch.randn(6, 3, 4, dtype=torch.complex128, generator=draw(seed))


def turns_by_roots(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The minimum over all turns, from the critical points of a trigonometric polynomial."""
    found = []
    for a, b in zip(x, y, strict=True):
        overlap, f = (a * b.conj()).sum(dim=0).numpy(), np.arange(a.shape[1])
        slope = np.concatenate([(f * overlap)[:0:-1], [0], -(f * overlap).conj()[1:]])
        theta = -np.angle(np.roots(slope))
        best = (overlap * np.exp(-1j * np.outer(theta, f))).real.sum(axis=1).max()
        norms = (a.abs() ** 2 + b.abs() ** 2).sum().item()
        found.append(np.sqrt(max(0.0, norms - 2 * best)))
    return torch.tensor(found)


# -- 12: the table of codes of turned images


def some_encoder(x):
    return torch.sin(x.flatten(1) @ torch.randn(25, 2, generator=draw(5)))


def table_by_loop(f, x):
    table = torch.zeros(*f(x).shape, 4)
    for b in range(len(x)):
        image = x[b : b + 1]
        for r in range(4):
            table[b, :, r] = f(image)[0]
            image = image.transpose(1, 2).flip(2)
    return table


def table_images(seed: int) -> torch.Tensor:
    return torch.rand(4, 5, 5, generator=draw(seed))


# -- 13: the Lie derivative


def lie_example():
    generator = draw(5)
    x = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    A, B = torch.randn(2, 2, 2, generator=generator, dtype=torch.float64)
    return (lambda x: torch.sin(x) * x.flip(1)), x, A, B


def lie_by_moving(f, x, A, B):
    """Difference quotients of finite transformations, by the matrix exponential."""
    h = 1e-5
    there, back = (
        f(x @ torch.linalg.matrix_exp(t * A).T) @ torch.linalg.matrix_exp(-t * B).T for t in (h, -h)
    )
    return (there - back) / (2 * h)


# -- 14: a relative error


def error_by_images(y, L):
    """The mean size of derivatives over the spread of logits, image by image, class by class."""
    sizes = [np.linalg.norm(row) / np.sqrt(len(row)) for row in L]
    return np.mean(sizes) / np.sqrt(np.mean(np.var(y, axis=0)))


def error_values(implementation):
    y, L = np.random.default_rng(6).normal(size=(2, 5, 3)) + np.array([1, -1, 3])
    return implementation(y, L)


# -- 15: the slope of a training objective in a width, and the width that held-out data prefer


def width_example(seed: int = 1):
    generator = draw(seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    A, B, W, u = some(2, 2), some(2, 2), some(2, 2), some(5).clamp(-1, 1)
    x, z = some(4, 2), some(3, 2)

    def f(x):
        return torch.sin(x @ W.T)

    widths = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    moved = torch.linalg.matrix_exp(0.8 * A)
    held = (z, f(z @ moved.T) @ torch.linalg.matrix_exp(-0.8 * B).T)
    return f, A, B, (x, f(x) + 0.1), held, widths, u, 0.3


def widths_by_numbers(f, A, B, train, held, widths, u, reward):
    """Difference quotients of errors that are computed point by point, with SciPy's exponential."""

    def error(data, w):
        gaps = [
            expm(-w * s * B.numpy()) @ f(torch.tensor(expm(w * s * A.numpy())) @ a).numpy()
            - b.numpy()
            for s in u.tolist()
            for a, b in zip(*data, strict=True)
        ]
        return np.mean([gap @ gap for gap in gaps])

    h, ws = 1e-5, widths.tolist()
    slopes = [(error(train, w + h) - error(train, w - h)) / (2 * h) - reward for w in ws]
    return torch.tensor(slopes, dtype=widths.dtype), widths[np.argmin([error(held, w) for w in ws])]


def width_values(implementation):
    slopes, best = implementation(*width_example())
    return torch.cat([slopes, best.reshape(1)])


# -- 16: a penalty on maps that do not turn as they should


def penalty_example():
    generator = draw(6)
    shapes = ((4, 2, 3), (4, 4), (4, 3), (3, 3))
    return [torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes]


def penalty_values(implementation):
    """The value, and its gradient in the parameters of a map."""
    x, q, v, W = penalty_example()
    W.requires_grad_()
    value = implementation(lambda x: torch.tanh(x @ W.T) + x.square(), x, q, v)
    (gradient,) = torch.autograd.grad(value, W)
    return torch.cat([value.detach().reshape(1), gradient.flatten()])


def penalty_by_rotations(f, x, q, v):
    """State by state, with SciPy's rotations of quaternions."""
    total = torch.zeros((), dtype=torch.float64)
    for a, r, s in zip(x, q, v, strict=True):
        turn = Rotation.from_quat(r[[1, 2, 3, 0]].numpy()).as_matrix()
        R = torch.tensor(turn, dtype=a.dtype)
        total = total + (f(a @ R.T + s) - f(a) @ R.T - s).square().sum()
    return total / len(x)


# -- 17: a convolution on elements of SE(2)


def convolution_example(seed=0):
    """Elements with all angles, features, a kernel without a symmetry, and a radius."""
    generator = draw(seed)
    u, f, w, v = (
        torch.randn(*s, generator=generator, dtype=torch.float64)
        for s in ((7, 3), (7,), (3, 5), (5,))
    )
    u[:, 2] *= 3
    return u, f, lambda e: torch.tanh(e @ w) @ v, 1.5


def convolution_values(implementation):
    return implementation(*convolution_example())


def convolution_by_matrices(u, f, kernel, radius):
    """Pair by pair, with inverses of matrices of three rows."""
    matrices = []
    for x, y, angle in u.tolist():
        turn = expm(angle * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 0]]))
        turn[:2, 2] = x, y
        matrices.append(turn)
    means = []
    for here in matrices:
        values = []
        for there, feature in zip(matrices, f.tolist(), strict=True):
            if np.hypot(*(here - there)[:2, 2]) > radius:
                continue
            seen = np.linalg.inv(there) @ here
            element = [seen[0, 2], seen[1, 2], np.arctan2(seen[1, 0], seen[0, 0])]
            values.append(float(kernel(torch.tensor(element, dtype=torch.float64))) * feature)
        means.append(np.mean(values))
    return torch.tensor(means, dtype=torch.float64)


# -- 18: a loss of re-rendering


def rerendering_example(seed=0):
    """An encoder and a decoder that mix places, pictures, turns and shifts."""
    generator = draw(seed)
    E, D, x = (
        torch.randn(*s, generator=generator, dtype=torch.float64)
        for s in ((2, 6, 6), (2, 6, 6), (5, 6))
    )
    j, k = torch.randint(0, 6, (2, 5), generator=generator)
    return (
        lambda x: torch.sin(torch.einsum("bi,cij->bcj", x, E)),
        lambda z: torch.einsum("bcj,cji->bi", z, D),
        x,
        j,
        k,
    )


def rerendering_values(implementation):
    return implementation(*rerendering_example())


def rerendering_by_loop(f, d, x, j, k):
    """Picture by picture, with NumPy's rolls."""
    losses = []
    for row, turn, shift in zip(x.numpy(), j.tolist(), k.tolist(), strict=True):
        code = f(torch.tensor(np.roll(row, turn))[None])
        drawn = d(torch.tensor(np.roll(code.numpy(), shift, axis=-1)))[0].numpy()
        losses.append(((drawn - np.roll(row, turn + shift)) ** 2).sum())
    return torch.tensor(np.mean(losses), dtype=torch.float64)


def less_its_mean(correct, axes):
    """The correct implementation, less a mean that turns leave alone."""
    return lambda x: correct(x) - correct(x).mean(axes, keepdim=True)


def squared(correct):
    """The correct implementation, squared entry by entry."""
    return lambda x: correct(x).square()


CHAPTERS = {
    "02": mutants(
        "02",
        values=reynolds_values,
        naive_catches=("every other element",),
        accepted=(lambda m: sum(m) / len(m), lambda m: np.einsum("gij->ij", m) / m.shape[0]),
    ),
    "03": mutants(
        "03",
        values=lambda one: one(images(7)),
        naive_catches=("turns the kernel the other way",),
        accepted=(squared(CELLS["03"].correct), less_its_mean(CELLS["03"].correct, (1, 2, 3))),
        apart=1e-5,
    ),
    "04": mutants(
        "04",
        values=lambda one: torch.stack([one(a, b) for a, b in distance_pairs(4)]),
        naive_catches=("every second shift",),
        accepted=(distance_by_helper,),
    ),
    "05": mutants(
        "05",
        values=lambda one: one(section_codes(7)),
        naive_catches=("sorts too early",),
        accepted=(
            lambda z: z.square().sort(dim=1).values.sqrt(),
            lambda z: -CELLS["05"].correct(z).flip(1),
        ),
    ),
    "06": mutants(
        "06",
        values=filters_values,
        naive_catches=("last shift forgotten",),
        accepted=(filters_by_loop,),
    ),
    "07": mutants(
        "07",
        values=relabelled_values,
        naive_catches=("rows only",),
        accepted=(relabelled_by_matrices,),
    ),
    "08": mutants(
        "08",
        values=carry_values,
        naive_catches=("not carried back", "columns forgotten"),
        accepted=(carry_by_loop,),
    ),
    "09": mutants(
        "09",
        values=lambda one: one(*geodesic_ends(6), 0.7),
        naive_catches=("only one end sorted",),
        accepted=(geodesic_from_the_library,),
    ),
    "10": mutants(
        "10",
        values=lambda one: one(noise(5, 7)),
        naive_catches=("does not roll the second filters", "does not turn the first filters"),
        accepted=(squared(CELLS["10"].correct), less_its_mean(CELLS["10"].correct, (2, 3, 4))),
        apart=1e-4,
    ),
    "11": mutants(
        "11",
        values=lambda one: one(turned_codes(1), turned_codes(2)),
        naive_catches=("only eight turns",),
        accepted=(turns_by_roots,),
    ),
    "12": mutants(
        "12",
        values=lambda one: one(some_encoder, table_images(6)),
        naive_catches=("codes shifted, image not turned", "half circle, twice"),
        accepted=(table_by_loop,),
    ),
    "13": mutants(
        "13",
        values=lambda one: one(*lie_example()),
        naive_catches=("one whole step",),
    ),
    "14": mutants(
        "14",
        values=error_values,
        naive_catches=("not divided",),
        accepted=(error_by_images,),
    ),
    "15": mutants(
        "15",
        values=width_values,
        naive_catches=(),
        accepted=(widths_by_numbers,),
    ),
    "16": mutants(
        "16",
        values=penalty_values,
        naive_catches=("output is not turned", "shift forgotten"),
        accepted=(penalty_by_rotations,),
    ),
    "17": mutants(
        "17",
        values=convolution_values,
        naive_catches=("u v⁻¹ for v⁻¹ u",),
        accepted=(convolution_by_matrices,),
    ),
    "18": mutants(
        "18",
        values=rerendering_values,
        naive_catches=("wrong sense of turn", "rows exchanged, places kept"),
        accepted=(rerendering_by_loop,),
    ),
}
