r"""Rotations of space: at random, those of a cube, and what generates them.

A rotation :math:`R` moves vectors that lie along the last axis of a tensor, ``vectors @ R.mT``.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from utils._checks import check_whole

__all__ = ["cube_rotations", "random_rotations", "rotation_generators"]


def random_rotations(
    number: int, *, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Draw rotations of space, each as likely as any other (Haar's measure on SO(3)).

    A unit quaternion at random is four independent normal numbers, divided by their length; it
    stands for a rotation (Shoemake, "Uniform Random Rotations", in Graphics Gems III, 1992).

    Parameters
    ----------
    number : int
        How many.
    generator : torch.Generator, optional
        Where chance comes from; the global random state if none is given.
    dtype : torch.dtype
        Of the matrices, ``float32`` or ``float64``.

    Returns
    -------
    torch.Tensor
        Shape ``(number, 3, 3)``.

    Examples
    --------
    >>> turned = random_rotations(2, generator=torch.Generator().manual_seed(0))
    >>> torch.allclose(turned @ turned.mT, torch.eye(3, dtype=torch.float64))
    True
    """
    number = check_whole(number, "The number of rotations", 0)
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"The dtype of rotations is float32 or float64, not {dtype}.")
    drawn = torch.randn(number, 4, generator=generator, dtype=dtype)
    w, x, y, z = torch.nn.functional.normalize(drawn, dim=1).unbind(1)
    entries = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return torch.stack(entries, dim=1).reshape(number, 3, 3)


def cube_rotations() -> Tensor:
    """Return the 24 rotations that map a cube to itself, the identity first.

    They are the signed permutation matrices of determinant 1.

    Returns
    -------
    torch.Tensor
        Shape ``(24, 3, 3)``, ``float64``.

    Examples
    --------
    >>> cube_rotations().shape, cube_rotations()[0].diagonal().tolist()
    (torch.Size([24, 3, 3]), [1.0, 1.0, 1.0])
    """
    signed = [
        torch.diag(torch.tensor(signs, dtype=torch.float64))[list(order)]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
    return torch.stack([matrix for matrix in signed if torch.linalg.det(matrix) > 0])


def rotation_generators() -> Tensor:
    r"""Return the three matrices that generate the rotations about the axes x, y and z.

    The rotation about an axis by the angle :math:`t` is :math:`\exp(tA)`. They are a basis of the
    Lie algebra so(3), with :math:`[A_x, A_y] = A_z` and so on in turn.

    Returns
    -------
    torch.Tensor
        Shape ``(3, 3, 3)``, ``float64``: the matrices of x, y and z.

    Examples
    --------
    >>> rotation_generators()[2].tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    generators = torch.zeros(3, 3, 3, dtype=torch.float64)
    for axis, (first, second) in enumerate(((1, 2), (2, 0), (0, 1))):
        generators[axis, first, second], generators[axis, second, first] = -1.0, 1.0
    return generators
