"""The child's side of isolation: a server that forks processes, and the confinement of each before foreign code runs.

The server starts with an empty environment and imports libraries once; each process that it forks gives up what it can
(memory, files to write, network, other programs, other processes) and then answers requests until its socket closes.
"""

import contextlib
import ctypes
import importlib
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

# A request is a method and its packed arguments, an answer the type of an error ("" for none) and the packed result.
COMMAND, LENGTH = struct.Struct("=ci"), struct.Struct("=q")
FORK, KILL = b"f", b"k"
# Bytes. A bundle of megabytes scores a hundred thousand rows in less than one GB.
MEMORY = 4 << 30
_OPEN_FILES = 128
_TEXT = 1500

_SET_DEATH_SIGNAL, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 1, 22, 38
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
# The audit number of the architecture, then the numbers of the calls that are refused: socket, connect, fork, vfork,
# execve, execveat, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, kill, tkill, tgkill, pidfd_open; then
# clone, which may start threads only, and clone3, for which libc falls back to clone.
_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 57, 58, 59, 322, 101, 310, 311, 425, 62, 200, 234, 434), 56, 435),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 270, 271, 425, 129, 130, 131, 434), 220, 435),
}


def serve_forks(control: socket.socket, preload: Sequence[str]) -> None:
    """Fork a confined process for each socket that arrives, until the other end closes."""
    for name in preload:
        # What cannot be imported here fails where it is used, with its reason.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    children: set[int] = set()
    while True:
        message, given, _, _ = socket.recv_fds(control, COMMAND.size, 1, socket.MSG_WAITALL)
        if len(message) < COMMAND.size:
            os._exit(0)
        command, pid = COMMAND.unpack(message)
        if command == FORK:
            pid = os.fork()
            if pid == 0:
                control.close()
                _run_child(given[0])
            os.close(given[0])
            children.add(pid)
            control.sendall(COMMAND.pack(FORK, pid))
        elif pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            children.discard(pid)


def _run_child(channel: int) -> None:
    """Confine this process, answer requests, and end it: it never returns into the server."""
    try:
        confine_process()
        with socket.socket(fileno=channel) as link:
            answer_requests(link)
    finally:
        os._exit(0)


def answer_requests(link: socket.socket) -> None:
    """Start the host that the first request names, then answer each further request by one of its methods."""
    host: Any = None
    while (content := receive_frame(link)) is not None:
        method, payload = msgspec.msgpack.decode(content, type=tuple[str, msgspec.Raw])
        try:
            if host is None:
                module, _, name = method.partition(":")
                host = getattr(importlib.import_module(module), name)(payload)
                found: Any = True
            else:
                found = getattr(host, method)(payload)
            answer = msgspec.msgpack.encode(("", found))
        except BaseException as error:  # noqa: BLE001 - sys.exit is an error here: the answer is missing
            answer = msgspec.msgpack.encode((type(error).__name__, str(error)[:_TEXT]))
        send_frame(link, answer)


def send_frame(link: socket.socket, content: bytes) -> None:
    """Send one frame: its length, then its bytes."""
    link.sendall(LENGTH.pack(len(content)) + content)


def receive_frame(link: socket.socket, most: int = 1 << 40) -> bytes | None:
    """Receive one frame; None where the other end closed. Raises `ValueError` for one of more than `most` bytes."""
    head = _receive(link, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    if not 0 <= length <= most:
        raise ValueError(f"an answer of {length:,} bytes, expected at most {most:,}")
    return _receive(link, length)


def _receive(link: socket.socket, length: int) -> bytes | None:
    content = bytearray()
    while len(content) < length:
        part = link.recv(min(length - len(content), 1 << 20))
        if not part:
            return None
        content += part
    return bytes(content)


def confine_process() -> None:
    """Give up what scoring never needs; what this system does not support is left out, except the limits."""
    with contextlib.suppress(OSError), Path("/proc/self/oom_score_adj").open("w") as file:
        # Where memory runs short, the kernel ends this process first.
        file.write("1000")
    for kind, most in (
        (resource.RLIMIT_AS, _virtual_size() + MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.chdir("/")
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    # A user namespace of its own hides the memory and the environment of every process outside; each may be denied.
    for namespace in (_NEW_USER, _NEW_NETWORK, _NEW_IPC):
        libc.unshare(namespace)
    _refuse_calls(libc)


def _virtual_size() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """Let the kernel refuse network, other programs and other processes, by a seccomp filter (EPERM, ENOSYS)."""
    if platform.machine() not in _CALLS:
        return
    architecture, refused, clone, clone3 = _CALLS[platform.machine()]
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, kill, eperm, enosys = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, 0)]
    # Calls of the 32-bit-pointer interface of x86_64 have other numbers.
    program += [(any_bit, 0, 1, 0x40000000), (give, 0, 0, eperm)] if platform.machine() == "x86_64" else []
    for number in refused:
        program += [(equal, 0, 1, number), (give, 0, 0, eperm)]
    program += [(equal, 0, 1, clone3), (give, 0, 0, enosys)]
    # clone: the first argument must have CLONE_THREAD.
    program += [(equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 1, 0, 0x00010000), (give, 0, 0, eperm)]
    program += [(give, 0, 0, allow)]
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_SET_SECCOMP, 2, ctypes.create_string_buffer(filter_), 0, 0)
