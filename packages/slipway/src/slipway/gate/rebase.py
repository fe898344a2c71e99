"""Evaluate production's model again on the held-out rows of a commit, after a correction of the data."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slipway.bundle.isolation import isolate_bundle, start_server
from slipway.bundle.verify import read_sealed
from slipway.data.prepared import read_parts
from slipway.data.split_days import read_first_day
from slipway.data.splitting import mark_held_out
from slipway.errors import GateError
from slipway.evaluation.record import EvaluationRecord, decode_record, encode_record, make_record, repeat_record
from slipway.evaluation.scored import score_frame
from slipway.files.documents import parse_yaml, read_content
from slipway.gate.problem_process import PRELOAD, ProblemProcess
from slipway.gate.rules import read_gate_rules
from slipway.gate.statistics.reproduction import Reproduction, add_absent_columns, reproduce_record
from slipway.git import Git
from slipway.ledger import Entry, Ledger, Release
from slipway.params import read_params
from slipway.settings import project_settings

if TYPE_CHECKING:
    import pandas as pd

_REPEAT = "Run `dvc repro`, commit dvc.lock with the correction, and run `slipway gate rebase` again."


class Rebase(NamedTuple):
    """The entry that was written, and how the new record differs from the one before, None if there was none."""

    entry: Entry
    record: EvaluationRecord
    before: Reproduction | None


class Evaluated(NamedTuple):
    """The record of production's model on the rows of a commit, and the difference from the record before it."""

    commit: str
    release: Release
    record: EvaluationRecord
    before: Reproduction | None


def rebase_production(root: Path, reason: str) -> Rebase:
    """Evaluate production's model again, and record that in the ledger; raises as `evaluate_production` does."""
    ledger = Ledger(root)
    found = evaluate_production(root, ledger)
    entry = ledger.rebase(found.release.bundle, encode_record(found.record), reason, found.commit)
    return Rebase(entry, found.record, found.before)


def evaluate_production(root: Path, ledger: Ledger) -> Evaluated:
    """Score production's model on the prepared holdout of the commit at `root`.

    The groups are those that its training held out. Raises `GateError` where nothing serves, or where the working tree
    or its prepared rows are others than those of its commit: the entry names the commit whose rows are right.
    """
    commit = _clean_commit(root)
    _verify_parts(root, commit)
    release = ledger.champion()
    if release is None:
        raise GateError("Nothing to rebase: production serves no release that candidates are compared with.")
    content = ledger.fetch_record(release.bundle)
    old = decode_record(content, "the evaluation record of production's model") if content else None
    train, holdout = read_parts(root / "prepared")
    record, before = _record_again(root, ledger, release, old, train, holdout)
    if record == old:
        raise GateError("Nothing to rebase: production's model gets what its record says on these rows.")
    return Evaluated(commit, release, record, before)


def _record_again(
    root: Path,
    ledger: Ledger,
    release: Release,
    old: EvaluationRecord | None,
    train: "pd.DataFrame",
    holdout: "pd.DataFrame",
) -> tuple[EvaluationRecord, Reproduction | None]:
    start_server(PRELOAD)
    facts = ProblemProcess(root, project_settings(root).problem).read_facts()
    params = read_params(None, root / "params.yaml")
    split = old.split if old else read_first_day(holdout, params.split)
    rows = holdout[mark_held_out(holdout, split)].reset_index(drop=True)
    if rows.empty:
        raise GateError(
            "Nothing to rebase: the training of production's model held out none of the groups of this holdout. "
            "The gate compares them without a record."
        )
    bundle = isolate_bundle(read_sealed(ledger.fetch_bundle(release.bundle, root / ".slipway" / "bundles")))
    rows = add_absent_columns(bundle.fields, rows)
    scored = score_frame(bundle, rows)
    if old is None:
        return make_record(bundle, facts, params, scored, rows), None
    before = reproduce_record(old, bundle.fields, scored, train, rows, read_gate_rules(root).tolerance, params.split)
    return repeat_record(old, bundle.fields, scored, rows), before


def _clean_commit(root: Path) -> str:
    """Return the commit of the working tree, which has no other content in the files that it tracks."""
    commit, changed = Git(root, GateError).read_working_tree("--untracked-files=no")
    if changed or commit is None:
        raise GateError(
            f"Expected a working tree as its commit has it, found {len(changed):,} changed files "
            f"({', '.join(changed[:1]) or 'no commit'}). Commit the correction first: the entry in the ledger names "
            "the commit."
        )
    return commit[:12]


def _verify_parts(root: Path, commit: str) -> None:
    """Raise `GateError` unless the prepared rows are those that `dvc.lock` of the commit names."""
    found = Git(root, GateError).attempt("show", f"{commit}:./dvc.lock")
    if found.exit_code:
        raise GateError(f"The commit {commit} has no dvc.lock that names its prepared rows: {found.reason} {_REPEAT}")
    stages = parse_yaml(found.output, dict[str, Any], f"dvc.lock of {commit}", GateError, _REPEAT).get("stages", {})
    outputs = {out.get("path"): out.get("md5") for stage in stages.values() for out in stage.get("outs", ())}
    for name in ("prepared/train.parquet", "prepared/holdout.parquet"):
        content = read_content(root / name, GateError, _REPEAT)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 != outputs.get(name):
            raise GateError(
                f"{name} holds other rows than the commit {commit}: its dvc.lock has the md5 {outputs.get(name)}, "
                f"found {md5}. {_REPEAT}"
            )
