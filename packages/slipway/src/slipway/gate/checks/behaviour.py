"""Check what the bundle does: committed figures, deterministic scores."""

import numpy as np

from slipway.columns import frame_to_columns, spread_rows
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.result import Evaluation, SliceResult, find_metric, flatten_evaluation
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.statistics.probe import PROBED

# Number of differing figures that are named.
_NAMED = 4


@gate_check(
    why="Figures that were edited, or belong to another model, mislead their readers.",
    advice="Run `dvc repro evaluate` and commit metrics.json with the model's other files.",
)
def metrics_reproduced(inputs: GateInputs) -> Finding:
    """Fail unless `metrics.json` holds the figures of this bundle on the holdout, at the threshold of `params.yaml`.

    Metrics, their intervals, baseline, improvement and skill are computed again, and the slices of the base commit.
    """
    scored, committed = inputs.candidate.scored, inputs.committed
    problem, params = inputs.problem, inputs.params.evaluate
    found = evaluate_holdout(scored, inputs.baseline, problem.metric, params, inputs.slices, inputs.draws)
    off = _compare_evaluations(committed, found)
    wrong = [f"{name} differs by {share:.2%}" for name, share in off.items() if not share <= inputs.rules.tolerance]
    wrong, more = wrong[:_NAMED], len(wrong) - _NAMED
    wrong += [f"and {more} more figures"] if more > 0 else []
    if (committed.rows, committed.groups) != (len(scored.target), scored.groups):
        wrong.append(
            f"{committed.rows:,} rows in {committed.groups:,} groups, found {len(scored.target):,} in {scored.groups:,}"
        )
    chosen = inputs.params.train.threshold
    if scored.threshold is not None and scored.threshold != chosen:
        wrong.append(f"the bundle's threshold is {scored.threshold:g}, in params.yaml it is {chosen:g}")
    if find_metric(committed, problem.metric) is None:
        wrong.append(f"{problem.metric}, the primary metric, is missing")
    observed = "; ".join(wrong) or f"{len(off)} figures recomputed, largest difference {max(off.values()):.2g}"
    return Finding(not wrong, observed, f"each within {inputs.rules.tolerance:.1%}")


@gate_check(
    why="A score that changes from call to call was never evaluated.",
    advice="Look for randomness or state in features.py, and for a model that predicts a constant.",
)
def predictions_sane(inputs: GateInputs) -> Finding:
    """Fail unless scores are finite, vary and repeat exactly."""
    bundle, scores = inputs.candidate.bundle, inputs.candidate.scored.scores
    probed = spread_rows(len(scores), PROBED)
    columns = frame_to_columns(bundle.fields, inputs.holdout.iloc[probed])
    problems = []
    if not np.isfinite(scores).all():
        problems.append("some are not finite")
    if float(np.ptp(scores, axis=0).max()) == 0:
        problems.append("all are equal")
    if not np.array_equal(bundle.score(columns), scores[probed]):
        problems.append("a second call gives different scores")
    observed = "; ".join(problems) or f"{len(scores):,} finite scores, {len(probed):,} of them repeated exactly"
    return Finding(not problems, observed, "finite, not constant, deterministic")


def _compare_evaluations(said: Evaluation, found: Evaluation) -> dict[str, float]:
    """Return by how much each figure differs: 1 for one of the whole holdout that is on one side alone.

    Slices and primary metric are those of the base commit: only what both sides have of the slices is compared.
    """
    ours, theirs = flatten_evaluation(found), flatten_evaluation(said)
    lost = dict.fromkeys(ours.keys() ^ theirs.keys(), 1.0)
    for part in found.slices:
        ours |= _flatten_slice(part)
    for part in said.slices:
        theirs |= _flatten_slice(part)
    return {name: _distance(theirs[name], value) for name, value in ours.items() if name in theirs} | lost


def _flatten_slice(part: SliceResult) -> dict[str, float]:
    place = f"{part.slice} {part.label}"
    flat: dict[str, float] = {f"{place} rows": part.rows, f"{place} base rate": part.base_rate}
    for each in part.metrics:
        ends = {"": each.value, "_low": each.low, "_high": each.high}
        flat |= {f"{place} {each.name}{end}": number for end, number in ends.items() if number is not None}
    return flat


def _distance(said: float, found: float) -> float:
    return abs(said - found) / max(abs(found), 0.01)
