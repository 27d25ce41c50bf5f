"""Codes that are to carry an action: the pictures, the shift, the fitted maps, what is measured."""

from __future__ import annotations

import colorsys
import functools
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from utils.data.mnist import (
    digit_orbits,
    hue_orbits,
    load_small,
    move_hue,
    rotate,
    rotated,
    turn_orbits,
)
from utils.models.latent_actions import (
    ActionMeasures,
    CyclicAutoencoder,
    CyclicAutoencoderConfig,
    fit_generator,
    fit_maps,
    group_defect,
    measure_action,
    move_by_matrices,
    move_by_shifts,
    pixel_variance,
    places,
    powers,
    share_within_orbits,
)
from utils.probes import read_orbits
from utils.projections import cyclic_projections
from utils.training import Recipe, load_checkpoint, train
from utils.training.presets import EXPERIMENTS, find_preset
from utils.training.sweeps import sweep_results
from utils.training.tasks.latent_actions import LatentActions, OrbitData, judged_orbits

DIGITS = load_small().take(torch.arange(0, 5000, 125))
ORBITS = digit_orbits(DIGITS, seed=3)


def small_network(seed: int = 0, **fields: int) -> CyclicAutoencoder:
    torch.manual_seed(seed)
    return CyclicAutoencoder(CyclicAutoencoderConfig(**{"width": 16, **fields})).eval()


# ---------------------------------------------------------------- pictures


def test_orbits_are_what_scipy_makes_of_the_picture_that_is_given():
    given = ORBITS.images[:6, 0, 0].numpy()
    for k in range(16):
        by_scipy = [ndimage.rotate(x, 22.5 * k, reshape=False, order=3) for x in given]
        found = ORBITS.images[:6, k, 0].numpy()
        np.testing.assert_allclose(found, np.stack(by_scipy), atol=2e-5)
        wrong_way = [ndimage.rotate(x, -22.5 * k, reshape=False, order=3) for x in given]
        if k % 8:
            assert np.abs(found - np.stack(wrong_way)).max() > 0.1


def test_quarter_turns_are_permutations_of_pixels():
    images = ORBITS.images
    assert torch.equal(images[:, 0].rot90(1, (2, 3)), images[:, 4])
    for k in range(16):
        assert torch.equal(images[:, k].rot90(1, (2, 3)), images[:, (k + 4) % 16])
    assert not torch.allclose(images[:, 1], images[:, 0], atol=0.1)


@pytest.mark.parametrize("order", [1, 3, 5, 6, 8])
def test_any_number_of_turns_agrees_with_rotate(order):
    images = torch.rand(3, 2, 9, 9, generator=torch.Generator().manual_seed(0)).double()
    found = turn_orbits(images, order)
    for k in range(order):
        torch.testing.assert_close(found[:, k], rotate(images, 360.0 * k / order))


def test_turning_the_given_picture_differs_from_turning_the_large_one():
    original = digit_orbits(DIGITS, seed=3, turned_from="original").images
    first = rotated(DIGITS, seed=3).images
    by_blocks = first.reshape(-1, 1, 14, 2, 14, 2).mean((3, 5))
    torch.testing.assert_close(original[:, 0], by_blocks)
    torch.testing.assert_close(ORBITS.images[:, 0], by_blocks)
    torch.testing.assert_close(original[:, 4], ORBITS.images[:, 4], atol=1e-5, rtol=0)
    variance = pixel_variance(original)
    apart = (original - ORBITS.images).square().mean((0, 2, 3, 4)) / variance
    off = [k for k in range(16) if k % 4]
    assert float(apart[off].min()) > 0.01
    assert float(apart[off].max()) < 0.15


def test_hues_move_as_in_the_cylinder_of_hue_saturation_and_value():
    generator = np.random.default_rng(0)
    colours = generator.uniform(size=(50, 3))
    for k in range(-7, 8):
        wanted = []
        for colour in colours:
            hue, saturation, value = colorsys.rgb_to_hsv(*colour)
            wanted.append(colorsys.hsv_to_rgb((hue + k / 6) % 1, saturation, value))
        found = move_hue(torch.from_numpy(colours)[:, :, None, None], k)[:, :, 0, 0]
        np.testing.assert_allclose(found.numpy(), np.array(wanted), atol=1e-12)


def test_hues_are_an_action_of_order_six():
    orbits = hue_orbits(DIGITS, seed=0).images
    assert orbits.shape == (40, 6, 3, 14, 14)
    for k in range(6):
        torch.testing.assert_close(move_hue(orbits[:, k], 1), orbits[:, (k + 1) % 6])
        assert k == 0 or not torch.allclose(orbits[:, k], orbits[:, 0], atol=0.1)
    # The value, the largest of the three numbers, is the ink, whatever the hue.
    ink = DIGITS.images.reshape(-1, 14, 2, 14, 2).mean((2, 4))
    torch.testing.assert_close(orbits.amax(2), ink[:, None].expand(-1, 6, -1, -1))


def test_bad_pictures_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="must have shape"):
        turn_orbits(torch.zeros(2, 1, 3, 4))
    with pytest.raises(ValueError, match="must divide 28"):
        digit_orbits(DIGITS, seed=0, side=12)
    with pytest.raises(ValueError, match="turned_from"):
        digit_orbits(DIGITS, seed=0, turned_from="upscaled")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must have shape \(\.\.\., 3"):
        move_hue(torch.zeros(2, 1, 4, 4), 1)
    with pytest.raises(TypeError):
        turn_orbits(torch.zeros(2, 1, 4, 4, dtype=torch.int64))


# ---------------------------------------------------------------- the network and its moves


def test_forward_encodes_shifts_and_decodes():
    network = small_network()
    images, steps = ORBITS.images[:5, 0], torch.tensor([0, 1, 4, 9, 15])
    pictures, codes = network(images, steps)
    plain = network.encoder(images)
    for i, k in enumerate(steps.tolist()):
        by_hand = torch.tensor(np.roll(plain[i].detach().numpy(), k, axis=-1))
        torch.testing.assert_close(codes[i], by_hand)
        torch.testing.assert_close(pictures[i : i + 1], network.decoder(by_hand[None]))
    assert not torch.allclose(codes[1], plain[1])


@pytest.mark.parametrize(("law", "homomorphism"), [("shift", True), ("triple", True),
                                                   ("still", True), ("square", False)])  # fmt: skip
def test_laws_are_homomorphisms_but_the_square(law, homomorphism):
    j, k = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    agrees = (places(law, j, 16) + places(law, k, 16)) % 16 == places(law, (j + k) % 16, 16)
    assert bool(agrees.all()) == homomorphism
    as_maps = torch.stack([
        torch.eye(16, dtype=torch.float64).roll(int(places(law, i, 16)), 0) for i in range(16)
    ])  # fmt: skip
    assert (group_defect(as_maps) < 1e-12) == homomorphism


def test_bad_input_is_refused_in_one_sentence():
    network = small_network()
    with pytest.raises(ValueError, match=r"\(B, 1, 14, 14\)"):
        network.encode(torch.zeros(2, 1, 28, 28))
    with pytest.raises(ValueError, match="divide bytes"):
        network.encode(torch.full((2, 1, 14, 14), 255.0))
    with pytest.raises(ValueError, match=r"\(B, 8, 16\)"):
        network.decode(torch.zeros(2, 16, 8))
    with pytest.raises(ValueError, match="law"):
        places("cube", 1, 16)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(N, n"):
        fit_maps(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="ridge"):
        fit_generator(torch.ones(4, 3, 2), ridge=-1.0)
    with pytest.raises(ValueError, match="at least one orbit"):
        share_within_orbits(torch.zeros(4, 1, 2))
    with pytest.raises(ValueError, match="must have shape"):
        move_by_matrices(torch.zeros(2, 3, 4))


def rotation_codes(count: int = 50, order: int = 16) -> Tensor:
    """Codes that an orthogonal matrix of order 16 moves, of six dimensions."""
    generator = torch.Generator().manual_seed(0)
    blocks = []
    for frequency in (1, 2, 5):
        angle = torch.tensor(2 * torch.pi * frequency / order, dtype=torch.float64)
        blocks.append(torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]))
    turn = torch.block_diag(*blocks)
    first = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    return torch.stack([first @ torch.linalg.matrix_power(turn, k).mT for k in range(order)], 1)


def test_the_generator_of_codes_that_are_turned_is_found_and_is_a_group():
    codes = rotation_codes()
    found = fit_generator(codes, ridge=0.0)
    torch.testing.assert_close(torch.linalg.matrix_power(found, 16), torch.eye(6).double())
    assert group_defect(powers(found, 16)) < 1e-10
    torch.testing.assert_close(fit_maps(codes, ridge=0.0), powers(found, 16))
    # A negative control: members of orbits in another order are moved by no matrix.
    mixed = codes[:, torch.randperm(16, generator=torch.Generator().manual_seed(1))]
    assert group_defect(powers(fit_generator(mixed, ridge=0.0), 16)) > 0.1


def test_fitted_maps_are_those_of_scikit_learn():
    from sklearn.linear_model import Ridge

    codes = torch.randn(40, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    rows = codes.numpy()
    first = rows.reshape(-1, 5)
    penalty = 0.01 * (first**2).sum() / 5
    for k in range(1, 4):
        target = np.roll(rows, -k, axis=1).reshape(-1, 5)
        by_sklearn = Ridge(alpha=penalty, fit_intercept=False).fit(first, target).coef_
        np.testing.assert_allclose(fit_maps(codes, ridge=0.01)[k].numpy(), by_sklearn, atol=1e-8)
        if k == 1:
            np.testing.assert_allclose(
                fit_generator(codes, ridge=0.01).numpy(), by_sklearn, atol=1e-8
            )


def test_the_defect_on_codes_is_the_mean_over_them():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 4, 4, generator=generator).double()
    codes = torch.randn(5, 3, 4, generator=generator).double()
    rows = codes.reshape(15, 4).numpy()
    total = [
        np.sum((maps[j].numpy() @ maps[k].numpy() @ z - maps[(j + k) % 3].numpy() @ z) ** 2)
        for j in range(3) for k in range(3) for z in rows
    ]  # fmt: skip
    wanted = (np.mean(total) / rows.var(0).sum()) ** 0.5
    assert group_defect(maps, codes) == pytest.approx(wanted)
    flat = codes * torch.tensor([1.0, 1.0, 1.0, 1e-9])  # a direction in which no code varies
    spoilt = powers(torch.eye(4).double(), 3)
    spoilt[1, 3, 3] = 5.0
    assert group_defect(spoilt, flat) < 1e-7 < 1 < group_defect(spoilt)


# ---------------------------------------------------------------- measures


def test_measures_agree_with_loops():
    network, images = small_network(), ORBITS.images[:4].double()
    network.double()
    found = measure_action(network, images)
    with torch.no_grad():
        mean = images.mean((0, 1))
        variance = np.mean([float(((x - mean) ** 2).mean()) for x in images.flatten(0, 1)])
        codes = [[network.encoder(images[i, j : j + 1])[0] for j in range(16)] for i in range(4)]
        centre = sum(z for row in codes for z in row) / 64
        spread = np.mean([float(((z - centre) ** 2).sum()) for row in codes for z in row])
        for k in (0, 1, 5):
            errors = []
            for i in range(4):
                for j in range(16):
                    drawn = network.decoder(torch.roll(codes[i][j], k, -1)[None])[0]
                    errors.append(float(((drawn - images[i, (j + k) % 16]) ** 2).mean()))
            assert found.render[k] == pytest.approx(np.mean(errors) / variance)
        apart = [
            float(((torch.roll(codes[i][j], k, -1) - codes[i][(j + k) % 16]) ** 2).sum())
            for i in range(4) for j in range(16) for k in range(1, 16)
        ]  # fmt: skip
    assert found.encoder_error == pytest.approx(np.mean(apart) / 2 / spread)
    within = sum(float(((z - sum(row) / 16) ** 2).sum()) for row in codes for z in row)
    assert found.share == pytest.approx(within / 64 / spread)


def test_a_code_that_forgets_the_pose_is_perfectly_equivariant_and_shares_nothing():
    network = small_network()
    images = ORBITS.images[:, ::4]  # quarter turns, which are exact
    network.config = CyclicAutoencoderConfig(order=4, copies=2, width=16)
    network.encode = lambda x: x.mean((2, 3)).reshape(-1, 1, 1).repeat(1, 2, 4)  # type: ignore
    network.decode = lambda z: z[:, 0, 0, None, None, None].repeat(1, 1, 14, 14)  # type: ignore
    found = measure_action(network, images)
    assert found.encoder_error < 1e-10
    assert found.share < 1e-10
    assert found.pose_lost > 0.3
    assert found.mean_render > found.pose_lost
    network.encode = lambda x: torch.zeros(len(x), 2, 4)  # type: ignore
    assert np.isnan(measure_action(network, images).encoder_error)


def test_the_mean_of_an_orbit_is_the_best_picture_that_forgets_the_pose():
    images = ORBITS.images
    best = images.mean(1, keepdim=True)
    variance = pixel_variance(images)
    error = float((images - best).double().square().mean()) / variance
    assert share_within_orbits(images) == pytest.approx(error, rel=1e-5)
    other = images.median(1, keepdim=True).values
    assert float((images - other).square().mean()) / variance > error


def test_readings_tell_a_code_that_carries_the_action_from_one_that_does_not():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 4
    prototypes = torch.randn(4, 2, 8, generator=generator)
    given = prototypes[labels] + 0.1 * torch.randn(200, 2, 8, generator=generator)
    poses = torch.randint(8, (200,), generator=generator)
    given = torch.stack([z.roll(int(k), -1) for z, k in zip(given, poses, strict=True)])
    carried = torch.stack([given.roll(k, -1) for k in range(8)], dim=1)
    scramble = torch.randperm(16, generator=generator)  # orthogonal, but it is not a shift any more
    hidden = carried.flatten(2)[..., scramble].unflatten(2, (2, 8))
    projections = {
        name: found for name, found in cyclic_projections(2, 8, outputs=64).items()
        if name in ("raw", "amplitude spectrum", "random max filter")
    }  # fmt: skip
    good = read_orbits(projections, carried[:100, 0], labels[:100], carried[100:], labels[100:],
                       count=20)  # fmt: skip
    bad = read_orbits(projections, hidden[:100, 0], labels[:100], hidden[100:], labels[100:],
                      count=20)  # fmt: skip
    assert good["raw"].few.mean == pytest.approx(bad["raw"].few.mean)
    for name in ("amplitude spectrum", "random max filter"):
        assert good[name].share < 1e-9
        assert good[name].many > 0.95
        assert bad[name].share > 0.2
        # Both are invariant under the shift of the code, which is what a unit test sees.
        moved = projections[name](hidden[:, 0].roll(3, -1))
        torch.testing.assert_close(moved, projections[name](hidden[:, 0]), atol=1e-4, rtol=1e-4)


def test_codes_of_the_wrong_shape_are_not_read():
    with pytest.raises(ValueError, match="fit_codes must have shape"):
        read_orbits({}, torch.zeros(4, 2, 8), torch.zeros(4), torch.zeros(4, 2, 8), torch.zeros(4))


# ---------------------------------------------------------------- the task


def a_task(**settings) -> LatentActions:
    recipe = Recipe(epochs=1, batch_size=64, learning_rate=4e-3)
    sizes = {"training_size": 60, "validation_size": 20, "test_size": 20}
    fields = {"source": "small", "network": {"width": 8}, **sizes, **settings}
    return LatentActions("test", recipe, **fields)


def test_pairs_are_k_steps_apart_and_the_same_in_every_process():
    data = a_task(passes=3).load_data()
    rows = torch.tensor([0, 7, 60, 179])
    images, targets, steps = data.training_batch(rows, epoch=2)
    again = data.training_batch(rows.flip(0), epoch=2)
    assert torch.equal(again[1].flip(0), targets)
    assert torch.equal(again[2].flip(0), steps)
    for row, image, target, k in zip(rows, images, targets, steps, strict=True):
        orbit = data.train.images[row % 60]
        j = next(j for j in range(16) if torch.equal(orbit[j], image))
        assert torch.equal(orbit[(j + int(k)) % 16], target)
    everything = data.training_batch(torch.arange(180), epoch=0)[2]
    assert set(everything.tolist()) == set(range(16))
    assert set(a_task(elements=2).load_data().training_batch(torch.arange(60), 0)[2].tolist()) == {
        0, 1}  # fmt: skip


def test_the_loss_is_the_one_that_is_written_down():
    task, data = a_task(), a_task().load_data()
    network = small_network(width=8)
    batch = data.training_batch(torch.arange(60), 0)
    images, targets, steps = batch
    codes = network.encoder(images)
    shifted = torch.stack([z.roll(int(k), -1) for z, k in zip(codes, steps, strict=True)])
    wanted = (network.decoder(shifted) - targets).square().mean()
    torch.testing.assert_close(task.loss(network, batch, 0.0), wanted)
    plain = (network.decoder(codes) - images).square().mean()
    torch.testing.assert_close(a_task(law="still").loss(network, batch, 0.0), plain)
    square = torch.stack([z.roll(int(k) ** 2, -1) for z, k in zip(codes, steps, strict=True)])
    wanted_square = (network.decoder(square) - targets).square().mean()
    torch.testing.assert_close(a_task(law="square").loss(network, batch, 0.0), wanted_square)
    torch.manual_seed(0)
    assert (a_task(shuffled=True).loss(network, batch, 0.0) - wanted).abs() > 1e-5
    goal = network.encoder(targets)
    variance = goal.flatten(1).var(0, unbiased=False).sum()
    apart = (shifted - goal).square().sum((1, 2)).mean() / (2 * variance)
    found = a_task(consistency=0.3).loss(network, batch, 0.0)
    torch.testing.assert_close(found, wanted + 0.3 * apart)


def test_digits_that_are_not_shown_are_tested_all_the_same():
    data = a_task(digits="small").load_data()
    assert int(data.train.labels.max()) <= 4
    assert int(data.validation.labels.max()) <= 4
    assert int(data.test.labels.max()) > 4
    assert isinstance(data, OrbitData)
    assert data.facts["training_orbits"] < 60


@pytest.mark.parametrize("acts", ["turn", "hue"])
def test_a_short_training_lowers_the_loss(tmp_path, acts):
    task = find_preset("latent-actions", "smoke").task()
    settings = {**task.configuration(), "acts": acts, "passes": 4}
    recipe = Recipe(epochs=4, batch_size=32, learning_rate=6e-3, weight_decay=0.0)
    run = LatentActions("smoke", recipe, network={"width": 32}, **settings)
    train(run, tmp_path / "run", command="none", progress=False)
    network, manifest = load_checkpoint(tmp_path / "run")
    assert manifest["task"] == "latent-actions"
    assert network.config.order == (16, 6)[acts == "hue"]
    losses = [epoch["train_loss"] for epoch in manifest["history"]]
    assert losses[-1] < 0.8 * losses[0]


def test_settings_that_make_no_sense_are_refused():
    for settings, message in (
        ({"law": "cube"}, "law"),
        ({"acts": "scale"}, "acts"),
        ({"digits": "few"}, "digits"),
        ({"elements": 0}, "elements"),
        ({"consistency": -1.0}, "consistency"),
        ({"source": "protocol"}, "source"),
    ):
        with pytest.raises(ValueError, match=message):
            a_task(**settings)
    with pytest.raises(ValueError, match="digits are asked for"):
        a_task(training_size=6_000).load_data()


def test_every_preset_makes_a_task_of_its_own():
    presets = EXPERIMENTS["latent-actions"].presets
    tasks = [preset.task() for preset in presets.values()]
    found = [(repr(task.configuration()), repr(task.recipe), task.network) for task in tasks]
    assert len(set(found)) == len(found)


# ---------------------------------------------------------------- what was found


@functools.cache
def rows_of(preset: str) -> list[dict]:
    found = [row for row in sweep_results("latent-actions") if row["preset"] == preset]
    assert [row["seed"] for row in found] == [0, 1, 2], preset
    return found


def mean_render(row: dict, which: str = "render") -> float:
    return float(np.mean(row[which][1:]))


def test_the_table_is_that_of_the_checkpoint():
    network, _ = load_checkpoint("latent-actions-shift-seed0")
    _, test = judged_orbits()
    found = measure_action(network, test.images[:200])
    row = rows_of("shift")[0]
    assert isinstance(found, ActionMeasures)
    assert found.mean_render == pytest.approx(mean_render(row), rel=0.15)
    assert found.share == pytest.approx(row["share"], abs=0.03)
    # The same weights, with the code shifted the wrong way, draw something else.
    wrong = measure_action(network, test.images[:200], lambda z, k: z.roll(-k, -1))
    assert wrong.mean_render > 10 * found.mean_render


def test_an_imposed_shift_turns_the_drawing_and_controls_do_not():
    for seed in range(3):
        shift, two = rows_of("shift")[seed], rows_of("two")[seed]
        lost = shift["pose_lost"]
        assert mean_render(shift) < 0.1
        assert shift["encoder_error"] < 0.05
        assert shift["share"] > 0.5
        for control in ("shuffled", "square"):
            assert mean_render(rows_of(control)[seed]) > 0.7 * lost, control
        # One step learned alone is one step, and not a second one.
        assert two["render"][1] < 0.1
        assert min(two["render"][2:-1]) > lost
        # An encoder ten times as equivariant draws worse.
        priced = rows_of("consistency-0.1")[seed]
        assert priced["encoder_error"] < shift["encoder_error"] / 5
        assert mean_render(priced) > 1.5 * mean_render(shift)


def test_digits_that_were_never_shown_are_turned():
    for seed in range(3):
        unseen, half = rows_of("unseen")[seed], rows_of("half")[seed]
        assert half["large_render"] < unseen["large_render"] < 0.15
        assert unseen["large_render"] < 2 * half["large_render"]


def test_what_is_read_needs_the_action_that_the_code_carries():
    for seed in range(3):
        good, bad = (rows_of(name)[seed]["readings"] for name in ("shift", "plain"))
        assert good["random max filter"]["few"] > good["raw"]["few"] + 0.1
        assert good["random max filter"]["few"] > bad["random max filter"]["few"] + 0.1
        assert good["random max filter"]["share"] < 0.1
        assert bad["random max filter"]["share"] > 0.3


def test_the_shift_is_a_group_and_fitted_matrices_are_not():
    shifts = torch.stack([torch.eye(16).roll(k, 0) for k in range(16)])
    assert group_defect(shifts) == 0
    for row in rows_of("plain"):
        assert row["generator_return"] > 0.1
        assert row["maps_group_defect_on_codes"] > 0.03
        assert mean_render(row) > 0.7 > 0.2 > mean_render(row, "maps_render")
    for a, b in pairwise(rows_of("shift")):
        assert a["render"] != b["render"]
    assert move_by_shifts(16)(torch.arange(16.0)[None, None], 16 - 1)[0, 0, 0] == 1
