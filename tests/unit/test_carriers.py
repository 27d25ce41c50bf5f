"""One table for five codes of turned digits: measured by loops, with codes that carry nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from utils.data.mnist import DigitOrbits, rotate, turn_orbits
from utils.models.group_invariant import GroupInvariantAutoencoder
from utils.models.latent_actions import CyclicAutoencoder
from utils.probes import (
    Carrier,
    imposed_carrier,
    lifted_carrier,
    measure_carrier,
    split_carrier,
    turned_digits,
)
from utils.probes.carrier_sweep import TABLE, carrier_of, main
from utils.training.sweeps import put_rows


@pytest.fixture(scope="module")
def orbits() -> tuple[DigitOrbits, DigitOrbits]:
    return turned_digits(200, 12, 12)[14]


def lifted(order: int = 8) -> Carrier:
    weight = torch.randn(196, 5, generator=torch.Generator().manual_seed(0))
    return lifted_carrier(lambda x: (x.flatten(1) @ weight).relu(), 5, order)


def test_measures_agree_with_loops(orbits: tuple[DigitOrbits, DigitOrbits]) -> None:
    fit, test = orbits
    carrier = lifted()
    found = measure_carrier(carrier, fit, test, orbits=12)
    codes = np.array([[carrier.encode(x[None])[0].numpy() for x in o] for o in test.images])
    flat = codes.reshape(12, 16, -1)
    spread = 2 * ((flat - flat.mean((0, 1))) ** 2).sum(2).mean()
    total = 0.0
    for r in range(1, 8):
        for b in range(12):
            for k in range(16):
                moved = np.roll(codes[b, k], r, axis=1)
                total += ((moved - codes[b, (k + 2 * r) % 16]) ** 2).sum() / (7 * 12 * 16)
    assert found.equivariance == pytest.approx(total / spread, rel=1e-3)
    within = ((flat - flat.mean(1, keepdims=True)) ** 2).sum()
    assert found.code_share == pytest.approx(
        within / ((flat - flat.mean((0, 1))) ** 2).sum(), rel=1e-4
    )
    assert (found.size, found.passes) == (256, 8)


def test_a_move_the_wrong_way_and_a_lost_pose_are_told_apart(
    orbits: tuple[DigitOrbits, DigitOrbits],
) -> None:
    right = lifted()
    wrong = replace(right, move=lambda z, r: right.move(z, -r))
    every = lifted(16)  # of all turns of the orbits, so that their mean does not notice one
    lost = replace(
        right,
        encode=lambda x: every.encode(x).mean(2, keepdim=True).expand(-1, -1, 8).contiguous(),
    )
    good, bad, collapsed = (measure_carrier(c, *orbits, orbits=12) for c in (right, wrong, lost))
    assert good.equivariance < 0.01 < 0.1 < bad.equivariance
    assert collapsed.equivariance < 0.1
    assert collapsed.code_share < 0.1 < good.code_share
    assert good.own_share < good.share


@pytest.mark.parametrize("degrees", [90.0, 180.0])
def test_carriers_by_construction_follow_the_picture(degrees: float) -> None:
    images = turned_digits(200, 4, 4)[14][1].images[:, 0]
    torch.manual_seed(0)
    for carrier in (lifted(), split_carrier(GroupInvariantAutoencoder().eval())):
        steps = round(degrees / 360 * carrier.order)
        with torch.no_grad():
            moved = carrier.move(carrier.encode(images), steps)
            back = carrier.move(carrier.encode(images), -1)
            wanted = carrier.encode(rotate(images, degrees))
        assert torch.allclose(moved, wanted, atol=1e-3)
        assert not torch.allclose(back, wanted, atol=1e-2)


def test_turns_that_do_not_fit_are_refused(orbits: tuple[DigitOrbits, DigitOrbits]) -> None:
    fit, test = orbits
    few = DigitOrbits(turn_orbits(test.images[:, 0], 12), test.labels)
    with pytest.raises(ValueError, match="no multiple of the 16"):
        measure_carrier(imposed_carrier(CyclicAutoencoder().eval()), fit, few)
    with pytest.raises(ValueError, match="no action is known"):
        carrier_of(CyclicAutoencoder(), "bodies")


def test_large_and_small_digits_are_the_same_digits() -> None:
    parts = turned_digits(30, 6, 3)
    for large, small in zip(parts[28], parts[14], strict=True):
        assert torch.equal(large.labels, small.labels)
        halved = torch.nn.functional.avg_pool2d(large.images[:, 0], 2)
        assert torch.allclose(halved, small.images[:, 0], atol=1e-5)
    orbit = parts[28][1].images
    assert torch.allclose(orbit[2, 4], orbit[2, 0].rot90(1, (1, 2)), atol=1e-5)
    assert torch.equal(orbit[4, 4], orbit[4, 0])  # beyond the orbits that were asked for


def test_rows_of_the_table_are_put_and_replaced(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "sweeps.json"
    put_rows(path, TABLE, [{"preset": "a", "seed": 0, "few": 0.123456789}])
    put_rows(path, TABLE, [{"preset": "a", "seed": 0, "few": 0.5}, {"preset": "a", "seed": 1}])
    assert json.loads(path.read_text())[TABLE] == [
        {"preset": "a", "seed": 0, "few": 0.5},
        {"preset": "a", "seed": 1},
    ]
    assert main(["no-such-network", "--into", str(path)]) == 2
    assert "no-such-network" in capsys.readouterr().err
