"""Whether the holdout is what it should be: untouched by training, whole, large enough, every row once."""

import msgspec
import numpy as np
import pandas as pd

from slipway.bundle.manifest import Certificate
from slipway.data.splitting import is_held_out
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult
from slipway.problem import Task

_NAMED = 3


def holdout_disjoint(case: GateInputs) -> CheckResult:
    """No group is in both parts, and each is where the split rule puts it."""
    held, trained = (set(part["group"].unique().tolist()) for part in (case.holdout, case.train))
    both = sorted(held & trained)
    split = case.params.split
    astray = sorted(name for name in held ^ trained if is_held_out(name, split) != (name in held))
    problems = [f"{len(both)} groups in both parts ({_some(both)})"] if both else []
    problems += [f"{len(astray)} groups on the wrong side of the split ({_some(astray)})"] if astray else []
    return CheckResult(
        name="holdout_disjoint",
        passed=not problems,
        observed="; ".join(problems) or f"{len(held):,} groups held out, none of them trained on",
        limit=f"groups as salt and share {split.holdout:g} choose them, none in both parts",
        why="A model that has seen the rows that judge it looks better than it is.",
        advice="Run `dvc repro prepare train`; write the parts with nothing else.",
    )


def holdout_whole(case: GateInputs) -> CheckResult:
    """The holdout did not lose rows since the bundle that production serves was certified on it."""
    rows, before = len(case.candidate.scored.target), 0
    if case.production:
        content = (case.production.bundle.path / "certificate.json").read_bytes()
        before = msgspec.json.decode(content, type=Certificate).rows
    told = f"{before:,} when production's model was certified" if before else "no production yet"
    return CheckResult(
        name="holdout_whole",
        passed=rows >= (1 - case.rules.shrink) * before,
        observed=f"{rows:,} rows, {told}",
        limit=f"at most {case.rules.shrink:.0%} fewer",
        why="Leaving out the hard days is the easiest way to better figures.",
        advice="Bring the data back (`dvc pull data.dvc`); if it is gone for a reason, make an exception that says so.",
    )


def no_duplicate_rows(case: GateInputs) -> CheckResult:
    """No row stands in the dataset twice, by its key where it has one, else by everything that it holds."""
    both = pd.concat([case.train, case.holdout], ignore_index=True)
    by = ["key"] if "key" in both else None
    twice = int(both.duplicated(subset=by).sum())
    share = twice / max(1, len(both))
    # Without a key, equal rows may well be different events; half of a table is no accident.
    limit = 0.0 if by else 0.2
    return CheckResult(
        name="no_duplicate_rows",
        passed=share <= limit,
        observed=f"{twice:,} of {len(both):,} rows again",
        limit="none with the same key" if by else f"at most {limit:.0%} equal in everything",
        why="A join that repeats rows gives some of them more weight, in training and in what judges it.",
        advice="Look at the joins in dataset.py: which table has two rows for one key?",
    )


def enough_data(case: GateInputs) -> CheckResult:
    """The holdout has enough groups and rows, and more than one outcome."""
    scored, rules = case.candidate.scored, case.rules
    rows = len(scored.target)
    outcomes = len(np.unique(scored.target))
    least = 2 if scored.task is Task.REGRESSION else len(scored.classes)
    return CheckResult(
        name="enough_data",
        passed=scored.groups >= rules.groups and rows >= rules.rows and outcomes >= least,
        observed=f"{scored.groups:,} groups, {rows:,} rows, {outcomes:,} outcomes",
        limit=f"at least {rules.groups:,} groups, {rules.rows:,} rows, {least} outcomes",
        why="With less, no loss that matters could be told from chance.",
        advice="Bring more data, or hold out more (split.holdout in params.yaml).",
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


CHECKS = (holdout_disjoint, holdout_whole, no_duplicate_rows, enough_data)
