r"""An auto-encoder that splits a digit into what it is and how it is turned.

The split is explicit (Winter, Bertolini, Le, Noé & Clevert, "Unsupervised Learning of Group
Invariant and Equivariant Representations", NeurIPS 2022): the encoder gives an invariant code and
an element of the group, the decoder draws one picture from the invariant code, and that picture
is then turned by the element::

    image → table of the codes of its turned copies → largest of each row        → canonical picture
                                                    → frequency 1 of the last row → turn it by that

Their encoder is a steerable convolutional network; here it is the orbit table of chapter 12, an
ordinary perceptron that sees the picture turned back by every element of :math:`C_n`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils._checks import check_choice
from utils.data.mnist import turn_orbits
from utils.models.base import Network, NetworkConfig, check_images

__all__ = [
    "GroupInvariantAutoencoder",
    "GroupInvariantConfig",
    "Sense",
    "SplitCode",
    "turn_by_pose",
]

Sense = Literal["right", "wrong", "none"]
"""Whether the decoded picture is turned by the pose, by its inverse, or not at all."""


class SplitCode(NamedTuple):
    """What a :class:`GroupInvariantAutoencoder` says of a batch of images.

    Attributes
    ----------
    invariant : torch.Tensor
        Shape ``(B, rows)``: the same for all turned copies of an image.
    pose : torch.Tensor
        Shape ``(B, 2)``: cosine and sine of an angle, which grows by as much as the image is
        turned, counter-clockwise.
    strength : torch.Tensor
        Shape ``(B,)``, from 0 to 1: the length of the vector that the pose is the direction of,
        relative to the longest that a row of this size can have. At 0 there is no pose.
    """

    invariant: Tensor
    pose: Tensor
    strength: Tensor


@dataclass(frozen=True)
class GroupInvariantConfig(NetworkConfig):
    """The shape of a :class:`GroupInvariantAutoencoder`.

    Parameters
    ----------
    sense : {"right", "wrong", "none"}
        Whether the picture is turned by the pose, by its inverse, or not at all.
    side : int
        Pixels a side.
    order : int
        Elements of the group of turns, at least 3: with fewer, a frequency of 1 has no direction.
    rows : int
        Numbers of the invariant code.
    width : int
        Hidden units of the perceptrons.
    """

    network: ClassVar[str] = "group-invariant auto-encoder"

    sense: Sense = "right"
    side: int = 14
    order: int = 8
    rows: int = 32
    width: int = 96

    def __post_init__(self) -> None:
        """Check every field."""
        check_choice(self.sense, "The sense", get_args(Sense))
        self._check_numbers(side=2, order=3, rows=1, width=1)


def turn_by_pose(images: Tensor, pose: Tensor) -> Tensor:
    """Turn pictures counter-clockwise by the angles whose cosines and sines are given.

    Bilinear interpolation, differentiable in both arguments; what comes from outside is zero.
    :func:`torch.nn.functional.affine_grid` says for each place of the *result* where to look in
    the picture, in coordinates whose second axis points down. Both facts turn the sign of the
    angle round, and so together they leave it: two chances to turn the wrong way.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, H, W)``.
    pose : torch.Tensor
        Shape ``(B, 2)``: cosine and sine.

    Examples
    --------
    >>> from utils.data.mnist import rotate
    >>> image = torch.rand(1, 1, 4, 4)
    >>> quarter = torch.tensor([[0.0, 1.0]])
    >>> torch.allclose(turn_by_pose(image, quarter), rotate(image, 90.0), atol=1e-5)
    True
    """
    if images.ndim != 4 or pose.shape != (len(images), 2):
        raise ValueError(
            f"images (B, C, H, W) and a pose (B, 2) are expected, not {tuple(images.shape)} and "
            f"{tuple(pose.shape)}"
        )
    cosine, sine = pose[:, 0], pose[:, 1]
    zero = torch.zeros_like(cosine)
    maps = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).reshape(-1, 2, 3)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


class GroupInvariantAutoencoder(Network):
    r"""Split digits into an invariant code and a pose, and draw them again from both.

    Column ``r`` of the table is the code of the picture turned back by ``r`` steps, so that a
    turn by a step rolls the table by one. The largest entry of each row does not notice. The last
    row :math:`w` gives the pose, the direction of :math:`\sum_r w_r e^{2\pi i r/n}`, which turns
    with the picture whatever the weights are.

    Turns by a quarter only permute pixels, and are followed to the last digit. Between them a
    picture is interpolated, and invariance is as good as the interpolation.

    Examples
    --------
    >>> network = GroupInvariantAutoencoder().eval()
    >>> images = torch.rand(3, 1, 14, 14)
    >>> code, quarter = network.encode(images), network.encode(images.rot90(1, (2, 3)))
    >>> torch.allclose(code.invariant, quarter.invariant, atol=1e-5)
    True
    >>> tuple(network(images).shape)
    (3, 1, 14, 14)
    """

    config: GroupInvariantConfig
    waves: Tensor

    def __init__(self, config: GroupInvariantConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(GroupInvariantConfig, config)
        pixels = config.side**2
        self.columns = nn.Sequential(
            nn.Linear(pixels, config.width), nn.ReLU(), nn.Linear(config.width, config.rows + 1)
        )
        self.drawing = nn.Sequential(
            nn.Linear(config.rows, config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.width),
            nn.ReLU(),
            nn.Linear(config.width, pixels),
        )
        angles = torch.arange(config.order, dtype=torch.float64) * (2 * math.pi / config.order)
        waves = torch.stack([angles.cos(), angles.sin()], 1)
        self.register_buffer("waves", waves.float(), persistent=False)

    def table(self, images: Tensor) -> Tensor:
        """Return the orbit table, ``(B, 1, side, side)`` to ``(B, rows + 1, order)``."""
        check_images(images, self.config.side)
        forth = turn_orbits(images, self.config.order)
        back = forth[:, -torch.arange(self.config.order) % self.config.order]
        found: Tensor = self.columns(back.flatten(2))
        return found.transpose(1, 2)

    def encode(self, images: Tensor) -> SplitCode:
        """Return the invariant code, the pose, and how well the pose is defined."""
        table = self.table(images)
        last = table[:, -1]
        vector = last @ self.waves.to(last)
        length = vector.norm(dim=1)
        longest = last.norm(dim=1) * math.sqrt(self.config.order / 2)
        tiny = torch.finfo(last.dtype).tiny
        pose = vector / length.clamp(min=tiny)[:, None]
        return SplitCode(table[:, :-1].amax(2), pose, length / longest.clamp(min=tiny))

    def canonical(self, invariant: Tensor) -> Tensor:
        """Return the picture that a code stands for, ``(B, rows)`` to ``(B, 1, side, side)``."""
        if invariant.ndim != 2 or invariant.shape[1] != self.config.rows:
            raise ValueError(
                f"the invariant code must have shape (B, {self.config.rows}), not "
                f"{tuple(invariant.shape)}"
            )
        side = self.config.side
        picture: Tensor = self.drawing(invariant)
        return picture.reshape(-1, 1, side, side)

    def decode(self, invariant: Tensor, pose: Tensor) -> Tensor:
        """Return the picture of a code, turned by a pose in the sense of the network.

        Parameters
        ----------
        invariant : torch.Tensor
            Shape ``(B, rows)``.
        pose : torch.Tensor
            Shape ``(B, 2)``: cosine and sine. With ``sense="none"`` it is not used.
        """
        picture = self.canonical(invariant)
        if self.config.sense == "none":
            return picture
        if self.config.sense == "wrong":
            pose = pose * pose.new_tensor([1.0, -1.0])
        return turn_by_pose(picture, pose)

    def forward(self, images: Tensor) -> Tensor:
        """Return what comes back, ``(B, 1, side, side)`` to the same shape."""
        code = self.encode(images)
        return self.decode(code.invariant, code.pose)
