"""Naming turned digits, as a task of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor, nn

from utils._checks import check_choice
from utils.models.base import Network
from utils.models.baselines import PlainCNN
from utils.training.task import Batch
from utils.training.tasks.digits import DigitTask, right_or_wrong

__all__ = ["Architecture", "RotatedMNIST"]

Architecture = Literal["steerable", "continuous", "plain"]
"""Steerable for C_n, steerable for SO(2), or an ordinary convolutional network."""


@dataclass(frozen=True, kw_only=True)
class RotatedMNIST(DigitTask):
    """Classify digits that are turned by any angle.

    Beside these parameters it has those of :class:`utils.training.tasks.digits.DigitTask`.

    Parameters
    ----------
    architecture : {"steerable", "continuous", "plain"}
        Which network: :class:`utils.models.rotation_cnn.RotationCNN`,
        :class:`utils.models.rotation_cnn.SO2CNN` or
        :class:`utils.models.baselines.PlainCNN`.
    label_smoothing : float
        Share of the target that is spread over all classes in training, from 0 to 1
        (Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016).
    """

    name = "rotated-mnist"
    architecture: Architecture = "steerable"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        """Check the architecture and the settings of the digits."""
        check_choice(self.architecture, "architecture", get_args(Architecture))
        super().__post_init__()

    def configuration(self) -> Mapping[str, Any]:
        """Return the settings of the digits, the network and the smoothing of the labels."""
        return {
            **super().configuration(),
            "architecture": self.architecture,
            "label_smoothing": self.label_smoothing,
        }

    def network_class(self) -> type[Network]:
        """Return the network of the architecture."""
        if self.architecture == "plain":
            return PlainCNN
        # Imported here: e2cnn is slow to import, and listing the presets does not need it.
        from utils.models.rotation_cnn import SO2CNN, RotationCNN

        return SO2CNN if self.architecture == "continuous" else RotationCNN

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> Tensor:
        """Return the mean cross-entropy to the smoothed labels, in nats."""
        images, labels = batch
        return nn.functional.cross_entropy(
            model(images), labels, label_smoothing=self.label_smoothing
        )

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return ``loss`` and ``accuracy`` of each image."""
        images, labels = batch
        return right_or_wrong(model(images), labels)
