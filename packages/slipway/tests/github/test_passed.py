"""Whether main has something to run after a merge: a tree that has passed is not tested again."""

import pytest
from hub import hub

from slipway.github.client.api import GitHub
from slipway.github.jobs.plan import has_passed
from slipway.settings import GitHubSettings

MAIN, HEAD = "a" * 40, "b" * 40
GREEN = {"conclusion": "success", "app": {"id": 15368}}
RED = GREEN | {"conclusion": "failure"}


def passed(*, heads=(HEAD,), trees=None, checks=None) -> bool:
    """Ask about MAIN, where GitHub knows these pull requests, trees of commits, and checks named verdict."""
    with hub() as github:
        at = "/repos/acme/model"
        github.answers[f"GET {at}/commits/{MAIN}/pulls"] = [{"head": {"sha": head}} for head in heads]
        for commit in (MAIN, *heads):
            github.answers[f"GET {at}/git/commits/{commit}"] = {"tree": {"sha": (trees or {}).get(commit, "one")}}
            runs = {"check_runs": (checks or {}).get(commit, [])}
            github.answers[f"GET {at}/commits/{commit}/check-runs"] = runs
        with GitHub(GitHubSettings(api_url=github.url, repository="acme/model", token="t")) as client:
            return has_passed(client, MAIN)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"checks": {HEAD: [GREEN]}}, True),
        ({"checks": {HEAD: [RED, GREEN]}}, True),
        ({"checks": {MAIN: [GREEN]}, "heads": ()}, True),
        ({"checks": {HEAD: [RED]}}, False),
        ({"checks": {HEAD: [GREEN | {"conclusion": None}]}}, False),
        ({"checks": {HEAD: [GREEN | {"app": {"id": 1}}]}}, False),
        ({"checks": {HEAD: [GREEN]}, "trees": {HEAD: "another"}}, False),
        ({"heads": ()}, False),
    ],
    ids=[
        "squashed",
        "green at the second attempt",
        "in the merge queue",
        "red",
        "not finished",
        "a check of another app",
        "another tree",
        "pushed directly",
    ],
)
def test_a_tree_has_passed_where_its_own_verdict_or_that_of_its_pull_request_was_green(case, expected):
    assert passed(**case) is expected
