"""One command at a time in an environment."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from slipway.errors import DeliveryError


@contextmanager
def alone(root: Path, environment: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the environment of the project at `root`; wait, and say so, while another command holds it.

    The system lets go of it when the process ends, however it ends. Raises `DeliveryError` where nothing can be kept.
    """
    with _open(root / ".slipway" / "environments" / f"{environment}.lock") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{environment}: waiting for another command to end ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _open(place: Path) -> BinaryIO:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("ab")
    except OSError as error:
        raise DeliveryError(
            f"{place} cannot be written: {error.strerror}. There a command keeps others out of its environment: "
            f"expected a folder {place.parent} that this user (uid {os.getuid()}) may write."
        ) from error
