"""Chance that depends on the seed and the epoch alone, never on what was drawn before."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["epoch_generator", "mixed_seed"]


def epoch_generator(seed: int, epoch: int, stream: int = 0) -> torch.Generator:
    """Return a generator that depends on nothing but its arguments.

    Parameters
    ----------
    seed : int
        Seed of the run, not negative.
    epoch : int
        The epoch, counted from 0.
    stream : int
        Keeps different uses within an epoch apart.

    Returns
    -------
    torch.Generator
        A generator on the CPU.
    """
    return torch.Generator().manual_seed(mixed_seed(seed, epoch, stream))


def mixed_seed(*numbers: int) -> int:
    """Return one seed for several numbers, such as a seed, an epoch and a stream.

    Parameters
    ----------
    *numbers : int
        Numbers that are not negative. Their order counts.

    Returns
    -------
    int
        A number from 0 to 2**63 - 1.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
