"""Check evaluation records: production's model still gets what it got when it was evaluated, and so does the candidate.

Where production's model does not, the rows changed, and not the model.
"""

import msgspec

from slipway.data.group_names import Naming
from slipway.evaluation.record import choose_loss, make_record
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.statistics.reproduction import Reproduction, reproduce_record
from slipway.gate.wording import NO_PRODUCTION

_NAMED = 3
# `evaluate.hash_groups` chooses between these two.
_CHOICE = {Naming.PLAIN, Naming.HASHED}


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
    limit = f"recorded rows and outcomes; loss and scores within {share:.2%} in a group, {share / 10:.3%} in all"
    found = inputs.reproduction
    if inputs.production is None:
        return Finding(True, NO_PRODUCTION, limit)
    if found is None:
        return Finding(True, "not compared: production's model has no evaluation record", limit)
    aged = f"; {found.aged:,} older groups left the data" if found.aged else ""
    if not (found.compared or found.missing):
        return Finding(True, f"not compared: no group of the evaluation record is held out now{aged}", limit)
    if found.changed:
        return Finding(False, _describe(found) + aged, limit)
    columns = f"; no effect on its loss: other values in {_columns(found)}" if found.columns else ""
    return Finding(True, f"the recorded loss again on {found.compared:,} groups{columns}{aged}", limit)


@gate_check(
    why="Once this model serves, the next candidate's rows are judged by its record.",
    advice="Run `dvc repro evaluate`: it writes evaluation.json.gz with the candidate's other figures.",
)
def record_reproduced(inputs: GateInputs) -> Finding:
    """Fail unless `evaluation.json.gz` is what the candidate gets on these held-out rows."""
    said, candidate, share = inputs.committed_record, inputs.candidate, inputs.rules.tolerance
    limit = f"this bundle's, over every held-out group; loss and scores within {share:.2%} in a group"
    if said.bundle != candidate.bundle.digest:
        return Finding(False, f"the record of the bundle {said.bundle[:12]}", limit)
    own = make_record(candidate.bundle, inputs.problem, inputs.params, candidate.scored, inputs.holdout)
    # The metric and the form of the names are the team's choice, which this change may move.
    wrong = [
        name for name in ("problem", "task", "split", "blocks", "until") if getattr(said, name) != getattr(own, name)
    ]
    wrong += ["naming"] if said.naming is not own.naming and {said.naming, own.naming} != _CHOICE else []
    wrong += ["loss"] if said.loss != choose_loss(msgspec.structs.replace(inputs.problem, metric=said.metric)) else []
    wrong += ["columns"] if said.columns.keys() != own.columns.keys() else []
    if wrong:
        return Finding(False, f"another {', '.join(wrong)} in the record", limit)
    fields, scored = candidate.bundle.fields, candidate.scored
    found = reproduce_record(said, fields, scored, inputs.train, inputs.holdout, share, inputs.params.split)
    if found.changed or found.columns or found.compared != len(own.groups):
        columns = f"; columns: {_columns(found)}" if found.columns else ""
        same = found.compared - len({*found.changed} - {*found.missing})
        return Finding(False, f"{same:,} of {len(own.groups):,} groups are as in the record{columns}", limit)
    return Finding(True, f"the record again on {found.compared:,} groups", limit)


def _describe(found: Reproduction) -> str:
    kinds = (
        ("missing", len(found.missing)),
        ("with another number of rows", len(found.resized)),
        ("with other outcomes", len(found.relabelled)),
        ("with other scores of the same loss", len(found.rescored)),
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
