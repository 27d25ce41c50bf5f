"""Random splits whose parts have the same mix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["HELD_OUT", "SPLITS", "stratified_split"]

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""Names of the parts of a data set."""

HELD_OUT: int = 10_000
"""Items in the validation part, and again in the test part."""


def stratified_split(
    strata: Tensor, *, seed: int = 0, held_out: int = HELD_OUT
) -> dict[str, Tensor]:
    """Split positions at random into three parts that have the same mix of strata.

    Every stratum is divided in proportion, up to rounding; the leftover places go to the
    strata with the largest remainders. Within a part the order is random, so that any
    stretch of it is a random sample too.

    Parameters
    ----------
    strata : torch.Tensor
        Integer label of each item, shape (N,).
    seed : int
        Seed of the split.
    held_out : int
        Size of the validation part and of the test part.

    Returns
    -------
    dict of str to torch.Tensor
        Positions, int64, under the names of :data:`SPLITS`; disjoint, and together all.

    Examples
    --------
    >>> parts = stratified_split(torch.tensor([5, 5, 5, 7, 7, 7]), held_out=2)
    >>> sorted(parts["test"].tolist() + parts["validation"].tolist() + parts["train"].tolist())
    [0, 1, 2, 3, 4, 5]
    """
    labels = strata.numpy()
    if held_out < 1 or 2 * held_out >= len(labels):
        raise ValueError(
            f"Cannot hold out twice {held_out:,} of {len(labels):,} items; choose held_out "
            "between 1 and less than half of them."
        )
    generator = np.random.default_rng(seed)
    members = [generator.permutation(np.flatnonzero(labels == s)) for s in np.unique(labels)]
    sizes = np.array([len(m) for m in members])
    parts: dict[str, Tensor] = {}
    for name in ("test", "validation"):
        left = np.array([len(m) for m in members])
        share = held_out * sizes / sizes.sum()
        quota = np.minimum(np.floor(share).astype(int), left)
        by_remainder = np.argsort(-(share - quota), kind="stable")
        for stratum in np.resize(by_remainder, held_out + len(members)):
            if quota.sum() == held_out:
                break
            quota[stratum] += quota[stratum] < left[stratum]
        taken = np.concatenate([m[:q] for m, q in zip(members, quota, strict=True)])
        members = [m[q:] for m, q in zip(members, quota, strict=True)]
        parts[name] = torch.from_numpy(generator.permutation(taken))
    parts["train"] = torch.from_numpy(generator.permutation(np.concatenate(members)))
    return {name: parts[name] for name in SPLITS}
