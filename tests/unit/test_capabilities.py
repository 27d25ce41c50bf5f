"""What a machine does well: measured, tried, and turned into a choice."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import torch

from utils.training import capabilities
from utils.training.capabilities import bfloat16_is_fast, choose_arithmetic


@pytest.mark.parametrize(
    ("ratio", "fast"), [(0.1, True), (0.5, True), (0.95, False), (1.5, False), (36.0, False)]
)
def test_bfloat16_is_fast_where_it_measures_faster(ratio: float, fast: bool) -> None:
    times = {torch.float32: 0.001, torch.bfloat16: 0.001 * ratio}
    assert bfloat16_is_fast(seconds=times.__getitem__) is fast


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_is_asked_and_emulation_does_not_count(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert bfloat16_is_fast("cuda") is native


FLAGS = Path("/proc/cpuinfo")
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def alone(code: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code after the file under test, which imports torch and nothing else of the book."""
    start = f"import sys, runpy; globals().update(runpy.run_path({capabilities.__file__!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", start + code, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


@pytest.mark.skipif(not FLAGS.exists(), reason="needs the flags of the processor")
@pytest.mark.skipif(any(os.environ.get(n) for n in AVX2), reason="the libraries are held back")
def test_this_processor_measures_as_its_flags_say() -> None:
    """The units for bfloat16 are called amx_bf16 and avx512_bf16; without them it is emulated.

    One of some trials has to see which it is, whatever else the processor is doing: a unit takes
    half the time of single precision, and emulation takes several times as long.
    """
    words = FLAGS.read_text(encoding="utf-8").split()
    if "flags" not in words:
        pytest.skip("not an x86 processor")
    found, took = [], []
    for _ in range(5):
        began = time.process_time()
        found.append(bfloat16_is_fast())
        took.append(time.process_time() - began)
    has_units = bool({"amx_bf16", "avx512_bf16"} & set(words))
    assert any(found) if has_units else not all(found)
    assert min(took) < 1


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="no AVX2 to emulate")
def test_an_emulated_avx2_machine_is_seen_as_one() -> None:
    """The libraries can be told to use less than the processor has."""
    ended = alone("print(all(bfloat16_is_fast() for _ in range(3)))", **AVX2)
    assert ended.stdout == "False\n"


@pytest.mark.parametrize("began", [None, "32-true", "bf16-mixed"])
@pytest.mark.parametrize("wanted", ["32-true", "bf16-mixed"])
def test_an_explicit_wish_is_obeyed_without_a_measurement(wanted: str, began: str | None) -> None:
    def never() -> bool:
        raise AssertionError

    assert choose_arithmetic(wanted, began, never) == (wanted, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("began", "fast", "used", "words"),
    [
        (None, True, "bf16-mixed", None),
        (None, False, "32-true", "not fast on this machine"),
        ("32-true", True, "32-true", None),
        ("32-true", False, "32-true", None),
        ("bf16-mixed", True, "bf16-mixed", None),
        ("bf16-mixed", False, "32-true", "the run began in it and goes on in single precision"),
    ],
)
def test_the_choice(began: str | None, fast: bool, used: str, words: str | None) -> None:
    arithmetic, message = choose_arithmetic("native", began, lambda: fast)  # type: ignore[arg-type]
    assert arithmetic == used
    assert (message is None) == (words is None)
    if message is not None and words is not None:
        assert words in message
        assert "\n" not in message


HEADER = Path(sysconfig.get_path("include"), "Python.h")
COMPILE = """
from torch._inductor import config
print(can_compile())
for path in sys.argv[1:]:
    config.cpp.cxx = (None, path)
    print(can_compile())
"""


@pytest.mark.slow
@pytest.mark.skipif(
    " " in torch.__file__, reason="PyTorch's libraries are not found in a folder with a space"
)
def test_the_trial_of_the_compiler_sees_whether_there_is_one(tmp_path: Path) -> None:
    """None is seen also after one compiled; nothing but the compiler itself complains."""
    broken = tmp_path / "broken"
    broken.write_text('#!/bin/sh\necho "fatal error: Python.h" >&2\nexit 1\n')
    broken.chmod(0o755)
    there = shutil.which(os.environ.get("CXX", "g++")) is not None and HEADER.exists()
    ended = alone(COMPILE, str(tmp_path / "nowhere" / "g++"), str(broken))
    works, *others = ended.stdout.split()
    assert works == "True" or not there
    assert others == ["False", "False"]
    assert set(ended.stderr.splitlines()) <= {"fatal error: Python.h"}


def test_a_product_takes_time() -> None:
    assert 0 < capabilities.product_seconds(torch.float32) < 1
