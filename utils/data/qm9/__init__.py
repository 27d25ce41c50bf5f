"""QM9: 130 thousand small organic molecules as graphs, in two views.

`QM9 <https://doi.org/10.1038/sdata.2014.22>`__ (Ramakrishnan, Dral, Rupp and von
Lilienfeld, 2014) lists small molecules of carbon, nitrogen, oxygen and fluorine with at
most nine heavy atoms, and properties of each, computed by density functional theory.
The installed package ``qm9pack`` carries the curated set of 130,831 molecules, so nothing
is downloaded. This package turns it into graphs:

* one node for each heavy atom (hydrogens are implied by the valences);
* one edge for each bond, of order 1, 2 or 3; aromatic rings are written in one of their
  Kekulé forms, so no fourth kind of bond is needed;
* neutral molecules only, each graph once (stereo-isomers share their graph; the first in
  the order of QM9 stands for all).

130,165 graphs remain. :func:`~utils.data.qm9.load_dense` gives them as
:class:`utils.graphs.DenseGraphs`, padded to nine slots, as the graph VAE of the book wants them;
:class:`~utils.data.qm9.QM9` is the torch-geometric data set of the same molecules. What can be
done with dense graphs is in :mod:`utils.graphs`, and its names can be imported from here too.

A sample of 10,000 molecules comes with the coordinates of all atoms:
:func:`~utils.data.qm9.load_clouds` gives it as :class:`~utils.data.qm9.MolecularClouds`
(:mod:`~utils.data.qm9.clouds`).

:mod:`~utils.data.qm9.properties` is the table of properties, :mod:`~utils.data.qm9.source` reads
qm9pack, :mod:`~utils.data.qm9.loading` caches and splits, and :mod:`~utils.data.qm9.dataset` is
the view of torch-geometric, which is not imported before somebody asks for it.
"""

from typing import TYPE_CHECKING, Any

from utils.data.qm9.clouds import MolecularClouds, load_clouds, ring_cloud
from utils.data.qm9.loading import cache_path, load_dense, split_indices
from utils.data.qm9.properties import PROPERTIES, Property, property_indices
from utils.data.splits import SPLITS, stratified_split
from utils.graphs import (
    ATOM_SYMBOLS,
    BOND_ORDERS,
    MAX_ATOMS,
    NO_ATOM,
    DenseGraphs,
    Ties,
    check_dense,
    random_permutations,
    random_tie_ranks,
    relabel,
    tied_molecules,
    weisfeiler_leman_colours,
)

if TYPE_CHECKING:
    from utils.data.qm9.dataset import QM9

__all__ = [
    "ATOM_SYMBOLS",
    "BOND_ORDERS",
    "MAX_ATOMS",
    "NO_ATOM",
    "PROPERTIES",
    "QM9",
    "SPLITS",
    "DenseGraphs",
    "MolecularClouds",
    "Property",
    "Ties",
    "cache_path",
    "check_dense",
    "load_clouds",
    "load_dense",
    "property_indices",
    "random_permutations",
    "random_tie_ranks",
    "relabel",
    "ring_cloud",
    "split_indices",
    "stratified_split",
    "tied_molecules",
    "weisfeiler_leman_colours",
]


def __getattr__(name: str) -> Any:
    """Import torch-geometric, which takes seconds, when its view is asked for."""
    if name == "QM9":
        from utils.data.qm9.dataset import QM9

        return QM9
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
