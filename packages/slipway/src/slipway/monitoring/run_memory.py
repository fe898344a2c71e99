"""Keep what the next run needs in a file of the environment's state folder."""

from datetime import datetime
from pathlib import Path

import msgspec

from slipway.errors import DataError
from slipway.files.documents import read_json
from slipway.files.writing import write_json
from slipway.monitoring.alarms.alarm import Alarm
from slipway.monitoring.intake.log import state_folder
from slipway.monitoring.intake.traffic import LOGGED

_FILE = "alarms.json"


class RunMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The time of a run, the clock and the day up to which it measured, its alarms, and the service's counters."""

    clock: str = LOGGED
    at: datetime | None = None
    ran_at: datetime | None = None
    alarms: tuple[Alarm, ...] = ()
    counters: dict[str, float] = {}


def read_memory(root: Path, environment: str, clock: str) -> RunMemory:
    """Return the memory of the run before, an empty one before the first. Raises `DataError`.

    Days and alarms of another clock than `clock` are left out: they cannot be compared with those of this one.
    """
    path = state_folder(root, environment) / _FILE
    if not path.is_file():
        return RunMemory(clock=clock)
    found = read_json(path, RunMemory, DataError, f"Remove {path}, then retry.")
    return found if found.clock == clock else RunMemory(clock=clock, ran_at=found.ran_at, counters=found.counters)


def write_memory(root: Path, environment: str, memory: RunMemory) -> None:
    """Replace the memory of the run before."""
    write_json(state_folder(root, environment) / _FILE, memory)
