"""Check what the bundle does: committed figures, deterministic scores."""

import numpy as np

from slipway.columns import frame_to_columns
from slipway.evaluation.metrics import metric_value
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs


@gate_check(
    why="Figures that were edited, or belong to another model, mislead their readers.",
    advice="Run `dvc repro evaluate` and commit metrics.json with the model's other files.",
)
def metrics_reproduced(inputs: GateInputs) -> Finding:
    """Fail unless `metrics.json` holds the metrics of this bundle on the holdout, at the threshold of `params.yaml`."""
    scored, committed = inputs.candidate.scored, inputs.committed
    off = {each.name: _distance(each.value, metric_value(scored, each.name)) for each in committed.metrics}
    wrong = [f"{name} differs by {share:.2%}" for name, share in off.items() if not share <= inputs.rules.tolerance]
    if (committed.rows, committed.groups) != (len(scored.target), scored.groups):
        wrong.append(
            f"{committed.rows:,} rows in {committed.groups:,} groups, found {len(scored.target):,} in {scored.groups:,}"
        )
    chosen = inputs.params.train.threshold
    if scored.threshold is not None and scored.threshold != chosen:
        wrong.append(f"the bundle's threshold is {scored.threshold:g}, in params.yaml it is {chosen:g}")
    if inputs.problem.metric not in off:
        wrong.append(f"{inputs.problem.metric}, the primary metric, is missing")
    observed = "; ".join(wrong) or f"{len(off)} metrics recomputed, largest difference {max(off.values()):.2g}"
    return Finding(not wrong, observed, f"each within {inputs.rules.tolerance:.1%}")


@gate_check(
    why="A score that changes from call to call was never evaluated.",
    advice="Look for randomness or state in features.py, and for a model that predicts a constant.",
)
def predictions_sane(inputs: GateInputs) -> Finding:
    """Fail unless scores are finite, vary and repeat exactly."""
    bundle, scores = inputs.candidate.bundle, inputs.candidate.scored.scores
    columns = frame_to_columns(bundle.fields, inputs.holdout)
    problems = []
    if not np.isfinite(scores).all():
        problems.append("some are not finite")
    if float(np.ptp(scores, axis=0).max()) == 0:
        problems.append("all are equal")
    if not np.array_equal(bundle.score(columns), scores):
        problems.append("a second call gives different scores")
    observed = "; ".join(problems) or f"{len(scores):,} finite scores, repeated exactly"
    return Finding(not problems, observed, "finite, not constant, deterministic")


def _distance(said: float, found: float) -> float:
    return abs(said - found) / max(abs(found), 0.01)
