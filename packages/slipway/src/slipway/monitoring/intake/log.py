"""Open the log of an environment: take in what is new of every replica, and load its rows with their outcomes."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from slipway.bundle.manifest import Manifest
from slipway.contract import Field
from slipway.delivery.targets.registry import find_target
from slipway.errors import DataError
from slipway.files.lock import hold_lock
from slipway.monitoring.intake.load import MOST_ROWS, load_traffic
from slipway.monitoring.intake.segments import (
    LogSource,
    count_new_bytes,
    find_segments,
    remove_expired,
    take_in_segments,
)
from slipway.monitoring.intake.traffic import LOGGED, LoadedLog
from slipway.serving.log.segments import list_segments
from slipway.serving.settings import read_log_settings
from slipway.settings import project_settings

# Outcomes that came in a file, as segments of a log.
IMPORTED = "imported"


class Progress(NamedTuple):
    """Callables that hear how far a run is: what begins and its length, and each step of it."""

    start: Callable[[str, int], None]
    advance: Callable[[int], None]


class MonitoredLog(NamedTuple):
    """The log of an environment, the store that it was taken into, and how many segments end in an incomplete line."""

    loaded: LoadedLog
    store: Path
    incomplete: int


def state_folder(root: Path, environment: str) -> Path:
    """Return the folder of what the monitor keeps of an environment on this machine."""
    return root / ".slipway" / "monitoring" / environment


@contextmanager
def open_log(
    root: Path,
    environment: str,
    sources: Sequence[LogSource],
    manifest: Manifest,
    fields: Sequence[Field],
    progress: Progress,
    clock: str = LOGGED,
    most_rows: int = MOST_ROWS,
) -> Iterator[MonitoredLog]:
    """Take in what is new in the log and yield it, while no other command of this clone does the same.

    Without `sources` the environment's target says where its log is, or copies it for as long as the block lasts.
    Raises `DataError` for a log without a prediction.
    """
    state = state_folder(root, environment)
    with (
        hold_lock(state / "lock", lambda: progress.start("waiting for another run", 1)),
        _find_sources(root, environment, sources, state / "copied", progress) as found,
    ):
        oldest = datetime.now(UTC) - timedelta(days=_log_days(root, environment))
        _remove_old_imports(state / IMPORTED, oldest)
        segments = find_segments([*found, state / IMPORTED])
        store = state / "chunks"
        progress.start("reading the log", count_new_bytes(store, segments))
        incomplete = take_in_segments(store, segments, progress.advance)
        remove_expired(store, segments, oldest)
        loaded = load_traffic(store, manifest.task, manifest.classes, fields, clock, most_rows)
        if not len(loaded.traffic):
            shown = ", ".join(map(str, found))
            raise DataError(
                f"No prediction in the log of {environment}: {len(segments)} file(s) in {shown}, with "
                f"{loaded.damaged + incomplete} incomplete or malformed lines, {loaded.foreign} of another kind and "
                f"{loaded.probes} rows of smoke tests. Send it a request, or name another folder with --log."
            )
        yield MonitoredLog(loaded, store, incomplete)


@contextmanager
def _find_sources(
    root: Path, environment: str, sources: Sequence[LogSource], copied: Path, progress: Progress
) -> Iterator[Sequence[LogSource]]:
    """Yield the sources of the log: those that are given, the target's folders, or a copy of one that is elsewhere."""
    if sources:
        yield sources
        return
    target = find_target(root, environment)
    if found := target.log_folders():
        yield found
        return
    progress.start("copying the log", 1)
    try:
        if reason := target.copy_log(copied):
            raise DataError(
                f"The log of {environment} cannot be read: {reason}. Copy it to this machine, and name its folder with "
                "--log."
            )
        yield (copied,)
    finally:
        shutil.rmtree(copied, ignore_errors=True)


def _remove_old_imports(folder: Path, oldest: datetime) -> None:
    for path in list_segments(folder):
        if path.stat().st_mtime < oldest.timestamp():
            path.unlink()


def _log_days(root: Path, environment: str) -> int:
    """Return the days after which the environment's service deletes its log."""
    table = project_settings(root).environments.get(environment, {})
    return read_log_settings(table.get("variables", {})).log_days
