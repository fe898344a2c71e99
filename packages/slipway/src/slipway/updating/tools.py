"""The programs that a repository needs, and the versions found of them."""

import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from slipway.errors import SettingsError
from slipway.files.documents import read_toml
from slipway.git import Git
from slipway.settings import docker_command

# The first with `merge-recursive` on trees as it is used here, and with signatures by SSH keys.
_OLDEST_GIT = ">=2.34"
_MISSING = "not found"


class Tool(NamedTuple):
    """A program: what was found, whether it fits, whether work stops without it, and what to do."""

    name: str
    found: str
    fits: bool
    needed: bool
    advice: str


def find_tools(root: Path) -> list[Tool]:
    """Return Python, uv, the version control, DVC and the container engine, as found on this machine."""
    document = read_toml(root / "pyproject.toml", SettingsError, "Fix it.", "Run this at the root of the repository.")
    wanted = str(document.get("project", {}).get("requires-python", ""))
    python = platform.python_version()
    uv = _ask(shutil.which("uv") or shutil.which("uv", path=str(root / ".tools" / "bin")), "--version")
    control = Git(root, SettingsError).run("version").strip()
    docker = _ask(shutil.which(docker_command()), "info", "--format", "{{.ServerVersion}}")
    return [
        Tool("Python", python, _satisfies(python, wanted), True, f"expected {wanted}: uv python install"),
        Tool("uv", uv, uv != _MISSING, True, "make setup fetches it into .tools/"),
        Tool("Git", control, _satisfies(control, _OLDEST_GIT), True, f"expected {_OLDEST_GIT}"),
        _find_package("dvc", "DVC", "make setup"),
        Tool("engine", docker, docker != _MISSING, False, "only images and containers need one: start Docker"),
    ]


def _satisfies(text: str, wanted: str) -> bool:
    """Return whether the first version in a text is within bounds such as `>=3.11,<3.14`."""
    found = _numbers(text)
    bounds = re.findall(r"(>=|<)\s*([\d.]+)", wanted)
    return all((found >= _numbers(bound)) == (sign == ">=") for sign, bound in bounds)


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _find_package(name: str, shown: str, advice: str) -> Tool:
    try:
        return Tool(shown, version(name), True, True, advice)
    except PackageNotFoundError:
        return Tool(shown, _MISSING, False, True, advice)


def _ask(program: str | None, *words: str) -> str:
    """Return what a program prints about its version, or that it was not found."""
    if program is None:
        return _MISSING
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return _MISSING
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else _MISSING
