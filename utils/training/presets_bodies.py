"""The presets of ``bodies``: each method under each breaking, and one thing changed at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["BODIES", "BREAKINGS", "METHODS"]

Fields = Mapping[str, Any]

BREAKINGS: Mapping[str, tuple[str, Fields]] = {
    "field-0": ("no field", {}),
    "field-0.25": ("a field of 0.25", {"field": 0.25}),
    "field-1": ("a field of 1", {"field": 1.0}),
    "anisotropy-3": ("an anisotropy of 3", {"anisotropy": 3.0}),
}
"""What breaks the symmetry: words for it, and the settings."""

_BETAS = (0.1, 1, 10)

METHODS: Mapping[str, tuple[str, Fields]] = {
    "plain": ("a perceptron", {"method": "plain"}),
    "augment": ("a perceptron, systems turned each time they are seen", {"method": "augment"}),
    **{
        f"remul-{beta}": (f"REMUL, beta {beta}", {"method": "remul", "beta": float(beta)})
        for beta in _BETAS
    },
    "remul-gradnorm": (
        "REMUL, weighted by GradNorm",
        {"method": "remul", "asymmetry": 1.5, "network": {"balanced": True}},
    ),
    **{
        f"consistency-{beta}": (
            f"a price on f(Rx) - R f(x), beta {beta}",
            {"method": "consistency", "beta": float(beta)},
        )
        for beta in _BETAS
    },
    "residual": ("a residual pathway", {"method": "residual"}),
    "exact": ("a network that commutes with all rotations", {"method": "exact"}),
    "axial": ("a network that commutes with rotations about z", {"method": "axial"}),
}
"""What is done about the symmetry: words for it, and the settings."""

# 1,200 steps, of 150 each.
_STEPS = {"epochs": 8, "batch_size": 96, "learning_rate": 8e-3, "storage": "float16"}
_LONG, _SLOW = {**_STEPS, "epochs": 32}, {**_STEPS, "learning_rate": 2e-3}
_FOUR, _WIDE = {"samples": 4}, {"network": {"width": 288}}
_MANY = {"training_size": 4_800, "passes": 3}
_LEARNING = "augment remul-1 consistency-1 plain"
_PRICED = "field-0 field-1 anisotropy-3"

# Methods, breakings, a name for the change and words for it, recipe, settings.
_CHANGES: tuple[tuple[str, str, str, str, Fields, Fields], ...] = (
    (f"{_LEARNING} residual exact", "field-0", "slow", "a quarter of the rate", _SLOW, {}),
    (f"{_LEARNING} exact", "field-0", "long", "4,800 steps", _LONG, {}),
    (_LEARNING, "field-0", "wide", "288 wide", _STEPS, _WIDE),
    (f"{_LEARNING} exact", "field-0", "many", "4,800 systems", _STEPS, _MANY),
    ("augment", "field-0", "two", "2 rotations a step", _STEPS, {"samples": 2}),
    ("augment remul-1 consistency-1", "field-0", "four", "4 rotations a step", _STEPS, _FOUR),
    ("consistency-10", "field-0", "long", "4,800 steps", _LONG, {}),
    ("augment remul-1", "field-1 anisotropy-3", "z", "rotations about z", _STEPS, {"around": "z"}),
    ("residual", _PRICED, "free", "price 0", _STEPS, {"price": 0.0}),
    ("residual", _PRICED, "dear", "price 1", _STEPS, {"price": 1.0}),
)

BODIES: Mapping[str, tuple[str, Fields, Fields]] = {
    "smoke": (
        "a perceptron, 96 systems, 2 epochs: a second, to see that it runs",
        {"epochs": 2, "batch_size": 32, "learning_rate": 2e-3},
        {"training_size": 96, "validation_size": 32, "test_size": 64, "passes": 2},
    ),
    **{
        f"{method}-{breaking}": (
            f"{what}, 600 systems, {how}, 1,200 steps: some seconds",
            _STEPS,
            {**settings, **broken},
        )
        for breaking, (how, broken) in BREAKINGS.items()
        for method, (what, settings) in METHODS.items()
    },
    **{
        f"{method}-{name}-{breaking}": (
            f"as {method}-{breaking}, {words}",
            recipe,
            {**METHODS[method][1], **BREAKINGS[breaking][1], **changed},
        )
        for methods, breakings, name, words, recipe, changed in _CHANGES
        for method in methods.split()
        for breaking in breakings.split()
    },
}
"""Name to summary, recipe and settings, as :mod:`utils.training.presets` takes them."""
