"""The server that forks a confined process for each bundle, and the loop in which such a process answers requests.

The server starts with an empty environment and imports libraries once; what each process gives up before foreign code
runs is in `confinement`.
"""

import contextlib
import importlib
import os
import signal
import socket
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from slipway.bundle.isolation.confinement import confine_process
from slipway.bundle.isolation.frames import receive_frame, send_frame

# One command: fork (with the socket of the new process) or kill, and a process id.
COMMAND = struct.Struct("=ci")
FORK, KILL = b"f", b"k"
# Characters of an error's text that are sent back.
_TEXT = 1500


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
    """Confine this process to the files that the first frame names, answer requests, and end it.

    It never returns into the server.
    """
    try:
        with socket.socket(fileno=channel) as link:
            readable = receive_frame(link)
            if readable is not None:
                confine_process(msgspec.msgpack.decode(readable, type=list[str]))
                answer_requests(link)
    finally:
        os._exit(0)


def answer_requests(link: socket.socket) -> None:
    """Start the worker that the first request names, then answer each further request by one of its methods."""
    worker: Any = None
    while (content := receive_frame(link)) is not None:
        method, payload = msgspec.msgpack.decode(content, type=tuple[str, msgspec.Raw])
        try:
            if worker is None:
                module, _, name = method.partition(":")
                worker = getattr(importlib.import_module(module), name)(payload)
                found: Any = True
            else:
                found = getattr(worker, method)(payload)
            answer = msgspec.msgpack.encode(("", found))
        except BaseException as error:  # noqa: BLE001 - sys.exit is an error here: the answer is missing
            answer = msgspec.msgpack.encode((type(error).__name__, str(error)[:_TEXT]))
        send_frame(link, answer)
