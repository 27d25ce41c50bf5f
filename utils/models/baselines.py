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
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

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
_CHUNK = 256
_LARGEST_LOG_VARIANCE = 8.0
_Config = TypeVar("_Config", "PlainCNNConfig", "ConvVAEConfig")


# ---------------------------------------------------------------- checks shared by both


def _check_numbers(config: Any, numbers: Mapping[str, int], widths: int) -> None:
    """Check the widths and the whole numbers of a configuration, given with their least values."""
    if not isinstance(config.widths, (tuple, list)):
        raise TypeError(f"widths must be {widths} integers, not {config.widths!r}")
    object.__setattr__(config, "widths", tuple(config.widths))
    if len(config.widths) != widths:
        raise ValueError(
            f"widths must have {widths} entries, one for each inner convolution, but "
            f"{config.widths!r} has {len(config.widths)}"
        )
    values = {f"widths[{i}]": (width, 1) for i, width in enumerate(config.widths)}
    values |= {name: (getattr(config, name), least) for name, least in numbers.items()}
    for name, (value, least) in values.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an integer, not {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")


def _from_dict(cls: type[_Config], values: Mapping[str, Any], network: str) -> _Config:
    known = [field.name for field in fields(cls)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"unknown field {unknown[0]!r} in the configuration of the {network}; "
            f"the fields are {', '.join(known)}"
        )
    return cls(**dict(values))


def _check_images(images: Tensor) -> None:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(
            f"images must be a floating-point tensor with values in [0, 1], not {found}"
        )
    if images.ndim != 4 or tuple(images.shape[1:]) != (1, IMAGE_SIDE, IMAGE_SIDE):
        raise ValueError(
            f"images must have shape (B, 1, {IMAGE_SIDE}, {IMAGE_SIDE}), not {tuple(images.shape)}"
        )


class _Baseline(nn.Module):
    """What the networks of this module share: passing in pieces, and checkpoints."""

    _what = "network"

    def _in_pieces(self, compute: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """Apply a map row by row; in evaluation without gradients, to a part at a time."""
        if not self.training and not torch.is_grad_enabled() and len(batch) > _CHUNK:
            return torch.cat([compute(part) for part in batch.split(_CHUNK)])
        return compute(batch)

    def checkpoint_state(self) -> dict[str, Tensor]:
        """Return what was learned: parameters and batch-norm statistics.

        Returns
        -------
        dict of str to torch.Tensor
            Contiguous copies on the CPU.
        """
        return {
            name: tensor.detach().cpu().clone().contiguous()
            for name, tensor in self.state_dict().items()
        }

    def load_checkpoint_state(self, state: Mapping[str, Tensor]) -> None:
        """Load what :meth:`checkpoint_state` returned.

        The network stays in the mode it was in. Nothing is changed if the state does not
        fit.

        Parameters
        ----------
        state : mapping of str to torch.Tensor
            Every key of :meth:`checkpoint_state`, and no other.

        Raises
        ------
        ValueError
            If a key is missing or unexpected, or if a tensor has the wrong shape.
        """
        own = self.state_dict()
        missing = sorted(set(own) - set(state))
        unexpected = sorted(set(state) - set(own))
        wrong = ""
        if missing or unexpected:
            kind, names = ("lacks", missing) if missing else ("has the unexpected", unexpected)
            wrong = f"it {kind} {names[0]!r} (and {len(names) - 1} more)"
        else:
            for name, tensor in own.items():
                if state[name].shape != tensor.shape:
                    wrong = (
                        f"{name!r} has shape {tuple(state[name].shape)}, expected "
                        f"{tuple(tensor.shape)}"
                    )
                    break
        if wrong:
            raise ValueError(
                f"the checkpoint does not belong to a {self._what} of this configuration: "
                f"{wrong}; make the network from the configuration stored with the checkpoint"
            )
        self.load_state_dict(dict(state), strict=True)


# ---------------------------------------------------------------- the classifier


@dataclass(frozen=True)
class PlainCNNConfig:
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

    widths: tuple[int, int, int] = (12, 24, 36)
    latent: int = 24
    hidden: int = 64
    classes: int = 10

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        _check_numbers(self, {"latent": 1, "hidden": 1, "classes": 2}, widths=3)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold.

        Returns
        -------
        dict
            Field name to value, with ``widths`` as a list.
        """
        return {**asdict(self), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlainCNNConfig:
        """Make a configuration from a dictionary, as :meth:`to_dict` returns it.

        Parameters
        ----------
        values : mapping
            Field name to value. Fields that are absent keep their defaults.

        Returns
        -------
        PlainCNNConfig
            The configuration.

        Raises
        ------
        ValueError
            If a name is not a field, or a value is outside its range.
        """
        return _from_dict(cls, values, "plain network")


class PlainCNN(_Baseline):
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

    _what = "plain network"

    def __init__(self, config: PlainCNNConfig | None = None) -> None:
        super().__init__()
        self.config = config if config is not None else PlainCNNConfig()
        if not isinstance(self.config, PlainCNNConfig):
            raise TypeError(
                f"a PlainCNN is made from a PlainCNNConfig, not a {type(config).__name__}"
            )
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 1
        for number, width in enumerate(self.config.widths, start=1):
            stages[f"conv{number}"] = nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            )
            stages[f"relu{number}"] = nn.ReLU()
            # From 7 pixels a window of two would leave out the last row and column.
            stages[f"pool{number}"] = nn.MaxPool2d(3 if number == 3 else 2, stride=2)
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
            If the shape of ``images`` is another one.
        """
        _check_images(images)
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
            If the shape of ``images`` is another one.
        """
        _check_images(images)
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
            If the shape of ``images`` is another one.
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
class ConvVAEConfig:
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

    latent: int = 16
    widths: tuple[int, int] = (24, 40)
    last: int = 12

    def __post_init__(self) -> None:
        """Check every field, and turn a list of widths (from JSON) into a tuple."""
        _check_numbers(self, {"latent": 1, "last": 1}, widths=2)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold.

        Returns
        -------
        dict
            Field name to value, with ``widths`` as a list.
        """
        return {**asdict(self), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ConvVAEConfig:
        """Make a configuration from a dictionary, as :meth:`to_dict` returns it.

        Parameters
        ----------
        values : mapping
            Field name to value. Fields that are absent keep their defaults.

        Returns
        -------
        ConvVAEConfig
            The configuration.

        Raises
        ------
        ValueError
            If a name is not a field, or a value is outside its range.
        """
        return _from_dict(cls, values, "auto-encoder")


class ConvVAE(_Baseline):
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
    """

    _what = "convolutional auto-encoder"

    def __init__(self, config: ConvVAEConfig | None = None) -> None:
        super().__init__()
        self.config = config if config is not None else ConvVAEConfig()
        if not isinstance(self.config, ConvVAEConfig):
            raise TypeError(
                f"a ConvVAE is made from a ConvVAEConfig, not a {type(config).__name__}"
            )
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
            If the shape of ``images`` is another one.
        """
        _check_images(images)
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
            If the shape of ``images`` is another one.
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
