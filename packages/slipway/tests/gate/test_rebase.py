"""A correction of the data is let in by an entry that says whose rows are right."""

import json
import os
import subprocess

import msgspec
import pandas as pd
import pytest
from ledgerbox import deploy, git
from projectbox import make_project, with_production
from running import SLIPWAY

from slipway.bundle import load_bundle
from slipway.data.splitting import split_frame
from slipway.errors import GateError, LedgerError
from slipway.evaluation.record import decode_record, write_record
from slipway.gate.rebase import rebase_production
from slipway.gate.result import Verdict
from slipway.gate.run import run_gate
from slipway.ledger import Event, Ledger, next_entry


@pytest.fixture
def project(tmp_path):
    return with_production(make_project(tmp_path / "project", rows=3000), tmp_path / "production")


def corrected(project):
    """A number was an hour too small on some days, and is right now."""
    parts = [
        part.assign(usage=part["usage"] + (part["group"] > "2024-02")) for part in (project.train, project.holdout)
    ]
    project.retrain(*parts)
    return parts[1]


def check_of(project, name="production_reproduced"):
    return next(check for check in run_gate(project.root).checks if check.name == name)


def test_corrected_rows_are_refused_until_a_person_says_that_they_are_right(project):
    corrected(project)
    assert not check_of(project).passed
    (project.root / "data.dvc").write_text("corrected\n")
    commit = project.commit("Correct the use")
    done = subprocess.run(
        [str(SLIPWAY), "gate", "rebase", "--reason", "the meter was an hour slow", "--json"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(project.root / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    assert entry["event"] == "rebase"
    assert entry["reason"] == f"the meter was an hour slow (the rows of commit {commit[:12]})"
    assert check_of(project).passed
    assert Ledger(project.root).verify() == 3
    newest = Ledger(project.root).read("production")
    assert newest.serving == newest.release


def test_one_job_evaluates_without_rights_and_another_one_writes_what_it_made(project):
    corrected(project)
    commit = project.commit("Correct the use")
    out = "record/evaluation.json.gz"
    for words in (
        ("record", "--out", out),
        ("entry", "rebase", "production", "--reason", "the meter was an hour slow"),
    ):
        own = os.environ | {"PYTHONPATH": str(project.root / "src")}
        done = subprocess.run([str(SLIPWAY), "ci", *words], cwd=project.root, env=own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert commit[:12] in done.stdout
    ledger = Ledger(project.root)
    newest = ledger.read("production")
    assert (newest.event, newest.reason) == (
        Event.REBASE,
        f"the meter was an hour slow (the rows of commit {commit[:12]})",
    )
    assert ledger.fetch_record(newest.release.bundle) == (project.root / out).read_bytes()


def test_the_rows_must_be_those_of_a_commit(project):
    (project.root / "gate.yaml").write_text((project.root / "gate.yaml").read_text() + "# changed\n")
    with pytest.raises(GateError, match=r"found 1 changed files \(gate.yaml\)"):
        rebase_production(project.root, "in a hurry")


def test_the_prepared_rows_must_be_those_that_the_commit_names(project):
    lock = project.root / "dvc.lock"
    corrected(project)
    git(project.root, "checkout", "--quiet", "--", ".")
    with pytest.raises(
        GateError, match=r"train.parquet holds other rows than the commit [0-9a-f]{12}: its dvc.lock has"
    ):
        rebase_production(project.root, "of another branch")
    lock.unlink()
    project.commit("Forget the lock")
    with pytest.raises(GateError, match=r"has no dvc.lock that names its prepared rows: .*Run `dvc repro`"):
        rebase_production(project.root, "of no pipeline")


def test_a_release_without_record_gets_its_first_one(tmp_path):
    project = make_project(tmp_path / "project")
    record = project.root / "evaluation.json.gz"
    content = record.read_bytes()
    record.unlink()
    project.commit()
    with pytest.raises(GateError, match="Nothing to rebase"):
        rebase_production(project.root, "too early")
    deploy(project.root, load_bundle(project.bundle))
    record.write_bytes(content)
    project.commit()
    assert "has no evaluation record" in check_of(project).observed
    found = rebase_production(project.root, "it was released before there were records")
    assert found.before is None
    kept = decode_record(Ledger(project.root).fetch_record(found.record.bundle))
    assert kept.groups == found.record.groups == tuple(sorted(project.holdout["group"].unique()))
    assert "the recorded loss again" in check_of(project).observed


def test_no_other_event_replaces_a_record(project):
    ledger = Ledger(project.root)
    release = ledger.champion()
    record = ledger.fetch_record(release.bundle)
    for event in (Event.PROMOTE, Event.FAILED):
        with pytest.raises(LedgerError, match="expected a record to stay"):
            ledger.append(
                "production",
                lambda newest, event=event: next_entry(newest, event, by="ann", release=release),
                record=record[:-1],
            )
    with pytest.raises(LedgerError, match="expected a rebase to write the record of its release"):
        ledger.append("production", lambda newest: next_entry(newest, Event.REBASE, by="ann", release=release))


def test_groups_on_which_production_was_trained_stay_out_of_its_record(project):
    before = decode_record(Ledger(project.root).fetch_record(Ledger(project.root).champion().bundle))
    params = (project.root / "params.yaml").read_text()
    (project.root / "params.yaml").write_text(params.replace("holdout: 0.25", "holdout: 0.5"))
    project.commit("Hold out more")

    parts = split_frame(pd.concat([project.train, project.holdout], ignore_index=True), project.params.split)
    project.retrain(*parts)
    project.commit("The same rows")
    with pytest.raises(GateError, match="gets what its record says"):
        rebase_production(project.root, "nothing was wrong")
    harmed = [part.assign(usage=part["usage"] + 1) for part in parts]
    project.retrain(*harmed)
    project.commit("Other rows")
    found = rebase_production(project.root, "it was an hour too small")
    assert (found.record.groups, found.record.split) == (before.groups, before.split)
    assert len(found.before.changed) == len(before.groups)


def test_a_record_that_this_version_cannot_sum_up_is_a_refusal_and_no_crash(tmp_path):
    project = make_project(tmp_path / "project")
    path = project.root / "evaluation.json.gz"
    content = path.read_bytes()
    write_record(path, msgspec.structs.replace(decode_record(content), loss="of another day"))
    deploy(project.root, load_bundle(project.bundle))
    path.write_bytes(content)
    found = run_gate(project.root)
    assert found.verdict is Verdict.REFUSE
    assert "of another day" in found.sentence
