"""The template's repository with three released versions, and repositories made from the first of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ledgerbox import git
from places import ROOT

# The machinery's own tests are in no wheel, and the thin template leaves them out.
LEFT_OUT = ("packages/slipway/tests/", "packages/slipway/benchmarks/")
VERSIONS = ("0.1.0", "0.2.0", "0.3.0")
NOTE = "* **Breaking:** `old_key` is gone.\n\n### Upgrade notes\n\n* `old_key`: delete it"
# A hand that commits, and uv as `make` finds it.
ENVIRONMENT = os.environ | {
    **{f"GIT_{who}_NAME": "hand" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "hand@example.invalid" for who in ("AUTHOR", "COMMITTER")},
    "PATH": os.pathsep.join((os.environ["PATH"], str(ROOT / ".tools" / "bin"))),
}


class Hub:
    """The template's repository, in which `make release` has run for each version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        git(folder.parent, "init", "--quiet", "--initial-branch", "main", str(folder))
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in listed:
            if name and (ROOT / name).exists() and not name.startswith(LEFT_OUT):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name, follow_symlinks=False)

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a text of a file, which must be there."""
        edit(self.folder, name, before, after)

    def commit(self, version: str) -> None:
        """Commit a version that is ready to be released."""
        head = f"# Changelog\n\n## {version} - 2027-01-01\n\nResults: 3.\n\n{NOTE} ({version}).\n"
        (self.folder / "packages/slipway/CHANGELOG.md").write_text(head)
        lines = (self.folder / "packages/slipway/pyproject.toml").read_text().splitlines()
        lines = [f'version = "{version}"' if line.startswith("version = ") else line for line in lines]
        (self.folder / "packages/slipway/pyproject.toml").write_text("\n".join(lines) + "\n")
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "-m", f"version {version}")

    def release(self, version: str) -> subprocess.CompletedProcess[str]:
        """Run what `make release` runs."""
        command = [sys.executable, "packages/slipway/release", version]
        return subprocess.run(command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)

    def copy(self, folder: Path, tag: str = "v0.1.0", source: str | None = None, **answers: object) -> Path:
        """Make a thin repository, as `copier copy` does, and commit it; another `source` is this folder to git."""
        command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref", tag]
        command += [f"--data={name}={value}" for name, value in answers.items()]
        command += [source or f"git+file://{self.folder}", str(folder)]
        there = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{self.folder}.insteadOf"}
        variables = ENVIRONMENT | (there | {"GIT_CONFIG_VALUE_0": source} if source else {})
        subprocess.run(command, env=variables, check=True)
        return begin(folder)


def edit(folder: Path, name: str, before: str, after: str) -> None:
    """Replace a text of a file, which must be there."""
    text = (folder / name).read_text()
    assert before in text, f"{name} has no {before!r}"
    (folder / name).write_text(text.replace(before, after, 1))


def begin(folder: Path) -> Path:
    """Begin a history of its own with the files of a folder."""
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "hand")
    git(folder, "config", "user.email", "hand@example.invalid")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


def make_hub(folder: Path) -> Hub:
    """Make three versions: each changes Makefile, Dockerfile, README, gate.yaml and the example, and adds a file."""
    found = Hub(folder)
    for number, version in enumerate(VERSIONS):
        if number:
            found.edit("Makefile", f"PORT ?= 500{number - 1}", f"PORT ?= 500{number}")
            found.edit("README.md", "# Slipway\n", f"# Slipway\n\nNews of {version}.\n")
            found.edit("Dockerfile", "FROM ${BASE} AS base\n", f"FROM ${{BASE}} AS base\n# {version}\n")
            found.edit("gate.yaml", "\n", f"\n# {version}\n")
            found.edit("src/flights/model.py", '"""', f'"""In {version}: ')
            (found.folder / "deploy" / f"new-{version}.yaml").write_text("new: true\n")
        if version == "0.3.0":
            found.edit(".github/workflows/cd.yml", "# Release", "# Deliver")
        found.commit(version)
        done = found.release(version)
        assert done.returncode == 0, done.stderr
    return found
