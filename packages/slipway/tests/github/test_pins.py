"""`slipway github pins` holds every `uses:` against the lock file, however it is written."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from slipway.cli import main
from slipway.github import pins

COMMIT = "3d3c42e5aac5ba805825da76410c181273ba90b1"
OTHER = "5fda3b95a4ea91299a34e894583c3862153e4b97"
LOCK = {"actions/checkout": pins.Pin("v7.0.1", COMMIT)}


def step(uses):
    return f"jobs:\n  one:\n    steps:\n      - uses: {uses}\n"


def found(text, root=Path()):
    return pins.violations(pins.uses_in("w.yml", text), LOCK, root)


def test_a_commit_with_its_version_behind_it_that_the_lock_knows_is_right():
    assert found(step(f"actions/checkout@{COMMIT} # v7.0.1")) == []
    assert found(step(f"actions/checkout/sub@{COMMIT} # v7.0.1")) == []


@pytest.mark.parametrize(
    ("uses", "sentence"),
    [
        ("actions/checkout@v7", "not pinned"),
        (f"actions/checkout@{COMMIT[:12]} # v7.0.1", "not pinned"),
        ("actions/checkout", "not pinned"),
        ("docker://alpine:3", "not pinned"),
        (f"actions/checkout@{COMMIT}", "says no version"),
        (f"actions/checkout@{COMMIT} # v7", "says no version"),
        (f"actions/checkout@{COMMIT} # v7.0.2", "is v7.0.2 at"),
        (f"actions/checkout@{OTHER} # v7.0.1", f"at {OTHER[:12]}, but .github/actions.json says v7.0.1"),
        (f"somebody/else@{COMMIT} # v1.0.0", "somebody/else is not in .github/actions.json"),
        ("./.github/actions/none", "is not there"),
        ("./.github/workflows/none.yml", "is not there"),
    ],
)
def test_everything_else_is_a_sentence_with_file_and_line(uses, sentence):
    (line,) = found(step(uses))
    assert line.startswith("w.yml:4: ")
    assert sentence in line


@pytest.mark.parametrize(
    "text",
    [
        "jobs: {one: {steps: [{uses: actions/checkout@v7}]}}",
        'jobs:\n  one:\n    steps:\n      - "uses": "actions/checkout@v7"\n',
        "jobs:\n  one:\n    uses: acme/model/.github/workflows/x.yml@main\n",
        "runs:\n  using: composite\n  steps:\n    - name: x\n      uses: >-\n        actions/checkout@v7\n",
    ],
)
def test_no_way_of_writing_it_escapes(text):
    assert len(found(text)) == 1


def test_what_is_only_text_is_no_use():
    assert found("jobs:\n  one:\n    steps:\n      - run: 'echo uses: x@v1' # uses: x@v1\n") == []


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "actions" / "own").mkdir(parents=True)
    (tmp_path / ".github" / "actions" / "own" / "action.yml").write_text("runs: {using: composite, steps: []}\n")
    (tmp_path / ".github" / "workflows" / "w.yml").write_text(
        step(f"actions/checkout@{COMMIT} # v7.0.1") + "      - uses: ./.github/actions/own\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, ["github", "pins", *words])


def test_the_lock_is_written_from_the_workflows_and_then_holds(root):
    assert run("--write").exit_code == 0
    lock = json.loads((root / pins.LOCK).read_text())
    assert lock == {"actions/checkout": {"version": "v7.0.1", "commit": COMMIT}}
    assert "2 uses of 1 actions" in run().output


def test_an_action_of_another_commit_fails_until_the_lock_follows(root):
    run("--write")
    path = root / ".github" / "workflows" / "w.yml"
    path.write_text(path.read_text().replace(COMMIT, OTHER).replace("v7.0.1", "v7.0.2"))
    failed = run()
    assert failed.exit_code == 1
    assert "w.yml:4: actions/checkout is v7.0.2" in failed.output
    assert json.loads(run("--json").output)["violations"]
    run("--write")
    assert run().exit_code == 0


def test_workflows_that_contradict_each_other_leave_the_lock_alone(root):
    run("--write")
    (root / ".github" / "workflows" / "x.yml").write_text(step(f"actions/checkout@{OTHER} # v6.0.0"))
    before = (root / pins.LOCK).read_bytes()
    failed = run("--write")
    assert failed.exit_code == 1
    assert "was not written" in failed.output
    assert (root / pins.LOCK).read_bytes() == before
