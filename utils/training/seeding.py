"""Chance that depends on the seed and the epoch alone, never on what was drawn before."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["epoch_generator", "mixed_seed"]


def epoch_generator(seed: int, epoch: int, stream: int = 0) -> torch.Generator:
    """Return a generator on the CPU that depends on nothing but its arguments.

    ``epoch`` counts from 0; ``stream`` keeps different uses within an epoch apart.

    Examples
    --------
    >>> one, same, other = (epoch_generator(0, epoch, 1) for epoch in (3, 3, 4))
    >>> draws = [int(torch.randint(1000, (), generator=g)) for g in (one, same, other)]
    >>> draws[0] == draws[1] != draws[2]
    True
    """
    return torch.Generator().manual_seed(mixed_seed(seed, epoch, stream))


def mixed_seed(*numbers: int) -> int:
    """Return one seed, from 0 to 2**63 - 1, for several numbers that are not negative, in order.

    Examples
    --------
    >>> mixed_seed(0, 1) == mixed_seed(0, 1), mixed_seed(0, 1) == mixed_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
