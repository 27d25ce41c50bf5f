"""An autoencoder of molecular graphs as a task of the training loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from utils.data.checksum import data_checksum
from utils.data.qm9 import load_dense
from utils.graphs import DenseGraphs, Ties, random_tie_ranks, tied_molecules
from utils.models.base import Network
from utils.models.baselines import gaussian_kl
from utils.models.graph_vae import GraphVAE, GraphVAEConfig, exact_match, reconstruction_nats
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, NetworkTask, Split

__all__ = ["QM9VAE", "MoleculeData"]

HELD_OUT = 4_000
HELD_OUT_TIES_SEED = 20240128
_TIES = 1  # stream of random numbers within an epoch
# The decoder for codes of more than one number a slot.
_ATTENTION = {
    "decoder": "attention",
    "decoder_width": 96,
    "decoder_depth": 4,
    "frequencies": 4,
    "highest_frequency": 2.0,
    "tie_ranks": True,
}
_ATTENTION_EPOCHS = 12


@dataclass(frozen=True)
class MoleculeData:
    """Molecular graphs for training, validation and testing.

    Parameters
    ----------
    train, validation, test : DenseGraphs
        The molecules.
    seed : int, optional
        If given, batches also hold numbers that tell tied atoms apart: for training drawn anew
        in every epoch from this seed, for the held-out molecules drawn once, the same for all
        seeds.
    """

    train: DenseGraphs
    validation: DenseGraphs
    test: DenseGraphs
    seed: int | None = None
    _drawn: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _ties(self) -> Ties:
        return tied_molecules(self.train.atoms, self.train.bonds)

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
        """Return training graphs; they are not relabelled, for the network sees no labels.

        These are atoms ``(B, 9)`` and bonds ``(B, 9, 9)``, uint8, and with a seed the numbers of
        tied atoms ``(B, 9)``, int64, which the epoch decides.
        """
        graphs = self.train.atoms[rows], self.train.bonds[rows]
        if self.seed is None:
            return graphs
        # One draw for the whole epoch, from which every process takes its rows.
        if self._drawn.get("epoch") != epoch:
            generator = epoch_generator(self.seed, epoch, _TIES)
            self._drawn.update(
                epoch=epoch,
                ranks=random_tie_ranks(self.train.atoms, self._ties, generator=generator),
            )
        return (*graphs, self._drawn["ranks"][rows])

    def evaluation(self, split: Split) -> Batch:
        """Return all graphs of a split, in the form of :meth:`training_batch`."""
        part: DenseGraphs = getattr(self, split)
        if self.seed is None:
            return part.atoms, part.bonds
        generator = torch.Generator().manual_seed(HELD_OUT_TIES_SEED)
        ties = tied_molecules(part.atoms, part.bonds)
        return part.atoms, part.bonds, random_tie_ranks(part.atoms, ties, generator=generator)


@dataclass(frozen=True, kw_only=True)
class QM9VAE(NetworkTask):
    """Learn codes of molecular graphs, some numbers for each slot, by a variational autoencoder.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    beta : float
        Weight of the divergence in the loss, not negative; 1 for the evidence lower bound.
    training_size : int, optional
        How many molecules of the training part; all if not given.
    """

    name = "qm9-vae"
    beta: float
    training_size: int | None = None
    network: GraphVAEConfig = dataclasses.field(default_factory=GraphVAEConfig)

    def __post_init__(self) -> None:
        """Check the weight of the divergence."""
        super().__post_init__()
        self._check_weight("beta")

    def with_latent_channels(self, channels: int) -> QM9VAE:
        """Return the same task for codes of so many numbers a slot.

        With more than one number its preset is called ``NAME-dCHANNELS``, and a decoder that
        sorts single numbers gives way to attention. Such codes are learned sooner, so that at
        most 12 epochs in batches of twice the size are enough, and hold all that can be read off
        a graph without telling tied atoms apart, so these are numbered.
        """
        if channels == 1:
            return self
        recipe, changes = self.recipe, dict[str, Any](latent_channels=channels)
        if self.network.decoder == "section":
            changes.update(_ATTENTION)
            epochs = min(recipe.epochs, _ATTENTION_EPOCHS)
            recipe = dataclasses.replace(recipe, epochs=epochs, batch_size=2 * recipe.batch_size)
        network = dataclasses.replace(self.network, **changes)
        preset = f"{self.preset}-d{channels}"
        return dataclasses.replace(self, preset=preset, recipe=recipe, network=network)

    def configuration(self) -> Mapping[str, Any]:
        """Return how many molecules are used, and the weight in the loss."""
        return {"training_size": self.training_size, "held_out": HELD_OUT, "beta": self.beta}

    def load_data(self) -> MoleculeData:
        """Load the molecules, of validation and test the first 4,000; the first use is slow."""
        dense = {split: load_dense(split) for split in ("train", "validation", "test")}
        train = dense["train"]
        if self.training_size is not None:
            train = train[: self.training_size]
        validation, test = (dense[split][:HELD_OUT] for split in ("validation", "test"))
        return MoleculeData(train, validation, test, self.seed if self.network.tie_ranks else None)

    def network_class(self) -> type[Network]:
        """Return :class:`utils.models.graph_vae.GraphVAE`."""
        return GraphVAE

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean negative evidence lower bound, in nats, with the weight of the task."""
        atoms, bonds, *ranks = batch
        noise = torch.randn(*atoms.shape, self.network.latent_channels, device=atoms.device)
        logits, mean, log_variance = model(atoms, bonds, noise, *ranks)
        divergence = gaussian_kl(mean.flatten(1), log_variance.flatten(1))
        return (reconstruction_nats(logits, atoms, bonds) + self.beta * divergence).mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return how well each molecule is given back from the mean of its posterior.

        These are ``exact`` (the whole graph by the most likely choices), ``slots`` and ``bonds``
        (share of slots, and of the bonds of the molecule, that are right), ``reconstruction`` and
        ``kl`` in nats.
        """
        atoms, bonds, *ranks = batch
        logits, mean, log_variance = model(atoms, bonds, None, *ranks)
        found_atoms, found_bonds = logits.most_likely()
        bonded = bonds > 0
        right = ((found_bonds == bonds) & bonded).flatten(1).sum(1)
        share = right / bonded.flatten(1).sum(1).clamp(min=1)
        return {
            "exact": exact_match(logits, atoms, bonds).float(),
            "slots": (found_atoms == atoms).float().mean(1),
            "bonds": torch.where(bonded.flatten(1).any(1), share, 1.0),
            "reconstruction": reconstruction_nats(logits, atoms, bonds),
            "kl": gaussian_kl(mean.flatten(1), log_variance.flatten(1)),
        }
