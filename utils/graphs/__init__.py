r"""Graphs as padded arrays, and what relabelling does to them: mathematics without chemistry.

A dense graph of ``n`` slots is a pair of tensors: ``atoms``, shape ``(..., n)``, holds the kind of
each node, and 4 where a slot is empty; ``bonds``, shape ``(..., n, n)``, symmetric, holds the
order of each edge, and 0 where there is none. The symmetric group :math:`S_n` acts on both.

* :mod:`~utils.graphs.dense`: the form and its constants, :func:`~utils.graphs.check_dense`, and a
  set of graphs with their properties;
* :mod:`~utils.graphs.relabelling`: the action of :math:`S_n`;
* :mod:`~utils.graphs.colours`: Weisfeiler–Leman colours;
* :mod:`~utils.graphs.ties`: what these colours cannot tell apart.

Nothing here needs RDKit; :mod:`utils.molecules` knows what is a molecule.
"""

from utils.graphs.colours import weisfeiler_leman_colours
from utils.graphs.dense import (
    ATOM_SYMBOLS,
    BOND_ORDERS,
    MAX_ATOMS,
    NO_ATOM,
    DenseGraphs,
    check_dense,
    is_connected,
)
from utils.graphs.relabelling import random_permutations, relabel
from utils.graphs.ties import Ties, random_tie_ranks, tied_molecules

__all__ = [
    "ATOM_SYMBOLS",
    "BOND_ORDERS",
    "MAX_ATOMS",
    "NO_ATOM",
    "DenseGraphs",
    "Ties",
    "check_dense",
    "is_connected",
    "random_permutations",
    "random_tie_ranks",
    "relabel",
    "tied_molecules",
    "weisfeiler_leman_colours",
]
