r"""One table for five codes of turned digits: where the action on the code comes from.

* ``built in``: the steerable network of chapter 10, whose code C_8 shifts by construction.
* ``lifted``: an ordinary auto-encoder of chapter 12, asked about the picture turned by every
  element; the columns of its table are shifted, by construction.
* ``imposed``: an auto-encoder trained so that a shifted code decodes to the turned picture.
* ``learned``: an auxiliary network, trained to predict what a turn does to the code.
* ``split``: an invariant code, and a pose that turns with the picture.

Each says what its code is, how an element moves it, and what is read: 256 max filters of the orbit
for the first four, the invariant part for the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from utils.data.mnist import DigitOrbits, load_small, rotated, turn_orbits
from utils.models.context_vae import ContextVAE
from utils.models.group_invariant import GroupInvariantAutoencoder
from utils.models.latent_actions import CyclicAutoencoder, share_within_orbits
from utils.probes.few_labels import few_label_accuracy
from utils.probes.splits import predicted_orbits
from utils.projections import InvariantProjection, random_max_filter

__all__ = [
    "Carrier",
    "CarrierMeasures",
    "imposed_carrier",
    "learned_carrier",
    "lifted_carrier",
    "measure_carrier",
    "split_carrier",
    "table_carrier",
    "turned_digits",
]

Encode = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Carrier:
    """A code of pictures, with an action of C_n on it.

    Parameters
    ----------
    encode : callable
        Pictures ``(B, 1, side, side)`` to codes ``(B, ...)``.
    move : callable
        Codes and a number ``r`` to the codes moved by ``r`` steps.
    order : int
        The ``n`` of C_n.
    read : callable
        Codes to what is read of them, ``(B, d)``.
    passes : int
        How often the encoder is run for one picture.

    Examples
    --------
    >>> norm = Carrier(lambda x: x.sum(3), lambda z, r: z, 1, lambda z: z.flatten(1), 1)
    >>> norm.encode(torch.ones(2, 1, 4, 4)).shape
    torch.Size([2, 1, 4])
    """

    encode: Encode
    move: Callable[[Tensor, int], Tensor]
    order: int
    read: Encode
    passes: int


def _rolled(codes: Tensor, steps: int) -> Tensor:
    return codes.roll(steps, dims=2)


def table_carrier(encode: Encode, copies: int, order: int) -> Carrier:
    """Return the carrier of a code ``(B, copies, order)`` that is shifted by construction.

    Examples
    --------
    >>> carrier = table_carrier(lambda x: x[:, 0], copies=4, order=4)
    >>> carrier.read(torch.rand(2, 4, 4)).shape
    torch.Size([2, 256])
    """
    return Carrier(encode, _rolled, order, _filters(copies, order), 1)


def _filters(copies: int, order: int) -> InvariantProjection:
    return random_max_filter(copies, order, 256, seed=0)


def lifted_carrier(encode: Encode, latent: int, order: int = 8) -> Carrier:
    """Return the carrier of the orbit table of an ordinary encoder, ``(B, ...)`` to ``(B, d)``.

    Examples
    --------
    >>> lifted = lifted_carrier(lambda x: x.flatten(1), 16, order=4)
    >>> images = torch.rand(2, 1, 4, 4)
    >>> table = lifted.encode(images)
    >>> torch.equal(lifted.encode(images.rot90(1, (2, 3))), lifted.move(table, 1))
    True
    """

    def table(images: Tensor) -> Tensor:
        """Return the codes of all turned copies, side by side."""
        back = turn_orbits(images, order)[:, -torch.arange(order) % order]
        codes = encode(back.flatten(0, 1)).unflatten(0, (len(images), order))
        return codes.transpose(1, 2).contiguous()

    return Carrier(table, _rolled, order, _filters(latent, order), order)


def imposed_carrier(network: CyclicAutoencoder) -> Carrier:
    """Return the carrier of an auto-encoder with an imposed cyclic action.

    Examples
    --------
    >>> imposed_carrier(CyclicAutoencoder().eval()).order
    16
    """
    config = network.config
    return table_carrier(network.encode, config.copies, config.order)


def learned_carrier(network: ContextVAE, order: int = 16, read: int = 8) -> Carrier:
    """Return the carrier of a learned action; its predicted orbit of `read` turns is read.

    Examples
    --------
    >>> carrier = learned_carrier(ContextVAE().eval())
    >>> carrier.move(torch.zeros(3, 16), 4).shape, carrier.read(torch.zeros(3, 16)).shape
    (torch.Size([3, 16]), torch.Size([3, 256]))
    """
    filters = _filters(network.config.latent, read)
    return Carrier(
        lambda images: network.encode(images).mean,
        lambda z, r: network.act(z, 360.0 * r / order).mean,
        order,
        lambda z: filters(predicted_orbits(network, z, read)),
        1,
    )


def split_carrier(network: GroupInvariantAutoencoder) -> Carrier:
    """Return the carrier of an explicit split: the invariant code, then the pose.

    Examples
    --------
    >>> carrier = split_carrier(GroupInvariantAutoencoder().eval())
    >>> images = torch.rand(2, 1, 14, 14)
    >>> moved = carrier.move(carrier.encode(images), 2)
    >>> torch.allclose(moved, carrier.encode(images.rot90(1, (2, 3))), atol=1e-3)
    True
    """

    def encode(images: Tensor) -> Tensor:
        """Return the invariant code, with the pose beside it."""
        code = network.encode(images)
        return torch.cat([code.invariant, code.pose], 1)

    def move(z: Tensor, steps: int) -> Tensor:
        """Turn the pose and leave the invariant code."""
        angle = 2 * math.pi * steps / network.config.order
        cosine, sine = math.cos(angle), math.sin(angle)
        turn = z.new_tensor([[cosine, sine], [-sine, cosine]])
        return torch.cat([z[:, :-2], z[:, -2:] @ turn], 1)

    return Carrier(encode, move, network.config.order, lambda z: z[:, :-2], network.config.order)


@dataclass(frozen=True)
class CarrierMeasures:
    """What :func:`measure_carrier` found.

    Attributes
    ----------
    equivariance : float
        Mean square distance between moved codes and codes of moved pictures, over twice the
        variance of codes, over all elements but the neutral one: 0 if equivariant, 1 if unrelated.
    code_share : float
        Share of the variance of the code within orbits: near 0 if the pose is lost.
    own_share, share : float
        The same of what is read, over the turns that the group of the code has, and over all turns
        of the pictures: 0 if it is invariant.
    few : float
        Accuracy of the nearest of 100 labelled codes, mean of five choices.
    size : int
        How many numbers are read.
    passes : int
        How often the encoder is run for one picture.

    Examples
    --------
    >>> collapsed = CarrierMeasures(0.0, code_share=0.0, own_share=0.0, share=0.0, few=0.4, size=8,
    ...                             passes=1)
    >>> collapsed.equivariance == collapsed.code_share  # equivariant, and no pose
    True
    """

    equivariance: float
    code_share: float
    own_share: float
    share: float
    few: float
    size: int
    passes: int


@torch.no_grad()
def measure_carrier(
    carrier: Carrier, fit: DigitOrbits, test: DigitOrbits, *, orbits: int = 200
) -> CarrierMeasures:
    """Measure how equivariant a code is, what is left of the pose, and what is read.

    Parameters
    ----------
    carrier : Carrier
    fit, test : DigitOrbits
        Orbits under C_m with ``m`` a multiple of the order of the carrier. The given pictures are
        read.
    orbits : int
        How many test orbits are looked at for the shares and the equivariance.

    Examples
    --------
    >>> fit, test = turned_digits(300, 20, 10)[14]
    >>> carrier = split_carrier(GroupInvariantAutoencoder().eval())
    >>> measure_carrier(carrier, fit, test, orbits=10).size
    32
    """
    some = test.images[:orbits]
    turns = some.shape[1]
    if turns % carrier.order:
        raise ValueError(
            f"the pictures have {turns} turns, which is no multiple of the {carrier.order} of the "
            f"code"
        )
    codes = carrier.encode(some.flatten(0, 1))
    by_turn = codes.unflatten(0, tuple(some.shape[:2]))
    spread = 2 * codes.flatten(1).var(0, unbiased=False).sum()
    apart = []
    for r in range(1, carrier.order):
        moved = carrier.move(codes, r)
        wanted = by_turn.roll(-r * turns // carrier.order, dims=1).flatten(0, 1)
        apart.append((moved - wanted).flatten(1).square().sum(1).mean() / spread)
    read = carrier.read(codes)
    read_by_turn = read.unflatten(0, tuple(some.shape[:2]))
    known, judged = (
        carrier.read(torch.cat([carrier.encode(x) for x in part.images[:, 0].split(500)]))
        for part in (fit, test)
    )
    return CarrierMeasures(
        float(sum(apart) / len(apart)),
        share_within_orbits(by_turn),
        share_within_orbits(read_by_turn[:, :: turns // carrier.order]),
        share_within_orbits(read_by_turn),
        few_label_accuracy(known, fit.labels, judged, test.labels, count=100).mean,
        read.shape[1],
        carrier.passes,
    )


def turned_digits(
    fit: int = 2_500, test: int = 1_000, orbits: int = 200
) -> Mapping[int, tuple[DigitOrbits, DigitOrbits]]:
    """Return the same digits at the same angles, with 28 and with 14 pixels a side.

    They are those of :func:`utils.training.tasks.latent_actions.judged_orbits`. Of the large ones
    only the given picture is kept for all but the first test digits, whose orbit is made.

    Parameters
    ----------
    fit, test : int
        How many digits to read with, and to judge.
    orbits : int
        How many test digits have a whole orbit; the others have the given picture again and again.

    Returns
    -------
    dict of int to tuple
        Pixels a side to labelled and test orbits, :class:`utils.data.mnist.DigitOrbits`.

    Examples
    --------
    >>> {side: tuple(test.images.shape) for side, (_, test) in turned_digits(20, 5, 5).items()}
    {28: (5, 16, 1, 28, 28), 14: (5, 16, 1, 14, 14)}
    """
    digits = load_small()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    half = len(digits) // 2
    parts = [
        rotated(digits.take(rows), seed=s) for rows, s in ((order[:half], 1), (order[half:], 2))
    ]
    given = [part.images[:n] for part, n in zip(parts, (fit, test), strict=True)]
    labels = [part.labels[:n] for part, n in zip(parts, (fit, test), strict=True)]
    found = {}
    for side in (28, 14):
        small = [torch.nn.functional.avg_pool2d(images, 28 // side) for images in given]
        known = DigitOrbits(small[0][:, None], labels[0])
        turned = turn_orbits(small[1][:orbits], 16)
        rest = small[1][orbits:, None].expand(-1, 16, -1, -1, -1)
        found[side] = known, DigitOrbits(torch.cat([turned, rest]), labels[1])
    return found
