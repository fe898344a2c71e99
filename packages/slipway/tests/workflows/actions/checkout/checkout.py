"""Fetch as much as actions/checkout does and no more: a missing fetch-depth or credential shows here as well."""

import json
import os
import subprocess
from pathlib import Path

HUB = Path(os.environ["WORLD"]) / "hub.git"
SHA, NAME = os.environ["GITHUB_SHA"], os.environ["GITHUB_REF"]


def main() -> None:
    git("init", "--quiet", "--initial-branch", "main", ".")
    git("remote", "add", "origin", f"file://{HUB}")
    ref = os.environ["REF"]
    commit = git("ls-remote", "origin", f"refs/heads/{ref}").split("\t")[0] or ref if ref else SHA
    if os.environ["DEPTH"] == "0":
        git("fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", commit)
    else:
        git("fetch", "--quiet", "--no-tags", f"--depth={os.environ['DEPTH']}", "origin", commit)
    branch = ref if ref and ref != commit else NAME.removeprefix("refs/heads/") if not ref else ""
    if branch and not branch.startswith("refs/"):
        git("checkout", "--quiet", "-B", branch, commit)
    else:
        git("checkout", "--quiet", "--detach", commit)
    if os.environ["CREDENTIALS"] != "true":
        forget()


def forget() -> None:
    """Without credentials nobody pushes, and a private repository cannot be read either."""
    nowhere = "file:///without-credentials"
    git("config", "remote.origin.pushurl", nowhere)
    if json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())["repository"]["private"]:
        git("config", "remote.origin.url", nowhere)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


main()
