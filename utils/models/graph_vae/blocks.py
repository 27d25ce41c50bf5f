"""The blocks that encoders and decoders share."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from utils.models.permutation import GraphFeatures, SymmetricEquivariantLinear

__all__ = ["Block", "EquivariantStack", "matrices_of"]


def matrices_of(*modules: nn.Module) -> list[Tensor]:
    """Return the parameters of two dimensions, in the order of the modules.

    Examples
    --------
    >>> [tuple(matrix.shape) for matrix in matrices_of(Block(8, expansion=2))]
    [(16, 8), (8, 16)]
    """
    return [p for module in modules for p in module.parameters() if p.ndim == 2]


class Block(nn.Module):
    """Add to the state what a small network makes of it, after bringing it to unit size."""

    def __init__(self, width: int, expansion: int = 1) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.first = nn.Linear(width, expansion * width)
        self.second = nn.Linear(expansion * width, width)

    def forward(self, state: Tensor) -> Tensor:
        """Return the state with the residual added; shape ``(..., width)``."""
        update: Tensor = self.second(functional.gelu(self.first(self.norm(state))))
        return state + update


class EquivariantStack(nn.Module):
    """Equivariant linear layers to order 2, the first with other orders, a GELU after each."""

    def __init__(
        self, channels: int | tuple[int, int], width: int, depth: int, *, first: tuple[int, int]
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            SymmetricEquivariantLinear(
                width if i else channels, width, orders=(2, 2) if i else first
            )
            for i in range(depth)
        )

    def forward(self, features: Tensor | GraphFeatures) -> GraphFeatures:
        """Return features of slots, ``(B, 9, width)``, and of pairs, ``(B, 36, width)``."""
        for layer in self.layers:
            features = GraphFeatures(*(functional.gelu(part) for part in layer(features)))
        return cast(GraphFeatures, features)

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers; those of the first layer are not."""
        return matrices_of(*list(self.layers)[1:])
