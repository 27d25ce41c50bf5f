"""Four properties of molecules from where their atoms are, as a task of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from utils.data.checksum import data_checksum
from utils.data.qm9.clouds import MolecularClouds, load_clouds
from utils.groups import random_rotations
from utils.models.base import Network
from utils.models.clouds import CloudNetwork
from utils.training.recipe import require_whole
from utils.training.task import Batch, NetworkTask, Split

__all__ = ["TARGETS", "Clouds", "CloudsData", "standardised"]

TARGETS: tuple[str, ...] = ("polarisability", "gap", "dipole", "spatial_extent")
"""The properties that are predicted, in the order of what the network returns."""

_ROTATION_SEED = 20261118


def standardised(
    clouds: MolecularClouds, reference: MolecularClouds | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the four properties in standard deviations, float32.

    Parameters
    ----------
    clouds : MolecularClouds
        N molecules.
    reference : MolecularClouds, optional
        Whose means and standard deviations are taken: the training molecules of the sample if
        omitted, as the networks of the book were trained.

    Returns
    -------
    targets : torch.Tensor
        Shape ``(N, 4)``, in the order of :data:`TARGETS`.
    means, scales : torch.Tensor
        What was subtracted and what was divided by, shape ``(4,)``, in the units of the
        properties (``utils.data.qm9.PROPERTIES``).

    Examples
    --------
    >>> targets, means, scales = standardised(load_clouds("test", number=10))
    >>> targets.shape
    torch.Size([10, 4])
    """
    reference = load_clouds("train") if reference is None else reference
    known = torch.stack([reference.property(name) for name in TARGETS], dim=1).double()
    means, scales = known.mean(0), known.std(0)
    values = torch.stack([clouds.property(name) for name in TARGETS], dim=1).double()
    return ((values - means) / scales).float(), means, scales


@dataclass(frozen=True)
class CloudsData:
    """Clouds of heavy atoms and their properties, as the training loop asks for them.

    Parameters
    ----------
    train, validation, test : MolecularClouds
        Without hydrogens, in the places that QM9 gives them.
    targets : mapping of str to torch.Tensor
        Of each part, shape ``(N, 4)``.
    passes : int
        Passes over the training molecules in an epoch.
    """

    train: MolecularClouds
    validation: MolecularClouds
    test: MolecularClouds
    targets: Mapping[str, Tensor]
    passes: int

    @property
    def training_size(self) -> int:
        """Number of training examples in an epoch."""
        return self.passes * len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum and sizes."""
        parts = (self.train, self.validation, self.test)
        return {
            "checksum": data_checksum(*(part.index for part in parts)),
            "training_molecules": len(self.train),
            "validation_molecules": len(self.validation),
            "test_molecules": len(self.test),
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return elements, positions, hydrogens and targets."""
        rows = rows % len(self.train)
        part = self.train[rows]
        return part.elements, part.positions, part.hydrogens, self.targets["train"][rows]

    def evaluation(self, split: Split) -> Batch:
        """Return the same of all molecules of a part, and positions after a random turn."""
        part: MolecularClouds = getattr(self, split)
        generator = torch.Generator().manual_seed(_ROTATION_SEED)
        turned = part.turned_in_place(random_rotations(len(part), generator=generator))
        return (
            part.elements,
            part.positions,
            part.hydrogens,
            self.targets[split],
            turned.positions,
        )


def _turned_in_place(elements: Tensor, positions: Tensor) -> Tensor:
    """Turn clouds about their means, by rotations from the global random state."""
    shown = (elements != 0)[..., None]
    mean = positions.sum(1, keepdim=True) / shown.sum(1, keepdim=True)
    rotations = random_rotations(len(positions), dtype=positions.dtype).to(positions.device)
    return ((positions - mean) @ rotations.mT + mean) * shown


@dataclass(frozen=True, kw_only=True)
class Clouds(NetworkTask):
    """Predict four properties of a molecule from its heavy atoms, their places and its hydrogens.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    augment : bool
        Whether molecules are turned at random about their means each time they are seen.
    training_size : int
        Training molecules, at most 5,000.
    passes : int
        Passes over them in an epoch of the recipe.
    """

    name = "qm9-clouds"
    augment: bool = False
    training_size: int = 5_000
    passes: int = 1

    def __post_init__(self) -> None:
        """Check every setting, and make the configuration of the network."""
        require_whole(self.training_size, "training_size", 1, 5_000)
        require_whole(self.passes, "passes")
        if not isinstance(self.augment, bool):
            raise ValueError(f"augment is True or False, not {self.augment!r}")
        super().__post_init__()
        if getattr(self.network, "returned", None) != len(TARGETS):
            raise ValueError(f"the network must return {len(TARGETS)} numbers")

    def configuration(self) -> Mapping[str, Any]:
        """Return every setting beside recipe and network."""
        return {name: getattr(self, name) for name in ("augment", "training_size", "passes")}

    def network_class(self) -> type[Network]:
        """Return the network for clouds."""
        return CloudNetwork

    def load_data(self) -> CloudsData:
        """Load the sample of QM9 with its coordinates."""
        sizes = {"train": self.training_size, "validation": None, "test": None}
        parts = {part: load_clouds(part, number=size).heavy() for part, size in sizes.items()}
        reference = load_clouds("train")
        targets = {part: standardised(clouds, reference)[0] for part, clouds in parts.items()}
        return CloudsData(**parts, targets=targets, passes=self.passes)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean absolute error, in standard deviations."""
        elements, positions, hydrogens, targets = batch
        if self.augment:
            positions = _turned_in_place(elements, positions)
        return (model(elements, positions, hydrogens) - targets).abs().mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return absolute errors in standard deviations, and how far a turn moves predictions.

        ``error`` and ``turned`` are means over the four properties, before and after a random
        turn; ``change`` is the mean absolute difference of the predictions.
        """
        elements, positions, hydrogens, targets, turned = batch
        before, after = (model(elements, places, hydrogens) for places in (positions, turned))
        errors = (before - targets).abs()
        return {
            "error": errors.mean(1),
            **{name: errors[:, k] for k, name in enumerate(TARGETS)},
            "turned": (after - targets).abs().mean(1),
            "change": (after - before).abs().mean(1),
        }
