r"""The infinitesimal symmetries of a given function, as a null space.

Let a matrix :math:`A` move inputs along :math:`x \mapsto A x`, and let :math:`B` be what goes with
it on outputs: zero for an invariant function, :math:`A` itself for a force. The Lie derivative

.. math:: L_A f(x) = J_f(x)\,[A x] - B f(x)

is linear in :math:`A`. For a basis :math:`E_1, \dots, E_G` of candidates, how much :math:`f`
changes along :math:`A = \sum_i a_i E_i` is therefore a quadratic form, and so is how much the
inputs move,

.. math::
   M_{ij} = \mathbb{E}\,\langle L_{E_i} f, L_{E_j} f \rangle , \qquad
   N_{ij} = \mathbb{E}\,\langle E_i x, E_j x \rangle .

The eigenvalues of :math:`M a = \mu N a` are the squared changes per squared motion, from the least
on, and :math:`\mu = 0` says that :math:`A` is a symmetry of :math:`f` at all inputs that were
given. No group is assumed and nothing is trained. Both forms are kept as triangular factors, by
which a zero is found to within rounding and not to within its root.

For an invariant function of vectors this is the method of Moskalev, Sepliarskaia, Sosnovik &
Smeulders, "LieGG: Studying Learned Lie Group Generators" (NeurIPS 2022, arXiv 2210.04345). Their
network polarization matrix has the rows :math:`\operatorname{vec}(\nabla f(x)\, x^\top)`, and
they take its right singular vectors: the same :math:`M`, with the sum of squared entries of
:math:`A` in the place of :math:`N`; see ``metric`` of :func:`infinitesimal_symmetries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice, check_finite, check_float, check_whole
from utils._precision import full_precision
from utils.generators import FeatureRepresentation, Generator, affine_generator, generator
from utils.lie._checks import Model, check_arguments, check_modules
from utils.lie.derivative import TRIVIAL, derivatives_after, pushed
from utils.lie.spans import checked_basis

__all__ = [
    "InfinitesimalSymmetries",
    "Metric",
    "SymmetryForm",
    "affine_basis",
    "image_symmetry_form",
    "infinitesimal_symmetries",
    "matrix_basis",
    "symmetry_form",
]

Metric = Literal["motion", "entries"]
"""What a change is relative to: how far the inputs move, or the entries of the matrix."""

_ROUNDING = 64
"""Combinations are still if they move the inputs by less than so many units in the last place."""


@dataclass(frozen=True)
class SymmetryForm:
    r"""How much a function changes, and its inputs move, along combinations of ``G`` generators.

    Made by :func:`symmetry_form`, :func:`image_symmetry_form` or :meth:`from_derivatives`.

    Attributes
    ----------
    names : tuple of str
        What the generators are called.
    basis : torch.Tensor
        Shape ``(G, d, d)`` or, for flows of images, ``(G, 2, 3)``: the matrices. ``float64``.
    change : torch.Tensor
        Shape ``(G, G)``: an upper triangular :math:`R` with :math:`R^\top R = M`, in units of the
        output.
    motion : torch.Tensor
        Shape ``(G, G)``: the same for :math:`N`, in units of the input.
    samples : int
        The number of inputs.
    precision : float
        The rounding of the numbers that both were made from.

    Examples
    --------
    >>> x = torch.eye(2)
    >>> symmetry_form(lambda x: x.square().sum(1), x, output="invariant").norm.diagonal()
    tensor([0.5000, 0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """

    names: tuple[str, ...]
    basis: Tensor
    change: Tensor
    motion: Tensor
    samples: int
    precision: float

    @property
    def form(self) -> Tensor:
        """Return the mean of ⟨L_i f, L_j f⟩, shape ``(G, G)``."""
        return self.change.T @ self.change

    @property
    def norm(self) -> Tensor:
        """Return the mean of ⟨E_i x, E_j x⟩, shape ``(G, G)``."""
        return self.motion.T @ self.motion

    @classmethod
    def from_derivatives(
        cls,
        basis: Tensor,
        derivatives: Tensor,
        tangents: Tensor,
        names: Sequence[str] | None = None,
    ) -> SymmetryForm:
        """Make the form from Lie derivatives that were found in another way.

        Parameters
        ----------
        basis : torch.Tensor
            Shape ``(G, d, d)`` or ``(G, 2, 3)``.
        derivatives : torch.Tensor
            Shape ``(G, B, ...)``: how the function changes along each, at each input.
        tangents : torch.Tensor
            Shape ``(G, B, ...)``: how the inputs move.
        names : sequence of str, optional
            By default ``E1`` and so on.

        Examples
        --------
        The plane turned and scaled, and a function of the radius:

        >>> basis = torch.tensor([[[0.0, -1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
        >>> x = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
        >>> moved = torch.einsum("gij,bj->gbi", basis, x)
        >>> form = SymmetryForm.from_derivatives(basis, 2 * (moved * x).sum(-1), moved)
        >>> [[round(value) for value in row] for row in form.form.tolist()]
        [[0, 0], [0, 1252]]
        """
        basis = checked_basis(basis)
        count = len(basis)
        for what, value in (("derivatives", derivatives), ("tangents", tangents)):
            check_finite(check_float(value, f"The tensor of {what}"), f"The tensor of {what}")
            if value.ndim < 2 or len(value) != count or value.shape[1] != derivatives.shape[1]:
                raise ValueError(
                    f"The {what} have shape (G, B, ...) with G = {count} generators and as many "
                    f"inputs in both, but their shape is {tuple(value.shape)}."
                )
        if names is not None and len(names) != count:
            raise ValueError(f"There are {count} generators, but {len(names)} names.")
        return _gathered(
            tuple(names) if names is not None else tuple(f"E{i + 1}" for i in range(count)),
            basis,
            [(derivatives, tangents)],
        )


@dataclass(frozen=True)
class InfinitesimalSymmetries:
    r"""Combinations of generators, from the one along which a function changes least.

    Attributes
    ----------
    names : tuple of str
        What the ``G`` generators are called.
    roots : torch.Tensor
        Shape ``(G,)``, ascending: the change :math:`\sqrt{\mu_k}` of the function per motion of
        its inputs, root mean squares both. Zero is a symmetry.
    combinations : torch.Tensor
        Shape ``(G, G)``: row ``k`` holds the coefficients of combination ``k``. It moves the inputs
        by 1 (root mean square), and different rows move them orthogonally.
    loadings : torch.Tensor
        Shape ``(G, G)``: the coefficients times how far each generator moves the inputs by itself,
        which makes them comparable. Where generators move the inputs orthogonally, the squares of a
        row sum to 1.
    matrices : torch.Tensor
        Shape ``(G, d, d)`` or ``(G, 2, 3)``: the combinations as matrices, each with squared
        entries that sum to 1. Signs are arbitrary: the largest loading is positive.

    Examples
    --------
    A function of one coordinate changes along one row of matrices only:

    >>> x = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
    >>> found = infinitesimal_symmetries(
    ...     symmetry_form(lambda x: x[:, 0], x, output="invariant")
    ... )
    >>> found.dimension(), [round(root, 6) for root in found.relative[2:].tolist()]
    (2, [1.0, 1.0])
    """

    names: tuple[str, ...]
    roots: Tensor
    combinations: Tensor
    loadings: Tensor
    matrices: Tensor

    @property
    def values(self) -> Tensor:
        """Return the eigenvalues μ, the squares of :attr:`roots`."""
        return self.roots.square()

    @property
    def relative(self) -> Tensor:
        """Return the roots as shares of the greatest; zeros for a constant function."""
        top = self.roots[-1]
        return self.roots / top if top > 0 else torch.zeros_like(self.roots)

    @property
    def gaps(self) -> Tensor:
        """Return each root over the one before it, shape ``(G - 1,)``: 1 where both are 0."""
        low, high = self.roots[:-1], self.roots[1:]
        return torch.where(high == low, torch.ones_like(low), high / low)

    def dimension(self, tolerance: float = 1e-5) -> int:
        """Count the roots of at most ``tolerance`` times the greatest."""
        return int((self.relative <= tolerance).sum())

    def __str__(self) -> str:
        lines = ["change per motion, and the combination"]
        for root, row in zip(self.relative.tolist(), self.loadings, strict=True):
            parts = " ".join(
                f"{value:+.2f} {name}"
                for name, value in zip(self.names, row.tolist(), strict=True)
                if abs(value) >= 0.05
            )
            lines.append(f"  {root:.2g}: {parts}")
        return "\n".join(lines)


def matrix_basis(dimension: int) -> Tensor:
    """Return the matrices with a single 1, row by row, shape ``(d², d, d)``, ``float64``.

    Examples
    --------
    >>> matrix_basis(2)[1]
    tensor([[0., 1.],
            [0., 0.]], dtype=torch.float64)
    """
    d = check_whole(dimension, "The dimension")
    return torch.eye(d * d, dtype=torch.float64).reshape(d * d, d, d)


def affine_basis(*, translations: bool = True) -> tuple[Generator, ...]:
    """Return flows of images of which every affine flow is one combination.

    They are rotation, scale, hyperbolic rotation (a squeeze along the diagonals), a squeeze along
    the axes, and two translations. A slant, ``shear_x``, is half the sum of rotation and hyperbolic
    rotation. (The nine of :func:`~utils.generators.standard_generators` are not a basis: they
    depend on each other.)

    Examples
    --------
    >>> [flow.name for flow in affine_basis(translations=False)]
    ['rotation', 'scale', 'hyperbolic_rotation', 'squeeze']
    """
    linear = [generator(name) for name in ("rotation", "scale", "hyperbolic_rotation")]
    squeeze = affine_generator([[1, 0, 0], [0, -1, 0]], name="squeeze", unit="unit of rapidity")
    shifts = [generator(f"translation_{axis}") for axis in "xy"] if translations else []
    return (*linear, squeeze, *shifts)


@full_precision
def symmetry_form(
    function: Model,
    points: Tensor,
    basis: Tensor | None = None,
    *,
    output: Literal["invariant", "equivariant"] | Tensor,
    batch_size: int = 512,
    verify: bool = True,
) -> SymmetryForm:
    r"""Measure how a function of vectors changes along linear maps of its inputs.

    Parameters
    ----------
    function : Callable
        Takes points of shape ``(B, ..., d)`` and returns ``(B, ...)``; a network must be in
        evaluation mode. Forward-mode differentiation has to see all of it.
    points : torch.Tensor
        Shape ``(B, ..., d)``, ``float32`` or ``float64``. Matrices act on the last axis: on each
        of three bodies, say, in the shape ``(B, 3, 3)``.
    basis : torch.Tensor, optional
        Shape ``(G, d, d)``, linearly independent candidates; by default :func:`matrix_basis`.
    output : {"invariant", "equivariant"} or torch.Tensor
        What goes with a matrix on the outputs: nothing, the same matrix on their last axis, or,
        shape ``(G, e, e)``, another matrix for each of the basis.
    batch_size : int
        How many points go through the function at once.
    verify : bool
        Hold the derivative against a difference first. Without it, a function that detaches looks
        perfectly symmetric.

    Returns
    -------
    SymmetryForm

    Examples
    --------
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> ellipse = lambda x: 4 * x[:, 0] ** 2 + x[:, 1] ** 2
    >>> found = infinitesimal_symmetries(symmetry_form(ellipse, x, output="invariant"))
    >>> found.dimension()
    1
    >>> (17**0.5 * found.matrices[0]).round(decimals=6) + 0
    tensor([[ 0., -1.],
            [ 4.,  0.]], dtype=torch.float64)
    """
    function, points, basis, matrices = _checked_points(function, points, basis, output)
    batch_size = check_whole(batch_size, "batch_size")
    rows = _rows_of_points(function, points, basis, matrices, batch_size, verify)
    names = tuple(f"E{i + 1}" for i in range(len(basis)))
    if len(basis) == basis.shape[1] ** 2 and torch.equal(basis, matrix_basis(basis.shape[1])):
        names = tuple(f"E{i}{j}" for i in _counted(basis, 1) for j in _counted(basis, 2))
    return _gathered(names, basis, rows)


@full_precision
def image_symmetry_form(
    model: Model,
    images: Tensor,
    generators: Sequence[Generator] | None = None,
    output: FeatureRepresentation = TRIVIAL,
    *,
    batch_size: int = 64,
    verify: bool = True,
) -> SymmetryForm:
    """Measure how a network on images changes along flows of the plane.

    Parameters
    ----------
    model, images, output, verify
        As for :func:`~utils.lie.lie_derivatives`.
    generators : sequence of Generator, optional
        Linearly independent flows; by default :func:`affine_basis`.
    batch_size : int
        How many images go through the model at once.

    Returns
    -------
    SymmetryForm

    Examples
    --------
    The sum of all grey values keeps still as things inside the frame shift and turn:

    >>> images = torch.zeros(2, 1, 7, 7)
    >>> images[0, :, 2:5, 3], images[1, :, 2, 2:4] = 1.0, 1.0
    >>> form = image_symmetry_form(lambda x: x.sum((2, 3)), images)
    >>> found = infinitesimal_symmetries(form)
    >>> found.dimension(), found.names[int(found.loadings[-1].argmax())]
    (5, 'scale')
    """
    flows = list(affine_basis() if generators is None else generators)
    check_arguments(model, images, flows, output)
    batch_size = check_whole(batch_size, "batch_size")
    basis = torch.tensor([flow.matrix for flow in flows], dtype=torch.float64)

    def rows() -> Iterator[tuple[Tensor, Tensor]]:
        """Yield derivatives and tangents, batch by batch."""
        for number, part in enumerate(images.split(batch_size)):
            _, derivatives = derivatives_after(
                model, part, flows, output, verify=verify and number == 0
            )
            yield derivatives, torch.stack([flow(part) for flow in flows])

    return _gathered(tuple(flow.name for flow in flows), basis, rows())


def infinitesimal_symmetries(
    form: SymmetryForm, *, metric: Metric = "motion"
) -> InfinitesimalSymmetries:
    r"""Find the combinations along which a function changes least: :math:`M a = \mu N a`.

    With :math:`M = R^\top R` and :math:`N = S^\top S`, the roots :math:`\sqrt\mu` are the singular
    values of :math:`R S^{-1}`; neither form is built.

    Parameters
    ----------
    form : SymmetryForm
        Of generators whose combinations all move the inputs. A combination that moves none is a
        symmetry of every function on these inputs, and is refused.
    metric : {"motion", "entries"}
        What changes are relative to. ``"motion"`` is how far the inputs move, which does not depend
        on the basis or on units. ``"entries"`` is the root of the sum of squared entries of the
        matrix, as in LieGG.

    Returns
    -------
    InfinitesimalSymmetries

    Examples
    --------
    A hyperbola keeps its Lorentz boost, whatever the data:

    >>> x = torch.randn(99, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    >>> interval = lambda x: torch.sin(x[:, 0] ** 2 - x[:, 1] ** 2)
    >>> form = symmetry_form(interval, x, output="invariant")
    >>> boost = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    >>> found = infinitesimal_symmetries(form, metric="entries").matrices[:1]
    >>> bool((found - boost / 2**0.5).abs().max() < 1e-6)
    True
    """
    if not isinstance(form, SymmetryForm):
        raise TypeError(f"form is a SymmetryForm, but it is a {type(form).__name__}.")
    check_choice(metric, "metric", get_args(Metric))
    units = _moving(form)
    entries = form.basis.flatten(1).T
    measure = form.motion if metric == "motion" else torch.linalg.qr(entries, mode="r").R
    scales = torch.linalg.vector_norm(measure, dim=0)
    scaled = measure / scales
    # R S^-1, by a solution from the right; columns are scaled for the sake of its condition.
    ratio = torch.linalg.solve_triangular(scaled, form.change / scales, upper=True, left=False)
    _, roots, directions = torch.linalg.svd(ratio)
    roots, directions = roots.abs().flip(0), directions.flip(0)
    combinations = torch.linalg.solve_triangular(scaled, directions.T, upper=True).T / scales
    loadings = combinations * units
    largest = loadings.abs().argmax(dim=1, keepdim=True)
    signs = torch.where(loadings.gather(1, largest) < 0, -1.0, 1.0).to(loadings)
    matrices = torch.einsum("kg,grc->krc", signs * combinations, form.basis)
    sizes = torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True)
    return InfinitesimalSymmetries(
        names=form.names,
        roots=roots,
        combinations=signs * combinations,
        loadings=signs * loadings,
        matrices=matrices / torch.where(sizes > 0, sizes, torch.ones_like(sizes)),
    )


class _Flat(nn.Module):
    """A function of points, as one of images with a row of pixels, for what checks tangents."""

    def __init__(self, function: Model, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.function, self.shape = function, shape

    def forward(self, images: Tensor) -> Tensor:
        """Return what the function makes of the points."""
        return self.function(images.reshape(len(images), *self.shape))


def _checked_points(
    function: Model, points: Tensor, basis: Tensor | None, output: object
) -> tuple[_Flat, Tensor, Tensor, Tensor | None]:
    """Check all arguments, and return the function, points, basis and matrices on outputs."""
    if not callable(function):
        raise TypeError(f"The function must be callable, but it is a {type(function).__name__}.")
    points = check_finite(check_float(points, "The tensor of points"), "The tensor of points")
    if points.ndim < 2:
        raise ValueError(
            f"points have shape (B, ..., d), but their shape is {tuple(points.shape)}."
        )
    check_modules(function)
    basis = matrix_basis(points.shape[-1]) if basis is None else checked_basis(basis)
    if basis.shape[1:] != (points.shape[-1], points.shape[-1]):
        raise ValueError(
            f"Matrices of the basis act on the last axis of the points, {points.shape[-1]} entries "
            f"long, but their shape is {tuple(basis.shape[1:])}."
        )
    matrices: Tensor | None
    if isinstance(output, Tensor):
        matrices = check_finite(output, "output").double()
        if matrices.ndim != 3 or len(matrices) != len(basis) or len({*matrices.shape[1:]}) != 1:
            raise ValueError(
                f"output has shape (G, e, e) with a matrix for each of the {len(basis)} of the "
                f"basis, but its shape is {tuple(matrices.shape)}."
            )
    else:
        check_choice(output, "output", ("invariant", "equivariant"))
        matrices = basis if output == "equivariant" else None
    return _Flat(function, tuple(points.shape[1:])).eval(), points, basis, matrices


def _rows_of_points(
    function: _Flat,
    points: Tensor,
    basis: Tensor,
    matrices: Tensor | None,
    batch_size: int,
    verify: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield Lie derivatives and tangents, batch by batch."""
    for number, part in enumerate(points.detach().split(batch_size)):
        tangents = torch.einsum("gij,b...j->gb...i", basis.to(part), part)
        images = part.reshape(len(part), 1, 1, -1)
        flat = tangents.reshape(len(basis), *images.shape)
        outputs, moved = pushed(function, images, flat, verify and number == 0)
        if matrices is not None:
            size = matrices.shape[-1]
            if outputs.ndim < 2 or outputs.shape[-1] != size:
                raise ValueError(
                    f"Matrices of shape ({size}, {size}) act on the last axis of the outputs, but "
                    f"these have shape {tuple(outputs.shape)}; reshape them in the function."
                )
            moved = moved - torch.einsum("gij,b...j->gb...i", matrices.to(outputs), outputs)
        yield moved, tangents


def _gathered(
    names: tuple[str, ...], basis: Tensor, rows: Iterable[tuple[Tensor, Tensor]]
) -> SymmetryForm:
    """Make the form from derivatives and tangents of batches, in ``float64``."""
    count, samples, precision = len(basis), 0, torch.finfo(torch.float64).eps
    change = motion = torch.zeros(0, count, dtype=torch.float64)
    for derivatives, tangents in rows:
        if not torch.isfinite(derivatives).all():
            raise ValueError(
                "A Lie derivative is NaN or infinite; the function overflows at one of the inputs, "
                "or has no derivative there."
            )
        precision = max(precision, torch.finfo(tangents.dtype).eps)
        samples += tangents.shape[1]
        change = _factor(change, derivatives)
        motion = _factor(motion, tangents)
    return SymmetryForm(
        names, basis, change / samples**0.5, motion / samples**0.5, samples, precision
    )


def _factor(factor: Tensor, rows: Tensor) -> Tensor:
    """Return the triangular factor of more rows, ``(G, ...)``, under those of a factor."""
    count = len(rows)
    stacked = torch.cat([factor, rows.detach().reshape(count, -1).T.double().cpu()])
    missing = torch.zeros(max(count - len(stacked), 0), count, dtype=torch.float64)
    return torch.linalg.qr(torch.cat([stacked, missing]), mode="r").R


def _moving(form: SymmetryForm) -> Tensor:
    """Return how far each generator moves the inputs, or refuse what moves none."""
    units = torch.linalg.vector_norm(form.motion, dim=0)
    for name, unit in zip(form.names, units.tolist(), strict=True):
        if unit == 0:
            raise ValueError(
                f"Generator {name!r} moves none of the inputs, so that it is a symmetry of every "
                f"function on them; leave it out, or give other inputs."
            )
    _, sizes, directions = torch.linalg.svd(form.motion / units)
    if sizes[-1] <= _ROUNDING * form.precision * sizes[0]:
        parts = " ".join(
            f"{value:+.2g} {name}"
            for name, value in zip(form.names, (directions[-1] / units).tolist(), strict=True)
            if abs(value) > 1e-3 * float((directions[-1] / units).abs().max())
        )
        raise ValueError(
            f"The combination {parts} moves none of the inputs, so that it is a symmetry of every "
            f"function on them: the generators depend on each other, or the inputs lie in a "
            f"subspace. Leave one out, or give other inputs."
        )
    return units


def _counted(basis: Tensor, axis: int) -> range:
    return range(1, basis.shape[axis] + 1)
