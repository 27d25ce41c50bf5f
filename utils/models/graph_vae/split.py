r"""A graph auto-encoder that splits a molecule into an invariant code and an order of its atoms.

The explicit split of Winter, Bertolini, Le, Noé & Clevert ("Unsupervised Learning of Group
Invariant and Equivariant Representations", NeurIPS 2022) for the symmetric group: a network gives
every slot a score, the order of the scores is the group element, a decoder draws one graph from
the invariant code on nine *places*, and the order carries it back to the slots. The order is
made soft, so that it can be trained: slot ``i`` reads the places through
``softmax(-|s_i - sort(s)_k| / τ)``, as their code does and as chapter 08's decoder does.

What chapters 08 and 09 do is the special case in which the code *is* the sorted scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils.graphs import MAX_ATOMS, check_dense
from utils.models.base import Network, NetworkConfig
from utils.models.graph_vae.blocks import Block, matrices_of
from utils.models.graph_vae.config import ELEMENTS, ORDERS, GraphVAEConfig
from utils.models.graph_vae.decoders import PAIRS, Waves
from utils.models.graph_vae.distribution import GraphLogits
from utils.models.graph_vae.encoders import MessageEncoder
from utils.models.permutation import square_of_pairs, unordered_pairs

__all__ = ["Order", "OrderedCode", "SplitGraphAutoencoder", "SplitGraphConfig", "soft_order"]

Order = Literal["sorted", "trained", "frozen", "inverse", "none"]
"""Where the order comes from, and what is done with it; see :class:`SplitGraphConfig`."""


class OrderedCode(NamedTuple):
    """What a :class:`SplitGraphAutoencoder` says of a batch of graphs.

    Attributes
    ----------
    invariant : torch.Tensor
        Shape ``(B, code)``: does not depend on the order of the slots.
    scores : torch.Tensor
        Shape ``(B, 9)``, one number a slot, which moves with its slot. Their order is the pose.
    """

    invariant: Tensor
    scores: Tensor


@dataclass(frozen=True)
class SplitGraphConfig(NetworkConfig):
    """The shape of a :class:`SplitGraphAutoencoder`.

    Parameters
    ----------
    order : {"sorted", "trained", "frozen", "inverse", "none"}
        ``sorted``: the code is the sorted scores, as in chapters 08 and 09. ``trained``: the code
        is pooled over the slots, and the scores give the order only. ``frozen``: as that, but the
        scores are a random function of the graph that is never trained. ``inverse``: as
        ``trained``, carried back by the inverse permutation. ``none``: nothing is carried back.
    code : int
        Numbers of the invariant code; 9 for ``sorted``.
    encoder_width, encoder_depth, decoder_width, decoder_depth : int
        As in :class:`utils.models.graph_vae.GraphVAEConfig`.
    frequencies : int
        Sines and cosines through which the decoder reads each number.
    """

    network: ClassVar[str] = "split graph auto-encoder"

    order: Order = "trained"
    code: int = 9
    encoder_width: int = 24
    encoder_depth: int = 3
    decoder_width: int = 96
    decoder_depth: int = 2
    frequencies: int = 6

    def __post_init__(self) -> None:
        """Check every field."""
        check_choice(self.order, "The order", get_args(Order))
        self._check_numbers(code=1, encoder_width=1, encoder_depth=1)
        self._check_numbers(decoder_width=1, decoder_depth=1, frequencies=0)
        if self.order == "sorted" and self.code != MAX_ATOMS:
            raise ValueError(
                f"a code of sorted scores has {MAX_ATOMS} numbers, but code is {self.code}"
            )


def soft_order(scores: Tensor, softness: Tensor | float) -> Tensor:
    r"""Return the weights by which slots read places, near the permutation that sorts the scores.

    Row ``i`` is :math:`\mathrm{softmax}_k(-\lvert s_i - \mathrm{sort}(s)_k\rvert/\tau)`, the
    SoftSort of Prillo & Eisenschlos (ICML 2020) in rising order. Slots with equal scores have
    equal rows, and share their places.

    Parameters
    ----------
    scores : torch.Tensor
        Shape ``(..., n)``.
    softness : torch.Tensor or float
        The temperature :math:`\tau`, positive.

    Returns
    -------
    torch.Tensor
        Shape ``(..., n, n)``; rows add up to 1.

    Examples
    --------
    >>> soft_order(torch.tensor([3.0, 1.0, 2.0]), 0.01).argmax(-1).tolist()
    [2, 0, 1]
    """
    places = scores.sort(dim=-1).values
    distance = (scores.unsqueeze(-1) - places.unsqueeze(-2)).abs()
    return torch.softmax(-distance / softness, -1)


class SplitGraphAutoencoder(Network):
    """An auto-encoder of graphs on nine slots: an invariant code, and an order of the slots.

    It is deterministic: there is no noise and no prior. Slots that are equivalent under an
    automorphism of the graph have equal scores, share their places, and can only be drawn alike;
    the authors of the paper add noise to the features to tell such slots apart, which is not
    done here.

    Examples
    --------
    >>> atoms = torch.tensor([[0, 0, 2, 4, 4, 4, 4, 4, 4]])  # carbon, carbon, oxygen
    >>> bonds = torch.zeros(1, 9, 9, dtype=torch.int64)
    >>> bonds[0, [0, 1, 1, 2], [1, 0, 2, 1]] = 1
    >>> model = SplitGraphAutoencoder()
    >>> code = model.encode(atoms, bonds)
    >>> code.invariant.shape, code.scores.shape, model.decode(*code).adjacency.shape
    (torch.Size([1, 9]), torch.Size([1, 9]), torch.Size([1, 36]))
    """

    config: SplitGraphConfig

    def __init__(self, config: SplitGraphConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(SplitGraphConfig, config)
        width = config.decoder_width
        inner = GraphVAEConfig(
            encoder_width=config.encoder_width,
            encoder_depth=config.encoder_depth,
            frequencies=config.frequencies,
            lowest_frequency=0.25,
            highest_frequency=4.0,
        )
        self.encoder = MessageEncoder(inner)
        self.scoring = nn.Linear(config.encoder_width, 1)
        if config.order != "sorted":
            self.pooled = nn.Linear(2 * config.encoder_width, config.code)
        if config.order == "frozen":
            self.ordering = MessageEncoder(inner)
            for weights in (*self.ordering.parameters(), *self.scoring.parameters()):
                weights.requires_grad_(False)
        self.waves = Waves(inner)
        self.embed = nn.Linear(config.code * self.waves.size, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(config.decoder_depth)])
        self.norm = nn.RMSNorm(width)
        self.places = nn.Linear(width, MAX_ATOMS * (1 + ELEMENTS))
        self.pairs = nn.Linear(width, PAIRS * (1 + ORDERS))
        self.log_softness = nn.Parameter(torch.tensor(math.log(0.1)))

    def hidden_matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers, which Muon trains."""
        return [*self.encoder.matrices(), *matrices_of(self.blocks)]

    def _encode(self, atoms: Tensor, bonds: Tensor) -> OrderedCode:
        features = self.encoder(atoms, bonds, None)
        ordering = self.ordering(atoms, bonds, None) if self.config.order == "frozen" else features
        scores: Tensor = self.scoring(ordering).squeeze(-1)
        if self.config.order == "sorted":
            return OrderedCode(scores.sort(dim=-1).values, scores)
        pooled = torch.cat([features.mean(1), features.amax(1)], 1)
        return OrderedCode(self.pooled(pooled), scores)

    def encode(self, atoms: Tensor, bonds: Tensor) -> OrderedCode:
        """Return the invariant code and the scores of graphs.

        Parameters
        ----------
        atoms : torch.Tensor
            Node types, integers, shape ``(B, 9)``: 0..3 for C, N, O, F and 4 for "no atom".
        bonds : torch.Tensor
            Bond orders, integers, shape ``(B, 9, 9)``: symmetric, 0 for no bond.
        """
        check_dense(atoms, bonds)
        if atoms.ndim != 2 or atoms.shape[1] != MAX_ATOMS:
            raise ValueError(f"atoms must have shape (B, {MAX_ATOMS}), not {tuple(atoms.shape)}")
        parts = zip(atoms.split(1024), bonds.split(1024), strict=True)
        found = zip(*(self._encode(*part) for part in parts), strict=True)
        return OrderedCode(*(torch.cat(tensors) for tensors in found))

    def draw(self, invariant: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stands on the places: logits ``(B, 9, 5)`` and, of pairs, ``(B, 9, 9, 4)``.

        Parameters
        ----------
        invariant : torch.Tensor
            Shape ``(B, code)``.
        """
        if invariant.ndim != 2 or invariant.shape[1] != self.config.code:
            raise ValueError(
                f"the invariant code must have shape (B, {self.config.code}), not "
                f"{tuple(invariant.shape)}"
            )
        state = self.norm(self.blocks(self.embed(self.waves(invariant).flatten(1))))
        places = self.places(state).reshape(-1, MAX_ATOMS, 1 + ELEMENTS)
        pairs = self.pairs(state).reshape(-1, PAIRS, 1 + ORDERS)
        return places, square_of_pairs(pairs, MAX_ATOMS)

    def carrier(self, scores: Tensor) -> Tensor:
        """Return the weights by which slots read places, ``(B, 9)`` to ``(B, 9, 9)``."""
        if self.config.order == "none":
            return torch.eye(MAX_ATOMS).to(scores).expand(len(scores), -1, -1)
        reads = soft_order(scores, self.log_softness.exp())
        return reads.mT if self.config.order == "inverse" else reads

    def decode(self, invariant: Tensor, scores: Tensor) -> GraphLogits:
        """Return the distribution over graphs of codes ``(B, code)`` and scores ``(B, 9)``."""
        places, pairs = self.draw(invariant)
        reads = self.carrier(scores)
        carried = torch.einsum("bik,bklc,bjl->bijc", reads, pairs, reads)
        first, second = unordered_pairs(MAX_ATOMS).to(scores.device)
        slots, links = reads @ places, carried[:, first, second]
        return GraphLogits(slots[..., 0], slots[..., 1:], links[..., 0], links[..., 1:])

    def forward(self, atoms: Tensor, bonds: Tensor) -> GraphLogits:
        """Encode and decode graphs, whose values are not checked here."""
        return self.decode(*self._encode(atoms, bonds))
