"""Check the holdout: disjoint from the training set, whole, large enough, without duplicate rows."""

import msgspec
import numpy as np
import pandas as pd

from slipway.bundle.manifest import Certificate
from slipway.data.split_days import is_since, read_first_day, read_times
from slipway.data.splitting import is_held_out
from slipway.evaluation.slices import FEWEST_GROUPS
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.statistics.near_copies import count_near_copies
from slipway.gate.statistics.recorded_groups import is_comparable
from slipway.gate.wording import NO_PRODUCTION
from slipway.params import SplitBy
from slipway.problem import Task

_NAMED = 3


@gate_check(
    why="A model that was trained on the rows it is evaluated on looks better than it is.",
    advice="Run `dvc repro prepare train`; nothing else may write prepared/.",
)
def holdout_disjoint(inputs: GateInputs) -> Finding:
    """Fail if a group is in both parts, or a group or row not where the split rule puts it."""
    held, trained = (set(part["group"].unique().tolist()) for part in (inputs.holdout, inputs.train))
    both = sorted(held & trained)
    split = inputs.params.split
    problems = [f"{len(both)} groups in both parts ({_some(both)})"] if both else []
    rules = []
    if split.by is not SplitBy.TIME:
        astray = sorted(name for name in held ^ trained if is_held_out(name, split) != (name in held))
        problems += [f"{len(astray)} groups on the wrong side of the split ({_some(astray)})"] if astray else []
        rules.append(f"groups as salt and share {split.holdout:g} assign them")
    if split.by is not SplitBy.GROUP:
        fixed = read_first_day(inputs.holdout, split)
        late = int(is_since(read_times(inputs.train), fixed.from_day, split.gap_days).sum())
        early = int((~is_since(read_times(inputs.holdout), fixed.from_day)).sum())
        problems += [f"{late + early:,} rows on the wrong side of {fixed.from_day}"] if late + early else []
        gap = f", after a gap of {split.gap_days} days" if split.gap_days else ""
        rules.append(f"rows held out from {fixed.from_day} on{gap}")
    observed = "; ".join(problems) or f"{len(held):,} groups held out, none in the training set"
    return Finding(not problems, observed, ", ".join([*rules, "no group in both parts"]))


@gate_check(
    why="Figures improve when the hard days are left out.",
    advice="Restore the data (`dvc pull data.dvc`); if it is gone for a reason, add an exemption to gate.yaml.",
)
def holdout_whole(inputs: GateInputs) -> Finding:
    """Fail if the holdout lost rows since the bundle that production serves was evaluated on it.

    Where both were split by time, the days count that the record and this holdout share.
    """
    limit = f"at most {inputs.rules.shrink:.0%} fewer"
    rows, before = len(inputs.candidate.scored.target), _rows_before(inputs)
    told = f"{before:,} when production's model was evaluated"
    if not before:
        told = "production's model has no evaluation record" if inputs.production else NO_PRODUCTION
    elif _by_the_same_time(inputs) and (found := inputs.reproduction):
        before, told = 0, "all after the days on which production's model was evaluated"
        if found.recorded:
            before, rows = found.recorded, found.found
            told = f"{before:,} on the same days when production's model was evaluated"
    return Finding(rows >= (1 - inputs.rules.shrink) * before, f"{rows:,} rows, {told}", limit)


@gate_check(
    why="On rows that one of two models was trained on, it looks better than it is.",
    advice="Hold out rows that production's model has not seen: keep its split, or move its first day forward. An "
    "exemption in gate.yaml compares on all rows, which favours production's model.",
)
def enough_unseen(inputs: GateInputs) -> Finding:
    """Fail if too few held-out rows are left that neither candidate nor production has seen."""
    limit = f"the whole holdout, or at least {inputs.rules.slice_rows:,} rows in {FEWEST_GROUPS} groups of it"
    if inputs.production is None:
        return Finding(True, NO_PRODUCTION, limit)
    if inputs.evaluation_record is None:
        return Finding(True, "not known: production's model has no evaluation record", limit)
    left = int((~inputs.seen_rows).sum())
    observed = f"{left:,} of {len(inputs.holdout):,} rows, in {inputs.unseen_groups:,} groups, seen by neither model"
    return Finding(inputs.has_unseen, observed, limit)


@gate_check(
    why="A join that repeats rows gives some of them more weight, in training and in the holdout.",
    advice="Look at the joins in dataset.py: which table has two rows for one key?",
)
def no_duplicate_rows(inputs: GateInputs) -> Finding:
    """Fail if the dataset has duplicate rows: by key where it has one, else by all columns."""
    has_key = "key" in inputs.train
    both = pd.concat([part[["key"]] if has_key else part for part in (inputs.train, inputs.holdout)], ignore_index=True)
    twice = int(both.duplicated().sum())
    share = twice / max(1, len(both))
    # Without a key, equal rows may be different events, but hardly a fifth of a table.
    most = 0.0 if has_key else 0.2
    observed = f"{twice:,} duplicates in {len(both):,} rows"
    limit = "none with the same key" if has_key else f"at most {most:.0%} equal in all columns"
    return Finding(share <= most, observed, limit)


@gate_check(
    why="A model that was trained on copies of the rows it is evaluated on looks better than it is.",
    advice="Look at what dataset.py adds to the training set: where do its rows come from?",
)
def no_near_copies(inputs: GateInputs) -> Finding:
    """Fail if more held-out rows have a near copy in the training set than training rows have in other groups.

    All columns count but key, group and time, and each of them is left out in turn; see `count_near_copies`.
    """
    found = count_near_copies(inputs.train, inputs.holdout)
    observed = (
        f"{found.held:.1%} of the held-out rows have a near copy in the training set, {found.trained:.1%} of its own "
        f"in other groups (within {found.scale:g} standard deviations"
        + (f", {found.without} left out)" if found.without else ")")
    )
    most = inputs.rules.copies
    return Finding(found.excess <= most, observed, f"at most {most:.1%} more than by chance")


@gate_check(
    why="With less data, no relevant difference would be statistically significant.",
    advice="Add data, or hold out more (split.holdout in params.yaml).",
)
def enough_data(inputs: GateInputs) -> Finding:
    """Fail unless the holdout has enough groups and rows, and more than one outcome."""
    scored, rules = inputs.candidate.scored, inputs.rules
    rows = len(scored.target)
    outcomes = len(np.unique(scored.target))
    least = 2 if scored.task is Task.REGRESSION else len(scored.classes)
    observed = f"{scored.groups:,} groups, {rows:,} rows, {outcomes:,} outcomes"
    limit = f"at least {rules.groups:,} groups, {rules.rows:,} rows, {least} outcomes"
    return Finding(scored.groups >= rules.groups and rows >= rules.rows and outcomes >= least, observed, limit)


def _rows_before(inputs: GateInputs) -> int:
    """Return how many rows the record of production's model counts; 0 where nothing says so."""
    if inputs.evaluation_record:
        return sum(inputs.evaluation_record.rows)
    if not inputs.production:
        return 0
    content = inputs.production.bundle.sealed.files["certificate.json"]
    certificate = msgspec.json.decode(content, type=Certificate)
    # Bundles of format 1, which never came with a record, were certified on the whole holdout.
    return 0 if certificate.training else certificate.rows


def _by_the_same_time(inputs: GateInputs) -> bool:
    """Return True if production's model was evaluated by the same kind of split, and that has a time."""
    record, split = inputs.evaluation_record, inputs.params.split
    return record is not None and record.naming.is_period and is_comparable(record, split)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
