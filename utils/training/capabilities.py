"""What a machine does well: bfloat16, and compiled networks.

A recipe says what is wanted, and what it costs depends on the machine. A processor or GPU with
units for bfloat16 multiplies matrices in it faster than in single precision, with half the bits
and sums in single precision. Any other processor converts every number back and forth: with
AVX2 and nothing newer a product takes 3 to 60 times as long, depending on how the matrices lie
in memory, and an epoch of the molecular autoencoder half as long again. And ``torch.compile``
needs a C++ compiler, which many machines do not have.

Both are tried rather than looked up. A list of processors is out of date with the next one, and
says nothing about a library that was told to use less (``ATEN_CPU_CAPABILITY``,
``ONEDNN_MAX_CPU_ISA``); a trial costs a tenth of a second for the product and some seconds for
the compiler, before trainings of minutes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, cast

import torch

__all__ = [
    "Arithmetic",
    "Precision",
    "bfloat16_is_fast",
    "can_compile",
    "choose_arithmetic",
    "kernels_of_this_processor",
]

Precision = Literal["32-true", "bf16-mixed", "native"]
"""What a recipe can ask for."""

Arithmetic = Literal["32-true", "bf16-mixed"]
"""What is computed in: single precision, or bfloat16 where it is safe and single elsewhere."""

_SIDE = 256
_TRIALS = 15
_PAUSE = 0.002  # seconds
_PATIENCE = 0.3  # seconds
_WORTH_IT = 0.8


def product_seconds(dtype: torch.dtype) -> float:
    """Return the time of a product of two matrices of 256 x 256: the least of some, warmed up.

    A product may take less than the turn of another process on the same core, so that a few
    products in a row may all be held up by it. There are pauses between the trials; a product
    that takes long is tried three times.
    """
    left, right = (torch.full((_SIDE, _SIDE), 0.5, dtype=dtype) for _ in range(2))
    left @ right
    taken: list[float] = []
    while len(taken) < 3 or (len(taken) < _TRIALS and sum(taken) < _PATIENCE):
        time.sleep(_PAUSE)
        began = time.perf_counter()
        left @ right
        taken.append(time.perf_counter() - began)
    return min(taken)


def bfloat16_is_fast(
    accelerator: str = "cpu", *, seconds: Callable[[torch.dtype], float] = product_seconds
) -> bool:
    """Say whether products of matrices are faster in bfloat16 than in single precision.

    A GPU is asked. A processor is measured by ``seconds``, with as many threads as torch may
    use: bfloat16 has to take at most 0.8 of the time, for mixed precision also has to convert.
    Units for bfloat16 take half or less, and emulation takes longer than single precision, so
    that the answer is not a matter of chance.

    Examples
    --------
    >>> bfloat16_is_fast(seconds={torch.float32: 1.0, torch.bfloat16: 30.0}.__getitem__)
    False
    """
    if accelerator == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return seconds(torch.bfloat16) <= _WORTH_IT * seconds(torch.float32)


def choose_arithmetic(
    wanted: Precision, began: Arithmetic | None, is_fast: Callable[[], bool]
) -> tuple[Arithmetic, str | None]:
    """Choose what to compute in, and say so where a reader would not expect it.

    Parameters
    ----------
    wanted : {"32-true", "bf16-mixed", "native"}
        What the recipe asks for. The first two are obeyed, at whatever price; ``native`` is
        bfloat16 where it is fast and single precision elsewhere.
    began : {"32-true", "bf16-mixed"}, optional
        What an unfinished run computed in so far.
    is_fast : callable
        Says whether bfloat16 is fast here. Called only if it matters.

    Returns
    -------
    arithmetic : {"32-true", "bf16-mixed"}
        What to compute in.
    message : str or None
        One sentence for the reader, if single precision stands in for bfloat16.

    Notes
    -----
    With ``native``, a run that began in single precision goes on in it everywhere: it is slow
    nowhere, and the result is the one that an uninterrupted run would have had. A run that
    began in bfloat16 and comes to a machine where that is emulated goes on in single
    precision. Weights and moments are single in both, so nothing is lost but the agreement
    bit by bit, which another processor does not keep either; in bfloat16 the reader would
    wait longer for a coarser computation. Whoever wants the one or the other names it in the
    recipe.

    Examples
    --------
    >>> choose_arithmetic("native", None, lambda: True)
    ('bf16-mixed', None)
    >>> choose_arithmetic("native", "32-true", lambda: True)
    ('32-true', None)
    """
    if wanted != "native":
        return wanted, None
    if began == "32-true":
        return began, None
    if is_fast():
        return "bf16-mixed", None
    goes_on = "the run began in it and goes on" if began else "the network is trained"
    return (
        "32-true",
        f"bfloat16 is not fast on this machine: {goes_on} in single precision, and the manifest "
        f"says so.",
    )


def can_compile(accelerator: str = "cpu") -> bool:
    """Say whether ``torch.compile`` works, by compiling a function of one line.

    False if it fails, whatever the reason: no C++ compiler, no headers of Python, no folder to
    compile in.
    """
    number = 1 + secrets.randbelow(10**9) / 1e9  # never seen, so that no old result answers

    def add(values: torch.Tensor) -> torch.Tensor:
        """Return something that has to be compiled."""
        return values + number

    try:
        torch.compile(add)(torch.zeros(8, device=accelerator))
    except Exception:  # dynamo, inductor, the compiler and the file system have their own
        return False
    return True


def kernels_of_this_processor() -> AbstractContextManager[None]:
    """Keep what ``torch.compile`` stored for another set of instructions from answering here.

    What was compiled is stored on disk under a key that knows the code, the shapes and the
    versions, and does not know how wide the vectors are that PyTorch uses
    (``ATEN_CPU_CAPABILITY``, or another processor that shares the folder). Code written for
    vectors of 256 bits, run with 512, gives wrong numbers or writes past its memory (seen with
    PyTorch 2.13). Within this context the name of the set of instructions is part of the key.

    Returns
    -------
    context manager
        Around everything that may compile, the first pass and the first backward pass included.

    Examples
    --------
    >>> with kernels_of_this_processor():
    ...     print(torch.backends.cpu.get_cpu_capability() in torch.compiler.config.cache_key_tag)
    True
    """
    tag = f"{torch.compiler.config.cache_key_tag} {torch.backends.cpu.get_cpu_capability()}"
    patch = torch.compiler.config.patch(cache_key_tag=tag)  # type: ignore[attr-defined]
    return cast(AbstractContextManager[None], patch)
