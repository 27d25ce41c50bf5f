"""The small pictures with their orbits that tasks about splits and learned actions share."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

from utils._checks import check_choice, check_whole
from utils.data.checksum import data_checksum
from utils.data.mnist import DigitOrbits, digit_orbits, load_small, load_train_without_small

__all__ = ["HELD_OUT", "OrbitDigits", "OrbitSource", "orbit_digits"]

OrbitSource = Literal["mnist", "small"]
"""MNIST's training part without the 5,000 digits that chapters measure on, or these 5,000."""

HELD_OUT: Mapping[str, int] = {"validation": 500, "test": 1_000}
"""How many digits are not trained on."""

# The same digits at the same angles for every task and seed of training; those of the task
# latent-actions, too.
_CHOICE_SEED = 20261118
_SEEDS: Mapping[str, int] = {"train": 20261119, "validation": 20261120, "test": 20261121}


@dataclass(frozen=True)
class OrbitDigits:
    """Digits with their orbits under turns by 22.5°, in three parts that share no digit.

    The pictures have 14 pixels a side, and what is turned is the picture that was given; see
    :func:`utils.data.mnist.digit_orbits`.
    """

    train: DigitOrbits
    validation: DigitOrbits
    test: DigitOrbits

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum, sizes and seeds."""
        parts = {part: getattr(self, part) for part in _SEEDS}
        return {
            "checksum": data_checksum(*(each.labels for each in parts.values())),
            **{f"{part}_digits": len(each) for part, each in parts.items()},
            "choice": f"at random, seed {_CHOICE_SEED}",
            "angles": ", ".join(f"{part} seed {seed}" for part, seed in _SEEDS.items()),
        }


@functools.lru_cache(maxsize=2)
def orbit_digits(training_size: int = 6_000, source: OrbitSource = "mnist") -> OrbitDigits:
    """Return small pictures of digits with their orbits: to train on, to validate, and to test.

    It takes some seconds the first time; they must not be changed.

    Parameters
    ----------
    training_size : int
        How many training digits.
    source : {"mnist", "small"}
        ``mnist`` are the digits of the task ``latent-actions``, and ``small`` need no file.

    Examples
    --------
    >>> parts = orbit_digits(100, "small")
    >>> parts.train.images.shape, len(parts.test)
    (torch.Size([100, 16, 1, 14, 14]), 1000)
    """
    check_whole(training_size, "training_size")
    check_choice(source, "source", get_args(OrbitSource))
    digits = load_small() if source == "small" else load_train_without_small()
    sizes = {**HELD_OUT, "train": training_size}
    if sum(sizes.values()) > len(digits):
        raise ValueError(
            f"there are {len(digits):,} digits, of which {sum(HELD_OUT.values()):,} are held out: "
            f"a training_size of {training_size:,} is too large"
        )
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(_CHOICE_SEED))
    parts, start = {}, 0
    for part, size in sizes.items():
        chosen = digits.take(order[start : start + size])
        parts[part], start = digit_orbits(chosen, seed=_SEEDS[part]), start + size
    return OrbitDigits(**parts)
