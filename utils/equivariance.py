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

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from utils.groups import (
    CyclicShifts,
    GroupAction,
    PointPermutations,
    Representation,
    character,
    cyclic,
)

__all__ = [
    "Action",
    "ElementMap",
    "EquivarianceReport",
    "assert_equivariant",
    "assert_invariant",
    "equivariance_report",
    "equivariant_basis",
    "relative_error",
]

ElementMap = Callable[[torch.Tensor], torch.Tensor]
"""What one group element does to a batch."""

Action = GroupAction | Mapping[str, ElementMap] | Sequence[ElementMap]
"""A group action, or one function for each group element, with or without names."""

_LISTED_PERMUTATIONS = 4
"""Up to this many points all permutations are tried; beyond, generators and random ones."""


@dataclass(frozen=True)
class EquivarianceReport:
    r"""What a check of equivariance found.

    The error of one input and one group element is :math:`\lVert f(gx) - g f(x) \rVert` divided
    by the root mean square of :math:`\lVert f(x) \rVert` over the batch.

    Attributes
    ----------
    name : str
        The name of the map.
    invariance : bool
        Whether the map was checked for invariance rather than equivariance.
    largest : float
        The largest error.
    mean : float
        The mean error over inputs and group elements.
    worst_element : str
        The group element with the largest error.
    worst_input : int
        The place in the batch of the input with the largest error.
    elements : int
        How many group elements were tried.
    inputs : int
        How many inputs were tried.
    tolerance : float
        The largest error that passes.
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

    Parameters
    ----------
    actual : torch.Tensor
        Shape ``(B, ...)``.
    expected : torch.Tensor
        The same shape; nothing is broadcast.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``, ``float64``. Where everything expected is zero, 0 for exact agreement and
        infinity otherwise.

    Raises
    ------
    ValueError
        If the shapes differ, have no batch axis, or the batch is empty.
    """
    if actual.shape != expected.shape:
        raise ValueError(
            f"Only tensors of one shape can be compared, but these have shapes "
            f"{tuple(actual.shape)} and {tuple(expected.shape)}."
        )
    if actual.ndim == 0 or actual.numel() == 0:
        raise ValueError(
            f"There must be a batch axis and at least one number to compare, but the shape is "
            f"{tuple(actual.shape)}."
        )
    a = actual.detach().reshape(len(actual), -1).double()
    b = expected.detach().reshape(len(expected), -1).double()
    difference = torch.linalg.vector_norm(a - b, dim=1)
    scale = torch.linalg.vector_norm(b) / len(b) ** 0.5
    return torch.where(difference == 0, 0.0, difference / scale)


def assert_equivariant(
    f: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    act_in: Action,
    act_out: Action,
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
    act_in, act_out : GroupAction or Mapping or Sequence
        How the group acts on inputs and on outputs: an action of :mod:`utils.groups`, or
        one function for each element, in the same order or under the same names for both.
        For :class:`~utils.groups.PointPermutations` of more than four points, transpositions
        that generate the group, one cycle and eight random permutations stand for it.
    tolerance : float
        The largest relative error that passes.
    name : str
        What to call the map in messages.

    Returns
    -------
    EquivarianceReport
        What was found.

    Raises
    ------
    AssertionError
        If an error is larger than the tolerance or an output is not finite; the message is the
        report.
    ValueError
        If the check could not fail: an empty batch, inputs that no given element moves, a map
        that is zero or does not change; or if inputs, actions and outputs do not fit together.
    """
    report = equivariance_report(f, x, act_in, act_out, tolerance=tolerance, name=name)
    if not report.passed:
        raise AssertionError(str(report))
    return report


def assert_invariant(
    f: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    act_in: Action,
    *,
    tolerance: float = 1e-5,
    name: str = "f",
) -> EquivarianceReport:
    r"""Check :math:`f(g x) = f(x)` on a batch, for every group element.

    The batch must hold inputs from different orbits: on a single orbit an invariant map is
    constant, and a constant map passes every test of invariance.

    Parameters
    ----------
    f : Callable
        Takes a batch and returns a batch; a network belongs in evaluation mode.
    x : torch.Tensor
        Inputs of shape ``(B, ...)``.
    act_in : GroupAction or Mapping or Sequence
        How the group acts on inputs; see :func:`assert_equivariant`.
    tolerance : float
        The largest relative error that passes.
    name : str
        What to call the map in messages.

    Returns
    -------
    EquivarianceReport
        What was found.

    Raises
    ------
    AssertionError
        If an error is larger than the tolerance or an output is not finite.
    ValueError
        If the check could not fail, or the arguments do not fit together.
    """
    report = equivariance_report(f, x, act_in, None, tolerance=tolerance, name=name)
    if not report.passed:
        raise AssertionError(str(report))
    return report


def equivariance_report(
    f: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    act_in: Action,
    act_out: Action | None = None,
    *,
    tolerance: float = 1e-5,
    name: str = "f",
) -> EquivarianceReport:
    """Measure how equivariant a map is, and pass no judgement.

    Parameters
    ----------
    f : Callable
        Takes a batch and returns a batch.
    x : torch.Tensor
        Inputs of shape ``(B, ...)``.
    act_in : GroupAction or Mapping or Sequence
        How the group acts on inputs; see :func:`assert_equivariant`.
    act_out : GroupAction or Mapping or Sequence or None
        How it acts on outputs; ``None`` asks for invariance.
    tolerance : float
        The largest relative error that counts as passed.
    name : str
        What to call the map in messages.

    Returns
    -------
    EquivarianceReport
        What was found.

    Raises
    ------
    ValueError
        If a passed check could not have failed, or the arguments do not fit together.
    """
    if not isinstance(x, torch.Tensor) or x.ndim == 0 or x.numel() == 0:
        raise ValueError(f"The check of {name} needs a batch of at least one input.")
    if not torch.isfinite(x).all():
        raise ValueError(f"The inputs for {name} hold NaN or infinite values; remove them first.")
    if not 0 < tolerance < 1:
        raise ValueError(f"The tolerance lies between 0 and 1, but it is {tolerance}.")
    maps_in, maps_out = _element_maps(act_in, act_out)
    if all(_unmoved(x, maps_in[label](x), tolerance) for label in maps_in):
        raise ValueError(
            f"None of the {len(maps_in)} given elements moves an input of {name}, so that every "
            f"map would pass; give an element besides the identity and inputs that it moves."
        )
    expected = _evaluate(f, x, len(x), name)
    scale = float(torch.linalg.vector_norm(expected.double())) / len(x) ** 0.5
    errors, spread = [], _spread(expected, expected)
    for label, move in maps_in.items():
        actual = _evaluate(f, move(x), len(x), name)
        spread = max(spread, _spread(actual, expected))
        target = expected if maps_out is None else maps_out[label](expected)
        if target.shape != actual.shape:
            raise ValueError(
                f"The action of {label} on the output of {name} has shape "
                f"{tuple(target.shape)}, but the output for the moved input has shape "
                f"{tuple(actual.shape)}."
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
        raise ValueError(
            f"{name} is zero on every input, and zero passes every check; give inputs on which "
            f"it is not."
        )
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


def _evaluate(
    f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, batch: int, name: str
) -> torch.Tensor:
    output = f(x)
    if not isinstance(output, torch.Tensor) or output.ndim == 0 or len(output) != batch:
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ValueError(
            f"{name} must return a tensor with one entry for each of the {batch} inputs, but it "
            f"returned {shape}."
        )
    if output.numel() == 0:
        raise ValueError(f"{name} returned an empty tensor, shape {tuple(output.shape)}.")
    if not torch.isfinite(output).all():
        raise AssertionError(f"{name} returned NaN or infinite values for finite inputs.")
    output = output.detach()
    return (output if output.is_floating_point() else output.double()).reshape(
        batch, *(output.shape[1:] or (1,))
    )


def _element_maps(
    act_in: Action, act_out: Action | None
) -> tuple[dict[str, ElementMap], dict[str, ElementMap] | None]:
    maps_in = _listed(act_in)
    if not maps_in:
        raise ValueError("The check needs at least one group element, but none was given.")
    if act_out is None:
        return maps_in, None
    maps_out = _listed(act_out)
    if len(maps_in) != len(maps_out) or (
        _is_named(act_in) and _is_named(act_out) and set(maps_in) != set(maps_out)
    ):
        raise ValueError(
            f"Inputs and outputs must be acted on by the same elements, but there are "
            f"{len(maps_in)} on inputs ({', '.join(list(maps_in)[:3])}, ...) and "
            f"{len(maps_out)} on outputs ({', '.join(list(maps_out)[:3])}, ...)."
        )
    if not (_is_named(act_in) and _is_named(act_out)):
        labels = maps_in if _is_named(act_in) else maps_out
        maps_in = dict(zip(labels, maps_in.values(), strict=True))
        maps_out = dict(zip(labels, maps_out.values(), strict=True))
    return maps_in, maps_out


def _is_named(action: Action) -> bool:
    return isinstance(action, Mapping | GroupAction)


def _listed(action: Action) -> dict[str, ElementMap]:
    """Return one function for each group element, by its name."""
    if isinstance(action, Mapping):
        return dict(action)
    if isinstance(action, CyclicShifts):
        return _numbered(action, cyclic(action.degree).labels)
    if isinstance(action, Representation):
        return _numbered(action, action.group.labels)
    if isinstance(action, PointPermutations):
        permutations = _some_permutations(action)
        return {str(p): _acting(action, torch.tensor(p)) for p in permutations}
    if isinstance(action, Sequence):
        return {str(number): move for number, move in enumerate(action)}
    raise ValueError(
        f"An action is CyclicShifts, PointPermutations, a Representation, or functions, one for "
        f"each group element, but this one is a {type(action).__name__}."
    )


def _numbered(action: CyclicShifts | Representation, labels: Sequence[str]) -> dict:
    return {label: _acting(action, g) for g, label in enumerate(labels)}


def _acting(action: GroupAction, element: int | torch.Tensor) -> ElementMap:
    return lambda x: action.act(element, x)


def _some_permutations(action: PointPermutations) -> list[tuple[int, ...]]:
    n = action.degree
    points = tuple(range(n))
    if n <= _LISTED_PERMUTATIONS:
        return list(itertools.permutations(points))
    swaps = [(*points[:i], i + 1, i, *points[i + 2 :]) for i in range(n - 1)]
    cycle = (*points[1:], 0)
    drawn = action.random_elements(8, torch.Generator().manual_seed(0)).tolist()
    return list(dict.fromkeys([*swaps, cycle, *map(tuple, drawn)]))


# --------------------------------------------------------------------------------------------
# Linear equivariant maps
# --------------------------------------------------------------------------------------------


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

    Parameters
    ----------
    rho_in, rho_out : Representation
        Representations of one group on :math:`\mathbb{R}^{d_{in}}` and
        :math:`\mathbb{R}^{d_{out}}`.
    form : str
        ``"orthonormal"``, or ``"echelon"`` for the reduced row echelon form, which is unique;
        between permutation representations its maps hold only zeros and ones, one map for each
        orbit of pairs of points.

    Returns
    -------
    numpy.ndarray
        ``float64`` of shape ``(dimension, d_out, d_in)``; the dimension may be 0.

    Raises
    ------
    ValueError
        If the groups differ or the form is unknown.
    ArithmeticError
        If rounding spoils one of the two checks, which only badly conditioned matrices can
        bring about.
    """
    if rho_in.group != rho_out.group:
        raise ValueError(
            f"An equivariant map needs one group on both sides, but these representations belong "
            f"to {rho_in.group.name} and {rho_out.group.name}."
        )
    if form not in ("orthonormal", "echelon"):
        raise ValueError(f"The form is 'orthonormal' or 'echelon', but it is {form!r}.")
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
    residual = (
        max(
            (float(np.abs(rho_out(s) @ basis - basis @ rho_in(s)).max()) for s in group.generators),
            default=0.0,
        )
        if found
        else 0.0
    )
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
