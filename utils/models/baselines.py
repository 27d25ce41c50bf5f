"""Ordinary networks for digits, with no rotation symmetry built in.

They are what the rotation network of :mod:`utils.models.rotation_cnn` is compared with. A
convolution commutes with shifts of the image, and nothing here commutes with turns: whatever
these networks know about rotations they have learned from turned digits.

:class:`PlainCNN` classifies digits and has about as many parameters as the C8 network of the
book. :class:`ConvVAE` is a variational auto-encoder (Kingma & Welling, "Auto-Encoding
Variational Bayes", ICLR 2014): it learns a code of a digit without labels, from nothing but
the wish to draw the digit again.

The path of an image through the default classifier, with the side of the grid::

    image 28 → conv 3×3 → 28 → pool → 14
             → conv 3×3 → 14 → pool →  7
             → conv 3×3 →  7 → pool →  3
             → conv 3×3 →  1   the latent code: 24 numbers
             → MLP → logits

and through the default auto-encoder::

    image 28 → conv 4×4, stride 2 → 14 → conv 4×4, stride 2 → 7 → linear → mean, log-variance
    code     → linear → 7 → transposed conv 4×4 → 14 → transposed conv 4×4 → 28 → conv 3×3 → logits

Neither code has a nonlinearity after it, so its entries take both signs.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.models.base import Network, NetworkConfig, WindowMaximum, check_images

__all__ = [
    "ConvVAE",
    "ConvVAEConfig",
    "PlainCNN",
    "PlainCNNConfig",
    "VAEOutput",
    "bernoulli_nats",
    "gaussian_kl",
    "negative_elbo",
]

IMAGE_SIDE = 28
_LARGEST_LOG_VARIANCE = 8.0
_FIRST_LOGIT = -2.0


# ---------------------------------------------------------------- the classifier


@dataclass(frozen=True)
class PlainCNNConfig(NetworkConfig):
    """The shape of a :class:`PlainCNN`.

    Parameters
    ----------
    widths : tuple of int
        Number of channels after the first, second and third convolution.
    latent : int
        Number of entries of the latent code.
    hidden : int
        Width of the hidden layer of the classifier.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If a number is not an integer, or if ``widths`` is not a sequence of integers.
    ValueError
        If a value lies outside its range.
    """

    network: ClassVar[str] = "plain network"

    widths: tuple[int, int, int] = (12, 24, 36)
    latent: int = 24
    hidden: int = 64
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        self._check_widths(3)
        self._check_numbers(latent=1, hidden=1, classes=2)


class PlainCNN(Network):
    """A digit classifier made of ordinary convolutions.

    Parameters
    ----------
    config : PlainCNNConfig, optional
        The shape of the network. The default has 20,798 parameters, 6 % more than the C8
        network of the book.

    Attributes
    ----------
    stages : torch.nn.Sequential
        The layers from the image to the code, by name: ``conv1`` (with its batch norm),
        ``relu1``, ``pool1``, and so on to ``pool3``, then ``code``. Applied one after the
        other they give what :meth:`encode` gives; :meth:`features` keeps what lies between.
    classifier : torch.nn.Sequential
        The layers from the code to the logits.

    Raises
    ------
    TypeError
        If ``config`` is not a :class:`PlainCNNConfig`.
    """

    config: PlainCNNConfig

    def __init__(self, config: PlainCNNConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(PlainCNNConfig, config)
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 1
        for number, width in enumerate(self.config.widths, start=1):
            stages[f"conv{number}"] = nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            )
            stages[f"relu{number}"] = nn.ReLU()
            # From 7 pixels a window of two would leave out the last row and column.
            stages[f"pool{number}"] = WindowMaximum(3 if number == 3 else 2, stride=2)
            channels = width
        stages["code"] = nn.Sequential(nn.Conv2d(channels, self.config.latent, 3), nn.Flatten())
        self.stages = nn.Sequential(stages)
        self.classifier = nn.Sequential(
            nn.Linear(self.config.latent, self.config.hidden),
            nn.BatchNorm1d(self.config.hidden),
            nn.ReLU(),
            nn.Linear(self.config.hidden, self.config.classes),
        )

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return what every stage makes of images, for a look at one layer after another.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``, values in ``[0, 1]``.

        Returns
        -------
        dict of str to torch.Tensor
            Name of the stage to its output, in the order of computation: the feature maps of
            :attr:`stages`, each of shape ``(B, C, H, W)``, then ``code`` of shape ``(B, d)``
            and ``logits`` of shape ``(B, classes)``. Gradients flow through all of them.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        check_images(images, IMAGE_SIDE)
        found: dict[str, Tensor] = {}
        tensor = images
        for name, stage in self.stages.named_children():
            tensor = found[name] = stage(tensor)
        found["logits"] = self.classifier(tensor)
        return found

    def encode(self, images: Tensor) -> Tensor:
        """Return the latent codes of images.

        Without gradients and in evaluation mode the images pass through in pieces, so that
        the memory needed does not grow with their number.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``, values in ``[0, 1]``. Turned digits may overshoot that
            range a little, as :func:`utils.data.mnist.rotate` leaves them.

        Returns
        -------
        torch.Tensor
            Shape ``(B, d)`` with ``d`` the ``latent`` of the configuration.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        check_images(images, IMAGE_SIDE)
        return self._in_pieces(self.stages, images)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``, values in ``[0, 1]``.

        Returns
        -------
        torch.Tensor
            Logits of shape ``(B, classes)``.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        return self.classifier(self.encode(images))


# ---------------------------------------------------------------- the auto-encoder


class VAEOutput(NamedTuple):
    """What a :class:`ConvVAE` makes of images, and all that its loss needs.

    Parameters
    ----------
    logits : torch.Tensor
        Shape ``(B, 1, 28, 28)``: logits of the probability of ink, decoded from a code that
        was drawn from the posterior.
    mean, log_variance : torch.Tensor
        Shape ``(B, d)``: the posterior of each image, a normal distribution with a diagonal
        covariance.
    """

    logits: Tensor
    mean: Tensor
    log_variance: Tensor


@dataclass(frozen=True)
class ConvVAEConfig(NetworkConfig):
    """The shape of a :class:`ConvVAE`.

    Parameters
    ----------
    latent : int
        Number of entries of the latent code.
    widths : tuple of int
        Number of channels on the grids of 14 and of 7 pixels a side, in the encoder and in
        the decoder.
    last : int
        Number of channels on the grid of 28 pixels, before the last convolution of the
        decoder.

    Raises
    ------
    TypeError
        If a number is not an integer, or if ``widths`` is not a sequence of integers.
    ValueError
        If a value lies outside its range.
    """

    network: ClassVar[str] = "convolutional auto-encoder"

    latent: int = 16
    widths: tuple[int, int] = (24, 40)
    last: int = 12

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        self._check_widths(2)
        self._check_numbers(latent=1, last=1)


class ConvVAE(Network):
    """A small convolutional variational auto-encoder of 28 × 28 digits.

    The encoder gives every image a normal distribution over codes with a diagonal
    covariance, the posterior; the decoder gives every code the probability of ink at each
    pixel. The prior of the codes is the standard normal distribution (Kingma & Welling,
    "Auto-Encoding Variational Bayes", ICLR 2014).

    Parameters
    ----------
    config : ConvVAEConfig, optional
        The shape of the network.

    Raises
    ------
    TypeError
        If ``config`` is not a :class:`ConvVAEConfig`.

    Notes
    -----
    The log-variance is ``8 tanh(a/8)`` of what the last layer gives, ``a``. Near zero that
    is ``a`` itself; far away it stays within ±8, so that no step of the training can send a
    variance to infinity.

    The bias of the last layer starts at −2, which is ink with probability 0.12 at every
    pixel; about that share of the pixels of a digit is ink. A bias of zero would start from
    grey pictures, and the first steps would be spent on making them dark.
    """

    config: ConvVAEConfig

    def __init__(self, config: ConvVAEConfig | None = None) -> None:
        super().__init__()
        self.config = self._configured(ConvVAEConfig, config)
        outer, inner = self.config.widths
        side = IMAGE_SIDE // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, outer, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(inner * side * side, 2 * self.config.latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(self.config.latent, inner * side * side),
            nn.Unflatten(1, (inner, side, side)),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.ConvTranspose2d(outer, self.config.last, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(self.config.last),
            nn.ReLU(),
            nn.Conv2d(self.config.last, 1, 3, padding=1),
        )
        nn.init.constant_(cast(Tensor, self.decoder[-1].bias), _FIRST_LOGIT)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior of the code of each image.

        Without gradients and in evaluation mode the images pass through in pieces, so that
        the memory needed does not grow with their number.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``, values in ``[0, 1]``. Turned digits may overshoot that
            range a little, as :func:`utils.data.mnist.rotate` leaves them.

        Returns
        -------
        mean, log_variance : torch.Tensor
            Shape ``(B, d)`` each, with ``d`` the ``latent`` of the configuration. The
            log-variance lies between −8 and 8.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        check_images(images, IMAGE_SIDE)
        mean, raw = self._in_pieces(self.encoder, images).chunk(2, dim=1)
        return mean, _LARGEST_LOG_VARIANCE * torch.tanh(raw / _LARGEST_LOG_VARIANCE)

    def decode(self, z: Tensor) -> Tensor:
        """Return the images that codes stand for.

        Parameters
        ----------
        z : torch.Tensor
            Codes of shape ``(B, d)``, floating point.

        Returns
        -------
        torch.Tensor
            Probability of ink at each pixel, shape ``(B, 1, 28, 28)``, between 0 and 1.

        Raises
        ------
        TypeError
            If ``z`` is not a floating-point tensor.
        ValueError
            If ``z`` has another shape.
        """
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

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``, values in ``[0, 1]``.
        generator : torch.Generator, optional
            Source of the noise; without it, the global random state of PyTorch.

        Returns
        -------
        VAEOutput
            Logits of the drawn codes, and the posteriors.

        Raises
        ------
        TypeError
            If ``images`` is not a floating-point tensor.
        ValueError
            If the shape of ``images`` is another one, or if a value is not finite or far
            outside ``[0, 1]`` (see :func:`utils.models.base.check_images`).
        """
        mean, log_variance = self.encode(images)
        device = mean.device if generator is None else generator.device
        noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype)
        z = mean + torch.exp(log_variance / 2) * noise.to(mean.device)
        return VAEOutput(self._in_pieces(self.decoder, z), mean, log_variance)


# ---------------------------------------------------------------- the loss of the auto-encoder


def bernoulli_nats(images: Tensor, logits: Tensor) -> Tensor:
    """Return how many nats it costs to describe images by probabilities of ink.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, ...)``; clamped to ``[0, 1]``, since turned digits overshoot a little.
    logits : torch.Tensor
        Same shape: logits of the probability of ink at each pixel.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``: ``−Σ x log p + (1 − x) log(1 − p)`` over the pixels. For black and
        white images that is −log of a Bernoulli likelihood. For grey pixels it is the
        cross-entropy to a coin that shows ink with probability ``x``, and its least value,
        at ``p = x``, is then not zero.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if images.shape != logits.shape:
        raise ValueError(
            f"images and logits must have the same shape, not {tuple(images.shape)} and "
            f"{tuple(logits.shape)}"
        )
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

    Raises
    ------
    ValueError
        If the shapes differ or are not ``(B, d)``.
    """
    if mean.shape != log_variance.shape or mean.ndim != 2:
        raise ValueError(
            f"mean and log_variance must have the same shape (B, d), not {tuple(mean.shape)} and "
            f"{tuple(log_variance.shape)}"
        )
    mean, log_variance = mean.float(), log_variance.float()
    # expm1 keeps the small divergences of unused dimensions from being rounded below zero.
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance).sum(dim=1)


def negative_elbo(
    images: Tensor, logits: Tensor, mean: Tensor, log_variance: Tensor, beta: float = 1.0
) -> Tensor:
    """Return the negative evidence lower bound of each image, from one drawn code.

    The bound is that of Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014
    (equation 10 with one sample): the cost of the image given its code plus the divergence
    of the posterior from the prior. With ``beta`` other than 1 it is no longer a bound but
    the loss of a β-VAE (Higgins et al., ICLR 2017).

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, 1, 28, 28)``; clamped to ``[0, 1]``.
    logits, mean, log_variance : torch.Tensor
        The fields of the :class:`VAEOutput` of these images.
    beta : float
        Weight of the divergence, not negative.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``, in nats.

    Raises
    ------
    ValueError
        If the shapes do not fit, or ``beta`` is negative or not a number.

    See Also
    --------
    bernoulli_nats, gaussian_kl : The two terms.
    """
    if not 0 <= beta < float("inf"):
        raise ValueError(f"beta must be a number of at least 0, not {beta!r}")
    return bernoulli_nats(images, logits) + beta * gaussian_kl(mean, log_variance)
