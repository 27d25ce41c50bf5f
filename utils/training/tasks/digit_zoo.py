"""Small classifiers of digits, trained with and without augmentation, as a task of the loop.

One task makes every network of the zoo: the networks of :mod:`utils.models.zoo` and the
rotation network of :mod:`utils.models.rotation_cnn`. Whatever a network was trained on, it is
measured on the same digits twice, upright and turned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.data.mnist import Digits
from utils.training.recipe import Recipe
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, Split
from utils.training.tasks.rotated_mnist import DigitSettings, Part, RotatedDigitsData

__all__ = ["DigitZoo", "Species", "ZooData", "shifted"]

Species = Literal["cnn", "mlp", "mixer", "vit", "c8"]
"""Which network: one of :mod:`utils.models.zoo`, or the rotation network."""

_SHIFTS = 2  # stream of random numbers within an epoch; 1 are the rotations


def shifted(images: Tensor, shifts: Tensor) -> Tensor:
    """Shift every image by whole pixels; zeros come in from outside.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, H, W)``.
    shifts : torch.Tensor
        Shape ``(B, 2)``, int64: pixels downwards and to the right, for each image.

    Returns
    -------
    torch.Tensor
        Same shape.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    if images.ndim != 4 or tuple(shifts.shape) != (len(images), 2):
        raise ValueError(
            f"images must have shape (B, C, H, W) and shifts shape (B, 2), not "
            f"{tuple(images.shape)} and {tuple(shifts.shape)}"
        )
    frame = int(shifts.abs().max()) if len(shifts) else 0
    height, width = images.shape[2:]
    rows = torch.arange(height) + frame - shifts[:, :1]
    columns = torch.arange(width) + frame - shifts[:, 1:]
    each = torch.arange(len(images))[:, None, None]
    framed = functional.pad(images, (frame,) * 4).permute(0, 2, 3, 1)
    return framed[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class ZooData(RotatedDigitsData):
    """Digits that are turned and shifted for training, and held out both upright and turned.

    The parameters are those of :class:`utils.training.tasks.rotated_mnist.RotatedDigitsData`,
    and one more. With ``angles="none"`` only the training digits stay upright.

    Parameters
    ----------
    shift : int
        In every epoch each training digit is shifted along both axes by a number of pixels
        between minus this and this.
    """

    shift: int = 0

    def _images(self, part: Part) -> Tensor:
        return super()._images(part) if part == "train" else self._turned_once(part)

    def _origin(self) -> dict[str, str]:
        turned = dataclasses.replace(self, angles="fixed")
        held_out = super(ZooData, turned)._origin()
        shifts = f"up to {self.shift} pixels, new in every epoch" if self.shift else "none"
        return {
            **super()._origin(),
            "training_shifts": shifts,
            **{
                f"{part}_angles": f"none, and once more {held_out[f'{part}_angles']}"
                for part in ("validation", "test")
            },
        }

    def training_batch(self, rows: Tensor, epoch: int) -> Batch:
        """Return training digits, augmented, and their labels.

        Parameters
        ----------
        rows : torch.Tensor
            Shape ``(B,)``, int64.
        epoch : int
            The epoch, counted from 0.

        Returns
        -------
        images : torch.Tensor
            Shape ``(B, 1, 28, 28)``.
        labels : torch.Tensor
            Shape ``(B,)``, int64.
        """
        images, labels = super().training_batch(rows, epoch)
        if self.shift:
            # Drawn for all digits, so that the shift of one does not depend on its batch.
            generator = epoch_generator(self.seed, epoch, _SHIFTS)
            size = (self.training_size, 2)
            shifts = torch.randint(-self.shift, self.shift + 1, size, generator=generator)
            images = shifted(images, shifts[rows])
        return images, labels

    def evaluation(self, split: Split) -> Batch:
        """Return all digits of a split, upright and turned, and their labels.

        Parameters
        ----------
        split : {"validation", "test"}
            The split.

        Returns
        -------
        upright, turned : torch.Tensor
            Shape ``(N, 1, 28, 28)`` each.
        labels : torch.Tensor
            Shape ``(N,)``, int64.
        """
        digits: Digits = getattr(self, split)
        return digits.images, self._images(split), digits.labels


@dataclass(frozen=True)
class DigitZoo(DigitSettings):
    """Classify digits with one network of the zoo.

    Parameters
    ----------
    preset : str
        Name of the preset.
    recipe : Recipe
        How the network is optimised.
    source, training_size, validation_size, test_size, angles, seed
        As in :class:`utils.training.tasks.rotated_mnist.DigitSettings`; the source is ``"mnist"``
        or ``"small"``. With ``angles="none"`` the training digits stay upright, with
        ``"fixed"`` each is turned once, and with ``"fresh"`` anew in every epoch.
    species : {"cnn", "mlp", "mixer", "vit", "c8"}
        Which network.
    shift : int
        Largest shift of a training digit along each axis, in pixels, drawn anew in every
        epoch; 0 for none.
    network : mapping
        Fields of the configuration of the network that differ from its defaults.

    Raises
    ------
    ValueError
        If ``species`` is another word, ``shift`` is no number of pixels from 0 to 13, or the
        settings of the digits are refused.
    """

    preset: str
    recipe: Recipe
    species: Species = "cnn"
    shift: int = 0
    network: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "digit-zoo"

    def __post_init__(self) -> None:
        """Check the settings of the digits, the species and the shift."""
        super().__post_init__()
        if self.source == "protocol":
            raise ValueError(
                "the source must be 'mnist' or 'small', not 'protocol', whose digits cannot be "
                "measured upright"
            )
        if self.species not in get_args(Species):
            raise ValueError(
                f"species must be one of {', '.join(map(repr, get_args(Species)))}, "
                f"not {self.species!r}"
            )
        if (
            isinstance(self.shift, bool)
            or not isinstance(self.shift, int)
            or not (0 <= self.shift < 14)
        ):
            raise ValueError(
                f"shift must be a whole number of pixels from 0 to 13, not {self.shift!r}"
            )

    def configuration(self) -> Mapping[str, Any]:
        """Return the settings of the digits, the species, and the shifts."""
        return {
            **super().configuration(),
            "species": self.species,
            "training_shift": self.shift,
        }

    def load_data(self) -> ZooData:
        """Load the digits.

        Returns
        -------
        ZooData
            The digits, as the training loop asks for them.

        Raises
        ------
        FileNotFoundError
            If the full MNIST is needed and not there.
        ValueError
            If a file is truncated, damaged, or not the MNIST file.
        """
        data = super().load_data()
        assert isinstance(data, RotatedDigitsData)
        return ZooData(
            data.train, data.validation, data.test, self.seed, self.angles, shift=self.shift
        )

    def build_model(self) -> nn.Module:
        """Build the network with weights from the global random state.

        Returns
        -------
        torch.nn.Module
            The network of the species.
        """
        if self.species == "c8":
            # Imported here: e2cnn is slow to import, and listing the presets does not need it.
            from utils.models.rotation_cnn import RotationCNN, RotationCNNConfig

            return RotationCNN(RotationCNNConfig.from_dict(self.network))
        from utils.models import zoo

        if self.species == "cnn":
            return zoo.CNN(zoo.CNNConfig.from_dict(self.network))
        if self.species == "mlp":
            return zoo.MLP(zoo.MLPConfig.from_dict(self.network))
        if self.species == "mixer":
            return zoo.Mixer(zoo.MixerConfig.from_dict(self.network))
        return zoo.ViT(zoo.ViTConfig.from_dict(self.network))

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean cross-entropy.

        Parameters
        ----------
        model : torch.nn.Module
            The network.
        batch : tuple of torch.Tensor
            Images and labels.
        progress : float
            Not used.

        Returns
        -------
        torch.Tensor
            A scalar, in nats.
        """
        images, labels = batch
        return functional.cross_entropy(model(images), labels)

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return cross-entropy and accuracy on upright and on turned digits.

        Parameters
        ----------
        model : torch.nn.Module
            The network.
        batch : tuple of torch.Tensor
            Upright images, the same images turned, and labels.

        Returns
        -------
        mapping of str to torch.Tensor
            ``loss_upright``, ``accuracy_upright``, ``loss_turned`` and ``accuracy_turned``,
            each of shape ``(B,)``.
        """
        *views, labels = batch
        found: dict[str, Tensor] = {}
        for name, images in zip(("upright", "turned"), views, strict=True):
            logits = model(images).float()
            found[f"loss_{name}"] = functional.cross_entropy(logits, labels, reduction="none")
            found[f"accuracy_{name}"] = (logits.argmax(dim=1) == labels).float()
        return found
