"""One command at a time in an environment."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(root: Path, environment: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the environment of the project at `root`; wait, and say so, while another command holds it.

    The system lets go of it when the process ends, however it ends.
    """
    place = root / ".slipway" / "environments" / f"{environment}.lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{environment}: waiting for another command to end ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
