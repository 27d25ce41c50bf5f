"""Times and memory, measured so that other work on the machine hardly matters."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable


def best_times(first: Callable, second: Callable, repetitions: int) -> tuple[float, float]:
    """Return the shortest processor time of each of two functions, called in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repetitions):
        for function, found in zip((first, second), times, strict=True):
            start = time.process_time()
            function()
            found.append(time.process_time() - start)
    return min(times[0]), min(times[1])


def peak_growth(preparation: str, statement: str) -> float:
    """Return by how many megabytes a statement raises the peak memory of a fresh process.

    The high-water mark is reset after the preparation: what a process reports otherwise holds
    the peak of its imports, and that of the process that started it.
    """
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
import torch

def status(field):
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith(field))

torch.set_num_threads(1)
{preparation}
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
{statement}
print(status("VmHWM") - before)
"""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(run.stdout) / 1024
