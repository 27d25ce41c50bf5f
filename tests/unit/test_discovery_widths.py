"""Learned widths, and evidences of widths, against computations by hand and beside broken ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from utils.data.mnist import load_small, rotate
from utils.discovery import (
    AveragedNetwork,
    TurnedPictures,
    averaged_kernel,
    bayes_loss,
    evidence_of_widths,
    fit_gaussian_process,
    laplace_log_evidence,
    learn_width,
    learn_width_by_evidence,
    predicted_width,
    turn,
    turned_copies,
    turned_pictures,
)

DIGITS = load_small()
PICTURES = DIGITS.images[[1000, 2000, 3500]]


def smooth() -> torch.Tensor:
    axis = torch.linspace(-1, 1, 29, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.exp(-((x - 0.3) ** 2 + 2 * (y + 0.1) ** 2) / 0.3)[None, None]


# ---------------------------------------------------------------- turning


def test_turning_agrees_with_splines_and_not_with_the_other_sense():
    image = smooth()
    for degrees in (30.0, -70.0, 90.0):
        found = turn(image, torch.tensor([math.radians(degrees)]))
        same, other = (found - rotate(image, sign * degrees) for sign in (1, -1))
        inside = (..., slice(6, -6), slice(6, -6))  # where the frame cuts nothing off
        assert same[inside].abs().max() < 0.02
        assert other[inside].abs().max() > 0.2


def test_gradients_reach_the_angle():
    angle = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 1, 29, 29, generator=torch.Generator().manual_seed(0)).double()
    (turn(smooth(), angle) * weight).sum().backward()
    h = 1e-6
    ahead, behind = ((turn(smooth(), angle.detach() + s) * weight).sum() for s in (h, -h))
    assert angle.grad is not None
    torch.testing.assert_close(angle.grad[0], (ahead - behind) / (2 * h), rtol=1e-3, atol=1e-4)


def test_each_task_asks_what_it_says():
    full, partial, none = (
        turned_pictures(PICTURES, t, count=200) for t in ("full", "partial", "none")
    )
    assert full.targets.unique().tolist() == [0, 1, 2]
    assert partial.targets.unique().tolist() == list(range(6))
    upright = partial.angles.cos() > 0
    assert torch.equal(partial.targets % 2 == 0, upright)
    assert (partial.angles.cos().abs() >= math.cos(math.pi / 4) - 1e-6).all()
    torch.testing.assert_close(torch.atan2(none.targets[:, 1], none.targets[:, 0]), none.angles)
    assert full.angles.max() > 2.5


# ---------------------------------------------------------------- the curve that predicts


def by_drawing(task: str, width: float, draws: int = 400_000) -> float:
    """The least loss, from a histogram of seen angles."""
    random = torch.Generator().manual_seed(0)
    u, v = torch.rand(2, draws, generator=random, dtype=torch.float64) * 2 - 1
    if task == "none":
        return float(1 - (v * width).cos().mean() ** 2)
    down = torch.randint(2, (draws,), generator=random)
    seen = torch.remainder(u * math.pi / 4 + math.pi * down + v * width, 2 * math.pi)
    table = torch.zeros(2, 180, dtype=torch.float64)
    table.index_put_(
        (down, (seen / (2 * math.pi) * 180).long().clamp(max=179)),
        torch.ones(draws).double(),
        accumulate=True,
    )
    both, each = table.sum(0), torch.special.entr(table / draws).sum()
    return float(each - torch.special.entr(both / draws).sum())


@pytest.mark.parametrize("task", ["partial", "none"])
@pytest.mark.parametrize("degrees", [20.0, 60.0, 100.0, 150.0])
def test_the_bayes_loss_is_that_of_a_histogram(task, degrees):
    drawn = by_drawing(task, math.radians(degrees))
    assert float(bayes_loss(task, torch.tensor(degrees))) == pytest.approx(drawn, abs=0.004)
    if degrees > 20:
        halved = float(bayes_loss(task, torch.tensor(degrees / 2)))  # full range for half-width
        assert halved != pytest.approx(drawn, abs=0.02)


def test_small_rewards_buy_three_halves_of_themselves():
    for reward in (0.02, 0.05):
        assert math.radians(predicted_width("none", reward)) == pytest.approx(
            1.5 * reward, rel=0.03
        )
    assert predicted_width("full", 0.0) == predicted_width("partial", 0.0) == 0


def test_downhill_from_a_wide_start_is_another_optimum():
    assert predicted_width("partial", 0.2) < 60
    assert predicted_width("partial", 0.2, start=17) == predicted_width("partial", 0.2)
    assert predicted_width("partial", 0.2, start=160) == 180


# ---------------------------------------------------------------- training


def test_the_reward_is_what_asks():
    made = turned_pictures(PICTURES, "full", count=300)
    with_reward, without = (learn_width(made, reward=r, steps=250, frozen=20) for r in (0.2, 0.0))
    assert with_reward.degrees > 90
    assert without.degrees < 10
    assert torch.equal(with_reward.path[:21], torch.full((21,), with_reward.path[0].item()))


def test_a_detached_width_would_feel_the_reward_alone():
    """For the task of angles the loss must push back; were the width detached, it would not."""
    made = turned_pictures(PICTURES, "none", count=300)
    run = learn_width(made, reward=0.2, steps=250, frozen=20, at_once=True)
    pushed = learn_width(
        turned_pictures(PICTURES, "full", count=300), reward=0.2, steps=250, frozen=20
    )
    assert run.degrees < 40 < pushed.degrees


def test_runs_repeat_and_data_stay():
    made = turned_pictures(PICTURES, "partial", count=50)
    kept = made.images.clone()
    first, second = (learn_width(made, reward=0.1, steps=8, frozen=2, seed=4) for _ in range(2))
    assert torch.equal(first.path, second.path)
    assert torch.equal(first.losses, second.losses)
    assert torch.equal(made.images, kept)
    assert not torch.equal(first.losses, learn_width(made, reward=0.1, steps=8, seed=5).losses)


# ---------------------------------------------------------------- Gaussian processes


def test_the_averaged_kernel_is_a_double_sum():
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 4, 5, generator=random).double()
    wanted = torch.zeros(3, 3, dtype=torch.float64)
    for a in range(4):
        for b in range(4):
            squares = (x[:, None, a] - y[None, :, b]).square().sum(-1)
            wanted += torch.exp(-squares / (2 * 2.0**2)) / 16
    torch.testing.assert_close(averaged_kernel(x, y, length=2.0), wanted)
    one_sided = torch.exp(-(x[:, None, :1] - y[None]).square().sum(-1) / 8).mean(-1)
    assert not torch.allclose(one_sided, wanted, rtol=1e-2)


def test_the_evidence_is_that_of_the_normal_density_at_its_best_signal():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(12, 1, 3, generator=random).double()
    y = torch.randn(12, 2, generator=random).double()
    kernel = averaged_kernel(x, x)
    fit = fit_gaussian_process(kernel, y, ratios=[0.3])

    def density(signal: float) -> float:
        covariance = signal**2 * (kernel + 0.3 * torch.eye(12).double())
        normal = MultivariateNormal(torch.zeros(12).double(), covariance)
        return float(normal.log_prob(y.T).sum()) / 12

    assert fit.log_evidence == pytest.approx(density(fit.signal))
    assert fit.log_evidence > max(density(fit.signal * f) for f in (0.8, 1.25))
    left = y - kernel @ fit.weights
    assert fit.residual == pytest.approx(float(left.square().mean()))
    assert fit.noise == pytest.approx(fit.signal * math.sqrt(0.3))


def test_copies_lie_evenly_in_the_range():
    image = smooth()
    copies = turned_copies(image, 60.0, copies=3)
    for at, degrees in enumerate((-40.0, 0.0, 40.0)):
        torch.testing.assert_close(copies[0, at], rotate(image, degrees).flatten())
    assert turned_copies(image, 0.0).shape[1] == 1


def test_the_evidence_asks_for_turns_where_the_data_turn():
    random = torch.Generator().manual_seed(0)
    chosen = torch.randperm(5000, generator=random)[:240]
    images, labels = DIGITS.images[chosen], DIGITS.labels[chosen]
    angles = 360 * torch.rand(240, generator=random)
    turned = rotate(images, angles)
    widths = (0.0, 30.0, 180.0)
    for shown, picked in ((turned, 180.0), (images, 30.0)):
        found = evidence_of_widths(
            shown[:160], labels[:160], shown[160:], labels[160:], degrees=widths, copies=9
        )
        assert found.picked == picked
        assert int(found.residual.argmin()) == 0  # the fit asks for nothing


# ---------------------------------------------------------------- Laplace


def case() -> tuple[AveragedNetwork, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    network = AveragedNetwork(6, 4, 3, random)
    copies = torch.randn(10, 5, 6, generator=random).double()
    return network, copies, torch.randint(3, (10,), generator=random)


def test_the_jacobian_is_that_of_automatic_differentiation():
    network, copies, _ = case()
    named = dict(network.named_parameters())
    wanted = torch.func.jacrev(lambda p: torch.func.functional_call(network, p, (copies,)))(named)
    for found, exact in zip(network.jacobian(copies), wanted.values(), strict=True):
        torch.testing.assert_close(found, exact.flatten(2))


def test_the_evidence_is_the_determinant_over_all_weights():
    network, copies, labels = case()
    log_precision = torch.tensor([0.3, -0.5, 0.1, 1.0]).double()
    parts, delta = network.jacobian(copies), log_precision.exp()
    sizes = [part.shape[2] for part in parts]
    jacobian, each = torch.cat(parts, 2).detach(), delta.repeat_interleave(torch.tensor(sizes))
    logits = network(copies).detach()
    p = logits.softmax(1)
    curvature = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    hessian = torch.einsum("ncp,ncd,ndq->pq", jacobian, curvature, jacobian)
    theta = torch.cat([w.detach().flatten() for w in network.parameters()])
    fit = -torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    start = fit - (each * theta.square()).sum() / 2 + each.log().sum() / 2
    wanted = start - torch.linalg.slogdet(hessian + torch.diag(each))[1] / 2
    found = laplace_log_evidence(network, copies, labels, log_precision)
    torch.testing.assert_close(found, wanted)
    without = start - torch.linalg.slogdet(torch.diag(each))[1] / 2  # no curvature
    assert not torch.isclose(found, without, rtol=1e-2)


def test_the_gradient_of_the_evidence_reaches_the_copies():
    network, copies, labels = case()
    log_precision = torch.zeros(4).double()
    way = torch.randn(copies.shape, generator=torch.Generator().manual_seed(1)).double()
    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    laplace_log_evidence(network, copies + step * way, labels, log_precision).backward()
    h = 1e-5
    ahead, behind = (
        laplace_log_evidence(network, copies + s * way, labels, log_precision) for s in (h, -h)
    )
    assert step.grad is not None
    torch.testing.assert_close(
        step.grad, ((ahead - behind) / (2 * h)).detach(), rtol=1e-5, atol=1e-6
    )
    assert all(p.grad is None for p in network.parameters())


def test_the_laplace_evidence_widens_where_the_task_is_invariant():
    made = turned_pictures(PICTURES, "full", count=60)
    run = learn_width_by_evidence(made, start=5.0, steps=200, burn_in=60, copies=7)
    assert run.degrees > 30
    assert run.path[60] == 5.0
    held = learn_width_by_evidence(made, start=5.0, learn=False, steps=200, burn_in=60, copies=7)
    assert held.degrees == 5.0
    assert held.log_evidence < run.log_evidence


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: turned_pictures(PICTURES, "half"), "one of"),
        (lambda: turned_pictures(PICTURES[:, :, :14], "full"), "shape"),
        (lambda: turn(PICTURES, torch.zeros(2)), "one angle"),
        (lambda: turn(PICTURES[:, :, :14], torch.zeros(3)), "n, n"),
        (lambda: learn_width(turned_pictures(PICTURES, "full", count=4), reward=-1.0), "reward"),
        (
            lambda: learn_width(turned_pictures(PICTURES, "full", count=4), reward=0, start=200),
            "180",
        ),
        (lambda: bayes_loss("none", torch.tensor(200.0)), "180"),
        (lambda: turned_copies(PICTURES, 200.0), "180"),
        (lambda: averaged_kernel(PICTURES, PICTURES), "shapes"),
        (lambda: fit_gaussian_process(torch.eye(2), torch.zeros(3, 1)), "shape"),
        (lambda: fit_gaussian_process(torch.eye(2), torch.ones(2, 1), ratios=[0.0]), "positive"),
        (
            lambda: learn_width(
                TurnedPictures(torch.zeros(4, 1, 14, 14), torch.zeros(4).long(), torch.zeros(4)),
                reward=0.1,
                at_once=True,
            ),
            "before they were turned",
        ),
        (
            lambda: learn_width_by_evidence(turned_pictures(PICTURES, "none", count=4), start=5.0),
            "none",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
