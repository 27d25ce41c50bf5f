"""Random projections for C_n: products of random templates with the orbit of a code, pooled.

Codes have shape ``(B, k, n)``, ``k`` copies of the regular representation shifted together.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from utils.projections._docstrings import cyclic_factory
from utils.projections._shared import cyclic_codes, draw, positive
from utils.projections.base import InvariantProjection

__all__ = [
    "random_linear_mean",
    "random_max_filter",
    "random_reynolds",
]

_BLOCK_BYTES = 2**19
"""Random projections take codes in blocks whose products fit into the cache of one core."""

_BLOCK_ROWS = 64
"""The smallest block, below which a matrix product loses more than the cache saves."""


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


@cyclic_factory
def random_linear_mean(
    copies: int, order: int, outputs: int = 256, *, seed: int = 0
) -> InvariantProjection:
    r"""Return the mean over the group of random linear functions.

    .. math:: s_j(z) = \frac{1}{n} \sum_{r} \langle w_j, r\,z \rangle

    The mean of a linear function depends on the mean of each copy alone, however many functions
    are drawn: this map knows what :func:`~utils.projections.cyclic.mean_pool` knows. Its
    Lipschitz constant is the spectral norm of the averaged matrix.

    Returns
    -------
    InvariantProjection
        With ``m`` outputs; ``weights`` has shape ``(m, k, n)``.
    """
    action, shape = cyclic_codes(copies, order)
    weights = draw((positive(outputs, "outputs"), *shape), seed)
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


@cyclic_factory
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

    Returns
    -------
    InvariantProjection
        With ``m`` outputs; ``weights`` has shape ``(m, k, n)``.
    """
    action, shape = cyclic_codes(copies, order)
    weights = draw((positive(outputs, "outputs"), *shape), seed)
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


@cyclic_factory
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

    Returns
    -------
    InvariantProjection
        With ``m`` outputs; ``weights`` has shape ``(m, k, n)``.
    """
    action, shape = cyclic_codes(copies, order)
    weights = draw((positive(outputs, "outputs"), *shape), seed)
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
