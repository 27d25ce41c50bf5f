r"""A variational auto-encoder that learns what a turn does to its codes.

Beside encoder and decoder there is an auxiliary network: given a code and a turn, it predicts
the posterior of the turned picture. Nothing makes its predictions a group action; how far they
are from one can be measured.

This is a reading of the *abstract* of Kuzminykh, Kushnareva, Grigoryev & Zatolokin,
"Category-Learning with Context-Augmented Autoencoder" (arXiv 2010.05007): the paper itself was
not at hand, and neither was code. The losses are in :mod:`utils.training.tasks.digit_context`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from utils.models.base import Network, NetworkConfig, check_images

__all__ = ["ContextOutput", "ContextVAE", "ContextVAEConfig", "Posterior"]

_LARGEST_LOG_VARIANCE = 8.0


class Posterior(NamedTuple):
    """A diagonal normal distribution over codes: mean and log-variance, ``(B, d)`` each."""

    mean: Tensor
    log_variance: Tensor

    def draw(self) -> Tensor:
        """Draw a code from each, with the global random state."""
        noise = torch.randn_like(self.mean)
        return self.mean + (self.log_variance / 2).exp() * noise


class ContextOutput(NamedTuple):
    """What the loss of a :class:`ContextVAE` needs of pictures and of their turned copies.

    ``logits`` and ``turned_logits`` of the probability of ink are decoded from codes drawn from
    the posteriors ``here`` and ``there``; ``predicted`` is what the auxiliary network makes of
    the code drawn from ``here``, and ``predicted_logits`` are decoded from its mean.
    """

    logits: Tensor
    turned_logits: Tensor
    predicted_logits: Tensor
    here: Posterior
    there: Posterior
    predicted: Posterior


@dataclass(frozen=True)
class ContextVAEConfig(NetworkConfig):
    """The shape of a :class:`ContextVAE`: pixels a side, numbers of a code, hidden units."""

    network: ClassVar[str] = "context-augmented auto-encoder"

    side: int = 14
    latent: int = 16
    width: int = 128

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(side=2, latent=1, width=1)


class ContextVAE(Network):
    """A perceptron for a variational auto-encoder, and one for what turns do to its codes.

    Examples
    --------
    >>> network = ContextVAE(ContextVAEConfig(latent=3)).eval()
    >>> z = network.encode(torch.rand(5, 1, 14, 14)).mean
    >>> half = network.act(network.act(z, 180.0).mean, 180.0).mean
    >>> half.shape, torch.allclose(half, z)  # no group unless it has learned to be one
    (torch.Size([5, 3]), False)
    """

    config: ContextVAEConfig

    def __init__(self, config: ContextVAEConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(ContextVAEConfig, config)
        pixels, width, latent = config.side**2, config.width, config.latent
        self.encoder = _perceptron(pixels, width, 2 * latent)
        self.decoder = _perceptron(latent, width, pixels)
        self.action = _perceptron(latent + 2, width, 2 * latent)

    def encode(self, images: Tensor) -> Posterior:
        """Return the posterior of each picture, ``(B, 1, side, side)``."""
        check_images(images, self.config.side)
        return _posterior(self.encoder(images.flatten(1)))

    def act(self, z: Tensor, degrees: Tensor | float) -> Posterior:
        """Predict the posteriors of the pictures turned counter-clockwise by so many degrees.

        Parameters
        ----------
        z : torch.Tensor
            Codes, shape ``(B, d)``.
        degrees : torch.Tensor or float
            One angle, or one for each, shape ``(B,)``.
        """
        if z.ndim != 2 or z.shape[1] != self.config.latent:
            raise ValueError(
                f"z must have shape (B, {self.config.latent}), one code a row, not {tuple(z.shape)}"
            )
        angles = torch.as_tensor(degrees, dtype=z.dtype, device=z.device).deg2rad()
        turn = torch.stack([angles.cos(), angles.sin()], -1).expand(len(z), 2)
        return _posterior(self.action(torch.cat([z, turn], 1)))

    def logits(self, z: Tensor) -> Tensor:
        """Return logits of the probability of ink, ``(B, d)`` to ``(B, 1, side, side)``."""
        side = self.config.side
        picture: Tensor = self.decoder(z)
        return picture.reshape(-1, 1, side, side)

    def decode(self, z: Tensor) -> Tensor:
        """Return the probability of ink, ``(B, d)`` to ``(B, 1, side, side)``."""
        return torch.sigmoid(self.logits(z))

    def forward(self, images: Tensor, turned: Tensor, degrees: Tensor) -> ContextOutput:
        """Encode pictures and their turned copies, predict the second from the first, decode."""
        here, there = self.encode(images), self.encode(turned)
        z = here.draw()
        predicted = self.act(z, degrees)
        seen, turned_seen, expected = self.logits(
            torch.cat([z, there.draw(), predicted.mean])
        ).chunk(3)
        return ContextOutput(seen, turned_seen, expected, here, there, predicted)


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def _posterior(raw: Tensor) -> Posterior:
    """Split what a network gives; the log-variance is bounded softly."""
    mean, spread = raw.chunk(2, dim=1)
    return Posterior(mean, _LARGEST_LOG_VARIANCE * torch.tanh(spread / _LARGEST_LOG_VARIANCE))
