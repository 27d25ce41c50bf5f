"""Where the atoms of a drawing lie: the clearer of RDKit's two layouts, turned like another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdCoordGen, rdDepictor

__all__ = ["clearance", "layout", "turned"]

_FEWEST = 2  # atoms in common by which one layout is turned to another
_BOND = 1.5  # length of a bond in the first of the two layouts; the second has its own unit


def layout(molecule: Chem.Mol) -> NDArray[np.float64]:
    """Return places of the atoms, shape (atoms, 2), about their mean.

    RDKit has two ways to lay out a graph. Cages suit now the one and now the other, so the one
    with more clearance is taken, and the first if they are even. The second throws pieces far
    apart, so a graph in pieces has the first.

    Examples
    --------
    >>> points = layout(Chem.MolFromSmiles("CO"))
    >>> points.shape, round(float(np.linalg.norm(points[0] - points[1])), 3)
    ((2, 2), 1.5)
    """
    ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    pieces = len(Chem.GetMolFrags(molecule))
    found = []
    for place in (rdDepictor.Compute2DCoords, rdCoordGen.AddCoords)[: 2 if pieces == 1 else 1]:
        copy = Chem.Mol(molecule)
        place(copy)
        points = copy.GetConformer().GetPositions()[:, :2]
        lengths = [np.linalg.norm(points[i] - points[j]) for i, j in ends]
        points = (points - points.mean(axis=0)) * (_BOND / (np.median(lengths) if ends else _BOND))
        found.append((round(clearance(points, ends), 2), points))
    return max(found, key=lambda one: one[0])[1]


def clearance(points: NDArray[np.float64], ends: Sequence[tuple[int, int]]) -> float:
    """Return how near an atom comes to a bond that is not its own; infinite without such a bond.

    Examples
    --------
    >>> clearance(np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.5]]), [(0, 1)])
    0.5
    """
    nearest = np.inf
    for i, j in ends:
        step = points[j] - points[i]
        along = np.clip((points - points[i]) @ step / max(float(step @ step), 1e-12), 0, 1)
        gaps = np.linalg.norm(points - points[i] - along[:, None] * step, axis=1)
        nearest = min(nearest, np.delete(gaps, [i, j]).min(initial=np.inf))
    return float(nearest)


def turned(
    points: NDArray[np.float64], slots: Sequence[int], before: Mapping[int, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Turn or reflect a layout, shape (atoms, 2), so that its slots lie as near as before.

    Examples
    --------
    >>> line = np.array([[0.0, 1.0], [0.0, -1.0]])
    >>> turned(line, [4, 7], {4: np.array([2.0, 0.0]), 7: np.array([1.0, 0.0])}).round(6).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    common = [i for i, slot in enumerate(slots) if slot in before]
    if len(common) < _FEWEST:
        return points
    own, target = points[common], np.array([before[slots[i]] for i in common])
    left, _, right = np.linalg.svd((own - own.mean(axis=0)).T @ (target - target.mean(axis=0)))
    return points @ (left @ right)
