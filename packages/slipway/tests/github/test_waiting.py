"""Runs that wait for an approval are cancelled, and no others."""

import pytest
from click.testing import CliRunner

from slipway.cli import main
from slipway.errors import GitHubError
from slipway.github.jobs.waiting import cancel_waiting_runs

ACTIONS = "/repos/acme/model/actions"


class Runs:
    """Runs of cd.yml as GitHub keeps them: one that waits can be cancelled, one that has ended cannot."""

    def __init__(self, **states):
        self.states = {int(name.removeprefix("run")): state for name, state in states.items()}
        self.ended_meanwhile = set()

    def __call__(self, asked):
        path, _, query = asked.path.partition("?")
        if asked.method == "GET" and path == f"{ACTIONS}/workflows/cd.yml/runs":
            wanted = "waiting" if "status=waiting" in query else None
            runs = [self._run(key) for key, state in self.states.items() if wanted in (None, state)]
            return {"total_count": len(runs), "workflow_runs": runs}
        run = int(path.removeprefix(f"{ACTIONS}/runs/").removesuffix("/cancel"))
        if run in self.ended_meanwhile:
            return 409, {"message": "Cannot cancel a workflow run that is completed."}, {}
        self.states[run] = "completed"
        return 202, {}, {}

    def _run(self, key):
        return {"id": key, "display_title": f"push {key}", "head_sha": "a" * 40, "html_url": f"https://x/{key}"}


def test_only_those_that_wait_are_cancelled(hub, github):
    hub.otherwise = runs = Runs(run1="waiting", run2="in_progress", run3="waiting")
    assert [(each.run, each.cancelled) for each in cancel_waiting_runs(github, "cd.yml")] == [(1, True), (3, True)]
    assert runs.states == {1: "completed", 2: "in_progress", 3: "completed"}
    assert cancel_waiting_runs(github, "cd.yml") == []


def test_one_that_ends_meanwhile_is_no_failure(hub, github):
    hub.otherwise = runs = Runs(run1="waiting", run2="waiting")
    runs.ended_meanwhile.add(1)
    assert [(each.run, each.cancelled) for each in cancel_waiting_runs(github, "cd.yml")] == [(1, False), (2, True)]


@pytest.mark.parametrize("name", ["cd", "../cd.yml", "cd.yml?x", ""])
def test_a_workflow_is_named_by_its_file(hub, github, name):
    with pytest.raises(GitHubError, match="file name of a workflow"):
        cancel_waiting_runs(github, name)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"run7": "waiting"}, "run 7, aaaaaaaaaaaa, push 7: cancelled, https://x/7\n"),
        ({"run7": "in_progress"}, "No run of cd.yml waits for an approval.\n"),
    ],
)
def test_the_command_says_which(hub, monkeypatch, states, said):
    hub.otherwise = Runs(**states)
    for name, value in {"API_URL": hub.url, "REPOSITORY": "acme/model", "TOKEN": "secret"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    done = CliRunner().invoke(main, ["github", "cancel-waiting", "--workflow", "cd.yml"])
    assert (done.exit_code, done.output) == (0, said)
