"""A variational autoencoder of molecular graphs that commutes with relabelling.

The frame is that of Hansen, Calissano & Feragen, "Interpreting Equivariant Representations"
(ICML 2024): a molecule is a graph on nine slots, empty ones included; the encoder maps it to
``d`` numbers for each slot, and with ``d = 1`` the latent space is R^9, on which the group S_9
permutes the coordinates. The decoder maps such a code to a distribution over graphs that is
factorised over

    p(a slot holds an atom) · p(its element) · p(two atoms are bonded) · p(the order of the bond).

Every map commutes with relabelling the slots: the code of a relabelled molecule is the
relabelled code, and a relabelled code is decoded to the relabelled distribution. So a molecule
has one code up to the order of its entries, and the order carries nothing.

Atoms that the graph cannot tell apart have the same code, so what joins them is lost: in a ring
of six equal atoms each would have to be bonded to all others or to none. A network with
``tie_ranks`` reads random numbers of such atoms beside the graph. It commutes with relabelling
graph and numbers together; its codes depend on the draw.

:mod:`~utils.models.graph_vae.encoders` and :mod:`~utils.models.graph_vae.decoders` hold the parts
that :class:`~utils.models.graph_vae.GraphVAEConfig` names,
:mod:`~utils.models.graph_vae.distribution` the likelihood. :mod:`~utils.models.graph_vae.split`
has an auto-encoder whose code and order are different numbers.
"""

from utils.models.graph_vae.config import Decoder, Encoder, GraphVAEConfig
from utils.models.graph_vae.distribution import GraphLogits, exact_match, reconstruction_nats
from utils.models.graph_vae.model import GraphVAE, GraphVAEOutput
from utils.models.graph_vae.split import (
    Order,
    OrderedCode,
    SplitGraphAutoencoder,
    SplitGraphConfig,
    soft_order,
)

__all__ = [
    "Decoder",
    "Encoder",
    "GraphLogits",
    "GraphVAE",
    "GraphVAEConfig",
    "GraphVAEOutput",
    "Order",
    "OrderedCode",
    "SplitGraphAutoencoder",
    "SplitGraphConfig",
    "exact_match",
    "reconstruction_nats",
    "soft_order",
]
