"""Compare both models on the rows after production's last training day, and check that these rows are dated."""

from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.result import NewerComparison
from slipway.gate.rules import Decides
from slipway.gate.statistics.comparison import compare_metrics
from slipway.gate.wording import NO_PRODUCTION, describe_difference


@gate_check(
    why="Where the newer rows decide, a row without a time would leave the decision to the others.",
    advice="Let dataset.py return `time`, when the row happened, in every row; or set `decides: holdout` in gate.yaml, "
    "in a pull request of its own.",
)
def newer_rows_dated(inputs: GateInputs) -> Finding:
    """Fail where the newer rows decide and held-out rows have no time; see `find_newer_rows`."""
    limit = "`time` in every held-out row"
    if inputs.rules.decides is not Decides.NEWER:
        return Finding(True, "not asked: the whole holdout decides", limit)
    if "time" not in inputs.holdout:
        return Finding(False, "no column `time`", limit)
    undated = int(inputs.holdout["time"].isna().sum())
    if undated:
        return Finding(False, f"{undated:,} of {len(inputs.holdout):,} held-out rows without `time`", limit)
    return Finding(True, f"{len(inputs.holdout):,} held-out rows with `time`", limit)


def compare_newer_rows(inputs: GateInputs) -> NewerComparison:
    """Compare candidate and production on the newer rows, by the statistics of the whole holdout."""
    found = inputs.newer
    if found is None or inputs.production is None:
        return NewerComparison(note=NO_PRODUCTION)
    day = found.day.date() if found.day else None
    if found.gain is None:
        return NewerComparison(note=found.obstacle, day=day, rows=len(found.rows), groups=found.groups)
    told = describe_difference(inputs, found.gain, "production's")
    ours, theirs = (inputs.compared(side, found.rows) for side in (inputs.candidate, inputs.production))
    return NewerComparison(
        note=f"{told} on {len(found.rows):,} held-out rows in {found.groups:,} groups",
        day=day,
        decides=inputs.newer_decide,
        rows=len(found.rows),
        groups=found.groups,
        relative=found.gain,
        metrics=compare_metrics(ours, theirs, inputs.rules.level, inputs.params.evaluate),
    )
