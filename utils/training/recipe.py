"""How a network is optimised: the numbers that a training is run with, checked."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from utils._checks import check_choice, check_whole
from utils.training.capabilities import Precision

__all__ = ["Optimizer", "Recipe", "Storage", "require_whole"]

Optimizer = Literal["adamw", "muon"]
"""AdamW for everything, or Muon for the matrices between hidden layers."""

Storage = Literal["float32", "float16"]
"""What the weights of a checkpoint are written as."""


@dataclass(frozen=True)
class Recipe:
    """How a network is optimised.

    Parameters
    ----------
    epochs : int
        Passes over the training data. The schedule is stretched over all of them.
    batch_size : int
        Examples a step, over all processes together.
    learning_rate : float
        Peak of the one-cycle schedule (Smith & Topin, 2019), which rises to it over the
        share `warmup` of the steps and falls to almost zero along a cosine.
    weight_decay : float
        Decoupled weight decay of AdamW.
    warmup : float
        Share of the steps before the peak, between 0 and 1.
    clip : float, optional
        Largest norm of the gradient; longer ones are scaled down to it.
    precision : {"32-true", "bf16-mixed", "native"}
        Arithmetic of the forward and backward pass: single precision, bfloat16 where it is
        safe, or the second of them on machines where it is fast and the first on others. The
        manifest says for every process what it was.
    compile : bool
        Whether to compile the model with ``torch.compile``, where that works.
    optimizer : {"adamw", "muon"}
        AdamW for everything, or Muon for the matrices between hidden layers; see
        :mod:`utils.training.optimizers`.
    matrix_learning_rate : float
        Peak of the schedule of Muon.
    storage : {"float32", "float16"}
        Arithmetic in which the weights are stored. With ``float16`` they are rounded after the
        last epoch, before they are measured on the test data: what is measured is what is
        stored.
    milestones : tuple of int
        Numbers of epochs, increasing, after which the weights are kept as a checkpoint of
        their own, beside the one at the end. The training goes on with the exact weights and
        one schedule: it ends where it would have ended without. Milestones from the last epoch
        on are left out.

    Examples
    --------
    >>> Recipe(epochs=2, batch_size=64, learning_rate=5e-3).optimizer
    'adamw'
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.3
    clip: float | None = None
    precision: Precision = "32-true"
    compile: bool = False
    optimizer: Optimizer = "adamw"
    matrix_learning_rate: float = 0.02
    storage: Storage = "float32"
    milestones: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check every field, and turn a list of milestones (from JSON) into a tuple."""
        for name in ("epochs", "batch_size"):
            require_whole(getattr(self, name), name)
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("learning_rate", "matrix_learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)!r}")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise ValueError(f"clip must be positive or None, not {self.clip!r}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must not be negative: {self.weight_decay!r}")
        if not 0 < self.warmup < 1:
            raise ValueError(f"warmup must lie between 0 and 1, not {self.warmup!r}")
        check_choice(self.precision, "precision", get_args(Precision))
        check_choice(self.optimizer, "optimizer", get_args(Optimizer))
        check_choice(self.storage, "storage", get_args(Storage))
        given: Any = self.milestones
        numbers = given if isinstance(given, (tuple, list)) else (None,)
        whole = all(
            isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1 for n in numbers
        )
        if not whole or any(a >= b for a, b in itertools.pairwise(numbers)):
            raise ValueError(
                f"milestones must be increasing whole numbers of at least 1, such as (1, 2, 4), "
                f"not {given!r}"
            )
        object.__setattr__(self, "milestones", tuple(int(n) for n in numbers))


def require_whole(value: Any, what: str, smallest: int = 1, largest: int | None = None) -> None:
    """Refuse what is no whole number within limits with a ValueError, whatever its type."""
    try:
        check_whole(value, what, smallest, largest)
    except TypeError as error:
        raise ValueError(str(error)) from None
