"""A variational auto-encoder of molecular graphs that commutes with relabelling.

The frame is that of Hansen, Calissano & Feragen, "Interpreting Equivariant Representations"
(ICML 2024): a molecule is a graph on nine slots, empty ones included; the encoder maps it to
``d`` numbers for each slot, and with ``d = 1`` the latent space is R^9, on which the group S_9
permutes the coordinates. The decoder maps such a code to a distribution over graphs that is
factorised over

    p(a slot holds an atom) · p(its element) · p(two atoms are bonded) · p(the order of the bond).

Atoms that the graph cannot tell apart have the same code, so what joins them is lost: in a ring
of six equal atoms each would have to be bonded to all others or to none. A network with
``tie_ranks`` reads random numbers of such atoms beside the graph. It commutes with relabelling
graph and numbers together; its codes depend on the draw.

Every map commutes with relabelling the slots: the code of a relabelled molecule is the
relabelled code, and a relabelled code is decoded to the relabelled distribution. So a molecule
has one code up to the order of its entries, and the order carries nothing.

Encoders
--------
``messages``
    Each slot repeatedly adds up the states of its neighbours, with one matrix for each order of
    bond (Gilmer et al., "Neural Message Passing for Quantum Chemistry", ICML 2017).
``layers``
    Equivariant linear maps between slots and pairs (Maron et al., ICLR 2019) and pointwise
    nonlinearities; see :mod:`utils.models.permutation`.

Decoders
--------
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
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Protocol, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.graphs import ATOM_SYMBOLS, BOND_ORDERS, MAX_ATOMS, NO_ATOM, check_dense
from utils.models.base import Network, NetworkConfig
from utils.models.permutation import (
    GraphFeatures,
    SymmetricEquivariantLinear,
    square_of_pairs,
    unordered_pairs,
)

__all__ = [
    "Decoder",
    "Encoder",
    "GraphLogits",
    "GraphVAE",
    "GraphVAEConfig",
    "GraphVAEOutput",
    "exact_match",
    "reconstruction_nats",
]

Encoder = Literal["messages", "layers"]
Decoder = Literal["section", "attention", "layers"]

ELEMENTS = len(ATOM_SYMBOLS)
ORDERS = len(BOND_ORDERS)
HEADS = 4
PAIRS = MAX_ATOMS * (MAX_ATOMS - 1) // 2
_WALKS = 8
_CHUNK = 1024
_LOG_VARIANCE = (-5.5, 5.0)  # middle and half width of the range of the log-variance


@dataclass(frozen=True)
class GraphVAEConfig(NetworkConfig):
    """The shape of a :class:`GraphVAE`.

    Parameters
    ----------
    latent_channels : int
        Numbers ``d`` in the code of each slot.
    encoder : {"messages", "layers"}
        How a graph is read; see the module.
    decoder : {"section", "attention", "layers"}
        How a code is drawn; see the module. ``section`` needs ``latent_channels = 1``.
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

    Raises
    ------
    TypeError
        If a number is not an integer where one is due.
    ValueError
        If a value lies outside its range, or the decoder does not fit the code.
    """

    network: ClassVar[str] = "graph auto-encoder"
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
        self._check_numbers(
            latent_channels=1,
            encoder_width=1,
            encoder_depth=1,
            decoder_width=1,
            decoder_depth=1,
            frequencies=0,
        )
        for name, choices in (("encoder", get_args(Encoder)), ("decoder", get_args(Decoder))):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(repr, choices))}, "
                    f"not {getattr(self, name)!r}"
                )
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


class GraphLogits(NamedTuple):
    """A distribution over graphs, as logits.

    Attributes
    ----------
    existence : torch.Tensor
        Shape ``(B, 9)``: log-odds that a slot holds an atom.
    elements : torch.Tensor
        Shape ``(B, 9, 4)``: logits of C, N, O, F, given that it does.
    adjacency : torch.Tensor
        Shape ``(B, 36)``: log-odds that two atoms are bonded, for the pairs of slots in the
        order of ``torch.triu_indices(9, 9, 1)``.
    orders : torch.Tensor
        Shape ``(B, 36, 3)``: logits of a single, double and triple bond, given that they are.
    """

    existence: Tensor
    elements: Tensor
    adjacency: Tensor
    orders: Tensor

    def most_likely(self) -> tuple[Tensor, Tensor]:
        """Return the graph of the most likely choice at every step.

        Returns
        -------
        atoms : torch.Tensor
            Shape ``(B, 9)``, uint8: 0..3 for C, N, O, F and 4 for "no atom".
        bonds : torch.Tensor
            Shape ``(B, 9, 9)``, uint8: symmetric, 0 for no bond, otherwise 1, 2, 3. Slots
            without an atom have no bonds.
        """
        exists = self.existence > 0
        atoms = torch.where(exists, self.elements.argmax(-1), NO_ATOM).to(torch.uint8)
        first, second = _pairs(atoms.device)
        bonded = (self.adjacency > 0) & exists[:, first] & exists[:, second]
        orders = torch.where(bonded, self.orders.argmax(-1) + 1, 0).to(torch.uint8)
        return atoms, square_of_pairs(orders, MAX_ATOMS)

    def square(self) -> tuple[Tensor, Tensor]:
        """Return the logits of pairs as symmetric arrays.

        Returns
        -------
        adjacency : torch.Tensor
            Shape ``(B, 9, 9)``, with zeros on the diagonal.
        orders : torch.Tensor
            Shape ``(B, 9, 9, 3)``, with zeros on the diagonal.
        """
        return square_of_pairs(self.adjacency, MAX_ATOMS), square_of_pairs(self.orders, MAX_ATOMS)


class GraphVAEOutput(NamedTuple):
    """What :meth:`GraphVAE.forward` returns.

    Attributes
    ----------
    logits : GraphLogits
        The decoded distribution.
    mean, log_variance : torch.Tensor
        The posterior, each of shape ``(B, 9, d)``.
    """

    logits: GraphLogits
    mean: Tensor
    log_variance: Tensor


def _pairs(device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    first, second = unordered_pairs(MAX_ATOMS).to(device)
    return first, second


# ---------------------------------------------------------------- blocks


class _Part(Protocol):
    """An encoder or a decoder, as far as the optimiser is concerned."""

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""


class _Block(nn.Module):
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

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return [self.first.weight, self.second.weight]


class _Waves(nn.Module):
    """Write each number as itself and its sines and cosines at several frequencies."""

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


# ---------------------------------------------------------------- encoders


def _slot_types(atoms: Tensor, ranks: Tensor | None) -> Tensor:
    """Write the type of each slot, and its rank among tied ones if given, as ones and zeros."""
    types = functional.one_hot(atoms.long(), ELEMENTS + 1)
    if ranks is None:
        return types
    return torch.cat([types, functional.one_hot(ranks, MAX_ATOMS)], -1)


class _MessageBlock(nn.Module):
    """One round of messages between bonded slots, and a small network at each slot."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.own = nn.Linear(width, width)
        self.neighbours = nn.Linear((ORDERS + 1) * width, width, bias=False)
        self.everyone = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)
        self.network = _Block(width, 2)

    def forward(self, state: Tensor, neighbours: Tensor) -> Tensor:
        """Return the next state, shape ``(B, 9, width)``.

        `neighbours`, of shape ``(B, 9 * 4, 9)``, holds for each slot the bonded slots by order
        and, as a fourth row, the average over all that are bonded.
        """
        unit = self.norm(state)
        sums = torch.bmm(neighbours.to(unit.dtype), unit).reshape(*unit.shape[:2], -1)
        message = self.own(unit) + self.neighbours(sums) + self.everyone(unit.mean(1, keepdim=True))
        result: Tensor = self.network(state + self.out(functional.gelu(message)))
        return result

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        own = [m.weight for m in (self.own, self.neighbours, self.everyone, self.out)]
        return own + self.network.matrices()


class _MessageEncoder(nn.Module):
    """Messages along bonds; the first features are counts, so nothing depends on the order."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.encoder_width
        known = ELEMENTS + 1 + ORDERS + 1 + _WALKS
        self.embed = nn.Linear(known + (MAX_ATOMS if config.tie_ranks else 0), width)
        self.blocks = nn.ModuleList(_MessageBlock(width) for _ in range(config.encoder_depth))
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
        return [p for block in self.blocks for p in block.matrices()]  # type: ignore[operator]


class _EquivariantStack(nn.Module):
    """Equivariant linear layers to order 2, a GELU after each."""

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
            nodes, pairs = cast(GraphFeatures, layer(features))
            features = GraphFeatures(functional.gelu(nodes), functional.gelu(pairs))
        assert isinstance(features, GraphFeatures)
        return features

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers; those of the first layer are not."""
        found: list[Tensor] = []
        for layer in list(self.layers)[1:]:
            assert isinstance(layer, SymmetricEquivariantLinear)
            assert layer.pair_weight is not None
            found += [layer.pair_weight, layer.node_weight, layer.graph_weight]
        return found


class _LayeredEncoder(nn.Module):
    """Equivariant linear layers on slots and pairs, and one more back to the slots."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.encoder_width
        self.stack = _EquivariantStack(
            (ELEMENTS + 1 + (MAX_ATOMS if config.tie_ranks else 0), ORDERS + 1),
            width,
            config.encoder_depth,
            first=(2, 2),
        )
        self.readout = SymmetricEquivariantLinear(width, width, orders=(2, 1))

    def forward(self, atoms: Tensor, bonds: Tensor, ranks: Tensor | None) -> Tensor:
        """Return features of shape ``(B, 9, width)``."""
        like = self.readout.node_weight
        first, second = _pairs(bonds.device)
        types = _slot_types(atoms, ranks).to(like.dtype)
        orders = functional.one_hot(bonds[:, first, second].long(), ORDERS + 1).to(like.dtype)
        features: Tensor = self.readout(self.stack(GraphFeatures(types, orders)))
        return features

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return self.stack.matrices()


# ---------------------------------------------------------------- decoders


class _SectionDecoder(nn.Module):
    """An ordinary network on the sorted code, carried back to the slots."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.waves = _Waves(config)
        self.embed = nn.Linear((2 * MAX_ATOMS - 1) * self.waves.size, width)
        self.blocks = nn.Sequential(*[_Block(width) for _ in range(config.decoder_depth)])
        self.norm = nn.RMSNorm(width)
        self.places = nn.Linear(width, MAX_ATOMS * (1 + ELEMENTS))
        self.pairs = nn.Linear(width, PAIRS * (1 + ORDERS))
        self.log_softness = nn.Parameter(torch.tensor(math.log(0.05)))

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of slots, ``(B, 9, 5)``, and of pairs, ``(B, 36, 4)``."""
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
            first, second = _pairs(z.device)
            return torch.bmm(reads, places), whole[:, first, second]

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return [p for block in self.blocks for p in block.matrices()]  # type: ignore[operator]


class _AttentionBlock(nn.Module):
    """Self-attention among the slots, and a small network at each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.network = _Block(width, 2)

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

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        own = [m.weight for m in (self.queries, self.keys, self.values, self.out)]
        return own + self.network.matrices()


class _AttentionDecoder(nn.Module):
    """Self-attention among the slots, then products of the states of two slots."""

    RANK = 64

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.waves = _Waves(config)
        self.embed = nn.Linear(config.latent_channels * self.waves.size, width)
        self.lift = _Block(width, 2)
        self.blocks = nn.ModuleList(_AttentionBlock(width) for _ in range(config.decoder_depth))
        self.norm = nn.RMSNorm(width)
        self.slots = nn.Linear(width, 1 + ELEMENTS)
        self.factors = nn.Linear(width, self.RANK)
        self.terms = nn.Linear(width, self.RANK)
        self.hidden = nn.Linear(self.RANK, self.RANK)
        self.pairs = nn.Linear(self.RANK, 1 + ORDERS)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of slots, ``(B, 9, 5)``, and of pairs, ``(B, 36, 4)``."""
        state = self.lift(self.embed(self.waves(codes).flatten(2)))
        for block in self.blocks:
            state = block(state)
        unit = self.norm(state)
        factors, terms = self.factors(unit), self.terms(unit)
        first, second = _pairs(codes.device)
        products = self.hidden(factors[:, first] * factors[:, second])
        hidden = functional.gelu(products + terms[:, first] + terms[:, second])
        return self.slots(unit).to(codes.dtype), self.pairs(hidden).to(codes.dtype)

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        inner = [p for b in self.blocks for p in b.matrices()]  # type: ignore[operator]
        own = [m.weight for m in (self.factors, self.terms, self.hidden)]
        return [*self.lift.matrices(), *inner, *own]


class _LayeredDecoder(nn.Module):
    """Equivariant linear layers from slots to slots and pairs."""

    def __init__(self, config: GraphVAEConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.waves = _Waves(config)
        channels = config.latent_channels * self.waves.size
        self.stack = _EquivariantStack(channels, width, config.decoder_depth, first=(1, 2))
        self.slots = nn.Linear(width, 1 + ELEMENTS)
        self.pairs = nn.Linear(width, 1 + ORDERS)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of slots, ``(B, 9, 5)``, and of pairs, ``(B, 36, 4)``."""
        nodes, pairs = self.stack(self.waves(codes).flatten(2))
        return self.slots(nodes), self.pairs(pairs)

    def matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers."""
        return self.stack.matrices()


_ENCODERS = {"messages": _MessageEncoder, "layers": _LayeredEncoder}
_DECODERS = {
    "section": _SectionDecoder,
    "attention": _AttentionDecoder,
    "layers": _LayeredDecoder,
}


# ---------------------------------------------------------------- the model


class GraphVAE(Network):
    """A variational auto-encoder of graphs on nine slots, equivariant under S_9.

    Parameters
    ----------
    config : GraphVAEConfig, optional
        Its shape; the defaults are the network of the book.

    Notes
    -----
    The log-variance is bounded softly, by a hyperbolic tangent, to the range from -10.5 to
    -0.5: a hard bound has no gradient outside.
    """

    config: GraphVAEConfig

    def __init__(self, config: GraphVAEConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(GraphVAEConfig, config)
        self.encoder = _ENCODERS[config.encoder](config)
        self.head = nn.Linear(config.encoder_width, 2 * config.latent_channels)
        self.decoder = _DECODERS[config.decoder](config)

    def hidden_matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers, which Muon trains.

        Returns
        -------
        list of torch.Tensor
            Each of two dimensions.
        """
        parts = cast(list[_Part], [self.encoder, self.decoder])
        return [matrix for part in parts for matrix in part.matrices()]

    def _posterior(
        self, atoms: Tensor, bonds: Tensor, ranks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if self.config.tie_ranks and ranks is None:
            raise ValueError(
                "this network reads numbers that tell tied atoms apart; pass ranks, such as "
                "utils.graphs.random_tie_ranks(atoms, tied_molecules(atoms, bonds), ...)"
            )
        if ranks is not None and not self.config.tie_ranks:
            raise ValueError("this network reads no ranks of tied atoms; leave them out")
        features = self.encoder(atoms, bonds, ranks)
        # In single precision also where the rest is not: the code is finer than bfloat16.
        with torch.autocast(features.device.type, enabled=False):
            mean, raw = self.head(features.to(self.head.weight.dtype)).chunk(2, -1)
        middle, half_width = _LOG_VARIANCE
        return mean, middle + half_width * torch.tanh(raw / half_width)

    def encode(
        self, atoms: Tensor, bonds: Tensor, ranks: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the posterior of the code of each graph.

        Parameters
        ----------
        atoms : torch.Tensor
            Node types, integers, shape ``(B, 9)``: 0..3 for C, N, O, F and 4 for "no atom".
        bonds : torch.Tensor
            Bond orders, integers, shape ``(B, 9, 9)``: symmetric, 0 for no bond.
        ranks : torch.Tensor, optional
            Int64, shape ``(B, 9)``, from 0 to 8: numbers of tied atoms, for a network with
            ``tie_ranks`` and no other.

        Returns
        -------
        mean, log_variance : torch.Tensor
            Each of shape ``(B, 9, d)``.

        Raises
        ------
        TypeError
            If one of them is not a tensor of integers.
        ValueError
            If shapes or values are not those of a batch of graphs on nine slots, or ranks are
            missing or superfluous.
        """
        check_dense(atoms, bonds)
        if atoms.ndim != 2 or atoms.shape[1] != MAX_ATOMS:
            raise ValueError(
                f"atoms must have shape (B, {MAX_ATOMS}), not {tuple(atoms.shape)}; pad smaller "
                f"molecules with empty slots, as utils.data.qm9 does"
            )
        if ranks is not None and ranks.shape != atoms.shape:
            raise ValueError(
                f"ranks must have the shape of atoms, {tuple(atoms.shape)}, not "
                f"{tuple(ranks.shape)}"
            )
        starts = range(0, max(len(atoms), 1), _CHUNK)
        parts = [
            self._posterior(
                atoms[i : i + _CHUNK],
                bonds[i : i + _CHUNK],
                None if ranks is None else ranks[i : i + _CHUNK],
            )
            for i in starts
        ]
        means, log_variances = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(log_variances)

    def _decode(self, codes: Tensor) -> GraphLogits:
        slots, pairs = self.decoder(codes)
        return GraphLogits(slots[..., 0], slots[..., 1:], pairs[..., 0], pairs[..., 1:])

    def decode(self, codes: Tensor) -> GraphLogits:
        """Return the distribution over graphs of each code.

        Parameters
        ----------
        codes : torch.Tensor
            Shape ``(B, 9, d)``, floating point.

        Returns
        -------
        GraphLogits
            Logits of slots and pairs.

        Raises
        ------
        TypeError
            If the codes are not floating point.
        ValueError
            If the shape is another.
        """
        if not codes.is_floating_point():
            raise TypeError(f"codes must be floating point, not {codes.dtype}")
        d = self.config.latent_channels
        if codes.ndim != 3 or codes.shape[1:] != (MAX_ATOMS, d):
            raise ValueError(
                f"codes must have shape (B, {MAX_ATOMS}, {d}), not {tuple(codes.shape)}"
            )
        parts = [self._decode(part) for part in codes.split(_CHUNK)]
        return GraphLogits(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def forward(
        self,
        atoms: Tensor,
        bonds: Tensor,
        noise: Tensor | None = None,
        ranks: Tensor | None = None,
    ) -> GraphVAEOutput:
        """Encode graphs, draw codes from their posteriors, and decode them.

        Parameters
        ----------
        atoms, bonds : torch.Tensor
            As for :meth:`encode`; their values are not checked here.
        noise : torch.Tensor, optional
            Shape ``(B, 9, d)``: the standard normal noise of the draw. Without it the posterior
            mean is decoded.
        ranks : torch.Tensor, optional
            As for :meth:`encode`.

        Returns
        -------
        GraphVAEOutput
            Logits and posterior.
        """
        mean, log_variance = self._posterior(atoms, bonds, ranks)
        codes = mean if noise is None else mean + noise * (log_variance / 2).exp()
        return GraphVAEOutput(self._decode(codes), mean, log_variance)


# ---------------------------------------------------------------- the evidence lower bound


def reconstruction_nats(logits: GraphLogits, atoms: Tensor, bonds: Tensor) -> Tensor:
    """Return minus the log-probability of each graph under decoded distributions.

    An element counts where there is an atom, a bond where there are two, and an order where
    there is a bond: the sum is the negative log-likelihood of the factorised distribution.

    Parameters
    ----------
    logits : GraphLogits
        The distributions.
    atoms : torch.Tensor
        Integers, shape ``(B, 9)``.
    bonds : torch.Tensor
        Integers, shape ``(B, 9, 9)``.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``, in nats.
    """
    first, second = _pairs(atoms.device)
    exists = atoms != NO_ATOM
    both = exists[:, first] & exists[:, second]
    orders = bonds[:, first, second].long()
    existence = functional.binary_cross_entropy_with_logits(
        logits.existence, exists.to(logits.existence.dtype), reduction="none"
    )
    elements = functional.cross_entropy(
        logits.elements.flatten(0, 1), atoms.flatten().long() % NO_ATOM, reduction="none"
    ).view_as(existence)
    adjacency = functional.binary_cross_entropy_with_logits(
        logits.adjacency, (orders > 0).to(logits.adjacency.dtype), reduction="none"
    )
    kinds = functional.cross_entropy(
        logits.orders.flatten(0, 1), (orders.flatten() - 1).clamp(min=0), reduction="none"
    ).view_as(adjacency)
    slots = (existence + elements * exists).sum(1)
    return slots + (adjacency * both + kinds * (orders > 0)).sum(1)


def exact_match(logits: GraphLogits, atoms: Tensor, bonds: Tensor) -> Tensor:
    """Say which graphs the most likely choices give back, slot for slot and bond for bond.

    Parameters
    ----------
    logits : GraphLogits
        The decoded distributions.
    atoms : torch.Tensor
        Integers, shape ``(B, 9)``.
    bonds : torch.Tensor
        Integers, shape ``(B, 9, 9)``.

    Returns
    -------
    torch.Tensor
        Shape ``(B,)``, bool.
    """
    found_atoms, found_bonds = logits.most_likely()
    return (found_atoms == atoms).all(1) & (found_bonds == bonds).flatten(1).all(1)
