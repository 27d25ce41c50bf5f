"""How far the predictions of networks for clouds err, and how far they move with the molecule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from utils.groups import random_rotations

if TYPE_CHECKING:
    from utils.data.qm9 import MolecularClouds

__all__ = ["CloudMeasures", "composition", "measure_clouds", "predict"]


@dataclass(frozen=True)
class CloudMeasures:
    """Errors of a network on molecules, as they are and moved.

    All are in the unit of the targets; the first three have shape ``(P,)``, one entry for each
    property.

    Attributes
    ----------
    error : torch.Tensor
        Mean absolute errors.
    turned : torch.Tensor
        The same, each molecule turned about its mean by a random rotation of its own.
    shifted : torch.Tensor
        The same, each molecule shifted by (1, 1, 1) ångström.
    change : float
        Mean absolute change of the predictions under the turns, over all properties.
    """

    error: Tensor
    turned: Tensor
    shifted: Tensor
    change: float


def composition(clouds: MolecularClouds) -> Tensor:
    """Return how many atoms of each element of QM9 molecules have, shape ``(N, 5)``, float64.

    Hydrogens are counted whether they are shown or not.

    Examples
    --------
    >>> from utils.data.qm9.clouds import ring_cloud
    >>> composition(ring_cloud()).tolist(), composition(ring_cloud().heavy()).tolist()
    ([[6.0, 5.0, 1.0, 0.0, 0.0]], [[6.0, 5.0, 1.0, 0.0, 0.0]])
    """
    from utils.data.qm9.clouds import ELEMENTS  # RDKit comes with it

    heavy = [(clouds.elements == number).sum(1) for number in ELEMENTS[1:]]
    return torch.stack([clouds.hydrogens, *heavy], dim=1).double()


def predict(network: nn.Module, clouds: MolecularClouds, *, batch_size: int = 500) -> Tensor:
    """Return what a network says of molecules, without gradients, shape ``(N, P)``."""
    with torch.no_grad():
        return torch.cat(
            [
                network(part.elements, part.positions, part.hydrogens)
                for part in (
                    clouds[start : start + batch_size]
                    for start in range(0, len(clouds), batch_size)
                )
            ]
        )


def measure_clouds(
    network: nn.Module, clouds: MolecularClouds, targets: Tensor, *, seed: int = 0
) -> CloudMeasures:
    """Measure a network on molecules as they are, turned, and shifted.

    Parameters
    ----------
    network : torch.nn.Module
        Such as :class:`~utils.models.clouds.CloudNetwork`.
    clouds : MolecularClouds
        N molecules.
    targets : torch.Tensor
        What is to be predicted, shape ``(N, P)``.
    seed : int
        Seed of the rotations.

    Returns
    -------
    CloudMeasures

    Examples
    --------
    >>> from utils.data.qm9.clouds import ring_cloud
    >>> from utils.models.clouds import CloudNetwork
    >>> measure_clouds(CloudNetwork().double(), ring_cloud(), torch.zeros(1, 4)).change < 1e-12
    True
    """
    generator = torch.Generator().manual_seed(seed)
    rotations = random_rotations(len(clouds), generator=generator)
    found = predict(network, clouds)
    turned = predict(network, clouds.turned_in_place(rotations))
    shifted = predict(network, clouds.moved(shifts=torch.ones(3)))
    error, after, elsewhere = ((said - targets).abs().mean(0) for said in (found, turned, shifted))
    return CloudMeasures(error, after, elsewhere, float((turned - found).abs().mean()))
