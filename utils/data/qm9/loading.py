"""QM9 from its cache, whole or in parts."""

from __future__ import annotations

import os
from pathlib import Path

from rdkit import rdBase
from torch import Tensor

from utils._checks import check_choice
from utils.data.cache import cache_directory, load_or_build
from utils.data.qm9.source import build, source_version, unpack
from utils.data.splits import SPLITS, stratified_split
from utils.graphs import DenseGraphs, random_permutations, relabel

__all__ = ["cache_path", "load_dense", "split_indices"]


def cache_path(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache file of the dense graphs, whether or not it exists.

    It lies in `root`, or else in :func:`utils.data.cache.cache_directory`. Its name holds the
    versions of qm9pack and RDKit, because the graphs and the canonical SMILES are made from them.
    """
    folder = cache_directory() if root is None else Path(root).expanduser().absolute()
    return folder / f"qm9-graphs-1-qm9pack-{source_version()}-rdkit-{rdBase.rdkitVersion}.npz"


def load_dense(
    split: str | None = None,
    *,
    split_seed: int = 0,
    relabel_seed: int | None = None,
    root: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> DenseGraphs:
    """Load QM9 as dense graphs, building the cache on first use.

    Parameters
    ----------
    split : {"train", "validation", "test"}, optional
        Which part to return, in the random order of :func:`split_indices`; all 130,165
        molecules in the order of QM9 if omitted.
    split_seed : int
        Seed of the split.
    relabel_seed : int, optional
        If given, the nine slots of every molecule are permuted at random, as by
        :func:`utils.graphs.relabel`. The permutation of a molecule depends on the seed alone,
        not on the split.
    root : path-like, optional
        Folder of the cache, in place of :func:`utils.data.cache.cache_directory`. A
        :class:`~utils.data.cache.CacheError` says so if it has to be built and cannot be written.
    progress : bool
        Whether to show a progress bar, on standard error, while building.
    """
    check_choice(split, "The split", (*SPLITS, None))
    content = load_or_build(cache_path(root), lambda: build(progress=progress), what="QM9 graphs")
    dense = unpack(content)
    if relabel_seed is not None:
        dense = relabel(dense, random_permutations(len(dense), seed=relabel_seed))
    if split is not None:
        dense = dense[stratified_split(dense.num_heavy, seed=split_seed)[split]]
    return dense


def split_indices(
    seed: int = 0, *, root: str | os.PathLike[str] | None = None
) -> dict[str, Tensor]:
    """Return the positions of the three parts of QM9 in ``load_dense()``, each in random order.

    QM9 is ordered roughly by size, so a consecutive split would train on small molecules
    and test on large ones. This one is random, and stratified by the number of heavy atoms: int64
    under "train", "validation" (10,000) and "test" (10,000).
    """
    return stratified_split(load_dense(root=root).num_heavy, seed=seed)
