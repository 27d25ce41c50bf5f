"""Random projections: products of random templates with the orbit of a code, pooled.

For C_n codes have shape ``(B, k, n)``, ``k`` copies of the regular representation shifted
together. :func:`group_max_filter` takes any finite group whose elements can be listed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from utils._checks import check_whole
from utils.groups import Action
from utils.projections._declared import DrawnCodes, cyclic_codes, declared, draw

__all__ = ["group_max_filter", "random_linear_mean", "random_max_filter", "random_reynolds"]

_BLOCK_BYTES = 2**19
"""Random projections take codes in blocks whose products fit into the cache of one core."""

_BLOCK_ROWS = 64
"""The smallest block, below which a matrix product loses more than the cache saves."""


def _templates(copies: int, order: int, outputs: int = 256, *, seed: int = 0) -> DrawnCodes:
    """Codes for C_n and a template of the shape of a code for each output."""
    codes = cyclic_codes(copies, order)
    outputs = check_whole(outputs, "The number of outputs")
    return DrawnCodes(codes.action, codes.shape, draw((outputs, *codes.shape), seed))


def _group_templates(
    action: Action, shape: Sequence[int], outputs: int = 256, *, seed: int = 0
) -> DrawnCodes:
    """Codes on which any finite group acts linearly and by isometries, and their templates."""
    if not isinstance(action, Action):
        raise TypeError(f"action is an Action, such as a Representation, not {action!r}.")
    if not isinstance(shape, Sequence) or isinstance(shape, str) or not shape:
        raise ValueError(f"shape is that of one code, such as (3, 8), but it is {shape!r}.")
    sides = tuple(check_whole(side, "A side of a code") for side in shape)
    outputs = check_whole(outputs, "The number of outputs")
    weights = draw((outputs, *sides), seed)
    action.check(weights)
    if not action.is_isometric:
        raise ValueError(
            f"{action.name} changes lengths, and then <w, g z> is no <h w, z>: a max filter needs "
            f"an action by isometries."
        )
    return DrawnCodes(action, sides, weights)


def _spectral_norms(codes: DrawnCodes) -> Tensor:
    r"""Return for each frequency the spectral norm of the templates' Fourier coefficients.

    With :math:`c_j(r) = \langle w_j, r\,v \rangle`, Parseval's theorem bounds
    :math:`\sum_{j,r} c_j(r)^2` by the square of the largest of them times
    :math:`\lVert v \rVert^2`.
    """
    spectrum = torch.fft.rfft(codes.weights).permute(2, 0, 1)
    return torch.linalg.matrix_norm(spectrum, ord=2)


def _shifted(codes: DrawnCodes) -> Tensor:
    """Return every template shifted back by every ``r``, shape ``(n, m, k * n)``."""
    shifts = range(codes.shape[1])
    return torch.stack([torch.roll(codes.weights, -r, dims=-1).flatten(1) for r in shifts])


def _pool_products(z: Tensor, shifted: Tensor, pool: Callable[[Tensor], Tensor]) -> Tensor:
    """Pool ``<w_j, r z>`` over the shifts ``r``: one matrix product for a block of codes.

    ``pool`` takes a tensor of shape ``(block, n, m)`` to ``(block, m)``.
    """
    matrix = shifted.flatten(0, 1).to(z).T
    rows = max(_BLOCK_ROWS, _BLOCK_BYTES // (z.element_size() * matrix.shape[1]))
    products = (
        (block.flatten(1) @ matrix).unflatten(1, shifted.shape[:2]) for block in z.split(rows)
    )
    return torch.cat([pool(block) for block in products])


@declared(
    "random linear + mean",
    _templates,
    made_once=lambda codes: codes.weights.mean(dim=-1),
    complete=False,
    bounds=lambda codes: (0.0, float(_spectral_norms(codes)[0]) / math.sqrt(codes.shape[1])),
)
def random_linear_mean(z: Tensor, averaged: Tensor) -> Tensor:
    r"""Return for ``m`` random linear functions the mean over the group.

    .. math:: s_j(z) = \frac{1}{n} \sum_{r} \langle w_j, r\,z \rangle

    The mean of a linear function depends on the mean of each copy alone, however many functions
    are drawn: this map knows what :func:`~utils.projections.cyclic.mean_pool` knows. Its
    Lipschitz constant is the spectral norm of the averaged matrix. The ``weights`` have the shape
    ``(m, k, n)``.

    Examples
    --------
    >>> s, z = random_linear_mean(copies=2, order=4), torch.arange(8.0).reshape(1, 2, 4)
    >>> torch.allclose(s(z), s(z.mean(dim=-1, keepdim=True).expand(1, 2, 4)))
    True
    """
    return z.sum(dim=-1) @ averaged.to(z).T


def _relu_mean_bounds(codes: DrawnCodes) -> tuple[float, float]:
    norms = _spectral_norms(codes)
    return 0.0, float(norms[0] + norms.max()) / (2 * math.sqrt(codes.shape[1]))


@declared(
    "random relu-mean",
    _templates,
    made_once=_shifted,
    complete=lambda codes: (
        False if codes.shape[1] >= 3 or len(codes.weights) < codes.dimension else None
    ),
    bounds=_relu_mean_bounds,
)
def random_reynolds(z: Tensor, shifted: Tensor) -> Tensor:
    r"""Return for ``m`` rectified random linear functions the mean over the group.

    .. math:: s_j(z) = \frac{1}{n} \sum_{r} \max(0, \langle w_j, r\,z \rangle)

    Since :math:`\max(0, t) = (t + |t|)/2`, the Lipschitz constant is at most half that of the
    averaged linear functions plus half that of the averaged moduli, and the second is bounded by
    the root of the mean of the squares. From :math:`n = 3` on the map is not complete, however
    many outputs it has: if every row of :math:`z` has mean zero, only the moduli are left, and
    :math:`s(-z) = s(z)`, while :math:`-z` is a shift of :math:`z` only by accident. With fewer
    outputs than the code has dimensions it is linear near almost every code, and has directions
    in which it does not change. The ``weights`` have the shape ``(m, k, n)``.

    Examples
    --------
    >>> s, z = random_reynolds(copies=1, order=3), torch.tensor([[[1.0, 2.0, -3.0]]])
    >>> torch.allclose(s(z), s(-z), atol=1e-6)
    True
    """
    return _pool_products(z, shifted, lambda products: products.relu().mean(dim=1))


def _enough_filters(codes: DrawnCodes) -> bool | None:
    outputs, (copies, _) = len(codes.weights), codes.shape
    if outputs >= 2 * codes.dimension - copies:
        return True
    return False if outputs < codes.dimension else None


def _max_filter_bounds(codes: DrawnCodes) -> tuple[float, float]:
    frobenius = float(torch.linalg.vector_norm(codes.weights))
    return 0.0, min(frobenius, float(_spectral_norms(codes).max()))


@declared(
    "random max filter",
    _templates,
    made_once=_shifted,
    complete=_enough_filters,
    bounds=_max_filter_bounds,
    source="Cahill, Iverson, Mixon and Packer (2022), Group-invariant max filtering",
)
def random_max_filter(z: Tensor, shifted: Tensor) -> Tensor:
    r"""Return for ``m`` random templates the largest scalar product with the orbit of the code.

    .. math:: s_j(z) = \max_{r} \langle w_j, r\,z \rangle

    With probability one, :math:`2 k n - k` Gaussian templates separate all orbits: for any finite
    group on :math:`\mathbb{R}^d` that fixes a space of dimension :math:`d_0`, :math:`2d - d_0` are
    enough (the theorem on generic max filters in chapter 6; Cahill, Iverson, Mixon and Packer 2022
    have :math:`2d`). Fewer than :math:`k n` cannot, since the map is linear near almost every
    code. In between nothing is declared. The difference of two maxima is at
    most the largest difference, which the Frobenius norm of the templates bounds, and so does
    the root of the sum of squares over the group. The ``weights`` have the shape ``(m, k, n)``.

    Examples
    --------
    >>> [random_max_filter(copies=1, order=3, outputs=m).complete for m in (2, 4, 5)]
    [False, None, True]
    """
    return _pool_products(z, shifted, lambda products: products.amax(dim=1))


def _moved_templates(codes: DrawnCodes) -> Tensor:
    """Return every template moved by every element, shape ``(order, m, d)``.

    Over all elements ``<w, g z>`` takes the values of ``<g w, z>``, since the inverse of an
    orthogonal matrix is its transpose.
    """
    act, elements = codes.action.act, list(codes.action.elements())
    if any(act(g, torch.zeros_like(codes.weights)).any() for g in elements):
        raise ValueError(
            f"{codes.action.name} moves the code that is zero, and so does not act linearly; "
            f"subtract the point that it leaves in its place first."
        )
    return torch.stack([act(g, codes.weights).flatten(1) for g in elements])


def _enough_group_filters(codes: DrawnCodes) -> bool | None:
    outputs, dimension = len(codes.weights), codes.dimension
    if outputs >= 2 * dimension:
        return True
    return False if outputs < dimension else None


@declared(
    "group max filter",
    _group_templates,
    made_once=_moved_templates,
    complete=_enough_group_filters,
    bounds=lambda codes: (0.0, float(torch.linalg.vector_norm(codes.weights))),
    source="Cahill, Iverson, Mixon and Packer (2022), Group-invariant max filtering",
)
def group_max_filter(z: Tensor, moved: Tensor) -> Tensor:
    r"""Return the largest scalar product of random templates with the orbit, for any finite group.

    .. math:: s_j(z) = \max_{g \in G} \langle w_j, g\,z \rangle

    :func:`random_max_filter` is this for shifts of several copies. Here the group may act as
    it likes, as long as it acts linearly and keeps lengths: by the matrices that a steerable
    network states for its code, by a matrix that was fitted, by permutations of a few points.
    Every element is tried, so that the group should be small. With probability one :math:`2d`
    templates separate all orbits in :math:`\mathbb{R}^d`, fewer than :math:`d` do not (Cahill,
    Iverson, Mixon and Packer 2022); in between nothing is declared. The Lipschitz constant is
    the Frobenius norm of the templates, of shape ``(m, *shape)``.

    Examples
    --------
    >>> from utils.groups import cyclic, irreps
    >>> arrows = irreps(cyclic(4))[1]  # a quarter turn turns them
    >>> s = group_max_filter(arrows, (3, 2), outputs=12)  # three arrows, turned together
    >>> z = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]])
    >>> torch.allclose(s(z), s(arrows.act(1, z)), atol=1e-6), s.complete
    (True, True)
    """
    return _pool_products(z, moved, lambda products: products.amax(dim=1))
