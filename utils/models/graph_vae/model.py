"""The graph autoencoder: an encoder, a posterior, a decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils._checks import check_finite
from utils.graphs import MAX_ATOMS, check_dense
from utils.models.base import Network
from utils.models.graph_vae.config import GraphVAEConfig
from utils.models.graph_vae.decoders import AttentionDecoder, LayeredDecoder, SectionDecoder
from utils.models.graph_vae.distribution import GraphLogits
from utils.models.graph_vae.encoders import LayeredEncoder, MessageEncoder

__all__ = ["GraphVAE", "GraphVAEOutput"]

_CHUNK = 1024
_LOG_VARIANCE = (-5.5, 5.0)  # middle and half width of the range of the log-variance
_ENCODERS: dict[str, type[MessageEncoder | LayeredEncoder]] = {
    "messages": MessageEncoder,
    "layers": LayeredEncoder,
}
_DECODERS: dict[str, type[SectionDecoder | AttentionDecoder | LayeredDecoder]] = {
    "section": SectionDecoder,
    "attention": AttentionDecoder,
    "layers": LayeredDecoder,
}


class GraphVAEOutput(NamedTuple):
    """The decoded distribution and the posterior, mean and log-variance each ``(B, 9, d)``."""

    logits: GraphLogits
    mean: Tensor
    log_variance: Tensor


class GraphVAE(Network):
    """A variational autoencoder of graphs on nine slots, equivariant under S_9.

    The default configuration is the network of the book. The log-variance is bounded softly, by a
    hyperbolic tangent, to the range from -10.5 to -0.5: a hard bound has no gradient outside.

    Examples
    --------
    >>> atoms = torch.tensor([[0, 0, 2, 4, 4, 4, 4, 4, 4]])  # carbon, carbon, oxygen
    >>> bonds = torch.zeros(1, 9, 9, dtype=torch.int64)
    >>> bonds[0, [0, 1, 1, 2], [1, 0, 2, 1]] = 1
    >>> model = GraphVAE()
    >>> codes, log_variance = model.encode(atoms, bonds)
    >>> codes.shape, model.decode(codes).adjacency.shape
    (torch.Size([1, 9, 1]), torch.Size([1, 36]))
    """

    config: GraphVAEConfig

    def __init__(self, config: GraphVAEConfig | None = None) -> None:
        super().__init__()
        self.config = config = self._configured(GraphVAEConfig, config)
        self.encoder = _ENCODERS[config.encoder](config)
        self.head = nn.Linear(config.encoder_width, 2 * config.latent_channels)
        self.decoder = _DECODERS[config.decoder](config)

    def hidden_matrices(self) -> list[Tensor]:
        """Return the matrices between hidden layers, which Muon trains."""
        return [*self.encoder.matrices(), *self.decoder.matrices()]

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
        """
        check_dense(atoms, bonds)
        if atoms.ndim != 2 or atoms.shape[1] != MAX_ATOMS:
            raise ValueError(
                f"atoms must have shape (B, {MAX_ATOMS}), not {tuple(atoms.shape)}; pad smaller "
                f"molecules with empty slots, as utils.graphs does"
            )
        if ranks is not None and ranks.shape != atoms.shape:
            raise ValueError(
                f"ranks must have the shape of atoms, {tuple(atoms.shape)}, not "
                f"{tuple(ranks.shape)}"
            )
        rows = [slice(i, i + _CHUNK) for i in range(0, max(len(atoms), 1), _CHUNK)]
        parts = [
            self._posterior(atoms[i], bonds[i], None if ranks is None else ranks[i]) for i in rows
        ]
        means, log_variances = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(log_variances)

    def _decode(self, codes: Tensor) -> GraphLogits:
        slots, pairs = self.decoder(codes)
        return GraphLogits(slots[..., 0], slots[..., 1:], pairs[..., 0], pairs[..., 1:])

    def decode(self, codes: Tensor) -> GraphLogits:
        """Return the distribution over graphs of each code: finite numbers, ``(B, 9, d)``."""
        if not codes.is_floating_point():
            raise TypeError(f"codes must be floating point, not {codes.dtype}")
        d = self.config.latent_channels
        if codes.ndim != 3 or codes.shape[1:] != (MAX_ATOMS, d):
            raise ValueError(
                f"codes must have shape (B, {MAX_ATOMS}, {d}), not {tuple(codes.shape)}"
            )
        if codes.numel():
            check_finite(codes, "The tensor of codes")
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
        atoms, bonds, ranks : torch.Tensor
            As for :meth:`encode`; their values are not checked here.
        noise : torch.Tensor, optional
            Shape ``(B, 9, d)``: the standard normal noise of the draw. Without it the posterior
            mean is decoded.
        """
        mean, log_variance = self._posterior(atoms, bonds, ranks)
        codes = mean if noise is None else mean + noise * (log_variance / 2).exp()
        return GraphVAEOutput(self._decode(codes), mean, log_variance)
