"""Two perceptrons, and a shift of the code between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from utils._checks import check_float
from utils.groups import CyclicShifts
from utils.models.base import Network, NetworkConfig, check_images

__all__ = ["CyclicAutoencoder", "CyclicAutoencoderConfig"]


@dataclass(frozen=True)
class CyclicAutoencoderConfig(NetworkConfig):
    """The shape of a :class:`CyclicAutoencoder`.

    Parameters
    ----------
    side, channels : int
        Pixels a side, and numbers a pixel, of the pictures.
    copies, order : int
        The ``k`` and the ``n`` of codes of shape ``(B, k, n)``.
    width : int
        Numbers in the hidden layer of each perceptron.
    """

    network: ClassVar[str] = "auto-encoder with a cyclic code"
    side: int = 14
    channels: int = 1
    copies: int = 8
    order: int = 16
    width: int = 128

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(side=1, channels=1, copies=1, order=2, width=1)


class CyclicAutoencoder(Network):
    r"""An ordinary auto-encoder whose code is shifted before it is decoded.

    Encoder and decoder are perceptrons with one hidden layer, and know nothing of a group. The code
    has ``k`` copies of ``n`` places, and the element ``r`` of C_n shifts all copies by ``r`` places
    (:class:`utils.groups.CyclicShifts`). Trained so that the shifted code decodes to the turned
    picture, it is a transforming auto-encoder in the sense of Jiao & Henriques, "Quantised
    Transforming Auto-Encoders" (BMVC 2021, arXiv 2111.12873), as far as its abstract says what that
    is; trained without shifts it is a plain auto-encoder with the same weights.

    Parameters
    ----------
    config : CyclicAutoencoderConfig, optional
        The shape of the network.

    Examples
    --------
    >>> import torch
    >>> network = CyclicAutoencoder(CyclicAutoencoderConfig(side=6, copies=2, order=4)).eval()
    >>> codes = network.encode(torch.zeros(5, 1, 6, 6))
    >>> codes.shape, network.decode(codes.roll(1, -1)).shape
    (torch.Size([5, 2, 4]), torch.Size([5, 1, 6, 6]))
    """

    config: CyclicAutoencoderConfig
    _rows: ClassVar[int] = 4096

    def __init__(self, config: CyclicAutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(CyclicAutoencoderConfig, config)
        pixels = config.channels * config.side**2
        numbers = config.copies * config.order
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(pixels, config.width),
            nn.ReLU(),
            nn.Linear(config.width, numbers),
            nn.Unflatten(1, (config.copies, config.order)),
        )
        self.decoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(numbers, config.width),
            nn.ReLU(),
            nn.Linear(config.width, pixels),
            nn.Unflatten(1, (config.channels, config.side, config.side)),
        )

    @property
    def action(self) -> CyclicShifts:
        """C_n, acting on codes."""
        return CyclicShifts(self.config.order)

    def encode(self, images: Tensor) -> Tensor:
        """Return the codes of pictures, ``(B, C, side, side)`` to ``(B, k, n)``."""
        check_float(images, "images")
        side, channels = self.config.side, self.config.channels
        if images.ndim != 4 or tuple(images.shape[1:]) != (channels, side, side):
            raise ValueError(
                f"images must have shape (B, {channels}, {side}, {side}), not {tuple(images.shape)}"
            )
        check_images(images.flatten(0, 1).unsqueeze(1), side)
        return self._in_pieces(self.encoder, images)

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures that codes stand for, ``(B, k, n)`` to ``(B, C, side, side)``."""
        check_float(z, "The tensor of codes")
        shape = (self.config.copies, self.config.order)
        if z.ndim != 3 or tuple(z.shape[1:]) != shape:
            raise ValueError(
                f"codes must have shape (B, {shape[0]}, {shape[1]}), not {tuple(z.shape)}"
            )
        return self._in_pieces(self.decoder, z)

    def forward(self, images: Tensor, steps: int | Tensor = 0) -> tuple[Tensor, Tensor]:
        """Encode, shift and decode.

        Parameters
        ----------
        images : torch.Tensor
            Shape ``(B, C, side, side)``.
        steps : int or torch.Tensor
            By how many places, one number from 0 to ``n - 1`` for all or ``B`` of them.

        Returns
        -------
        pictures, codes : torch.Tensor
            The decoded pictures, and the shifted codes they were decoded from.
        """
        codes = self.action.act(steps, self.encode(images))
        return self.decode(codes), codes
