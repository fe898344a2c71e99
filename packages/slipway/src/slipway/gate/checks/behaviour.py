"""Whether the bundle does what is said of it: the figures, the same answer every time, in time and in size."""

import statistics
import time

import msgspec
import numpy as np

from slipway.bundle.row import RowScorer
from slipway.columns import columns_to_rows, frame_to_columns, take_rows
from slipway.evaluation.metrics import metric_value
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult

_ALONE, _TIMED = 16, 200
_MEGABYTE = 1e6


def metrics_reproduced(case: GateInputs) -> CheckResult:
    """Every metric in `metrics.json` is the one that the bundle gives on the holdout, at the chosen threshold."""
    scored, committed = case.candidate.scored, case.committed
    off = {each.name: _distance(each.value, metric_value(scored, each.name)) for each in committed.metrics}
    wrong = [f"{name} differs by {share:.2%}" for name, share in off.items() if not share <= case.rules.tolerance]
    if (committed.rows, committed.groups) != (len(scored.target), scored.groups):
        wrong.append(
            f"{committed.rows:,} rows in {committed.groups:,} groups, found {len(scored.target):,} in {scored.groups:,}"
        )
    chosen = case.params.train.threshold
    if scored.threshold is not None and scored.threshold != chosen:
        wrong.append(f"the bundle's threshold is {scored.threshold:g}, params.yaml says {chosen:g}")
    if case.problem.metric not in off:
        wrong.append(f"{case.problem.metric}, the primary metric, is missing")
    return CheckResult(
        name="metrics_reproduced",
        passed=not wrong,
        observed="; ".join(wrong) or f"{len(off)} metrics recomputed, largest difference {max(off.values()):.2g}",
        limit=f"each within {case.rules.tolerance:.1%}",
        why="Figures that were edited, or are of another model, mislead whoever reads them.",
        advice="Run `dvc repro evaluate` and commit metrics.json with the model's other files.",
    )


def predictions_sane(case: GateInputs) -> CheckResult:
    """Scores are finite, not all the same, the same when asked again, and the same for a row alone."""
    bundle, scores = case.candidate.bundle, case.candidate.scored.scores
    columns = frame_to_columns(bundle.fields, case.holdout)
    problems = []
    if not np.isfinite(scores).all():
        problems.append("some are not finite")
    if float(np.ptp(scores, axis=0).max()) == 0:
        problems.append("all are the same")
    if not np.array_equal(bundle.score(columns), scores):
        problems.append("a second call gives others")
    alone = RowScorer(bundle)
    some = msgspec.convert(columns_to_rows(bundle.fields, take_rows(columns, slice(0, _ALONE))), list[bundle.contract])  # type: ignore[name-defined]
    if [alone.score(row) for row in some] != scores[:_ALONE].tolist():
        problems.append("a row alone gets another")
    return CheckResult(
        name="predictions_sane",
        passed=not problems,
        observed="; ".join(problems) or f"{len(scores):,} finite scores, the same again",
        limit="finite, not constant, the same every time",
        why="What changes from call to call was never evaluated.",
        advice="Look for randomness or state in features.py, and for a model that learnt nothing.",
    )


def latency_and_size(case: GateInputs) -> CheckResult:
    """One row must be scored in time, and the bundle must be small."""
    bundle, rules = case.candidate.bundle, case.rules
    milliseconds = _milliseconds(case)
    megabytes = sum(file.stat().st_size for file in bundle.path.iterdir()) / _MEGABYTE
    return CheckResult(
        name="latency_and_size",
        passed=milliseconds <= rules.milliseconds and megabytes <= rules.megabytes,
        observed=f"{milliseconds:.2g} ms a row, {megabytes:.2g} MB",
        limit=f"at most {rules.milliseconds:g} ms, {rules.megabytes:g} MB",
        why="A slow model fails its callers, a large one every start and every rollback.",
        advice="Fewer or smaller trees; look at what features.py does for a single row.",
    )


def _milliseconds(case: GateInputs) -> float:
    """The median time of one row alone."""
    bundle = case.candidate.bundle
    columns = take_rows(frame_to_columns(bundle.fields, case.holdout.iloc[:_TIMED]), slice(None))
    rows = msgspec.convert(columns_to_rows(bundle.fields, columns), list[bundle.contract])  # type: ignore[name-defined]
    scorer, taken = RowScorer(bundle), []
    for row in rows:
        began = time.perf_counter()
        scorer.score(row)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def _distance(said: float, found: float) -> float:
    return abs(said - found) / max(abs(found), 0.01)


CHECKS = (metrics_reproduced, predictions_sane, latency_and_size)
