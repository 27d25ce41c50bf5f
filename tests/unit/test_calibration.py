"""The machine's speed is measured by work, and the meter sums what a process used."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import threading

import psutil
import pytest

from book._tools import calibration
from book._tools.calibration import (
    REFERENCE,
    ROUNDS,
    WEIGHTS,
    CalibrationError,
    Calibrator,
    Meter,
    patience,
    sample,
    speed,
)


def test_the_weights_are_shares_of_the_parts():
    assert WEIGHTS.keys() == REFERENCE.keys()
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_the_reference_machine_has_speed_one_and_half_the_time_is_twice_the_speed():
    assert speed(REFERENCE) == pytest.approx(1)
    assert speed({name: t / 2 for name, t in REFERENCE.items()}) == pytest.approx(2)


def test_times_add_up_by_their_shares_and_not_their_speeds():
    times = {**REFERENCE, "products": 3 * REFERENCE["products"]}
    assert speed(times) == pytest.approx(1 / (1 + 2 * WEIGHTS["products"]))


def test_a_part_that_is_missing_here_is_missing_in_the_reference():
    without = {name: 2 * t for name, t in REFERENCE.items() if name != "molecules"}
    assert speed(without) == pytest.approx(0.5)


@pytest.mark.parametrize("times", [{}, {"products": 0.0}])
def test_nothing_measured_is_refused(times):
    with pytest.raises(ValueError, match="positive times"):
        speed(times)


def test_a_sample_takes_the_middle_of_its_rounds(monkeypatch):
    calls = []
    ticks = iter([0, 5, 10, 11, 20, 22])  # the rounds take 5, 1 and 2 seconds
    monkeypatch.setattr(calibration.time, "process_time", lambda: next(ticks))
    assert sample({"work": lambda: calls.append(1)}) == {"work": 2}
    assert len(calls) == ROUNDS == 3


class Machine:
    """A process that uses ten seconds from sample to sample, and its machine's speed."""

    def __init__(self, at_the_ends: float, between: float, cpu: float = 0.0) -> None:
        self.cpu, self.speed, self.between, self.samples = cpu, at_the_ends, between, 0
        self.is_last = False
        self.sampled = threading.Semaphore(0)

    def measured(self) -> float:
        self.samples += 1
        self.sampled.release()
        return self.speed if self.samples == 1 or self.is_last else self.between

    def used(self) -> float:
        self.cpu += 10
        return self.cpu

    def wait_for(self, samples: int) -> None:
        for _ in range(samples):
            assert self.sampled.acquire(timeout=60)


def test_reference_seconds_are_the_integral_of_the_speed():
    machine = Machine(1.0, 0.5, cpu=1.0)  # a second for the start of the kernel
    used = Meter(machine.used, machine.measured, every=1e6).stop()
    assert used.cpu_seconds == 11
    assert used.reference_seconds == pytest.approx(11 * 0.75)
    assert used.speed == pytest.approx(0.75)


def test_samples_are_taken_while_a_long_cell_runs():
    machine = Machine(1.2, 0.8)  # at the ends the rest of the machine is idle
    meter = Meter(machine.used, machine.measured, every=0.001)
    machine.wait_for(5)
    meter.leave()
    inside, machine.is_last = machine.samples - 1, True
    used = meter.stop()
    assert machine.samples == inside + 2
    assert used.cpu_seconds == 10 * (inside + 1)
    assert used.reference_seconds == pytest.approx(2 * 10 * 1.0 + (inside - 1) * 10 * 0.8)


def test_the_watch_ends_with_the_process_and_stop_says_so():
    machine = Machine(1.0, 1.0)

    def gone() -> float:
        machine.samples += 1
        raise psutil.NoSuchProcess(1)

    meter = Meter(gone, machine.measured, every=0.001)
    meter._watching.join(60)
    assert not meter._watching.is_alive()
    assert machine.samples == 2  # the first one, and the one that found nothing
    with pytest.raises(psutil.NoSuchProcess):
        meter.stop()


def test_patience_grows_as_the_machine_gets_slower():
    assert patience(0.25) == 4 * patience(1) > 4 * 600


def test_the_mix_runs_and_every_part_takes_time():
    with Calibrator() as calibrator:
        times = calibrator.times()
        assert times.keys() == REFERENCE.keys()
        assert min(times.values()) > 0
        assert 0.02 < calibrator.speed() < 50


# Vector instructions of 2008 in place of those of the processor; the mix does the same work.
SLOW = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
}


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="another vector unit")
def test_a_processor_without_wide_vectors_is_slower(monkeypatch):
    # In turn, so that other work on the machine meets both; the best of each is compared.
    with Calibrator() as here, Calibrator() as slow:
        for name in SLOW:
            monkeypatch.delenv(name, raising=False)
        here.times()
        for name, value in SLOW.items():
            monkeypatch.setenv(name, value)
        slow.times()
        pairs = [(here.times(), slow.times()) for _ in range(5)]

    def best(times: list[dict[str, float]]) -> dict[str, float]:
        return {name: min(one[name] for one in times) for name in REFERENCE}

    fast_parts, slow_parts = (best(list(times)) for times in zip(*pairs, strict=True))
    assert speed(slow_parts) < speed(fast_parts)
    assert slow_parts["convolutions"] > fast_parts["convolutions"]


def test_a_process_that_cannot_measure_is_an_error_and_not_a_speed(monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false") or pytest.skip("no `false`"))
    with Calibrator() as calibrator, pytest.raises(CalibrationError, match="could not be measured"):
        calibrator.speed()


def test_reading_the_module_is_light(root):
    code = (
        "import sys; import book._tools.calibration; print({'torch', 'rdkit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout == "set()\n"
