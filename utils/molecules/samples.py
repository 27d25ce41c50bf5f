"""Measures of generated molecules: how many are valid, whole, unique, novel; what they are like.

The shares are nested, each of what the one before left:

========== ============================================  ===========================
share      of which                                      are
========== ============================================  ===========================
valid      all draws                                     within their valences
connected  valid draws                                   in one piece, "whole"
unique     whole draws                                   counted once for each name
novel      different whole molecules                     not among the training ones
========== ============================================  ===========================

Names are :func:`~utils.molecules.canonical_smiles`. Published tables differ in what they divide by.
Uniqueness is the number of different molecules over the number of valid draws everywhere (De Cao
and Kipf, "MolGAN", 2018; Brown et al., "GuacaMol", 2019; Polykovskiy et al., "MOSES", 2020), and
so depends on how many are drawn. Novelty is counted over different molecules by GuacaMol, MOSES and
DiGress (Vignac et al., 2023), and over draws, repeated ones included, by MolGAN: that is
``novel_draws`` here. A molecule in several pieces counts as one in MolGAN and GuacaMol
(``pieces=True``), and DiGress counts its largest piece. The plain product V·U·N, with whole draws
for V, is the number of different new molecules over the number of draws.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from rdkit import Chem
from rdkit.Chem import QED, rdMolDescriptors
from torch import Tensor

from utils.graphs import check_dense
from utils.molecules.conversion import (
    canonical_smiles,
    check_molecule,
    plain_copy,
    smiles_of_graphs,
)
from utils.molecules.validity import is_valid

__all__ = [
    "SampleShares",
    "Share",
    "property_distance",
    "property_values",
    "sample_names",
    "sample_shares",
]

_CHECKED = 200


@dataclass(frozen=True)
class Share:
    """A share of a sample with its standard error, both NaN where there is nothing to share.

    Attributes
    ----------
    value, error : float
        The share, and its standard error over draws. An error of 0 beside a share of 0 or 1 only
        says that all draws agree; with n of them the truth lies within about 3 / n.
    number, of : int
        What is counted, and out of how many.

    Examples
    --------
    >>> print(Share(0.447, 0.00497, 4470, 10_000))
    0.447 ± 0.005
    """

    value: float
    error: float
    number: int
    of: int

    def __str__(self) -> str:
        """Return the share and its standard error to three digits."""
        return f"{self.value:.3f} ± {self.error:.3f}"


@dataclass(frozen=True)
class SampleShares:
    """The shares of a sample of molecules, as :func:`sample_shares` finds them.

    Attributes
    ----------
    valid, connected, unique, novel : Share
        Nested, each of what the one before left; see :mod:`utils.molecules.samples`.
    novel_draws : Share
        Of the whole draws, repeated ones included, those that are not training molecules.
    product : Share
        V·U·N: different new molecules over all draws.
    """

    valid: Share
    connected: Share
    unique: Share
    novel: Share
    novel_draws: Share
    product: Share


def sample_names(samples: tuple[Tensor, Tensor] | Sequence[Chem.Mol | None]) -> list[str | None]:
    """Return the canonical SMILES of each sample, None where it is not valid.

    Parameters
    ----------
    samples : tuple of torch.Tensor, or sequence of rdkit.Chem.Mol
        Dense graphs, shapes (N, n) and (N, n, n), which are valid by
        :func:`~utils.molecules.is_valid`; or N molecules, valid if RDKit sanitises them, where
        None stands for one that could not be made. An empty one is not valid.

    Examples
    --------
    >>> sample_names([Chem.MolFromSmiles("OCC"), None, Chem.MolFromSmiles("C.O")])
    ['CCO', None, 'C.O']
    """
    if isinstance(samples, tuple) and samples and isinstance(samples[0], Tensor):
        atoms, bonds = samples
        check_dense(atoms, bonds)
        if atoms.ndim != 2:
            raise ValueError(f"A batch of shape (N, n) is expected, not {tuple(atoms.shape)}.")
        names: list[str | None] = [None] * len(atoms)
        (valid,) = is_valid(atoms, bonds).nonzero(as_tuple=True)
        made = smiles_of_graphs(atoms[valid], bonds[valid])
        for place, name in zip(valid.tolist(), made, strict=True):
            names[place] = name
        return names
    return [None if molecule is None else _name(molecule) for molecule in samples]


def _name(molecule: object) -> str | None:
    """Return the name of a molecule, or None if it is invalid or empty."""
    try:
        return canonical_smiles(check_molecule(molecule)) or None
    except ValueError:
        return None


def sample_shares(
    samples: tuple[Tensor, Tensor] | Sequence[Chem.Mol | None],
    training: Collection[str],
    *,
    pieces: bool = False,
) -> SampleShares:
    """Return which shares of a sample are valid, connected, unique and novel.

    Parameters
    ----------
    samples : tuple of torch.Tensor, or sequence of rdkit.Chem.Mol
        As for :func:`sample_names`, at least one.
    training : collection of str
        The names of the training molecules, as :func:`~utils.molecules.canonical_smiles` and
        ``DenseGraphs.smiles`` give them; some are looked at, and other forms refused.
    pieces : bool
        Whether a valid molecule in several pieces is whole, as in some published tables.

    Notes
    -----
    The standard errors are those of the jackknife, which leaves out one draw at a time (Efron and
    Stein, "The Jackknife Estimate of Variance", 1981). For a plain share p of n draws that is
    the square root of p (1 - p) / (n - 1); for uniqueness, which is no mean over draws, it does
    not underestimate on average.

    Examples
    --------
    >>> drawn = [Chem.MolFromSmiles(s) for s in ("CO", "OC", "CC", "CN", "C.C")] + [None]
    >>> shares = sample_shares(drawn, {"CC"})
    >>> [(s.number, s.of) for s in (shares.valid, shares.connected, shares.unique, shares.novel)]
    [(5, 6), (4, 5), (3, 4), (2, 3)]
    """
    _check_training(training)
    names = sample_names(samples)
    if not names:
        raise ValueError("There are no samples to judge; give at least one.")
    valid = [name for name in names if name is not None]
    whole = Counter(name for name in valid if pieces or "." not in name)
    known = whole.keys() & set(training)
    once = {name for name, count in whole.items() if count == 1}
    # draws, valid, whole, different, new, new draws: all of them, and what one draw takes away
    total = np.array(
        [
            len(names),
            len(valid),
            whole.total(),
            len(whole),
            len(whole) - len(known),
            sum(count for name, count in whole.items() if name not in known),
        ]
    )
    kinds = {
        (1, 0, 0, 0, 0, 0): len(names) - len(valid),
        (1, 1, 0, 0, 0, 0): len(valid) - whole.total(),
        (1, 1, 1, 1, 0, 0): len(once & known),
        (1, 1, 1, 1, 1, 1): len(once - known),
        (1, 1, 1, 0, 0, 0): sum(whole[name] for name in known - once),
    }
    kinds[1, 1, 1, 0, 0, 1] = len(names) - sum(kinds.values())
    left = total - np.array(list(kinds))
    weights = np.array(list(kinds.values()))

    def share(part: int, of: int) -> Share:
        """Divide two of the totals, with the jackknife error of the quotient."""
        with np.errstate(invalid="ignore", divide="ignore"):
            value = total[part] / total[of]
            without = np.where(weights > 0, left[:, part] / left[:, of], 0.0)
        mean = (weights @ without) / len(names)
        variance = (len(names) - 1) / len(names) * (weights @ (without - mean) ** 2)
        error = math.sqrt(variance) if len(names) > 1 else math.nan
        return Share(float(value), error, int(total[part]), int(total[of]))

    return SampleShares(
        valid=share(1, 0),
        connected=share(2, 1),
        unique=share(3, 2),
        novel=share(4, 3),
        novel_draws=share(5, 2),
        product=share(4, 0),
    )


def _check_training(training: Collection[str]) -> None:
    """Check that training molecules are given by canonical names: some of them, evenly spread."""
    if isinstance(training, str) or not isinstance(training, Collection):
        raise TypeError(
            "The training molecules must be a set or list of SMILES strings, not a "
            f"{type(training).__name__}."
        )
    if len(training) == 0:
        raise ValueError("There are no training molecules; novelty needs at least one.")
    step = -(-len(training) // _CHECKED)
    for name in list(training)[::step]:
        if not isinstance(name, str):
            raise TypeError(f"A training molecule must be a SMILES string, not {name!r}.")
        molecule = Chem.MolFromSmiles(name)
        proper = None if molecule is None else _name(molecule)
        if proper != name:
            raise ValueError(
                f"The training molecule {name!r} is not a canonical name, which is {proper!r}; "
                "give canonical_smiles(Chem.MolFromSmiles(...)) of each."
            )


# --------------------------------------------------------------------- properties


def _rings(molecule: Chem.Mol, largest: int) -> int:
    """Count the rings of at most so many atoms in a smallest set of independent ones."""
    return sum(len(ring) <= largest for ring in Chem.GetSSSR(Chem.Mol(molecule)))


_PROPERTIES: dict[str, Callable[[Chem.Mol], float]] = {
    "logP": lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[0],
    "QED": QED.qed,
    "TPSA": rdMolDescriptors.CalcTPSA,
    "rings": partial(_rings, largest=sys.maxsize),
    "small rings": partial(_rings, largest=4),
    "Fsp3": rdMolDescriptors.CalcFractionCSP3,
}


def property_values(molecules: Sequence[Chem.Mol]) -> dict[str, np.ndarray]:
    """Return properties of N valid molecules, float64 of shape (N,) under each name.

    ===========  ==========================================================================
    logP         octanol-water partition coefficient, logarithm (Wildman and Crippen, 1999)
    QED          quantitative estimate of drug-likeness, 0 to 1 (Bickerton et al., 2012)
    TPSA         topological polar surface area, in square ångström (Ertl et al., 2000)
    rings        independent rings, bonds - atoms + 1: five in cubane, where RDKit counts six
    small rings  those of a smallest set that have three or four atoms, which are strained
    Fsp3         share of carbon atoms that are sp³-hybridised; 0 without carbon
    ===========  ==========================================================================

    Examples
    --------
    >>> values = property_values([Chem.MolFromSmiles(s) for s in ("C1CC1C", "c1ccccc1")])
    >>> {name: column.round(1).tolist() for name, column in values.items() if name != "TPSA"}
    {'logP': [1.4, 1.7], 'QED': [0.4, 0.4], 'rings': [1.0, 1.0], 'small rings': [1.0, 0.0],
     'Fsp3': [1.0, 0.0]}
    """
    plain = [plain_copy(molecule, "properties") for molecule in molecules]
    return {
        name: np.array([measure(molecule) for molecule in plain], dtype=float)
        for name, measure in _PROPERTIES.items()
    }


def property_distance(
    values: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return how far each property of a sample lies from that of a reference.

    The Wasserstein-1 distance of the two distributions, over the standard deviation of the
    reference: 0 where they agree, and 1 for a shift by one standard deviation.

    Parameters
    ----------
    values, reference : mapping of str to numpy.ndarray
        Finite numbers, shapes (N,) and (M,), under the same names, as from
        :func:`property_values`.

    Examples
    --------
    >>> reference = np.array([0.0, 2.0])  # standard deviation 1
    >>> property_distance({"size": reference + 0.5}, {"size": reference})
    {'size': 0.5}
    """
    if values.keys() != reference.keys():
        raise ValueError(
            f"Sample and reference need the same properties, not {sorted(values)} and "
            f"{sorted(reference)}."
        )
    return {name: _distance(name, values[name], reference[name]) for name in values}


def _distance(name: str, values: np.ndarray, reference: np.ndarray) -> float:
    """Return the distance of one property, or say which numbers have none."""
    from scipy.stats import wasserstein_distance  # the room does without SciPy but for this

    for what, numbers in (("sample", values), ("reference", reference)):
        if np.ndim(numbers) != 1 or np.size(numbers) == 0 or not np.isfinite(numbers).all():
            raise ValueError(
                f"{name} of the {what} must be finite numbers of shape (N,), at least one, not "
                f"shape {np.shape(numbers)}{' with NaN or infinity' if np.size(numbers) else ''}."
            )
    spread = float(np.std(reference))
    if spread == 0:
        raise ValueError(
            f"{name} is the same for all of the reference, so there is no spread to divide by; "
            "leave it out or take a larger reference."
        )
    return float(wasserstein_distance(values, reference)) / spread
