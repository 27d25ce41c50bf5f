r"""Equivariance checks that can fail, and bases of equivariant linear maps.

A map :math:`f` is equivariant if :math:`f(\rho_{in}(g)\,x) = \rho_{out}(g)\,f(x)` for all
:math:`g` and :math:`x`, and invariant if the right-hand side is :math:`f(x)`.
:func:`assert_equivariant` and :func:`assert_invariant` test this on a batch and explain what they
found. They refuse set-ups in which every map would pass: no element that moves the inputs, an
empty batch, a map whose output is zero or never changes.

The linear equivariant maps form a vector space, the solutions of
:math:`\rho_{out}(g)\,W = W\,\rho_{in}(g)`; :func:`equivariant_basis` returns a basis of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from utils._checks import check_choice, check_finite
from utils._precision import full_precision
from utils.groups import Action, Representation, character
from utils.groups.representations import same_group

__all__ = [
    "ElementMap",
    "EquivarianceReport",
    "Moves",
    "assert_equivariant",
    "assert_invariant",
    "equivariance_report",
    "equivariant_basis",
    "relative_error",
]

ElementMap = Callable[[torch.Tensor], torch.Tensor]
"""What one group element does to a batch."""

Moves = Action | Mapping[str, ElementMap] | Sequence[ElementMap]
"""An action, or one function for each group element, with or without names."""


@dataclass(frozen=True)
class EquivarianceReport:
    r"""What a check of equivariance found.

    The error of one input and one group element is :math:`\lVert f(gx) - g f(x) \rVert` divided
    by the root mean square of :math:`\lVert f(x) \rVert` over the batch.

    ``worst_element`` and ``worst_input``, a place in the batch, have the ``largest`` error;
    ``elements`` and ``inputs`` count what was tried.

    Examples
    --------
    >>> EquivarianceReport("sum", True, 0.0, 0.0, "r", 1, 8, 2, 1e-5).passed
    True
    """

    name: str
    invariance: bool
    largest: float
    mean: float
    worst_element: str
    worst_input: int
    elements: int
    inputs: int
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the largest error is within the tolerance; never if it is NaN."""
        return self.largest <= self.tolerance

    def __str__(self) -> str:
        verdict = "is" if self.passed else "is not"
        kind = "invariant" if self.invariance else "equivariant"
        return (
            f"{self.name} {verdict} {kind}: largest relative error {self.largest:.2g} (element "
            f"{self.worst_element}, input {self.worst_input}), mean {self.mean:.2g}, over "
            f"{self.elements} elements and {self.inputs} inputs; tolerance {self.tolerance:.2g}"
        )


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    r"""Return for each member of a batch how far it is from what was expected.

    .. math::
       e_b = \frac{\lVert a_b - x_b \rVert}{\sqrt{\frac1B \sum_c \lVert x_c \rVert^2}}

    All members share one denominator, so that one expected value near zero cannot blow up
    rounding errors.

    Both have the same shape ``(B, ...)``; nothing is broadcast. Where everything expected is
    zero, the error, ``float64`` of shape ``(B,)``, is 0 for exact agreement and infinity otherwise.

    Examples
    --------
    >>> expected = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
    >>> relative_error(expected + torch.tensor([[0.0], [0.5]]), expected).round(decimals=3)
    tensor([0.0000, 0.1410], dtype=torch.float64)
    """
    if actual.shape != expected.shape:
        shapes = f"{tuple(actual.shape)} and {tuple(expected.shape)}"
        raise ValueError(f"Only tensors of one shape can be compared, not of shapes {shapes}.")
    if actual.ndim == 0 or actual.numel() == 0:
        raise ValueError(f"There must be a batch axis and a number, not {tuple(actual.shape)}.")
    a = actual.detach().reshape(len(actual), -1).double()
    b = expected.detach().reshape(len(expected), -1).double()
    difference = torch.linalg.vector_norm(a - b, dim=1)
    scale = torch.linalg.vector_norm(b) / len(b) ** 0.5
    return torch.where(difference == 0, 0.0, difference / scale)


def assert_equivariant(
    f: ElementMap,
    x: torch.Tensor,
    act_in: Moves,
    act_out: Moves,
    *,
    tolerance: float = 1e-5,
    name: str = "f",
) -> EquivarianceReport:
    r"""Check :math:`f(g x) = g f(x)` on a batch, for every group element.

    Parameters
    ----------
    f : Callable
        Takes a batch and returns a batch; a network belongs in evaluation mode.
    x : torch.Tensor
        Inputs of shape ``(B, ...)``.
    act_in, act_out : Action or Mapping or Sequence
        How the group acts on inputs and on outputs: an :class:`~utils.groups.Action`, or
        one function for each element, in the same order or under the same names for both.
        For permutations of more than four points, or of the nodes of graphs, transpositions that
        generate the group, one cycle and eight random permutations stand for it.
    tolerance : float
        The largest relative error that passes.
    name : str
        What to call the map in messages.

    Raises
    ------
    AssertionError
        If an error is larger than the tolerance or an output is not finite.
    ValueError
        If the check could not fail: an empty batch, inputs that no given element moves, a map
        that is zero or does not change; or if inputs, actions and outputs do not fit together.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> codes = torch.tensor([[3.0, 1.0, 0.0, -1.0]])
    >>> report = assert_equivariant(torch.relu, codes, CyclicShifts(4), CyclicShifts(4))
    >>> report.largest
    0.0
    >>> flip = lambda z: z.flip(-1)
    >>> assert_equivariant(flip, codes, CyclicShifts(4), CyclicShifts(4))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    AssertionError: f is not equivariant: largest relative error ...
    """
    return _passed(equivariance_report(f, x, act_in, act_out, tolerance=tolerance, name=name))


def assert_invariant(
    f: ElementMap,
    x: torch.Tensor,
    act_in: Moves,
    *,
    tolerance: float = 1e-5,
    name: str = "f",
) -> EquivarianceReport:
    r"""Check :math:`f(g x) = f(x)` on a batch, for every group element.

    The batch must hold inputs from different orbits: on a single orbit an invariant map is
    constant, and a constant map passes every test of invariance. Arguments, result and errors
    are those of :func:`assert_equivariant`.

    Examples
    --------
    >>> from utils.groups import PointPermutations
    >>> sets = torch.tensor([[3.0, 1.0, 0.0], [2.0, 2.0, 1.0]])
    >>> assert_invariant(lambda z: z.sum(1), sets, PointPermutations(3)).passed
    True
    """
    return _passed(equivariance_report(f, x, act_in, None, tolerance=tolerance, name=name))


def _passed(report: EquivarianceReport) -> EquivarianceReport:
    if not report.passed:
        raise AssertionError(str(report))
    return report


@full_precision
def equivariance_report(
    f: ElementMap,
    x: torch.Tensor,
    act_in: Moves,
    act_out: Moves | None = None,
    *,
    tolerance: float = 1e-5,
    name: str = "f",
) -> EquivarianceReport:
    """Measure how equivariant a map is, and pass no judgement.

    Without ``act_out`` the map is checked for invariance. Autocast is off meanwhile. The
    arguments are those of :func:`assert_equivariant`; a passed check that could not have failed is
    refused here too.

    Examples
    --------
    >>> from utils.groups import CyclicShifts
    >>> codes = torch.tensor([[3.0, 1.0, 0.0, -1.0], [2.0, 0.0, 0.0, 0.0]])
    >>> report = equivariance_report(lambda z: z[:, 0], codes, CyclicShifts(4))
    >>> round(report.largest, 2), report.worst_element, report.worst_input
    (1.57, 'r', 0)
    """
    if not isinstance(x, torch.Tensor) or x.ndim == 0 or x.numel() == 0:
        raise ValueError(f"The check of {name} needs a batch of at least one input.")
    check_finite(x, f"The batch for {name}")
    if not 0 < tolerance < 1:
        raise ValueError(f"The tolerance lies between 0 and 1, but it is {tolerance}.")
    maps_in, maps_out = _element_maps(act_in, act_out)
    if all(_unmoved(x, move(x.clone()), tolerance) for move in maps_in.values()):
        raise ValueError(
            f"None of the {len(maps_in)} given elements moves an input of {name}, so that every "
            f"map would pass; give an element besides the identity and inputs that it moves."
        )
    expected = _evaluate(f, x, len(x), name)
    scale = float(torch.linalg.vector_norm(expected.double())) / len(x) ** 0.5
    errors, spread = [], _spread(expected, expected)
    for label, move in maps_in.items():
        actual = _evaluate(f, move(x.clone()), len(x), name)
        spread = max(spread, _spread(actual, expected))
        target = expected if maps_out is None else maps_out[label](expected.clone())
        if target.shape != actual.shape:
            raise ValueError(
                f"The output of {name} moved by {label} has shape {tuple(target.shape)}, but the "
                f"output for the moved input has shape {tuple(actual.shape)}."
            )
        error = relative_error(actual, target)
        errors.append(torch.nan_to_num(error, nan=torch.inf, posinf=torch.inf))
    table = torch.stack(errors)
    element, worst_input = divmod(int(table.argmax()), len(x))
    report = EquivarianceReport(
        name=name,
        invariance=maps_out is None,
        largest=float(table.max()),
        mean=float(table.mean()),
        worst_element=list(maps_in)[element],
        worst_input=worst_input,
        elements=len(maps_in),
        inputs=len(x),
        tolerance=tolerance,
    )
    if report.passed and scale == 0:
        raise ValueError(f"{name} is zero on every input, and zero passes every check.")
    if report.passed and spread <= tolerance * scale:
        raise ValueError(
            f"{name} has the same output for every input tried, and such a map passes every "
            f"check; give at least two inputs from different orbits."
        )
    return report


def _unmoved(x: torch.Tensor, moved: torch.Tensor, tolerance: float) -> bool:
    return moved.shape == x.shape and float(relative_error(moved, x).max()) <= tolerance


def _spread(outputs: torch.Tensor, reference: torch.Tensor) -> float:
    """Return the largest distance of an output from the first reference."""
    if outputs.shape[1:] != reference.shape[1:]:
        return float("inf")
    difference = (outputs - reference[:1]).flatten(1).double()
    return float(torch.linalg.vector_norm(difference, dim=1).nan_to_num(nan=torch.inf).max())


def _evaluate(f: ElementMap, x: torch.Tensor, batch: int, name: str) -> torch.Tensor:
    output = f(x.clone())  # the map, or the element before it, may work in place
    if not isinstance(output, torch.Tensor) or output.ndim == 0 or len(output) != batch:
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ValueError(
            f"{name} must return a tensor, one entry for each of the {batch} inputs, not {found}."
        )
    if output.numel() == 0:
        raise ValueError(f"{name} returned an empty tensor, shape {tuple(output.shape)}.")
    if not torch.isfinite(output).all():
        raise AssertionError(f"{name} returned NaN or infinite values for finite inputs.")
    output = output.detach().reshape(batch, *(output.shape[1:] or (1,)))
    return output if output.is_floating_point() else output.double()


def _element_maps(
    act_in: Moves, act_out: Moves | None
) -> tuple[dict[str, ElementMap], dict[str, ElementMap] | None]:
    """Return one function for each element on inputs and on outputs, under the same names."""
    maps_in = _listed(act_in)
    if not maps_in:
        raise ValueError("The check needs at least one group element, but none was given.")
    if act_out is None:
        return maps_in, None
    maps_out = _listed(act_out)
    named = not isinstance(act_in, Sequence) and not isinstance(act_out, Sequence)
    if len(maps_in) != len(maps_out) or (named and set(maps_in) != set(maps_out)):
        first, second = (", ".join(list(maps)[:3]) for maps in (maps_in, maps_out))
        raise ValueError(
            f"Inputs and outputs must be acted on by the same elements, but {len(maps_in)} are "
            f"given on inputs ({first}, ...) and {len(maps_out)} on outputs ({second}, ...)."
        )
    if not named:
        labels = maps_out if isinstance(act_in, Sequence) else maps_in
        maps_in = dict(zip(labels, maps_in.values(), strict=True))
        maps_out = dict(zip(labels, maps_out.values(), strict=True))
    return maps_in, maps_out


@functools.singledispatch
def _listed(moves: Moves) -> dict[str, ElementMap]:
    """Return one function for each group element, by its name."""
    raise ValueError(
        f"An action is an Action, or functions, one for each group element, but this one is a "
        f"{type(moves).__name__}."
    )


@_listed.register
def _(moves: Mapping) -> dict[str, ElementMap]:
    return dict(moves)


@_listed.register
def _(moves: Sequence) -> dict[str, ElementMap]:
    return {str(number): move for number, move in enumerate(moves)}


@_listed.register
def _(moves: Action) -> dict[str, ElementMap]:
    """Name permutations as they are, and other elements by their labels or numbers."""
    elements = list(moves.tried())
    labels = getattr(moves.group, "labels", None) or ()
    if len(labels) != len(elements):  # some elements stand for all
        whole = all(isinstance(element, int) for element in elements)
        labels = [str(element) for element in (elements if whole else range(len(elements)))]
    first = elements[0] if elements else None
    if isinstance(first, torch.Tensor) and first.ndim == 1 and not first.is_floating_point():
        labels = [str(tuple(g.tolist())) for g in elements]
    moved = (functools.partial(moves.act, element) for element in elements)
    return dict(zip(labels, moved, strict=True))


def equivariant_basis(
    rho_in: Representation, rho_out: Representation, *, form: str = "orthonormal"
) -> np.ndarray:
    r"""Return a basis of the linear maps with :math:`\rho_{out}(g)\,W = W\,\rho_{in}(g)`.

    Written for the entries of :math:`W`, row by row, the constraint of one element is
    :math:`(\rho_{out}(g) \otimes I - I \otimes \rho_{in}(g)^T)\,\mathrm{vec}\,W = 0`. It holds for
    all elements if it holds for generators. The basis is the null space of the stacked
    constraints :math:`M`, found from the eigenvectors of :math:`M^T M`. Two independent facts are
    checked: the number of vanishing eigenvalues is the scalar product of the characters,
    :math:`\frac{1}{|G|}\sum_g \chi_{in}(g^{-1})\,\chi_{out}(g)`, and every basis map satisfies
    the constraint.

    The ``form`` is ``"orthonormal"``, or ``"echelon"`` for the reduced row echelon form, which is
    unique; between permutation representations its maps hold only zeros and ones, one map for
    each orbit of pairs of points. The basis has the shape ``(dimension, d_out, d_in)``; the
    dimension may be 0. Badly conditioned matrices, by which rounding spoils one of the two checks,
    raise an ``ArithmeticError``.

    Examples
    --------
    Between functions on three points: the identity, and what all pairs of different points share.

    >>> from utils.groups import permutation_representation, symmetric
    >>> rho = permutation_representation(symmetric(3))
    >>> equivariant_basis(rho, rho, form="echelon").astype(int).tolist()
    [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 1], [1, 0, 1], [1, 1, 0]]]
    """
    same_group((rho_in, rho_out), "equivariant map")
    check_choice(form, "The form", ("orthonormal", "echelon"))
    group, d_in, d_out = rho_in.group, rho_in.dimension, rho_out.dimension
    eye_in, eye_out = np.eye(d_in), np.eye(d_out)
    gram = np.zeros((d_out * d_in, d_out * d_in))
    for s in group.generators:
        a, b = rho_out(s), rho_in(s)
        mixed = np.kron(a, b)
        gram += np.kron(a.T @ a, eye_in) + np.kron(eye_out, b @ b.T) - mixed - mixed.T
    values, vectors = np.linalg.eigh(gram)
    found = int((values <= 1e-10 * max(1.0, values[-1])).sum())
    expected = np.mean(character(rho_in)[group.inverses] * character(rho_out))
    basis = vectors[:, :found].T.reshape(found, d_out, d_in)
    if form == "echelon":
        basis = _row_echelon(vectors[:, :found].T).reshape(basis.shape)
    missed = [np.abs(rho_out(s) @ basis - basis @ rho_in(s)) for s in group.generators if found]
    residual = max((float(error.max()) for error in missed), default=0.0)
    if abs(found - expected) > 1e-6 or residual > 1e-8:
        raise ArithmeticError(
            f"The null space has dimension {found}, the characters say {expected:.6g}, and the "
            f"constraint is missed by {residual:.2g}; the matrices are too badly conditioned."
        )
    return basis


def _row_echelon(rows: np.ndarray) -> np.ndarray:
    """Return the reduced row echelon form of independent rows, whole numbers cleaned."""
    rows = rows.copy()
    pivot = 0
    for column in range(rows.shape[1]):
        if pivot == len(rows):
            break
        best = pivot + int(np.abs(rows[pivot:, column]).argmax())
        if abs(rows[best, column]) <= 1e-9:
            continue
        rows[[pivot, best]] = rows[[best, pivot]]
        rows[pivot] /= rows[pivot, column]
        others = np.arange(len(rows)) != pivot
        rows[others] -= np.outer(rows[others, column], rows[pivot])
        pivot += 1
    whole = np.round(rows)
    return np.where(np.abs(rows - whole) <= 1e-11, whole + 0.0, rows)
