"""Examine what `make test` needs of a clone: its files as committed, a lock that fits, its own environment, DVC."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from slipway.errors import SettingsError
from slipway.git import Git
from slipway.updating.findings import Finding, State, count_paths

_SECONDS = 120
# In a program of an environment: the Python that runs it.
_PYTHON = re.compile(rb"(/[^\n'\"]*)/bin/python")
# What uv says of a lock that is missing or does not fit; it says other things without a network.
_STALE = ("needs to be updated", "Unable to find lockfile")


def examine_checkout(root: Path, *, offline: bool) -> Iterator[Finding]:
    """Yield what was found; nothing is changed."""
    yield from _examine_files(Git(root, SettingsError))
    yield _examine_lock(root, offline=offline)
    yield _examine_environment(root)
    yield _examine_stages(root)


def _examine_files(git: Git) -> Iterator[Finding]:
    """Compare the files with what git has of them."""
    if not git.is_repository():
        yield Finding("files", State.TODO, "no git repository here", "git init && git add --all && git commit")
        return
    unmerged = _list_paths(git, "diff", "--name-only", "--diff-filter=U")
    deleted = _list_paths(git, "ls-files", "--deleted")
    lines = [line.partition("\t") for line in git.run("ls-files", "-z", "--eol").split("\0")]
    windows = sorted(path for kinds, _, path in lines if "i/lf" in kinds and re.search("w/(crlf|mixed)", kinds))
    problems = (
        ("in conflict", unmerged, "edit the conflicts, then git add them"),
        (
            "missing, and git has them",
            [path for path in deleted if path not in unmerged],
            "git checkout -- FILE brings one back; git rm FILE if you want it gone",
        ),
        ("with Windows line ends, which change hashes", windows, "delete each, then git checkout -- FILE"),
    )
    found = [Finding("files", State.TODO, f"{name}, {count_paths(paths)}", do) for name, paths, do in problems if paths]
    if git.run("rev-parse", "--is-shallow-repository").strip() == "true":
        found.append(Finding("history", State.NOTE, "shallow: a base commit may be missing", "git fetch --unshallow"))
    yield from found or [Finding("files", State.OK, "none is missing or in conflict")]


def _examine_lock(root: Path, *, offline: bool) -> Finding:
    """Ask uv whether uv.lock fits pyproject.toml: every target of make begins with it."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(root / ".tools" / "bin"))
    if uv is None:
        return Finding("uv.lock", State.NOTE, "not compared without uv")
    failed = _fail_of(root, [uv, "lock", "--check", *(["--offline"] if offline else [])])
    if failed is None:
        return Finding("uv.lock", State.OK, "fits pyproject.toml")
    if any(words in failed for words in _STALE):
        return Finding("uv.lock", State.TODO, "missing, or older than pyproject.toml", "uv lock")
    return Finding("uv.lock", State.NOTE if offline else State.TODO, _shorten(failed), "uv lock")


def _examine_environment(root: Path) -> Finding:
    """Read which Python starts the programs of `.venv`: in a clone that was moved, that of the other folder."""
    home = root.resolve() / ".venv"
    program = home / "bin" / "dvc"
    again = "rm -rf .venv && make setup"
    if not home.is_dir():
        return Finding("environment", State.NOTE, "no .venv", "make setup")
    if not program.is_file():
        return Finding("environment", State.TODO, "no .venv/bin/dvc", again)
    named = _PYTHON.search(program.read_bytes()[:1024])
    if named and Path(named[1].decode()).resolve() != home.resolve():
        return Finding("environment", State.TODO, f"made in {named[1].decode()}, found in {home}", again)
    return Finding("environment", State.OK, str(home))


def _examine_stages(root: Path) -> Finding:
    """Let DVC read its configuration and every stage."""
    if not (root / "dvc.yaml").is_file():
        return Finding("dvc.yaml", State.TODO, "missing", "git checkout HEAD -- dvc.yaml")
    failed = _fail_of(root, [sys.executable, "-m", "dvc", "stage", "list", "--name-only"])
    if failed is None:
        return Finding("dvc.yaml, .dvc/config", State.OK, "DVC reads them")
    return Finding("dvc.yaml, .dvc/config", State.TODO, _shorten(failed), "fix it, or git checkout -- FILE")


def _list_paths(git: Git, *command: str) -> list[str]:
    return sorted({path for path in git.run(*command, "-z").split("\0") if path})


def _fail_of(root: Path, command: Sequence[str]) -> str | None:
    """Return what a program prints when it fails, None if it does not."""
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else None


def _shorten(said: str) -> str:
    return re.sub(r"^(ERROR|error): ", "", said.splitlines()[0])
