"""An auto-encoder of turned digits as a task of the training loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from utils.models.baselines import (
    ConvVAE,
    ConvVAEConfig,
    VAEOutput,
    bernoulli_nats,
    gaussian_kl,
    negative_elbo,
)
from utils.training.recipe import Recipe
from utils.training.task import Batch
from utils.training.tasks.rotated_mnist import DigitSettings

__all__ = ["DigitVAE"]


@dataclass(frozen=True)
class DigitVAE(DigitSettings):
    """Learn a code of turned digits without labels, by a variational auto-encoder.

    The digits are those of :class:`utils.training.tasks.rotated_mnist.RotatedMNIST` with the
    same settings; the labels come along and are not used.

    Parameters
    ----------
    preset : str
        Name of the preset.
    recipe : Recipe
        How the network is optimised.
    source, training_size, validation_size, test_size, angles, seed
        As in :class:`utils.training.tasks.rotated_mnist.DigitSettings`.
    beta : float
        Weight of the divergence in the loss, not negative; 1 for the evidence lower bound.
    network : mapping
        Fields of :class:`utils.models.baselines.ConvVAEConfig` that differ from its
        defaults.

    Raises
    ------
    ValueError
        If ``beta`` is negative or not a number, or the settings of the digits are refused.
    """

    preset: str
    recipe: Recipe
    beta: float = 1.0
    network: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "digit-vae"

    def __post_init__(self) -> None:
        """Check the settings of the digits and the weight of the divergence."""
        super().__post_init__()
        if not 0 <= self.beta < float("inf"):
            raise ValueError(f"beta must be a number of at least 0, not {self.beta!r}")

    def configuration(self) -> Mapping[str, Any]:
        """Return the settings of the digits, and the weight in the loss."""
        return {**super().configuration(), "beta": self.beta}

    def build_model(self) -> nn.Module:
        """Build the network with weights from the global random state.

        Returns
        -------
        torch.nn.Module
            A :class:`utils.models.baselines.ConvVAE`.
        """
        return ConvVAE(ConvVAEConfig.from_dict(self.network))

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean negative evidence lower bound, with the weight of the task.

        Parameters
        ----------
        model : torch.nn.Module
            The network.
        batch : tuple of torch.Tensor
            Images and labels; the labels are not used.
        progress : float
            Not used.

        Returns
        -------
        torch.Tensor
            A scalar, in nats per image.
        """
        images, _ = batch
        output: VAEOutput = model(images)
        return negative_elbo(images, *output, beta=self.beta).mean()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the evidence lower bound of each image and its two terms.

        Parameters
        ----------
        model : torch.nn.Module
            The network.
        batch : tuple of torch.Tensor
            Images and labels; the labels are not used.

        Returns
        -------
        mapping of str to torch.Tensor
            ``negative_elbo``, ``reconstruction`` and ``kl``, each of shape ``(B,)``, in nats.
            The first is the sum of the others, whatever weight the loss has.
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
