"""How fast is this machine? A short, fixed piece of work tells it in reference seconds.

One *reference second* is one second of one idle core of the reference machine: a 2.45 GHz AMD
EPYC of the Zen 3 generation, which has AVX2 and neither AVX-512 nor native bfloat16. A machine's
``speed`` is the time that a fixed mix of work takes there, divided by the time that it takes
here: 1 on the reference machine, 2 on one that is twice as fast. CPU seconds times speed are
reference seconds, so a budget in them says the same on every machine.

The mix is what the chapters do: products of float32 matrices, convolutions, functions of long
arrays, operations on tensors so small that calling them is the work, plain Python, and RDKit.
Processors differ in these by different factors, so the times are weighted: a part's weight is
about its share of the chapters' time, and the mix predicts the time of an average chapter.

A machine's speed is no constant: a neighbour on the other core takes cache, memory bandwidth and
frequency, and shares its very units where two threads share a core. Samples are therefore taken
beside the chapters, before the first cell, after the last, and every few seconds between, while
the cells run (:class:`Meter`). They run in a process of their own (:class:`Calibrator`), whose
time is not the chapter's.

``python -m book._tools.calibration`` measures again and again and prints
the fastest times and the middle one of each part: run it on an idle reference machine to renew
``REFERENCE``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from book._tools.command import ROOT, CommandError, Option, command

EVERY = 10.0  # seconds between two samples
ROUNDS = 3  # of each part in one sample; the middle one counts
CELL_SECONDS = 600.0  # reference seconds after which a cell is taken for one that never ends
WAITING = 4.0  # how much longer a cell may take on the clock, for it shares its core

# Seconds of one round of each part on the reference machine: a little above the fastest of 60
# samples. The machine was not idle (a load of four to five on two cores), which is why the fastest
# count; the fastest tenth of 80 later samples agrees within 5 %. Most samples beside other work
# are slower by 5 to 10 %.
REFERENCE = {
    "products": 0.0159,
    "convolutions": 0.0160,
    "arrays": 0.0150,
    "small tensors": 0.0223,
    "python": 0.0148,
    "molecules": 0.0082,
}
# Share of each part. That of convolutions was measured: without wide vectors they take 3.5 times
# as long, chapter 13 takes 1.35 times, a training step of the rotation network 1.9 times, and
# chapters 02, 03 and 05 take 1.0 to 1.2 times. The other shares are judged, not measured.
WEIGHTS = {
    "products": 0.20,
    "convolutions": 0.15,
    "arrays": 0.15,
    "small tensors": 0.25,
    "python": 0.20,
    "molecules": 0.05,
}
_SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C1CC2CC1CC2O",
    "OC1C2CC3C1OC23",
    "N#CC1=CNC=C1C=O",
    "CC1(C)OC(=O)C2CC12",
    "O=C1NC(=O)C2(CC2)N1",
    "C[C@H]1O[C@@H]2C[C@H]1O2",
)


def _parts() -> dict[str, Callable[[], object]]:
    """Prepare the parts of the mix; one whose library is missing is left out."""
    import torch

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    square, tall, narrow = normal(320, 320), normal(2048, 64), normal(64, 96)
    images, kernel = normal(8, 12, 28, 28), normal(16, 12, 5, 5).requires_grad_()
    array, order = normal(100_000), torch.randperm(100_000, generator=generator)
    code, weight = normal(16), normal(16, 16).requires_grad_()

    def products() -> None:
        for _ in range(8):
            _ = square @ square
            for _ in range(4):
                _ = tall @ narrow

    def convolutions() -> None:
        for _ in range(6):
            torch.nn.functional.conv2d(images, kernel, padding=2).relu().mean().backward()
        kernel.grad = None

    def arrays() -> None:
        for _ in range(18):
            centred = array - array.mean()
            (centred.sigmoid() * centred[order] / centred.std()).exp().sum()

    def small_tensors() -> None:
        for _ in range(130):
            value = code
            for _ in range(3):
                value = (weight @ value).tanh() + code
            (value * value).sum().backward()
        weight.grad = None

    def python() -> None:
        counts: dict[int, int] = {}
        for number in range(120_000):
            remainder = number * number % 1009
            counts[remainder] = counts.get(remainder, 0) + 1
        sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))

    parts: dict[str, Callable[[], object]] = {
        "products": products,
        "convolutions": convolutions,
        "arrays": arrays,
        "small tensors": small_tensors,
        "python": python,
    }
    try:
        from rdkit import Chem
    except ImportError:
        return parts

    def molecules() -> None:
        for _ in range(8):
            for smiles in _SMILES:
                Chem.MolToSmiles(Chem.AddHs(Chem.MolFromSmiles(smiles)))

    return {**parts, "molecules": molecules}


def sample(parts: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Run the parts in turn, some rounds, and take each part's middle time.

    The first round finds the caches cold and a burst of other work may fall into one round; the
    middle of three feels neither.

    Parameters
    ----------
    parts : Mapping[str, Callable]
        Work by name.

    Returns
    -------
    dict[str, float]
        CPU seconds of one round of each part, in this process.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, work in parts.items():
            begun = time.process_time()
            work()
            times[name].append(time.process_time() - begun)
    return {name: statistics.median(values) for name, values in times.items()}


def speed(times: Mapping[str, float]) -> float:
    """Combine the times of the parts.

    Parameters
    ----------
    times : Mapping[str, float]
        CPU seconds of one round of each part, at least one of them.

    Returns
    -------
    float
        Reference seconds in a CPU second: the time of the mix on the reference machine over its
        time here. Parts that were not measured are left out of both.

    Examples
    --------
    >>> round(speed({name: 2 * seconds for name, seconds in REFERENCE.items()}), 3)
    0.5
    """
    if not times or min(times.values()) <= 0:
        raise ValueError(f"A speed needs the positive times of some parts, and got {dict(times)}.")
    here = sum(WEIGHTS[name] * seconds / REFERENCE[name] for name, seconds in times.items())
    return sum(WEIGHTS[name] for name in times) / here


class CalibrationError(CommandError):
    """The process that measures the machine's speed could not do so."""


class Calibrator:
    """Measures the machine's speed in a process of its own, which the first sample starts.

    That process inherits the environment, and so whatever slows the arithmetic of the chapters.
    Threads may share one calibrator: samples then wait for each other.

    Examples
    --------
    ``with Calibrator() as calibrator: print(calibrator.speed())``
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Calibrator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def times(self) -> dict[str, float]:
        """Take one sample.

        Returns
        -------
        dict[str, float]
            CPU seconds of one round of each part.

        Raises
        ------
        CalibrationError
            If the process ends without an answer.
        """
        with self._lock:
            if self._process is None:
                threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "book._tools.calibration", "--serve"],
                    cwd=ROOT,
                    env={**os.environ, **threads},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write("\n")
                self._process.stdin.flush()
                answer = self._process.stdout.readline()
            except OSError:
                answer = ""
            if not answer:
                raise CalibrationError(
                    "The machine's speed could not be measured: call "
                    "python -m book._tools.calibration to see why."
                )
            found: dict[str, float] = json.loads(answer)
            return found

    def speed(self) -> float:
        """Take one sample and say how fast the machine is just now.

        Returns
        -------
        float
            Reference seconds in a CPU second.

        Raises
        ------
        CalibrationError
            If the process ends without an answer.
        """
        return speed(self.times())

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def patience(machine_speed: float) -> float:
    """Seconds on the clock after which a cell is taken for one that never ends.

    Parameters
    ----------
    machine_speed : float
        Reference seconds in a CPU second.

    Returns
    -------
    float
        ``CELL_SECONDS`` reference seconds on this machine, times ``WAITING``.

    Examples
    --------
    >>> patience(0.5)
    4800.0
    """
    return WAITING * CELL_SECONDS / machine_speed


def cpu_seconds(pid: int) -> float:
    """Processor time that a living process and its ended children have used.

    Parameters
    ----------
    pid : int
        The process.

    Returns
    -------
    float
        Seconds.
    """
    times = psutil.Process(pid).cpu_times()
    children = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + children)


def peak_bytes(pid: int) -> int:
    """Largest resident memory that a living process has had; elsewhere than on Linux, has now."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():  # Linux keeps the peak itself, which no sampling can miss
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        if found:
            return int(found.group(1)) * 1024
    return int(psutil.Process(pid).memory_info().rss)


@dataclass(frozen=True)
class Time:
    """Computing time of a chapter.

    Attributes
    ----------
    cpu_seconds : float
        Seconds of one core of this machine.
    reference_seconds : float
        The same in seconds of one core of the reference machine.
    """

    cpu_seconds: float
    reference_seconds: float

    @property
    def speed(self) -> float:
        """Reference seconds in a CPU second."""
        return self.reference_seconds / self.cpu_seconds


class Meter:
    """Counts the reference seconds of a process while the machine's speed changes.

    A thread takes a sample every few seconds, also while a long cell runs: samples at its two
    ends alone may both fall into moments in which the rest of the machine is idle. Between two
    samples the speed counts as the mean of both, so the reference seconds are the integral of the
    speed over the process's CPU time by the trapezoidal rule.

    Parameters
    ----------
    cpu : Callable[[], float]
        CPU seconds that the process has used.
    machine_speed : Callable[[], float]
        Takes a sample: reference seconds in a CPU second.
    every : float
        Seconds between two samples.
    """

    def __init__(
        self,
        cpu: Callable[[], float],
        machine_speed: Callable[[], float],
        every: float = EVERY,
    ) -> None:
        self._cpu, self._machine_speed, self._every = cpu, machine_speed, every
        # What the process used before the first sample counts as if it came after that sample.
        self._used, self._reference = 0.0, 0.0
        self._speed = machine_speed()
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    @property
    def latest(self) -> float:
        """Speed at the last sample."""
        return self._speed

    def stop(self) -> Time:
        """Take the last sample and sum up.

        Returns
        -------
        Time
            CPU seconds and reference seconds since the process began.

        Raises
        ------
        psutil.NoSuchProcess
            If the process has ended.
        CalibrationError
            If the machine's speed cannot be measured.
        """
        self.leave()
        self._sample()
        return Time(self._used, self._reference)

    def leave(self) -> None:
        """End the thread, when what was used is no longer asked for."""
        self._ended.set()
        self._watching.join()

    def _watch(self) -> None:
        """Take samples until the meter stops, or until none can be had, which `stop` reports."""
        with contextlib.suppress(psutil.NoSuchProcess, CalibrationError):
            while not self._ended.wait(self._every):
                self._sample()

    def _sample(self) -> None:
        used, now = self._cpu(), self._machine_speed()
        self._reference += (used - self._used) * (self._speed + now) / 2
        self._used, self._speed = used, now


def _serve() -> None:
    """Answer each line of standard input with one sample, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    parts = _parts()
    sample(parts)  # warms up caches, allocator and frequency; thrown away
    for _ in sys.stdin:
        print(json.dumps(sample(parts)), flush=True)


@command(
    __doc__,
    Option("--serve", action="store_true", help="answer each line with a sample"),
    Option("--samples", type=int, default=50, help="how many samples to print about"),
)
def main(options: Namespace) -> list[str] | None:
    """Print times of the parts, or serve samples to a process that asks."""
    if options.serve:
        _serve()
        return None
    with Calibrator() as calibrator:
        samples = [calibrator.times() for _ in range(options.samples)]
    for name in samples[0]:
        ordered = sorted(1e3 * times[name] for times in samples)
        print(
            f"{name}: fastest {ordered[0]:.1f} ms, fastest tenth {ordered[len(ordered) // 10]:.1f}"
            f", middle {statistics.median(ordered):.1f}"
        )
    speeds = sorted(speed(times) for times in samples)
    print(
        f"speed: {speeds[0]:.3f} to {speeds[-1]:.3f}, middle {statistics.median(speeds):.3f} "
        "(1 is the reference machine)"
    )
    return None


if __name__ == "__main__":
    raise SystemExit(main())
