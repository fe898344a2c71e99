"""The whole gate on real toy projects: what it says, what it refuses, and that nothing gets around it."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from ledgerbox import BY, deploy, forget_ledger, git
from projectbox import make_project, with_production

from slipway.bundle import load_bundle
from slipway.gate.checks import CHECKS
from slipway.gate.checks.check import gate_check
from slipway.gate.checks.served import latency_and_size
from slipway.gate.report import write_verdict
from slipway.gate.result import Verdict
from slipway.gate.run import run_gate
from slipway.ledger import Event, Ledger, next_entry
from slipway.serving.log import Prediction
from slipway.settings import local_log


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A project whose candidate is an honest model beside another honest one in production."""
    folder = tmp_path_factory.mktemp("good")
    return with_production(make_project(folder / "project"), folder / "production")


@pytest.fixture
def project(good, tmp_path):
    return good.copy(tmp_path / "project")


def in_days(number):
    return (datetime.now(UTC).date() + timedelta(days=number)).isoformat()


def failed(gate):
    return [check.name for check in gate.checks if not check.stands]


def test_two_honest_models_cannot_be_told_apart_so_production_stays(project):
    found = run_gate(project.root)
    assert found.verdict is Verdict.KEEP, found.sentence
    assert found.ships == found.production != found.candidate
    assert failed(found) == []
    assert len({check.name for check in found.checks}) == len(found.checks) >= 20


def test_where_ties_go_to_the_candidate_it_ships(project):
    project.change_rules(tie="candidate")
    found = run_gate(project.root)
    assert found.verdict is Verdict.PROMOTE
    assert found.ships == found.candidate


def test_the_first_release_has_only_the_floors_above_it(tmp_path):
    project = make_project(tmp_path / "project")
    found = run_gate(project.root)
    assert found.verdict is Verdict.PROMOTE, found.sentence
    assert found.production is None and "first release" in found.sentence


def test_without_a_ledger_there_is_no_first_release(tmp_path):
    project = make_project(tmp_path / "project")
    forget_ledger(project.root)
    found = run_gate(project.root)
    assert found.verdict is Verdict.REFUSE
    assert failed(found) == ["ledger"] and "slipway ledger init" in found.sentence


def test_a_shortened_ledger_is_refused(project):
    git(project.root, "update-ref", "refs/heads/deployments", "refs/heads/deployments~1")
    assert failed(run_gate(project.root)) == ["ledger"]


@pytest.mark.parametrize("name", ["bundle", "prepared/holdout.parquet", "metrics.json", "params.yaml", "gate.yaml"])
def test_whatever_is_missing_is_a_refusal_that_names_it(project, name):
    path = project.root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = run_gate(project.root)
    assert found.verdict is Verdict.REFUSE
    assert path.name in found.sentence


@pytest.mark.parametrize("name", ["bundle/model.onnx", "prepared/train.parquet", "metrics.json", "gate.yaml"])
def test_whatever_cannot_be_read_is_a_refusal(project, name):
    (project.root / name).write_bytes(b"\x00{")
    assert run_gate(project.root).verdict is Verdict.REFUSE


def test_a_check_that_breaks_is_a_check_that_failed(project, monkeypatch):
    @gate_check(why="none", advice="none")
    def broken(inputs):
        raise ZeroDivisionError("of mine")

    monkeypatch.setattr("slipway.gate.checks.CHECKS", (broken,))
    found = run_gate(project.root)
    assert found.verdict is Verdict.REFUSE
    assert "ZeroDivisionError" in found.sentence


def test_an_exemption_lets_one_check_pass_until_its_day_and_is_repeated(project):
    project.change_rules(megabytes=0.0001)
    assert failed(run_gate(project.root)) == ["latency_and_size"]
    exemption = {"check": "latency_and_size", "reason": "the disk grows next week", "until": in_days(100)}
    project.change_rules(exemptions=[exemption])
    found = run_gate(project.root)
    assert found.verdict is Verdict.KEEP
    assert "the disk grows next week" in found.sentence
    project.change_rules(exemptions=[exemption | {"until": "2020-01-31"}])
    found = run_gate(project.root)
    assert failed(found) == ["latency_and_size"]
    assert any("no longer counts" in line for line in found.moved)


def test_an_exemption_ends_within_half_a_year(project):
    project.change_rules(exemptions=[{"check": "latency_and_size", "reason": "for a while", "until": in_days(180)}])
    assert run_gate(project.root).verdict is Verdict.KEEP
    project.change_rules(exemptions=[{"check": "latency_and_size", "reason": "for a while", "until": in_days(181)}])
    found = run_gate(project.root)
    assert failed(found) == ["inputs"] and "within 180 days" in found.sentence


COLLECTED = ("integrity", "certificate", "golden_rows", "inputs", "ledger", "production", "comparison")


@pytest.mark.parametrize("name", [*COLLECTED, "latency_and_sise"])
def test_what_comes_before_the_other_checks_and_a_misspelled_one_cannot_be_exempted(project, name):
    project.change_rules(exemptions=[{"check": name, "reason": "because we can", "until": in_days(100)}])
    found = run_gate(project.root)
    assert failed(found) == ["inputs"]
    assert f"an exemption for {name}, expected one of" in found.sentence and "latency_and_size" in found.sentence


def test_every_other_check_can_be_exempted_by_its_name_in_the_report(project):
    names = [check.name for check in run_gate(project.root).checks if check.name not in COLLECTED]
    assert names == [check.name for check in CHECKS]


def test_the_rules_of_the_base_commit_win_and_the_change_is_named(project):
    base = git(project.root, "rev-parse", "HEAD")
    project.change_rules(margin=0.9, slice_margin=0.9)
    found = run_gate(project.root, base=base)
    assert [line for line in found.moved if "margin: 0.02 -> 0.9" in line]
    project.retrain(trees=1)
    assert run_gate(project.root).verdict is not Verdict.REFUSE or failed(run_gate(project.root)) != ["not_worse"]
    assert "not_worse" in failed(run_gate(project.root, base=base))


def test_another_metric_split_or_target_is_named_and_not_followed(project):
    base = git(project.root, "rev-parse", "HEAD")
    path = project.root / "src" / "churn" / "problem.py"
    path.write_text(path.read_text().replace('metric="log_loss"', 'metric="accuracy"'))
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("\nsplit:\n", "\nsplit:\n  by: both\n  from: '2024-02-10'\n"))
    found = run_gate(project.root, base=base)
    assert found.primary == "log_loss"
    assert "params.yaml split from: None -> 2024-02-10 (judged by None)" in found.moved
    assert any("problem.py" in line for line in found.moved)


PLAN = 'Slice("plan", lambda frame: frame["plan"])'


@pytest.mark.parametrize(
    ("slices", "named"),
    [
        ("", ["slice plan is removed (judged all the same)"]),
        ('Slice("plan", lambda frame: frame["plan"].str.replace("plus", "basic")),', "slice plan puts .* elsewhere"),
        (
            f'{PLAN}, Slice("town", lambda frame: frame["town"]),',
            ["slice town is new (not judged before it is merged)"],
        ),
        ('Slice("plan", lambda frame: frame["plan"] + ""),', []),
    ],
)
def test_the_slices_of_the_base_commit_judge_and_what_changes_in_effect_is_named(project, slices, named):
    base = git(project.root, "rev-parse", "HEAD")
    path = project.root / "src" / "churn" / "problem.py"
    path.write_text(path.read_text().replace(f"{PLAN},", slices))
    found = run_gate(project.root, base=base)
    assert failed(found) == []
    assert [(row.slice, row.label) for row in found.slices] == [("plan", each) for each in ("basic", "family", "plus")]
    moved = [line for line in found.moved if line.startswith("slice ")]
    assert re.fullmatch(named, moved[0].split(" (")[0]) if isinstance(named, str) else moved == named


def test_the_margins_of_a_slice_that_does_not_exist_are_named(project):
    project.change_rules(slice_margins={"plan": {"plus": 0.05}, "pla": {"plus": 0.05}})
    found = run_gate(project.root)
    assert [line for line in found.moved if "margins" in line] == [
        "gate.yaml slice_margins names the slice pla, which does not exist"
    ]
    assert {row.label: row.margin for row in found.slices} == {"basic": 0.03, "family": 0.03, "plus": 0.05}


def test_a_slice_of_the_base_commit_that_these_rows_cannot_have_is_a_refusal(project):
    path = project.root / "src" / "churn" / "problem.py"
    good = path.read_text()
    path.write_text(good.replace(PLAN, 'Slice("plan", lambda frame: frame["plan_of_old"])'))
    base = project.commit()
    path.write_text(good)
    found = run_gate(project.root, base=base)
    assert failed(found) == ["no_slice_worse"]
    assert "plan_of_old" in found.sentence


def test_a_base_that_is_not_there_is_a_refusal(project):
    assert "no-such-commit" in run_gate(project.root, base="no-such-commit").sentence


def test_edited_figures_are_found(project):
    path = project.root / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["metrics"][0]["value"] *= 0.9
    path.write_text(json.dumps(metrics))
    assert failed(run_gate(project.root)) == ["metrics_reproduced"]


def test_what_failed_in_production_does_not_come_back_until_it_is_let_back(project):
    candidate = load_bundle(project.bundle)
    entry = deploy(project.root, candidate, event=Event.FAILED)
    assert entry.serving.bundle != candidate.digest
    assert failed(run_gate(project.root)) == ["not_blocked"]
    Ledger(project.root).append(
        "production", lambda newest: next_entry(newest, Event.UNBLOCK, by=BY, reason="mended", unblock=candidate.digest)
    )
    assert run_gate(project.root).verdict is Verdict.KEEP


def test_rows_that_only_the_candidates_contract_takes_do_not_stop_the_comparison_of_speed(churn_inputs):
    some = churn_inputs.holdout["plan"].where(churn_inputs.holdout.index % 2 == 0, "team")
    inputs = msgspec.structs.replace(churn_inputs, holdout=churn_inputs.holdout.assign(plan=some))
    assert "(production " in latency_and_size(inputs).observed
    inputs = msgspec.structs.replace(churn_inputs, holdout=churn_inputs.holdout.assign(plan="team"))
    assert latency_and_size(inputs).observed == "the contract reads no row of the holdout"


def test_productions_log_is_read_on_this_machine_or_in_a_folder_and_stays_out_of_the_verdict(project, tmp_path):
    model = Ledger(project.root).read("production").serving.bundle
    inputs = {"plan": "hunter2", "town": None, "joined": None, "months": 7, "usage": 1.0, "paperless": None}
    entry = Prediction("01a20ca2-0000-7000-8000-000000000000", datetime.now(UTC), model, 80, 0.5, True, inputs)
    here, other = local_log(project.root, "production"), tmp_path / "log"
    for folder in (here, other):
        folder.mkdir(parents=True)
    (here / "1.jsonl").write_bytes(msgspec.json.encode(entry) + b"\n{torn")
    found = run_gate(project.root)
    assert failed(found) == ["accepts_requests"]
    assert "1 by plan (expected one of basic, family, plus)" in found.sentence and "1 damaged" in found.sentence
    write_verdict(found, tmp_path / "gate.md", tmp_path / "gate.json")
    assert "hunter2" not in (tmp_path / "gate.md").read_text() + (tmp_path / "gate.json").read_text()
    assert failed(run_gate(project.root, log=other)) == []
