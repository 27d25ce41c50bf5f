"""Decoders: from codes of nine slots to logits of the slots and of their pairs.

``section``
    For ``d = 1``. Sorting is a cross section of R^9 / S_9, so an equivariant map is any map of
    the *sorted* code whose result is carried back to the slots the entries came from. An
    ordinary network maps ``sort(z)`` to a graph on nine *places*; a slot then reads the places
    through the weights ``softmax(-|z_i - sort(z)_k| / τ)``. Where the entries of ``z`` differ by
    more than ``τ`` that is a permutation; where two entries meet, both slots read the mean of
    both places, so the map stays continuous, and slots with equal entries get equal results.
``attention``
    For any ``d``. Self-attention among the slots, without positions.
``layers``
    For any ``d``. As the encoder of that name, from slots to pairs.

Each returns logits of slots, ``(B, 9, 5)`` (existence and elements), and of pairs, ``(B, 36, 4)``
(adjacency and orders), for codes ``(B, 9, d)``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.graphs import MAX_ATOMS
from utils.models.graph_vae.blocks import Block, EquivariantStack, matrices_of
from utils.models.graph_vae.config import ELEMENTS, HEADS, ORDERS, GraphVAEConfig
from utils.models.permutation import square_of_pairs, unordered_pairs

__all__ = ["AttentionBlock", "AttentionDecoder", "LayeredDecoder", "SectionDecoder", "Waves"]

PAIRS = MAX_ATOMS * (MAX_ATOMS - 1) // 2


class Waves(nn.Module):
    """Write each number as itself and its sines and cosines at several frequencies.

    Examples
    --------
    >>> waves = Waves(GraphVAEConfig(frequencies=2, lowest_frequency=1, highest_frequency=2))
    >>> waves(torch.tensor([0.25])).round(decimals=4)  # 0.25, two sines, two cosines
    tensor([[ 0.2500,  1.0000, -0.0000, -0.0000, -1.0000]])
    """

    frequencies: Tensor

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        exponents = torch.linspace(
            math.log(config.lowest_frequency),
            math.log(config.highest_frequency),
            config.frequencies,
        )
        self.register_buffer("frequencies", 2 * math.pi * exponents.exp(), persistent=False)
        self.size = 2 * config.frequencies + 1

    def forward(self, numbers: Tensor) -> Tensor:
        """Return features of shape ``(..., size)`` for numbers of shape ``(...)``."""
        phases = numbers.unsqueeze(-1) * self.frequencies
        return torch.cat([numbers.unsqueeze(-1), phases.sin(), phases.cos()], -1)


class SectionDecoder(nn.Module):
    """An ordinary network on the sorted code, carried back to the slots."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.waves = Waves(config)
        self.embed = nn.Linear((2 * MAX_ATOMS - 1) * self.waves.size, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(config.decoder_depth)])
        self.norm = nn.RMSNorm(width)
        self.places = nn.Linear(width, MAX_ATOMS * (1 + ELEMENTS))
        self.pairs = nn.Linear(width, PAIRS * (1 + ORDERS))
        self.log_softness = nn.Parameter(torch.tensor(math.log(0.05)))

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of slots and of pairs."""
        z = codes.squeeze(-1)
        ordered = z.sort(dim=-1).values
        read = torch.cat([ordered, ordered.diff(dim=-1)], -1)
        state = self.norm(self.blocks(self.embed(self.waves(read).flatten(1))))
        places = self.places(state).to(z.dtype).reshape(-1, MAX_ATOMS, 1 + ELEMENTS)
        pairs = square_of_pairs(
            self.pairs(state).to(z.dtype).reshape(-1, PAIRS, 1 + ORDERS), MAX_ATOMS
        )
        distance = (z.unsqueeze(-1) - ordered.unsqueeze(1)).abs()
        reads = torch.softmax(-distance / self.log_softness.exp(), -1)
        with torch.autocast(z.device.type, enabled=False):
            half = torch.bmm(reads, pairs.flatten(2)).reshape(pairs.shape).transpose(1, 2)
            whole = torch.bmm(reads, half.flatten(2)).reshape(pairs.shape)
            first, second = unordered_pairs(MAX_ATOMS).to(z.device)
            return torch.bmm(reads, places), whole[:, first, second]

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return matrices_of(self.blocks)


class AttentionBlock(nn.Module):
    """Self-attention among the slots, and a small network at each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.network = Block(width, 2)

    def forward(self, state: Tensor) -> Tensor:
        """Return the next state, shape ``(B, 9, width)``."""
        unit = self.norm(state)
        query, key, value = (
            layer(unit).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer in (self.queries, self.keys, self.values)
        )
        weights = torch.softmax(query @ key.mT / math.sqrt(query.shape[-1]), -1)
        mixed = (weights @ value).transpose(1, 2).flatten(2)
        result: Tensor = self.network(state + self.out(mixed))
        return result


class AttentionDecoder(nn.Module):
    """Self-attention among the slots, then products of the states of two slots."""

    RANK = 64

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.waves = Waves(config)
        self.embed = nn.Linear(config.latent_channels * self.waves.size, width)
        self.lift = Block(width, 2)
        self.blocks = nn.ModuleList(AttentionBlock(width) for _ in range(config.decoder_depth))
        self.norm = nn.RMSNorm(width)
        self.slots = nn.Linear(width, 1 + ELEMENTS)
        self.factors = nn.Linear(width, self.RANK)
        self.terms = nn.Linear(width, self.RANK)
        self.hidden = nn.Linear(self.RANK, self.RANK)
        self.pairs = nn.Linear(self.RANK, 1 + ORDERS)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of slots and of pairs."""
        state = self.lift(self.embed(self.waves(codes).flatten(2)))
        for block in self.blocks:
            state = block(state)
        unit = self.norm(state)
        factors, terms = self.factors(unit), self.terms(unit)
        first, second = unordered_pairs(MAX_ATOMS).to(codes.device)
        products = self.hidden(factors[:, first] * factors[:, second])
        hidden = functional.gelu(products + terms[:, first] + terms[:, second])
        return self.slots(unit).to(codes.dtype), self.pairs(hidden).to(codes.dtype)

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return matrices_of(self.lift, self.blocks, self.factors, self.terms, self.hidden)


class LayeredDecoder(nn.Module):
    """Equivariant linear layers from slots to slots and pairs."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.waves = Waves(config)
        channels = config.latent_channels * self.waves.size
        self.stack = EquivariantStack(channels, width, config.decoder_depth, first=(1, 2))
        self.slots = nn.Linear(width, 1 + ELEMENTS)
        self.pairs = nn.Linear(width, 1 + ORDERS)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of slots and of pairs."""
        nodes, pairs = self.stack(self.waves(codes).flatten(2))
        return self.slots(nodes), self.pairs(pairs)

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return self.stack.matrices()
