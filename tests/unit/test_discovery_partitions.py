"""Partitions, colourings and their scores against computations by hand, each beside a wrong one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch.distributions import MultivariateNormal

from utils import discovery
from utils.discovery import (
    Quadratic,
    adjusted_rand_index,
    automorphisms,
    bic,
    canonical,
    class_count,
    clusters_by_evidence,
    k_fold_loss,
    learn_sharing,
    linear_map_loss,
    negative_log_evidence,
    orbit_colouring,
    permutation_generators,
    random_partitions,
    set_partitions,
    shared_means,
    sharing_penalty,
    training_loss,
    validation_loss,
    ward_path,
)

FIVE = set_partitions(5)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# ---------------------------------------------------------------- partitions and their scores


@pytest.mark.parametrize(("count", "bell"), [(1, 1), (2, 2), (3, 5), (5, 52), (6, 203), (8, 4140)])
def test_all_partitions_are_listed_once(count, bell):
    every = set_partitions(count)
    assert every.shape == (bell, count)
    assert torch.equal(canonical(every), every)
    assert len({tuple(row) for row in every.tolist()}) == bell


def test_names_of_classes_do_not_matter_and_members_do():
    labels = torch.tensor([3, 3, 9, 3, 0])
    assert canonical(labels).tolist() == [0, 0, 1, 0, 2]
    assert torch.equal(canonical(labels), canonical(torch.tensor([1, 1, 0, 1, 7])))
    assert not torch.equal(canonical(labels), canonical(torch.tensor([1, 0, 0, 1, 7])))


def test_shared_means_and_losses_are_those_of_a_loop():
    y = noise(3, 5, 6)
    for b, labels in enumerate(FIVE.tolist()):
        for t in range(3):
            means = [y[t, [k for k in range(5) if labels[k] == c]].mean() for c in labels]
            wanted = torch.stack(means)
            torch.testing.assert_close(shared_means(y, FIVE)[t, b], wanted)
            loss = (y[t] - wanted[:, None]).square().mean()
            torch.testing.assert_close(training_loss(y, FIVE)[t, b], loss)
    fitted = shared_means(y[..., :2], FIVE)
    held = (y[:, None, :, 2:] - fitted[..., None]).square().mean((-1, -2))
    torch.testing.assert_close(validation_loss(y, FIVE, train=2), held)
    assert not torch.allclose(validation_loss(y, FIVE, train=3), held)


def test_each_fold_is_held_out_once():
    y = noise(5, 6)
    wanted = torch.zeros(len(FIVE), dtype=torch.float64)
    for held in ([0, 1], [2, 3], [4, 5]):
        rest = [r for r in range(6) if r not in held]
        fitted = shared_means(y[:, rest], FIVE)
        wanted += (y[None][..., held] - fitted[..., None]).square().mean((-1, -2)) / 3
    torch.testing.assert_close(k_fold_loss(y, FIVE, folds=3), wanted)
    assert not torch.allclose(k_fold_loss(y, FIVE, folds=2), wanted)


@pytest.mark.parametrize(("sigma", "tau"), [(1.0, 5.0), (0.5, 2.0)])
def test_the_evidence_is_the_density_of_all_data_together(sigma, tau):
    y = noise(5, 4) * 2 + 1
    found = negative_log_evidence(y, FIVE, noise=sigma, prior=tau)
    mean, identity = y.mean().expand(20), torch.eye(20, dtype=torch.float64)
    for loss, labels in zip(found, FIVE, strict=True):
        same = (labels[:, None] == labels).double().repeat_interleave(4, 0)
        same = same.repeat_interleave(4, 1)
        together = MultivariateNormal(mean, sigma**2 * identity + tau**2 * same)
        torch.testing.assert_close(loss, -together.log_prob(y.flatten()))
        alone = MultivariateNormal(mean, (sigma**2 + tau**2) * identity)  # ties forgotten
        assert not torch.isclose(loss, -alone.log_prob(y.flatten()), rtol=1e-3)


def test_bic_charges_half_a_logarithm_for_a_class():
    y = noise(5, 4)
    rest = bic(y, FIVE, noise=2.0) - training_loss(y, FIVE) * 20 / 8
    torch.testing.assert_close(rest, class_count(FIVE).double() * math.log(20) / 2)


def test_the_penalty_is_the_sum_of_norms_of_columns():
    wanted = [torch.nn.functional.one_hot(row).double().norm(dim=0).sum() for row in FIVE]
    torch.testing.assert_close(
        sharing_penalty(FIVE).double(), torch.stack(wanted), rtol=1e-6, atol=0
    )


def recovery(score, trials: int = 300) -> float:
    generator = torch.Generator().manual_seed(1)
    truth = random_partitions(5, trials, generator)
    y = 3.0 * truth.double()[..., None]
    y = y + torch.randn(trials, 5, 100, generator=generator, dtype=torch.float64)
    return float((FIVE[score(y, FIVE).argmin(1)] == truth).all(1).double().mean())


def test_training_loss_never_asks_and_the_evidence_does():
    """Chosen by training loss, the truth is found one time in 52: when nothing is shared."""
    assert recovery(training_loss) < 0.06
    assert 0.3 < recovery(lambda y, p: validation_loss(y, p, train=30)) < 0.6
    assert recovery(negative_log_evidence) > 0.9


def test_random_partitions_are_equally_likely():
    drawn = random_partitions(3, 5000, torch.Generator().manual_seed(0))
    share = (set_partitions(3)[:, None] == drawn).all(-1).double().mean(1)
    assert ((share - 0.2).abs() < 0.03).all()
    by_label = canonical(torch.randint(3, (5000, 3), generator=torch.Generator().manual_seed(0)))
    wrong = (set_partitions(3)[:, None] == by_label).all(-1).double().mean(1)
    assert (wrong - 0.2).abs().max() > 0.05


def test_the_adjusted_rand_index_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        a, b = torch.randint(4, (2, 12), generator=generator)
        assert adjusted_rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert adjusted_rand_index(torch.zeros(4).long(), torch.arange(4)) == 0


# ---------------------------------------------------------------- colourings and groups

GROUPS = [
    ("symmetric", 2, 720), ("alternating", 2, 720), ("cyclic", 6, 6),
    ("dihedral", 4, 12), ("two blocks", 6, 36), ("trivial", 36, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "colours", "order"), GROUPS)
def test_the_group_comes_back_up_to_its_closure(name, colours, order):
    table = orbit_colouring(permutation_generators(name, 6))
    assert len(table.unique()) == colours
    found = automorphisms(table)
    assert len(found) == order
    tried = [p for p in map(list, itertools.permutations(range(6))) if table[p][:, p].equal(table)]
    assert found.tolist() == tried


def test_one_odd_entry_breaks_the_group():
    table = orbit_colouring(permutation_generators("cyclic", 6))
    table[0, 1] = 99
    assert len(automorphisms(table)) == 1


def test_a_search_that_grows_too_large_stops():
    with pytest.raises(ValueError, match="More than 100 beginnings"):
        automorphisms(torch.zeros(6, 6, dtype=torch.int64), most=100)


def test_colours_are_orbits_of_the_whole_group():
    generators = permutation_generators("dihedral", 5)
    elements = automorphisms(orbit_colouring(generators))
    table = orbit_colouring(generators)
    for p in elements.tolist():
        assert table[p][:, p].equal(table)
    swapped = [1, 0, 2, 3, 4]
    assert not table[swapped][:, swapped].equal(table)


def test_ward_joins_what_costs_least():
    values = noise(9)
    path = ward_path(values)

    def cost(labels: torch.Tensor) -> torch.Tensor:
        return training_loss(values[:, None], labels[None])[0]

    for k in range(9, 1, -1):
        finer, coarser = path[k - 1], path[k - 2]
        joined = [torch.where(finer == b, a, finer) for a in range(k) for b in range(a + 1, k)]
        torch.testing.assert_close(cost(coarser), torch.stack([cost(one) for one in joined]).min())


def test_the_price_of_the_labelling_is_what_finds_the_ties():
    table = orbit_colouring(permutation_generators("symmetric", 6)).flatten()
    right = {True: 0, False: 0}
    for seed in range(20):
        weights = table.double() + 0.08 * noise(36, seed=seed)
        for price in right:
            found = clusters_by_evidence(weights, noise=0.08, price_of_labels=price)
            right[price] += int(torch.equal(found, table))
    assert right[True] >= 18
    assert right[False] <= 2


def test_distinct_weights_stay_apart():
    weights = torch.linspace(-3, 3, 36, dtype=torch.float64)[torch.randperm(36)]
    found = clusters_by_evidence(weights, noise=1e-4)
    assert len(automorphisms(found.reshape(6, 6))) == 1
    assert len(clusters_by_evidence(torch.ones(36), noise=0.1).unique()) == 1


# ---------------------------------------------------------------- bilevel


def test_the_loss_of_a_linear_map_is_the_mean_squared_error():
    x, y, w = noise(7, 3), noise(7, 2, seed=1), noise(2, 3, seed=2)
    loss = linear_map_loss(x, y)
    torch.testing.assert_close(loss(w.flatten()), (y - x @ w.T).square().sum(1).mean())
    assert not torch.isclose(loss(w.T.flatten()), (y - x @ w.T).square().sum(1).mean())


def test_bilevel_sharing_keeps_an_exact_start_and_misses_from_random_ones():
    table = orbit_colouring(permutation_generators("symmetric", 6)).flatten()
    x, e = noise(80, 6, seed=1), 0.5 * noise(80, 6, seed=2)
    y = x @ (2.0 * table.double() - 1).reshape(6, 6).T + e
    parts = linear_map_loss(x[:40], y[:40]), linear_map_loss(x[40:], y[40:])
    hot = 4 * torch.nn.functional.one_hot(table, 4).double()
    kept = learn_sharing(*parts, classes=4, start=hot, steps=50)
    assert torch.equal(kept.labels, table)
    lost = learn_sharing(*parts, classes=4, steps=200, restarts=2)
    assert adjusted_rand_index(lost.labels, table) < 0.7


def test_the_inner_problem_is_solved_and_the_outer_gets_better():
    one = Quadratic(torch.eye(3).double(), noise(3), torch.tensor(9.0).double())
    few = learn_sharing(one, one, classes=3, steps=1, restarts=1)
    many = learn_sharing(one, one, classes=3, steps=200, restarts=1)
    assert many.loss < few.loss
    torch.testing.assert_close(one(many.weights), torch.tensor(many.loss).double())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: set_partitions(11), "from 1 to 10"),
        (lambda: canonical(torch.zeros(3)), "tensor of integers"),
        (lambda: training_loss(noise(4, 2), FIVE), "partitions"),
        (lambda: k_fold_loss(noise(5, 4), FIVE, folds=3), "evenly"),
        (lambda: bic(noise(5, 4), FIVE, noise=0.0), "positive"),
        (lambda: orbit_colouring(torch.tensor([[0, 0, 1]])), "each place"),
        (lambda: permutation_generators("two blocks", 5), "even"),
        (lambda: permutation_generators("monster", 5), "one of"),
        (lambda: automorphisms(torch.zeros(2, 3).long()), "shape"),
        (lambda: ward_path(noise(2, 2)), "shape"),
        (lambda: linear_map_loss(noise(3, 2), noise(4, 2)), "shapes"),
        (lambda: adjusted_rand_index(FIVE[0], FIVE[0, :3]), "shapes"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_all_names_are_there():
    assert all(hasattr(discovery, name) for name in discovery.__all__)
