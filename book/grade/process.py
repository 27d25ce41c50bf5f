"""The grader's side of a student's process: start it, ask it, watch it, end it."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import math
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from book._tools.command import ROOT
from book.course import task as course_task
from book.course.task import AnswerError
from book.grade.fence import MEGABYTE, Limits, Walls
from book.grade.wire import Mine, Pipe, Theirs, WireError, pack, unpack
from utils.data.cache import cache_directory

__all__ = ["GoneError", "Process", "RaisedError", "RemoteFunction", "StartError", "sweep"]

ALL = Walls()
PREFIX = "book-grade-"
_START_SECONDS = 120.0
MOST_THREADS = 200
ENTRY = 4096
"""Bytes that a file or a folder counts for at least."""
_START = (
    "import sys; sys.path[:0] = [sys.argv[1]]; sys.path += sys.argv[4:]; "
    "from book.grade.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/sbin", "/sys/devices/system", "/dev/urandom"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/sys/kernel"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types", "/etc/passwd"),
)
_ERRORS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        *(ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, LookupError),
        *(NameError, NotImplementedError, OverflowError, RecursionError, RuntimeError, TypeError),
        *(ValueError, ZeroDivisionError),
    )
}
"""Kinds of errors that cross the border as what they are."""


class GoneError(BaseException):
    """The process ended, or was ended; the message says why, as the end of a sentence.

    No check catches it by accident, since it is no ``Exception``.
    """


class StartError(RuntimeError):
    """No process can be started; the message says why."""


class RaisedError(Exception):
    """A function of the answer raised an error, of which nothing but words came over.

    It is also of the built-in kind that the student's error had, so that a check may expect one.
    """

    kind: str
    line: int | None

    @classmethod
    def of(cls, said: Any) -> RaisedError:
        """Build the error from what the process says of it."""
        try:
            kind, base, says, line = said
        except (TypeError, ValueError):
            kind, base, says, line = "Exception", "Exception", "", None
        name = str(kind) if str(kind).isidentifier() else "Exception"
        bases = (cls, _ERRORS[base]) if isinstance(base, str) and base in _ERRORS else (cls,)
        error: RaisedError = type(name, bases, {})(str(says)[:300])
        error.kind, error.line = name, line if type(line) is int else None
        return error

    def words(self) -> str:
        """Say what was raised and where."""
        says = f": {self.args[0]}" if self.args[0] else ""
        where = f" (line {self.line} of the cell)" if self.line else ""
        return f"{self.kind}{says}{where}"


class RemoteFunction:
    """A function in the student's process."""

    def __init__(self, process: Process, number: int) -> None:
        self._process, self.number = process, number

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Call it, and wait for what it returns."""
        return self._process.value("call", self, list(given), dict(named))

    def __repr__(self) -> str:
        return "a function"


class Process:
    """A fenced process that runs the cells of one submission.

    Parameters
    ----------
    limits : Limits
        What it may use.
    hidden : sequence of pathlib.Path
        Folders that it must not read.
    walls : Walls
        Which walls the fence has.

    Raises
    ------
    StartError
        If it does not start.
    """

    def __init__(self, limits: Limits, hidden: Sequence[Path] = (), walls: Walls = ALL) -> None:
        self.limits = limits
        self.until = time.monotonic() + _START_SECONDS
        self.each = math.inf  # seconds for one question
        self.refused: AnswerError | None = None
        self.ships = False  # whether the functions that a task ships run there and not here
        self._sent: dict[tuple[str, str], Any] = {}
        self.reason = ""
        self._own: list[Callable[..., Any]] = []
        self._request = 0
        self._ended = threading.Event()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
        code, work = _furnished(self.folder)
        to_read, to_write = os.pipe(), os.pipe()
        sites = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
        arguments = [str(code), str(to_write[0]), str(to_read[1]), *sites]
        user = _other_user([*_python(), *sites, *_book()[:1]])
        if user is not None:
            os.chown(work, user, user)
        variables, data = _variables(work, all_may_read=user is not None)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-u", "-X", "utf8", "-c", _START, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=variables,
            pass_fds=(to_write[0], to_read[1]),
            start_new_session=True,
        )
        os.close(to_write[0])
        os.close(to_read[1])
        self._pipe = Pipe(to_read[0], to_write[1])
        self._printed = _Printed(self._process, limits.output)
        plan = {
            "folder": str(work),
            "readable": _resolved([*_python(), *sites, *_SYSTEM, *data, code, *_book()]),
            "hidden": _resolved([ROOT, *hidden, f"/proc/{os.getpid()}"]),
            "user": user,
            "limits": asdict(limits),
            "walls": asdict(walls),
        }
        try:
            self._pipe.send(pack(plan), self.until)
            self.walls: Mapping[str, str] = dict(unpack(self._pipe.receive(self.until)))
        except (WireError, TimeoutError, TypeError) as error:
            self.end()
            last = self.printed.strip().splitlines()[-1:]
            raise StartError(" ".join(last) or str(error)) from error
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether it has been ended."""
        return self._ended.is_set()

    @property
    def printed(self) -> str:
        """The beginning of what the process has printed."""
        return self._printed.text()

    def ask(self, do: str, *arguments: Any) -> dict[str, Any]:
        """Ask for something, and serve what is called meanwhile; return the answer as it came.

        Raises
        ------
        GoneError
            If there is no answer in time, or none that can be one. The process has then ended.
        AnswerError
            If a function of a check refused what it was called with.
        """
        self._request += 1
        number = self._request  # a function that is called meanwhile may ask something itself
        asked = {"id": number, "do": do, "with": list(arguments)}
        message = pack(asked, self._name)
        begun = time.monotonic()
        until = min(self.until, begun + self.each)
        try:
            self._pipe.send(message, until)
            while True:
                answer = unpack(self._pipe.receive(until), self._find)
                if not isinstance(answer, dict) or answer.get("id") != number:
                    raise WireError("an answer to no question")
                if "callback" not in answer:
                    break
                self._pipe.send(pack(self._called(answer), self._name), until)
        except TimeoutError as error:
            self.end()
            says = self.reason or f"did not come back within {max(until - begun, 0):.0f} seconds"
            raise GoneError(says) from error
        except (WireError, TypeError, ValueError) as error:
            code = self.end(patience=0.5)
            gone = "process is gone" in str(error)
            says = _ending(code) if gone else "sent something that is no answer"
            raise GoneError(self.reason or says) from error
        if not self._fits():  # what is in charge now is to blame, and not what comes next
            self.end()
            raise GoneError(self.reason)
        if self.refused is not None:
            refused, self.refused = self.refused, None
            raise refused
        return answer

    def value(self, do: str, *arguments: Any) -> Any:
        """Ask for a value; raise :class:`RaisedError` for an error, AnswerError for no value."""
        answer = self.ask(do, *arguments)
        if "error" in answer:
            raise RaisedError.of(answer["error"])
        if "value" not in answer:
            raise AnswerError(f"What comes back cannot be used: {answer.get('refused')}.")
        return answer["value"]

    def forget(self) -> None:
        """Forget the functions that the last check passed on: they cannot be called any more."""
        self._own.clear()

    def end(self, patience: float = 0.0) -> int | None:
        """End the process and all that it started.

        Parameters
        ----------
        patience : float
            Seconds in which it may end by itself.

        Returns
        -------
        int or None
            Its exit status, if it ended by itself.
        """
        if self.ended:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        code = self._process.poll()
        self._ended.set()
        self._kill()
        self._process.wait()
        self._pipe.close()
        self._printed.close()
        _discard(self.folder)
        return code

    def _name(self, function: Callable[..., Any]) -> Mine | Theirs:
        if isinstance(function, RemoteFunction):
            return Theirs(function.number)
        if self.ships and isinstance(function, getattr(course_task, "Shipped", ())):
            shipped: Any = function
            text = (shipped.source, shipped.name)
            if text not in self._sent:
                self._sent[text] = self.value("define", *text)
            return self._name(self._sent[text])
        self._own.append(function)
        return Mine(len(self._own) - 1)

    def _find(self, number: Mine | Theirs) -> Callable[..., Any]:
        if isinstance(number, Mine):
            return RemoteFunction(self, int(number))
        if not 0 <= number < len(self._own):
            raise WireError("a function that was not passed on")
        return self._own[number]

    def _called(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Call a function of the check's for the process."""
        number, (given, named) = asked["callback"], asked["with"]
        if type(number) is not int or not 0 <= number < len(self._own):
            raise WireError("a function that was not passed on")
        try:
            return {"value": self._own[number](*given, **named)}
        except AnswerError as error:
            self.refused = error
            return {"error": ["AssertionError", str(error)]}
        except Exception as error:
            kinds = [k.__name__ for k in type(error).__mro__ if k.__name__ in _ERRORS]
            return {"error": [[*kinds, "RuntimeError"][0], str(error)[:300]]}

    def _watch(self) -> None:
        """End the process when it uses more than it may."""
        while not self._ended.wait(0.1):
            if not self._fits():
                self._kill()
                return

    def _fits(self) -> bool:
        """Whether the process uses no more memory and disk than it may; note why if not."""
        memory, family, threads, unlinked = 0, 1, 1, 0
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(self._process.pid)
            members = [own, *own.children(recursive=True)]
            memory, family = sum(one.memory_info().rss for one in members), len(members)
            threads = sum(one.num_threads() for one in members)
            unlinked = sum(_unlinked(one.pid) for one in members)
        if memory > self.limits.memory * MEGABYTE:
            self.reason = f"used more than {self.limits.memory} MB of memory"
        elif family > 16:
            self.reason = "started more than 15 processes"
        elif threads > MOST_THREADS:
            self.reason = f"started more than {MOST_THREADS} threads"
        elif _size(self.folder / "work") + unlinked > self.limits.disk * MEGABYTE:
            self.reason = f"wrote more than {self.limits.disk} MB"
        return not self.reason

    def _kill(self) -> None:
        """Kill the process and its family, also those who left it."""
        family = []
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self._process.pid).children(recursive=True)
        if self._process.poll() is None:
            self._process.kill()
        for _ in range(20 if getattr(self, "walls", {}).get("processes") == "hook" else 0):
            strays = [p for p in psutil.process_iter() if _works_in(p, self.folder)]
            for one in (*family, *strays):
                with contextlib.suppress(psutil.Error):
                    one.kill()
            if not strays:
                break
            family = []


class _Printed(threading.Thread):
    """Reads what a process prints, and keeps the beginning."""

    def __init__(self, process: subprocess.Popen[bytes], most: int) -> None:
        super().__init__(daemon=True)
        assert process.stdout is not None
        self._stream, self._most = process.stdout, most
        self._kept, self._all = bytearray(), 0
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(self._stream.fileno(), 1 << 16):
                self._kept += piece[: max(0, self._most - len(self._kept))]
                self._all += len(piece)

    def text(self) -> str:
        cut = f"\n... cut: {self._all} bytes in all" if self._all > len(self._kept) else ""
        return bytes(self._kept).decode("utf-8", "replace") + cut

    def close(self) -> None:
        self.join(1)
        if not self.is_alive():
            self._stream.close()


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Whether a process has a folder, or one in it, as its own."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(str(folder))
    except (psutil.Error, OSError):
        return False


def _ending(code: int | None) -> str:
    """Say how a process ended."""
    if code is None:
        return "closed its connection to the grader"
    return f"ended the process ({f'signal {-code}' if code < 0 else f'exit status {code}'})"


def _furnished(folder: Path) -> tuple[Path, Path]:
    """Fill a new folder with the code that the process needs, and with a folder to work in."""
    folder.chmod(0o711)
    code, work, here = folder / "code", folder / "work", Path(__file__).parent
    (code / "book" / "grade").mkdir(parents=True)
    work.mkdir(mode=0o700)
    for package in (code / "book", code / "book" / "grade"):
        (package / "__init__.py").touch()
    for name in ("wire", "fence", "worker"):
        shutil.copyfile(here / f"{name}.py", code / "book" / "grade" / f"{name}.py")
    for path in _book()[:1]:
        (code / "utils").symlink_to(path)
    return code, work


def _book() -> list[Path]:
    """Return what of the book's own may be read: ``utils`` and the ledger of claims."""
    found = importlib.util.find_spec("utils")
    places = list(found.submodule_search_locations or []) if found else []
    return [*(Path(p).resolve() for p in places[:1]), ROOT / "book" / "claims.yml"]


def _python() -> list[str]:
    """Return the folders of Python itself."""
    libraries = [p for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p]
    return [sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, *libraries]


def _other_user(needed: Sequence[str | Path]) -> int | None:
    """Return the user that the process becomes: another one, if we may and it can read enough."""
    may = os.geteuid() == 0 and all(map(_open_to_all, needed))
    return 60_000 + os.getpid() % 5000 if may else None


def _open_to_all(path: str | Path) -> bool:
    """Whether every user can read a folder."""
    place = Path(path).resolve()
    if not place.exists():
        return True
    outer = all(folder.stat().st_mode & 0o001 for folder in place.parents)
    return outer and place.stat().st_mode & 0o005 == 0o005


def _variables(work: Path, *, all_may_read: bool) -> tuple[dict[str, str], list[str]]:
    """Return the environment of the process, and the folders of data that it names."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
    places = {name: str(work) for name in ("HOME", "TMPDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME")}
    kept = {n: os.environ[n] for n in ("MNIST_DIR", "LD_LIBRARY_PATH") if os.environ.get(n)}
    cache = cache_directory()
    if cache.is_dir() and (not all_may_read or _open_to_all(cache)):
        kept["EQUIVARIANCE_CACHE"] = str(cache)
    data = [kept[name] for name in ("MNIST_DIR", "EQUIVARIANCE_CACHE") if name in kept]
    plain = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MPLBACKEND": "Agg"}
    return {**plain, **threads, **places, **kept}, data


def _resolved(paths: Sequence[str | Path]) -> list[str]:
    """Return paths without links, each once."""
    return list(dict.fromkeys(os.path.realpath(path) for path in paths))


def _size(folder: Path) -> float:
    """Return the bytes of the files in a folder; even an empty one takes some.

    What lies deeper than a path can say has no size, and counts as endless.
    """
    total, folders = 0, [str(folder)]
    while folders:
        try:
            for entry in os.scandir(folders.pop()):
                said = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    total += ENTRY
                else:
                    total += max(ENTRY, min(said.st_size, said.st_blocks * 512))
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return math.inf
    return total


def _unlinked(pid: int) -> int:
    """Return the bytes of files that a process holds open and that no folder names any more."""
    total = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                said = entry.stat()
                if stat.S_ISREG(said.st_mode) and not said.st_nlink:
                    total += said.st_blocks * 512
    return total


def _discard(folder: Path) -> None:
    """Throw a folder away, however deep it is."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True)


def sweep() -> None:
    """Throw away the folders of graders that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _discard(folder)
