"""The fence around a student's process: what it may use, read, write and reach.

The process raises the fence around itself before it runs a line of the student's, and cannot take
it down. What a fence is made of depends on the system:

* everywhere: limits of the system on computing time, memory, files; a folder of its own;
* on Linux, Landlock (kernel 5.13 and later): only the folders of Python and of the data can be
  read, only the own folder written, and other processes are out of reach;
* on Linux with an x86-64 or 64-bit ARM processor, a filter of system calls (seccomp): no sockets,
  no new processes, no signals to others, no change of what files are allowed;
* for the administrator ("root", as in most containers), a user of its own without any rights;
* where one of the first two is missing, a hook in Python that refuses the network, new processes,
  the folders of the course and writing elsewhere. Code that goes round Python, by ``ctypes`` say,
  goes round the hook.

It is a fence and not a jail; ``book/grade/README.md`` says what it does not hold.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Fence", "Limits", "Walls", "raise_fence"]

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes
    ----------
    cell, check, score, whole : float
        Seconds that one cell may take; one check, or one call of a task that scores answers
        itself; all calls of such a task; and the whole notebook.
    memory, disk : int
        Megabytes of memory and of files.
    output : int
        Bytes of printed text that are kept.
    """

    cell: float = 60.0
    check: float = 10.0
    score: float = 240.0
    whole: float = 900.0
    memory: int = 3000
    disk: int = 100
    output: int = 20_000


@dataclass(frozen=True)
class Walls:
    """Which walls are tried; all are, but in tests of what stands without them."""

    landlock: bool = True
    seccomp: bool = True
    user: bool = True


@dataclass(frozen=True)
class Fence:
    """What is fenced; all paths are absolute and without links.

    Attributes
    ----------
    folder : str
        The only folder that may be written to.
    readable : sequence of str
        Files and folders that may be read.
    hidden : sequence of str
        Folders that must not be read, should an outer folder be readable.
    user : int or None
        The number of the user that an administrator's process becomes.
    """

    folder: str
    readable: Sequence[str]
    hidden: Sequence[str]
    user: int | None = None
    limits: Limits = Limits()
    walls: Walls = Walls()


def raise_fence(fence: Fence) -> dict[str, str]:
    """Fence this process in, for good.

    Returns
    -------
    dict
        For the network, new processes, reading files and writing them: what keeps the process
        from it, ``"kernel"`` or ``"hook"``; and ``"user"``, the number of the user.
    """
    kernel = sys.platform == "linux"
    if kernel and fence.user is not None and fence.walls.user:
        _become(fence.user)
    _limit(fence.limits)
    if kernel:
        if os.geteuid() == 0:
            _without_rights()
        _prctl(38, 1)  # PR_SET_NO_NEW_PRIVS: no program gives rights back
        _prctl(1, 9)  # PR_SET_PDEATHSIG: it ends with the grader
    files = kernel and fence.walls.landlock and _landlock(fence.folder, fence.readable)
    calls = kernel and fence.walls.seccomp and _seccomp()
    inside = any(_within(h, r) for h in fence.hidden for r in fence.readable)
    if inside or not files or not calls:
        _hook(fence, files=bool(files) and not inside, calls=bool(calls))
    words = {True: "kernel", False: "hook"}
    return {
        "network": words[bool(calls)],
        "processes": words[bool(calls)],
        "reading": words[bool(files) and not inside],
        "writing": words[bool(files)],
        "user": str(os.geteuid()),
    }


def _within(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, or is it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _limit(limits: Limits) -> None:
    """Set the limits of the system on this process and what it starts."""
    # Linux counts here what a process asks for itself, not the libraries that it maps; what it
    # shares, and all of macOS, is left to the grader, who looks at the process as it runs.
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(limits.whole) + 60,
        resource.RLIMIT_DATA: limits.memory * MEGABYTE,
        resource.RLIMIT_FSIZE: limits.disk * MEGABYTE,
        resource.RLIMIT_NOFILE: 256,
    }
    if sys.platform == "darwin":  # elsewhere it counts threads, and the filter of calls is better
        wanted[resource.RLIMIT_NPROC] = 1
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def _become(user: int) -> None:
    """Give up an administrator's rights."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _without_rights() -> None:
    """Give up what an administrator may do beyond others, and stay the owner of the same files."""
    head, rights = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    if ctypes.CDLL(None, use_errno=True).capset(head, rights):
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


# Landlock: the kernel's headers, include/uapi/linux/landlock.h.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ = 1 << 2 | 1 << 3 | 1  # read files, list folders, execute (map) files
_DEVICES = 1 << 6 | 1 << 9 | 1 << 11  # make devices and sockets
_FILE = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # the rights that a file, not a folder, can have
_ALL = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}


def _landlock(folder: str, readable: Sequence[str]) -> bool:
    """Let the kernel refuse all files but these; False if it cannot."""
    system = ctypes.CDLL(None, use_errno=True).syscall
    system.restype = ctypes.c_long
    version = system(_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    handled = _ALL[max(v for v in _ALL if v <= version)]
    # Files; TCP (from version 4); sockets without a file and signals to other processes (from 6).
    rules = struct.pack("=QQQ", handled, 3 * (version >= 4), 3 * (version >= 6))
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = system(_CREATE, rules[:size], ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    places = [(path, _READ) for path in (*readable, "/proc/self")]
    for path, rights in [*places, (folder, handled & ~_DEVICES), ("/dev/null", _FILE)]:
        try:
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # a folder that this system does not have
        allowed = rights if os.path.isdir(path) else rights & _FILE
        rule = struct.pack("=Qi", allowed & handled, target)
        added = system(_ADD, ruleset, 1, rule, 0)
        os.close(target)
        if added:
            return False
    done = system(_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return bool(done)


# The filter of system calls: numbers of x86-64 and of 64-bit ARM; None where there is no such call.
_REFUSED: Mapping[str, tuple[int | None, int | None]] = {
    # sockets and new programs
    **{"socket": (41, 198), "execve": (59, 221), "execveat": (322, 281)},
    **{"fork": (57, None), "vfork": (58, None), "unshare": (272, 97), "setns": (308, 268)},
    # other processes
    **{"ptrace": (101, 117), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138)},
    **{"rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424)},
    **{"pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "setpriority": (141, 140)},
    **{"process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ioprio_set": (251, 30)},
    # what files are allowed, which Landlock leaves open
    **{"chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452)},
    **{"chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54)},
    **{"utime": (132, None), "utimes": (235, None), "futimesat": (261, None)},
    **{"utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6)},
    **{"fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15)},
    **{"fremovexattr": (199, 16), "setxattrat": (463, 463), "removexattrat": (466, 466)},
    # memory that outlives or hides, and doors of the kernel
    **{"shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180)},
    **{"memfd_create": (319, 279), "userfaultfd": (323, 282), "io_uring_setup": (425, 425)},
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219)},
    **{"add_key": (248, 217), "request_key": (249, 218), "mount": (165, 40), "umount2": (166, 39)},
    **{
        "open_by_handle_at": (304, 265),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "reboot": (169, 142),
    },
    **{"init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104)},
    **{"kexec_file_load": (320, 294), "open_tree": (428, 428), "move_mount": (429, 429)},
    **{"fsopen": (430, 430), "mount_setattr": (442, 442)},
}
_CLONE, _CLONE3, _KILL, _TGKILL, _PRLIMIT = (56, 220), (435, 435), (62, 129), (234, 131), (302, 261)
_LOAD, _JUMP, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _END = 0x7FFF0000, 0x00050000, 0x80000000


def _seccomp() -> bool:
    """Let the kernel refuse the calls above; False if it cannot."""
    machines = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
    if platform.machine() not in machines:
        return False
    which, architecture = machines[platform.machine()]
    refuse, allow = (_RETURN, 0, 0, _REFUSE | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    code = [(_LOAD, 0, 0, 4), (_JUMP, 1, 0, architecture), (_RETURN, 0, 0, _END), (_LOAD, 0, 0, 0)]
    if which == 0:  # a second set of numbers for the same calls
        code += [(_AT_LEAST, 0, 1, 0x40000000), refuse]
    for numbers in _REFUSED.values():
        if (call := numbers[which]) is not None:
            code += [(_JUMP, 0, 1, call), refuse]
    # A thread is made by clone with CLONE_THREAD; clone3 keeps its flags where no filter sees them.
    code += [(_JUMP, 0, 1, _CLONE3[which]), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    code += [(_JUMP, 0, 4, _CLONE[which]), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, 0x10000)]
    code += [allow, refuse]
    own = os.getpid()
    for number, fine in [(_KILL, [own]), (_TGKILL, [own]), (_PRLIMIT, [0, own])]:
        code += [(_JUMP, 0, 2 + 2 * len(fine), number[which]), (_LOAD, 0, 0, 16)]
        for pid in fine:
            code += [(_JUMP, 0, 1, pid), allow]
        code += [refuse]
    program = b"".join(struct.pack("=HBBI", *line) for line in [*code, allow])
    text = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(text))
    )
    system = ctypes.CDLL(None, use_errno=True)
    return system.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(head)), 0, 0) == 0


def _hook(fence: Fence, *, files: bool, calls: bool) -> None:
    """Refuse in Python what the kernel does not: ``files`` and ``calls`` say what it does."""
    processes = ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system")
    others = ("os.kill", "os.killpg", "os.chmod", "os.chown", "resource.prlimit")
    network = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo")
    refused = frozenset([*processes, *others, *network, "subprocess.Popen", "pty.spawn"])
    looks = ("open", "os.listdir", "os.scandir")
    changes = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link")
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    # What is readable inside a hidden folder stays so.
    hidden = [(h, [r for r in fence.readable if _within(r, h)]) for h in fence.hidden]
    # What the student's code replaces in these modules is not what the hook calls.
    within, realpath, text, is_a = _within, os.path.realpath, os.fsdecode, isinstance

    def barred(path: str) -> bool:
        return any(within(path, h) and not any(within(path, r) for r in rs) for h, rs in hidden)

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if not calls and event in refused:
            raise PermissionError(errno.EPERM, f"{event} is not allowed here")
        if files or event not in (*looks, *changes, "os.symlink"):
            return
        named = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]
        flags = arguments[2] if event == "open" and is_a(arguments[2], int) else 0
        changed = event not in looks or flags & writes
        for name in named:
            if not is_a(name, (str, bytes)):
                continue
            path = realpath(text(name))
            outside = changed and not within(path, fence.folder) and path != "/dev/null"
            if outside or barred(path):
                raise PermissionError(errno.EACCES, "this file is not for the notebook", path)

    sys.addaudithook(look)
