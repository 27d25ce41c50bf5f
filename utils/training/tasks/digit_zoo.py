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

from utils._checks import check_choice
from utils.data.mnist import Digits
from utils.models.base import Network
from utils.models.zoo import CNN, MLP, Mixer, ViT
from utils.training.recipe import require_whole
from utils.training.seeding import epoch_generator
from utils.training.task import Batch, Split
from utils.training.tasks.digits import DigitTask, Part, RotatedDigitsData, right_or_wrong

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

    Examples
    --------
    >>> shifted(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([[0, 1]])).tolist()
    [[[[0.0, 1.0], [0.0, 3.0]]]]
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

    The parameters are those of :class:`utils.training.tasks.digits.RotatedDigitsData`,
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
        """Return training digits, augmented, shape ``(B, 1, 28, 28)``, and their labels."""
        images, labels = super().training_batch(rows, epoch)
        if self.shift:
            # Drawn for all digits, so that the shift of one does not depend on its batch.
            generator = epoch_generator(self.seed, epoch, _SHIFTS)
            size = (self.training_size, 2)
            shifts = torch.randint(-self.shift, self.shift + 1, size, generator=generator)
            images = shifted(images, shifts[rows])
        return images, labels

    def evaluation(self, split: Split) -> Batch:
        """Return all digits of a split, upright and turned, ``(N, 1, 28, 28)``, and labels."""
        digits: Digits = getattr(self, split)
        return digits.images, self._images(split), digits.labels


@dataclass(frozen=True, kw_only=True)
class DigitZoo(DigitTask):
    """Classify digits with one network of the zoo.

    Beside these parameters it has those of :class:`utils.training.tasks.digits.DigitTask`. The
    source is ``"mnist"`` or ``"small"``, and only the training digits follow ``angles``.

    Parameters
    ----------
    species : {"cnn", "mlp", "mixer", "vit", "c8"}
        Which network.
    shift : int
        Largest shift of a training digit along each axis, in pixels from 0 to 13, drawn anew in
        every epoch; 0 for none.
    """

    name = "digit-zoo"
    species: Species = "cnn"
    shift: int = 0

    def __post_init__(self) -> None:
        """Check the species, the settings of the digits and the shift."""
        check_choice(self.species, "species", get_args(Species))
        super().__post_init__()
        if self.source == "protocol":
            raise ValueError(
                "the source must be 'mnist' or 'small', not 'protocol', whose digits cannot be "
                "measured upright"
            )
        require_whole(self.shift, "shift", 0, 13)

    def configuration(self) -> Mapping[str, Any]:
        """Return the settings of the digits, the species, and the shifts."""
        return {
            **super().configuration(),
            "species": self.species,
            "training_shift": self.shift,
        }

    def load_data(self) -> ZooData:
        """Load the digits; if the full MNIST is needed and not there, say where to put it."""
        data = super().load_data()
        assert isinstance(data, RotatedDigitsData)
        return ZooData(
            data.train, data.validation, data.test, self.seed, self.angles, shift=self.shift
        )

    def network_class(self) -> type[Network]:
        """Return the network of the species."""
        if self.species == "c8":
            # Imported here: e2cnn is slow to import, and listing the presets does not need it.
            from utils.models.rotation_cnn import RotationCNN

            return RotationCNN
        kinds: Mapping[str, type[Network]] = {"cnn": CNN, "mlp": MLP, "mixer": Mixer, "vit": ViT}
        return kinds[self.species]

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean cross-entropy, in nats."""
        images, labels = batch
        return functional.cross_entropy(model(images), labels)

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return ``loss_…`` and ``accuracy_…`` of each digit, ``…upright`` and ``…turned``."""
        upright, turned, labels = batch
        return {
            **right_or_wrong(model(upright), labels, "_upright"),
            **right_or_wrong(model(turned), labels, "_turned"),
        }
