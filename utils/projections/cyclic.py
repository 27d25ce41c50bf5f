"""Projections for C_n that are written down by hand, and the list of all projections for C_n.

Codes have shape ``(B, k, n)``, ``k`` copies of the regular representation shifted together. The
list also holds the projections of :mod:`utils.projections.random`.
"""

from __future__ import annotations

import itertools
import math

import torch

from utils.projections._docstrings import cyclic_factory
from utils.projections._shared import cyclic_codes, holds, positive
from utils.projections.base import InvariantProjection
from utils.projections.random import random_linear_mean, random_max_filter, random_reynolds

__all__ = [
    "amplitude_spectrum",
    "bispectrum",
    "bispectrum_triples",
    "canonicalise",
    "cyclic_projections",
    "identity",
    "max_pool",
    "mean_pool",
    "norm_pool",
    "power_spectrum",
    "sort_per_copy",
]


@cyclic_factory
def identity(copies: int, order: int) -> InvariantProjection:
    """Return the raw code, flattened: complete and not invariant, the baseline.

    Returns
    -------
    InvariantProjection
        With ``k * n`` outputs. Distances of values are never below quotient distances.
    """
    action, shape = cyclic_codes(copies, order)
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


@cyclic_factory
def mean_pool(copies: int, order: int) -> InvariantProjection:
    r"""Return the mean of every copy over the group.

    It is linear and invariant, so that :math:`s(x) - s(y) = s(x - g y)` for every :math:`g`, and
    the mean of ``n`` numbers has the norm :math:`n^{-1/2}`: this is its Lipschitz constant. It
    keeps ``k`` of ``k n`` dimensions.

    Returns
    -------
    InvariantProjection
        With ``k`` outputs.
    """
    action, shape = cyclic_codes(copies, order)
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


@cyclic_factory
def max_pool(copies: int, order: int) -> InvariantProjection:
    """Return the largest entry of every copy; Lipschitz with constant 1.

    Returns
    -------
    InvariantProjection
        With ``k`` outputs.
    """
    action, shape = cyclic_codes(copies, order)
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


@cyclic_factory
def norm_pool(copies: int, order: int) -> InvariantProjection:
    """Return the Euclidean norm of every copy; Lipschitz with constant 1.

    Returns
    -------
    InvariantProjection
        With ``k`` outputs.
    """
    action, shape = cyclic_codes(copies, order)
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


@cyclic_factory
def power_spectrum(copies: int, order: int) -> InvariantProjection:
    r"""Return :math:`|\hat z(f)|^2` of every copy for the frequencies 0 to ``n // 2``.

    A shift turns the phases of the Fourier coefficients and leaves their moduli. The squares
    grow faster than any multiple of the distance, so that there is no Lipschitz constant; see
    :func:`amplitude_spectrum`. The transform is unitary.

    Returns
    -------
    InvariantProjection
        With ``k * (n // 2 + 1)`` outputs.
    """
    action, shape = cyclic_codes(copies, order)

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


@cyclic_factory
def amplitude_spectrum(copies: int, order: int) -> InvariantProjection:
    r"""Return the moduli of the Fourier coefficients of every copy, weighted to keep the norm.

    The square root of :func:`power_spectrum`. A frequency that stands for two (all but 0 and
    ``n / 2``) carries the weight :math:`\sqrt 2`, so that :math:`\lVert s(z) \rVert =
    \lVert z \rVert` by Parseval's theorem; with :math:`||a| - |b|| \le |a - b|` the Lipschitz
    constant is 1.

    Returns
    -------
    InvariantProjection
        With ``k * (n // 2 + 1)`` outputs.
    """
    action, shape = cyclic_codes(copies, order)

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
    positive(order, "group elements", smallest=2)
    kept = []
    for triple in itertools.combinations_with_replacement(range(order), 3):
        if sum(triple) % order == 0 and triple <= _negated(triple, order):
            kept.append(triple)
    return tuple(kept)


def _negated(triple: tuple[int, int, int], order: int) -> tuple[int, ...]:
    return tuple(sorted(-f % order for f in triple))


@cyclic_factory
def bispectrum(copies: int, order: int) -> InvariantProjection:
    r"""Return the products :math:`\hat z(f_1)\,\hat z(f_2)\,\hat z(f_3)` with sum of frequencies 0.

    A shift by ``r`` multiplies :math:`\hat z(f)` by :math:`e^{-2\pi i r f/n}`; the three phases
    cancel. For every triple of :func:`bispectrum_triples` the real part is returned, and the
    imaginary part where it need not vanish. The bispectrum determines a single copy whose
    Fourier coefficients are all different from zero; a code with zeros among them, or with more
    than one copy, it does not. The one exception is a single copy of C_3.

    Returns
    -------
    InvariantProjection
        With ``15 k`` outputs for ``n = 8``; cubic, so that there is no Lipschitz constant.
    """
    action, shape = cyclic_codes(copies, order)
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


@cyclic_factory
def sort_per_copy(copies: int, order: int) -> InvariantProjection:
    r"""Return every copy sorted, which forgets the order inside a copy altogether.

    The map is invariant under the larger group :math:`S_n^k`, and an isometric cross section for
    it; since a minimum over more elements is smaller, the Lipschitz constant for C_n is 1. Only
    a single copy of C_2, which is S_2, loses nothing.

    Returns
    -------
    InvariantProjection
        With ``k * n`` outputs.
    """
    action, shape = cyclic_codes(copies, order)
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


@cyclic_factory
def canonicalise(copies: int, order: int) -> InvariantProjection:
    """Return the copy of the code in which the largest entry of copy 0 comes first.

    Among several largest entries the rest of the code decides: the lexicographically largest
    shift is taken, so that the map is invariant without exception. Its value lies on the orbit,
    so that it is complete and its distances are never below quotient distances; it jumps where
    two entries of copy 0 exchange the lead, so that it is not continuous. The one exception is a
    single copy of C_2, for which this is sorting.

    Returns
    -------
    InvariantProjection
        With ``k * n`` outputs.
    """
    action, shape = cyclic_codes(copies, order)
    is_sorting = copies == 1 and order == 2

    def function(z: torch.Tensor) -> torch.Tensor:
        """Return the largest of all shifts in lexicographic order."""
        shifts = torch.stack([torch.roll(z, r, dims=-1).flatten(1) for r in range(order)], dim=1)
        leads = shifts.new_ones(shifts.shape[:2], dtype=torch.bool)
        for entry in shifts.unbind(dim=-1):
            best = entry.masked_fill(~leads, -torch.inf).amax(dim=1, keepdim=True)
            leads = leads & (entry == best)
            if holds((leads.sum(dim=1) == 1).all(), otherwise=False):
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
