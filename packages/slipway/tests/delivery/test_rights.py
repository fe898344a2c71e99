"""A process with a secret in its environment runs no code of a bundle, wherever in the bundle or the ledger it lies."""

import json
import os
import pickle
import subprocess
import textwrap
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from ledgerbox import deploy, git
from running import SLIPWAY
from toybox import reseal

from slipway.bundle import load_bundle

SECRET = "s3cret-of-the-job"
SECRETS = dict.fromkeys(
    ("GITHUB_TOKEN", "GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "COSIGN_PASSWORD"), SECRET
)
COMMANDS = (
    ("ledger", "verify"),
    ("status",),
    ("history", "production"),
    ("show", "production"),
    ("verify",),
    ("gate", "--out", "gate.json"),
    ("choose", "--release", "release"),
    ("publish", "--repository", "127.0.0.1:9/model", "--release", "release"),
    ("rehearse", "no-such-image", "--bundle", "bundle"),
    ("reconcile", "staging"),
    ("reconcile", "production"),
    ("deploy", "staging", "--release", "release"),
    ("promote", "staging", "production"),
    ("rollback", "production", "--to", "1", "--reason", "it was planted"),
)
# Where code of a bundle runs: when a file is loaded, for each row, and for each batch.
PLACES = ("contract.py", "__post_init__", "features.py", "derive")
# Places of the ledger from which Python or git would load a file by itself.
BESIDE = ("conftest.py", "sitecustomize.py", "slipway.py", "bundles/__init__.py", "bundles/{digest}/sitecustomize.py")
BESIDE += ("records/__init__.py", "records/sitecustomize.py", ".gitattributes", ".gitmodules")


@pytest.fixture
def mark(tmp_path) -> Path:
    """A file outside the project, with a line for each process that ran the code: its secret, or nothing."""
    path = tmp_path / "mark"
    path.touch()
    return path


def note(mark: Path, place: str = "") -> str:
    """Code that notes whether the process that runs it has the secret."""
    return (
        "import os as _os\n"
        "try:\n"
        f"    with open({str(mark)!r}, 'a') as _file:\n"
        f"        _file.write({place + ' '!r} + str({SECRET!r} in _os.environ.values()) + '\\n')\n"
        "except OSError:\n"
        "    pass\n"
    )


def run(project, *words: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run([SLIPWAY, *words], cwd=project.root, env=own | SECRETS, capture_output=True, text=True)


def plant(project, mark: Path) -> None:
    """Put the note into each place of the bundle."""
    for name, function, before in (
        ("contract.py", "__post_init__", "    def __post_init__(self):\n"),
        ("features.py", "derive", "def derive(columns):\n"),
    ):
        source = (project.bundle / name).read_text()
        lines = textwrap.indent(note(mark, function), before[: len(before) - len(before.lstrip())] + "    ")
        inside = source.replace(before, before + lines) if before in source else f"{source}\n{before}{lines}"
        reseal(project.bundle, name, f"{note(mark, name)}{inside}".encode())


def test_code_in_a_bundle_of_the_ledger_runs_only_where_no_secret_is(project, mark):
    plant(project, mark)
    planted = load_bundle(project.bundle)
    project.evaluate(planted, project.train, project.holdout)
    for environment in ("staging", "production"):
        deploy(project.root, planted, environment)
    project.change_rules(exemptions=[{"check": "source_allowed", "reason": "it is planted", "until": _soon()}])
    mark.write_text("")
    for words in COMMANDS:
        done = run(project, *words)
        assert done.returncode == 0 or words[0] in ("publish", "rehearse", "rollback"), (words, done.stderr)
    found = set(mark.read_text().splitlines())
    assert found == {f"{place} False" for place in PLACES}, "the service runs it, and no process with a secret does"


def _soon() -> date:
    return datetime.now(UTC).date() + timedelta(days=1)


def test_a_model_that_is_a_program_is_refused_and_not_opened(project, mark):
    class Program:
        def __reduce__(self):
            return exec, (note(mark),)

    good = load_bundle(project.bundle)
    deploy(project.root, good)
    reseal(project.bundle, "model.onnx", pickle.dumps(Program()))
    for words in (("gate",), ("choose",), ("rehearse", "no-such-image", "--bundle", "bundle")):
        assert run(project, *words).returncode == 1
    assert mark.read_text() == ""


def by_hand(project, folder: Path, change: Callable[[Path, str], None]) -> None:
    """Change the ledger's files, and commit that as whoever may push could."""
    bundle = load_bundle(project.bundle)
    deploy(project.root, bundle)
    git(project.root, "worktree", "add", "--quiet", str(folder), "deployments")
    change(folder, bundle.digest)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "-m", "production 2: deploy")
    git(project.root, "worktree", "remove", "--force", str(folder))


def assert_refused(project, mark: Path) -> None:
    for words in COMMANDS:
        done = run(project, *words)
        assert done.returncode or words[0] in ("status", "verify", "rehearse"), (words, done.stdout)
        assert "Traceback" not in done.stderr, (words, done.stderr)
    assert mark.read_text() == ""


def test_code_beside_the_entries_of_the_ledger_is_refused_and_not_run(project, mark, tmp_path):
    def change(place: Path, digest: str) -> None:
        for name in BESIDE:
            file = place / name.format(digest=digest)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(note(mark))

    by_hand(project, tmp_path / "by-hand", change)
    assert_refused(project, mark)


def test_words_of_an_entry_are_no_options_and_no_commands(project, mark, tmp_path):
    """As git, a shell, a template or a terminal would read them."""

    def change(place: Path, digest: str) -> None:
        entry = json.loads((place / "production.json").read_text())
        words = f"$(touch {mark}.shell) `touch {mark}.shell`; touch {mark}.shell\n{{{{ 7 * 7 }}}} \x1b]0;title\x07 %s"
        entry |= {"number": entry["number"] + 1, "by": words, "reason": words}
        entry["release"] |= {"commit": f"--output={mark}", "image": f"--config={mark}", "run": f"../../{mark}"}
        entry["serving"] = entry["release"]
        (place / "production.json").write_text(json.dumps(entry))

    by_hand(project, tmp_path / "by-hand", change)
    assert_refused(project, mark)
    assert [each.name for each in mark.parent.glob("mark*")] == ["mark"]
