"""The five kinds of report, from real repositories by the real command, and what a reviewer reads first in each."""

import json
import os
import subprocess

import msgspec
import pytest
from ledgerbox import deploy, git
from projectbox import make_project, with_production
from running import SLIPWAY

from slipway.bundle import load_bundle
from slipway.github.pr_report.schema import Report, decode_report

pytestmark = pytest.mark.slow

GREEN = {"lint": "success", "tests": "success", "pipeline": "success", "gate": "success"}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A project before its first release; DVC's file and the parameters are committed."""
    project = make_project(tmp_path_factory.mktemp("first") / "project")
    write_data(project, "a" * 32, 1000, 3)
    project.commit("data")
    return project


@pytest.fixture(scope="module")
def running(first, tmp_path_factory):
    """The same with a model in production, and its very bundle as the candidate."""
    folder = tmp_path_factory.mktemp("running")
    return with_production(first.copy(folder / "project"), folder / "production")


def write_data(project, md5, size, nfiles):
    out = {"md5": f"{md5}.dir", "size": size, "nfiles": nfiles, "hash": "md5", "path": "data"}
    (project.root / "data.dvc").write_text(json.dumps({"outs": [out]}))


def slipway(project, *words, **variables):
    own = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    own |= {"PYTHONPATH": str(project.root / "src"), **variables}
    return subprocess.run([str(SLIPWAY), *words], cwd=project.root, env=own, capture_output=True, text=True)


def needs(**results):
    return json.dumps({name: {"result": result, "outputs": {}} for name, result in (GREEN | results).items()})


def reported(project, base, judged=True, event=None, **results) -> tuple[Report, str]:
    """Judge, gather and render as CI does: the report and its Markdown."""
    if judged:
        slipway(project, "gate", "--base", base, "--out", "gate.json")
    out = project.root / ".slipway" / "report.json"
    variables = {"GITHUB_EVENT_PATH": str(event)} if event else {}
    words = ("ci", "report", "--base", base, "--gate", "gate.json", "--out", str(out))
    done = slipway(project, *words, NEEDS=needs(**results), **variables)
    assert done.returncode == 0, done.stderr
    shown = slipway(project, "ci", "summary", str(out))
    assert shown.returncode == 0, shown.stderr
    return decode_report(out.read_bytes()), shown.stdout


def names(changes):
    return [each.name for each in changes]


@pytest.fixture
def change(running, tmp_path):
    """A copy to be changed, and the commit that it begins from."""
    project = running.copy(tmp_path / "project")
    return project, git(project.root, "rev-parse", "HEAD")


def test_a_worse_model_is_refused_in_the_first_line_and_the_reasons_follow(change):
    project, base = change
    weak = msgspec.structs.replace(project.params.model, trees=1)
    project.write_params(msgspec.structs.replace(project.params, model=weak))
    project.retrain()
    head = project.commit("a worse model")
    report, text = reported(project, base, gate="failure")
    assert text.splitlines()[0].startswith("## ⛔ Refused")
    places = [
        text.index(part) for part in ("⛔", "Failed jobs", "`gate`", "Failed checks", "**Parameters**", "<details>")
    ]
    assert places == sorted(places)
    assert "`model.trees`" in text
    assert (report.head, report.base) == (head, base)
    assert names(report.params) == ["model.trees"] and report.metrics


def test_a_data_change_shows_what_changed_of_the_data(change):
    project, base = change
    write_data(project, "b" * 32, 1500, 4)
    days = sorted(project.train["group"].unique())
    project.retrain(project.train[project.train["group"] != days[0]].reset_index(drop=True))
    project.commit("another month")
    report, text = reported(project, base)
    assert {each.name: (each.base, each.head) for each in report.data} == {
        "hash": (f"{'a' * 32}.dir", f"{'b' * 32}.dir"),
        "size": ("1,000 bytes", "1,500 bytes"),
        "files": ("3", "4"),
    }
    assert "**Data**" in text and "`1,500 bytes`" in text
    assert report.gate is not None and not report.params


def test_fewer_rows_held_out_are_a_change_of_the_data(change):
    project, base = change
    days = sorted(project.holdout["group"].unique())
    project.retrain(holdout=project.holdout[project.holdout["group"] != days[0]].reset_index(drop=True))
    project.commit("a day is gone")
    report, _ = reported(project, base, judged=False)
    assert names(report.data) == ["rows held out", "groups held out"]


def test_a_change_of_code_alone_keeps_productions_model_and_says_that_nothing_else_changed(first, tmp_path):
    project = first.copy(tmp_path / "project")
    deploy(project.root, load_bundle(project.bundle))
    base = git(project.root, "rev-parse", "HEAD")
    (project.root / "notes.txt").write_text("code\n")
    project.commit("code")
    report, text = reported(project, base)
    assert text.splitlines()[0].startswith("## ♻️ Same model")
    assert "Data, parameters and rules are unchanged." in text
    assert not (report.data or report.params or report.rules or report.metrics)


def test_a_first_release_is_called_one(first, tmp_path):
    project = first.copy(tmp_path / "project")
    _, text = reported(project, git(project.root, "rev-parse", "HEAD"))
    assert text.splitlines()[0].startswith("## 🚀 First release")


def test_a_failed_pipeline_is_said_first_and_without_a_verdict(change):
    project, base = change
    project.commit("broken")
    report, text = reported(project, base, judged=False, pipeline="failure", gate="skipped")
    assert report.gate is None and report.failed == ["pipeline"]
    assert text.splitlines()[0] == "## ❌ CI failed: `pipeline`."
    assert "did not run" in text


def test_a_failed_job_that_said_why_is_quoted_and_its_words_are_text(change):
    project, base = change
    project.commit("broken")
    why = "The data cannot be fetched: <b>none</b> " + "x" * 3000
    given = json.dumps({"pipeline": {"result": "failure", "outputs": {"trouble": why}}})
    done = slipway(project, "ci", "report", "--base", base, "--out", "report.json", NEEDS=given)
    assert done.returncode == 0, done.stderr
    (note,) = decode_report((project.root / "report.json").read_bytes()).notes
    assert note.startswith("The data cannot be fetched") and note.endswith("…")
    assert "<b>" not in slipway(project, "ci", "summary", "report.json").stdout


def test_a_gate_file_that_is_cut_off_is_noted_and_no_verdict(change):
    project, base = change
    (project.root / "gate.json").write_text('{"verdict": "promote", ')
    report, text = reported(project, base, judged=False)
    assert report.gate is None and "gate.json cannot be read" in report.notes[0]
    assert text.startswith("## ⚪ No verdict") and "gate.json cannot be read" in text


def test_changed_rules_head_the_report_with_both_values(change):
    project, base = change
    project.change_rules(margin=0.5)
    project.commit("let me through")
    report, text = reported(project, base)
    assert [(each.name, each.base, each.head) for each in report.rules] == [("margin", "0.02", "0.5")]
    assert text.index("`margin`") < text.index("| metric |")


def test_what_the_base_branch_got_meanwhile_is_not_shown(change):
    project, base = change
    git(project.root, "checkout", "--quiet", "-b", "work")
    (project.root / "notes.txt").write_text("code\n")
    project.commit("work")
    git(project.root, "checkout", "--quiet", "main")
    project.change_rules(margin=0.3)
    project.commit("main goes on")
    git(project.root, "checkout", "--quiet", "work")
    report, _ = reported(project, "main", judged=False)
    assert report.base == base and not report.rules


def test_in_ci_a_merge_is_checked_out_and_the_report_names_the_commit_of_the_event(change):
    project, base = change
    event = project.root / ".slipway" / "event.json"
    event.parent.mkdir(exist_ok=True)
    event.write_text(json.dumps({"pull_request": {"number": 5, "head": {"sha": "c" * 40}}}))
    report, _ = reported(project, base, judged=False, event=event)
    assert report.head == "c" * 40
    event.write_text(json.dumps({"ref": "refs/heads/main"}))
    report, _ = reported(project, base, judged=False, event=event)
    assert report.head == git(project.root, "rev-parse", "HEAD")


def test_parameters_that_cannot_be_read_are_noted(change):
    project, base = change
    (project.root / "params.yaml").write_text("model: [\n")
    project.commit("broken")
    report, text = reported(project, base, judged=False)
    assert any("params.yaml" in note for note in report.notes) and "was not compared" in text


@pytest.mark.parametrize(("base", "given", "said"), [("nope", "{}", "fetch-depth"), ("HEAD", "[]", "toJSON(needs)")])
def test_what_cannot_be_gathered_is_said_and_nothing_is_written(change, base, given, said):
    project, _ = change
    done = slipway(project, "ci", "report", "--base", base, "--out", "report.json", NEEDS=given)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
    assert not (project.root / "report.json").exists()


def test_long_texts_of_the_gate_are_shortened_before_they_would_be_refused(change):
    project, base = change
    reported(project, base)
    path = project.root / "gate.json"
    gate = json.loads(path.read_text())
    gate["sentence"], gate["moved"] = "x" * 9000, ["moved"] * 900
    path.write_text(json.dumps(gate))
    report, _ = reported(project, base, judged=False)
    assert len(report.gate.sentence) == 2000 and report.gate.sentence.endswith("…")
    assert len(report.gate.moved) == 500
