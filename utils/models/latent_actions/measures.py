r"""How well a moved code is drawn, how equivariant the encoder is, and what is left of the pose.

Three things are measured on orbits, and no one of them is enough. The error of a picture drawn from
a moved code says that decoder, move and encoder fit together. The error of the encoder compares
moved codes with codes of moved pictures; a code that forgets the pose has none. So the share of the
variance of the code that lies within orbits stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from utils._checks import check_float
from utils.models.latent_actions.moves import Move, move_by_shifts
from utils.models.latent_actions.networks import CyclicAutoencoder

__all__ = [
    "ActionMeasures",
    "encode_orbits",
    "measure_action",
    "pixel_variance",
    "share_within_orbits",
]


@dataclass(frozen=True)
class ActionMeasures:
    """What :func:`measure_action` found.

    Attributes
    ----------
    render : tuple of float
        For each element the mean square error of pictures drawn from moved codes, relative to the
        variance of the pixels: 0 for perfect pictures, 1 for the mean picture. Element 0 is the
        error of the reconstruction.
    encoder_error : float
        Mean square distance between moved codes and codes of moved pictures, over twice the
        variance of the codes: 0 for an equivariant encoder, 1 for codes that are not related. It
        is not a number if the codes do not vary.
    share : float
        Share of the variance of the codes that lies within orbits.
    pose_lost : float
        Share of the variance of the pixels that lies within orbits: the error of the best picture
        that is the same for a whole orbit.

    Examples
    --------
    >>> ActionMeasures((0.02, 0.03, 0.05), 0.01, 0.8, 0.7).mean_render
    0.04
    """

    render: tuple[float, ...]
    encoder_error: float
    share: float
    pose_lost: float

    @property
    def reconstruction(self) -> float:
        """Error of pictures drawn from codes that were not moved."""
        return self.render[0]

    @property
    def mean_render(self) -> float:
        """Mean error over all elements but the neutral one."""
        return sum(self.render[1:]) / len(self.render[1:])


def _check_orbits(orbits: Tensor) -> None:
    check_float(orbits, "The tensor of orbits")
    if orbits.ndim < 3 or not orbits.shape[0] or orbits.shape[1] < 2:
        raise ValueError(
            f"orbits must have shape (N, n, ...), at least one orbit of at least two members, not "
            f"{tuple(orbits.shape)}"
        )


def share_within_orbits(values: Tensor) -> float:
    r"""Return the share of the variance of values that lies within orbits.

    .. math:: \frac{\sum_{i,k} \lVert v_{i,k} - \bar v_i \rVert^2}
                   {\sum_{i,k} \lVert v_{i,k} - \bar v \rVert^2}

    It is 0 for an invariant function, and near 1 for one in which the pose is all there is.

    Parameters
    ----------
    values : torch.Tensor
        Shape ``(N, n, ...)``, what a function says of the n members of N orbits.

    Returns
    -------
    float
        From 0 to 1, and not a number if the values do not vary.

    Examples
    --------
    >>> share_within_orbits(torch.tensor([[[0.0], [2.0]], [[4.0], [6.0]]]))
    0.2
    """
    _check_orbits(values)
    flat = values.detach().flatten(2).double()
    total = (flat - flat.mean((0, 1))).square().sum()
    return float((flat - flat.mean(1, keepdim=True)).square().sum() / total)


def pixel_variance(orbits: Tensor) -> float:
    """Return the mean square deviation of pixels from the mean picture, over all orbits.

    Parameters
    ----------
    orbits : torch.Tensor
        Shape ``(N, n, C, side, side)``.

    Examples
    --------
    >>> pixel_variance(torch.tensor([0.0, 2.0]).reshape(1, 2, 1, 1, 1))
    1.0
    """
    _check_orbits(orbits)
    flat = orbits.detach().flatten(2).double()
    return float((flat - flat.mean((0, 1))).square().mean())


def encode_orbits(encode: Callable[[Tensor], Tensor], orbits: Tensor) -> Tensor:
    """Return the codes of all members of orbits, ``(N, n, C, side, side)`` to ``(N, n, ...)``.

    Examples
    --------
    >>> encode_orbits(lambda x: x.mean((2, 3)), torch.ones(5, 16, 1, 14, 14)).shape
    torch.Size([5, 16, 1])
    """
    _check_orbits(orbits)
    with torch.no_grad():
        return encode(orbits.flatten(0, 1)).unflatten(0, tuple(orbits.shape[:2]))


def measure_action(
    network: CyclicAutoencoder, orbits: Tensor, move: Move | None = None
) -> ActionMeasures:
    """Measure how well a move of the code stands for the group that made the orbits.

    Every member of every orbit is encoded and moved by every element.

    Parameters
    ----------
    network : CyclicAutoencoder
        The network, in evaluation mode.
    orbits : torch.Tensor
        Shape ``(N, n, C, side, side)``, as :func:`utils.data.mnist.digit_orbits` makes them.
    move : callable, optional
        How codes are moved; by default shifted, element k by k places.

    Returns
    -------
    ActionMeasures

    Examples
    --------
    >>> network = CyclicAutoencoder().eval()
    >>> found = measure_action(network, torch.rand(3, 16, 1, 14, 14))
    >>> len(found.render), found.encoder_error > 0.1
    (16, True)
    """
    codes = encode_orbits(network.encode, orbits)
    order = orbits.shape[1]
    if move is None:
        move = move_by_shifts(network.config.order)
    flat = codes.flatten(2).double()
    spread = float((flat - flat.mean((0, 1))).square().sum(-1).mean())
    variance = pixel_variance(orbits)
    render, apart = [], []
    with torch.no_grad():
        for k in range(order):
            moved = move(codes.flatten(0, 1), k)
            wanted = orbits.roll(-k, dims=1).flatten(0, 1)
            render.append(float((network.decode(moved) - wanted).double().square().mean()))
            goal = flat.roll(-k, dims=1).flatten(0, 1)
            apart.append(float((moved.flatten(1).double() - goal).square().sum(-1).mean()))
    return ActionMeasures(
        tuple(error / variance for error in render),
        sum(apart[1:]) / (order - 1) / (2 * spread) if spread else float("nan"),
        share_within_orbits(codes),
        share_within_orbits(orbits),
    )
