"""A retrain that the gate promotes becomes one pull request; any other end is a comment on the alarm's issue."""

from datetime import date

import pytest
from alarmbox import SKILL
from ledgerbox import clone, git, make_hub

from slipway.errors import GitHubError
from slipway.files.writing import write_json
from slipway.github.alarms.issues import list_issues, write_issues
from slipway.github.client.api import GitHub
from slipway.github.retrain.commit import fetch_commit, pack_commit
from slipway.github.retrain.propose import RESULT, RetrainRun, propose_retrain
from slipway.monitoring.retrain.result import RetrainEnd, RetrainResult
from slipway.settings import GitHubSettings

BRANCH = "retrain/production-2013-12-31"
RUN = "https://github.com/acme/model/actions/runs/41"
KEPT = RetrainResult(
    environment="production",
    until=date(2013, 12, 31),
    end=RetrainEnd.KEPT,
    sentence="The candidate cannot be told apart.",
    report="| check | value |",
)


@pytest.fixture
def connect(stub):
    return lambda token="workflow-token": GitHub(GitHubSettings(stub.url, stub.repository, token))


@pytest.fixture
def issue(stub, client):
    write_issues(client, [SKILL], list_issues(client))
    return stub.issues[0]


@pytest.fixture
def hub(tmp_path):
    return make_hub(tmp_path)


@pytest.fixture
def root(hub, tmp_path):
    """The clone of the job with rights."""
    return clone(hub, tmp_path / "rights")


@pytest.fixture
def retrained(hub, tmp_path):
    """Commit changes in the clone of a job without rights; return the folder that it hands over."""

    def make(*paths, result=KEPT, mode=0o644):
        other = clone(hub, tmp_path / "without")
        for path in paths or ("data.dvc", "dvc.lock", "metrics.json", ".dvc/embedded/files/md5/ab/c"):
            (other / path).parent.mkdir(parents=True, exist_ok=True)
            (other / path).write_text("new\n")
            (other / path).chmod(mode)
        git(other, "add", "--force", "--all")
        git(other, "commit", "--quiet", "-m", "Retrain production")
        commit, folder = git(other, "rev-parse", "HEAD"), tmp_path / "retrain"
        folder.mkdir()
        pack_commit(other, commit, folder)
        found = RetrainResult(
            environment="production",
            until=result.until,
            end=RetrainEnd.PROPOSED,
            sentence="The candidate is better.",
            report=result.report,
            branch=BRANCH,
            commit=commit,
        )
        write_json(folder / RESULT, found)
        return folder

    return make


def propose(connect, root, folder, token=None, alarm=SKILL.fingerprint):
    run = RetrainRun(base=git(root, "rev-parse", "HEAD"), url=RUN, alarm=alarm)
    with connect() as client, connect(token or "workflow-token") as author:
        return propose_retrain(client, author if token else client, root, folder, run)


def test_promoted_it_becomes_one_pull_request_with_figures_data_and_the_gates_report(
    stub, connect, root, hub, retrained, issue
):
    folder = retrained()
    assert propose(connect, root, folder).did == "opened"
    (pull,) = stub.pulls
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (BRANCH, "main")
    assert pull["title"] == "Retrain production with the data of 2013-12-31"
    for said in (f"#{issue['number']}", "The candidate is better.", KEPT.report, RUN, "CI has not started"):
        assert said in pull["body"]
    (parent,) = git(hub, "log", "-1", "--format=%P", BRANCH).split()
    assert parent == git(root, "rev-parse", "HEAD")
    assert propose(connect, root, folder).did == "updated", "the run may be started again"
    assert len(stub.pulls) == 1 and stub.comments == []


def test_with_the_token_of_an_app_the_app_opens_it_and_ci_runs(stub, connect, root, retrained, issue):
    assert propose(connect, root, retrained(), token="app-token").did == "opened"
    (pull,) = stub.pulls
    assert pull["user"] == {"login": "slipway[bot]"}
    assert "CI has not started" not in pull["body"] and f"#{issue['number']}" in pull["body"]


def test_where_a_setting_forbids_it_the_issue_gets_the_link_to_open_it(stub, connect, root, hub, retrained, issue):
    stub.workflows_may_open_pulls = False
    done = propose(connect, root, retrained())
    assert (done.did, stub.pulls) == ("pushed", [])
    assert git(hub, "rev-parse", BRANCH)
    (comment,) = stub.comments
    assert f"https://github.com/acme/model/compare/main...{BRANCH}?expand=1" in comment["body"]


@pytest.mark.parametrize("end", [RetrainEnd.KEPT, RetrainEnd.REFUSED, RetrainEnd.TOO_FEW])
def test_not_promoted_it_ends_as_one_comment_on_the_alarms_issue(stub, connect, root, tmp_path, issue, end):
    write_json(tmp_path / RESULT, {**stub_result(), "end": end.value})
    assert propose(connect, root, tmp_path).did == "commented"
    assert propose(connect, root, tmp_path).did == "commented"
    (comment,) = stub.comments
    assert comment["issue"] == issue["number"]
    for said in (end.value, KEPT.sentence, KEPT.report, RUN):
        assert said in comment["body"]
    assert stub.pulls == []


def stub_result():
    return {"environment": "production", "until": "2013-12-31", "sentence": KEPT.sentence, "report": KEPT.report}


def test_a_retrain_that_failed_is_said_and_one_by_hand_has_no_issue_to_say_it_on(stub, connect, root, tmp_path, issue):
    assert propose(connect, root, tmp_path / "none").did == "commented"
    assert f"[A retrain]({RUN}) failed" in stub.comments[0]["body"]
    assert propose(connect, root, tmp_path / "none", alarm=None).did == "nothing"
    assert len(stub.comments) == 1


@pytest.mark.parametrize(
    ("paths", "mode"),
    [
        ((".github/workflows/cd.yml",), 0o644),
        (("gate.yaml",), 0o644),
        (("data.dvc", "src/problem.py"), 0o644),
        ((".dvc/embedded/files/../../config",), 0o644),
        (("data.dvc",), 0o755),
    ],
)
def test_a_commit_that_changes_anything_else_is_refused_and_not_pushed(
    stub, connect, root, hub, retrained, issue, paths, mode
):
    with pytest.raises(GitHubError, match="The retrain's commit is refused: it changes"):
        propose(connect, root, retrained(*paths, mode=mode))
    assert stub.pulls == [] and BRANCH not in git(hub, "branch", "--list", BRANCH)


def test_a_commit_on_another_parent_is_refused(root, retrained):
    with pytest.raises(GitHubError, match="expected the one parent"):
        fetch_commit(root, retrained(), "0" * 40)
