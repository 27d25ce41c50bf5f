"""Characters: the irreducible real representations, and what they tell about the others."""

from __future__ import annotations

import math

import numpy as np

from utils.groups.finite import FiniteGroup
from utils.groups.representations import Representation, same_group, trivial_representation

__all__ = [
    "character",
    "character_inner_product",
    "decompose",
    "irreps",
    "isotypic_projection",
    "reynolds_operator",
]


def character(rho: Representation) -> np.ndarray:
    """Return the trace of every matrix, shape ``(order,)``; it is constant on conjugacy classes.

    Examples
    --------
    >>> from utils.groups import permutation_representation, symmetric
    >>> character(permutation_representation(symmetric(3)))  # e, three swaps, two 3-cycles
    array([3., 1., 1., 0., 0., 1.])
    """
    return np.trace(rho.matrices, axis1=1, axis2=2)


def character_inner_product(first: Representation, second: Representation) -> float:
    r"""Return :math:`\frac{1}{|G|}\sum_g \chi_1(g)\,\chi_2(g)` of two real characters.

    It is the dimension of the space of equivariant maps between the two.

    Examples
    --------
    >>> from utils.groups import permutation_representation, symmetric
    >>> rho = permutation_representation(symmetric(4))
    >>> character_inner_product(rho, rho)
    2.0
    """
    same_group((first, second), "inner product")
    return float(np.mean(character(first) * character(second)))


def reynolds_operator(rho: Representation) -> np.ndarray:
    r"""Return the mean of all matrices, the projection onto the vectors that do not move.

    .. math::
       P_G = \frac{1}{|G|} \sum_{g \in G} \rho(g), \qquad P_G^2 = P_G, \qquad \rho(h) P_G = P_G

    The trace of this ``(d, d)`` matrix is the dimension of the fixed space.

    Examples
    --------
    >>> from utils.groups import cyclic, regular_representation
    >>> reynolds_operator(regular_representation(cyclic(4))) @ [3.0, 1.0, 0.0, 0.0]
    array([1., 1., 1., 1.])
    """
    return rho.matrices.mean(axis=0)


def irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    r"""Return the irreducible real representations of C_n, D_n or S_n, orthogonal and complete.

    For C_n these are the trivial one, the sign (even ``n``), and for each frequency
    :math:`0 < f < n/2` the rotation of the plane by :math:`2\pi f r/n`. For D_n the reflection
    joins them, as a second sign on lines and as the mirror of the first axis on planes. For S_n
    they are Young's orthogonal form, one for each partition of ``n``. The trivial one is first.

    Examples
    --------
    >>> from utils.groups import cyclic
    >>> [(rho.name, rho.dimension) for rho in irreps(cyclic(4))]
    [('trivial', 1), ('rotation 1', 2), ('sign', 1)]
    """
    if group.family == "cyclic":
        return _cyclic_irreps(group)
    if group.family == "dihedral":
        return _dihedral_irreps(group)
    if group.family == "symmetric":
        return _symmetric_irreps(group)
    raise ValueError(f"Irreps are listed for C_n, D_n and S_n, but {group.name} is none of them.")


def _rotations(angles: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def _cyclic_irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    n = group.degree
    steps = np.arange(n)
    found = [trivial_representation(group)]
    for f in range(1, (n + 1) // 2):
        matrices = _rotations(2 * np.pi * (f * steps % n) / n)
        found.append(Representation(group, matrices, f"rotation {f}"))
    if n % 2 == 0:
        found.append(Representation(group, ((-1.0) ** steps)[:, None, None], "sign"))
    return tuple(found)


def _dihedral_irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    n = group.degree
    turn = np.tile(np.arange(n), 2)
    flip = np.repeat([0, 1], n)
    lines: dict[str, np.ndarray] = {"trivial": np.ones(2 * n)}
    lines["reflection sign"] = (-1.0) ** flip
    if n % 2 == 0:
        lines["rotation sign"] = (-1.0) ** turn
        lines["both signs"] = (-1.0) ** (turn + flip)
    found = [Representation(group, v[:, None, None], name) for name, v in lines.items()]
    mirror = np.stack([np.eye(2), np.diag([1.0, -1.0])])
    for f in range(1, (n + 1) // 2):
        matrices = _rotations(2 * np.pi * (f * turn % n) / n) @ mirror[flip]
        found.append(Representation(group, matrices, f"plane {f}"))
    return tuple(found)


def _partitions(n: int, largest: int | None = None) -> list[tuple[int, ...]]:
    if n == 0:
        return [()]
    largest = n if largest is None else min(n, largest)
    return [(k, *rest) for k in range(largest, 0, -1) for rest in _partitions(n - k, k)]


def _standard_tableaux(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """List the standard tableaux; entry ``i`` of a tableau is the row that holds number ``i``."""
    if sum(shape) == 0:
        return [()]
    found: list = []
    for row, length in enumerate(shape):
        below = shape[row + 1] if row + 1 < len(shape) else 0
        if length > below:
            smaller = (*shape[:row], length - 1, *shape[row + 1 :])
            found.extend((*rest, row) for rest in _standard_tableaux(smaller))
    return found


def _young_transposition(tableaux: list[tuple[int, ...]], i: int) -> np.ndarray:
    """Return the matrix of the transposition of ``i`` and ``i + 1`` in Young's orthogonal form."""
    index = {tableau: t for t, tableau in enumerate(tableaux)}
    matrix = np.zeros((len(tableaux), len(tableaux)))
    for t, rows in enumerate(tableaux):
        content = [rows[:j].count(rows[j]) - rows[j] for j in (i, i + 1)]
        distance = 1.0 / (content[1] - content[0])
        matrix[t, t] = distance
        swapped = (*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :])
        if swapped != rows and swapped in index:
            matrix[index[swapped], t] = math.sqrt(1.0 - distance**2)
    return matrix


def _symmetric_irreps(group: FiniteGroup) -> tuple[Representation, ...]:
    n = group.degree
    assert group.natural_images is not None
    images = list(map(tuple, group.natural_images.tolist()))
    index = {image: g for g, image in enumerate(images)}
    found: list = []
    for shape in _partitions(n):
        tableaux = _standard_tableaux(shape)
        adjacent = [_young_transposition(tableaux, i) for i in range(n - 1)]
        matrices = np.zeros((group.order, len(tableaux), len(tableaux)))
        matrices[group.identity] = np.eye(len(tableaux))
        for g, image in enumerate(images):
            # A descent of the image of g comes off on the right: g = (g s) s, and g s is earlier
            # in the lexicographic order.
            i = next((i for i in range(n - 1) if image[i] > image[i + 1]), None)
            if i is not None:
                earlier = (*image[:i], image[i + 1], image[i], *image[i + 2 :])
                matrices[g] = matrices[index[earlier]] @ adjacent[i]
        name = "trivial" if shape == (n,) else f"partition {shape}"
        found.append(Representation(group, matrices, name))
    return tuple(found)


def decompose(rho: Representation) -> dict[str, int]:
    r"""Count how often each irreducible real representation occurs, by its name.

    The multiplicity of :math:`\rho_i` is
    :math:`\langle \chi, \chi_i \rangle / \langle \chi_i, \chi_i \rangle`. The denominator is 1
    except for the planes of C_n, whose rotations commute with more than the multiples of the
    identity; there it is 2. The group is C_n, D_n or S_n.

    Examples
    --------
    >>> from utils.groups import dihedral, permutation_representation
    >>> decompose(permutation_representation(dihedral(3)))
    {'trivial': 1, 'reflection sign': 0, 'plane 1': 1}
    """
    product = character_inner_product
    return {i.name: round(product(rho, i) / product(i, i)) for i in irreps(rho.group)}


def isotypic_projection(rho: Representation, irrep: Representation) -> np.ndarray:
    r"""Return the projection onto all copies of one irreducible representation.

    .. math::
       P_i = \frac{d_i}{\langle\chi_i, \chi_i\rangle\,|G|} \sum_{g} \chi_i(g^{-1})\, \rho(g)

    Over all irreducible real representations these ``(d, d)`` matrices add up to the identity.

    Examples
    --------
    >>> from utils.groups import cyclic, regular_representation
    >>> sign = irreps(cyclic(4))[-1]
    >>> isotypic_projection(regular_representation(cyclic(4)), sign) @ [4.0, 0.0, 0.0, 0.0]
    array([ 1., -1.,  1., -1.])
    """
    group = same_group((rho, irrep), "projection")
    weights = character(irrep)[group.inverses]
    norm = character_inner_product(irrep, irrep)
    return irrep.dimension / norm * np.einsum("g,gij->ij", weights, rho.matrices) / group.order
