"""A classifier of digits made of ordinary convolutions.

The path of an image through the default network, with the side of the grid::

    image 28 → conv 3×3 → 28 → pool → 14
             → conv 3×3 → 14 → pool →  7
             → conv 3×3 →  7 → pool →  3
             → conv 3×3 →  1   the latent code: 24 numbers
             → MLP → logits
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from utils.models.base import Network, NetworkConfig, WindowMaximum, check_images

__all__ = ["PlainCNN", "PlainCNNConfig"]

IMAGE_SIDE = 28


@dataclass(frozen=True)
class PlainCNNConfig(NetworkConfig):
    """The shape of a :class:`~utils.models.baselines.PlainCNN`.

    Parameters
    ----------
    widths : tuple of int
        Channels after the first, second and third convolution.
    latent : int
        Number ``d`` of entries of the latent code.
    hidden, classes : int
        Widths of the classifier.
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

    Examples
    --------
    >>> import torch
    >>> network = PlainCNN(PlainCNNConfig(widths=(2, 3, 4), latent=5)).eval()
    >>> images = torch.zeros(6, 1, 28, 28)
    >>> network.encode(images).shape, network(images).shape
    (torch.Size([6, 5]), torch.Size([6, 10]))
    """

    config: PlainCNNConfig

    def __init__(self, config: PlainCNNConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(PlainCNNConfig, config)
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 1
        for number, width in enumerate(config.widths, start=1):
            stages[f"conv{number}"] = nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            )
            stages[f"relu{number}"] = nn.ReLU()
            # From 7 pixels a window of two would leave out the last row and column.
            stages[f"pool{number}"] = WindowMaximum(3 if number == 3 else 2, stride=2)
            channels = width
        stages["code"] = nn.Sequential(nn.Conv2d(channels, config.latent, 3), nn.Flatten())
        self.stages = nn.Sequential(stages)
        self.classifier = nn.Sequential(
            nn.Linear(config.latent, config.hidden),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.classes),
        )

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return what every stage makes of images, for a look at one layer after another.

        Returns
        -------
        dict of str to torch.Tensor
            Name of the stage to its output, in the order of computation: the feature maps of
            :attr:`stages`, each of shape ``(B, C, H, W)``, then ``code`` of shape ``(B, d)``
            and ``logits`` of shape ``(B, classes)``. Gradients flow through all of them.
        """
        check_images(images, IMAGE_SIDE)
        found: dict[str, Tensor] = {}
        tensor = images
        for name, stage in self.stages.named_children():
            tensor = found[name] = stage(tensor)
        found["logits"] = self.classifier(tensor)
        return found

    def encode(self, images: Tensor) -> Tensor:
        """Return the latent codes of images, ``(B, 1, 28, 28)`` to ``(B, d)``.

        Values lie in ``[0, 1]``; turned digits may overshoot that range a little (see
        :func:`utils.models.base.check_images`). Without gradients and in evaluation mode the
        images pass through in pieces, so that the memory needed does not grow with their number.
        """
        check_images(images, IMAGE_SIDE)
        return self._in_pieces(self.stages, images)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images as :meth:`encode` takes them: logits of shape ``(B, classes)``."""
        return self.classifier(self.encode(images))
