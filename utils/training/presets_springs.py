"""The presets of ``springs``: who says how bodies push each other, one thing changed at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["SPRINGS", "SPRING_NETWORKS"]

Fields = Mapping[str, Any]


def _pairs(group: str, **others: Any) -> Fields:
    """Read pairs under a group."""
    return {"method": "pairs", "network": {"group": group, **others}}


def _perceptron(**network: Any) -> Fields:
    """Read all positions at once."""
    return {"method": "perceptron", "network": network}


SPRING_NETWORKS: Mapping[str, tuple[str, Fields]] = {
    "raw": ("a potential by a perceptron of the positions", _perceptron()),
    "centred": ("a potential by a perceptron, minus their mean", _perceptron(centre="mean")),
    "mass-centred": (
        "a potential by a perceptron, minus the centre of mass",
        _perceptron(centre="mass"),
    ),
    "trivial": ("a potential of pairs, read as they are: shared weights alone", _pairs("trivial")),
    "t2": ("a potential of pairs, read under T(2)", _pairs("T(2)")),
    "so2": ("a potential of pairs, read under SO(2) about the origin", _pairs("SO(2)")),
    "so2-centred": (
        "a potential of pairs, read under SO(2) about their mean",
        _pairs("SO(2)", centre="mean"),
    ),
    "se2": ("a potential of pairs, read under SE(2)", _pairs("SE(2)")),
    "direct": (
        "forces that commute with SE(2) and have no potential",
        {"method": "direct", "network": {"width": 64}},
    ),
}
"""Who says how bodies push each other: words for it, and the settings."""

# 1,200 steps, of 150 each.
_STEPS = {"epochs": 8, "batch_size": 50, "learning_rate": 5e-3, "storage": "float16"}
_LONG = {**_STEPS, "epochs": 32}
_MANY = {"training_size": 12_000, "passes": 1}

# Networks, a name for the change and words for it, recipe, settings.
_CHANGES: tuple[tuple[str, str, str, Fields, Fields], ...] = (
    ("raw centred", "long", "4,800 steps", _LONG, {}),
    ("raw centred", "many", "4,800 steps on 12,000 systems", {**_LONG, "epochs": 20}, _MANY),
    ("raw trivial", "shifted", "shifted each time they are seen", _STEPS, {"shift": 3.0}),
)

SPRINGS: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "pairs read under SE(2), 96 systems, 2 epochs: a second, to see that it runs",
        {"epochs": 2, "batch_size": 32, "learning_rate": 5e-3},
        {"training_size": 96, "validation_size": 32, "test_size": 64, "passes": 2},
    ),
    **{
        name: (f"{what}, 1,500 systems, 1,200 steps: some seconds", _STEPS, settings)
        for name, (what, settings) in SPRING_NETWORKS.items()
    },
    **{
        f"{network}-{name}": (
            f"as {network}, {words}",
            recipe,
            {**SPRING_NETWORKS[network][1], **changed},
        )
        for networks, name, words, recipe, changed in _CHANGES
        for network in networks.split()
    },
}
"""Name to summary, recipe and settings, as :mod:`utils.training.presets` takes them."""
