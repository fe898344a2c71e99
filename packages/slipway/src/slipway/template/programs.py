"""Run the programs that put data under DVC, lock packages and format sources."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from slipway.errors import SettingsError


def version_data(root: Path, *, push: bool) -> None:
    """Put `data/` under DVC, and if asked also into its default remote; raises `SettingsError`."""
    _run(root, "dvc add data", [sys.executable, "-m", "dvc", "add", "--quiet", "data"])
    if push:
        _run(root, "dvc push data.dvc", [sys.executable, "-m", "dvc", "push", "--quiet", "data.dvc"])


def is_versioned(root: Path) -> bool:
    """Return True if `data/` is as `data.dvc` names it, so that DVC can bring it back."""
    command = [sys.executable, "-m", "dvc", "status", "--quiet", "data.dvc"]
    return subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == 0


def format_sources(root: Path, paths: Sequence[str]) -> None:
    """Format Python files as `make format` does; raises `SettingsError`."""
    _run(root, "ruff format", [sys.executable, "-m", "ruff", "format", "--quiet", *paths])


def lock_packages(root: Path, say: Callable[[str], None]) -> None:
    """Lock the packages that pyproject.toml names; raises `SettingsError`."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(root / ".tools" / "bin"))
    if uv is None:
        say("  uv is not on the PATH: type `uv lock` before `make test`")
        return
    _run(root, "uv lock", [uv, "lock", "--quiet"])


def _run(root: Path, name: str, command: list[str]) -> None:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise SettingsError(
            f"`{name}` ended with exit code {done.returncode}: {reason[-1] if reason else '(no output)'}. Fix that "
            "and repeat the command: it goes on where it was."
        )
