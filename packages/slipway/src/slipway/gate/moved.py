"""Say what a reviewer must know first: everything that moved beside the model."""

from slipway.bundle.code import CONTRACT, FEATURES
from slipway.data.split_days import read_first_day
from slipway.gate.inputs import GateInputs
from slipway.params import SplitBy


def list_moved(inputs: GateInputs) -> tuple[str, ...]:
    """List what a change alters about champion, threshold, rows, rules, contract, features and exemptions."""
    return (
        *_distrust(inputs),
        *_threshold(inputs),
        *_trained(inputs),
        *_holdout_day(inputs),
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
    seen = int(inputs.seen_rows.sum())
    if not seen:
        return ()
    left = f"{len(inputs.holdout) - seen:,} rows in {inputs.unseen_groups:,} groups are left"
    how = f"they are left out of the comparison, {left}"
    if not inputs.has_unseen:
        how = f"too many to leave out ({left}), so the comparison favours it"
    trained = f"{seen:,} of {len(inputs.holdout):,} held-out rows"
    return (f"production's model was trained on {trained}, by another split: {how}",)


def _holdout_day(inputs: GateInputs) -> tuple[str, ...]:
    """Name the first held-out day where it is another one than when production's model was evaluated."""
    split, record = inputs.params.split, inputs.evaluation_record
    if split.by is SplitBy.GROUP or record is None or record.split.from_day is None:
        return ()
    before, day = record.split.from_day, read_first_day(inputs.holdout, split).from_day
    return (f"the holdout begins on {day}, that of production's model on {before}",) if day != before else ()


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
