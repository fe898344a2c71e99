"""Measure the inputs and scores of windows: drift against the release's reference, and scores that it did not give."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.columns import spread_rows
from slipway.errors import BundleError, ScoringError
from slipway.monitoring.drift.exact import check_scores
from slipway.monitoring.drift.joint import measure_joint
from slipway.monitoring.drift.measure import DriftRules, measure_drift_windows
from slipway.monitoring.drift.reference import DriftReference, read_drift_reference
from slipway.monitoring.drift.window_figure import DayRange
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.release_reference import ReleaseReference
from slipway.monitoring.windows import WindowDays
from slipway.training.reference.histograms import summarize_days

_EPOCH = np.datetime64("1970-01-01", "D")
# Rows of the newest window that are scored again.
_SCORED_AGAIN = 1024


def measure_inputs(
    reference: ReleaseReference, traffic: Traffic, windows: Sequence[WindowDays], share: float, rules: DriftRules
) -> Mapping[WindowDays, tuple[Measurement, ...]]:
    """Measure windows of one length, oldest first; the last one's scores are computed again.

    Inputs are those of all releases, scores those of the release that serves: another one scores otherwise, and that
    is no drift. Of a sample, a `share` below 1 of the rows, repeated rows are not measured: it seldom holds both.
    """
    sealed = read_sealed(reference.folder, reference.bundle)
    own = _take(traffic, _answered(reference, traffic))
    drift = read_drift_reference(sealed)
    measured = _measure_drift(drift, traffic, own, windows, rules)
    if share < 1:
        measured = [tuple(each for each in some if each.name != "duplicates") for some in measured]
    measured = [(*some, joint) for some, joint in zip(measured, measure_joint(traffic, windows), strict=True)]
    found = dict(zip(windows, measured, strict=True))
    newest = windows[-1]
    again = _score_again(reference, own.between(newest.start, newest.end))
    return found | {newest: (*found[newest], *again)}


def _answered(reference: ReleaseReference, traffic: Traffic) -> NDArray[np.bool_]:
    if reference.bundle not in traffic.models:
        return np.zeros(len(traffic), dtype=bool)
    return np.asarray(traffic.model == traffic.models.index(reference.bundle))


def _take(traffic: Traffic, rows: NDArray[np.bool_]) -> Traffic:
    """Return some of the rows; all of them without a copy."""
    return traffic if rows.all() else traffic.take(rows)


def _measure_drift(
    reference: DriftReference, traffic: Traffic, own: Traffic, windows: Sequence[WindowDays], rules: DriftRules
) -> list[tuple[Measurement, ...]]:
    days = [DayRange(int((each.start - _EPOCH).astype(int)), each.days) for each in windows]
    rows = _take(traffic, traffic.has_inputs) if traffic.has_inputs.any() else traffic
    columns = rows.columns if traffic.has_inputs.any() else {}
    alone = len(own) == len(traffic) == len(rows)
    profile, known = reference.profile, reference.vocabularies
    every = summarize_days(columns, rows.scores if alone else None, rows.days(), profile, known)
    found = measure_drift_windows(reference, every, days, rules)
    if not alone and len(own):
        of_scores = summarize_days({}, own.scores, own.days(), profile, known)
        scored = measure_drift_windows(reference, of_scores, days, rules)
        found = [
            (*inputs, *(each for each in scores if each.name.startswith("drift:score")))
            for inputs, scores in zip(found, scored, strict=True)
        ]
    return found


def _score_again(reference: ReleaseReference, own: Traffic) -> tuple[Measurement, ...]:
    rows = own.take(own.has_inputs)
    if not len(rows):
        return ()
    rows = rows.take(spread_rows(len(rows), _SCORED_AGAIN))
    try:
        bundle = isolate_bundle(read_sealed(reference.folder, reference.bundle))
        return (check_scores(bundle.score, rows.columns, rows.scores, reference.manifest.scale),)
    except (BundleError, ScoringError) as error:
        return (Measurement(name="foreign_scores", note=f"cannot be scored again: {error}"),)
