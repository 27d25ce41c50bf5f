"""Dense molecular graphs and RDKit molecules: there, back, and onto the page.

A dense graph (:mod:`utils.graphs`) is a molecule if the bonds respect the valences of its atoms.

* :mod:`~utils.molecules.conversion`: :func:`~utils.molecules.to_molecule` and
  :func:`~utils.molecules.from_molecule` are inverse to each other, bit by bit and whatever the
  labelling;
* :mod:`~utils.molecules.validity`: :func:`~utils.molecules.is_valid` judges whole batches without
  leaving torch, and so does :func:`~utils.molecules.is_connected`, from :mod:`utils.graphs`;
* :mod:`~utils.molecules.fingerprints`: similarity that owes nothing to any network;
* :mod:`~utils.molecules.samples`: what share of a sample is valid, connected, unique and novel,
  and how far its properties lie from those of a reference;
* :mod:`~utils.molecules.drawing`: drawings that read on a light page and on a dark one.
"""

from utils.graphs import is_connected
from utils.molecules.conversion import (
    canonical_smiles,
    from_molecule,
    from_smiles,
    to_molecule,
    to_molecules,
)
from utils.molecules.drawing import (
    ATOM_COLOURS,
    HIGHLIGHT_COLOUR,
    atoms_on_bonds,
    draw,
    draw_grid,
    place,
)
from utils.molecules.fingerprints import morgan_fingerprints, tanimoto
from utils.molecules.samples import (
    SampleShares,
    Share,
    property_distance,
    property_values,
    sample_names,
    sample_shares,
)
from utils.molecules.validity import ATOM_VALENCES, is_valid

__all__ = [
    "ATOM_COLOURS",
    "ATOM_VALENCES",
    "HIGHLIGHT_COLOUR",
    "SampleShares",
    "Share",
    "atoms_on_bonds",
    "canonical_smiles",
    "draw",
    "draw_grid",
    "from_molecule",
    "from_smiles",
    "is_connected",
    "is_valid",
    "morgan_fingerprints",
    "place",
    "property_distance",
    "property_values",
    "sample_names",
    "sample_shares",
    "tanimoto",
    "to_molecule",
    "to_molecules",
]
