"""An autoencoder of turned digits as a task of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from utils.models.base import Network
from utils.models.baselines import (
    ConvVAE,
    VAEOutput,
    bernoulli_nats,
    gaussian_kl,
    negative_elbo,
)
from utils.training.task import Batch
from utils.training.tasks.digits import DigitTask

__all__ = ["DigitVAE"]


@dataclass(frozen=True, kw_only=True)
class DigitVAE(DigitTask):
    """Learn a code of turned digits without labels, by a variational autoencoder.

    The labels come along and are not used. Beside this parameter it has those of
    :class:`utils.training.tasks.digits.DigitTask`.

    Parameters
    ----------
    beta : float
        Weight of the divergence in the loss, not negative; 1 for the evidence lower bound.
    """

    name = "digit-vae"
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Check the settings of the digits and the weight of the divergence."""
        super().__post_init__()
        self._check_weight("beta")

    def configuration(self) -> Mapping[str, Any]:
        """Return the settings of the digits, and the weight in the loss."""
        return {**super().configuration(), "beta": self.beta}

    def network_class(self) -> type[Network]:
        """Return :class:`utils.models.baselines.ConvVAE`."""
        return ConvVAE

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean negative evidence lower bound, in nats, with the weight of the task."""
        images, _ = batch
        output: VAEOutput = model(images)
        return negative_elbo(images, *output, beta=self.beta).mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return ``negative_elbo`` of each image and its terms ``reconstruction`` and ``kl``.

        All are in nats. The first is the sum of the others, whatever weight the loss has.
        """
        images, _ = batch
        output: VAEOutput = model(images)
        reconstruction = bernoulli_nats(images, output.logits)
        divergence = gaussian_kl(output.mean, output.log_variance)
        return {
            "negative_elbo": reconstruction + divergence,
            "reconstruction": reconstruction,
            "kl": divergence,
        }
