"""The client asks as GitHub wants it, waits when told to, and its errors say what to do."""

import pytest
from hub import Queue

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.settings import GitHubSettings, github_settings

RULES = "/repos/acme/model/rulesets"
AT_ONCE = {"Retry-After": "0"}


def test_paths_lie_below_the_repository_unless_they_begin_with_a_slash(hub, github):
    hub.answers = {f"GET {RULES}": [1], "GET /users/ann": {"id": 7}, "GET /repos/acme/model": {"private": True}}
    assert github.get("rulesets") == [1]
    assert github.get("/users/ann") == {"id": 7}
    assert github.get("") == {"private": True}


def test_the_token_the_version_and_the_query_are_sent(hub, github):
    hub.answers = {f"GET {RULES}": []}
    github.get("rulesets", includes_parents="false")
    (asked,) = hub.asked
    assert asked.path == f"{RULES}?includes_parents=false"
    assert asked.headers["authorization"] == "Bearer secret"
    assert asked.headers["x-github-api-version"] == "2022-11-28"


def test_no_login_is_taken_from_a_netrc(hub, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    hub.answers = {f"GET {RULES}": []}
    GitHub(GitHubSettings(hub.url, "acme/model", None)).get("rulesets")
    assert "authorization" not in hub.asked[0].headers


def test_pages_are_followed_to_the_last(hub, github):
    following = {"Link": f'<{hub.url}/page2>; rel="next", <{hub.url}/page2>; rel="last"'}
    hub.answers = {
        "GET /repos/acme/model/environments": (200, {"environments": [1, 2]}, following),
        "GET /page2": {"environments": [3]},
    }
    assert list(github.pages("environments", key="environments")) == [1, 2, 3]
    assert [asked.path for asked in hub.asked] == ["/repos/acme/model/environments?per_page=100", "/page2"]


def test_a_next_page_at_another_host_never_sees_the_token(hub, github):
    hub.answers = {f"GET {RULES}": (200, [1], {"Link": '<http://127.0.0.1:1/x>; rel="next"'})}
    with pytest.raises(GitHubError, match="token is not sent there"):
        list(github.pages("rulesets"))


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_github_is_asked_again(hub, github, status):
    hub.answers = {f"GET {RULES}": Queue([(status, {"message": "busy"}, AT_ONCE), []])}
    assert github.get("rulesets") == []


def test_a_secondary_limit_is_a_403_that_says_when(hub, github):
    hub.answers = {f"POST {RULES}": Queue([(403, {"message": "slow down"}, AT_ONCE), (201, {"id": 1}, {})])}
    assert github.send("POST", "rulesets", {"name": "x"}) == {"id": 1}
    assert hub.asked[1].body == {"name": "x"}


def test_a_post_that_may_have_been_done_is_not_sent_twice(hub, github):
    hub.answers = {f"POST {RULES}": (502, {"message": "bad gateway"}, AT_ONCE)}
    with pytest.raises(GitHubError) as caught:
        github.send("POST", "rulesets", {})
    assert caught.value.status == 502
    assert len(hub.asked) == 1


def test_attempts_end(hub, github):
    hub.answers = {f"GET {RULES}": (503, {"message": "no"}, AT_ONCE)}
    with pytest.raises(GitHubError, match="503"):
        github.get("rulesets")
    assert len(hub.asked) == 4


def test_a_long_wait_is_an_error_at_once(hub, github):
    hub.answers = {f"GET {RULES}": (429, {"message": "limit"}, {"Retry-After": "3600"})}
    with pytest.raises(GitHubError, match="wait 3600 s"):
        github.get("rulesets")
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        (401, {}, "set GITHUB_TOKEN or GH_TOKEN"),
        (403, {"X-Accepted-GitHub-Permissions": "administration=write"}, "needs the permission administration: write"),
        (403, {"X-RateLimit-Remaining": "0"}, "used up its requests"),
        (404, {}, "the token may not see it"),
        (422, {}, "refuses what it says"),
        (500, {}, "githubstatus"),
    ],
)
def test_an_error_says_what_was_asked_what_came_and_what_to_do(hub, github, status, headers, advice):
    body = {"message": "Told you", "errors": [{"field": "name", "code": "invalid"}, "and more"]}
    hub.answers = {f"PUT {RULES}": (status, body, headers)}
    with pytest.raises(GitHubError) as caught:
        github.send("PUT", "rulesets", {})
    assert f"PUT {hub.url}{RULES}: {status}, Told you: name invalid; and more. " in str(caught.value)
    assert advice in str(caught.value)
    assert caught.value.said == "Told you: name invalid; and more"
    assert "secret" not in str(caught.value)


def test_what_is_no_json_is_said(hub, github):
    hub.answers = {f"GET {RULES}": (200, b"<html>", {})}
    with pytest.raises(GitHubError, match="expected JSON, found '<html>'"):
        github.get("rulesets")


def test_no_answer_is_an_error_for_people():
    with pytest.raises(GitHubError, match="no answer"):
        GitHub(GitHubSettings("http://127.0.0.1:1", "acme/model", None)).get("rulesets")


@pytest.mark.parametrize("name", [None, "", "acme", "acme/..", "acme/../orgs"])
def test_a_repository_is_an_owner_and_a_name(name):
    with pytest.raises(GitHubError, match="OWNER/NAME"):
        GitHub(GitHubSettings("http://127.0.0.1:1", name, None))


def test_the_variables_of_a_workflow_and_of_gh_are_read(monkeypatch):
    for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert github_settings() == GitHubSettings("https://api.github.com", None, None)
    monkeypatch.setenv("GH_TOKEN", "mine")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/model")
    monkeypatch.setenv("GITHUB_API_URL", "http://stub/")
    assert github_settings() == GitHubSettings("http://stub", "acme/model", "mine")
    monkeypatch.setenv("GITHUB_TOKEN", "workflow")
    assert github_settings().token == "workflow"
