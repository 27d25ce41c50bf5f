"""The presets of what splits codes or learns their action: digits, their turns, molecules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["CONTEXTS", "DIGIT_SPLITS", "MOLECULE_SPLITS"]

Fields = Mapping[str, Any]
Rows = Mapping[str, tuple[str, Fields, Fields]]

_SENSES: Mapping[str, str] = {
    "right": "the picture is turned by the pose",
    "wrong": "the picture is turned by the inverse of the pose",
    "none": "the picture is not turned",
}
_DIGITS = {"epochs": 12, "batch_size": 64, "learning_rate": 4e-3, "storage": "float16"}

DIGIT_SPLITS: Rows = {
    "smoke": (
        "200 digits, 2 epochs: seconds, to see that it runs",
        {"epochs": 2, "batch_size": 50, "learning_rate": 2e-3},
        {"training_size": 200, "source": "small", "network": {"rows": 8, "width": 16}},
    ),
    **{
        sense: (f"6,000 digits, {what}: some seconds", _DIGITS, {"network": {"sense": sense}})
        for sense, what in _SENSES.items()
    },
    "right-long": (
        "as right, five times the epochs",
        {**_DIGITS, "epochs": 60},
        {"network": {"sense": "right"}},
    ),
}
"""Name to summary, recipe and settings, as :mod:`utils.training.presets` takes them."""

_CONTEXT = {"epochs": 30, "batch_size": 64, "learning_rate": 3e-3, "storage": "float16"}

CONTEXTS: Rows = {
    "smoke": (
        "200 digits, 2 epochs: seconds, to see that it runs",
        {"epochs": 2, "batch_size": 50, "learning_rate": 2e-3},
        {"training_size": 200, "source": "small", "network": {"latent": 4, "width": 16}},
    ),
    **{
        auxiliary: (f"6,000 digits, {what}: some seconds", _CONTEXT, {"auxiliary": auxiliary})
        for auxiliary, what in {
            "plain": "no action is learned",
            "divergence": "the posterior of the turned picture is predicted",
            "decoding": "the turned picture is predicted",
        }.items()
    },
}
"""As :data:`DIGIT_SPLITS`."""

_MOLECULES = {
    "epochs": 15,
    "batch_size": 200,
    "learning_rate": 3e-3,
    "warmup": 0.1,
    "optimizer": "muon",
    "storage": "float16",
}
_ORDERS: Mapping[str, tuple[str, Fields]] = {
    "sorted": ("the code is the sorted scores", {"order": "sorted"}),
    "trained": ("a code of 9 numbers, and a trained order", {"order": "trained"}),
    "trained-32": ("a code of 32 numbers, and a trained order", {"order": "trained", "code": 32}),
    "frozen": ("a code of 9 numbers, and an order that is not trained", {"order": "frozen"}),
    "inverse": ("as trained, carried back the wrong way", {"order": "inverse"}),
    "none": ("a code of 9 numbers, and no order", {"order": "none"}),
}

MOLECULE_SPLITS: Rows = {
    "smoke": (
        "500 molecules, 2 epochs: seconds, to see that it runs",
        {"epochs": 2, "batch_size": 100, "learning_rate": 2e-3},
        {"training_size": 500, "network": {"encoder_width": 8, "decoder_width": 16}},
    ),
    **{
        name: (f"20,000 molecules, {what}: a minute", _MOLECULES, {"network": network})
        for name, (what, network) in _ORDERS.items()
    },
}
"""As :data:`DIGIT_SPLITS`."""
