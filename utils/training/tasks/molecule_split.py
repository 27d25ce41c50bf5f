"""Molecules split into an invariant code and an order of their atoms, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from utils.data.checksum import data_checksum
from utils.data.qm9 import load_dense
from utils.graphs import DenseGraphs, random_permutations, relabel
from utils.models.base import Network
from utils.models.graph_vae import SplitGraphAutoencoder, exact_match, reconstruction_nats
from utils.training.recipe import require_whole
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, NetworkTask, Split

__all__ = ["MoleculeSplit", "MoleculeSplitData"]

_HELD_OUT = 2_000
_ORDERS = 1  # stream of random numbers within an epoch
_HELD_OUT_SEEDS: Mapping[str, int] = {"validation": 20261211, "test": 20261212}


@dataclass(frozen=True)
class MoleculeSplitData:
    """Molecular graphs whose slots are numbered anew in every epoch.

    A network that knows no group could otherwise learn the order in which QM9 lists atoms.

    Parameters
    ----------
    train, validation, test : DenseGraphs
        The last two are numbered at random, once and for all.
    seed : int
        Seed of the numberings of the training molecules.
    """

    train: DenseGraphs
    validation: DenseGraphs
    test: DenseGraphs
    seed: int

    @property
    def training_size(self) -> int:
        """Number of training molecules."""
        return len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Sizes, the seed of the split, and one checksum over all graphs."""
        parts = (self.train, self.validation, self.test)
        tensors = [tensor for part in parts for tensor in (part.atoms, part.bonds)]
        return {
            "checksum": data_checksum(*tensors),
            "training_molecules": len(self.train),
            "validation_molecules": len(self.validation),
            "test_molecules": len(self.test),
            "split": "utils.data.qm9.load_dense, split_seed 0; the first of each part",
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return renumbered training graphs: atoms ``(B, 9)`` and bonds ``(B, 9, 9)``."""
        seed = int(torch.randint(2**31, (1,), generator=epoch_generator(self.seed, epoch, _ORDERS)))
        slots = self.train.atoms.shape[1]
        source = random_permutations(len(self.train), seed=seed, slots=slots)[rows]
        across = source[:, None].expand(-1, slots, -1)
        bonds = self.train.bonds[rows].gather(2, across).gather(1, across.mT)
        return self.train.atoms[rows].gather(1, source), bonds

    def evaluation(self, split: Split) -> Batch:
        """Return the atoms and bonds of all graphs of a split."""
        part: DenseGraphs = getattr(self, split)
        return part.atoms, part.bonds


@dataclass(frozen=True, kw_only=True)
class MoleculeSplit(NetworkTask):
    """Learn an invariant code and an order of the atoms of molecules by drawing them again.

    Beside this parameter it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    training_size : int
        How many molecules: the first of the training part.
    """

    name = "molecule-split"
    training_size: int = 20_000

    def __post_init__(self) -> None:
        """Check the number of molecules."""
        super().__post_init__()
        require_whole(self.training_size, "training_size")

    def configuration(self) -> Mapping[str, Any]:
        """Return how many molecules are used."""
        return {"training_size": self.training_size, "held_out": _HELD_OUT}

    def network_class(self) -> type[Network]:
        """Return :class:`utils.models.graph_vae.SplitGraphAutoencoder`."""
        return SplitGraphAutoencoder

    def load_data(self) -> MoleculeSplitData:
        """Load the molecules; the first use is slow."""
        train = load_dense("train")[: self.training_size]
        held_out = {
            split: relabel(part, random_permutations(len(part), seed=seed))
            for split, seed in _HELD_OUT_SEEDS.items()
            for part in (load_dense(split)[:_HELD_OUT],)
        }
        return MoleculeSplitData(train, held_out["validation"], held_out["test"], self.seed)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean of minus the log-probability of the graphs, in nats."""
        return reconstruction_nats(model(*batch), *batch).mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return how well each molecule is given back.

        These are ``exact`` (the whole graph by the most likely choices), ``slots`` and ``bonds``
        (share of slots, and of the bonds of the molecule, that are right), and
        ``reconstruction`` in nats.
        """
        atoms, bonds = batch
        logits = model(atoms, bonds)
        found_atoms, found_bonds = logits.most_likely()
        bonded = bonds > 0
        right = ((found_bonds == bonds) & bonded).flatten(1).sum(1)
        share = right / bonded.flatten(1).sum(1).clamp(min=1)
        return {
            "exact": exact_match(logits, atoms, bonds).float(),
            "slots": (found_atoms == atoms).float().mean(1),
            "bonds": torch.where(bonded.flatten(1).any(1), share, 1.0),
            "reconstruction": reconstruction_nats(logits, atoms, bonds),
        }
