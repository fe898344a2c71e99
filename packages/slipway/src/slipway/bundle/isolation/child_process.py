"""Run the code of bundles in child processes, and decode their answers.

A child has an empty environment, limits on time, memory and output, and no network; `confinement` has what it gives up.
Its answers are decoded by msgspec and numpy into known types, and nothing that it sends is run. A child that ends,
hangs or answers something else has failed: the way in which it ends is never an answer.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from slipway import errors
from slipway.bundle.isolation.fork_server import COMMAND, FORK, KILL
from slipway.bundle.isolation.frames import receive_frame, send_frame
from slipway.errors import BundleError, SlipwayError
from slipway.settings import quiet_environment

T = TypeVar("T")
_starting = threading.Lock()
_servers: list["_Server"] = []
# Seconds for an answer. Golden rows take a fraction of one; this leaves room for a busy machine.
PATIENCE = 60.0
# Bytes of an answer beside what the question lets expect.
SMALL = 1 << 20
_SET_DUMPABLE = 4
_SERVE = (
    "import sys, socket; sys.path[:] = sys.argv[2].split(chr(0x1f)); "
    "from slipway.bundle.isolation.fork_server import serve_forks; "
    "serve_forks(socket.socket(fileno=int(sys.argv[1])), sys.argv[3].split())"
)


class ChildProcess:
    """One confined process that runs a worker of the machinery around code of others; it ends with this object.

    `worker` is "module:name" of a class that takes the encoded `payload` and answers by its methods; `source` names the
    code in messages, `advice` says where to look. Of files it can read those `readable`, and Python's own.
    """

    def __init__(
        self,
        worker: str,
        payload: Any,
        *,
        preload: str,
        source: str,
        advice: str,
        patience: float = PATIENCE,
        readable: Sequence[str] = (),
    ) -> None:
        self._source, self._advice, self._patience = source, advice, patience
        self._asking = threading.Lock()
        server = start_server(preload)
        self._link, theirs = socket.socketpair()
        with theirs:
            self._end = weakref.finalize(self, _end_child, server, server.fork(theirs), self._link)
        send_frame(self._link, msgspec.msgpack.encode(readable))
        self.ask(worker, payload, bool)

    def ask(self, method: str, payload: Any, answer: type[T], most: int = SMALL, patience: float = 0.0) -> T:
        """Ask the worker and decode its answer of at most `most` bytes as the type `answer`.

        One question is asked at a time, whatever thread asks. Raises the `SlipwayError` that the worker raised, and
        `BundleError` for every other error and for no answer within `patience` seconds more than usual.
        """
        limit, question = self._patience + patience, msgspec.msgpack.encode((method, payload))
        try:
            with self._asking:
                self._link.settimeout(limit)
                send_frame(self._link, question)
                content = receive_frame(_Deadline(self._link, limit), most)  # type: ignore[arg-type]
        except TimeoutError:
            self.close()
            raise BundleError(f"{self._source}: its code gave no answer within {limit:.0f} s. {self._advice}") from None
        except (OSError, ValueError) as error:
            self.close()
            raise BundleError(f"{self._source}: its code's process failed: {error}. {self._advice}") from error
        if content is None:
            self.close()
            raise BundleError(
                f"{self._source}: its code ended the process that ran it, without an answer (os._exit, a crash, or no "
                f"memory). {self._advice}"
            )
        return self._decode(content, answer)

    def close(self) -> None:
        """End the process."""
        self._end()

    def _decode(self, content: bytes, answer: type[T]) -> T:
        try:
            name, payload = msgspec.msgpack.decode(content, type=tuple[str, msgspec.Raw])
            if not name:
                return msgspec.msgpack.decode(payload, type=answer)
            text = msgspec.msgpack.decode(payload, type=str)
        except msgspec.MsgspecError as error:
            raise BundleError(
                f"{self._source}: its code's process sent a malformed answer: {error}. {self._advice}"
            ) from error
        kind = vars(errors).get(name)
        if isinstance(kind, type) and issubclass(kind, SlipwayError):
            raise kind(text)
        raise BundleError(f"{self._source}: its code raised {name[:100]}: {text}. {self._advice}")


class _Deadline:
    """A socket, the reads of which must all be over by one moment, however slowly the other end sends."""

    def __init__(self, link: socket.socket, seconds: float) -> None:
        self._link, self._until = link, time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._link.settimeout(left)
        return self._link.recv(size)


class _Server:
    """The process that forks children; see `serve_forks`."""

    def __init__(self, preload: str) -> None:
        self.owner, self.preload = os.getpid(), set(preload.split())
        hide_process()
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        # Matplotlib is not imported without a folder that seems writable.
        environment = {"MPLCONFIGDIR": tempfile.gettempdir()}
        quiet_environment(environment)
        with theirs:
            given = "\x1f".join(str(Path(place).resolve()) for place in sys.path)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _SERVE, str(theirs.fileno()), given, preload],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def fork(self, channel: socket.socket) -> int:
        """Fork a child that answers on `channel`, and return its process id."""
        try:
            with self._lock:
                socket.send_fds(self._control, [COMMAND.pack(FORK, 0)], [channel.fileno()])
                self._control.settimeout(PATIENCE)
                answer = self._control.recv(COMMAND.size, socket.MSG_WAITALL)
            return int(COMMAND.unpack(answer)[1])
        except (OSError, struct.error) as error:
            raise BundleError(f"Cannot start a child process: {error}.") from error

    def kill(self, pid: int) -> None:
        """End a child."""
        with self._lock:
            self._control.sendall(COMMAND.pack(KILL, pid))


def start_server(preload: str) -> _Server:
    """Return a server of this process that imported `preload` (names of modules with blanks between them).

    A command that knows what it will run starts the server early, so that both import at the same time.
    """
    with _starting:
        ours = [each for each in _servers if each.owner == os.getpid()]
        # A fork has no server of its own yet.
        _servers[:] = ours
        for each in ours:
            if each.preload >= set(preload.split()):
                return each
        _servers.append(_Server(preload))
        return _servers[-1]


def _end_child(server: _Server, pid: int, link: socket.socket) -> None:
    link.close()
    try:
        server.kill(pid)
    except OSError:
        # The server has ended, and its children with it.
        return


def hide_process() -> None:
    """Keep other processes of this user from reading this one's memory and environment, where the system allows."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
