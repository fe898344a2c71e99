"""Give up every right that scoring does not need, before code of others runs in this process."""

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway.bundle.isolation.landlock import restrict_files

# Bytes. A bundle of megabytes scores a hundred thousand rows in less than one GB.
_MEMORY = 4 << 30
_OPEN_FILES = 128

_PERTURB = -6
_SET_DEATH_SIGNAL, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 22, 38
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
# Calls of the kernel that are refused, by their numbers on x86-64 and on ARM64, which has no fork and vfork.
_MACHINES = ("x86_64", "aarch64")
_REFUSED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "io_uring_setup": (425, 425),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_open": (434, 434),
}
# How the kernel names the two, and clone, which may start threads only; for clone3, libc falls back to clone.
_ARCHITECTURES, _CLONE, _CLONE3 = (0xC000003E, 0xC00000B7), (56, 220), 435


def confine_process(readable: Sequence[str] = ()) -> None:
    """Give up what scoring never needs; what this system does not support is left out, except the limits.

    Of files, `readable` can be read, beside the interpreter and its libraries.
    """
    with contextlib.suppress(OSError), Path("/proc/self/oom_score_adj").open("w") as file:
        # Where memory runs short, the kernel ends this process first.
        file.write("1000")
    for kind, most in (
        (resource.RLIMIT_AS, _virtual_size() + _MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        hard = resource.getrlimit(kind)[1]
        lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lower, lower))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.chdir("/")
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    # A user namespace of its own hides the memory and the environment of every process outside; each may be denied.
    for namespace in (_NEW_USER, _NEW_NETWORK, _NEW_IPC):
        libc.unshare(namespace)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    restrict_files(readable)
    _refuse_calls(libc)


def fill_memory() -> None:
    """Let glibc fill memory that is given out with a pattern, so that values never written are not zero."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_PERTURB, 0x0F)


def _virtual_size() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """Let the kernel refuse network, other programs and other processes, by a seccomp filter (EPERM, ENOSYS)."""
    if platform.machine() not in _MACHINES:
        return
    machine = _MACHINES.index(platform.machine())
    architecture, clone = _ARCHITECTURES[machine], _CLONE[machine]
    refused = [number for numbers in _REFUSED.values() if (number := numbers[machine]) is not None]
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, kill, eperm, enosys = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, 0)]
    # Calls of the 32-bit-pointer interface of x86_64 have other numbers.
    program += [(any_bit, 0, 1, 0x40000000), (give, 0, 0, eperm)] if platform.machine() == "x86_64" else []
    for number in refused:
        program += [(equal, 0, 1, number), (give, 0, 0, eperm)]
    program += [(equal, 0, 1, _CLONE3), (give, 0, 0, enosys)]
    # clone: the first argument must have CLONE_THREAD.
    program += [(equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 1, 0, 0x00010000), (give, 0, 0, eperm)]
    program += [(give, 0, 0, allow)]
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    libc.prctl(_SET_SECCOMP, 2, ctypes.create_string_buffer(filter_), 0, 0)
