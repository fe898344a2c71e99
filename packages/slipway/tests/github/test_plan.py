"""What ci plans for a change, and what its verdict says of the jobs that came of it."""

import json
import os
import subprocess

import pytest
import yaml
from hub import hub
from ledgerbox import git
from places import ROOT
from running import SLIPWAY

from slipway.errors import GitHubError
from slipway.github.jobs.plan import ALWAYS, CANNOT_AFFECT, ONLY_BEFORE_MERGE, judge_jobs, list_changed_files, plan_jobs

EVERYTHING = {*ALWAYS, *CANNOT_AFFECT}


@pytest.mark.parametrize(
    ("changed", "skipped"),
    [
        (["README.md", "docs/gate.md"], {"tests", "pipeline", "gate", "image"}),
        (["tests/test_model.py", ".pre-commit-config.yaml"], {"pipeline", "gate", "image"}),
        (["docs/gate.md", "params.yaml"], set()),
        (["src/flights/features.py"], set()),
        (["a file that nobody thought of"], set()),
        ([], set()),
        (None, set()),
    ],
)
def test_a_job_is_skipped_only_where_every_changed_file_is_known_not_to_affect_it(changed, skipped):
    assert set(plan_jobs("pull_request", changed)) == EVERYTHING - skipped


@pytest.mark.parametrize(
    ("changed", "skipped"),
    [
        (["packages/slipway/src/slipway/git.py"], set()),
        (["packages/slipway/tests/test_files.py"], {"pipeline", "gate", "image"}),
        ([".github/workflows/cd.yml", "README.md"], {"pipeline", "gate", "image"}),
        ([".github/workflows/ci.yml"], set()),
        ([".github/actions/setup/action.yml", "docs/gate.md"], set()),
        (["Dockerfile"], set()),
        (["deploy/compose/service.yaml"], set()),
        (["uv.lock"], set()),
        (["pyproject.toml"], set()),
        ([".github/environments/staging.json"], {"pipeline", "gate", "image"}),
        ([".github/rulesets/default-branch.json"], {"pipeline", "gate", "image"}),
        ([".github/zizmor.yml"], {"pipeline", "gate", "image"}),
        ([".github/dependabot.yml"], {"pipeline", "gate", "image"}),
    ],
)
def test_what_can_affect_the_machinery_runs_its_own_tests_too(changed, skipped):
    assert set(plan_jobs("pull_request", changed)) == EVERYTHING - skipped | {"machinery"}
    assert set(plan_jobs("pull_request", changed, vendored=False)) == EVERYTHING - skipped


def test_on_main_cd_judges_what_main_ships():
    assert set(plan_jobs("push", None)) == EVERYTHING - set(ONLY_BEFORE_MERGE)
    assert set(plan_jobs("merge_group", None)) == EVERYTHING


def test_the_jobs_that_are_planned_are_those_of_the_workflow():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs.keys() - {"plan", "verdict"} == EVERYTHING | {"machinery"}
    for name in EVERYTHING | {"machinery"}:
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
    assert sorted(list_changed_files(tmp_path, "base", "pull_request")) == ["a", "new\nline"]
    assert list_changed_files(tmp_path, "", "pull_request") is None
    assert list_changed_files(tmp_path, "0" * 40, "pull_request") is None
    with pytest.raises(GitHubError, match="fetch-depth: 0"):
        list_changed_files(tmp_path, "f" * 40, "pull_request")


def test_after_a_forced_push_the_changes_are_unknown_and_every_job_runs(tmp_path):
    done = plan_of_a_forced_push(tmp_path, "push")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout.removeprefix("jobs="))) == EVERYTHING - set(ONLY_BEFORE_MERGE)
    assert "fetch-depth: 0" in plan_of_a_forced_push(tmp_path, "pull_request").stderr


def plan_of_a_forced_push(folder, event):
    """Plan the jobs where the commit before is not in the clone; GitHub does not know the commit either."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "forced")
    commit = git(folder, "rev-parse", "HEAD")
    with hub() as server:
        own = {"GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": "o/n", "GITHUB_TOKEN": "t"}
        own |= {"GITHUB_EVENT_NAME": event, "GITHUB_SHA": commit.strip()}
        answers = {f"GET /repos/o/n/git/commits/{commit.strip()}": {"tree": {"sha": "0" * 40}}}
        server.answers |= answers | {f"GET /repos/o/n/commits/{commit.strip()}/pulls": []}
        server.otherwise = lambda asked: {"check_runs": [], "total_count": 0}
        command = [SLIPWAY, "ci", "plan", "--base", "f" * 40]
        return subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True)


def needs(planned, **results):
    found = {"plan": {"result": "success", "outputs": {"jobs": json.dumps(planned)}}}
    return json.dumps(found | {name: {"result": result, "outputs": None} for name, result in results.items()})


@pytest.mark.parametrize(
    ("planned", "results", "wrong"),
    [
        (["checks", "tests"], {"checks": "success", "tests": "success", "gate": "skipped"}, []),
        (["checks"], {"checks": "failure"}, ["checks: failure, expected success"]),
        (["checks"], {"checks": "cancelled"}, ["checks: cancelled, expected success"]),
        (["checks", "gate"], {"checks": "success", "gate": "skipped"}, ["gate: skipped, expected success"]),
        (["checks"], {"checks": "success", "gate": "success"}, ["gate: success, expected skipped"]),
        (["checks", "gate"], {"checks": "success"}, ["gate: planned, but missing from the needs of verdict"]),
    ],
)
def test_the_verdict_wants_success_of_what_was_planned_and_nothing_else(planned, results, wrong):
    assert judge_jobs(needs(planned, **results)) == wrong


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"plan": {"result": "failure", "outputs": {}}}'])
def test_without_a_plan_there_is_no_green_verdict(text):
    assert judge_jobs(text) != []
