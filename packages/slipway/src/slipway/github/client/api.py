"""Call GitHub's REST API, and explain an error response."""

import re
import time
from collections.abc import Iterator
from typing import Any, Self

import requests

from slipway.errors import GitHubError
from slipway.settings import GitHubSettings

# The API version of the requests here; GitHub supports a version for at least two years.
_VERSION = "2022-11-28"
# Seconds to connect, seconds between two bytes of the response.
_TIMEOUT = (10.0, 30.0)
_ATTEMPTS = 4
# The longest wait in seconds that a response may ask for; GitHub's secondary limits ask for a minute.
_LONGEST_WAIT = 60.0
# The author with a workflow's own token.
_WORKFLOW = "github-actions[bot]"
_BUSY = (429, 502, 503)
# GitHub's messages where the plan of the account lacks a feature.
_PLAN_WORDS = ("upgrade", "billing plan", "your plan", "make this repository public")
_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/(?!\.\.?$)[A-Za-z0-9._-]+")


class GitHub:
    """A client for one repository. A path with a leading / is absolute, any other is below the repository.

    github = GitHub(github_settings())
    github.get("rulesets")              # /repos/OWNER/NAME/rulesets
    github.get("/users/octocat")
    """

    def __init__(self, settings: GitHubSettings) -> None:
        if not settings.repository or not _REPOSITORY.fullmatch(settings.repository):
            raise GitHubError(
                f"GITHUB_REPOSITORY must be OWNER/NAME; found {settings.repository!r}. "
                "Workflows have it; elsewhere: export GITHUB_REPOSITORY=OWNER/NAME."
            )
        self.repository = settings.repository
        self.url = settings.api_url.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION})
        if settings.token:
            self._session.headers["Authorization"] = f"Bearer {settings.token}"
        # Otherwise requests reads a login from ~/.netrc.
        self._session.auth = lambda request: request

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, path: str, **query: str | int) -> Any:
        """Return the JSON of the response; raises `GitHubError`."""
        return _decode(self._ask("GET", self._address(path), query=query))

    def find(self, path: str, absent: int = 404) -> Any | None:
        """Return the JSON of the response, None where its status is `absent`; raises `GitHubError`."""
        try:
            return self.get(path)
        except GitHubError as error:
            if error.status != absent or lacks_plan(error):
                raise
            return None

    def pages(self, path: str, key: str | None = None, **query: str | int) -> Iterator[Any]:
        """Yield every item of a list, page by page; `key` names the list where the response is an object."""
        url: str | None = self._address(path)
        asked: dict[str, str | int] = {"per_page": 100, **query}
        while url:
            answer = self._ask("GET", url, query=asked)
            found = _decode(answer)
            yield from (found[key] if key else found)
            # The address of the next page includes the query.
            url, asked = answer.links.get("next", {}).get("url"), {}
            if url and not url.startswith(f"{self.url}/"):
                raise GitHubError(f"{self.url} names a next page on another host: {url}. The token is not sent there.")

    def send(self, method: str, path: str, body: object = None) -> Any:
        """Send a JSON body by POST, PUT, PATCH or DELETE; return the JSON of the response, None if it is empty."""
        return _decode(self._ask(method, self._address(path), body=body))

    def login(self) -> str:
        """Return the author of what this token writes; a workflow's own token may not read its own name."""
        user = self.find("/user", absent=403)
        return str(user["login"]) if user else _WORKFLOW

    def storage_url(self, path: str) -> str:
        """Return the address of a file's storage, to which GitHub redirects; it needs no token and must not get it."""
        answer = self._ask("GET", self._address(path), follow=False)
        found = answer.headers.get("Location")
        if not answer.is_redirect or not found:
            raise GitHubError(f"GET {answer.url}: expected the address of a file, found {answer.status_code}.")
        return found

    def _address(self, path: str) -> str:
        return self.url + path if path.startswith("/") else f"{self.url}/repos/{self.repository}/{path}".rstrip("/")

    def _ask(
        self,
        method: str,
        url: str,
        body: object = None,
        query: dict[str, str | int] | None = None,
        follow: bool = True,
    ) -> requests.Response:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._session.request(
                    method, url, json=body, params=query, timeout=_TIMEOUT, allow_redirects=follow
                )
            except requests.RequestException as error:
                raise GitHubError(
                    f"{method} {url}: no answer ({type(error).__name__}). Look at the network, at GITHUB_API_URL, "
                    "and at https://www.githubstatus.com."
                ) from error
            wait = _wait(method, answer, attempt)
            if answer.ok or wait is None:
                break
            time.sleep(wait)
        if not answer.ok:
            raise _refusal(method, url, answer)
        return answer


def lacks_plan(error: GitHubError) -> bool:
    """Return whether GitHub refuses because of the plan, and not because of the token or the request."""
    said = error.said.lower()
    return error.status in (403, 404, 422) and any(words in said for words in _PLAN_WORDS)


def _wait(method: str, answer: requests.Response, attempt: int) -> float | None:
    """Return the seconds until the next attempt, None for no further attempt."""
    limited = answer.status_code == 403 and "Retry-After" in answer.headers
    # After a 502 a POST may have succeeded: a second one would create a duplicate.
    unclear = answer.status_code == 502 and method == "POST"
    if unclear or attempt == _ATTEMPTS or not (limited or answer.status_code in _BUSY):
        return None
    asked = answer.headers.get("Retry-After", "")
    wait = float(asked) if asked.isdecimal() else 2.0 ** (attempt - 1)
    return wait if wait <= _LONGEST_WAIT else None


def _decode(answer: requests.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except requests.JSONDecodeError as error:
        raise GitHubError(
            f"{answer.request.method} {answer.url}: expected JSON, found {answer.text[:80]!r}. "
            "GITHUB_API_URL must be the address of GitHub's REST API.",
            answer.status_code,
        ) from error


def _refusal(method: str, url: str, answer: requests.Response) -> GitHubError:
    said = _said(answer)
    text = f"{method} {url}: {answer.status_code}{f', {said}' if said else ''}".rstrip(".")
    return GitHubError(f"{text}. {_advice(answer)}", answer.status_code, said)


def _said(answer: requests.Response) -> str:
    """Return GitHub's message with its details about the fields of the request."""
    try:
        found = answer.json()
    except requests.JSONDecodeError:
        return answer.reason or ""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    details = "; ".join(_detail(each) for each in errors) if isinstance(errors, list) else ""
    return ": ".join(part for part in (str(found.get("message", "")), details) if part)


def _detail(error: Any) -> str:
    """Return one entry of `errors`: a text, its message, or its field and code."""
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or " ".join(str(error[name]) for name in ("field", "code") if name in error))


def _advice(answer: requests.Response) -> str:
    if answer.status_code == 401:
        return "The token is missing, wrong or expired: set GITHUB_TOKEN or GH_TOKEN."
    if "Retry-After" in answer.headers:
        return f"GitHub asks to wait {answer.headers['Retry-After']} s; then do the same again."
    if answer.status_code == 403 and answer.headers.get("X-RateLimit-Remaining") == "0":
        return "The token has used up its requests of this hour: do the same again later."
    if answer.status_code == 403:
        needed = answer.headers.get("X-Accepted-GitHub-Permissions", "").replace("=", ": ")
        return f"The token needs the permission {needed or 'for this'}; in a workflow, under `permissions:` of the job."
    if answer.status_code == 404:
        return "It does not exist, or the token may not see it: look at the name, and at what the token may read."
    if answer.status_code == 422:
        return "GitHub understood the request and refuses what it says."
    return "If GitHub has trouble, https://www.githubstatus.com says so; then do the same again."
