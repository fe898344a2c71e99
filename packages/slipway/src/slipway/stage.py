"""The frame around every stage script: quiet environment, progress lines, errors as one paragraph."""

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
    """How long one run of a stage took, interpreter start and imports included, in seconds."""

    stage: str
    seconds: float
    steps: dict[str, float]


_steps: dict[str, float] = {}


def run_stage(stage: Callable[[], str]) -> None:
    """Run one stage and exit.

    0 with its last sentence printed, 1 with one paragraph that says what went wrong, 130 if interrupted.
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
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{name} stopped; nothing is half-written, and the next run goes on from there\n")
        sys.exit(130)
    seconds = time.time() - started
    print_progress(f"{name}: {summary} ({seconds:.1f} s)")
    _keep_time(StageTime(name, round(seconds, 2), dict(_steps)))


@contextmanager
def timed_step(what: str) -> Iterator[None]:
    """Say what is being done before it is done; how long it took is kept with the stage's time."""
    print_progress(f"  {what} ...")
    started = time.perf_counter()
    yield
    _steps[what] = round(time.perf_counter() - started, 2)


def print_progress(line: str) -> None:
    """Print one line of progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _wrap(text: str) -> str:
    return "\n".join(textwrap.fill(line, 110, break_on_hyphens=False) for line in text.splitlines())


def _process_start() -> float:
    """When this process was started, in seconds since the epoch: imports count as part of a stage's time."""
    import psutil

    return psutil.Process().create_time()


def _keep_time(taken: StageTime) -> None:
    TIMES.parent.mkdir(exist_ok=True)
    with TIMES.open("ab") as log:
        log.write(msgspec.json.encode(taken) + b"\n")
