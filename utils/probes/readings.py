"""Codes read by one invariant projection after the other, and how invariant each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from utils._checks import check_float
from utils.models.latent_actions import share_within_orbits
from utils.probes.clusters import nmi
from utils.probes.few_labels import Spread, few_label_accuracy
from utils.probes.neighbours import knn_accuracy
from utils.projections import InvariantProjection

__all__ = ["Reading", "read_orbits"]

_READ = 500
"""Orbits of test digits on which the share of variance is measured."""


@dataclass(frozen=True)
class Reading:
    """What :func:`read_orbits` found with one projection.

    Attributes
    ----------
    few : Spread
        Accuracy of the nearest neighbour with few labels, over five choices of them.
    many : float
        Accuracy of the nearest neighbour with all labels.
    share : float
        Share of the variance of the projection that lies within orbits of pictures: 0 if it is
        invariant when the picture moves.
    nmi : float
        Agreement of clusters with classes.

    Examples
    --------
    >>> reading = Reading(few=Spread((0.59, 0.63), 0.61, 0.0283), many=0.87, share=0.02, nmi=0.31)
    >>> reading.few.mean < reading.many
    True
    """

    few: Spread
    many: float
    share: float
    nmi: float


def read_orbits(
    projections: Mapping[str, InvariantProjection],
    fit_codes: Tensor,
    fit_labels: Tensor,
    test_codes: Tensor,
    test_labels: Tensor,
    *,
    count: int = 100,
) -> dict[str, Reading]:
    """Read codes of orbits by several projections.

    Labels are read from the codes of the pictures that were given, element 0 of each orbit. The
    rest of the orbit serves to measure whether the projection is invariant when the *picture*
    moves. That it is invariant when the *code* is shifted is a property of the projection alone,
    and says nothing about the network.

    Parameters
    ----------
    projections : mapping of str to InvariantProjection
        For codes ``(B, k, n)``.
    fit_codes, fit_labels : torch.Tensor
        Codes of given pictures, shape ``(N, k, n)``, and their labels ``(N,)``.
    test_codes, test_labels : torch.Tensor
        Codes of orbits, shape ``(M, m, k, n)``, and their labels ``(M,)``.
    count : int
        The few labels.

    Returns
    -------
    dict of str to Reading

    Examples
    --------
    >>> import torch
    >>> from utils.projections import mean_pool
    >>> codes, labels = torch.randn(60, 2, 4), torch.arange(60) % 3
    >>> codes[:, 0] += 9 * labels[:, None]
    >>> orbits = torch.stack([codes.roll(r, -1) for r in range(4)], dim=1)
    >>> found = read_orbits({"mean": mean_pool(2, 4)}, codes, labels, orbits, labels, count=30)
    >>> found["mean"].many, found["mean"].share < 1e-9
    (1.0, True)
    """
    check_float(fit_codes, "fit_codes")
    check_float(test_codes, "test_codes")
    if fit_codes.ndim != 3 or test_codes.ndim != 4 or fit_codes.shape[1:] != test_codes.shape[2:]:
        raise ValueError(
            f"fit_codes must have shape (N, k, n) and test_codes (M, m, k, n), not "
            f"{tuple(fit_codes.shape)} and {tuple(test_codes.shape)}"
        )
    found = {}
    for name, project in projections.items():
        fit, test = project(fit_codes), project(test_codes[:, 0].contiguous())
        some = test_codes[:_READ]
        moved = project(some.flatten(0, 1)).unflatten(0, tuple(some.shape[:2]))
        found[name] = Reading(
            few_label_accuracy(fit, fit_labels, test, test_labels, count=count),
            knn_accuracy(fit, fit_labels, test, test_labels, k=1),
            share_within_orbits(moved),
            nmi(test, test_labels),
        )
    return found
