r"""What is read off molecules that are split into an invariant code and an order of their atoms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from utils.graphs import NO_ATOM, DenseGraphs, tied_molecules, weisfeiler_leman_colours
from utils.models.graph_vae import SplitGraphAutoencoder, exact_match, reconstruction_nats
from utils.probes.neighbours import knn_r2

__all__ = ["OrderMeasures", "measure_order", "order_changes", "swapped_atoms"]


@dataclass(frozen=True)
class OrderMeasures:
    """What :func:`measure_order` found.

    Attributes
    ----------
    exact, exact_untied : float
        Share of the molecules that are given back whole: of all, and of those of which no two
        atoms are tied.
    bonds : float
        Share of the bonds that are given back, with their orders.
    nats : float
        Mean of minus the log-probability of the molecules.
    flipped : float
        After one atom is replaced by one of another element: share of the pairs of atoms, tied
        neither before nor after, that change their order. A coin would give 0.5.
    flipped_any : float
        Share of the molecules in which a pair does.
    moved, moved_scores : float
        How far the replacement moves the invariant code and the scores: median distance, over the
        median distance of two molecules.
    gap : float
        R² of the gap, by the five nearest invariant codes of other molecules.

    Examples
    --------
    >>> found = OrderMeasures(0.2, 0.2, 0.9, 5.0, flipped=0.1, flipped_any=0.7, moved=0.3,
    ...                       moved_scores=0.2, gap=0.8)
    >>> found.flipped < 0.5  # less than a coin
    True
    """

    exact: float
    exact_untied: float
    bonds: float
    nats: float
    flipped: float
    flipped_any: float
    moved: float
    moved_scores: float
    gap: float


def swapped_atoms(graphs: DenseGraphs, *, seed: int) -> DenseGraphs:
    """Replace the element of one atom of every molecule, chosen at random, by another.

    Bonds stay. The result need not be a molecule that chemistry knows; properties and SMILES are
    those of the molecules before.

    Parameters
    ----------
    graphs : DenseGraphs
        Molecules of at least one atom.
    seed : int
        Seed of the choice.

    Examples
    --------
    >>> bonds, row = torch.zeros(1, 3, 3, dtype=torch.long), torch.tensor([1])
    >>> atoms = torch.tensor([[0, 0, NO_ATOM]])
    >>> carbons = DenseGraphs(atoms, bonds, torch.zeros(1, 0), row, ("C.C",), (), ())
    >>> int((swapped_atoms(carbons, seed=0).atoms != atoms).sum())
    1
    """
    generator = torch.Generator().manual_seed(seed)
    keys = torch.rand(graphs.atoms.shape, generator=generator)
    chosen = keys.masked_fill(graphs.atoms == NO_ATOM, -1).argmax(1, keepdim=True)
    old = graphs.atoms.gather(1, chosen)
    step = torch.randint(1, NO_ATOM, old.shape, generator=generator).to(old.dtype)
    return replace(graphs, atoms=graphs.atoms.scatter(1, chosen, (old + step) % NO_ATOM))


def order_changes(before: Tensor, after: Tensor, comparable: Tensor) -> tuple[Tensor, Tensor]:
    """Count the pairs of slots whose scores change their order.

    Parameters
    ----------
    before, after : torch.Tensor
        Scores ``(B, n)``.
    comparable : torch.Tensor
        Bool, ``(B, n, n)``, symmetric: which pairs to look at.

    Returns
    -------
    changed, pairs : torch.Tensor
        Int64, ``(B,)`` each: how many pairs change their order, of how many.

    Examples
    --------
    >>> everything = torch.ones(1, 3, 3, dtype=torch.bool)
    >>> order_changes(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 3.0, 2.0]]), everything)
    (tensor([1]), tensor([3]))
    """
    upper = torch.ones(before.shape[1], before.shape[1], dtype=torch.bool).triu(1)
    looked = comparable & upper
    rises = [scores[:, :, None] < scores[:, None] for scores in (before, after)]
    changed = (rises[0] != rises[1]) & looked
    return changed.sum((1, 2)), looked.sum((1, 2))


def _comparable(*graphs: DenseGraphs) -> Tensor:
    """Say which pairs of slots hold two atoms that colours tell apart in all the graphs."""
    looked = torch.ones(1, dtype=torch.bool)
    for each in graphs:
        colours = weisfeiler_leman_colours(each.atoms, each.bonds)
        exists = each.atoms != NO_ATOM
        apart = colours[:, :, None] != colours[:, None]
        looked = looked & apart & exists[:, :, None] & exists[:, None]
    return looked


def _distance(one: Tensor, other: Tensor) -> float:
    """Median distance of rows, over the median distance of two rows of the first."""
    unit = (one - one.roll(1, dims=0)).norm(dim=1).median()
    return float((one - other).norm(dim=1).median() / unit)


@torch.no_grad()
def measure_order(
    network: SplitGraphAutoencoder, graphs: DenseGraphs, *, seed: int = 0
) -> OrderMeasures:
    """Measure what an order is worth, and how much of it a small change leaves as it was.

    Parameters
    ----------
    network : SplitGraphAutoencoder
        In evaluation mode.
    graphs : DenseGraphs
        Molecules with the property ``gap``, numbered at random; at least 20.
    seed : int
        Seed of the replaced atoms.

    Examples
    --------
    >>> from utils.data.qm9 import load_dense
    >>> graphs = load_dense("test", progress=False)[:100]
    >>> measure_order(SplitGraphAutoencoder().eval(), graphs).exact < 0.1
    True
    """
    code = network.encode(graphs.atoms, graphs.bonds)
    logits = network.decode(code.invariant, code.scores)
    exact = exact_match(logits, graphs.atoms, graphs.bonds).double()
    tied = tied_molecules(graphs.atoms, graphs.bonds).tied
    bonded = graphs.bonds > 0
    right = (logits.most_likely()[1] == graphs.bonds) & bonded
    other = swapped_atoms(graphs, seed=seed)
    after = network.encode(other.atoms, other.bonds)
    changed, pairs = order_changes(code.scores, after.scores, _comparable(graphs, other))
    half = len(graphs) // 2
    gap = graphs.property("gap")[:, None]
    return OrderMeasures(
        float(exact.mean()),
        float(exact[~tied].mean()),
        float(right.sum() / bonded.sum()),
        float(reconstruction_nats(logits, graphs.atoms, graphs.bonds).mean()),
        float(changed.sum() / pairs.sum()),
        float((changed > 0).double().mean()),
        _distance(code.invariant, after.invariant),
        _distance(code.scores, after.scores),
        float(knn_r2(code.invariant[:half], gap[:half], code.invariant[half:], gap[half:], k=5)[0]),
    )
