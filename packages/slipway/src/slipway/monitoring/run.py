"""One run of the monitor: take in what is new in the log, measure every window, judge the rules, write the result."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.contract import read_contract
from slipway.delivery.targets.registry import find_target
from slipway.errors import DataError, DeliveryError
from slipway.figures import Figure
from slipway.monitoring.alarms.judge import explain_unjudged_rules, judge_rules
from slipway.monitoring.effectiveness.counters import measure_counters, read_counters
from slipway.monitoring.intake.log import MonitoredLog, Progress, open_log
from slipway.monitoring.intake.segments import LogSource
from slipway.monitoring.intake.traffic import LOGGED, LoadedLog
from slipway.monitoring.measure import measure_windows, to_instant
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.release_reference import ReleaseReference, read_release_reference
from slipway.monitoring.result import LogCounts, MonitorResult, Window, result_path, write_result
from slipway.monitoring.rules import MonitorRules, read_rules, verify_columns
from slipway.monitoring.run_memory import RunMemory, read_memory, write_memory
from slipway.monitoring.windows import find_days, plan_windows
from slipway.project import Project, load_project

_HOUR = timedelta(hours=1)


def run_monitor(
    root: Path, environment: str, sources: Sequence[LogSource], out: Path, until: datetime | None, progress: Progress
) -> tuple[MonitorResult, Path]:
    """Measure the environment by the logs in `sources` up to the day `until`, and write the result below `out`.

    Without sources the environment's target says where its log is. Returns the result and its file. Raises
    `SlipwayError` for what is missing or malformed.
    """
    project, rules = load_project(root), read_rules(root)
    reference = read_release_reference(root, environment)
    fields = read_contract(project.problem.contract)
    verify_columns(rules, [field.name for field in fields])
    with open_log(root, environment, sources, reference.manifest, fields, progress, rules.clock) as log:
        now = datetime.now(UTC)
        result = _measure(project, environment, rules, reference, log, until, now, progress)
        memory = read_memory(root, environment, rules.clock)
        if is_past := memory.at is not None and result.at < memory.at:
            memory = RunMemory()
        counters = {} if sources or until else _read_counters(root, environment)
        newest = _measure_clocks(log.loaded, rules, until, memory, now)
        result = _with_newest(result, (*newest, *measure_counters(counters, memory.counters)))
        alarms, unjudged = judge_rules(result, rules.rules, memory.alarms), explain_unjudged_rules(result, rules.rules)
        result = msgspec.structs.replace(result, alarms=alarms, unjudged=unjudged)
        path = result_path(out, result)
        write_result(path, result)
        # After the result: a run that is killed before judges the same alarms again.
        if not is_past:
            kept = RunMemory(
                clock=rules.clock,
                at=result.at,
                ran_at=now,
                alarms=result.alarms,
                counters=counters or memory.counters,
            )
            write_memory(root, environment, kept)
    return result, path


def _measure(
    project: Project,
    environment: str,
    rules: MonitorRules,
    reference: ReleaseReference,
    log: MonitoredLog,
    until: datetime | None,
    now: datetime,
    progress: Progress,
) -> MonitorResult:
    days = find_days(_find_past(log.loaded, rules, now), np.datetime64(until.date(), "D") if until else None)
    if days.end <= days.start:
        raise DataError(
            f"Nothing to measure before {days.end}: the log of {environment} begins on {days.start}. Name a later day "
            "with --until."
        )
    traffic = log.loaded.traffic
    planned = plan_windows(days, rules.lengths(), traffic.clock, traffic.labelled)
    progress.start("measuring", len(planned))
    return MonitorResult(
        environment=environment,
        problem=project.problem.name,
        clock=rules.clock,
        at=to_instant(days.end),
        release=reference.bundle,
        share=log.loaded.share,
        counts=_count(log.loaded, log.incomplete),
        windows=measure_windows(
            project, reference, log.loaded, planned, rules.drift, rules.input_days(), progress.advance
        ),
    )


def _find_past(loaded: LoadedLog, rules: MonitorRules, now: datetime) -> NDArray[np.datetime64]:
    """Return the clock of the rows, by the log's own time without those of a clock that runs ahead of this one's."""
    clock = loaded.traffic.clock
    if rules.clock != LOGGED:
        return clock
    latest = np.datetime64((now + timedelta(days=1)).replace(tzinfo=None), "us")
    past = clock[: np.searchsorted(clock, latest, side="right")]
    return past if len(past) else clock


def _read_counters(root: Path, environment: str) -> dict[str, float]:
    """Return the counters of the service, none where it does not run or cannot be reached from here."""
    target = find_target(root, environment)
    with suppress(DeliveryError):
        return read_counters(target.url, target.key)
    return {}


def _measure_clocks(
    loaded: LoadedLog, rules: MonitorRules, until: datetime | None, memory: RunMemory, now: datetime
) -> tuple[Measurement, ...]:
    """Return `lag`, hours since the newest prediction was logged, and `idle`, hours since the run before this one.

    A run up to a day of the past looks at the log as it was then; by another clock that cannot be known.
    """
    found = []
    seen = now if until is None else until.replace(tzinfo=UTC) if rules.clock == LOGGED else None
    logged = loaded.traffic.logged.astype(np.int64) / 1e6
    # A clock that jumped ahead must not hide that the log has stopped.
    if seen is not None and (before := logged[logged <= min(seen, now).timestamp()]).size:
        newest = datetime.fromtimestamp(before.max(), UTC)
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
        probes=loaded.probes,
        joined=int(outcomes.labelled.sum()),
        repeated=outcomes.repeated,
        superseded=outcomes.superseded,
        conflicting=outcomes.conflicting,
        unknown=outcomes.unknown,
    )
