"""What ci plans for a change, and what its verdict says of the jobs that came of it."""

import json

import pytest
import yaml
from ledgerbox import git
from places import ROOT

from slipway.errors import GitHubError
from slipway.github.plan import ALWAYS, CANNOT_AFFECT, ONLY_BEFORE_MERGE, changed_files, judge, plan

EVERYTHING = {*ALWAYS, *CANNOT_AFFECT}


@pytest.mark.parametrize(
    ("changed", "skipped"),
    [
        (["README.md", "docs/gate.md"], {"tests", "pipeline", "gate", "image"}),
        (["tests/test_model.py", ".github/workflows/cd.yml"], {"pipeline", "gate", "image"}),
        ([".github/workflows/ci.yml"], set()),
        ([".github/actions.json", "docs/gate.md"], set()),
        (["docs/gate.md", "params.yaml"], set()),
        (["src/flights/features.py"], set()),
        (["a file that nobody thought of"], set()),
        ([], set()),
        (None, set()),
    ],
)
def test_a_job_is_skipped_only_where_every_changed_file_is_known_not_to_affect_it(changed, skipped):
    assert set(plan("pull_request", changed)) == EVERYTHING - skipped


def test_on_main_and_in_the_queue_nobody_reads_a_report_and_cd_judges_what_main_ships():
    assert set(plan("push", None)) == EVERYTHING - set(ONLY_BEFORE_MERGE)
    assert set(plan("merge_group", None)) == EVERYTHING - {"report"}


def test_the_jobs_that_are_planned_are_those_of_the_workflow():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs.keys() - {"plan", "verdict"} == EVERYTHING
    for name in CANNOT_AFFECT.keys() - {"report"}:
        assert f"'{name}'" in jobs[name]["if"]


def test_what_a_branch_changes_is_counted_from_where_it_left_its_base(tmp_path):
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "begin")
    git(tmp_path, "checkout", "--quiet", "-b", "branch")
    (tmp_path / "a").rename(tmp_path / "new\nline")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "mine")
    git(tmp_path, "branch", "--force", "base", "main")
    assert sorted(changed_files(tmp_path, "base")) == ["a", "new\nline"]
    assert changed_files(tmp_path, "") is None
    assert changed_files(tmp_path, "0" * 40) is None
    with pytest.raises(GitHubError, match="fetch-depth: 0"):
        changed_files(tmp_path, "f" * 40)


def needs(planned, **results):
    found = {"plan": {"result": "success", "outputs": {"jobs": json.dumps(planned)}}}
    return json.dumps(found | {name: {"result": result, "outputs": None} for name, result in results.items()})


@pytest.mark.parametrize(
    ("planned", "results", "wrong"),
    [
        (["lint", "tests"], {"lint": "success", "tests": "success", "gate": "skipped"}, []),
        (["lint"], {"lint": "failure"}, ["lint: failure, expected success"]),
        (["lint"], {"lint": "cancelled"}, ["lint: cancelled, expected success"]),
        (["lint", "gate"], {"lint": "success", "gate": "skipped"}, ["gate: skipped, expected success"]),
        (["lint"], {"lint": "success", "gate": "success"}, ["gate: success, expected skipped"]),
        (["lint", "gate"], {"lint": "success"}, ["gate: planned, and not among the jobs that the verdict waits for"]),
    ],
)
def test_the_verdict_wants_success_of_what_was_planned_and_nothing_else(planned, results, wrong):
    assert judge(needs(planned, **results)) == wrong


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"plan": {"result": "failure", "outputs": {}}}'])
def test_without_a_plan_there_is_no_green_verdict(text):
    assert judge(text) != []
