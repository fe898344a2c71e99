"""Run a stage script: quiet environment, progress lines, errors as one paragraph."""

import errno
import gc
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from slipway.errors import SlipwayError
from slipway.settings import quiet_environment

# One line per finished stage; ignored by git and DVC, read by whoever wants to show where the time went.
TIMES = Path(".slipway/stages.jsonl")


class StageTime(msgspec.Struct, frozen=True):
    """The time of one run of a stage in seconds, with interpreter start and imports."""

    stage: str
    seconds: float
    steps: dict[str, float]


_steps: dict[str, float] = {}


def run_stage(stage: Callable[[], str]) -> None:
    """Run one stage and print its summary.

    Exits with 1 after one paragraph that explains the error, with 130 if interrupted.
    """
    name = stage.__name__
    quiet_environment()
    # A stage lives for seconds and imports hundreds of thousands of objects: looking for garbage among them takes up
    # to a third of its time and finds nothing.
    gc.disable()
    started = _process_start()
    try:
        summary = stage()
    except SlipwayError as error:
        sys.stderr.write("\n" + _wrap(f"{name} failed: {error}") + "\n")
        sys.exit(1)
    except (MemoryError, OSError) as error:
        if (reason := _describe_shortage(error)) is None:
            raise
        sys.stderr.write("\n" + _wrap(f"{name} failed: {reason}") + "\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{name} interrupted: no output is incomplete, and `dvc repro` runs this stage again\n")
        sys.exit(130)
    seconds = time.time() - started
    print_progress(f"{name}: {summary} ({seconds:.1f} s)")
    _keep_time(StageTime(name, round(seconds, 2), dict(_steps)))


@contextmanager
def timed_step(what: str) -> Iterator[None]:
    """Announce a step, and record its time with the stage's."""
    print_progress(f"  {what} ...")
    started = time.perf_counter()
    yield
    _steps[what] = round(time.perf_counter() - started, 2)


def print_progress(line: str) -> None:
    """Print one line of progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _describe_shortage(error: MemoryError | OSError) -> str | None:
    """Name what the machine has too little of, and what to do; None for any other error."""
    if isinstance(error, MemoryError):
        return (
            "the memory of this machine, or of this container, is not enough. No output is incomplete. Use a machine "
            "with more, or fewer rows or columns in dataset.py."
        )
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    place = f" at {error.filename}" if error.filename else ""
    return (
        f"the disk is full{place}. No output is incomplete. Free some space (`dvc gc --workspace` removes old versions "
        "from the cache), then run `dvc repro`."
    )


def _wrap(text: str) -> str:
    return "\n".join(textwrap.fill(line, 110, break_on_hyphens=False) for line in text.splitlines())


def _process_start() -> float:
    """Return when this process was started, in seconds since 1970: a stage's time includes its imports."""
    import psutil

    return psutil.Process().create_time()


def _keep_time(taken: StageTime) -> None:
    TIMES.parent.mkdir(exist_ok=True)
    with TIMES.open("ab") as log:
        log.write(msgspec.json.encode(taken) + b"\n")
