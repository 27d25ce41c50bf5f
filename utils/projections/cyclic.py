"""Projections for C_n that are written down by hand, and the list of all projections for C_n.

Codes have shape ``(B, k, n)``, ``k`` copies of the regular representation shifted together. The
list also holds the projections of :mod:`utils.projections.random`.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.projections._declared import Codes, cyclic_codes, declared
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


@declared("raw", cyclic_codes, invariant=False, complete=True, bounds=(1.0, math.inf))
def identity(z: Tensor) -> Tensor:
    """Return the raw code, flattened to ``k * n`` outputs: complete, not invariant, the baseline.

    Distances of values are never below quotient distances.

    Examples
    --------
    >>> identity(copies=2, order=2)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[1., 2., 3., 4.]])
    """
    return z.flatten(1)


@declared("mean", cyclic_codes, complete=False, bounds=lambda codes: (0.0, codes.shape[1] ** -0.5))
def mean_pool(z: Tensor) -> Tensor:
    r"""Return the mean of every copy over the group, ``k`` outputs.

    It is linear and invariant, so that :math:`s(x) - s(y) = s(x - g y)` for every :math:`g`, and
    the mean of ``n`` numbers has the norm :math:`n^{-1/2}`: this is its Lipschitz constant. It
    keeps ``k`` of ``k n`` dimensions.

    Examples
    --------
    >>> mean_pool(copies=1, order=4)(torch.tensor([[[1.0, 2.0, 3.0, 6.0]]]))
    tensor([[3.]])
    """
    return z.mean(dim=-1)


@declared("max", cyclic_codes, complete=False, bounds=(0.0, 1.0))
def max_pool(z: Tensor) -> Tensor:
    """Return the largest entry of every copy, ``k`` outputs; Lipschitz with constant 1.

    Examples
    --------
    >>> max_pool(copies=1, order=4)(torch.tensor([[[1.0, 2.0, 3.0, 6.0]]]))
    tensor([[6.]])
    """
    return z.amax(dim=-1)


@declared("norm", cyclic_codes, complete=False, bounds=(0.0, 1.0))
def norm_pool(z: Tensor) -> Tensor:
    """Return the Euclidean norm of every copy, ``k`` outputs; Lipschitz with constant 1.

    Examples
    --------
    >>> norm_pool(copies=1, order=3)(torch.tensor([[[1.0, 2.0, 2.0]]]))
    tensor([[3.]])
    """
    return torch.linalg.vector_norm(z, dim=-1)


@declared("power spectrum", cyclic_codes, complete=False, bounds=(0.0, math.inf))
def power_spectrum(z: Tensor) -> Tensor:
    r"""Return :math:`|\hat z(f)|^2` of every copy for the ``n // 2 + 1`` frequencies from 0.

    A shift turns the phases of the Fourier coefficients and leaves their moduli. The squares
    grow faster than any multiple of the distance, so that there is no Lipschitz constant; see
    :func:`amplitude_spectrum`. The transform is unitary.

    Examples
    --------
    >>> power_spectrum(copies=1, order=4)(torch.tensor([[[2.0, 0.0, 0.0, 0.0]]]))
    tensor([[1., 1., 1.]])
    """
    spectrum = torch.fft.rfft(z, norm="ortho")
    return (spectrum.real.square() + spectrum.imag.square()).flatten(1)


@declared("amplitude spectrum", cyclic_codes, complete=False, bounds=(0.0, 1.0))
def amplitude_spectrum(z: Tensor) -> Tensor:
    r"""Return the moduli of the Fourier coefficients of every copy, weighted to keep the norm.

    The square root of :func:`power_spectrum`. A frequency that stands for two (all but 0 and
    ``n / 2``) carries the weight :math:`\sqrt 2`, so that :math:`\lVert s(z) \rVert =
    \lVert z \rVert` by Parseval's theorem; with :math:`||a| - |b|| \le |a - b|` the Lipschitz
    constant is 1.

    Examples
    --------
    >>> amplitude_spectrum(copies=1, order=4)(torch.tensor([[[2.0, 0.0, 0.0, 0.0]]]))
    tensor([[1.0000, 1.4142, 1.0000]])
    """
    moduli = torch.fft.rfft(z, norm="ortho").abs()
    multiplicity = moduli.new_full(moduli.shape[-1:], 2.0)
    multiplicity[0] = 1.0
    if z.shape[-1] % 2 == 0:
        multiplicity[-1] = 1.0
    return (moduli * multiplicity.sqrt()).flatten(1)


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

    Examples
    --------
    >>> bispectrum_triples(4)
    ((0, 0, 0), (0, 1, 3), (0, 2, 2), (1, 1, 2))
    """
    order = check_whole(order, "The number of group elements", smallest=2)
    return tuple(
        triple
        for triple in itertools.combinations_with_replacement(range(order), 3)
        if sum(triple) % order == 0 and triple <= _negated(triple, order)
    )


def _negated(triple: tuple[int, int, int], order: int) -> tuple[int, ...]:
    return tuple(sorted(-f % order for f in triple))


def _factors(codes: Codes) -> tuple[list[list[int]], list[int]]:
    """Return the three columns of the triples, and which products have an imaginary part."""
    triples = bispectrum_triples(codes.action.order)
    phased = [i for i, triple in enumerate(triples) if triple != _negated(triple, codes.shape[1])]
    return [list(column) for column in zip(*triples, strict=True)], phased


@declared(
    "bispectrum",
    cyclic_codes,
    made_once=_factors,
    complete=lambda codes: codes.shape == (1, 3),
    bounds=(0.0, math.inf),
    source="Kakarala (2012); Sadler and Giannakis (1992)",
)
def bispectrum(z: Tensor, factors: tuple[list[list[int]], list[int]]) -> Tensor:
    r"""Return the products :math:`\hat z(f_1)\,\hat z(f_2)\,\hat z(f_3)` with sum of frequencies 0.

    A shift by ``r`` multiplies :math:`\hat z(f)` by :math:`e^{-2\pi i r f/n}`; the three phases
    cancel. For every triple of :func:`bispectrum_triples` the real part is returned, and the
    imaginary part where it need not vanish: ``15 k`` outputs for ``n = 8``. They are cubic, so that
    there is no Lipschitz constant. The bispectrum determines a single copy whose Fourier
    coefficients are all different from zero; a code with zeros among them, or with more than one
    copy, it does not. The one exception is a single copy of C_3.

    Examples
    --------
    >>> bispectrum(copies=1, order=4)(torch.tensor([[[2.0, 0.0, 0.0, 0.0]]]))
    tensor([[1., 1., 1., 1., 0.]])
    """
    (first, second, third), phased = factors
    spectrum = torch.fft.fft(z, norm="ortho")
    product = spectrum[..., first] * spectrum[..., second] * spectrum[..., third]
    return torch.cat([product.real, product.imag[..., phased]], dim=-1).flatten(1)


def _one_pair(codes: Codes) -> bool:
    """Tell whether C_2, which is S_2, swaps the two entries of a single copy."""
    return codes.shape == (1, 2)


@declared(
    "sort per copy",
    cyclic_codes,
    complete=_one_pair,
    isometric=_one_pair,
    bounds=lambda codes: (float(_one_pair(codes)), 1.0),
)
def sort_per_copy(z: Tensor) -> Tensor:
    r"""Return every copy sorted, ``k * n`` outputs, which forgets the order inside a copy.

    The map is invariant under the larger group :math:`S_n^k`, and an isometric cross section for
    it; since a minimum over more elements is smaller, the Lipschitz constant for C_n is 1. Only
    a single copy of C_2, which is S_2, loses nothing.

    Examples
    --------
    >>> sort_per_copy(copies=2, order=3)(torch.tensor([[[1.0, 3.0, 2.0], [5.0, 4.0, 6.0]]]))
    tensor([[1., 2., 3., 4., 5., 6.]])
    """
    return z.sort().values.flatten(1)


@declared(
    "canonicalise",
    cyclic_codes,
    continuous=_one_pair,
    complete=True,
    isometric=_one_pair,
    bounds=lambda codes: (1.0, 1.0 if _one_pair(codes) else math.inf),
)
def canonicalise(z: Tensor) -> Tensor:
    """Return the shift of the code in which the largest entry of copy 0 comes first.

    Among several largest entries the rest of the code decides: the lexicographically largest
    shift is taken, so that the map is invariant without exception. Its value lies on the orbit,
    ``k * n`` outputs, so that it is complete and its distances are never below quotient distances;
    it jumps where two entries of copy 0 exchange the lead, so that it is not continuous. The one
    exception is a single copy of C_2, for which this is sorting.

    Examples
    --------
    >>> canonicalise(copies=2, order=3)(torch.tensor([[[1.0, 3.0, 3.0], [5.0, 4.0, 6.0]]]))
    tensor([[3., 3., 1., 4., 6., 5.]])
    """
    shifts = torch.stack([torch.roll(z, r, dims=-1).flatten(1) for r in range(z.shape[-1])], dim=1)
    leads = shifts.new_ones(shifts.shape[:2], dtype=torch.bool)
    for entry in shifts.unbind(dim=-1):
        best = entry.masked_fill(~leads, -torch.inf).amax(dim=1, keepdim=True)
        leads = leads & (entry == best)
        if _decided(leads):
            break
    winner = leads.to(torch.uint8).argmax(dim=1)
    index = winner[:, None, None].expand(-1, 1, shifts.shape[-1])
    return torch.gather(shifts, 1, index).squeeze(1)


def _decided(leads: Tensor) -> bool:
    """Tell whether one shift leads for every code; vmap hides that, and all entries are read."""
    try:
        return bool((leads.sum(dim=1) == 1).all())
    except RuntimeError:
        return False


def cyclic_projections(
    copies: int, order: int, *, outputs: int = 256, seed: int = 0
) -> dict[str, InvariantProjection]:
    """Return every projection for C_n, by its name, the raw code first.

    Parameters
    ----------
    copies, order : int
        The number ``k`` of copies of the regular representation, and the ``n`` of C_n.
    outputs, seed : int
        The number of outputs of the random projections, and their seed.

    Returns
    -------
    dict
        Names such as ``"raw"``, ``"mean"``, ``"random max filter"``, each with its projection.

    Examples
    --------
    >>> found = cyclic_projections(copies=2, order=8, outputs=64)
    >>> [name for name, projection in found.items() if projection.complete]
    ['raw', 'canonicalise', 'random max filter']
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
