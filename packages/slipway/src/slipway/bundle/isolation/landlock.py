"""Let the kernel refuse files to this process, by Landlock (Linux 5.13), where it has it.

Reading is left for the interpreter, the libraries on its path and what the system's libraries look up; nothing can be
written, made, renamed or deleted. From version 4 on no connection is left either, from version 6 on no signal.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_GIVE_VERSION, _BENEATH = 1, 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
# The number of rights to files that each version knows; bit n is right n. Later versions know those of the last.
_RIGHTS = (13, 14, 15, 15, 16)
_NETWORK, _SCOPES = 0b11, 0b11
# What the C library, numpy and ONNX Runtime look up, and libraries that ask for the name and the home of the user.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"),
    *("/sys/devices/system", "/sys/fs/cgroup", "/dev/null", "/dev/urandom"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory"),
)


def restrict_files(readable: Iterable[str]) -> bool:
    """Leave reading of `readable`, the interpreter and its libraries; return False where the kernel cannot.

    The process must have given up new privileges before.
    """
    version = landlock_version()
    if version == 0:
        return False
    libc = ctypes.CDLL(None)
    files = (1 << _RIGHTS[min(version, len(_RIGHTS)) - 1]) - 1
    parts = [files, _NETWORK, _SCOPES][: 1 + (version >= 4) + (version >= 6)]
    attributes = struct.pack(f"={len(parts)}Q", *parts)
    ruleset = libc.syscall(_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    for path in dict.fromkeys((*_SYSTEM, *prefixes, *sys.path, *readable)):
        _allow_reading(libc, ruleset, path)
    restricted = libc.syscall(_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return restricted


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has, 0 for none."""
    return max(0, ctypes.CDLL(None).syscall(_CREATE, None, 0, _GIVE_VERSION)) if sys.platform == "linux" else 0


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    """Allow reading of a file, or of everything below a folder; what is not there needs no rule."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rights = _READ_FILE | _READ_FOLDER if stat.S_ISDIR(os.fstat(place).st_mode) else _READ_FILE
    libc.syscall(_ADD, ruleset, _BENEATH, struct.pack("=Qi", rights, place), 0)
    os.close(place)
