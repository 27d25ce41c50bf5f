"""Whether molecules lie in space at random, or turned in ways of their own.

A data set whose molecules were turned at random, all in the same manner, looks the same after it is
turned at random again. So a classifier is asked which molecules were turned: where it does better
than chance on molecules it has not seen, the data set is aligned (Lawrence et al., "To Augment or
Not to Augment? Diagnosing Distributional Symmetry Breaking", arXiv 2510.01349, from the abstract).
Chance is what it reaches where both halves were turned.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from utils._checks import check_choice, check_whole
from utils.groups import random_rotations
from utils.probes._shared import one_thread

if TYPE_CHECKING:
    from utils.data.qm9 import MolecularClouds

__all__ = ["AlignmentTest", "Features", "detect_alignment", "orientation_features"]

Features = Literal["moments", "elements"]
"""Second moments of all atoms, or first and second moments of the atoms of each element."""


class AlignmentTest(NamedTuple):
    """What a classifier made of molecules of which half were turned.

    Attributes
    ----------
    accuracy : float
        On molecules that it was not fitted on; 0.5 if it could not tell.
    error : float
        Standard deviation of the accuracy of somebody who guesses.

    Examples
    --------
    >>> found = AlignmentTest(accuracy=0.78, error=0.01)
    >>> found.accuracy > 0.5 + 3 * found.error
    True
    """

    accuracy: float
    error: float


def orientation_features(clouds: MolecularClouds, features: Features = "elements") -> Tensor:
    r"""Return numbers that say how molecules lie, about the mean of their atoms.

    Parameters
    ----------
    clouds : MolecularClouds
        N molecules.
    features : {"moments", "elements"}
        The six entries of :math:`\frac1n \sum_i x_i x_i^\top` over all atoms; or, for each of the
        five elements of QM9, the mean of :math:`x_i` over its atoms and those six: 45 numbers,
        0 for elements that are not there.

    Returns
    -------
    torch.Tensor
        Shape ``(N, 6)`` or ``(N, 45)``, float64.

    Examples
    --------
    >>> from utils.data.qm9.clouds import ring_cloud
    >>> orientation_features(ring_cloud(), "moments")[0, 0].round(decimals=4) # x x
    tensor(2.0206, dtype=torch.float64)
    """
    check_choice(features, "The features", get_args(Features))
    centred = clouds.double().centred()
    masks = [clouds.exists]
    if features == "elements":
        from utils.data.qm9.clouds import ELEMENTS  # RDKit comes with it

        masks = [clouds.elements == number for number in ELEMENTS]
    rows, columns = torch.triu_indices(3, 3)
    parts = []
    for mask in masks:
        kept = centred.positions * mask[..., None]
        number = mask.sum(1).clamp_min(1)[:, None]
        if features == "elements":
            parts.append(kept.sum(1) / number)
        parts.append((kept.mT @ kept)[:, rows, columns] / number)
    return torch.cat(parts, dim=1)


def detect_alignment(
    clouds: MolecularClouds,
    features: Features = "elements",
    *,
    seed: int = 0,
    control: bool = False,
) -> AlignmentTest:
    """Turn half of the molecules at random, and ask a classifier which.

    The molecules are centred first: how far they lie from the origin is no question of how they
    are turned. Gradient boosting is fitted to four fifths of them and asked about the rest.

    Parameters
    ----------
    clouds : MolecularClouds
        At least 100 molecules.
    features : {"moments", "elements"}
        What the classifier is told; see :func:`orientation_features`.
    seed : int
        Seed of which are turned, how, and which are held out.
    control : bool
        Whether the other half is turned too, so that there is nothing to be told.

    Returns
    -------
    AlignmentTest

    Examples
    --------
    >>> from utils.data.qm9 import load_clouds
    >>> detect_alignment(load_clouds("test", number=1_000)).accuracy > 0.6
    True
    """
    number = check_whole(len(clouds), "The number of molecules", 100)
    generator = torch.Generator().manual_seed(check_whole(seed, "The seed", 0))
    centred = clouds.double().centred()
    if control:
        centred = centred.moved(random_rotations(number, generator=generator))
    order = torch.randperm(number, generator=generator)
    turned = torch.zeros(number, dtype=torch.bool)
    turned[order[: number // 2]] = True
    rotations = random_rotations(number, generator=generator)
    rotations[~turned] = torch.eye(3, dtype=rotations.dtype)
    told = orientation_features(centred.moved(rotations), features).numpy()
    wanted = turned.long().numpy()
    order = torch.randperm(number, generator=generator)
    held_out = number // 5
    test, train = order[:held_out].numpy(), order[held_out:].numpy()
    with one_thread():
        classifier = HistGradientBoostingClassifier(random_state=0)
        classifier.fit(told[train], wanted[train])
        accuracy = float(classifier.score(told[test], wanted[test]))
    return AlignmentTest(accuracy, 0.5 / math.sqrt(held_out))
