"""Graph space against brute force, against other implementations, and its laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from rdkit import Chem
from scipy.optimize import quadratic_assignment

from utils.data.qm9 import load_dense
from utils.graphs import DenseGraphs, random_permutations, relabel
from utils.groups import Action, CyclicShifts, PointPermutations
from utils.molecules import to_molecules
from utils.quotient import (
    NodePermutations,
    _quadratic,
    align,
    attributed_adjacency,
    frechet_mean,
    match_graphs,
    one_hot_graphs,
    orbit,
    quotient_distance,
    quotient_distance_matrix,
    quotient_geodesic,
)

KINDS = ["binary", "integer", "directed", "undirected"]


def draw(kind: str, *shape: int, seed: int = 0) -> torch.Tensor:
    """Draw graphs, ``float64``: zeros and ones, small integers, or numbers of either symmetry."""
    generator = torch.Generator().manual_seed(seed)
    if kind in ("binary", "integer"):
        most = 2 if kind == "binary" else 4
        return torch.randint(most, shape, generator=generator).double()
    graphs = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return graphs + graphs.swapaxes(1, 2) if kind == "undirected" else graphs


def by_hand(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The distance of paired graphs, by trying every permutation."""
    tried = []
    for p in map(list, itertools.permutations(range(x.shape[1]))):
        tried.append((x - y[:, p][:, :, p]).square().flatten(1).sum(1))
    return torch.stack(tried).amin(0).sqrt()


def one_hot(dense: DenseGraphs) -> torch.Tensor:
    return one_hot_graphs(dense.atoms, dense.bonds)


def molecules(count: int, *, seed: int = 0) -> DenseGraphs:
    dense = load_dense()
    return dense[torch.randperm(len(dense), generator=torch.Generator().manual_seed(seed))[:count]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2, 3), (3, 3), (4, 4, 2), (5, 5), (6, 6, 2)])
def test_exact_distances_against_brute_force(kind, shape):
    x, y = draw(kind, 30, *shape), draw(kind, 30, *shape, seed=1)
    exact, found = by_hand(x, y), match_graphs(x, y)
    assert found.certified.all()
    torch.testing.assert_close(found.distance, exact, rtol=1e-12, atol=0)
    assert torch.equal(found.lower_bound, found.distance)
    aligned = NodePermutations(shape[0]).act(found.elements, y)
    torch.testing.assert_close((x - aligned).flatten(1).norm(dim=1), exact, rtol=1e-12, atol=0)
    approximate = match_graphs(x, y, method="faq")
    assert (approximate.distance >= exact * (1 - 1e-12)).all()
    assert (approximate.lower_bound <= exact * (1 + 1e-12)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bound_that_is_too_large_is_noticed(kind, monkeypatch):
    """The control: the comparison with brute force fails where branches are cut too early."""
    bounds = _quadratic._bounds
    monkeypatch.setattr(_quadratic, "_bounds", lambda *args: 1.5 * bounds(*args))
    monkeypatch.setattr(_quadratic, "exchange", lambda a, b, matching: matching)
    x, y = draw(kind, 100, 5, 5), draw(kind, 100, 5, 5, seed=1)
    found = match_graphs(x, y)
    assert found.certified.all()
    assert (found.distance > by_hand(x, y) * (1 + 1e-9)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_bound_is_below_the_best_completion(kind):
    """Each partial matching of the first two nodes, not only those that the search meets."""
    n = 5
    a, b = (draw(kind, 1, n, n, 2, seed=seed).numpy() for seed in (0, 1))
    tables = _quadratic._tables(a, b)
    matchings = np.array(list(itertools.permutations(range(n))))
    exact = _quadratic.costs(np.repeat(a, 120, 0), np.repeat(b, 120, 0), matchings)
    zero, free = np.zeros(1, dtype=int), np.arange(n)[None]
    here = _quadratic._Open(zero, free[:, :0], free, np.zeros(1), tables.nodes)
    for level in range(3):
        bounds = here.cost[:, None] + _quadratic._bounds(here, tables)
        for matched, free, row in zip(here.matched, here.free, bounds, strict=True):
            for partner, bound in zip(free, row, strict=True):
                start = [*matched, partner]
                completions = (matchings[:, : level + 1] == start).all(axis=1)
                assert bound <= exact[completions].min() * (1 + 1e-12)
        branch, place = np.nonzero(bounds > -1)
        here = _quadratic._children(here, branch, place, tables)
    assert len(here.pair) == 60


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_that_stops_says_so_and_stays_honest(kind):
    x, y = draw(kind, 40, 6, 6), draw(kind, 40, 6, 6, seed=1)
    exact, found = by_hand(x, y), match_graphs(x, y, max_branches=2)
    assert not found.certified.all()
    assert (found.lower_bound <= exact + 1e-12).all()
    assert (found.distance >= exact - 1e-12).all()
    assert (found.lower_bound < found.distance)[~found.certified].all()
    torch.testing.assert_close(found.distance[found.certified], exact[found.certified])


def test_no_distance_is_given_without_a_proof(monkeypatch):
    monkeypatch.setattr("utils.quotient.graph_space._MOST_BRANCHES", 2)
    x, y = draw("directed", 5, 6, 6), draw("directed", 5, 6, 6, seed=1)
    with pytest.raises(ValueError, match="pairs of graphs was not proved within 2 branches"):
        quotient_distance(x, y, NodePermutations(6))


def test_small_blocks_find_the_same(monkeypatch):
    x, y = draw("binary", 20, 6, 6, 2), draw("binary", 20, 6, 6, 2, seed=1)
    found = match_graphs(x, y)
    monkeypatch.setattr(_quadratic, "_BLOCK", 3)
    monkeypatch.setattr(_quadratic, "CHUNK", 7)
    again = match_graphs(x, y)
    assert again.certified.all()
    assert torch.equal(found.distance, again.distance)


@pytest.mark.parametrize("kind", ["directed", "undirected"])
def test_the_approximation_is_that_of_scipy(kind):
    """For one number an edge, without ties, both find one permutation from the barycentre."""
    x, y = draw(kind, 50, 8, 8), draw(kind, 50, 8, 8, seed=1)
    found = match_graphs(x, y, method="faq")
    for a, b, distance in zip(x.numpy(), y.numpy(), found.distance.tolist(), strict=True):
        best = quadratic_assignment(a, b, method="faq", options={"maximize": True})
        value = np.linalg.norm(a - b[best.col_ind][:, best.col_ind])
        assert distance == pytest.approx(value, rel=1e-12)


def test_the_approximation_has_a_gap_that_is_seen():
    x, y = one_hot(molecules(100)), one_hot(molecules(100, seed=1))
    exact, found = match_graphs(x, y), match_graphs(x, y, method="faq")
    assert exact.certified.all()
    assert (found.distance >= exact.distance).all()
    assert (found.lower_bound <= exact.distance).all()
    assert 0.5 < (found.distance > exact.distance).float().mean() < 1


def test_distances_are_those_of_geomstats():
    stratified = pytest.importorskip(
        "geomstats.geometry.stratified.graph_space", exc_type=ImportError
    )
    space = stratified.GraphSpace(4)
    space.equip_with_group_action("permutations")
    space.equip_with_quotient()
    space.aligner.set_alignment_algorithm("exhaustive")
    for kind in KINDS:
        x, y = draw(kind, 20, 4, 4), draw(kind, 20, 4, 4, seed=1)
        found = space.quotient.metric.dist(x.numpy(), y.numpy())
        np.testing.assert_allclose(match_graphs(x, y).distance.numpy(), found, rtol=1e-12)


def test_renumbered_molecules_are_one_point():
    dense = molecules(300)
    moved = relabel(dense, random_permutations(300, seed=2))
    found = match_graphs(one_hot(dense), one_hot(moved))
    assert found.certified.all()
    assert (found.distance == 0).all()
    aligned = NodePermutations(9).act(found.elements, one_hot(moved))
    assert torch.equal(aligned, one_hot(dense))


def test_the_distance_is_zero_for_isomorphic_graphs_only():
    """Molecules of one formula, all with all, against RDKit's canonical names.

    RDKit perceives aromatic rings, where two Kekulé forms are one molecule and two graphs. So
    names are written from the bonds as they are.
    """
    dense = load_dense()
    counts = torch.stack([(dense.atoms == kind).sum(1) for kind in range(4)], dim=1)
    formula = torch.nonzero((counts == torch.tensor([4, 1, 1, 0])).all(dim=1))[:, 0][:20]
    dense = dense[formula.repeat_interleave(2)]
    dense = relabel(dense, random_permutations(len(dense), seed=3))
    drawn = to_molecules(dense.atoms, dense.bonds, sanitize=False)
    names = [Chem.MolToSmiles(molecule) for molecule in drawn]
    same = torch.tensor([[a == b for a in names] for b in names])
    assert 40 <= int(same.sum()) < len(names) ** 2
    graphs = one_hot(dense)
    assert torch.equal(quotient_distance_matrix(graphs, graphs, NodePermutations(9)) == 0, same)


def test_it_is_a_metric_on_molecules():
    graphs, action = one_hot(molecules(12)), NodePermutations(9)
    moved = action.act(action.random_elements(12, torch.Generator().manual_seed(0)), graphs)
    d = quotient_distance_matrix(graphs, graphs, action).double()
    assert torch.equal(d, quotient_distance_matrix(graphs, moved, action).double())
    assert torch.equal(d, d.T)
    assert (d[:, :, None] <= d[:, None] + d.T[None] + 1e-6).all()
    assert ((d == 0) == torch.eye(12, dtype=torch.bool)).all()


def test_the_square_counts_what_differs():
    single = torch.tensor([[[0, 1, 0], [1, 0, 0], [0, 0, 0]]])
    base = (torch.tensor([[0, 0, 4]]), single)  # ethane
    others = {
        2: (torch.tensor([[0, 1, 4]]), single),  # one carbon is nitrogen
        4: (torch.tensor([[0, 0, 4]]), 2 * single),  # the bond is double
        3: (torch.tensor([[0, 0, 0]]), single + single[:, [2, 1, 0]][:, :, [2, 1, 0]]),  # propane
    }
    for square, other in others.items():
        found = match_graphs(one_hot_graphs(*base), one_hot_graphs(*other))
        assert found.distance.item() == pytest.approx(math.sqrt(square))


def test_graphs_that_look_alike_everywhere():
    """Regular graphs, where every bound is weak: two triangles and a hexagon, and harder ones."""
    ring = torch.eye(8).roll(1, 1)
    circle = ring + ring.T
    cube = torch.zeros(8, 8)
    for i, j in itertools.product(range(8), repeat=2):
        cube[i, j] = float(bin(i ^ j).count("1") == 1)
    wagner = circle + torch.eye(8).roll(4, 1)
    found = match_graphs(cube[None], wagner[None])
    assert found.certified.all()
    assert found.distance.item() ** 2 == pytest.approx(int(found.distance.item() ** 2 + 0.5))
    assert found.distance.item() > 0
    two = torch.block_diag(*[torch.ones(3, 3) - torch.eye(3)] * 2)
    hexagon = torch.eye(6).roll(1, 1) + torch.eye(6).roll(5, 1)
    assert match_graphs(two[None], hexagon[None]).distance.item() == pytest.approx(math.sqrt(8))


def test_the_action_is_a_left_action_and_renumbers_as_graphs_do():
    action, dense = NodePermutations(9), molecules(20)
    graphs = one_hot(dense)
    g, h = (action.random_elements(20, torch.Generator().manual_seed(s)) for s in (0, 1))
    assert torch.equal(action.act(g, graphs), one_hot(relabel(dense, g)))
    together = torch.gather(g, 1, h)
    assert torch.equal(action.act(g, action.act(h, graphs)), action.act(together, graphs))
    assert orbit(draw("binary", 2, 3, 3), NodePermutations(3)).shape == (2, 6, 3, 3)
    with pytest.raises(ValueError, match=r"S_9 on graphs renumbers tensors of shape \(B, 9, 9\)"):
        action.act(g, graphs[:, :8])


def test_the_general_functions_take_graphs():
    action = NodePermutations(6)
    x, y = draw("undirected", 6, 6, 6), draw("undirected", 6, 6, 6, seed=1)
    exact = by_hand(x, y)
    torch.testing.assert_close(quotient_distance(x, y, action), exact)
    torch.testing.assert_close(quotient_distance_matrix(x, y, action).diagonal(), exact)
    found = align(y, x, action)
    torch.testing.assert_close((x - found.aligned).flatten(1).norm(dim=1), exact)
    path = quotient_geodesic(x, y, action, [0.0, 0.25, 1.0])
    torch.testing.assert_close(quotient_distance(path[1], x, action), 0.25 * exact)
    torch.testing.assert_close(quotient_distance(path[1], y, action), 0.75 * exact)
    assert quotient_distance(path[2], y, action).max() == 0


def test_arguments_stay_as_they_are():
    x, y = draw("directed", 5, 6, 6), draw("directed", 5, 6, 6, seed=1)
    before = x.clone(), y.clone()
    match_graphs(x, y)
    frechet_mean(x, NodePermutations(6))
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])


MEANS = [
    (NodePermutations(5), draw("undirected", 12, 5, 5, 2)),
    (NodePermutations(9), one_hot(molecules(8))),
    (PointPermutations(5), draw("directed", 12, 5)),
    (PointPermutations(5), draw("directed", 12, 5, 2)),
    (CyclicShifts(6), draw("directed", 12, 2, 6)),
]


def frechet_function(mean: torch.Tensor, x: torch.Tensor, action: Action) -> float:
    return quotient_distance(x, mean, action).double().square().mean().item()


@pytest.mark.parametrize(
    ("action", "x"), MEANS, ids=["graphs", "molecules", "numbers", "sets", "C"]
)
def test_the_frechet_function_never_grows(action, x):
    """Align and average, written out here and not stopped; and what happens without aligning."""
    mean, values = x[:1], []
    for _ in range(12):
        values.append(frechet_function(mean, x, action))
        mean = align(x, mean, action).aligned.mean(dim=0, keepdim=True)
    assert (np.diff(values) <= 1e-6 * values[0]).all()
    found = frechet_mean(x, action)
    assert len(found.values) >= 2
    np.testing.assert_allclose(found.values[:12], values[: len(found.values)], rtol=1e-5)
    assert frechet_function(found.mean, x, action) == pytest.approx(found.values[-1], rel=1e-5)
    assert frechet_function(x.mean(dim=0, keepdim=True), x, action) > found.values[-1]
    for seed in range(2):  # it is a local minimum
        near = found.mean + 1e-2 * draw("directed", *found.mean.shape, seed=seed).to(x)
        assert frechet_function(near, x, action) > found.values[-1]


def test_the_mean_of_one_orbit_is_that_orbit_and_a_plain_mean_is_not():
    action = NodePermutations(5)
    graph = draw("undirected", 1, 5, 5)
    moved = action.act(
        action.random_elements(8, torch.Generator().manual_seed(0)), graph.expand(8, 5, 5)
    )
    found = frechet_mean(moved, action)
    assert quotient_distance(found.mean, graph, action).item() < 1e-12
    assert quotient_distance(moved.mean(dim=0, keepdim=True), graph, action).item() > 0.5


def test_a_mean_starts_where_it_is_told():
    x = draw("directed", 6, 4, 4)
    found = frechet_mean(x, NodePermutations(4), start=x[2:3], max_steps=1)
    assert len(found.values) == 2
    assert found.values[0] == pytest.approx(
        quotient_distance(x, x[2:3], NodePermutations(4)).square().mean().item()
    )
    with pytest.raises(ValueError, match="starts from one code, but there are 2"):
        frechet_mean(x, NodePermutations(4), start=x[:2])


def test_refusals():
    x = draw("directed", 3, 4, 4)
    with pytest.raises(ValueError, match="x holds NaN"):
        match_graphs(x * math.nan, x)
    with pytest.raises(ValueError, match="must have one shape"):
        match_graphs(x, x[..., None])
    with pytest.raises(TypeError, match=r"x must be a torch\.Tensor"):
        match_graphs(x.tolist(), x)
    with pytest.raises(TypeError, match="x must be float32 or float64"):
        match_graphs(x.long(), x.long())
    with pytest.raises(ValueError, match="The method is one of 'exact', 'faq'"):
        match_graphs(x, x, method="hungarian")
    with pytest.raises(ValueError, match="max_branches is at least 1"):
        match_graphs(x, x, max_branches=0)
    with pytest.raises(ValueError, match="x holds 3 codes and y 2"):
        match_graphs(x, x[:2])
    with pytest.raises(ValueError, match="'fft' is for CyclicShifts only"):
        quotient_distance_matrix(x, x, NodePermutations(4), method="fft")
    with pytest.raises(ValueError, match=r"edges \(B, n, n, e\), but these have"):
        attributed_adjacency(x, x)
    with pytest.raises(
        ValueError, match="atoms holds kinds from 0 to 4, but these run from 0 to 5"
    ):
        one_hot_graphs(torch.tensor([[0, 5]]), torch.zeros(1, 2, 2, dtype=torch.long))
    with pytest.raises(TypeError, match="bonds holds kinds, integers"):
        one_hot_graphs(torch.tensor([[0, 4]]), torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="n of NodePermutations"):
        NodePermutations(0)
