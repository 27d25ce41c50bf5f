"""Molecules split into an invariant code and an order of their atoms."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from utils.data import qm9
from utils.graphs import NO_ATOM, DenseGraphs, random_permutations, relabel
from utils.models.graph_vae import (
    GraphLogits,
    SplitGraphAutoencoder,
    SplitGraphConfig,
    exact_match,
    reconstruction_nats,
    soft_order,
)
from utils.probes import measure_order, order_changes, swapped_atoms
from utils.training import Recipe
from utils.training.tasks.molecule_split import MoleculeSplit, MoleculeSplitData

ORDERS = ("sorted", "trained", "frozen", "inverse", "none")
COMMUTING = ("sorted", "trained", "frozen")


@pytest.fixture(scope="module")
def graphs() -> DenseGraphs:
    some = qm9.load_dense("test", progress=False)[:200]
    return relabel(some, random_permutations(len(some), seed=0))


def network(order: str, seed: int = 0, **config: int) -> SplitGraphAutoencoder:
    torch.manual_seed(seed)
    made = SplitGraphAutoencoder(SplitGraphConfig(order=order, **config)).eval()
    with torch.no_grad():
        made.scoring.weight.mul_(5)  # scores that lie apart, as after training
    return made


def test_soft_order_is_what_a_loop_finds() -> None:
    scores = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    found = soft_order(scores, 0.3)
    for b in range(3):
        places = sorted(scores[b].tolist())
        for i in range(5):
            weights = [math.exp(-abs(scores[b, i].item() - place) / 0.3) for place in places]
            for k in range(5):
                wanted = weights[k] / sum(weights)
                assert found[b, i, k].item() == pytest.approx(wanted, rel=1e-4)
    hard = soft_order(scores, 1e-4).round()
    assert torch.allclose(hard.mT @ scores[..., None], scores.sort(1).values[..., None])


def test_slots_with_equal_scores_share_their_places() -> None:
    weights = soft_order(torch.tensor([1.0, 0.0, 1.0]), 0.01)
    assert torch.equal(weights[0], weights[2])
    assert weights[0].tolist() == pytest.approx([0, 0.5, 0.5], abs=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_decoding_is_what_a_loop_finds(order: str, graphs: DenseGraphs) -> None:
    model = network(order)
    code = model.encode(graphs.atoms[:2], graphs.bonds[:2])
    logits = model.decode(*code)
    with torch.no_grad():
        places, pairs = model.draw(code.invariant)
        tau = model.log_softness.exp()
        square = logits.square()[0]
    for b in range(2):
        reads = soft_order(code.scores[b], tau).detach().numpy()
        reads = {"inverse": reads.T, "none": np.eye(9)}.get(order, reads)
        for i in range(9):
            wanted = sum(reads[i, k] * places[b, k, 0].item() for k in range(9))
            assert logits.existence[b, i].item() == pytest.approx(wanted, abs=1e-4)
        for i, j in itertools.combinations(range(9), 2):
            wanted = sum(
                reads[i, k] * reads[j, m] * pairs[b, k, m, 0].item()
                for k in range(9)
                for m in range(9)
            )
            assert square[b, i, j].item() == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_codes_do_not_depend_on_the_numbering_and_scores_move(
    order: str, graphs: DenseGraphs
) -> None:
    model = network(order)
    sigma = random_permutations(len(graphs), seed=1)
    other = relabel(graphs, sigma)
    here = model.encode(graphs.atoms, graphs.bonds)
    there = model.encode(other.atoms, other.bonds)
    assert torch.allclose(here.invariant, there.invariant, atol=1e-4)
    assert torch.allclose(here.scores, there.scores.gather(1, sigma), atol=1e-4)
    assert (here.scores - there.scores).abs().max() > 1e-2
    assert here.invariant.std(0).max() > 1e-3


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_carried_back_right_commutes_with_renumbering(
    order: str, graphs: DenseGraphs
) -> None:
    model = network(order)
    sigma = random_permutations(len(graphs), seed=1)
    other = relabel(graphs, sigma)
    with torch.no_grad():
        here = model(graphs.atoms, graphs.bonds).existence
        there = model(other.atoms, other.bonds).existence.gather(1, sigma)
    error = ((here - there).norm() / here.norm()).item()
    assert (error < 1e-4) == (order in COMMUTING), error


def test_a_frozen_order_has_no_gradient_and_another_has(graphs: DenseGraphs) -> None:
    for order in ("trained", "frozen"):
        model = network(order).train()
        batch = graphs.atoms[:20], graphs.bonds[:20]
        reconstruction_nats(model(*batch), *batch).mean().backward()
        assert (model.scoring.weight.grad is None) == (order == "frozen")
        assert model.encoder.embed.weight.grad.abs().max() > 0


def test_hidden_matrices_are_parameters_of_two_dimensions() -> None:
    model = network("trained")
    own = {id(p) for p in model.parameters()}
    matrices = model.hidden_matrices()
    assert matrices
    assert all(m.ndim == 2 and id(m) in own for m in matrices)


def test_bad_input_is_refused(graphs: DenseGraphs) -> None:
    model = network("trained")
    with pytest.raises(ValueError, match=r"\(B, 9\)"):
        model.encode(graphs.atoms[:, :8], graphs.bonds[:, :8, :8])
    with pytest.raises(ValueError, match=r"\(B, 9\), not"):
        model.draw(torch.zeros(2, 8))
    with pytest.raises(ValueError, match="9 numbers"):
        SplitGraphConfig(order="sorted", code=8)
    with pytest.raises(ValueError, match="order"):
        SplitGraphConfig(order="random")
    config = SplitGraphConfig("inverse", code=3)
    assert SplitGraphConfig.from_dict(config.to_dict()) == config


# ---------------------------------------------------------------- the task


def test_training_molecules_are_renumbered(graphs: DenseGraphs) -> None:
    data = MoleculeSplitData(graphs, graphs, graphs, seed=0)
    rows = torch.tensor([0, 5, 77])
    atoms, bonds = data.training_batch(rows, 1)
    assert not torch.equal(atoms, graphs.atoms[rows])
    assert torch.equal(atoms.sort(1).values, graphs.atoms[rows].sort(1).values)
    assert torch.equal(bonds, bonds.mT)
    for a, b, row in zip(atoms, bonds, rows, strict=True):
        seen = sorted(
            (a[i].item(), a[j].item(), b[i, j].item()) for i in range(9) for j in range(9)
        )
        g, h = graphs.atoms[row], graphs.bonds[row]
        was = sorted((g[i].item(), g[j].item(), h[i, j].item()) for i in range(9) for j in range(9))
        assert seen == was
    whole = data.training_batch(torch.arange(200), 1)
    assert torch.equal(whole[0][rows], atoms)
    assert not torch.equal(data.training_batch(rows, 2)[0], atoms)


def test_the_data_of_the_task_are_numbered_at_random() -> None:
    task = MoleculeSplit("x", Recipe(1, 10, 1e-3), training_size=50)
    data = task.load_data()
    assert data.training_size == 50
    filed = qm9.load_dense("test", progress=False)[: len(data.test)]
    assert data.test.smiles[:5] == filed.smiles[:5]
    assert not torch.equal(data.test.atoms, filed.atoms)
    metrics = task.metrics(network("trained"), data.evaluation("test"))
    assert 0 <= metrics["bonds"].mean() < 0.5
    with pytest.raises(ValueError, match="training_size"):
        dataclasses.replace(task, training_size=0)


# ---------------------------------------------------------------- measures


def test_one_atom_of_each_molecule_is_replaced(graphs: DenseGraphs) -> None:
    other = swapped_atoms(graphs, seed=0)
    changed = other.atoms != graphs.atoms
    assert (changed.sum(1) == 1).all()
    assert (graphs.atoms[changed] != NO_ATOM).all()
    assert (other.atoms[changed] != NO_ATOM).all()
    assert torch.equal(other.bonds, graphs.bonds)
    assert len(changed.nonzero()[:, 1].unique()) == 9


def test_changes_of_order_are_counted_pair_by_pair() -> None:
    draw = torch.Generator().manual_seed(0)
    before, after = torch.rand(2, 6, 7, generator=draw)
    looked = torch.rand(6, 7, 7, generator=draw) > 0.3
    looked = looked & looked.mT
    changed, pairs = order_changes(before, after, looked)
    for b in range(6):
        some = [(i, j) for i, j in itertools.combinations(range(7), 2) if looked[b, i, j]]
        flips = [(before[b, i] < before[b, j]) != (after[b, i] < after[b, j]) for i, j in some]
        assert (changed[b], pairs[b]) == (sum(flips), len(some))


class Perfect(SplitGraphAutoencoder):
    """Gives every graph back, and scores slots by number or at random."""

    def __init__(self, graphs: DenseGraphs, *, steady: bool) -> None:
        super().__init__()
        self.graphs, self.steady, self.calls = graphs, steady, 0

    def encode(self, atoms, bonds):  # type: ignore[no-untyped-def]
        self.calls += 1
        draw = torch.Generator().manual_seed(0 if self.steady else self.calls)
        scores = torch.rand(len(atoms), 9, generator=draw)
        return super().encode(atoms, bonds)._replace(scores=scores)

    def decode(self, invariant, scores):  # type: ignore[no-untyped-def]
        one_hot = torch.nn.functional.one_hot
        first, second = torch.triu_indices(9, 9, 1)
        links = self.graphs.bonds[:, first, second].long()
        atoms = self.graphs.atoms.long()
        return GraphLogits(
            torch.where(atoms == NO_ATOM, -9.0, 9.0),
            9.0 * one_hot(atoms % NO_ATOM, 4),
            torch.where(links > 0, 9.0, -9.0),
            9.0 * one_hot((links - 1).clamp(min=0), 3),
        )


def test_measures_know_a_perfect_and_a_random_order(graphs: DenseGraphs) -> None:
    steady = measure_order(Perfect(graphs, steady=True).eval(), graphs)
    assert (steady.exact, steady.bonds, steady.flipped, steady.moved_scores) == (1, 1, 0, 0)
    loose = measure_order(Perfect(graphs, steady=False).eval(), graphs)
    assert 0.45 < loose.flipped < 0.55
    assert loose.flipped_any > 0.95
    untrained = measure_order(network("trained"), graphs)
    assert untrained.exact < 0.05
    assert untrained.nats > steady.nats


def test_exact_match_of_the_measures_is_that_of_chapter_08(graphs: DenseGraphs) -> None:
    model = network("sorted")
    with torch.no_grad():
        logits = model(graphs.atoms, graphs.bonds)
    wanted = exact_match(logits, graphs.atoms, graphs.bonds).double().mean().item()
    assert measure_order(model, graphs).exact == wanted
