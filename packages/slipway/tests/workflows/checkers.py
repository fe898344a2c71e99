"""The readers of workflows that others wrote, each as a function: a root in, its complaints out."""

import functools
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from places import ROOT
from requirements import missing

from slipway.files.writing import new_folder

BIN = Path(sys.executable).parent
PARSER = Path(__file__).with_name("parser")


def workflows(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in sorted((root / ".github" / "workflows").glob("*.y*ml"))]


def actionlint(root: Path) -> str:
    """A linter of workflows, with shellcheck on what they run."""
    options = ("-shellcheck", str(BIN / "shellcheck"), "-pyflakes=", "-no-color")
    return _complaints(root, BIN / "actionlint", *options, *workflows(root))


def zizmor(root: Path) -> str:
    """An auditor of what could be attacked; offline, at its most suspicious."""
    options = ("--offline", "--persona", "auditor", "--no-progress", "--color=never", "--quiet")
    return _complaints(root, BIN / "zizmor", *options, ".github")


def schema(root: Path) -> str:
    """The published JSON schemas of workflows and of Dependabot's configuration."""
    check = (BIN / "check-jsonschema", "--builtin-schema")
    updates = ".github/dependabot.yml"
    found = _complaints(root, *check, "vendor.github-workflows", *workflows(root))
    return found + (_complaints(root, *check, "vendor.dependabot", updates) if (root / updates).exists() else "")


def github(root: Path) -> str:
    """GitHub's own parser, which also follows workflows into those that they call."""
    folder = _parser()
    done = subprocess.run(
        ["node", "--no-warnings", "--import", "./json.mjs", "parse.mjs", root.resolve()],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return "\n".join("{name}: {message}".format(**json.loads(line)) for line in done.stdout.splitlines())


CHECKERS = (actionlint, zizmor, schema, github)


@functools.cache
def _parser() -> Path:
    """The parser with what its lock file names, installed once for each lock file."""
    if not shutil.which("node") or not shutil.which("npm"):
        missing("node", "no node with npm is on the PATH")
    files = sorted(path for path in PARSER.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    folder = ROOT / ".slipway" / "workflow-parser" / digest
    if not folder.exists():
        with new_folder(folder) as fresh:
            for path in files:
                shutil.copy(path, fresh)
            install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(install, cwd=fresh, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    return folder


def _complaints(root: Path, *command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=root, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr
