"""The figure of bodies that a reader drags: its forces and motion, its words, what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from utils.data.springs import roll_out
from utils.models.potentials import drifts as library_drifts
from utils.plots import PointNetwork, SpringLaw, bodies_figure
from utils.plots.explorables.bodies._drawing import curve, level, thinned
from utils.plots.explorables.bodies._motion import Law, drifts, features, force, motion
from utils.plots.explorables.bodies.laws import FEATURES

ALT = "Five bodies in the plane, their ways, and what drifts."
N = 5
MASSES = np.array([1.0, 2.0, 1.0, 0.5, 1.5])


def draw(seed=0):
    return np.random.default_rng(seed)


def network(kind, seed=0, units=8):
    chance, count = draw(seed), features(kind, N)
    return PointNetwork(
        f"network of {kind}", kind, 0.3 * chance.normal(size=(units, count)),
        chance.normal(size=units), chance.normal(size=units),
    )  # fmt: skip


def springs(seed=0, anchors=None, unequal=0.0):
    chance = draw(seed)
    k = chance.uniform(0.2, 1.0, (N, N))
    return SpringLaw("<springs>", (k + k.T) / 2 + unequal * chance.normal(size=(N, N)), anchors)


def as_law(given):
    if isinstance(given, SpringLaw):
        anchors = np.zeros(N) if given.anchors is None else given.anchors
        return Law(given.name, "springs", (given.stiffness, anchors))
    return Law(given.name, given.inputs, (given.hidden, given.bias, given.out))


def potential(given, q):
    """Written as its definition says, for torch to differentiate."""
    if isinstance(given, SpringLaw):
        total = sum(given.stiffness[i, j] * (q[i] - q[j]).square().sum() / 2
                    for i in range(N) for j in range(i + 1, N))  # fmt: skip
        if given.anchors is not None:
            total = total + (torch.as_tensor(given.anchors) * q.square().sum(1)).sum() / 2
        return total
    seen = {
        "positions": lambda: q.flatten(),
        "centred": lambda: (q - q.mean(0)).flatten(),
        "products": lambda: torch.stack([q[i] @ q[j] for i in range(N) for j in range(i, N)]),
        "distances": lambda: torch.stack(
            [(q[i] - q[j]).square().sum() for i in range(N) for j in range(i + 1, N)]
        ),
    }[given.inputs]()
    units = torch.tanh(torch.as_tensor(given.hidden) @ seen + torch.as_tensor(given.bias))
    return torch.as_tensor(given.out) @ units


POTENTIALS = [springs(), springs(anchors=np.arange(1.0, N + 1)), *map(network, FEATURES)]


@pytest.mark.parametrize("given", POTENTIALS, ids=lambda g: g.name)
def test_forces_are_the_slopes_of_the_potential(given):
    q = draw(1).normal(size=(N, 2))
    at = torch.tensor(q, requires_grad=True)
    (slope,) = torch.autograd.grad(potential(given, at), at)
    np.testing.assert_allclose(force(as_law(given), q), -slope.numpy(), atol=1e-12)
    assert np.abs(slope.numpy()).max() > 1e-3


def test_pulls_that_are_not_returned_have_no_potential():
    law = as_law(springs(unequal=0.5))
    q, h = draw(1).normal(size=2 * N), 1e-6
    columns = [force(law, (q + e).reshape(N, 2)) - force(law, (q - e).reshape(N, 2))
               for e in h * np.eye(2 * N)]  # fmt: skip
    jacobian = np.array([c.ravel() for c in columns]) / (2 * h)
    assert np.abs(jacobian - jacobian.T).max() > 0.1


def states(seed=2):
    chance = draw(seed)
    return chance.uniform(-1.6, 1.6, (N, 2)), 0.4 * chance.normal(size=(N, 2))


def test_the_way_is_that_of_scipy():
    q, p = states()
    law = as_law(network("products"))

    def flow(_, state):
        places, pushes = state.reshape(2, N, 2)
        return np.concatenate([(pushes / MASSES[:, None]).ravel(), force(law, places).ravel()])

    other = solve_ivp(flow, (0, 6), np.concatenate([q.ravel(), p.ravel()]), "DOP853", rtol=1e-12,
                      atol=1e-12).y[:, -1].reshape(2, N, 2)  # fmt: skip
    gaps = []
    for steps in (120, 240):
        places, pushes = motion(law, q, p, MASSES, 6 / steps, steps)
        gaps.append(np.abs(np.array([places[-1], pushes[-1]]) - other).max())
    assert gaps[0] < 1e-3
    assert 12 < gaps[0] / gaps[1] < 20, "half the step, a sixteenth of the error"


@pytest.mark.parametrize(
    ("given", "momentum", "angular"),
    [
        (springs(), True, True),
        (springs(anchors=np.ones(N)), False, True),
        (springs(unequal=0.3), False, False),
        (network("positions"), False, False),
        (network("centred"), True, False),
        (network("products"), False, True),
        (network("distances"), True, True),
    ],
    ids=lambda g: getattr(g, "name", str(g)),
)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_is_what_the_symmetry_says(given, momentum, angular, seed):
    p_drift, l_drift = drifts(*motion(as_law(given), *states(seed), MASSES, 0.02, 300))
    assert p_drift.max() < 1e-12 if momentum else p_drift.max() > 1e-3
    assert l_drift.max() < 1e-6 if angular else l_drift.max() > 1e-3


def test_the_library_says_the_same():
    law = as_law(springs(unequal=0.3))
    q, p = states()
    places, pushes = motion(law, q, p, MASSES, 0.05, 120)
    forces = lambda x: torch.tensor(force(law, x[0].numpy()))[None]  # noqa: E731
    start = (torch.tensor(one)[None] for one in (q, p, MASSES))
    other = roll_out(forces, *start, duration=6.0, step=0.05)
    np.testing.assert_allclose(places, other.positions[:, 0], atol=1e-12)
    found = library_drifts(other)
    momentum, angular = drifts(places, pushes)
    np.testing.assert_allclose(momentum.max(), found.momentum, rtol=1e-9)
    np.testing.assert_allclose(angular.max(), found.angular_momentum, rtol=1e-9)


def test_drifts_are_those_of_hand():
    q = np.array([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 2.0]]])
    p = np.array([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 1.0], [3.0, 4.0]]])
    momentum, angular = drifts(q, p)
    # P goes from (0, 1) to (3, 5), and its size is 1; L goes from 1 to 1 - 6, with the arm 1.
    np.testing.assert_allclose(momentum, [0, 5])
    np.testing.assert_allclose(angular, [0, 6])
    assert all(not one.any() for one in drifts(0 * q, 0 * p))


def stored(figure):
    text = re.search(r'<script type="application/json">(.*?)</script>', figure.html, re.S)[1]
    return json.loads(text)


def good(**changes):
    q, p = states()
    arguments = {
        "laws": [springs(), *map(network, FEATURES)],
        "positions": q,
        "momenta": p,
        "masses": MASSES,
        "reach": 3.0,
        "alt": ALT,
        "time": 6.0,
    }
    return arguments | changes


def test_the_same_input_gives_the_same_figure_and_is_left_alone():
    arguments = good()
    held = [np.copy(arguments[key]) for key in ("positions", "momenta", "masses")]
    figures = [bodies_figure(**arguments).html for _ in range(2)]
    assert figures[0] == figures[1]
    assert "&lt;springs&gt;" in figures[0]
    assert not re.search(r"https?://(?!www\.w3\.org)", figures[0])
    for key, before in zip(("positions", "momenta", "masses"), held, strict=True):
        np.testing.assert_array_equal(arguments[key], before)
    assert [law["kind"] for law in stored(bodies_figure(**arguments))["laws"]] == [
        "springs",
        *FEATURES,
    ]


def test_the_chart_is_logarithmic_and_has_a_floor():
    assert level(1e-16) - level(1e-8) == pytest.approx(level(1e-8) - level(1.0))
    assert level(1e-30) == level(0.0) == 108.0
    assert curve(np.array([0.0, 1e-8, 10.0])).endswith("L232.0 22.0")
    assert thinned(3).tolist() == [0, 1, 2, 3]
    assert len(thinned(1000)) == 121


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"laws": []}, "no laws"),
        ({"start": 5}, "outside its 5 laws"),
        ({"masses": np.ones(4)}, "for two bodies or more"),
        ({"masses": np.array([1.0, 1, 1, 1, 0])}, "masses positive"),
        ({"momenta": np.full((N, 2), np.nan)}, "must be finite"),
        ({"reach": 1.0}, "start within 0.9"),
        ({"time": 6.01}, "whole steps"),
        ({"step": 0.0}, "whole steps"),
        ({"laws": [SpringLaw("s", np.ones((4, 4)))]}, "stiffness of 's'"),
        ({"laws": [PointNetwork("n", "angles", [[1.0]], [1.0], [1.0])]}, "sees 'angles'"),
        ({"laws": [PointNetwork("n", "products", np.ones((3, 10)), np.ones(3), np.ones(3))]},
         r"shape \(3, 15\)"),
        ({"alt": "short"}, "alternative text"),
    ],
)  # fmt: skip
def test_bodies_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        bodies_figure(**good(**changes))
