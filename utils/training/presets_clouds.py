"""The presets of ``qm9-clouds``: what a network sees of two atoms, and what it is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["CLOUDS"]

Fields = Mapping[str, Any]

_STEPS: Fields = {"epochs": 10, "batch_size": 50, "learning_rate": 2e-2, "clip": 1.0}
_STORED: Fields = {**_STEPS, "storage": "float16"}
_FEW: Fields = {"training_size": 1_000, "passes": 5}
_TURNED = ", molecules turned each time they are seen"

# What is seen, words for it, how many bumps, and whether molecules are turned.
_ROWS: tuple[tuple[str, str, str, int, bool], ...] = (
    ("none", "positions", "both positions", 0, False),
    ("centred", "centred", "both positions relative to the mean", 0, False),
    ("t3", "differences", "the vector between two atoms", 0, False),
    ("t3-augment", "differences", f"the vector between two atoms{_TURNED}", 0, True),
    ("se3", "distances", "the distance of two atoms", 0, False),
    ("blind", "nothing", "nothing of where atoms are", 0, False),
    ("t3-bumps", "differences", "the vector and bumps of its length", 11, False),
    ("t3-bumps-augment", "differences", f"the vector and bumps of its length{_TURNED}", 11, True),
    ("se3-bumps", "distances", "the distance and bumps of it", 11, False),
)

_SEEN: Mapping[str, tuple[str, Fields]] = {
    name: (what, {"network": {"sight": sight, "bumps": bumps}, "augment": augment})
    for name, sight, what, bumps, augment in _ROWS
}

CLOUDS: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "distances, 100 molecules, 2 epochs: a second, to see that it runs",
        {"epochs": 2, "batch_size": 25, "learning_rate": 5e-3},
        {"training_size": 100, "passes": 1},
    ),
    **{
        name: (f"a network that sees {what}, 5,000 molecules: some 10 seconds", _STORED, settings)
        for name, (what, settings) in _SEEN.items()
    },
    **{
        f"{name}-few": (
            f"as {name}, as many steps on 1,000 molecules",
            _STORED,
            {**_SEEN[name][1], **_FEW},
        )
        for name in ("t3-bumps", "se3-bumps")
    },
}
"""Name to summary, recipe and settings, as :mod:`utils.training.presets` takes them."""
