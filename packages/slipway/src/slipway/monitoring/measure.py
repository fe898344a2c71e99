"""Measure every window of the loaded log: effectiveness, labels, estimates, service and shadow, and by release."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from slipway.figures import Figure, format_number
from slipway.monitoring.drift.inputs import measure_inputs
from slipway.monitoring.drift.measure import DriftRules
from slipway.monitoring.effectiveness.labels import estimate_metric, measure_labels
from slipway.monitoring.effectiveness.metrics import measure_effectiveness
from slipway.monitoring.effectiveness.service import measure_service
from slipway.monitoring.intake.traffic import LoadedLog, Traffic
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.release_reference import ReleaseReference
from slipway.monitoring.result import ReleaseRows, Window
from slipway.monitoring.shadow import measure_shadow
from slipway.monitoring.windows import Length, PlannedWindow, WindowDays
from slipway.project import Project

# Shorter windows have too few rows in most parts.
_SLICE_DAYS = 14
# An estimate is compared with what came where most outcomes are known.
_KNOWN_SHARE = 0.5


def measure_windows(
    project: Project,
    reference: ReleaseReference,
    loaded: LoadedLog,
    planned: Sequence[PlannedWindow],
    drift: DriftRules,
    input_days: Sequence[int],
    advance: Callable[[int], None],
) -> tuple[Window, ...]:
    """Measure the planned windows in their order, the inputs in those of `input_days`.

    `advance` is called after each.
    """
    from threadpoolctl import threadpool_limits

    # Matrices of resamples by days are too small for threads, which wait for each other twice as long as they compute;
    # and sums are in the same order whatever the number of cores.
    with threadpool_limits(1, "blas"):
        inputs: dict[WindowDays, tuple[Measurement, ...]] = {}
        for length in input_days:
            chosen = [each for each in planned if isinstance(each, WindowDays) and each.days == length]
            inputs |= measure_inputs(reference, loaded.traffic, chosen, loaded.share, drift)
        windows = []
        for window in planned:
            found = _measure_window(project, reference, loaded.traffic, window, loaded.share)
            measured = inputs.get(window, ()) if isinstance(window, WindowDays) else ()
            measurements = (*found.measurements, *measured)
            windows.append(msgspec.structs.replace(found, measurements=measurements))
            advance(1)
        return _with_errors(windows)


def to_instant(moment: np.datetime64) -> datetime:
    """Return a moment in whole seconds, of a day its beginning."""
    return datetime.fromtimestamp(int(moment.astype("datetime64[s]").astype(int)), UTC)


def _measure_window(
    project: Project, reference: ReleaseReference, traffic: Traffic, window: PlannedWindow, share: float
) -> Window:
    """Measure one window, and each release in it where there are several."""
    if isinstance(window, WindowDays):
        inside, by_slice, outcomes = traffic.between(window.start, window.end), window.days >= _SLICE_DAYS, 0
    else:
        inside, by_slice, outcomes = traffic.take(window.rows), True, window.outcomes
    releases = _releases(inside)
    measurements = [
        *_measure_rows(project, reference, inside, by_slice=by_slice),
        *measure_service(inside, window.start, window.end, share),
        *measure_shadow(inside, reference.manifest, project.problem.metric, project.params.evaluate),
    ]
    for each in releases if len(releases) > 1 else ():
        rows = inside.take(inside.model == inside.models.index(each.bundle))
        found = measure_effectiveness(rows, reference, project.problem, project.params.evaluate, by_slice=False)
        measurements += [msgspec.structs.replace(one, name=f"release:{each.bundle[:12]}:{one.name}") for one in found]
    return Window(
        start=to_instant(window.start),
        end=to_instant(window.end),
        rows=len(inside),
        outcomes=int(inside.labelled.sum()),
        releases=releases,
        measurements=tuple(measurements),
        of_outcomes=outcomes,
    )


def _measure_rows(
    project: Project, reference: ReleaseReference, rows: Traffic, *, by_slice: bool
) -> Iterator[Measurement]:
    problem, params = project.problem, project.params.evaluate
    found = measure_effectiveness(rows, reference, problem, params, by_slice=by_slice)
    yield from found
    yield from measure_labels(rows, reference.manifest, params)
    estimate = estimate_metric(rows, reference.manifest, problem.metric)
    if estimate is None:
        return
    yield Measurement(name=f"estimated:{problem.metric}", figure=Figure(value=estimate.every), rows=len(rows))
    real = next(each.figure for each in found if each.name == problem.metric)
    if real is not None and estimate.labelled is not None:
        error = Figure(value=estimate.labelled - real.value)
        yield Measurement(name=f"estimate_error:{problem.metric}", figure=error, rows=int(rows.labelled.sum()))


def _releases(rows: Traffic) -> tuple[ReleaseRows, ...]:
    every = np.bincount(rows.model, minlength=len(rows.models)).tolist()
    labelled = np.bincount(rows.model, weights=rows.labelled, minlength=len(rows.models)).astype(int).tolist()
    found = [
        ReleaseRows(bundle=name, rows=number, outcomes=known)
        for name, number, known in zip(rows.models, every, labelled, strict=True)
        if number
    ]
    return tuple(sorted(found, key=lambda each: (-each.rows, each.bundle)))


def _with_errors(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Note beside each estimate how far those of windows of the same length were from what came."""
    errors: dict[Length, list[float]] = {}
    for window in windows:
        known = next((each for each in window.measurements if each.name.startswith("estimate_error:")), None)
        if known and known.figure and window.outcomes >= _KNOWN_SHARE * window.rows:
            errors.setdefault(window.length, []).append(abs(known.figure.value))
    return tuple(_with_error(window, errors.get(window.length, [])) for window in windows)


def _with_error(window: Window, errors: Sequence[float]) -> Window:
    note = "from the scores alone, as if they were calibrated; no window shows yet how far off that is"
    if errors:
        off = format_number(sum(errors) / len(errors))
        note = f"from the scores alone; off by {off} on average in {len(errors)} windows whose outcomes came"
    measurements = tuple(
        msgspec.structs.replace(each, note=note) if each.name.startswith("estimated:") else each
        for each in window.measurements
    )
    return msgspec.structs.replace(window, measurements=measurements)
