"""A figure in which a reader aims a linear field: what it needs, its checks and its markup."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.plots.explorables._square import SIDE
from utils.plots.explorables._still import Cell, still_of
from utils.plots.explorables._template import fill
from utils.plots.explorables.arrow_field._drawing import (
    LENGTH,
    STROKES,
    field,
    level_lines,
    nodes,
)
from utils.plots.figure import HTMLFigure, checked_alt

__all__ = ["GENERATORS_OF_THE_PLANE", "PlaneFunction", "arrow_field_figure", "plane_points"]

#: The four generators that a reader mixes. Each real 2 x 2 matrix is one mixture of them.
GENERATORS_OF_THE_PLANE = MappingProxyType(
    {
        "rotation": ((0.0, -1.0), (1.0, 0.0)),
        "scaling": ((1.0, 0.0), (0.0, 1.0)),
        "boost": ((0.0, 1.0), (1.0, 0.0)),
        "squeeze": ((1.0, 0.0), (0.0, -1.0)),
    }
)
_MIX = np.array(list(GENERATORS_OF_THE_PLANE.values()))
_UNITS = np.eye(4).reshape(4, 2, 2)
_SIDE = 81  # points in a row of the grid
_LEAST_SIDE = 15
_STEPS = 20  # of a slider, from 0 to 1
_FLAT = 0.05
_ROUNDING = 1e-9
_LETTERS_IN_A_LINE = 34
_MARGIN = 14  # around the square, for the rings of long columns


@dataclass(frozen=True, eq=False)
class PlaneFunction:
    """A function on the plane, as a :func:`arrow_field_figure` shows it.

    Attributes
    ----------
    name : str
        What the reader chooses by, for example ``"circle"``.
    values : array_like
        Shape (H, H) or (H * H,): its values at :func:`plane_points`.
    form : array_like
        Shape (4, 4): M with M_ij = E[(L_i f)(L_j f)] for four generators A_i.
    norm : array_like
        Shape (4, 4): N with N_ij = E<A_i x, A_j x> under the same measure.
    """

    name: str
    values: ArrayLike
    form: ArrayLike
    norm: ArrayLike


def plane_points(reach: float, side: int = _SIDE) -> NDArray[np.float64]:
    """Return the points at which a figure needs the values of a function.

    Parameters
    ----------
    reach : float
        The square goes from ``-reach`` to ``reach`` both ways.
    side : int, default 81
        Points in a row.

    Returns
    -------
    numpy.ndarray
        Shape (side * side, 2): row by row from the lowest, each from left to right.

    Examples
    --------
    >>> plane_points(1.0, 15)[[0, 14, 224]].tolist()
    [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    if not (np.isfinite(reach) and reach > 0) or side < _LEAST_SIDE:
        raise ValueError(
            f"The points of the plane need a positive reach and at least {_LEAST_SIDE} points in a "
            f"row, but got {reach} and {side}."
        )
    line = np.linspace(-reach, reach, side)
    across, up = np.meshgrid(line, line)
    return np.column_stack([across.ravel(), up.ravel()])


@dataclass(frozen=True, eq=False)
class _Seen:
    """A function with what is drawn and what the script needs of it."""

    name: str
    lines: str
    gradients: NDArray[np.floating]  # (arrows, 2)
    form: NDArray[np.floating]  # in terms of the four generators, as norm
    norm: NDArray[np.floating]
    roots: NDArray[np.floating]  # of the eigenvalues, ascending
    best: NDArray[np.floating]  # the first eigenvector, its largest entry 1


def _square_of(function: PlaneFunction) -> NDArray[np.floating]:
    values = np.asarray(function.values, dtype=float)
    side = round(values.size**0.5)
    if values.shape not in ((side, side), (side * side,)) or side < _LEAST_SIDE:
        raise ValueError(
            f"The values of {function.name!r} have shape {values.shape}: give one for each of the "
            f"plane_points, at least {_LEAST_SIDE} in a row."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"The values of {function.name!r} are not all finite.")
    if np.ptp(values) == 0:
        raise ValueError(f"The function {function.name!r} is constant: it has no level lines.")
    return values.reshape(side, side)


def _forms_of(
    function: PlaneFunction, basis: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return both forms in terms of the generators that the reader mixes."""
    change = np.linalg.solve(basis.reshape(4, 4).T, _MIX.reshape(4, 4).T)
    forms = []
    for word, given in (("form", function.form), ("norm", function.norm)):
        matrix = np.asarray(given, dtype=float)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError(
                f"The {word} of {function.name!r} must be a finite matrix of shape (4, 4), one row "
                f"for each generator of the basis; its shape is {matrix.shape}."
            )
        largest = float(np.abs(matrix).max())
        if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-6 * largest):
            raise ValueError(f"The {word} of {function.name!r} is not symmetric.")
        forms.append(change.T @ ((matrix + matrix.T) / 2) @ change)
    form, norm = forms
    if np.linalg.eigvalsh(norm)[0] <= _ROUNDING * np.abs(norm).max():
        raise ValueError(f"The norm of {function.name!r} is not positive definite.")
    spread = np.linalg.eigvalsh(form)
    if spread[-1] <= 0 or spread[0] < -1e-6 * spread[-1]:
        raise ValueError(
            f"The form of {function.name!r} must be a mean of squares: positive semidefinite, and "
            f"not zero. Its eigenvalues go from {spread[0]:.3g} to {spread[-1]:.3g}."
        )
    return form, norm


def _seen(function: PlaneFunction, basis: NDArray[np.floating], reach: float) -> _Seen:
    values = _square_of(function)
    form, norm = _forms_of(function, basis)
    place = nodes(len(values))
    up, across = np.gradient(values, 2 * reach / (len(values) - 1), edge_order=2)
    gradients = np.stack([across, up], axis=-1)[np.ix_(place, place)].reshape(-1, 2)
    # With norm = C C', the pair (form, norm) has the eigenvalues of C^-1 form C'^-1.
    inverse = np.linalg.inv(np.linalg.cholesky(norm))
    squares, vectors = np.linalg.eigh(inverse @ form @ inverse.T)
    first = inverse.T @ vectors[:, 0]
    best = first / first[np.argmax(np.abs(first))]
    roots = np.sqrt(np.clip(squares, 0.0, None))
    return _Seen(function.name, level_lines(values), gradients, form, norm, roots, best)


def _stored(seen: _Seen) -> dict[str, Any]:
    """Return what the script needs of a function."""
    return {
        "name": seen.name,
        "lines": seen.lines,
        "gradients": [[float(f"{x:.3g}") for x in pair] for pair in seen.gradients],
        "form": seen.form.tolist(),
        "norm": seen.norm.tolist(),
        "roots": seen.roots.tolist(),
        "best": seen.best.tolist(),
    }


def _change(seen: _Seen, weights: NDArray[np.floating]) -> float:
    return float(np.sqrt(max(0.0, weights @ seen.form @ weights) / (weights @ seen.norm @ weights)))


def _said(seen: _Seen, weights: NDArray[np.floating], flat: float) -> str:
    """Say what the script says of a state that is not solved."""
    value = _change(seen, weights)
    along = value < flat * seen.roots[-1]
    share = 100 * value / seen.roots[-1]
    return (
        f"The arrows {'run along' if along else 'cross'} the level lines: along them f changes by "
        f"{value:.3f} per unit of length, {share:.0f} % of the most possible."
    )


def arrow_field_figure(
    functions: Sequence[PlaneFunction],
    *,
    reach: float,
    alt: str,
    basis: ArrayLike | None = None,
    start: int = 0,
    weights: Sequence[float] = (0.5, 0.5, 0.0, 0.0),
    flat: float = _FLAT,
) -> HTMLFigure:
    """Build a figure in which a reader aims the arrows A x at the level lines of a function.

    The reader mixes the :data:`GENERATORS_OF_THE_PLANE` by four sliders, or drags the two columns
    of A, and reads how much f changes along the arrows: the root of a'Ma / a'Na, which is the root
    mean square of L_A f over that of ``|A x|``. A button moves the arrows to the first eigenvector
    of the pair (M, N) and marks the roots of its four eigenvalues on the scale.

    Parameters
    ----------
    functions : Sequence[PlaneFunction]
        What the reader chooses from.
    reach : float
        The square goes from ``-reach`` to ``reach``, as in :func:`plane_points`.
    alt : str
        Alternative text for the whole figure.
    basis : array_like, optional
        Shape (4, 2, 2): the generators for which the forms were computed, by default the matrix
        units E_11, E_12, E_21, E_22.
    start : int, default 0
        The function shown first.
    weights : Sequence[float], optional
        The first mixture of rotation, scaling, boost and squeeze, each from -1 to 1.
    flat : float, default 0.05
        Up to this share of the largest root, arrows are said to run along the level lines.

    Raises
    ------
    ValueError
        If values, forms, basis or the first state do not fit.

    Notes
    -----
    The condition L_A f = 0 is linear in A, so its solutions are the null space of M; this is how
    Moskalev et al. (2022) find the symmetries of a network.
    """
    alt = checked_alt(alt)
    if not functions:
        raise ValueError("A field of arrows got no functions: give it at least one.")
    if not 0 <= start < len(functions):
        raise ValueError(f"The figure starts at {start}, outside its {len(functions)} functions.")
    plane_points(reach)
    given = _UNITS if basis is None else np.asarray(basis, dtype=float)
    if given.shape != (4, 2, 2) or np.linalg.matrix_rank(given.reshape(4, 4)) < 4:
        raise ValueError(
            f"The basis has shape {given.shape}: it must be four independent 2 x 2 matrices."
        )
    mix = np.asarray(weights, dtype=float)
    if mix.shape != (4,) or not np.abs(mix).max() <= 1 or not mix.any():
        raise ValueError(
            f"The first mixture is {list(weights)}: give four weights from -1 to 1, not all zero."
        )
    if not 0 < flat < 1:
        raise ValueError(f"flat is a share between 0 and 1, not {flat}.")
    seen = [_seen(function, given, reach) for function in functions]
    side, *others = (len(_square_of(function)) for function in functions)
    if any(other != side for other in others):
        raise ValueError("The functions have values on grids of different sizes: use one for all.")
    line = np.linspace(-reach, reach, side)[nodes(side)]
    starts = np.array([(x, y) for y in line for x in line])
    first = seen[start]
    arrows = field(starts, first.gradients, np.tensordot(mix, _MIX, 1), reach)
    drawing = (
        f'<path d="{first.lines}" fill="none" stroke="currentColor" stroke-opacity="0.45"/>'
        f'<g fill="none" stroke-linecap="round" stroke-linejoin="round">{arrows}</g>'
    )
    mixture = ", ".join(
        f"{name} {weight:.2f}"
        for name, weight in zip(GENERATORS_OF_THE_PLANE, mix, strict=True)
        if weight
    )
    sentence = _said(first, mix, flat)
    return fill(
        __package__,
        prefix="arrows",
        still=still_of(
            [Cell(first.name, drawing, SIDE)],
            textwrap.wrap(f"{mixture}. {sentence}", _LETTERS_IN_A_LINE),
            alt,
        ),
        data={
            "reach": reach,
            "side": SIDE,
            "length": LENGTH,
            "strokes": STROKES,
            "flat": flat,
            "steps": _STEPS,
            "mix": _MIX.tolist(),
            "names": list(GENERATORS_OF_THE_PLANE),
            "weights": mix.tolist(),
            "starts": starts.tolist(),
            "functions": [_stored(one) for one in seen],
        },
        alt=alt,
        text={
            "side": SIDE,
            "window": f"{-_MARGIN} {-_MARGIN} {SIDE + 2 * _MARGIN} {SIDE + 2 * _MARGIN}",
        },
        markup={
            "options": "".join(
                f'<option value="{i}"{" selected" * (i == start)}>{html.escape(one.name)}</option>'
                for i, one in enumerate(seen)
            )
        },
    )
