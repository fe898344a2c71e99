"""Lock an environment of a container engine against commands of other clones and machines.

The lock is a container: an engine gives a name once. It ends when its standard input does, and so with the command that
started it, however that ends.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from docker.errors import APIError, NotFound

from slipway.delivery.targets.containers.container import find_container
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import pull_missing_image
from slipway.errors import DeliveryError
from slipway.settings import actor

_BY = "slipway.by"
# The engine does not notice that a machine was cut off: its lock ends by itself after so many seconds.
_LONGEST = 3600
_PROGRAM = f"import select, sys; print('held', flush=True); select.select([sys.stdin], [], [], {_LONGEST})"
_OPTIONS: dict[str, Any] = {
    "entrypoint": "python",
    "stdin_open": True,
    "auto_remove": True,
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "mem_limit": "64m",
    "pids_limit": 16,
}
# The lock's container by its id, as its name is free at once, and the stream to its standard input.
_Held = tuple[str, Any]
_LOOK_SECONDS = 0.5
# A lock that was never started, or was not removed, is stale after so many seconds.
_STALE_SECONDS = 10.0
_RELEASE_SECONDS = 30


@contextmanager
def lease(engine: Engine, name: str, image: Callable[[], str | None], say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock `name` while the block lasts; while another command holds it, wait and say whose it is.

    The container runs the image that `image` returns. If it returns None, nothing of the environment exists, so there
    is nothing to lock. Raises `DeliveryError`.
    """
    held = _acquire(engine, name, image, say)
    try:
        yield
    finally:
        if held:
            _release(engine, *held)


def _acquire(engine: Engine, name: str, image: Callable[[], str | None], say: Callable[[str], None]) -> _Held | None:
    waiting, alive = "", time.monotonic()
    while True:
        holder = find_container(engine, name)
        if holder is None:
            found = image()
            held = _start(engine, name, found) if found else None
            if held or not found:
                return held
        if holder is None or holder.status == "running":
            alive = time.monotonic()
        elif time.monotonic() - alive > _STALE_SECONDS:
            with engine.connect("remove a stale lock"), suppress(NotFound):
                holder.remove(force=True)
        by = (holder.labels.get(_BY) or "another command") if holder else waiting
        if by != waiting:
            waiting = by
            say(f"{name}: waiting for {waiting} to end ...")
        time.sleep(_LOOK_SECONDS)


def _start(engine: Engine, name: str, image: str) -> _Held | None:
    """Start the container and attach to its standard input; return None if another command has the name."""
    # The engine of a swarm's manager may not run the image itself.
    pull_missing_image(engine, image)
    options = _OPTIONS | {"name": name, "labels": {_BY: f"{actor()} on {socket.gethostname()}"}}
    with engine.connect(f"lock {name}") as docker:
        try:
            container = docker.containers.create(image, ["-c", _PROGRAM], **options)
        except APIError as error:
            if error.status_code == 409:
                return None
            raise
        stream: Any = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        container.start()
        # A frame is a header of eight bytes, and what the program printed.
        said = stream.read(1024)[8:].decode(errors="replace").strip()
    if not said.startswith("held"):
        raise DeliveryError(f"Cannot lock {name}: its container did not start: {said or '(no output)'}")
    return str(container.id), stream


def _release(engine: Engine, container: str, stream: Any) -> None:
    """End the container's standard input and wait until it is removed; an engine that was cut off is not waited for."""
    with socket.socket(fileno=os.dup(stream.fileno())) as connection, suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    with suppress(DeliveryError), engine.connect("release the lock") as docker, suppress(NotFound):
        docker.api.wait(container, timeout=_RELEASE_SECONDS, condition="removed")
    stream.close()
