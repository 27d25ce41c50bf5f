"""Fingerprints of molecules, and how alike two of them are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor

from utils._checks import check_whole
from utils.molecules.conversion import plain_copy

__all__ = ["morgan_fingerprints", "tanimoto"]


def morgan_fingerprints(
    molecules: Sequence[Chem.Mol], *, radius: int = 2, bits: int = 2048
) -> Tensor:
    """Return the Morgan fingerprints of molecules: booleans of shape (N, bits).

    Every atom names the surroundings it has within `radius` bonds, and each name sets one of
    `bits` bits (Rogers and Hahn, "Extended-Connectivity Fingerprints", 2010). A fingerprint
    does not depend on the order of the atoms, nor on the Kekulé form in which aromatic rings are
    given or on anything else that :func:`~utils.molecules.canonical_smiles` drops, and owes
    nothing to any network.

    Parameters
    ----------
    molecules : sequence of rdkit.Chem.Mol
        N molecules that respect their valences.
    radius : int
        Largest distance, in bonds, at which an atom sees another.
    bits : int
        Length of a fingerprint.

    Examples
    --------
    >>> toluene, again = Chem.MolFromSmiles("Cc1ccccc1"), Chem.MolFromSmiles("C1=CC=CC=C1C")
    >>> prints = morgan_fingerprints([toluene, again], bits=64)
    >>> prints.shape, torch.equal(prints[0], prints[1])
    (torch.Size([2, 64]), True)
    """
    if len(molecules) == 0:
        raise ValueError("There are no molecules to take fingerprints of; give at least one.")
    generator = rdFingerprintGenerator.GetMorganGenerator(
        radius=check_whole(radius, "The radius", 0), fpSize=check_whole(bits, "The number of bits")
    )
    rows = [generator.GetFingerprintAsNumPy(plain_copy(m, "fingerprint")) for m in molecules]
    return torch.stack([torch.from_numpy(row) for row in rows]).bool()


def tanimoto(first: Tensor, second: Tensor) -> Tensor:
    """Return the Tanimoto similarity of all pairs of fingerprints.

    It is the number of bits that both have, over the number of bits that at least one has
    (the Jaccard index): 1 for equal fingerprints, two empty ones among them, and 0 for fingerprints
    without a common bit. Booleans of shapes (A, bits) and (B, bits) give float32 of shape (A, B).

    Examples
    --------
    >>> tanimoto(torch.tensor([[True, True, False]]), torch.tensor([[True, False, False]]))
    tensor([[0.5000]])
    """
    for name, tensor in (("first", first), ("second", second)):
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool:
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise TypeError(
                f"{name} must be a torch tensor of booleans, as morgan_fingerprints makes it, "
                f"not {kind}."
            )
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            f"fingerprints of shapes (A, bits) and (B, bits) are expected, not "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    a, b = first.float(), second.float()
    common = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1) - common
    return torch.where(either > 0, common / either.clamp(min=1), 1.0)
