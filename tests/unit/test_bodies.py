"""Three bodies: what their motion keeps, what networks keep of it, and what methods ask for."""

from __future__ import annotations

import argparse
import copy
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.spatial.transform import Rotation
from torch import nn

from utils.data.bodies import (
    BodySystems,
    displacements,
    energy,
    forces,
    potential,
    sample_systems,
    simulate,
    turned,
)
from utils.groups import cube_rotations, random_rotations, rotation_generators
from utils.models.bodies import (
    AxialBodies,
    BodiesConfig,
    ExactBodies,
    GroupAverage,
    PlainBodies,
    ResidualBodies,
    ResidualConfig,
    departures,
    lie_departures,
    measure_bodies,
)
from utils.training import Recipe, load_checkpoint, shipped_checkpoints, train
from utils.training.presets import EXPERIMENTS, find_preset
from utils.training.presets_bodies import BODIES, BREAKINGS, METHODS
from utils.training.sweeps import SWEEPS, gather, sweep_results
from utils.training.sweeps import main as sweeps_main
from utils.training.tasks.bodies import Bodies, balanced

SYSTEMS = sample_systems(40, seed=1, dtype=torch.float64)
POSITIONS, VELOCITIES = SYSTEMS.states.split(3, dim=1)
BREAKING: list[dict[str, float]] = [{}, {"field": 0.7}, {"anisotropy": 2.0}]
EVERY = random_rotations(40, generator=torch.Generator().manual_seed(0))
ABOUT_Z = torch.linalg.matrix_exp(
    torch.linspace(-3, 3, 40, dtype=torch.float64)[:, None, None] * rotation_generators()[2]
)
NETWORKS: dict[str, type[nn.Module]] = {
    "plain": PlainBodies,
    "exact": ExactBodies,
    "axial": AxialBodies,
    "residual": ResidualBodies,
}


def network(name: str, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NETWORKS[name]().double().eval()


def gap(f: Any, rotations: torch.Tensor) -> float:
    """The largest departure, relative to the largest output."""
    with torch.no_grad():
        found = departures(f, SYSTEMS.states, rotations).abs().max()
        return float(found / f(SYSTEMS.states).abs().max())


# ---------------------------------------------------------------- rotations


def test_random_rotations_are_rotations_and_as_likely_as_any_other() -> None:
    drawn = random_rotations(20_000, generator=torch.Generator().manual_seed(3))
    eye = torch.eye(3, dtype=torch.float64)
    assert torch.allclose(drawn @ drawn.mT, eye.expand_as(drawn), atol=1e-12)
    assert torch.allclose(torch.linalg.det(drawn), torch.ones(1, dtype=torch.float64))
    # Haar's measure: entries have mean 0 and variance 1/3, angles the density (1 - cos t) / pi.
    assert drawn.mean(0).abs().max() < 0.02
    assert (drawn.square().mean(0) - 1 / 3).abs().max() < 0.02
    cosine = (drawn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    assert abs(float(cosine.mean()) + 0.5) < 0.02
    uniform = np.random.default_rng(0).uniform(-np.pi, np.pi, 20_000)
    assert abs(np.cos(uniform).mean() + 0.5) > 0.3  # angles at random are another measure


def test_the_rotations_of_a_cube_are_a_group_of_24() -> None:
    cube = cube_rotations()
    found = {tuple(matrix.flatten().int().tolist()) for matrix in cube}
    assert len(found) == 24
    products = (cube[:, None] @ cube).reshape(-1, 9).int().tolist()
    assert {tuple(product) for product in products} == found
    ours = sorted(found)
    theirs = sorted(
        tuple(np.rint(matrix).astype(int).ravel().tolist())
        for matrix in Rotation.create_group("O").as_matrix()
    )
    assert ours == theirs


def test_the_generators_close_under_brackets_and_turn_counter_clockwise() -> None:
    x, y, z = rotation_generators()
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
        assert torch.equal(a @ b - b @ a, c)
    theirs = Rotation.from_rotvec([0, 0, 0.3]).as_matrix()
    assert np.allclose(torch.linalg.matrix_exp(0.3 * z).numpy(), theirs)


# ---------------------------------------------------------------- the motion


@pytest.mark.parametrize("breaking", BREAKING)
def test_the_force_is_minus_the_gradient_of_the_potential_and_sums_to_zero(
    breaking: dict[str, float],
) -> None:
    positions = POSITIONS.clone().requires_grad_()
    (slope,) = torch.autograd.grad(potential(positions, **breaking).sum(), positions)
    force = forces(POSITIONS, **breaking)
    assert torch.allclose(force, -slope, atol=1e-12)
    assert force.sum(1).abs().max() < 1e-12
    assert forces(POSITIONS, field=1.0).sub(forces(POSITIONS)).abs().max() > 0.5  # it can fail


@pytest.mark.parametrize("breaking", BREAKING)
def test_the_force_keeps_the_rotations_that_are_left_and_no_others(
    breaking: dict[str, float],
) -> None:
    f = functools.partial(forces, **breaking)
    for rotations, kept in ((EVERY, not breaking), (ABOUT_Z, True)):
        difference = f(turned(POSITIONS, rotations)) - turned(f(POSITIONS), rotations)
        assert (float(difference.abs().max()) < 1e-12) == kept


@pytest.mark.parametrize("breaking", BREAKING)
def test_the_simulation_agrees_with_scipy(breaking: dict[str, float]) -> None:
    later, faster = simulate(POSITIONS[:5], VELOCITIES[:5], **breaking)
    for i in range(5):

        def slope(_: float, state: np.ndarray) -> np.ndarray:
            place, speed = torch.from_numpy(state.copy()).reshape(2, 3, 3)
            return torch.stack([speed, forces(place, **breaking)]).flatten().numpy()

        start = torch.stack([POSITIONS[i], VELOCITIES[i]]).flatten().numpy()
        end = solve_ivp(slope, (0, 1), start, method="DOP853", rtol=1e-10, atol=1e-10).y[:, -1]
        place, speed = torch.from_numpy(end).reshape(2, 3, 3)
        assert torch.allclose(later[i], place, atol=2e-4)
        assert torch.allclose(faster[i], speed, atol=2e-4)
        free = POSITIONS[i] + VELOCITIES[i]
        assert not torch.allclose(free, place, atol=2e-2)  # free flight is told from it


@pytest.mark.parametrize("breaking", BREAKING)
def test_energy_and_centre_are_kept_and_time_runs_back(breaking: dict[str, float]) -> None:
    later, faster = simulate(POSITIONS, VELOCITIES, **breaking)
    before = energy(POSITIONS, VELOCITIES, **breaking)
    assert torch.allclose(energy(later, faster, **breaking), before, atol=1e-3)
    assert later.mean(1).abs().max() < 1e-12
    back, slower = simulate(later, faster, duration=-1.0, **breaking)
    assert torch.allclose(back, POSITIONS, atol=1e-9)
    assert torch.allclose(slower, VELOCITIES, atol=1e-9)
    if breaking:  # with the energy of another force it is not kept
        assert not torch.allclose(energy(later, faster), energy(POSITIONS, VELOCITIES), atol=1e-3)


def test_the_error_of_the_simulation_falls_with_the_square_of_the_step() -> None:
    exact = simulate(POSITIONS, VELOCITIES, steps=4096)[0]
    errors = [
        float((simulate(POSITIONS, VELOCITIES, steps=n)[0] - exact).square().mean().sqrt())
        for n in (64, 128)
    ]
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_angular_momentum_is_kept_about_z_and_by_attraction_alone_about_all_axes() -> None:
    for breaking in BREAKING:
        later, faster = simulate(POSITIONS, VELOCITIES, **breaking)
        change = torch.linalg.cross(later, faster) - torch.linalg.cross(POSITIONS, VELOCITIES)
        change = change.sum(1).abs().max(0).values
        assert change[2] < 1e-9
        assert (float(change[0]) < 1e-9) == (not breaking)


def test_systems_follow_from_their_seed() -> None:
    one, again, other = (sample_systems(6, seed=s, field=0.5) for s in (4, 4, 5))
    assert torch.equal(one.states, again.states)
    assert torch.equal(one.targets, again.targets)
    assert not torch.equal(one.states, other.states)
    assert torch.equal(sample_systems(6, seed=4).states, one.states)
    assert one.states.reshape(6, 2, 3, 3).mean(2).abs().max() < 1e-6
    exact = sample_systems(6, seed=4, field=0.5, dtype=torch.float64)
    assert torch.allclose(displacements(exact.states, field=0.5), exact.targets)
    assert len(one) == 6
    assert one.states.dtype == torch.float32


def test_states_are_as_likely_as_they_are_when_turned() -> None:
    states = sample_systems(20_000, seed=0).states
    second = states.mT @ states / len(states[0])
    mean = second.mean(0)
    assert (mean - mean.diagonal().mean() * torch.eye(3)).abs().max() < 0.02


def test_what_is_no_system_is_refused_in_one_sentence() -> None:
    wrong: list[tuple[Any, type[Exception], str]] = [
        (lambda: forces(torch.zeros(3)), ValueError, "at least two bodies"),
        (lambda: forces(torch.zeros(1, 3)), ValueError, "at least two bodies"),
        (lambda: forces(torch.zeros(2, 3, dtype=torch.int64)), TypeError, "float32 or float64"),
        (lambda: forces(torch.zeros(2, 3), field=float("nan")), ValueError, "finite"),
        (lambda: forces(torch.zeros(2, 3), anisotropy=-1.0), ValueError, "above -1"),
        (lambda: potential(torch.zeros(2, 3), softening=0.0), ValueError, "positive length"),
        (lambda: simulate(torch.zeros(3, 3), torch.zeros(2, 3)), ValueError, "same shape"),
        (lambda: simulate(POSITIONS, VELOCITIES, steps=0), ValueError, "at least 1"),
        (lambda: simulate(POSITIONS, VELOCITIES, duration=np.inf), ValueError, "finite"),
        (lambda: sample_systems(0, seed=0), ValueError, "at least 1"),
        (lambda: sample_systems(2, seed=-1), ValueError, "at least 0"),
        (lambda: displacements(torch.zeros(2, 3, 3)), ValueError, r"\(B, 6, 3\)"),
        (lambda: turned(torch.zeros(2, 6, 2), EVERY[0]), ValueError, r"\(B, n, 3\)"),
        (lambda: turned(torch.zeros(2, 6, 3), EVERY[:3]), ValueError, r"\(2, 3, 3\)"),
        (lambda: random_rotations(-1), ValueError, "at least 0"),
        (lambda: random_rotations(1, dtype=torch.int64), TypeError, "float32 or float64"),
        (lambda: PlainBodies()(torch.zeros(2, 3, 3)), ValueError, "three velocities"),
        (lambda: ExactBodies()(torch.zeros(6, 3)), ValueError, "three velocities"),
        (lambda: BodiesConfig(width=0), ValueError, "at least 1"),
        (lambda: BodiesConfig(balanced=1), TypeError, "True or False"),  # type: ignore[arg-type]
        (lambda: ResidualConfig(residual_width=0), ValueError, "at least 1"),
        (lambda: GroupAverage(PlainBodies(), torch.zeros(3, 3)), ValueError, r"\(G, 3, 3\)"),
        (lambda: measure_bodies(PlainBodies(), SYSTEMS_NONE), ValueError, "no systems"),
        (
            lambda: measure_bodies(lambda states: 0 * states[:, :3], SYSTEMS),
            ValueError,
            "zero for all",
        ),
    ]
    for call, kind, message in wrong:
        with pytest.raises(kind, match=message):
            call()


SYSTEMS_NONE = BodySystems(torch.zeros(0, 6, 3), torch.zeros(0, 3, 3))


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_keep_what_they_promise_and_nothing_more(name: str) -> None:
    f = network(name)
    assert f(SYSTEMS.states).shape == (40, 3, 3)
    assert (gap(f, EVERY) < 1e-12) == (name == "exact")
    assert (gap(f, ABOUT_Z) < 1e-12) == (name in ("exact", "axial"))
    lie = lie_departures(f, SYSTEMS.states).abs().amax((1, 2, 3))
    assert (float(lie[0]) < 1e-12) == (name == "exact")
    assert (float(lie[2]) < 1e-12) == (name in ("exact", "axial"))


def test_an_exact_network_that_reads_a_place_is_noticed() -> None:
    f = network("exact")
    assert gap(lambda states: f(states + 0.1), EVERY) > 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_lie_derivatives_are_derivatives_of_departures(name: str) -> None:
    f, step = network(name), 1e-4
    found = lie_departures(f, SYSTEMS.states)
    with torch.no_grad():
        for axis, generator in enumerate(rotation_generators()):
            ends = [
                departures(f, SYSTEMS.states, torch.linalg.matrix_exp(sign * step * generator))
                for sign in (1, -1)
            ]
            assert torch.allclose((ends[0] - ends[1]) / (2 * step), found[axis], atol=1e-6)


def test_a_network_that_turns_in_the_wrong_sense_has_the_lie_derivative_two() -> None:
    flat = torch.cat([SYSTEMS.states[..., :2], 0 * SYSTEMS.states[..., 2:]], -1)
    mirror = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    found = lie_departures(lambda states: states[:, :3] * mirror, flat)[2]
    assert torch.allclose(found.square().sum(), 4 * flat[:, :3].square().sum())


def test_the_average_over_a_cube_keeps_its_rotations_and_agrees_with_a_loop() -> None:
    f = network("plain")
    average = GroupAverage(f).eval()
    with torch.no_grad():
        found = average(SYSTEMS.states)
        loop = sum(
            turned(f(turned(SYSTEMS.states, rotation)), rotation.T) for rotation in cube_rotations()
        )
        assert torch.allclose(found, loop / 24, atol=1e-12)
    for rotation in cube_rotations()[1:6]:
        assert gap(average, rotation) < 1e-12
        assert gap(f, rotation) > 1e-3
    assert gap(average, EVERY) > 1e-6  # other rotations are not kept
    assert gap(average, EVERY) < gap(f, EVERY)


def test_a_residual_network_is_the_sum_of_its_parts() -> None:
    f = ResidualBodies(ResidualConfig(width=8, depth=1, residual_width=4))
    states = SYSTEMS.states.float()
    exact, residual = f(states, parts=True)
    assert torch.equal(f(states), exact + residual)
    assert torch.equal(f.parts(states)[1], residual)
    assert departures(f.exact, states, EVERY).abs().max() < 1e-5


def test_measures_are_right_on_maps_that_are_known() -> None:
    systems = sample_systems(500, seed=2, dtype=torch.float64)
    truth = functools.partial(displacements)
    exact = measure_bodies(network("exact"), systems)
    assert exact.equivariance < 1e-12
    assert max(exact.lie) < 1e-12
    free = measure_bodies(lambda states: 1e-6 * states[:, :3], systems)
    assert free.error == pytest.approx(1, abs=1e-4)
    up = torch.zeros(3, 3, dtype=torch.float64)
    up[0, 2] = 1.0
    constant = measure_bodies(lambda states: up.expand(len(states), 3, 3), systems)
    assert constant.equivariance == pytest.approx(2**0.5, rel=0.05)
    assert constant.lie == pytest.approx((1.0, 1.0, 0.0))
    with_field = measure_bodies(lambda states: displacements(states, field=1.0), systems)
    assert with_field.lie[2] < 1e-9 < 0.3 < with_field.lie[0]
    assert truth(systems.states).shape == systems.targets.shape


# ---------------------------------------------------------------- the task


def task(**settings: Any) -> Bodies:
    sizes = {"training_size": 48, "validation_size": 16, "test_size": 32, "passes": 2}
    recipe = Recipe(epochs=2, batch_size=16, learning_rate=4e-3)
    return Bodies("test", recipe, **{**sizes, **settings})


def loss_of(made: Bodies, model: nn.Module, seed: int = 0) -> torch.Tensor:
    data = made.load_data()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return made.loss(model, data.training_batch(torch.arange(96), 0), 0.0)


def square(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.square().sum((-2, -1)).mean()


def test_losses_are_what_their_formulas_say() -> None:
    model = PlainBodies()
    plain = task()
    systems = plain.load_data().train
    states, targets = systems.states.repeat(2, 1, 1), systems.targets.repeat(2, 1, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rotations = random_rotations(96, dtype=torch.float32)
    own = square(model(states) - targets)
    asked = square(model(turned(states, rotations)) - turned(targets, rotations))
    agreed = square(departures(model, states, rotations))
    for made, expected in (
        (plain, own),
        (task(method="augment"), asked),
        (task(method="remul", beta=3.0), (own + 3 * asked) / 4),
        (task(method="consistency", beta=3.0), (own + 3 * agreed) / 4),
        (task(method="remul", beta=0.0), own),
    ):
        assert torch.allclose(loss_of(made, model), expected, rtol=1e-4), made.method
    assert not torch.allclose(asked, agreed, rtol=0.05)
    pathway = ResidualBodies()
    _, residual = pathway.parts(states)
    expected = square(pathway(states) - targets) + 0.5 * square(residual)
    assert torch.allclose(loss_of(task(method="residual", price=0.5), pathway), expected)


def test_an_exact_network_pays_no_price_on_symmetry() -> None:
    """The penalty of an exact network is zero; that of a broken one is not."""
    exact, plain = ExactBodies(), PlainBodies()
    for model, free in ((exact, True), (plain, False)):
        own, both = (
            float(loss_of(task(method="consistency", beta=beta), model)) for beta in (0.0, 1.0)
        )
        assert (abs(2 * both - own) < 1e-4 * own) == free


def test_rotations_about_z_stay_about_z() -> None:
    axial = AxialBodies()
    for around, free in (("z", True), ("all", False)):
        own, both = (
            float(loss_of(task(method="consistency", beta=beta, around=around), axial))
            for beta in (0.0, 1.0)
        )
        assert (abs(2 * both - own) < 1e-4 * own) == free


def test_several_rotations_of_each_system_are_averaged() -> None:
    model = PlainBodies()
    many = [float(loss_of(task(method="augment", samples=64), model, s)) for s in range(6)]
    few = [float(loss_of(task(method="augment"), model, s)) for s in range(6)]
    assert np.std(many) < np.std(few) / 2
    assert np.mean(many) == pytest.approx(np.mean(few), rel=0.1)


def test_gradnorm_moves_its_weights_as_the_paper_says() -> None:
    """By the formula written out, with a weight a term, and the gradient of the norms alone."""
    config = BodiesConfig(width=8, depth=1, balanced=True)
    model = PlainBodies(config)
    with torch.no_grad():
        model.balance.copy_(torch.tensor([0.3, -0.2]))
    data = task().load_data()
    states, targets = data.training_batch(torch.arange(48), 0)
    turn = turned(states, EVERY[0].float())
    losses = torch.stack(
        [
            square(model(states) - targets),
            9 * square(model(turn) - turned(targets, EVERY[0].float())),
        ]
    )
    weights = (2 * torch.softmax(model.balance, 0)).detach()
    total = balanced(model, losses, 1.5)
    assert float(total.detach()) == pytest.approx(float((weights * losses).sum()), rel=1e-5)
    found = torch.autograd.grad(total, [model.balance, model.last_weights], retain_graph=True)

    norms = torch.stack(
        [
            torch.autograd.grad(term, model.last_weights, retain_graph=True)[0].norm()
            for term in losses
        ]
    )
    rates = losses.detach() / losses.detach().mean()
    wanted = (weights * norms).mean() * rates**1.5
    logits = model.balance.detach().clone().requires_grad_()
    mismatch = (2 * torch.softmax(logits, 0) * norms - wanted).abs().sum()
    assert torch.allclose(found[0], torch.autograd.grad(mismatch, logits)[0], rtol=1e-4)
    # The network itself is moved by the weighted sum alone.
    by_sum = torch.autograd.grad((weights * losses).sum(), model.last_weights)[0]
    assert torch.allclose(found[1], by_sum, rtol=1e-4, atol=1e-7)


def test_settings_that_mean_nothing_are_refused() -> None:
    for settings, message in (
        ({"method": "magic"}, "method is one of"),
        ({"around": "x"}, "around is one of"),
        ({"beta": -1.0}, "beta must be a number of at least 0"),
        ({"price": float("nan")}, "price must be"),
        ({"samples": 0}, "samples is at least 1"),
        ({"passes": 0}, "passes is at least 1"),
        ({"asymmetry": 1.5}, "'remul'"),
        ({"method": "remul", "asymmetry": 1.5}, "if and only if"),
        ({"network": {"balanced": True}}, "if and only if"),
        ({"network": {"depths": 2}}, "unknown field 'depths'"),
    ):
        with pytest.raises(ValueError, match=message):
            task(**settings)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_comes_back_from_its_checkpoint(
    method: str, tmp_path: Path
) -> None:
    settings = METHODS[method][1]
    made = task(**{**settings, "network": {"width": 8, "depth": 1, **settings.get("network", {})}})
    result = train(made, tmp_path, command="test", progress=False)
    assert result.checkpoint is not None
    model, _ = load_checkpoint(result.checkpoint)
    data = made.load_data()
    found = measure_bodies(model, data.test)
    assert found.error == pytest.approx(result.metrics["test_error"], rel=1e-4)
    ratio = (result.metrics["test_lie_x"] / result.metrics["test_output"]) ** 0.5
    assert found.lie[0] == pytest.approx(ratio, rel=1e-3, abs=1e-6)
    untrained = copy.deepcopy(made).build_model()
    assert not torch.equal(model(data.test.states), untrained(data.test.states))


def test_a_network_learns_and_the_symmetry_helps() -> None:
    """A short training: the exact network comes below the plain one, which is below free flight."""
    errors = {}
    for method in ("plain", "exact"):
        made = task(method=method, training_size=300)
        data = made.load_data()
        torch.manual_seed(0)
        model = made.build_model()
        optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
        for step in range(200):
            rows = torch.randint(300, (64,), generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            made.loss(model, data.training_batch(rows, 0), 0.0).backward()
            optimizer.step()
        errors[method] = measure_bodies(model.eval(), sample_systems(500, seed=9)).error
    assert errors["exact"] < 0.15 < errors["plain"] < 0.95


# ---------------------------------------------------------------- the sweep


def test_presets_say_what_their_names_say() -> None:
    assert set(EXPERIMENTS["bodies"].presets) == set(BODIES)
    for breaking, (_, broken) in BREAKINGS.items():
        for method, (_, settings) in METHODS.items():
            name = f"{method}-{breaking}"
            made = find_preset("bodies", name).make(argparse.Namespace(seed=2))
            assert isinstance(made, Bodies)
            assert (made.preset, made.seed, made.method) == (name, 2, settings["method"])
            assert (made.field, made.anisotropy) == (
                broken.get("field", 0.0),
                broken.get("anisotropy", 0.0),
            )
    made = find_preset("bodies", "remul-1-z-field-1").make(argparse.Namespace(seed=0))
    assert isinstance(made, Bodies)
    assert (made.around, made.beta, made.field) == ("z", 1.0, 1.0)


def test_the_table_holds_three_seeds_of_every_method_under_every_breaking() -> None:
    rows = {(row["preset"], row["seed"]): row for row in sweep_results("bodies")}
    assert len(rows) == len(sweep_results("bodies"))
    for breaking in BREAKINGS:
        for method in METHODS:
            for seed in range(3):
                row = rows[f"{method}-{breaking}", seed]
                assert 0 < row["error"] < 3
                assert (row["equivariance"] < 1e-5) == (method == "exact")
                assert (row["lie_z"] < 1e-5) == (method in ("exact", "axial"))
                assert (row["lie_x"] < 1e-5) == (method == "exact")
    assert {preset for preset, _ in rows} <= set(BODIES)


SHIPPED = [name for name in shipped_checkpoints() if name.startswith("bodies-")]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_measure_what_the_table_says(name: str) -> None:
    network, manifest = load_checkpoint(name, task="bodies")
    seed = manifest["seeds"]["training"]
    (row,) = [
        row
        for row in sweep_results("bodies")
        if (row["preset"], row["seed"]) == (manifest["preset"], seed)
    ]
    options = manifest["options"]
    systems = sample_systems(
        2000, seed=20261103, field=options["field"], anisotropy=options["anisotropy"]
    )
    found = measure_bodies(network, systems)
    assert found.error == pytest.approx(row["error"], rel=1e-3)
    assert found.equivariance == pytest.approx(row["equivariance"], rel=1e-3)
    assert found.lie == pytest.approx([row[f"lie_{axis}"] for axis in "xyz"], rel=1e-3)
    assert row["parameters"] == sum(p.numel() for p in network.parameters())


def test_the_shipped_networks_are_those_of_two_methods_in_three_fields() -> None:
    assert (
        sorted(
            f"bodies-{method}-field-{field}-seed0"
            for method in ("plain", "residual")
            for field in ("0", "0.25", "1")
        )
        == SHIPPED
    )


def test_rows_are_gathered_from_runs_and_replace_older_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke = find_preset("bodies", "smoke").make(argparse.Namespace(seed=1))
    run = tmp_path / "bodies-smoke-seed1"
    train(smoke, run, command="test", progress=False)
    table = tmp_path / SWEEPS
    old = {"preset": "smoke", "seed": 1, "error": 9.0}
    other = {"preset": "smoke", "seed": 0, "error": 8.0}
    table.write_text(json.dumps({"bodies": [old, other]}))
    assert gather([run], table) == 1
    kept, new = json.loads(table.read_text())["bodies"]
    assert kept == other
    assert new["error"] < 2
    assert new["average_error"] > 0
    assert new["beta"] is None
    assert sweeps_main([str(run), "--into", str(table)]) == 0
    assert "1 rows" in capsys.readouterr().out
    assert sweeps_main([str(tmp_path / "nothing"), "--into", str(table)]) == 2
    assert "error" in capsys.readouterr().err


def test_a_sweep_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="there are: bodies"):
        sweep_results("molecules")
