"""Ratios of times, measured so that other work on the machine hardly matters."""

from __future__ import annotations

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
