"""Check that production's model still gets what it got when it was evaluated: else the rows changed, not the model."""

from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.statistics.reproduction import Reproduction
from slipway.gate.wording import NO_PRODUCTION

_NAMED = 3


@gate_check(
    why="Rows that were damaged harm production's model more than one that was trained on them.",
    advice=(
        "Undo what changed these rows: dataset.py, or the data (`git log data.dvc`). If they were wrong before and "
        "are right now, commit them and run `slipway gate rebase --reason ...`, or add an exemption that names the "
        "commit to gate.yaml."
    ),
)
def production_reproduced(inputs: GateInputs) -> Finding:
    """Fail unless production's model gets its recorded figures again on the groups that both evaluations know."""
    share = inputs.rules.tolerance
    limit = f"recorded rows and outcomes; loss within {share:.2%} in a group, {share / 10:.3%} in all"
    found = inputs.reproduction
    if inputs.production is None:
        return Finding(True, NO_PRODUCTION, limit)
    if found is None:
        return Finding(True, "not compared: production's model has no evaluation record", limit)
    aged = f"; {found.aged:,} older groups left the data" if found.aged else ""
    if not found.compared:
        return Finding(True, f"not compared: no group of the evaluation record is held out now{aged}", limit)
    if found.changed:
        return Finding(False, _describe(found) + aged, limit)
    columns = f"; no effect on its loss: other values in {_columns(found)}" if found.columns else ""
    return Finding(True, f"the recorded loss again on {found.compared:,} groups{columns}{aged}", limit)


def _describe(found: Reproduction) -> str:
    kinds = (
        ("missing", len(found.missing)),
        ("with another number of rows", len(found.resized)),
        ("with other outcomes", len(found.relabelled)),
    )
    told = "".join(f", {number:,} {kind}" for kind, number in kinds if number)
    known = found.compared + len(found.missing)
    loss = f"production's loss there {found.total:+.2%}"
    worst = ", ".join(_group(found, name) for name in found.changed[:_NAMED])
    columns = f"; columns: {_columns(found)}" if found.columns else ""
    differ = f"{len(found.changed):,} of {known:,} groups differ{told}"
    return f"the rows changed, not the model: {differ}; {loss} ({worst}){columns}"


def _group(found: Reproduction, name: str) -> str:
    if name in found.missing:
        return f"{name} missing"
    return f"{name} {found.lost[name]:+.1%}" if name in found.lost else name


def _columns(found: Reproduction) -> str:
    named = [f"{name} ({groups:,} groups)" for name, groups in found.columns.items()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more
