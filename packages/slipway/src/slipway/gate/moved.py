"""Say what a reviewer must know first: everything that moved beside the model."""

from slipway.bundle.code import CONTRACT, FEATURES
from slipway.gate.inputs import GateInputs


def list_moved(inputs: GateInputs) -> tuple[str, ...]:
    """List what a change alters about champion, threshold, rows, rules, contract, features and exemptions."""
    return (
        *_distrust(inputs),
        *_threshold(inputs),
        *_trained(inputs),
        *_rows(inputs),
        *_lost_anchors(inputs),
        *inputs.moved,
        *_changed_files(inputs),
        *_expired_exemptions(inputs),
        *_unused_margins(inputs),
    )


def _distrust(inputs: GateInputs) -> tuple[str, ...]:
    if inputs.dethroned is None:
        return ()
    digest = inputs.dethroned.digest
    number = inputs.entry.distrusted.get(digest)
    other = f"the release {inputs.production.bundle.digest[:12]} before it" if inputs.production else "the baseline"
    return (f"production's model {digest[:12]} is distrusted (entry {number}): the candidate is compared with {other}",)


def _threshold(inputs: GateInputs) -> tuple[str, ...]:
    if inputs.moved_threshold is None:
        return ()
    before, after = inputs.moved_threshold
    ships = "" if after == inputs.threshold else "; a tie ships for its sake once params.yaml of the base has it"
    return (f"decision threshold: {before:g} -> {after:g}{ships}",)


def _trained(inputs: GateInputs) -> tuple[str, ...]:
    if not inputs.trained_groups:
        return ()
    groups = inputs.holdout["group"].nunique()
    left_out = inputs.compared(inputs.candidate).groups < groups
    how = "they are left out of the comparison" if left_out else "too many to leave out: the comparison favours it"
    trained = f"{len(inputs.trained_groups):,} of {groups:,} held-out groups"
    return (f"production's model was trained on {trained}, by another split: {how}",)


def _rows(inputs: GateInputs) -> tuple[str, ...]:
    found = inputs.reproduction
    if found is None:
        return ()
    if not found.compared:
        return ("production's model was evaluated on none of these groups: whether rows changed is not known",)
    if found.changed or not found.columns:
        return ()
    columns = ", ".join(found.columns)
    return (f"other values than when production's model was evaluated, without effect on its loss: {columns}",)


def _lost_anchors(inputs: GateInputs) -> tuple[str, ...]:
    if not (unable := inputs.anchors.unable):
        return ()
    return (f"{unable:,} earlier releases were trained on these rows or cannot score them: erosion is judged without",)


def _changed_files(inputs: GateInputs) -> tuple[str, ...]:
    if inputs.serving is None:
        return ()
    before, after = (bundle.manifest.files for bundle in (inputs.serving, inputs.candidate.bundle))
    changed = [name for name in (CONTRACT, FEATURES) if before.get(name) != after.get(name)]
    return tuple(f"{name} differs from production's" for name in changed)


def _expired_exemptions(inputs: GateInputs) -> tuple[str, ...]:
    expired = [each for each in inputs.rules.exemptions if each.until < inputs.today]
    return tuple(f"the exemption for {each.check} expired on {each.until} and no longer counts" for each in expired)


def _unused_margins(inputs: GateInputs) -> tuple[str, ...]:
    known = {part.slice for part in inputs.slices}
    unused = [name for name in inputs.rules.slice_margins if name not in known]
    return tuple(f"gate.yaml slice_margins names the slice {name}, which does not exist" for name in unused)
