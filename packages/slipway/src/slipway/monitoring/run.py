"""One run of the monitor: take in what is new in the log, measure every window, judge the rules, write the result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from slipway.contract import read_contract
from slipway.delivery.targets.registry import find_target
from slipway.errors import DataError
from slipway.figures import Figure
from slipway.files.documents import read_json
from slipway.files.lock import hold_lock
from slipway.files.writing import write_json
from slipway.monitoring.intake.chunks import count_new_bytes, find_segments, remove_expired, take_in
from slipway.monitoring.intake.traffic import LOGGED, LoadedLog, load_traffic
from slipway.monitoring.judge import AlarmMemory, judge_rules
from slipway.monitoring.measure import measure_windows, to_instant
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.reference import ReleaseReference, read_reference
from slipway.monitoring.result import LogCounts, MonitorResult, Window, result_path, write_result
from slipway.monitoring.rules import MonitorRules, read_rules
from slipway.monitoring.windows import find_end, plan_windows
from slipway.project import Project, load_project
from slipway.serving.settings import read_log_settings
from slipway.settings import project_settings

_HOUR = timedelta(hours=1)


class Progress(NamedTuple):
    """Callables that hear how far a run is: what begins and its length, and each step of it."""

    start: Callable[[str, int], None]
    advance: Callable[[int], None]


class MonitoredLog(NamedTuple):
    """The log of an environment as it was taken in, and how many of its segments end in an incomplete line."""

    loaded: LoadedLog
    incomplete: int


def run_monitor(
    root: Path, environment: str, folders: Sequence[Path], out: Path, until: datetime | None, progress: Progress
) -> tuple[MonitorResult, Path]:
    """Measure the environment by the logs in `folders` up to the day `until`, and write the result below `out`.

    Without folders the environment's target says where its log is. Returns the result and its file. Raises
    `SlipwayError` for what is missing or malformed.
    """
    project, rules = load_project(root), read_rules(root)
    reference = read_reference(root, environment)
    memory_path = _state_folder(root, environment) / "alarms.json"
    with open_log(root, environment, folders, project, reference, rules.clock, progress) as log:
        now = datetime.now(UTC)
        result = _measure(project, environment, rules, reference, log, until, progress)
        memory = _read_memory(memory_path)
        if is_past := memory.at is not None and result.at < memory.at:
            memory = AlarmMemory()
        result = _with_newest(result, _measure_clocks(log.loaded, rules, until, memory, now))
        result = msgspec.structs.replace(result, alarms=judge_rules(result, rules.rules, memory.alarms))
        path = result_path(out, result)
        write_result(path, result)
        # After the result: a run that is killed before judges the same alarms again.
        if not is_past:
            write_json(memory_path, AlarmMemory(at=result.at, ran_at=now, alarms=result.alarms))
    return result, path


@contextmanager
def open_log(
    root: Path,
    environment: str,
    folders: Sequence[Path],
    project: Project,
    reference: ReleaseReference,
    clock: str,
    progress: Progress,
) -> Iterator[MonitoredLog]:
    """Take in what is new in the log and yield it, while no other command of this clone does the same.

    Raises `DataError` for a log without a prediction.
    """
    folders = folders or find_target(root, environment).log_folders()
    store = _state_folder(root, environment) / "chunks"
    with hold_lock(store.with_name("lock")):
        segments = find_segments(folders)
        progress.start("reading the log", count_new_bytes(store, segments))
        incomplete = take_in(store, segments, progress.advance)
        remove_expired(store, segments, datetime.now(UTC) - timedelta(days=_log_days(root, environment)))
        manifest, fields = reference.manifest, read_contract(project.problem.contract)
        loaded = load_traffic(store, manifest.task, manifest.classes, fields, clock)
        if not len(loaded.traffic):
            shown = ", ".join(map(str, folders))
            raise DataError(
                f"No prediction in the log of {environment}: {len(segments)} file(s) in {shown}. Send it a request, or "
                "name another folder with --log."
            )
        yield MonitoredLog(loaded, incomplete)


def _measure(
    project: Project,
    environment: str,
    rules: MonitorRules,
    reference: ReleaseReference,
    log: MonitoredLog,
    until: datetime | None,
    progress: Progress,
) -> MonitorResult:
    clock = log.loaded.traffic.clock
    end = find_end(clock, np.datetime64(until.date(), "D") if until else None)
    planned = plan_windows(clock[0].astype("datetime64[D]"), end, rules.lengths())
    progress.start("measuring", len(planned))
    return MonitorResult(
        environment=environment,
        problem=project.problem.name,
        clock=rules.clock,
        at=to_instant(end),
        release=reference.bundle,
        share=log.loaded.share,
        counts=_count(log.loaded, log.incomplete),
        windows=measure_windows(project, reference, log.loaded, planned, progress.advance),
    )


def _measure_clocks(
    loaded: LoadedLog, rules: MonitorRules, until: datetime | None, memory: AlarmMemory, now: datetime
) -> tuple[Measurement, ...]:
    """Return `lag`, hours since the newest prediction was logged, and `idle`, hours since the run before this one.

    A run up to a day of the past looks at the log as it was then; by another clock that cannot be known.
    """
    found = []
    seen = now if until is None else until.replace(tzinfo=UTC) if rules.clock == LOGGED else None
    if seen is not None:
        newest = datetime.fromtimestamp(int(loaded.traffic.logged.max().astype("int64")) / 1e6, UTC)
        lag = max(0.0, (seen - newest) / _HOUR)
        found.append(Measurement(name="lag", figure=Figure(value=lag), note="hours since the newest prediction"))
    if memory.ran_at is not None:
        idle = (now - memory.ran_at) / _HOUR
        found.append(Measurement(name="idle", figure=Figure(value=idle), note="hours since the run before"))
    return tuple(found)


def _with_newest(result: MonitorResult, measurements: tuple[Measurement, ...]) -> MonitorResult:
    """Add measurements to the windows that end last."""

    def extend(window: Window) -> Window:
        return msgspec.structs.replace(window, measurements=(*window.measurements, *measurements))

    windows = tuple(extend(window) if window.end == result.at else window for window in result.windows)
    return msgspec.structs.replace(result, windows=windows)


def _count(loaded: LoadedLog, incomplete: int) -> LogCounts:
    outcomes = loaded.outcomes
    return LogCounts(
        predictions=loaded.predictions,
        damaged=loaded.damaged + incomplete,
        foreign=loaded.foreign + outcomes.strange,
        joined=int(outcomes.labelled.sum()),
        repeated=outcomes.repeated,
        superseded=outcomes.superseded,
        conflicting=outcomes.conflicting,
        unknown=outcomes.unknown,
    )


def _state_folder(root: Path, environment: str) -> Path:
    return root / ".slipway" / "monitoring" / environment


def _read_memory(path: Path) -> AlarmMemory:
    if not path.is_file():
        return AlarmMemory()
    return read_json(path, AlarmMemory, DataError, f"Remove {path}, then retry.")


def _log_days(root: Path, environment: str) -> int:
    """Return the days after which the environment's service deletes its log."""
    table = project_settings(root).environments.get(environment, {})
    return read_log_settings(table.get("variables", {})).log_days
