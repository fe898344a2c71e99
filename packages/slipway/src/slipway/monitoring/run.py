"""One run of the monitor: take in what is new in the log, measure every window, judge the rules, write the result."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from slipway.contract import read_contract
from slipway.delivery.targets.registry import find_target
from slipway.errors import DataError
from slipway.figures import Figure
from slipway.files.lock import hold_lock
from slipway.monitoring.effectiveness.labels import estimate_metric, measure_labels
from slipway.monitoring.effectiveness.metrics import measure_effectiveness
from slipway.monitoring.effectiveness.service import measure_service
from slipway.monitoring.intake.chunks import count_new_bytes, find_segments, take_in
from slipway.monitoring.intake.traffic import LoadedLog, Traffic, load_traffic
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.reference import ReleaseReference, read_reference
from slipway.monitoring.result import (
    LogCounts,
    MonitorResult,
    ReleaseRows,
    Window,
    result_path,
    write_result,
)
from slipway.monitoring.rules import MonitorRules, read_rules
from slipway.monitoring.windows import WindowDays, find_end, plan_windows
from slipway.project import Project, load_project

# Shorter windows have too few rows in most parts.
_SLICE_DAYS = 14


class Progress(NamedTuple):
    """Callables that hear how far a run is: bytes of the log to read and read, windows to measure and measured."""

    start: Callable[[str, int], None]
    advance: Callable[[int], None]


def run_monitor(
    root: Path, environment: str, folders: Sequence[Path], out: Path, until: datetime | None, progress: Progress
) -> tuple[MonitorResult, Path]:
    """Measure the environment by the logs in `folders` up to the day `until`, and write the result below `out`.

    Without folders the environment's target says where its log is. Returns the result and its file. Raises
    `SlipwayError` for what is missing or malformed.
    """
    project, rules = load_project(root), read_rules(root)
    folders = folders or find_target(root, environment).log_folders()
    reference = read_reference(root, environment)
    store = root / ".slipway" / "monitoring" / environment / "chunks"
    with hold_lock(store.with_name("lock")):
        segments = find_segments(folders)
        progress.start("reading the log", count_new_bytes(store, segments))
        incomplete = take_in(store, segments, progress.advance)
        manifest = reference.manifest
        fields = read_contract(project.problem.contract)
        loaded = load_traffic(store, manifest.task, manifest.classes, fields, rules.clock)
        if not len(loaded.traffic):
            shown = ", ".join(map(str, folders))
            raise DataError(
                f"No prediction in the log of {environment}: {len(segments)} file(s) in {shown}. Send it a request, or "
                "name another folder with --log."
            )
        result = _measure(project, environment, rules, reference, loaded, until, incomplete, progress)
        path = result_path(out, result)
        write_result(path, result)
    return result, path


def _measure(
    project: Project,
    environment: str,
    rules: MonitorRules,
    reference: ReleaseReference,
    loaded: LoadedLog,
    until: datetime | None,
    incomplete: int,
    progress: Progress,
) -> MonitorResult:
    traffic = loaded.traffic
    end = find_end(traffic.clock, np.datetime64(until.date(), "D") if until else None)
    planned = plan_windows(traffic.clock[0].astype("datetime64[D]"), end, rules.windows)
    progress.start("measuring", len(planned))
    windows = []
    for window in planned:
        windows.append(measure_window(project, reference, traffic, window, loaded.share))
        progress.advance(1)
    return MonitorResult(
        environment=environment,
        problem=project.problem.name,
        clock=rules.clock,
        at=_instant(end),
        release=reference.bundle,
        share=loaded.share,
        counts=_count(loaded, incomplete),
        windows=tuple(windows),
    )


def measure_window(
    project: Project, reference: ReleaseReference, traffic: Traffic, window: WindowDays, share: float
) -> Window:
    """Measure one window, and each release in it where there are several."""
    inside = traffic.between(window.start, window.end)
    days = int((window.end - window.start).astype(int))
    releases = _releases(inside)
    measurements = [
        *_measure_rows(project, reference, inside, by_slice=days >= _SLICE_DAYS),
        *measure_service(inside, days, share),
    ]
    for each in releases if len(releases) > 1 else ():
        rows = inside.take(inside.model == inside.models.index(each.bundle))
        prefix = f"release:{each.bundle[:12]}:"
        measurements += [
            msgspec.structs.replace(found, name=prefix + found.name)
            for found in measure_effectiveness(
                rows, reference, project.problem, project.params.evaluate, by_slice=False
            )
        ]
    return Window(
        start=_instant(window.start),
        end=_instant(window.end),
        rows=len(inside),
        outcomes=int(inside.labelled.sum()),
        releases=releases,
        measurements=tuple(measurements),
    )


def _measure_rows(
    project: Project, reference: ReleaseReference, rows: Traffic, *, by_slice: bool
) -> Iterator[Measurement]:
    problem, params = project.problem, project.params.evaluate
    yield from measure_effectiveness(rows, reference, problem, params, by_slice=by_slice)
    yield from measure_labels(rows, reference.manifest, params)
    estimate = estimate_metric(rows, reference.manifest, problem.metric)
    if estimate is not None:
        yield Measurement(name=estimate.name, figure=Figure(value=estimate.every), rows=len(rows))


def _releases(rows: Traffic) -> tuple[ReleaseRows, ...]:
    every = np.bincount(rows.model, minlength=len(rows.models)).tolist()
    labelled = np.bincount(rows.model, weights=rows.labelled, minlength=len(rows.models)).astype(int).tolist()
    found = [
        ReleaseRows(bundle=name, rows=number, outcomes=known)
        for name, number, known in zip(rows.models, every, labelled, strict=True)
        if number
    ]
    return tuple(sorted(found, key=lambda each: (-each.rows, each.bundle)))


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


def _instant(day: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(day.astype("datetime64[s]").astype(int)), UTC)
