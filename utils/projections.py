r"""Invariant projections :math:`s: Z \to Z_s` of latent codes, each with its declared properties.

A code that is only determined up to a group is read through a map :math:`s` with
:math:`s(g z) = s(z)`. Every map of this room is an :class:`InvariantProjection`: it is called on
a batch of shape ``(B, ...)``, returns ``(B, m)``, and says what is known about it: whether it is
invariant, continuous, complete (different orbits get different values), isometric for the
quotient metric :math:`d_{Z/G}`, and between which multiples of that metric it stays,

.. math:: c\, d_{Z/G}(x, y) \le \lVert s(x) - s(y) \rVert \le C\, d_{Z/G}(x, y).

``lipschitz_constant`` is a proven :math:`C` and ``lower_lipschitz_constant`` a proven :math:`c`.

The projections for C_n take codes of shape ``(B, k, n)``, ``k`` copies of the regular
representation shifted together; those for S_n take ``(B, n)`` or ``(B, n, d)``. All accept
``float32`` and ``float64``, and work under :func:`torch.func.vmap` and, where they are
differentiable, under :func:`torch.func.jvp` and :func:`torch.func.grad`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from utils.groups import (
    CyclicShifts,
    GroupAction,
    PointPermutations,
    chamber_walls,
    reflection_group,
)

__all__ = [
    "InvariantProjection",
    "amplitude_spectrum",
    "bispectrum",
    "bispectrum_triples",
    "canonicalise",
    "chamber_fold",
    "cyclic_projections",
    "identity",
    "max_pool",
    "mean_pool",
    "norm_pool",
    "power_spectrum",
    "power_sums",
    "random_linear_mean",
    "random_max_filter",
    "random_reynolds",
    "sort_per_copy",
    "sort_projection",
    "sorted_random_projections",
]

_BLOCK_BYTES = 2**19
"""Random projections take codes in blocks whose products fit into the cache of one core."""

_BLOCK_ROWS = 64
"""The smallest block, below which a matrix product loses more than the cache saves."""


@dataclass(frozen=True)
class InvariantProjection:
    r"""A map from codes to vectors, with what is known about it.

    Attributes
    ----------
    name : str
        What the projection is called in tables and figures.
    action : GroupAction
        The action of the group on the codes.
    input_shape : tuple
        The shape of one code, for example ``(16, 8)``.
    output_dimension : int
        The length ``m`` of the value.
    function : Callable
        The map itself, from ``(B, *input_shape)`` to ``(B, m)``, without checks.
    invariant : bool
        Whether :math:`s(gz) = s(z)` for all :math:`g` and :math:`z`.
    continuous : bool
        Whether the map is continuous on Z.
    complete : bool or None
        Whether equal values come from one orbit only. ``None`` if neither a proof nor a
        counterexample is known. Random projections are complete with probability 1.
    isometric : bool
        Whether distances of values are quotient distances.
    lipschitz_constant : float
        A proven upper bound on :math:`\lVert s(x) - s(y)\rVert / d_{Z/G}(x, y)`; infinite if
        there is none.
    lower_lipschitz_constant : float
        A proven lower bound on the same ratio; 0 if none is known.
    weights : torch.Tensor or None
        The random templates, ``float64``, for projections that have any.
    source : str
        Where the projection comes from.

    Raises
    ------
    ValueError
        If the declared properties contradict one another.
    """

    name: str
    action: GroupAction
    input_shape: tuple[int, ...]
    output_dimension: int
    function: Callable[[torch.Tensor], torch.Tensor] = field(repr=False, compare=False)
    invariant: bool = field(kw_only=True)
    continuous: bool = field(kw_only=True)
    complete: bool | None = field(kw_only=True)
    isometric: bool = field(kw_only=True)
    lipschitz_constant: float = field(kw_only=True)
    lower_lipschitz_constant: float = field(default=0.0, kw_only=True)
    weights: torch.Tensor | None = field(default=None, repr=False, compare=False, kw_only=True)
    source: str = field(default="", repr=False, kw_only=True)

    def __post_init__(self) -> None:
        finite = math.isfinite(self.lipschitz_constant)
        contradictions = {
            "a map with a finite Lipschitz constant is invariant": finite and not self.invariant,
            "a map with a finite Lipschitz constant is continuous": finite and not self.continuous,
            "an isometric map has both Lipschitz constants 1": self.isometric
            and not self.lipschitz_constant == 1 == self.lower_lipschitz_constant,
            "a map with a positive lower Lipschitz constant is complete": not self.complete
            and self.lower_lipschitz_constant > 0,
            "a lower Lipschitz constant is not above the upper one": not 0
            <= self.lower_lipschitz_constant
            <= self.lipschitz_constant,
        }
        for rule, broken in contradictions.items():
            if broken:
                raise ValueError(f"The properties declared for {self.name} contradict: {rule}.")

    @property
    def group(self) -> str:
        """The name of the group, for example ``"C_8"``."""
        return self.action.name

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """Project a batch of codes.

        Parameters
        ----------
        z : torch.Tensor
            Shape ``(B, *input_shape)``, ``float32`` or ``float64``, finite.

        Returns
        -------
        torch.Tensor
            Shape ``(B, output_dimension)``, of the type of ``z``.

        Raises
        ------
        ValueError
            If the shape is wrong, the batch is empty, or it holds NaN or infinite values.
        TypeError
            If ``z`` is not a float32 or float64 tensor.
        """
        self.check_input(z)
        return self.function(z)

    def check_input(self, z: torch.Tensor) -> None:
        """Refuse what the projection cannot be called on.

        Parameters
        ----------
        z : torch.Tensor
            The candidate.

        Raises
        ------
        ValueError
            If the shape is wrong, the batch is empty, or it holds NaN or infinite values.
        TypeError
            If ``z`` is not a float32 or float64 tensor.
        """
        if not isinstance(z, torch.Tensor):
            raise TypeError(
                f"{self.name} takes a torch.Tensor, but it got a {type(z).__name__}; convert it "
                f"with torch.as_tensor."
            )
        if z.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"{self.name} takes float32 or float64 codes, but these are {z.dtype}; convert "
                f"them with .float()."
            )
        if z.shape[1:] != self.input_shape or z.ndim == 0:
            expected = ", ".join(map(str, ("B", *self.input_shape)))
            raise ValueError(
                f"{self.name} for {self.group} takes codes of shape ({expected}), but these have "
                f"shape {tuple(z.shape)}."
            )
        if z.shape[0] == 0:
            raise ValueError(f"{self.name} got an empty batch; give it at least one code.")
        if not _holds(torch.isfinite(z).all()):
            raise ValueError(
                f"{self.name} got codes with NaN or infinite values; find out where they come "
                f"from, or leave them out."
            )


def _holds(condition: torch.Tensor, *, otherwise: bool = True) -> bool:
    """Return the truth of a tensor, or ``otherwise`` where vmap hides its value."""
    try:
        return bool(condition)
    except RuntimeError:
        return otherwise


def _positive(value: int, what: str, smallest: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"The number of {what} is an integer, but it is {value!r}.")
    if value < smallest:
        raise ValueError(f"The number of {what} is at least {smallest}, but it is {value}.")
    return value


def _cyclic(copies: int, order: int) -> tuple[CyclicShifts, tuple[int, int]]:
    _positive(copies, "copies")
    _positive(order, "group elements", smallest=2)
    return CyclicShifts(order), (copies, order)


# --------------------------------------------------------------------------------------------
# C_n: maps that are written down by hand
# --------------------------------------------------------------------------------------------


def identity(copies: int, order: int) -> InvariantProjection:
    """Return the raw code, flattened: complete and not invariant, the baseline.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k * n`` outputs. Distances of values are never below quotient distances.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    return InvariantProjection(
        "raw",
        action,
        shape,
        copies * order,
        lambda z: z.flatten(1),
        invariant=False,
        continuous=True,
        complete=True,
        isometric=False,
        lipschitz_constant=math.inf,
        lower_lipschitz_constant=1.0,
    )


def mean_pool(copies: int, order: int) -> InvariantProjection:
    r"""Return the mean of every copy over the group.

    It is linear and invariant, so that :math:`s(x) - s(y) = s(x - g y)` for every :math:`g`, and
    the mean of ``n`` numbers has the norm :math:`n^{-1/2}`: this is its Lipschitz constant. It
    keeps ``k`` of ``k n`` dimensions.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    return InvariantProjection(
        "mean",
        action,
        shape,
        copies,
        lambda z: z.mean(dim=-1),
        invariant=True,
        continuous=True,
        complete=False,
        isometric=False,
        lipschitz_constant=order**-0.5,
    )


def max_pool(copies: int, order: int) -> InvariantProjection:
    """Return the largest entry of every copy; Lipschitz with constant 1.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    return InvariantProjection(
        "max",
        action,
        shape,
        copies,
        lambda z: z.amax(dim=-1),
        invariant=True,
        continuous=True,
        complete=False,
        isometric=False,
        lipschitz_constant=1.0,
    )


def norm_pool(copies: int, order: int) -> InvariantProjection:
    """Return the Euclidean norm of every copy; Lipschitz with constant 1.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    return InvariantProjection(
        "norm",
        action,
        shape,
        copies,
        lambda z: torch.linalg.vector_norm(z, dim=-1),
        invariant=True,
        continuous=True,
        complete=False,
        isometric=False,
        lipschitz_constant=1.0,
    )


def power_spectrum(copies: int, order: int) -> InvariantProjection:
    r"""Return :math:`|\hat z(f)|^2` of every copy for the frequencies 0 to ``n // 2``.

    A shift turns the phases of the Fourier coefficients and leaves their moduli. The squares
    grow faster than any multiple of the distance, so that there is no Lipschitz constant; see
    :func:`amplitude_spectrum`. The transform is unitary.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k * (n // 2 + 1)`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)

    def function(z: torch.Tensor) -> torch.Tensor:
        """Square the moduli of the Fourier coefficients."""
        spectrum = torch.fft.rfft(z, norm="ortho")
        return (spectrum.real.square() + spectrum.imag.square()).flatten(1)

    return InvariantProjection(
        "power spectrum",
        action,
        shape,
        copies * (order // 2 + 1),
        function,
        invariant=True,
        continuous=True,
        complete=False,
        isometric=False,
        lipschitz_constant=math.inf,
    )


def amplitude_spectrum(copies: int, order: int) -> InvariantProjection:
    r"""Return the moduli of the Fourier coefficients of every copy, weighted to keep the norm.

    The square root of :func:`power_spectrum`. A frequency that stands for two (all but 0 and
    ``n / 2``) carries the weight :math:`\sqrt 2`, so that :math:`\lVert s(z) \rVert =
    \lVert z \rVert` by Parseval's theorem; with :math:`||a| - |b|| \le |a - b|` the Lipschitz
    constant is 1.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k * (n // 2 + 1)`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)

    def function(z: torch.Tensor) -> torch.Tensor:
        """Return the moduli of the Fourier coefficients, with their weights."""
        moduli = torch.fft.rfft(z, norm="ortho").abs()
        multiplicity = moduli.new_full(moduli.shape[-1:], 2.0)
        multiplicity[0] = 1.0
        if order % 2 == 0:
            multiplicity[-1] = 1.0
        return (moduli * multiplicity.sqrt()).flatten(1)

    return InvariantProjection(
        "amplitude spectrum",
        action,
        shape,
        copies * (order // 2 + 1),
        function,
        invariant=True,
        continuous=True,
        complete=False,
        isometric=False,
        lipschitz_constant=1.0,
    )


def bispectrum_triples(order: int) -> tuple[tuple[int, int, int], ...]:
    """List the triples of frequencies with sum 0 modulo ``n``, each once.

    Reordering a triple does not change its product of Fourier coefficients, and turning all its
    signs conjugates it; one triple stands for all of these.

    Parameters
    ----------
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    tuple
        Sorted triples of integers from 0 to ``n - 1``, in lexicographic order.

    Raises
    ------
    ValueError
        If ``order`` is too small.
    TypeError
        If it is not an integer.
    """
    _positive(order, "group elements", smallest=2)
    kept = []
    for triple in itertools.combinations_with_replacement(range(order), 3):
        if sum(triple) % order == 0 and triple <= _negated(triple, order):
            kept.append(triple)
    return tuple(kept)


def _negated(triple: tuple[int, int, int], order: int) -> tuple[int, ...]:
    return tuple(sorted(-f % order for f in triple))


def bispectrum(copies: int, order: int) -> InvariantProjection:
    r"""Return the products :math:`\hat z(f_1)\,\hat z(f_2)\,\hat z(f_3)` with sum of frequencies 0.

    A shift by ``r`` multiplies :math:`\hat z(f)` by :math:`e^{-2\pi i r f/n}`; the three phases
    cancel. For every triple of :func:`bispectrum_triples` the real part is returned, and the
    imaginary part where it need not vanish. The bispectrum determines a single copy whose
    Fourier coefficients are all different from zero; a code with zeros among them, or with more
    than one copy, it does not. The one exception is a single copy of C_3.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``15 k`` outputs for ``n = 8``; cubic, so that there is no Lipschitz constant.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    triples = bispectrum_triples(order)
    first, second, third = (list(column) for column in zip(*triples, strict=True))
    phased = [i for i, t in enumerate(triples) if t != _negated(t, order)]

    def function(z: torch.Tensor) -> torch.Tensor:
        """Multiply three Fourier coefficients for each triple of frequencies."""
        spectrum = torch.fft.fft(z, norm="ortho")
        product = spectrum[..., first] * spectrum[..., second] * spectrum[..., third]
        return torch.cat([product.real, product.imag[..., phased]], dim=-1).flatten(1)

    return InvariantProjection(
        "bispectrum",
        action,
        shape,
        copies * (len(triples) + len(phased)),
        function,
        invariant=True,
        continuous=True,
        complete=copies == 1 and order == 3,
        isometric=False,
        lipschitz_constant=math.inf,
        source="Kakarala (2012); Sadler and Giannakis (1992)",
    )


def sort_per_copy(copies: int, order: int) -> InvariantProjection:
    r"""Return every copy sorted, which forgets the order inside a copy altogether.

    The map is invariant under the larger group :math:`S_n^k`, and an isometric cross section for
    it; since a minimum over more elements is smaller, the Lipschitz constant for C_n is 1. Only
    a single copy of C_2, which is S_2, loses nothing.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k * n`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    lossless = copies == 1 and order == 2
    return InvariantProjection(
        "sort per copy",
        action,
        shape,
        copies * order,
        lambda z: z.sort().values.flatten(1),
        invariant=True,
        continuous=True,
        complete=lossless,
        isometric=lossless,
        lipschitz_constant=1.0,
        lower_lipschitz_constant=float(lossless),
    )


def canonicalise(copies: int, order: int) -> InvariantProjection:
    """Return the copy of the code in which the largest entry of copy 0 comes first.

    Among several largest entries the rest of the code decides: the lexicographically largest
    shift is taken, so that the map is invariant without exception. Its value lies on the orbit,
    so that it is complete and its distances are never below quotient distances; it jumps where
    two entries of copy 0 exchange the lead, so that it is not continuous. The one exception is a
    single copy of C_2, for which this is sorting.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.

    Returns
    -------
    InvariantProjection
        With ``k * n`` outputs.

    Raises
    ------
    ValueError
        If ``copies`` or ``order`` is too small.
    TypeError
        If one of them is not an integer.
    """
    action, shape = _cyclic(copies, order)
    is_sorting = copies == 1 and order == 2

    def function(z: torch.Tensor) -> torch.Tensor:
        """Return the largest of all shifts in lexicographic order."""
        shifts = torch.stack([torch.roll(z, r, dims=-1).flatten(1) for r in range(order)], dim=1)
        leads = shifts.new_ones(shifts.shape[:2], dtype=torch.bool)
        for entry in shifts.unbind(dim=-1):
            best = entry.masked_fill(~leads, -torch.inf).amax(dim=1, keepdim=True)
            leads = leads & (entry == best)
            if _holds((leads.sum(dim=1) == 1).all(), otherwise=False):
                break
        winner = leads.to(torch.uint8).argmax(dim=1)
        index = winner[:, None, None].expand(-1, 1, shifts.shape[-1])
        return torch.gather(shifts, 1, index).squeeze(1)

    return InvariantProjection(
        "canonicalise",
        action,
        shape,
        copies * order,
        function,
        invariant=True,
        continuous=is_sorting,
        complete=True,
        isometric=is_sorting,
        lipschitz_constant=1.0 if is_sorting else math.inf,
        lower_lipschitz_constant=1.0,
    )


# --------------------------------------------------------------------------------------------
# C_n: random projections
# --------------------------------------------------------------------------------------------


def _draw(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Draw Gaussian templates whose squares add up to the dimension of the code on average."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"The seed is an integer, but it is {seed!r}.")
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[0])


def _spectral_norms(weights: torch.Tensor) -> torch.Tensor:
    r"""Return for each frequency the spectral norm of the templates' Fourier coefficients.

    With :math:`c_j(r) = \langle w_j, r\,v \rangle`, Parseval's theorem bounds
    :math:`\sum_{j,r} c_j(r)^2` by the square of the largest of them times
    :math:`\lVert v \rVert^2`.
    """
    spectrum = torch.fft.rfft(weights).permute(2, 0, 1)
    return torch.linalg.matrix_norm(spectrum, ord=2)


def _pool_products(
    z: torch.Tensor,
    weights: torch.Tensor,
    pool: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Pool ``<w_j, r z>`` over the shifts ``r``: one matrix product for a block of codes.

    ``pool`` takes a tensor of shape ``(block, n, m)`` to ``(block, m)``.
    """
    count, _, order = weights.shape
    moved = torch.cat([torch.roll(weights, -r, dims=-1).flatten(1) for r in range(order)])
    moved = moved.to(z).T
    rows = max(_BLOCK_ROWS, _BLOCK_BYTES // (z.element_size() * moved.shape[1]))
    blocks = [pool((block.flatten(1) @ moved).reshape(-1, order, count)) for block in z.split(rows)]
    return torch.cat(blocks)


def random_linear_mean(
    copies: int, order: int, outputs: int = 256, *, seed: int = 0
) -> InvariantProjection:
    r"""Return the mean over the group of random linear functions.

    .. math:: s_j(z) = \frac{1}{n} \sum_{r} \langle w_j, r\,z \rangle

    The mean of a linear function depends on the mean of each copy alone, however many functions
    are drawn: this map knows what :func:`mean_pool` knows. Its Lipschitz constant is the
    spectral norm of the averaged matrix.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.
    outputs : int
        The number ``m`` of random functions.
    seed : int
        The seed of the Gaussian weights, of variance ``1 / m``.

    Returns
    -------
    InvariantProjection
        With ``m`` outputs; ``weights`` has shape ``(m, k, n)``.

    Raises
    ------
    ValueError
        If ``copies``, ``order`` or ``outputs`` is too small.
    TypeError
        If one of them or the seed is not an integer.
    """
    action, shape = _cyclic(copies, order)
    weights = _draw((_positive(outputs, "outputs"), *shape), seed)
    averaged = weights.mean(dim=-1)

    return InvariantProjection(
        "random linear + mean",
        action,
        shape,
        outputs,
        lambda z: z.sum(dim=-1) @ averaged.to(z).T,
        invariant=True,
        continuous=True,
        complete=False,
        isometric=False,
        lipschitz_constant=float(_spectral_norms(weights)[0]) / math.sqrt(order),
        weights=weights,
    )


def random_reynolds(
    copies: int, order: int, outputs: int = 256, *, seed: int = 0
) -> InvariantProjection:
    r"""Return the mean over the group of rectified random linear functions.

    .. math:: s_j(z) = \frac{1}{n} \sum_{r} \max(0, \langle w_j, r\,z \rangle)

    Since :math:`\max(0, t) = (t + |t|)/2`, the Lipschitz constant is at most half that of the
    averaged linear functions plus half that of the averaged moduli, and the second is bounded by
    the root of the mean of the squares. From :math:`n = 3` on the map is not complete, however
    many outputs it has: if every row of :math:`z` has mean zero, only the moduli are left, and
    :math:`s(-z) = s(z)`, while :math:`-z` is a shift of :math:`z` only by accident. With fewer
    outputs than the code has dimensions it is linear near almost every code, and has directions
    in which it does not change.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.
    outputs : int
        The number ``m`` of random functions.
    seed : int
        The seed of the Gaussian weights, of variance ``1 / m``.

    Returns
    -------
    InvariantProjection
        With ``m`` outputs; ``weights`` has shape ``(m, k, n)``.

    Raises
    ------
    ValueError
        If ``copies``, ``order`` or ``outputs`` is too small.
    TypeError
        If one of them or the seed is not an integer.
    """
    action, shape = _cyclic(copies, order)
    weights = _draw((_positive(outputs, "outputs"), *shape), seed)
    norms = _spectral_norms(weights)
    return InvariantProjection(
        "random relu-mean",
        action,
        shape,
        outputs,
        lambda z: _pool_products(z, weights, lambda c: c.relu().mean(dim=1)),
        invariant=True,
        continuous=True,
        complete=False if order >= 3 or outputs < copies * order else None,
        isometric=False,
        lipschitz_constant=float(norms[0] + norms.max()) / (2 * math.sqrt(order)),
        weights=weights,
    )


def random_max_filter(
    copies: int, order: int, outputs: int = 256, *, seed: int = 0
) -> InvariantProjection:
    r"""Return the largest scalar products of random templates with the orbit of the code.

    .. math:: s_j(z) = \max_{r} \langle w_j, r\,z \rangle

    With probability one, :math:`2 k n - k` Gaussian templates separate all orbits: for any finite
    group on :math:`\mathbb{R}^d` that fixes a space of dimension :math:`d_0`, :math:`2d - d_0` are
    enough (the theorem on generic max filters in chapter 6; Cahill, Iverson, Mixon and Packer 2022
    have :math:`2d`). Fewer than :math:`k n` cannot, since the map is linear near almost every
    code. In between nothing is declared. The difference of two maxima is at
    most the largest difference, which the Frobenius norm of the templates bounds, and so does
    the root of the sum of squares over the group.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.
    outputs : int
        The number ``m`` of templates.
    seed : int
        The seed of the Gaussian templates, of variance ``1 / m``.

    Returns
    -------
    InvariantProjection
        With ``m`` outputs; ``weights`` has shape ``(m, k, n)``.

    Raises
    ------
    ValueError
        If ``copies``, ``order`` or ``outputs`` is too small.
    TypeError
        If one of them or the seed is not an integer.
    """
    action, shape = _cyclic(copies, order)
    weights = _draw((_positive(outputs, "outputs"), *shape), seed)
    dimension = copies * order
    enough = 2 * dimension - copies
    frobenius = float(torch.linalg.vector_norm(weights))
    return InvariantProjection(
        "random max filter",
        action,
        shape,
        outputs,
        lambda z: _pool_products(z, weights, lambda c: c.amax(dim=1)),
        invariant=True,
        continuous=True,
        complete=True if outputs >= enough else False if outputs < dimension else None,
        isometric=False,
        lipschitz_constant=min(frobenius, float(_spectral_norms(weights).max())),
        weights=weights,
        source="Cahill, Iverson, Mixon and Packer (2022), Group-invariant max filtering",
    )


def cyclic_projections(
    copies: int, order: int, *, outputs: int = 256, seed: int = 0
) -> dict[str, InvariantProjection]:
    """Return every projection for C_n, by its name, the raw code first.

    Parameters
    ----------
    copies : int
        The number ``k`` of copies of the regular representation.
    order : int
        The ``n`` of C_n, at least 2.
    outputs : int
        The number of outputs of the random projections.
    seed : int
        The seed of the random projections.

    Returns
    -------
    dict
        Names such as ``"raw"``, ``"mean"``, ``"random max filter"``, each with its projection.

    Raises
    ------
    ValueError
        If ``copies``, ``order`` or ``outputs`` is too small.
    TypeError
        If one of them or the seed is not an integer.
    """
    by_hand = (
        identity,
        mean_pool,
        max_pool,
        norm_pool,
        amplitude_spectrum,
        power_spectrum,
        bispectrum,
        sort_per_copy,
        canonicalise,
    )
    drawn = (random_linear_mean, random_reynolds, random_max_filter)
    projections = [make(copies, order) for make in by_hand]
    projections += [make(copies, order, outputs, seed=seed) for make in drawn]
    return {projection.name: projection for projection in projections}


# --------------------------------------------------------------------------------------------
# S_n
# --------------------------------------------------------------------------------------------


def sort_projection(points: int) -> InvariantProjection:
    r"""Return the sorted numbers: an isometric cross section of :math:`\mathbb{R}^n / S_n`.

    By the rearrangement inequality no permutation brings two lists of numbers closer together
    than sorting both.

    Parameters
    ----------
    points : int
        The number ``n`` of numbers.

    Returns
    -------
    InvariantProjection
        From ``(B, n)`` to ``(B, n)``.

    Raises
    ------
    ValueError
        If there is no point.
    TypeError
        If ``points`` is not an integer.
    """
    _positive(points, "points")
    return InvariantProjection(
        "sort",
        PointPermutations(points),
        (points,),
        points,
        lambda z: z.sort().values,
        invariant=True,
        continuous=True,
        complete=True,
        isometric=True,
        lipschitz_constant=1.0,
        lower_lipschitz_constant=1.0,
    )


def power_sums(points: int) -> InvariantProjection:
    r"""Return the sums of powers :math:`\sum_i z_i^j` for :math:`j = 1, \dots, n`.

    By Newton's identities they determine the polynomial with the roots :math:`z_i`, and so the
    numbers up to their order: the map is complete. It is smooth, but no multiple of the
    distance bounds it, and close to equal numbers it is nearly flat.

    Parameters
    ----------
    points : int
        The number ``n`` of numbers.

    Returns
    -------
    InvariantProjection
        From ``(B, n)`` to ``(B, n)``. For ``n = 1`` it is the number itself, an isometry.

    Raises
    ------
    ValueError
        If there is no point.
    TypeError
        If ``points`` is not an integer.
    """
    _positive(points, "points")

    def function(z: torch.Tensor) -> torch.Tensor:
        """Sum the powers of the entries."""
        powers = itertools.accumulate([z] * points, torch.mul)
        return torch.stack([power.sum(dim=1) for power in powers], dim=1)

    single = points == 1
    return InvariantProjection(
        "power sums",
        PointPermutations(points),
        (points,),
        points,
        function,
        invariant=True,
        continuous=True,
        complete=True,
        isometric=single,
        lipschitz_constant=1.0 if single else math.inf,
        lower_lipschitz_constant=float(single),
    )


def sorted_random_projections(
    points: int, dimension: int, directions: int, *, seed: int = 0
) -> InvariantProjection:
    r"""Return the point set projected on random lines, sorted on each: ``sort(Z A)``.

    Sorting is isometric for every column, so that the Lipschitz constant is the spectral norm of
    :math:`A \in \mathbb{R}^{d \times m}`. With :math:`m \ge (d - 1) n + 1` directions, any
    :math:`d` of which are independent, the map is complete: were a point :math:`x` of one set
    missing from the other, each direction would need some :math:`y` of the other with the same
    projection, one :math:`y` would serve :math:`d` of the directions, and then :math:`y = x`.
    For numbers, :math:`d = 1`, the map is a multiple of an isometry.
    With fewer directions than :math:`d` a set can be moved unseen. With :math:`m` directions and
    at least :math:`2^{m-1}` points in :math:`d \ge 2` dimensions it is not complete either: take
    :math:`v_j` perpendicular to direction :math:`j`, and the sums :math:`\sum_j \epsilon_j v_j`
    over :math:`\epsilon \in \{0, 1\}^m`, the even ones in one set and the odd ones in the other.

    Parameters
    ----------
    points : int
        The number ``n`` of points.
    dimension : int
        The dimension ``d`` of a point.
    directions : int
        The number ``m`` of random directions.
    seed : int
        The seed of the Gaussian directions, of variance ``1 / m``.

    Returns
    -------
    InvariantProjection
        From ``(B, n, d)`` to ``(B, m * n)``; ``weights`` has shape ``(m, d)``.

    Raises
    ------
    ValueError
        If one of the numbers is smaller than 1.
    TypeError
        If one of them or the seed is not an integer.
    """
    _positive(points, "points")
    _positive(dimension, "dimensions")
    weights = _draw((_positive(directions, "directions"), dimension), seed)
    complete: bool | None = None
    if directions >= (dimension - 1) * points + 1:
        complete = True
    elif directions < dimension or points >= 2 ** (directions - 1):
        complete = False

    def function(z: torch.Tensor) -> torch.Tensor:
        """Sort the projections on every line."""
        lines = z @ weights.to(z).T
        return lines.sort(dim=1).values.transpose(1, 2).flatten(1)

    norm = float(torch.linalg.matrix_norm(weights, ord=2))
    return InvariantProjection(
        "sorted random projections",
        PointPermutations(points),
        (points, dimension),
        directions * points,
        function,
        invariant=True,
        continuous=True,
        complete=complete,
        isometric=False,
        lipschitz_constant=norm,
        lower_lipschitz_constant=norm if dimension == 1 else 0.0,
        weights=weights,
        source="Balan, Haghani and Singh (2022); Dym and Gortler (2022)",
    )


# --------------------------------------------------------------------------------------------
# Groups generated by mirrors
# --------------------------------------------------------------------------------------------


def _reduced_word(walls: np.ndarray) -> list[int]:
    """Return the walls met by a point of the opposite chamber that is folded step by step."""
    inside = np.linalg.lstsq(walls, np.ones(len(walls)), rcond=None)[0]
    point, word = -inside, []
    while (walls @ point).min() < 0:
        word.append(int((walls @ point).argmin()))
        point = point - 2 * (point @ walls[word[-1]]) * walls[word[-1]]
    return word


def chamber_fold(normals: np.ndarray, inside: np.ndarray) -> InvariantProjection:
    r"""Return the folding onto a Weyl chamber: an isometric cross section of a reflection group.

    A code on the wrong side of a wall of the chamber is reflected in that wall,

    .. math:: z \mapsto z + 2 \max(0, -\langle z, \alpha \rangle)\, \alpha ,

    until it is on the right side of all. Such a fold stretches no distance, the value lies on the
    orbit, and an orbit meets the chamber once, so that distances of values are quotient
    distances. The walls are taken in the order in which the opposite chamber needs them, a
    shortest word of the longest element. Every other chamber needs a part of this word, so that
    one pass, of as many folds as there are mirrors, is enough for every code and the map has no
    loop that depends on the data.

    For the normals ``e[i + 1] - e[i]`` this is sorting, and with ``e[0]`` among them, where signs
    change as well, sorting of absolute values.

    Parameters
    ----------
    normals : numpy.ndarray
        Shape ``(count, d)``: normals, of any length and sign, of mirrors that generate the group.
    inside : numpy.ndarray
        Shape ``(d,)``: a point off all mirrors of the group, which selects the chamber.

    Returns
    -------
    InvariantProjection
        From ``(B, d)`` to ``(B, d)``; its ``action`` is
        :func:`~utils.groups.reflection_group` of the normals.

    Raises
    ------
    ValueError
        If the shapes are wrong, a number is not finite, a normal is zero, the group is infinite
        or has more than 2000 elements, or the point lies on a mirror.
    """
    walls = chamber_walls(normals, inside)
    dimension = walls.shape[1]
    steps = torch.tensor(walls[_reduced_word(walls)])

    def function(z: torch.Tensor) -> torch.Tensor:
        """Reflect in each wall of the word the codes that are on its wrong side."""
        for alpha in steps.to(dtype=z.dtype, device=z.device):
            z = z - 2 * (z @ alpha).clamp(max=0)[:, None] * alpha
        return z

    return InvariantProjection(
        "chamber fold",
        reflection_group(normals),
        (dimension,),
        dimension,
        function,
        invariant=True,
        continuous=True,
        complete=True,
        isometric=True,
        lipschitz_constant=1.0,
        lower_lipschitz_constant=1.0,
        source="Humphreys (1990), Reflection groups and Coxeter groups, sections 1.4 to 1.12",
    )
