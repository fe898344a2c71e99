"""Find the repository at GitHub and its token: from the variables, else from git and gh."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from slipway.errors import GitHubError
from slipway.git import Git
from slipway.github.client.api import GitHub
from slipway.settings import GitHubSettings, github_settings

# https://host/OWNER/NAME.git, git@host:OWNER/NAME.git, ssh://git@host/OWNER/NAME
_REMOTE = re.compile(r"(?:\w+://)?(?:[^@/]+@)?(?P<host>[^/@:]+)(?::\d+)?[:/](?P<name>[^/:]+/[^/:]+?)(?:\.git)?/?")
_SECONDS = 20


def connect_repository(root: Path) -> GitHub:
    """Return a client for the repository that `root` is a clone of; raises `GitHubError`."""
    given = github_settings()
    host = _host(given.api_url)
    return GitHub(
        GitHubSettings(
            api_url=given.api_url,
            repository=given.repository or _of_origin(root, host),
            token=given.token or _of_gh(host),
        )
    )


def _host(api_url: str) -> str:
    """Return the host of the web pages: GitHub Enterprise Server has its API on the same host."""
    name = urlsplit(api_url).hostname or ""
    return name.removeprefix("api.")


def _of_origin(root: Path, host: str) -> str | None:
    found = _REMOTE.fullmatch(Git(root, GitHubError).attempt("remote", "get-url", "origin").text)
    return found["name"] if found and found["host"] == host else None


def _of_gh(host: str) -> str:
    if shutil.which("gh") is None:
        raise GitHubError(
            "No token: GITHUB_TOKEN and GH_TOKEN are not set, and gh is not installed. Set one of them to a token that "
            "may administer the repository, or install gh (https://cli.github.com) and run `gh auth login`."
        )
    # A token is sent only to its own host.
    command = ["gh", "auth", "token", "--hostname", host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    if done.returncode or not done.stdout.strip():
        raise GitHubError(f"No token: gh is not logged in at {host}. Run `gh auth login --hostname {host}`.")
    return done.stdout.strip()
