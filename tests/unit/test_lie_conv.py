"""Convolutions on Lie groups: against loops in NumPy, exact, in distribution, and broken."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch

from utils.groups import Motions, Rotations, Similarities, Translations
from utils.models.lie_conv import (
    MOTIONS,
    Distances,
    LieConvConfig,
    all_pairs,
    clouds,
    invariance_error,
    invariance_errors,
    move,
    nearest,
    pixel_grid,
    random_clouds,
    random_network,
    sampled,
    with_points,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


POINTS, VALUES = random_clouds(8, 12, generator=seeded())
CLOUD = clouds(POINTS, VALUES)
EXACT = {
    "trivial": (),
    "T(2)": ("translation",),
    "SO(2)": ("rotation",),
    "R×SO(2)": ("rotation", "scaling"),
    "E(2)": ("translation", "rotation", "motion"),
}


def error(network, motion, cloud=CLOUD, points=POINTS, seed=1):
    def outputs(moved):
        return network(with_points(cloud, moved))

    return invariance_error(outputs, points, motion, generator=seeded(seed))


def on_the_wrong_side(group):
    """The group with u v^-1 in place of v^-1 u."""
    broken = copy.copy(group)
    broken.relative = lambda v, u: group.read(group.multiply(u, group.inverse(v)))
    return broken


# ---------------------------------------------------------------- an implementation of its own


def silu(x):
    return x / (1 + np.exp(-x))


def perceptron(layers, x):
    for number, layer in enumerate(layers):
        x = layer.weight.detach().numpy() @ x + layer.bias.detach().numpy()
        x = silu(x) if number + 1 < len(layers) else x
    return x


def lift_by_hand(name, point, angle):
    """A matrix that carries a fixed place to the point, and the label of its orbit."""
    x, y = point
    radius, own = np.hypot(x, y), np.arctan2(y, x)
    turn = own if name != "SE(2)" else angle
    scale = radius if name == "R×SO(2)" else 1.0
    found = np.eye(3)
    if name not in ("trivial", "T(2)"):
        found[:2, :2] = scale * np.array(
            [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        )
    if name in ("T(2)", "SE(2)"):
        found[:2, 2] = point
    label = {"trivial": [x, y], "SO(2)": [radius]}.get(name, [])
    return found, np.array(label)


def read_by_hand(name, v, u):
    a = scipy.linalg.logm(np.linalg.inv(v) @ u).real
    return {
        "trivial": np.zeros(0),
        "T(2)": a[:2, 2],
        "SO(2)": a[1:2, 0],
        "R×SO(2)": a[:2, 0],
        "SE(2)": np.array([a[1, 0], a[0, 2], a[1, 2]]),
    }[name]


def network_by_hand(network, points, values, angles):
    """Outputs of one cloud by loops over pairs, with matrices and SciPy's logarithm."""
    name = network.config.group
    lifted = [lift_by_hand(name, p, a) for p, a in zip(points, angles, strict=True)]
    features = [perceptron([network.embed], value) for value in values]
    for convolution in network.convolutions:
        layers = [layer for layer in convolution.kernel if hasattr(layer, "weight")]
        grown = []
        for i, (u, label_u) in enumerate(lifted):
            total = 0.0
            for j, (v, label_v) in enumerate(lifted):
                seen = np.concatenate([read_by_hand(name, v, u), label_u, label_v])
                total = total + perceptron(layers, seen) * features[j]
            if convolution.aggregation == "mean":
                total = total / len(lifted)
            grown.append(features[i] + silu(convolution.mix.weight.detach().numpy() @ total))
        features = grown
    return perceptron([network.readout], np.mean(features, axis=0))


@pytest.mark.parametrize("aggregation", ["mean", "sum"])
@pytest.mark.parametrize("name", ["trivial", "T(2)", "SO(2)", "R×SO(2)", "SE(2)"])
def test_against_loops_in_numpy(name, aggregation):
    network = random_network(LieConvConfig(group=name, aggregation=aggregation), seed=3)
    points, values = random_clouds(2, 5, generator=seeded(4))
    elements, _ = Motions().lift(points.reshape(-1, 2), generator=seeded(5))
    angles = torch.atan2(elements[:, 1], elements[:, 0]).reshape(2, 5)
    with torch.no_grad():
        found = network(clouds(points, values), generator=seeded(5)).numpy()
    for b in range(2):
        by_hand = network_by_hand(network, points[b].numpy(), values[b].numpy(), angles[b].numpy())
        assert np.allclose(found[b], by_hand, rtol=1e-8, atol=1e-9)
    # The comparison sees which of the two points is u.
    turned = random_network(network.config, seed=3, reader=_swapped(network.reader))
    with torch.no_grad():
        other = turned(clouds(points, values), generator=seeded(5)).numpy()
    assert name == "trivial" or not np.allclose(found, other, rtol=1e-3)


def _swapped(group):
    broken = copy.copy(group)
    broken.relative = lambda v, u: group.relative(u, v)
    return broken


# ---------------------------------------------------------------- exact


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", EXACT)
def test_exact_under_its_own_group_and_under_no_other(name, seed):
    network = random_network(LieConvConfig(group=name), seed=seed)
    for motion in MOTIONS:
        if motion in EXACT[name]:
            assert error(network, motion) < 1e-12
        else:
            assert error(network, motion) > 0.05


def test_exact_in_space():
    points, values = torch.randn(6, 9, 4, generator=seeded(), dtype=torch.float64).split([3, 1], -1)
    from utils.groups import random_rotations

    turned = points @ random_rotations(6, generator=seeded(1)).mT
    cloud = clouds(points, values)
    for name, shifted, also_turned in (
        ("T(3)", True, False),
        ("E(3)", True, True),
        ("trivial(3)", False, False),
    ):
        network = random_network(LieConvConfig(group=name), seed=0)
        with torch.no_grad():
            before = network(cloud)
            for moved, exact in ((points + 2, shifted), (turned, also_turned)):
                found = invariance_errors(before, network(with_points(cloud, moved))).max()
                assert found < 1e-11 if exact else found > 0.02


def test_the_wrong_side_is_seen_by_motions_only():
    for name, group, motion in (
        ("T(2)", Translations(2), "translation"),
        ("SO(2)", Rotations(), "rotation"),
        ("R×SO(2)", Similarities(), "scaling"),
    ):
        reader = on_the_wrong_side(group)
        network = random_network(LieConvConfig(group=name), seed=0, reader=reader)
        assert error(network, motion) < 1e-12


# ---------------------------------------------------------------- in distribution


def outputs_of(network, points, values, times, generator):
    """Outputs of one cloud, with frames drawn anew each time."""
    with torch.no_grad():
        many = clouds(points.expand(times, -1, -1), values.expand(times, -1, -1))
        return network(many, generator=generator)[:, 0].numpy()


def test_motions_keep_the_distribution_of_outputs_and_not_the_outputs():
    config = LieConvConfig(group="SE(2)")
    moved = move(POINTS[:1], "motion", generator=seeded(11))
    distances = {}
    for kind, reader in (("right", Motions()), ("wrong", on_the_wrong_side(Motions()))):
        network = random_network(config, seed=0, reader=reader)
        generator = seeded(12)
        here = outputs_of(network, POINTS[:1], VALUES[:1], 300, generator)
        there = outputs_of(network, moved, VALUES[:1], 300, generator)
        distances[kind] = scipy.stats.ks_2samp(here, there).statistic
        assert here.std() > 1e-3
    # Two samples of 300 from one law are farther apart than 0.159 once in a thousand times.
    assert distances["right"] < 0.159
    assert distances["wrong"] > 0.5


def test_one_seed_for_the_frames_is_no_cure():
    network = random_network(LieConvConfig(group="SE(2)"), seed=0)
    turned, shifted = (move(POINTS, m, generator=seeded(2)) for m in ("rotation", "translation"))
    with torch.no_grad():
        before = network(CLOUD, generator=seeded(3))
        assert torch.equal(before, network(CLOUD, generator=seeded(3)))
        shift = network(with_points(CLOUD, shifted), generator=seeded(3))
        turn = network(with_points(CLOUD, turned), generator=seeded(3))
    assert invariance_errors(before, shift).max() < 1e-12  # frames are not turned by a shift
    assert invariance_errors(before, turn).square().mean().sqrt() > 0.1


def test_frames_that_all_share_make_a_subgroup_exact():
    """Five equally spaced frames, the same for all points: exact for turns by 72 degrees."""
    config = LieConvConfig(group="SE(2)", lifts=5, frames="fixed", chart="entries")
    network = random_network(config, seed=0)

    def turned(degrees):
        angle = torch.tensor(degrees / 180 * torch.pi, dtype=torch.float64)
        cosine, sine = angle.cos(), angle.sin()
        return POINTS @ torch.stack([torch.stack([cosine, sine]), torch.stack([-sine, cosine])])

    with torch.no_grad():
        before = network(CLOUD)
        fifth, other = (network(with_points(CLOUD, turned(a) + 3.0)) for a in (72.0, 30.0))
    assert invariance_errors(before, fifth).max() < 1e-11
    assert invariance_errors(before, other).max() > 1e-3


# ---------------------------------------------------------------- failures, and their cures


def test_neighbours_at_random_break_what_all_pairs_keep():
    network = random_network(LieConvConfig(group="T(2)"), seed=1)
    moved = with_points(CLOUD, move(POINTS, "translation", generator=seeded(1)))
    order = torch.randperm(12, generator=seeded(6))
    reordered = clouds(POINTS[:, order], VALUES[:, order])

    def output(cloud, k, seed):
        with torch.no_grad():
            return network(sampled(cloud, k, generator=seeded(seed)))

    before = output(CLOUD, 4, 0)
    assert invariance_errors(before, output(moved, 4, 1)).square().mean().sqrt() > 0.05
    # One seed chooses the same places in the list: exact until the list is in another order.
    assert invariance_errors(before, output(moved, 4, 0)).max() < 1e-12
    assert invariance_errors(before, output(reordered, 4, 0)).square().mean().sqrt() > 0.05
    assert invariance_errors(output(CLOUD, 12, 0), output(moved, 12, 1)).max() < 1e-12
    with torch.no_grad():
        near, near_moved = network(nearest(CLOUD, 4)), network(nearest(moved, 4))
    assert invariance_errors(near, near_moved).max() < 1e-12


def test_opposite_pixels_stand_at_pi():
    grid = pixel_grid(8).expand(6, -1, -1)
    values = torch.randn(6, 64, 1, generator=seeded(2), dtype=torch.float64)
    cloud = clouds(grid, values)
    for name in ("SO(2)", "R×SO(2)"):
        log = random_network(LieConvConfig(group=name), seed=0)
        entries = random_network(LieConvConfig(group=name, chart="entries"), seed=0)
        assert error(log, "rotation", cloud, grid) > 1e-4
        assert error(entries, "rotation", cloud, grid) < 1e-12


def test_a_mean_forgets_how_often_a_cloud_is_listed():
    twice = clouds(torch.cat([POINTS, POINTS], 1), torch.cat([VALUES, VALUES], 1))
    for aggregation in ("mean", "sum"):
        network = random_network(LieConvConfig(group="T(2)", aggregation=aggregation), seed=0)
        with torch.no_grad():
            found = invariance_errors(network(CLOUD), network(twice)).square().mean().sqrt()
        assert found < 1e-12 if aggregation == "mean" else found > 0.3


# ---------------------------------------------------------------- clouds and neighbours


def test_clouds_of_several_sizes_do_not_touch_each_other():
    network = random_network(LieConvConfig(group="SE(2)", lifts=2, frames="fixed"), seed=0)
    sizes = (3, 7, 5)
    points = [torch.randn(n, 2, generator=seeded(n), dtype=torch.float64) for n in sizes]
    values = [torch.randn(n, 1, generator=seeded(n + 9), dtype=torch.float64) for n in sizes]
    with torch.no_grad():
        together = network(clouds(points, values))
        for b in range(3):
            alone = network(clouds([points[b]], [values[b]]))
            assert torch.allclose(together[b], alone[0], atol=1e-12)


def test_neighbours_by_hand():
    points = [torch.randn(n, 2, generator=seeded(n)) for n in (4, 6)]
    cloud = clouds(points)
    expected = {(j, i) for low, high in ((0, 4), (4, 10)) for i in range(low, high)
                for j in range(low, high)}  # fmt: skip
    assert set(map(tuple, cloud.edge_index.T.tolist())) == expected
    assert cloud.edge_index.shape[1] == len(expected)
    for k in (1, 3):
        near, few = nearest(cloud, k), sampled(cloud, k, generator=seeded())
        for found in (near, few):
            assert set(map(tuple, found.edge_index.T.tolist())) <= expected
            assert torch.equal(torch.bincount(found.edge_index[1]), torch.full((10,), k))
            assert len(set(map(tuple, found.edge_index.T.tolist()))) == 10 * k
        for i in range(10):
            low, high = (0, 4) if i < 4 else (4, 10)
            own = sorted(
                range(low, high), key=lambda j: float((cloud.pos[j] - cloud.pos[i]).norm())
            )
            assert set(near.edge_index[0][near.edge_index[1] == i].tolist()) == set(own[:k])
    assert torch.equal(all_pairs(sampled(cloud, 2)).edge_index, cloud.edge_index)


def test_sampling_is_even_and_leaves_its_argument():
    cloud = clouds(torch.zeros(500, 5, 2))
    edges = cloud.edge_index.clone()
    few = sampled(cloud, 2, generator=seeded())
    share = torch.bincount(few.edge_index[0] % 5).float() / few.edge_index.shape[1]
    assert (share - 0.2).abs().max() < 0.025  # sd of a share of 5,000 draws: 0.006
    assert torch.equal(cloud.edge_index, edges)


def test_a_network_is_trained_through_twice():
    """Forces are slopes of outputs, and a loss on forces takes slopes of these."""
    network = random_network(LieConvConfig(group="SE(2)"), seed=0)
    points = POINTS[:2].clone().requires_grad_()
    cloud = with_points(clouds(POINTS[:2], VALUES[:2]), points)
    output = network(cloud, generator=seeded(1)).sum()
    (force,) = torch.autograd.grad(output, points, create_graph=True)
    force.square().sum().backward()
    slopes = [p.grad for p in network.convolutions.parameters()]
    assert all(slope is not None and torch.isfinite(slope).all() for slope in slopes)
    assert sum(float(slope.abs().sum()) for slope in slopes) > 1e-6


def test_pieces_without_gradients_are_the_whole(monkeypatch):
    network = random_network(LieConvConfig(group="T(2)"), seed=0)
    whole = network(CLOUD).detach()
    monkeypatch.setattr("utils.models.lie_conv.layers.PIECE", 100)
    with torch.no_grad():
        assert torch.allclose(network(CLOUD), whole, atol=1e-13)


def test_a_seed_leaves_the_global_state():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = random_network(seed=0), random_network(seed=0)
    assert torch.equal(torch.rand(1), expected)
    assert all(map(torch.equal, one.parameters(), two.parameters()))


# ---------------------------------------------------------------- what is refused


def test_what_is_refused_is_said():
    with pytest.raises(ValueError, match="lifts and frames are those of SE"):
        LieConvConfig(group="T(2)", lifts=2)
    with pytest.raises(ValueError, match="for groups with an angle"):
        LieConvConfig(group="T(2)", chart="entries")
    with pytest.raises(ValueError, match="group is one of"):
        LieConvConfig(group="SO(4)")
    network = random_network(seed=0)
    with pytest.raises(TypeError, match="make them with"):
        network(POINTS)
    with pytest.raises(TypeError, match="convert one of them"):
        network(clouds(POINTS.float(), VALUES.float()))
    with pytest.raises(ValueError, match="reads 1 values"):
        network(clouds(POINTS, VALUES.expand(-1, -1, 2)))
    with pytest.raises(ValueError, match="from 1 to 12"):
        nearest(CLOUD, 13)
    with pytest.raises(ValueError, match="NaN"):
        clouds(torch.full((1, 2, 2), torch.nan))
    with pytest.raises(ValueError, match="no cloud"):
        clouds([])
    with pytest.raises(ValueError, match="constant is invariant"):
        invariance_errors(torch.ones(4, 1), torch.ones(4, 1))
    with pytest.raises(ValueError, match="Outputs of at least two"):
        invariance_errors(torch.ones(1, 1), torch.ones(1, 1))
    with pytest.raises(ValueError, match="The motion is one of"):
        move(POINTS, "shear")
    with pytest.raises(ValueError, match="reads points of dimension 3"):
        Distances(3).lift(POINTS)
