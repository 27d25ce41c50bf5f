"""A network that is averaged over finitely many rotations when it is used."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from utils.data.bodies import BODIES
from utils.groups import cube_rotations
from utils.models.bodies.networks import VECTORS, check_states

__all__ = ["GroupAverage"]


class GroupAverage(nn.Module):
    r"""Average a network over rotations: :math:`\frac1{|G|}\sum_R R^{-1} f(R x)`.

    The result commutes with the rotations of the group, whatever the network does, at the price
    of one evaluation for each of them.

    Parameters
    ----------
    network : Callable
        States ``(B, 6, 3)`` to displacements ``(B, 3, 3)``.
    rotations : torch.Tensor, optional
        A finite group of rotations, shape ``(G, 3, 3)``; the 24 of a cube if none is given.

    Examples
    --------
    >>> import torch
    >>> even = GroupAverage(lambda states: states[:, :3].abs())
    >>> bool(even(torch.ones(1, 6, 3)).abs().max() < 1e-6)
    True
    """

    rotations: Tensor

    def __init__(
        self, network: Callable[[Tensor], Tensor], rotations: Tensor | None = None
    ) -> None:
        super().__init__()
        rotations = cube_rotations() if rotations is None else rotations
        if rotations.ndim != 3 or tuple(rotations.shape[1:]) != (3, 3) or not len(rotations):
            raise ValueError(
                f"rotations must have shape (G, 3, 3), at least one, not {tuple(rotations.shape)}"
            )
        self.network = network
        self.register_buffer("rotations", rotations)

    def forward(self, states: Tensor) -> Tensor:
        """Return the average, ``(B, 6, 3)`` to ``(B, 3, 3)``."""
        check_states(states)
        rotations = self.rotations.to(states)[:, None]
        copies = states @ rotations.mT  # (G, B, 6, 3)
        found = self.network(copies.reshape(-1, VECTORS, 3))
        return (found.reshape(len(rotations), -1, BODIES, 3) @ rotations).mean(0)
