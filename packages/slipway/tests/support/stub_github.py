"""GitHub's REST API on loopback, as far as the workflows use it, with its state in memory and every call recorded.

    python packages/slipway/tests/support/stub_github.py --port 0 --record calls.jsonl    # prints its port

Beside the API: GET /_calls is what was recorded, GET /_comments (/_releases ...) what is there now, POST /_pulls and
/_comments put something there: the arguments of `add_pull` and `add_comment`.
"""

import argparse
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/model"
BOT = "github-actions[bot]"
# Tokens and who they belong to. A workflow's own token may not ask for its name, as at GitHub.
TOKENS = {"workflow-token": BOT, "person-token": "ann", "app-token": "slipway[bot]"}


class Call(NamedTuple):
    """One call: `body` is decoded, `query` has one value for each name, `token` is the bearer's."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    token: str | None
    status: int


class RefusedError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, message: str = "Not Found") -> None:
        super().__init__(message)
        self.status = status


class State:
    """What the stand-in knows; tests read and change it directly, other processes through /_..."""

    def __init__(self, url: str, repository: str = REPOSITORY, record: Path | None = None) -> None:
        self.url, self.repository, self.record = url, repository, record
        self.tokens = dict(TOKENS)
        self.private = False
        # A setting of the repository.
        self.workflows_may_open_pulls = True
        self.calls: list[Call] = []
        self.pulls: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.deployments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.releases: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []
        # Workflows that were started, with their inputs.
        self.started: list[dict[str, Any]] = []
        # Method and end of a path, requests to answer before it refuses, status.
        self._refusal: tuple[str, str, int, int] | None = None
        self.runs: list[dict[str, Any]] = []
        # Commits whose workflows are not those of main: no workflow's token may put a tag there by the API.
        self.other_workflows: set[str] = set()
        # The newest commit of main; None: the stand-in does not know it.
        self.newest: str | None = None
        self._ids = iter(range(101, 10**9))
        self._lock = threading.RLock()

    def add_pull(self, number: int, sha: str, branch: str = "work", owner: str = "acme", state: str = "open") -> None:
        """A pull request of `owner`'s branch into main."""
        self.pulls.append(
            {
                "number": number,
                "state": state,
                "html_url": f"{self.url}/{self.repository}/pull/{number}",
                "head": {"sha": sha, "ref": branch, "label": f"{owner}:{branch}"},
                "base": {"ref": "main", "repo": {"id": 1}},
            }
        )

    def add_comment(self, number: int, login: str | None, body: str) -> dict[str, Any]:
        """A comment under the issue or pull request `number`; its author may be a deleted user."""
        found = {
            "id": next(self._ids),
            "issue": number,
            "body": body,
            "user": login and {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"},
        }
        found["html_url"] = f"{self.url}/{self.repository}/pull/{number}#issuecomment-{found['id']}"
        self.comments.append(found)
        return found

    def add_issue(self, login: str, title: str, body: str, labels: list[str]) -> dict[str, Any]:
        """Add an issue, open."""
        number = next(self._ids)
        found = {
            "number": number,
            "title": title,
            "body": body,
            "state": "open",
            "labels": [{"name": name} for name in labels],
            "user": {"login": login},
            "html_url": f"{self.url}/{self.repository}/issues/{number}",
        }
        self.issues.append(found)
        return found

    def refuse(self, method: str, end: str, after: int, status: int) -> None:
        """Refuse one request to a path with this end, after some that succeed."""
        self._refusal = (method, end, after, status)

    def changes(self) -> list[tuple[str, str]]:
        """Method and path of every call that wanted to change something, in order."""
        return [(call.method, call.path) for call in self.calls if call.method != "GET"]

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, token: str | None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers; recorded unless it is a question about the stand-in itself."""
        with self._lock:
            if path.startswith("/_"):
                return self._aside(method, path, body)
            more: dict[str, str] = {}
            try:
                status, found = self._route(method, path, query, body, token)
                if isinstance(found, list) and method == "GET":
                    found, more = self._page(path, query, found)
            except RefusedError as refused:
                status, found = (
                    refused.status,
                    {"message": str(refused), "documentation_url": "https://docs.github.com"},
                )
            self._note(Call(method, path, query, body, token, status))
            return status, found, more

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        if self.record:
            with self.record.open("a") as file:
                file.write(json.dumps(call._asdict()) + "\n")

    def _aside(self, method: str, path: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        known = {"pulls": self.add_pull, "comments": self.add_comment}
        name = path.removeprefix("/_")
        if method == "POST" and name in known:
            known[name](**body)
            return 201, {}, {}
        if name == "calls":
            return 200, [call._asdict() for call in self.calls], {}
        kept = {"pulls", "comments", "deployments", "statuses", "releases", "issues", "started"}
        return (200, getattr(self, name), {}) if name in kept else (404, {"message": "Not Found"}, {})

    def _route(self, method: str, path: str, query: dict[str, str], body: Any, token: str | None) -> tuple[int, Any]:
        if token not in self.tokens:
            raise RefusedError(401, "Bad credentials" if token else "Requires authentication")
        self._maybe_refuse(method, path)
        if path == "/user" and method == "GET":
            return self._user(token)
        below = f"/repos/{self.repository}"
        if path == below and method == "GET":
            return 200, {"id": 1, "full_name": self.repository, "default_branch": "main", "private": self.private}
        for verb, pattern, name in _ROUTES:
            match = re.fullmatch(below + pattern, path)
            if match and verb == method:
                arguments = [int(each) if each.isdecimal() else each for each in match.groups()]
                return getattr(self, name)(
                    *arguments, given=query if method == "GET" else body, login=self.tokens[token]
                )
        raise RefusedError(404)

    def _maybe_refuse(self, method: str, path: str) -> None:
        if self._refusal and method == self._refusal[0] and path.endswith(self._refusal[1]):
            *which, after, status = self._refusal
            self._refusal = (which[0], which[1], after - 1, status) if after else None
            if not after:
                raise RefusedError(status, "Server Error")

    def _user(self, token: str) -> tuple[int, Any]:
        login = self.tokens[token]
        if login.endswith("[bot]"):
            raise RefusedError(403, "Resource not accessible by integration")
        return 200, {"login": login, "id": 7, "type": "User"}

    def list_pulls(self, given: Any, login: str) -> tuple[int, Any]:
        state, head = given.get("state", "open"), given.get("head")
        return 200, [
            pull for pull in self.pulls if state in ("all", pull["state"]) and head in (None, pull["head"]["label"])
        ]

    def get_pull(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        return 200, _one(self.pulls, "number", number)

    def create_pull(self, given: Any, login: str) -> tuple[int, Any]:
        if login == BOT and not self.workflows_may_open_pulls:
            raise RefusedError(403, "GitHub Actions is not permitted to create or approve pull requests.")
        owner = self.repository.partition("/")[0]
        label = f"{owner}:{given['head']}"
        if any(each["head"]["label"] == label and each["state"] == "open" for each in self.pulls):
            raise RefusedError(422, f"A pull request already exists for {label}.")
        number = next(self._ids)
        self.add_pull(number, given["head"], given["head"], owner)
        self.pulls[-1] |= {"title": given["title"], "body": _body(given), "user": {"login": login}}
        return 201, self.pulls[-1]

    def update_pull(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        found = _one(self.pulls, "number", number)
        found |= given
        return 200, found

    def list_issues(self, given: Any, login: str) -> tuple[int, Any]:
        state, labels = given.get("state", "open"), set(filter(None, given.get("labels", "").split(",")))
        return 200, [
            each
            for each in self.issues
            if state in ("all", each["state"]) and labels <= {label["name"] for label in each["labels"]}
        ]

    def create_issue(self, given: Any, login: str) -> tuple[int, Any]:
        if not given.get("title"):
            raise RefusedError(422, "Validation Failed")
        known = [name for name in given.get("labels", []) if name in [each["name"] for each in self.labels]]
        return 201, self.add_issue(login, given["title"], _body(given), known)

    def update_issue(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        found = _one(self.issues, "number", number)
        found |= given
        return 200, found

    def find_label(self, name: str, given: Any, login: str) -> tuple[int, Any]:
        return 200, _one(self.labels, "name", name)

    def create_label(self, given: Any, login: str) -> tuple[int, Any]:
        if any(each["name"] == given["name"] for each in self.labels):
            raise RefusedError(422, "Validation Failed")
        self.labels.append(given)
        return 201, given

    def start_workflow(self, workflow: str, given: Any, login: str) -> tuple[int, Any]:
        self.started.append({"workflow": workflow, **given})
        return 204, None

    def list_comments(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        return 200, [each for each in self.comments if each["issue"] == number]

    def create_comment(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        _one([*self.pulls, *self.issues], "number", number)
        return 201, self.add_comment(number, login, _body(given))

    def update_comment(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        found = _one(self.comments, "id", number)
        # A token that writes may change the comments of others too: that only one's own are is our own care.
        found["body"] = _body(given)
        return 200, found

    def list_deployments(self, given: Any, login: str) -> tuple[int, Any]:
        wanted = {name: given[name] for name in ("environment", "sha", "ref") if name in given}
        return 200, [each for each in reversed(self.deployments) if wanted.items() <= each.items()]

    def create_deployment(self, given: Any, login: str) -> tuple[int, Any]:
        found = {"environment": "production", "task": "deploy", "payload": {}, **given}
        found |= {"id": next(self._ids), "sha": given["ref"], "creator": {"login": login}}
        self.deployments.append(found)
        return 201, found

    def list_statuses(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        _one(self.deployments, "id", number)
        return 200, [each for each in reversed(self.statuses) if each["deployment"] == number]

    def create_status(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        deployment = _one(self.deployments, "id", number)
        states = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}
        if given.get("state") not in states:
            raise RefusedError(422, "Validation Failed")
        found = {"environment": deployment["environment"], **given, "id": next(self._ids), "deployment": number}
        self.statuses.append(found)
        return 201, found

    def list_runs(self, workflow: str, given: Any, login: str) -> tuple[int, Any]:
        status = given.get("status")
        since = given.get("created", "").removeprefix(">=")
        found = [
            each
            for each in self.runs
            if each["path"].endswith(workflow)
            and status in (None, each["status"], each.get("conclusion"))
            and each.get("created_at", since) >= since
        ]
        return 200, {"total_count": len(found), "workflow_runs": found}

    def cancel_run(self, number: int, given: Any, login: str) -> tuple[int, Any]:
        run = _one(self.runs, "id", number)
        if run["status"] == "completed":
            raise RefusedError(409, "Cannot cancel a workflow run that is completed.")
        run["status"] = "completed"
        return 202, {}

    def newest_commit(self, given: Any, login: str) -> tuple[int, Any]:
        if self.newest is None:
            raise RefusedError(404)
        return 200, {"sha": self.newest}

    def list_releases(self, given: Any, login: str) -> tuple[int, Any]:
        return 200, list(reversed(self.releases))

    def release_by_tag(self, tag: str, given: Any, login: str) -> tuple[int, Any]:
        return 200, _one(self.releases, "tag_name", str(tag))

    def create_release(self, given: Any, login: str) -> tuple[int, Any]:
        tag = given.get("tag_name")
        if not tag or any(each["tag_name"] == tag for each in self.releases):
            raise RefusedError(422, "Validation Failed")
        if given.get("target_commitish") in self.other_workflows:
            raise RefusedError(403, "Resource not accessible by integration")
        found = {"draft": False, "prerelease": False, **given, "id": next(self._ids), "author": {"login": login}}
        found["html_url"] = f"{self.url}/{self.repository}/releases/tag/{tag}"
        self.releases.append(found)
        return 201, found

    def _page(self, path: str, query: dict[str, str], found: list[Any]) -> tuple[list[Any], dict[str, str]]:
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        if page * size >= len(found):
            return found[(page - 1) * size :], {}
        following = {**query, "page": str(page + 1)}
        url = f"{self.url}{path}?" + "&".join(f"{name}={value}" for name, value in following.items())
        return found[(page - 1) * size : page * size], {"Link": f'<{url}>; rel="next"'}


_ROUTES = (
    ("GET", "/pulls", "list_pulls"),
    ("POST", "/pulls", "create_pull"),
    ("GET", r"/pulls/(\d+)", "get_pull"),
    ("PATCH", r"/pulls/(\d+)", "update_pull"),
    ("GET", "/issues", "list_issues"),
    ("POST", "/issues", "create_issue"),
    ("PATCH", r"/issues/(\d+)", "update_issue"),
    ("GET", r"/labels/([^/]+)", "find_label"),
    ("POST", "/labels", "create_label"),
    ("POST", r"/actions/workflows/([^/]+)/dispatches", "start_workflow"),
    ("GET", r"/issues/(\d+)/comments", "list_comments"),
    ("POST", r"/issues/(\d+)/comments", "create_comment"),
    ("PATCH", r"/issues/comments/(\d+)", "update_comment"),
    ("GET", "/deployments", "list_deployments"),
    ("POST", "/deployments", "create_deployment"),
    ("GET", r"/deployments/(\d+)/statuses", "list_statuses"),
    ("POST", r"/deployments/(\d+)/statuses", "create_status"),
    ("GET", r"/actions/workflows/([^/]+)/runs", "list_runs"),
    ("POST", r"/actions/runs/(\d+)/cancel", "cancel_run"),
    ("GET", "/commits/HEAD", "newest_commit"),
    ("GET", "/releases", "list_releases"),
    ("POST", "/releases", "create_release"),
    ("GET", "/releases/tags/([^/]+)", "release_by_tag"),
)


def _one(items: list[dict[str, Any]], name: str, value: Any) -> dict[str, Any]:
    found = next((each for each in items if each[name] == value), None)
    if found is None:
        raise RefusedError(404)
    return found


def _body(given: Any) -> str:
    text = (given or {}).get("body")
    if not isinstance(text, str) or not text or len(text) > 65_536:
        raise RefusedError(422, "Validation Failed")
    return text


class _Handler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        bearer = token if scheme.lower() in ("bearer", "token") else None
        status, found, more = self.server.state.answer(self.command, address.path, query, body, bearer)  # type: ignore[attr-defined]
        data = b"" if found is None else json.dumps(found).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - as http.server calls them

    def log_message(self, *given: Any) -> None:
        pass


def _server(port: int, repository: str = REPOSITORY, record: Path | None = None) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.state = State(f"http://127.0.0.1:{server.server_address[1]}", repository, record)  # type: ignore[attr-defined]
    return server


@contextmanager
def stub_github():
    """The stand-in's state, served until the block ends."""
    server = _server(0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.state  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="GitHub's REST API on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--repository", default=REPOSITORY, metavar="OWNER/NAME")
    parser.add_argument("--record", type=Path, metavar="FILE", help="append every call as a line of JSON")
    given = parser.parse_args()
    server = _server(given.port, given.repository, given.record)
    print(server.server_address[1], flush=True)  # noqa: T201 - whoever started it waits for this line
    server.serve_forever()


if __name__ == "__main__":
    main()
