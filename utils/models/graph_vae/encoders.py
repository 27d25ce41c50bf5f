"""Encoders: from graphs on nine slots to features of the slots.

``messages``
    Each slot repeatedly adds up the states of its neighbours, with one matrix for each order of
    bond (Gilmer et al., "Neural Message Passing for Quantum Chemistry", ICML 2017).
``layers``
    Equivariant linear maps between slots and pairs (Maron et al., ICLR 2019) and pointwise
    nonlinearities; see :mod:`utils.models.permutation`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.graphs import MAX_ATOMS
from utils.models.graph_vae.blocks import Block, EquivariantStack, matrices_of
from utils.models.graph_vae.config import ELEMENTS, ORDERS, GraphVAEConfig
from utils.models.permutation import GraphFeatures, SymmetricEquivariantLinear, unordered_pairs

__all__ = ["LayeredEncoder", "MessageBlock", "MessageEncoder"]

_WALKS = 8


def _slot_types(atoms: Tensor, ranks: Tensor | None) -> Tensor:
    """Write the type of each slot, and its rank among tied ones if given, as ones and zeros."""
    types = functional.one_hot(atoms.long(), ELEMENTS + 1)
    if ranks is None:
        return types
    return torch.cat([types, functional.one_hot(ranks, MAX_ATOMS)], -1)


class MessageBlock(nn.Module):
    """One round of messages between bonded slots, and a small network at each slot."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.own = nn.Linear(width, width)
        self.neighbours = nn.Linear((ORDERS + 1) * width, width, bias=False)
        self.everyone = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)
        self.network = Block(width, 2)

    def forward(self, state: Tensor, neighbours: Tensor) -> Tensor:
        """Return the next state, shape ``(B, 9, width)``.

        ``neighbours``, of shape ``(B, 9 * 4, 9)``, holds for each slot the bonded slots by order
        and, as a fourth row, the average over all that are bonded.
        """
        unit = self.norm(state)
        sums = torch.bmm(neighbours.to(unit.dtype), unit).reshape(
            *unit.shape[:2], self.neighbours.in_features
        )
        message = self.own(unit) + self.neighbours(sums) + self.everyone(unit.mean(1, keepdim=True))
        result: Tensor = self.network(state + self.out(functional.gelu(message)))
        return result


class MessageEncoder(nn.Module):
    """Messages along bonds; the first features are counts, so nothing depends on the order."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.encoder_width
        known = ELEMENTS + 1 + ORDERS + 1 + _WALKS
        self.embed = nn.Linear(known + (MAX_ATOMS if config.tie_ranks else 0), width)
        self.blocks = nn.ModuleList(MessageBlock(width) for _ in range(config.encoder_depth))
        self.norm = nn.RMSNorm(width)

    def forward(self, atoms: Tensor, bonds: Tensor, ranks: Tensor | None) -> Tensor:
        """Return features of shape ``(B, 9, width)``."""
        dtype = self.embed.weight.dtype
        orders = functional.one_hot(bonds.long(), ORDERS + 1)[..., 1:].to(dtype)
        adjacency = orders.sum(-1)
        degree = adjacency.sum(-1, keepdim=True)
        walk = adjacency / degree.clamp(min=1)  # the probabilities of a random walk along bonds
        power, returns = walk, []
        for _ in range(_WALKS):
            power = torch.bmm(power, walk)
            returns.append(power.diagonal(dim1=1, dim2=2))
        types = _slot_types(atoms, ranks).to(dtype)
        state = self.embed(torch.cat([types, orders.sum(2), degree, torch.stack(returns, -1)], -1))
        rows = torch.cat([orders.permute(0, 1, 3, 2), walk.unsqueeze(2)], 2)
        neighbours = rows.reshape(len(atoms), MAX_ATOMS * (ORDERS + 1), MAX_ATOMS)
        for block in self.blocks:
            state = block(state, neighbours)
        features: Tensor = self.norm(state)
        return features

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return matrices_of(self.blocks)


class LayeredEncoder(nn.Module):
    """Equivariant linear layers on slots and pairs, and one more back to the slots."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.encoder_width
        types = ELEMENTS + 1 + (MAX_ATOMS if config.tie_ranks else 0)
        self.stack = EquivariantStack(
            (types, ORDERS + 1), width, config.encoder_depth, first=(2, 2)
        )
        self.readout = SymmetricEquivariantLinear(width, width, orders=(2, 1))

    def forward(self, atoms: Tensor, bonds: Tensor, ranks: Tensor | None) -> Tensor:
        """Return features of shape ``(B, 9, width)``."""
        dtype = self.readout.node_weight.dtype
        first, second = unordered_pairs(MAX_ATOMS).to(bonds.device)
        types = _slot_types(atoms, ranks).to(dtype)
        orders = functional.one_hot(bonds[:, first, second].long(), ORDERS + 1).to(dtype)
        features: Tensor = self.readout(self.stack(GraphFeatures(types, orders)))
        return features

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return self.stack.matrices()
