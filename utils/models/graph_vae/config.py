"""The shape of a graph autoencoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from utils._checks import check_choice
from utils.graphs import ATOM_SYMBOLS, BOND_ORDERS
from utils.models.base import NetworkConfig

__all__ = ["Decoder", "Encoder", "GraphVAEConfig"]

Encoder = Literal["messages", "layers"]
Decoder = Literal["section", "attention", "layers"]

ELEMENTS = len(ATOM_SYMBOLS)
ORDERS = len(BOND_ORDERS)
HEADS = 4


@dataclass(frozen=True)
class GraphVAEConfig(NetworkConfig):
    """The shape of a :class:`~utils.models.graph_vae.GraphVAE`.

    Parameters
    ----------
    latent_channels : int
        Numbers ``d`` in the code of each slot.
    encoder : {"messages", "layers"}
        How a graph is read; see :mod:`utils.models.graph_vae.encoders`.
    decoder : {"section", "attention", "layers"}
        How a code is drawn; see :mod:`utils.models.graph_vae.decoders`. ``section`` needs
        ``latent_channels = 1``, and the width of ``attention`` is a multiple of 4.
    encoder_width, encoder_depth : int
        Channels of a slot, and number of blocks, in the encoder.
    decoder_width, decoder_depth : int
        The same in the decoder; for ``section`` the width of the network on the sorted code.
    frequencies : int
        Number of sines and of cosines through which the decoder reads each number; 0 for the
        number alone.
    lowest_frequency, highest_frequency : float
        Their range, in periods per unit; the frequencies are a geometric sequence.
    tie_ranks : bool
        Whether the encoder also reads numbers that tell tied atoms apart, as
        :func:`utils.graphs.random_tie_ranks` draws them.

    Examples
    --------
    >>> GraphVAEConfig(latent_channels=2, decoder="attention").decoder_width
    288
    """

    network: ClassVar[str] = "graph autoencoder"
    latent_channels: int = 1
    encoder: Encoder = "messages"
    decoder: Decoder = "section"
    encoder_width: int = 64
    encoder_depth: int = 4
    decoder_width: int = 288
    decoder_depth: int = 3
    frequencies: int = 10
    lowest_frequency: float = 0.25
    highest_frequency: float = 12.0
    tie_ranks: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_numbers(latent_channels=1, encoder_width=1, encoder_depth=1)
        self._check_numbers(decoder_width=1, decoder_depth=1, frequencies=0)
        check_choice(self.encoder, "The encoder", get_args(Encoder))
        check_choice(self.decoder, "The decoder", get_args(Decoder))
        if not 0 < self.lowest_frequency <= self.highest_frequency < math.inf:
            raise ValueError(
                f"the frequencies must be positive and in order, not from "
                f"{self.lowest_frequency!r} to {self.highest_frequency!r}"
            )
        if self.decoder == "attention" and self.decoder_width % HEADS:
            raise ValueError(
                f"the decoder 'attention' shares its width among {HEADS} heads, so decoder_width "
                f"must be a multiple of {HEADS}, not {self.decoder_width}"
            )
        if self.decoder == "section" and self.latent_channels != 1:
            raise ValueError(
                f"the decoder 'section' sorts one number per slot, but latent_channels is "
                f"{self.latent_channels}; choose the decoder 'attention' or 'layers'"
            )
