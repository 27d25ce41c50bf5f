"""A variational autoencoder of digits, and the bound by which any of its kind is trained.

The path through the default network, with the side of the grid::

    image 28 → conv 4×4, stride 2 → 14 → conv 4×4, stride 2 → 7 → linear → mean, log-variance
    code     → linear → 7 → transposed conv 4×4 → 14 → transposed conv 4×4 → 28 → conv 3×3 → logits
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.models.base import Network, NetworkConfig, check_images

__all__ = [
    "ConvVAE",
    "ConvVAEConfig",
    "VAEOutput",
    "bernoulli_nats",
    "gaussian_kl",
    "negative_elbo",
]

IMAGE_SIDE = 28
_LARGEST_LOG_VARIANCE = 8.0
_FIRST_LOGIT = -2.0


class VAEOutput(NamedTuple):
    """What a :class:`~utils.models.baselines.ConvVAE` makes of images, for its loss.

    ``logits`` of the probability of ink, ``(B, 1, 28, 28)``, are decoded from a code that was
    drawn from the posterior of each image: a normal distribution with a diagonal covariance,
    of ``mean`` and ``log_variance``, ``(B, d)`` each.
    """

    logits: Tensor
    mean: Tensor
    log_variance: Tensor


@dataclass(frozen=True)
class ConvVAEConfig(NetworkConfig):
    """The shape of a :class:`~utils.models.baselines.ConvVAE`.

    Parameters
    ----------
    latent : int
        Number ``d`` of entries of the latent code.
    widths : tuple of int
        Channels on the grids of 14 and of 7 pixels a side, in the encoder and in the decoder.
    last : int
        Channels on the grid of 28 pixels, before the last convolution of the decoder.
    """

    network: ClassVar[str] = "convolutional autoencoder"

    latent: int = 16
    widths: tuple[int, int] = (24, 40)
    last: int = 12

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        self._check_widths(2)
        self._check_numbers(latent=1, last=1)


class ConvVAE(Network):
    """A small convolutional variational autoencoder of 28 × 28 digits.

    The encoder gives every image a normal distribution over codes with a diagonal
    covariance, the posterior; the decoder gives every code the probability of ink at each
    pixel. The prior of the codes is the standard normal distribution (Kingma & Welling,
    "Auto-Encoding Variational Bayes", ICLR 2014).

    Notes
    -----
    The log-variance is ``8 tanh(a/8)`` of what the last layer gives, ``a``. Near zero that
    is ``a`` itself; far away it stays within ±8, so that no step of the training can send a
    variance to infinity.

    The bias of the last layer starts at −2, which is ink with probability 0.12 at every
    pixel; about that share of the pixels of a digit is ink. A bias of zero would start from
    grey pictures, and the first steps would be spent on making them dark.

    Examples
    --------
    >>> network = ConvVAE(ConvVAEConfig(latent=3, widths=(2, 2), last=2)).eval()
    >>> mean, log_variance = network.encode(torch.rand(5, 1, 28, 28))
    >>> mean.shape, network.decode(mean).shape
    (torch.Size([5, 3]), torch.Size([5, 1, 28, 28]))
    """

    config: ConvVAEConfig

    def __init__(self, config: ConvVAEConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(ConvVAEConfig, config)
        outer, inner = config.widths
        side = IMAGE_SIDE // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, outer, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(inner * side * side, 2 * config.latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, inner * side * side),
            nn.Unflatten(1, (inner, side, side)),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.ConvTranspose2d(outer, config.last, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(config.last),
            nn.ReLU(),
            nn.Conv2d(config.last, 1, 3, padding=1),
        )
        nn.init.constant_(cast(Tensor, self.decoder[-1].bias), _FIRST_LOGIT)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior of the code of each image: mean and log-variance, ``(B, d)`` each.

        Images have shape ``(B, 1, 28, 28)`` and values in ``[0, 1]``, which turned digits may
        overshoot a little (see :func:`utils.models.base.check_images`). Without gradients and
        in evaluation mode they pass through in pieces, so that the memory needed does not grow
        with their number.
        """
        check_images(images, IMAGE_SIDE)
        mean, raw = self._in_pieces(self.encoder, images).chunk(2, dim=1)
        return mean, _LARGEST_LOG_VARIANCE * torch.tanh(raw / _LARGEST_LOG_VARIANCE)

    def decode(self, z: Tensor) -> Tensor:
        """Return the probability of ink that codes stand for, ``(B, d)`` to ``(B, 1, 28, 28)``."""
        if not isinstance(z, Tensor) or not z.is_floating_point():
            found = z.dtype if isinstance(z, Tensor) else type(z).__name__
            raise TypeError(f"z must be a floating-point tensor of codes, not {found}")
        if z.ndim != 2 or z.shape[1] != self.config.latent:
            raise ValueError(
                f"z must have shape (B, {self.config.latent}), one code a row, not {tuple(z.shape)}"
            )
        return torch.sigmoid(self._in_pieces(self.decoder, z))

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> VAEOutput:
        """Encode images, draw one code from each posterior, and decode it.

        A code is drawn in both modes, since the loss and its value on held-out images are
        expectations over the posterior. For a code and an image without noise use the mean
        of :meth:`encode` and :meth:`decode`.

        The noise comes from ``generator``; without one, from the global random state of PyTorch.
        """
        mean, log_variance = self.encode(images)
        device = mean.device if generator is None else generator.device
        noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype)
        z = mean + torch.exp(log_variance / 2) * noise.to(mean.device)
        return VAEOutput(self._in_pieces(self.decoder, z), mean, log_variance)


def bernoulli_nats(images: Tensor, logits: Tensor) -> Tensor:
    """Return how many nats it costs to describe images by probabilities of ink.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, ...)``; clamped to ``[0, 1]``, since turned digits overshoot a little.
    logits : torch.Tensor
        Same shape: logits of the probability ``p`` of ink at each pixel.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``: ``−Σ x log p + (1 − x) log(1 − p)`` over the pixels. For black and
        white images that is −log of a Bernoulli likelihood. For grey pixels it is the
        cross-entropy to a coin that shows ink with probability ``x``, and its least value,
        at ``p = x``, is then not zero.

    Examples
    --------
    >>> black, undecided = torch.ones(1, 2, 2), torch.zeros(1, 2, 2)
    >>> round(float(bernoulli_nats(black, undecided) / torch.tensor(2.0).log()), 4)  # bits
    4.0
    """
    if images.shape != logits.shape:
        shapes = f"{tuple(images.shape)} and {tuple(logits.shape)}"
        raise ValueError(f"images and logits must have the same shape, not {shapes}")
    each = functional.binary_cross_entropy_with_logits(
        logits.float(), images.float().clamp(0, 1), reduction="none"
    )
    return each.flatten(1).sum(dim=1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of diagonal normal distributions from the standard normal one.

    Parameters
    ----------
    mean, log_variance : torch.Tensor
        Shape ``(B, d)`` each.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``, in nats, not negative: ``½ Σ (μ² + σ² − 1 − log σ²)``
        (Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix B).

    Examples
    --------
    >>> gaussian_kl(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.zeros(2, 2)).tolist()
    [0.0, 2.0]
    """
    if mean.shape != log_variance.shape or mean.ndim != 2:
        shapes = f"{tuple(mean.shape)} and {tuple(log_variance.shape)}"
        raise ValueError(f"mean and log_variance must have the same shape (B, d), not {shapes}")
    mean, log_variance = mean.float(), log_variance.float()
    # expm1 keeps the small divergences of unused dimensions from being rounded below zero.
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance).sum(dim=1)


def negative_elbo(
    images: Tensor, logits: Tensor, mean: Tensor, log_variance: Tensor, beta: float = 1.0
) -> Tensor:
    """Return the negative evidence lower bound of each image, from one drawn code.

    The bound is that of Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014
    (equation 10 with one sample): the cost of the image given its code
    (:func:`bernoulli_nats`) plus the divergence of the posterior from the prior
    (:func:`gaussian_kl`). With ``beta`` other than 1 it is no longer a bound but the loss of
    a β-VAE (Higgins et al., ICLR 2017).

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, 1, 28, 28)``; clamped to ``[0, 1]``.
    logits, mean, log_variance : torch.Tensor
        The fields of the :class:`VAEOutput` of these images.
    beta : float
        Weight of the divergence, not negative.
    """
    if not 0 <= beta < float("inf"):
        raise ValueError(f"beta must be a number of at least 0, not {beta!r}")
    return bernoulli_nats(images, logits) + beta * gaussian_kl(mean, log_variance)
