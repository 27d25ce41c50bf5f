r"""Digits whose turns are learned beside their codes, as a task of the training loop.

With :math:`q` the posterior of a picture, :math:`z` a draw from it and :math:`a_k` the auxiliary
network, the methods minimise the negative evidence lower bounds of a picture and of its copy
turned by ``k`` steps, with the weight `beta` on the divergence, and

* ``plain``: nothing more.
* ``divergence``: the divergence of the posterior of the turned picture from the predicted one,
  :math:`\mathrm{KL}(q(\cdot\mid g^k x)\,\Vert\,a_k(z))`, times `weight`.
* ``decoding``: what it costs to describe the turned picture by what the mean of the prediction
  decodes to, times `weight`.

This is our reading of the abstract of Kuzminykh, Kushnareva, Grigoryev & Zatolokin,
"Category-Learning with Context-Augmented Autoencoder" (arXiv 2010.05007), by which an auxiliary
network has to predict the outcome of a transformation from the hidden representation. The authors'
own loss was not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils._checks import check_choice
from utils.data.mnist import DigitOrbits
from utils.models.base import Network
from utils.models.context_vae import ContextVAE, Posterior
from utils.training.recipe import require_whole
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, NetworkTask, Split
from utils.training.tasks.orbits import OrbitDigits, OrbitSource, orbit_digits

__all__ = ["Auxiliary", "DigitContext", "DigitContextData"]

Auxiliary = Literal["plain", "divergence", "decoding"]
"""What the auxiliary network is trained with."""

_POSES = 1  # stream of random numbers within an epoch
_SETTINGS = ("auxiliary", "beta", "weight", "training_size", "source")


@dataclass(frozen=True)
class DigitContextData:
    """Small digits in one pose an epoch, and in another, with the turn between the two.

    Parameters
    ----------
    digits : OrbitDigits
    seed : int
        Seed of the poses.
    """

    digits: OrbitDigits
    seed: int

    @property
    def training_size(self) -> int:
        """Number of training digits."""
        return len(self.digits.train)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Checksum, sizes and seeds."""
        return self.digits.facts

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return pictures and turned ones, ``(B, 1, 14, 14)``, and degrees, ``(B,)``."""
        orbits = self.digits.train
        generator = epoch_generator(self.seed, epoch, _POSES)
        poses, steps = torch.randint(orbits.order, (2, len(orbits)), generator=generator)[:, rows]
        images, turned = (orbits.images[rows, at % orbits.order] for at in (poses, poses + steps))
        return images, turned, steps * (360.0 / orbits.order)

    def evaluation(self, split: Split) -> Batch:
        """Return pictures as given, turned copies, degrees, and the variance of all pixels."""
        orbits: DigitOrbits = getattr(self.digits, split)
        variance = orbits.images.flatten(0, 1).flatten(1).var(0, unbiased=False).sum()
        number = torch.arange(len(orbits))
        steps = 1 + number % (orbits.order - 1)
        turned = orbits.images[number, steps]
        degrees = steps * (360.0 / orbits.order)
        return orbits.images[:, 0], turned, degrees, variance.expand(len(orbits))


@dataclass(frozen=True, kw_only=True)
class DigitContext(NetworkTask):
    """Learn codes of digits, and what a turn does to them.

    Beside these parameters it has those of :class:`utils.training.task.NetworkTask`.

    Parameters
    ----------
    auxiliary : {"plain", "divergence", "decoding"}
        What the auxiliary network is trained with; see :mod:`utils.training.tasks.digit_context`.
    beta : float
        Weight of the divergence from the prior, not negative.
    weight : float
        Weight of the term of the auxiliary network, not negative.
    training_size : int
        How many digits.
    source : {"mnist", "small"}
        Which digits; see :func:`utils.training.tasks.orbits.orbit_digits`.
    """

    name = "digit-context"
    auxiliary: Auxiliary = "divergence"
    beta: float = 0.5
    weight: float = 0.5
    training_size: int = 6_000
    source: OrbitSource = "mnist"

    def __post_init__(self) -> None:
        """Check every setting."""
        check_choice(self.auxiliary, "auxiliary", get_args(Auxiliary))
        require_whole(self.training_size, "training_size")
        check_choice(self.source, "source", get_args(OrbitSource))
        for name in ("beta", "weight"):
            self._check_weight(name)
        super().__post_init__()

    def configuration(self) -> Mapping[str, Any]:
        """Return every setting beside recipe and network."""
        return {name: getattr(self, name) for name in _SETTINGS}

    def network_class(self) -> type[Network]:
        """Return :class:`utils.models.context_vae.ContextVAE`."""
        return ContextVAE

    def load_data(self) -> DigitContextData:
        """Load the digits and turn them; it takes some seconds."""
        return DigitContextData(orbit_digits(self.training_size, self.source), self.seed)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean over pictures; see :mod:`utils.training.tasks.digit_context`."""
        images, turned, degrees = batch
        found = model(images, turned, degrees)
        seen = torch.cat([images, turned])
        nats = _ink_nats(seen, torch.cat([found.logits, found.turned_logits]))
        divergence = torch.cat([_divergence(found.here), _divergence(found.there)])
        total = (nats + self.beta * divergence).unflatten(0, (2, -1)).mean(0)
        if self.auxiliary == "divergence":
            total = total + self.weight * _divergence(found.there, found.predicted)
        if self.auxiliary == "decoding":
            total = total + self.weight * _ink_nats(turned, found.predicted_logits)
        return total.mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return squared errors over the variance of the pixels, from means of posteriors.

        ``error`` is of what comes back; ``rendering`` of the turned picture, decoded from what the
        auxiliary network makes of the code.
        """
        images, turned, degrees, variance = batch
        network: Any = model
        z = network.encode(images).mean
        drawn, moved = network.decode(z), network.decode(network.act(z, degrees).mean)
        return {
            "error": (drawn - images).flatten(1).square().sum(1) / variance,
            "rendering": (moved - turned).flatten(1).square().sum(1) / variance,
        }


def _ink_nats(images: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy of pictures, clamped to [0, 1], with probabilities of ink."""
    return (
        functional.binary_cross_entropy_with_logits(logits, images.clamp(0, 1), reduction="none")
        .flatten(1)
        .sum(1)
    )


def _divergence(one: Posterior, other: Posterior | None = None) -> Tensor:
    """Return KL(one || other) in nats, ``(B,)``; the other is standard normal if not given."""
    mean, log_variance = (0.0, torch.zeros_like(one.mean)) if other is None else other
    ratio = one.log_variance - log_variance
    apart = (one.mean - mean).square() * torch.exp(-log_variance)
    return 0.5 * (ratio.exp() - 1 - ratio + apart).sum(1)
