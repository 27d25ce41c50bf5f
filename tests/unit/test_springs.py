"""Bodies joined by springs: what their motion keeps, and what potentials keep of it untrained."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from utils.data.springs import (
    Motion,
    SpringSystems,
    roll_out,
    sample_springs,
    spring_forces,
    spring_potential,
)
from utils.groups.lie_groups import Rotations, Translations, Trivial
from utils.models.base import Network
from utils.models.potentials import (
    DirectForces,
    PairConfig,
    PairPotential,
    PerceptronPotential,
    Potential,
    PotentialConfig,
    angular_momentum,
    drifts,
    follow,
    force_error,
    measure_forces,
    pair_features,
    total_energy,
    total_momentum,
)
from utils.training import Recipe, load_checkpoint, shipped_checkpoints, train
from utils.training.presets import EXPERIMENTS, find_preset
from utils.training.presets_springs import SPRING_NETWORKS, SPRINGS
from utils.training.sweeps import gather, sweep_results
from utils.training.tasks.springs import SPRING_SEEDS, Springs

SYSTEMS = sample_springs(12, seed=1)
Make = Callable[[], Network]


def pairs(group: Any, **others: Any) -> Make:
    return lambda: PairPotential(PairConfig(group=group, **others))


def perceptron(**settings: Any) -> Make:
    return lambda: PerceptronPotential(PotentialConfig(**settings))


# What is built, and whether momentum and angular momentum are kept.
NETWORKS: dict[str, tuple[Make, bool, bool]] = {
    "raw": (perceptron(), False, False),
    "centred": (perceptron(centre="mean"), True, False),
    "mass-centred": (perceptron(centre="mass"), True, False),
    "trivial": (pairs("trivial"), False, False),
    "t2": (pairs("T(2)"), True, False),
    "so2": (pairs("SO(2)"), False, True),
    "so2-centred": (pairs("SO(2)", centre="mean"), True, True),
    "se2": (pairs("SE(2)"), True, True),
    "direct": (DirectForces, False, False),
}


@functools.cache
def network(name: str, seed: int = 0) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NETWORKS[name][0]().double().eval()


def numbers(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy()


# ---------------------------------------------------------------- the true springs


def test_springs_by_loops() -> None:
    q, k = numbers(SYSTEMS.positions), numbers(SYSTEMS.stiffness)
    energies, pulls = np.zeros(len(q)), np.zeros_like(q)
    for s, i, j in np.ndindex(len(q), 5, 5):
        energies[s] += 0.5 * k[s, i] * k[s, j] * ((q[s, i] - q[s, j]) ** 2).sum() if i < j else 0
        pulls[s, i] -= k[s, i] * k[s, j] * (q[s, i] - q[s, j])
    np.testing.assert_allclose(
        spring_potential(SYSTEMS.positions, SYSTEMS.stiffness), energies, rtol=1e-13
    )
    np.testing.assert_allclose(SYSTEMS.forces, pulls, atol=1e-13)


def scipy_motion(systems: SpringSystems, row: int, duration: float) -> tuple[np.ndarray, ...]:
    """Where one system is at the end, by another integrator and forces written out again."""
    k, m = numbers(systems.stiffness[row]), numbers(systems.masses[row])[:, None]
    matrix = np.outer(k, k) - np.diag(k * k.sum())  # forces are linear in the positions

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        q, p = state.reshape(2, 5, 2)
        return np.concatenate([p / m, matrix @ q]).ravel()

    start = np.concatenate([numbers(systems.positions[row]), numbers(systems.momenta[row])])
    found = solve_ivp(slope, (0, duration), start.ravel(), rtol=1e-12, atol=1e-12, method="DOP853")
    q, p = found.y[:, -1].reshape(2, 5, 2)
    return q, p


def true_motion(systems: SpringSystems, **settings: Any) -> Motion:
    return follow(lambda q, traits: spring_forces(q, traits[..., 1]), systems, **settings)


def test_the_motion_is_that_of_another_integrator_with_an_error_of_order_four() -> None:
    gaps = []
    for step in (0.1, 0.05, 0.025):
        motion = true_motion(SYSTEMS, duration=3.0, step=step)
        far = 0.0
        for row in range(4):
            q, p = scipy_motion(SYSTEMS, row, 3.0)
            far = max(far, np.abs(numbers(motion.positions[-1, row]) - q).max())
            far = max(far, np.abs(numbers(motion.momenta[-1, row]) - p).max())
        gaps.append(far)
    assert gaps[1] < 2e-3
    assert 12 < gaps[0] / gaps[1] < 20
    assert 12 < gaps[1] / gaps[2] < 20


def test_true_motion_keeps_momentum_to_rounding_and_the_rest_to_the_error_of_the_scheme() -> None:
    fine, coarse = (drifts(true_motion(SYSTEMS, step=step)) for step in (0.025, 0.05))
    assert fine.momentum.max() < 1e-13
    assert coarse.momentum.max() < 1e-13
    assert 1e-9 < coarse.angular_momentum.median() < 1e-5
    ratio = coarse.angular_momentum.median() / fine.angular_momentum.median()
    assert 20 < ratio < 50  # of a quadratic quantity, the error falls with the fifth power


# ---------------------------------------------------------------- drifts


def test_drifts_by_loops() -> None:
    motion = follow(network("raw"), SYSTEMS, duration=1.0)
    found = drifts(motion)
    q, p = numbers(motion.positions), numbers(motion.momenta)
    for s in range(len(SYSTEMS)):
        momenta = [sum(p[t, s, i] for i in range(5)) for t in range(len(q))]
        angular = [
            sum(np.linalg.det([q[t, s, i], p[t, s, i]]) for i in range(5)) for t in range(21)
        ]
        unit = sum(math.hypot(*p[0, s, i]) for i in range(5))
        lever = sum(math.hypot(*q[0, s, i]) * math.hypot(*p[0, s, i]) for i in range(5))
        most = max(math.hypot(*(each - momenta[0])) for each in momenta)
        assert found.momentum[s].item() == pytest.approx(most / unit, rel=1e-12)
        swung = max(abs(each - angular[0]) for each in angular)
        assert found.angular_momentum[s].item() == pytest.approx(swung / lever, rel=1e-12)


def test_a_known_pull_and_a_known_torque_are_found() -> None:
    pull = torch.tensor([0.3, 0.4], dtype=torch.float64)
    motion = follow(lambda q, _: pull.expand_as(q), SYSTEMS, duration=2.0)
    unit = SYSTEMS.momenta.norm(dim=-1).sum(-1)
    torch.testing.assert_close(drifts(motion).momentum, 5 * 0.5 * 2.0 / unit)
    # Forces across the positions, on bodies that hardly move: L grows by the sum of |q|^2 a second.
    heavy = dataclasses.replace(SYSTEMS, masses=1e9 * SYSTEMS.masses)
    swirl = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    motion = follow(lambda q, _: q @ swirl.mT, heavy, duration=2.0)
    lever = (heavy.positions.norm(dim=-1) * heavy.momenta.norm(dim=-1)).sum(-1)
    expected = 2.0 * heavy.positions.square().sum((1, 2)) / lever
    torch.testing.assert_close(drifts(motion).angular_momentum, expected, rtol=1e-6, atol=0)


def test_momentum_angular_momentum_and_energy_of_two_bodies() -> None:
    q = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    p = torch.tensor([[[0.0, 1.0], [3.0, 0.0]]])
    torch.testing.assert_close(total_momentum(p), torch.tensor([[3.0, 1.0]]))
    torch.testing.assert_close(angular_momentum(q, p), torch.tensor([1.0 - 6.0]))
    found = total_energy(torch.tensor([2.0]), p, torch.tensor([[1.0, 3.0]]))
    torch.testing.assert_close(found, torch.tensor([2.0 + 0.5 + 1.5]))


# ---------------------------------------------------------------- pairs


@pytest.mark.parametrize(
    ("group", "moved", "turned"),
    [
        ("trivial", False, False),
        ("T(2)", True, False),
        ("SO(2)", False, True),
        ("SE(2)", True, True),
    ],
)
def test_a_group_changes_none_of_its_features(group: Any, moved: bool, turned: bool) -> None:
    before = pair_features(SYSTEMS.positions, group)
    for systems, kept in ((SYSTEMS.shifted((3.0, -1.0)), moved), (SYSTEMS.turned(0.7), turned)):
        gap = (pair_features(systems.positions, group) - before).abs().max()
        assert gap < 1e-13 if kept else gap > 0.5


def test_features_under_rotations_say_what_angles_and_radii_say() -> None:
    """LieConv's kernel reads log(v^-1 u), the angle between the two, and both radii."""
    q = numbers(SYSTEMS.positions)
    angle, radius = np.arctan2(q[..., 1], q[..., 0]), np.hypot(q[..., 0], q[..., 1])
    between = angle[:, None, :] - angle[:, :, None]  # from i to j
    first, second = radius[:, :, None], radius[:, None, :]
    written = [first * second * np.cos(between), first * second * np.sin(between)]
    written += [np.broadcast_to(first**2, between.shape), np.broadcast_to(second**2, between.shape)]
    found = numbers(pair_features(SYSTEMS.positions, "SO(2)"))
    np.testing.assert_allclose(found, np.stack(written, -1), atol=1e-13)
    # and back: nothing that the kernel of LieConv reads is lost
    back = np.arctan2(found[..., 1], found[..., 0])
    np.testing.assert_allclose(np.cos(back - between), 1, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(found[..., 2]), np.broadcast_to(first, back.shape))


def test_features_are_what_the_kernel_of_lieconv_reads() -> None:
    q = SYSTEMS.positions
    shifts, _ = Translations().lift(q)
    torch.testing.assert_close(pair_features(q, "T(2)"), Translations().pairs(shifts))
    turns, radius = Rotations(chart="entries").lift(q)
    cos, sin = Rotations(chart="entries").pairs(turns).unbind(-1)  # of the angle from j to i
    first, second = radius, radius.mT
    written = [first * second * cos, -first * second * sin, first**2, second**2]
    expected = torch.stack(torch.broadcast_tensors(*written), -1)
    torch.testing.assert_close(pair_features(q, "SO(2)"), expected)
    _, orbits = Trivial().lift(q)
    both = torch.broadcast_tensors(orbits[:, :, None], orbits[:, None])
    torch.testing.assert_close(pair_features(q, "trivial"), torch.cat(both, -1))


def written_out(model: Any, positions: np.ndarray, traits: np.ndarray) -> float:
    """The potential of one system again, by loops over bodies and pairs."""
    weights = {name: numbers(tensor) for name, tensor in model.state_dict().items()}

    def layers(prefix: str, x: np.ndarray) -> np.ndarray:
        names = sorted(n for n in weights if n.startswith(prefix) and n.endswith("weight"))
        for place, name in enumerate(names):
            x = weights[name] @ x + weights[name.replace("weight", "bias")]
            if place < len(names) - 1:
                x = x / (1 + np.exp(-x))
        return x

    if isinstance(model, PerceptronPotential):
        together = np.concatenate([np.append(q, t) for q, t in zip(positions, traits, strict=True)])
        return float(layers("layers", together)[0])
    total = 0.0
    for i, (q, own) in enumerate(zip(positions, traits, strict=True)):
        gathered = np.zeros(model.config.channels)
        for j, (other, theirs) in enumerate(zip(positions, traits, strict=True)):
            read = {
                "trivial": [*q, *other],
                "T(2)": q - other,
                "SE(2)": [((q - other) ** 2).sum()],
                "SO(2)": [q @ other, np.linalg.det([q, other]), q @ q, other @ other],
            }[model.config.group]
            if j != i:
                sent = weights["lift.weight"] @ theirs + weights["lift.bias"]
                gathered += layers("kernel", np.asarray(read)) * sent
        total += float(layers("readout", np.append(gathered, own))[0])
    return total


@pytest.mark.parametrize("name", ["raw", "trivial", "t2", "so2", "se2"])
def test_the_potential_by_loops(name: str) -> None:
    model: Any = network(name)
    found = model.potential(SYSTEMS.positions, SYSTEMS.traits).detach()
    for row in range(3):
        q, t = numbers(SYSTEMS.positions[row]), numbers(SYSTEMS.traits[row])
        assert float(found[row]) == pytest.approx(written_out(model, q, t), rel=1e-11)


# ---------------------------------------------------------------- forces


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "direct"])
def test_forces_are_minus_the_differences_of_the_potential(name: str) -> None:
    model: Any = network(name)
    with torch.no_grad():
        forces = model(SYSTEMS.positions, SYSTEMS.traits)
    for i, axis in ((0, 0), (3, 1)):
        step = torch.zeros(5, 2, dtype=torch.float64)
        step[i, axis] = 1e-5
        with torch.no_grad():
            up, down = (
                model.potential(SYSTEMS.positions + sign * step, SYSTEMS.traits) for sign in (1, -1)
            )
        torch.testing.assert_close(forces[:, i, axis], (down - up) / 2e-5, rtol=1e-6, atol=1e-8)


def curl(model: Network) -> float:
    """By how much the matrix of derivatives of the forces is not symmetric, relative to it."""
    traits = SYSTEMS.traits[:1]
    flat = SYSTEMS.positions[0].flatten()
    with torch.no_grad():
        columns = [
            (model((flat + h).view(1, 5, 2), traits) - model((flat - h).view(1, 5, 2), traits))
            for h in 1e-5 * torch.eye(10, dtype=torch.float64)
        ]
    matrix = torch.stack([column.flatten() for column in columns]) / 2e-5
    return float((matrix - matrix.mT).norm() / matrix.norm())


def test_only_direct_forces_have_no_potential() -> None:
    for name in NETWORKS:
        assert curl(network(name)) > 0.05 if name == "direct" else curl(network(name)) < 1e-5


def test_direct_forces_turn_and_stay_with_the_bodies_all_the_same() -> None:
    model = network("direct")
    with torch.no_grad():
        forces, moved, turned = (
            model(systems.positions, systems.traits)
            for systems in (SYSTEMS, SYSTEMS.shifted((3.0, 3.0)), SYSTEMS.turned(0.7))
        )
    unit = forces.abs().max()
    assert (moved - forces).abs().max() < 1e-12 * unit
    cos, sin = math.cos(0.7), math.sin(0.7)
    turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    assert (turned - forces @ turn.mT).abs().max() < 1e-12 * unit
    assert (turned - forces).abs().max() > 0.1 * unit
    assert forces.sum(1).abs().max() > 1e-3 * unit  # no action and reaction


@pytest.mark.parametrize("name", list(NETWORKS))
def test_pairs_share_their_weights_and_perceptrons_do_not(name: str) -> None:
    order = torch.tensor([2, 0, 4, 1, 3])
    model = network(name)
    with torch.no_grad():
        forces = model(SYSTEMS.positions, SYSTEMS.traits)
        renumbered = model(SYSTEMS.positions[:, order], SYSTEMS.traits[:, order])
    gap = (renumbered - forces[:, order]).abs().max() / forces.abs().max()
    alone = name in ("raw", "centred", "mass-centred")
    assert gap > 0.05 if alone else gap < 1e-12


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_untrained_networks_keep_what_their_potential_is_blind_to(name: str, seed: int) -> None:
    _, momentum, angular = NETWORKS[name]
    found = drifts(follow(network(name, seed), SYSTEMS))
    assert found.momentum.max() < 1e-12 if momentum else found.momentum.median() > 1e-3
    if angular:
        assert found.angular_momentum.max() < 1e-6
    else:
        assert found.angular_momentum.median() > 1e-3


def test_broken_centrings_keep_nothing() -> None:
    """A mean over the systems of a batch, and a mean that is taken to be constant."""
    model: Any = network("raw")
    over_batch = drifts(
        follow(lambda q, t: model(q - q.mean(0, keepdim=True), t), SYSTEMS, duration=2.0)
    )
    constant = drifts(
        follow(lambda q, t: model(q - q.mean(1, keepdim=True), t), SYSTEMS, duration=2.0)
    )  # forces of centred positions, without the gradient of the mean
    right = drifts(follow(network("centred"), SYSTEMS, duration=2.0))
    assert over_batch.momentum.median() > 1e-3
    assert constant.momentum.median() > 1e-3
    assert right.momentum.max() < 1e-12


def test_single_precision_hides_what_is_kept() -> None:
    single = SpringSystems(*(getattr(SYSTEMS, f.name).float() for f in dataclasses.fields(SYSTEMS)))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = NETWORKS["t2"][0]()
    assert drifts(follow(model, single)).momentum.median() > 1e-9
    with pytest.raises(TypeError, match="float64"):
        measure_forces(model, single)


def test_quarter_turns_are_not_enough() -> None:
    """V averaged over C_4 does not change under quarter turns, and the angular momentum drifts."""
    model: Any = network("raw")
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    turns = [torch.linalg.matrix_power(quarter, n) for n in range(4)]

    def averaged(q: Tensor, t: Tensor) -> Tensor:
        return torch.stack([model(q @ turn.mT, t) @ turn for turn in turns]).mean(0)

    with torch.no_grad():
        forces = averaged(SYSTEMS.positions, SYSTEMS.traits)
        turned = averaged(SYSTEMS.positions @ quarter.mT, SYSTEMS.traits)
    assert (turned - forces @ quarter.mT).abs().max() < 1e-13
    assert drifts(follow(averaged, SYSTEMS)).angular_momentum.median() > 1e-4


def test_measures_agree_with_their_parts() -> None:
    found = measure_forces(network("so2"), SYSTEMS)
    motion = follow(network("so2"), SYSTEMS)
    assert found.error == force_error(network("so2"), SYSTEMS)
    assert found.shifted == force_error(network("so2"), SYSTEMS.shifted((3.0, 3.0))) != found.error
    assert found.turned == pytest.approx(found.error, rel=1e-9)
    assert found.momentum_worst == float(drifts(motion).momentum.max()) >= found.momentum > 1e-3
    assert found.own_energy < 1e-6 < found.energy
    true = measure_forces(lambda q, t: spring_forces(q, t[..., 1]), SYSTEMS)
    assert true.position_5 == true.error == 0
    assert math.isnan(true.own_energy)


# ---------------------------------------------------------------- what is refused


def test_what_is_no_system_is_refused() -> None:
    q, m = SYSTEMS.positions, SYSTEMS.masses
    with pytest.raises(ValueError, match="one number a body"):
        spring_potential(q, m[:, :4])
    with pytest.raises(ValueError, match="masses must be positive"):
        roll_out(torch.zeros_like, q, q, -m)
    with pytest.raises(ValueError, match="momenta must have the shape"):
        roll_out(torch.zeros_like, q, q.float(), m)
    with pytest.raises(ValueError, match="duration and step"):
        roll_out(torch.zeros_like, q, q, m, step=0.0)
    with pytest.raises(ValueError, match="at least two bodies"):
        spring_forces(q[:, :1], m[:, :1])
    with pytest.raises(TypeError, match="integer"):
        sample_springs(2.0, seed=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="group"):
        pair_features(q, "SO(3)")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="5 bodies, not 4"):
        network("raw")(q[:, :4], SYSTEMS.traits[:, :4])
    with pytest.raises(ValueError, match="as many traits"):
        network("t2")(q, SYSTEMS.traits[:, :4])
    with pytest.raises(ValueError, match="centre"):
        PotentialConfig(centre="middle")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="run away by time"):
        roll_out(lambda places: 1e3 * places**3, q, q, m)
    with pytest.raises(ValueError, match="no systems"):
        measure_forces(network("t2"), SpringSystems(q[:0], q[:0], m[:0], m[:0]))


def test_draws_are_those_of_their_seed() -> None:
    again, other = sample_springs(12, seed=1), sample_springs(12, seed=2)
    assert torch.equal(again.positions, SYSTEMS.positions)
    assert not torch.equal(other.positions, SYSTEMS.positions)
    many = sample_springs(4_000, seed=3)
    assert many.masses.min() > 0.5
    assert many.masses.max() < 2
    assert abs(float(many.positions.std()) - 1) < 0.02
    assert abs(float(many.momenta.std()) - 0.5) < 0.01


# ---------------------------------------------------------------- the task


def small(method: Any = "pairs", **settings: Any) -> Springs:
    sizes = {"training_size": 64, "validation_size": 16, "test_size": 32, "passes": 2}
    recipe = Recipe(epochs=2, batch_size=32, learning_rate=5e-3)
    return Springs("test", recipe, method=method, **{**sizes, **settings})


@pytest.mark.parametrize("method", ["perceptron", "pairs", "direct"])
def test_a_step_of_training_has_gradients_for_every_weight(method: Any) -> None:
    task = small(method)
    data = task.load_data()
    model = task.build_model()
    loss = task.loss(model, data.training_batch(torch.arange(70), 0), 0.0)
    assert 0.5 < float(loss.detach()) < 2
    loss.backward()
    for name, weight in model.named_parameters():
        constant = name.endswith("bias") and weight.numel() == 1  # forces do not know it
        assert weight.grad is not None or (constant and isinstance(model, Potential)), name


def test_a_run_ends_and_its_row_is_what_is_measured(tmp_path: Path) -> None:
    folder = tmp_path / "springs-test-seed0"
    result = train(small(shift=1.0), folder, command="test", progress=False)
    assert result.finished
    assert result.metrics["test_error"] == pytest.approx(result.metrics["test_shifted"], rel=1e-3)
    assert gather([folder], tmp_path / "table.json") == 1
    (row,) = json.loads((tmp_path / "table.json").read_text())["springs"]
    assert row["momentum_worst"] < 1e-12
    assert row["group"] == "SE(2)"
    assert row["shift"] == 1.0
    assert row["own_energy"] < row["energy"]


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="method"):
        small("flow")
    with pytest.raises(ValueError, match="shift"):
        small(shift=-1.0)
    with pytest.raises(ValueError, match="group"):
        small(network={"group": "SE(3)"})
    with pytest.raises(ValueError, match="unknown field"):
        small("perceptron", network={"group": "SE(2)"})


def test_every_preset_can_be_made() -> None:
    assert set(EXPERIMENTS["springs"].presets) == set(SPRINGS) > set(SPRING_NETWORKS)
    options = argparse.Namespace(seed=1, epochs=None, precision=None)
    for name in SPRINGS:
        task = find_preset("springs", name).make(options)
        assert task.preset == name
        assert task.build_model() is not None


# ---------------------------------------------------------------- what comes with the book

SHIPPED = ("raw", "centred", "trivial", "t2", "so2", "se2", "direct")


def test_three_seeds_of_each_network_come_with_the_book() -> None:
    names = {name for name in shipped_checkpoints() if name.startswith("springs-")}
    assert names == {f"springs-{preset}-seed{seed}" for preset in SHIPPED for seed in range(3)}
    rows = sweep_results("springs")
    assert {(row["preset"], row["seed"]) for row in rows} >= {
        (preset, seed) for preset in SHIPPED for seed in range(3)
    }


@pytest.mark.parametrize("preset", SHIPPED)
def test_trained_networks_keep_what_untrained_ones_keep(preset: str) -> None:
    """And the error of their forces is that of the table."""
    model, _ = load_checkpoint(f"springs-{preset}-seed1", task="springs")
    found = measure_forces(model.double(), SYSTEMS)
    error = force_error(model, sample_springs(100, seed=SPRING_SEEDS["test"]))
    _, momentum, angular = NETWORKS[preset]
    assert found.momentum_worst < 1e-12 if momentum else found.momentum > 1e-4
    assert found.angular_momentum_worst < 1e-4 if angular else found.angular_momentum > 1e-4
    (row,) = [r for r in sweep_results("springs") if (r["preset"], r["seed"]) == (preset, 1)]
    assert error == pytest.approx(row["error"], rel=1e-4)
    assert row["error"] < (0.1 if preset in ("raw", "centred") else 0.01)
