"""A retrain ends as a branch that the gate promotes, or leaves nothing behind; every end says why."""

import json
import os
import subprocess
from datetime import UTC, datetime

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml
from churn.dataset import make
from gatebox import RULES
from ledgerbox import BY, ENVIRONMENTS, deploy
from places import python_path
from running import SLIPWAY

from slipway.bundle import load_bundle
from slipway.figures import Figure
from slipway.files.lock import hold_lock
from slipway.ledger import Ledger
from slipway.monitoring.alarm import Action, Alarm, AlarmState, Severity
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import MonitorResult, Window, write_result

UNTIL = "2024-03-31"
# What a source has of each row, up to the day that is asked for.
HOOK = """
from pathlib import Path

import pandas as pd

def refresh(data_dir, until):
    path = data_dir / "rows" / "rows.parquet"
    upstream = Path("upstream.parquet")
    if upstream.exists():
        found = pd.read_parquet(upstream)
        found = found[found["time"] < pd.Timestamp(until) + pd.Timedelta(days=1)]
        pd.concat([pd.read_parquet(path), found], ignore_index=True).to_parquet(path, index=False)
"""


def newer_rows(rows=1500, inverted=False):
    """Rows of March; `inverted`: the world has changed, those who stayed leave."""
    frame = make(rows, seed=9)
    days = pd.to_timedelta(frame["key"] % 31, unit="D")
    time = (pd.Timestamp("2024-03-01") + days).astype("datetime64[us]")
    target = ~frame["target"] if inverted else frame["target"]
    return frame.assign(time=time, group=time.dt.strftime("%Y-%m-%d"), key=frame["key"] + 100_000, target=target)


@pytest.fixture
def project(finished, tmp_path):
    """A finished project with rules, a remote, a ledger in which production serves its bundle, and a hook."""
    found = finished.copy(tmp_path / "a project")
    (found.folder / "gate.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(RULES)))
    (found.folder / "src" / "churn" / "newer.py").write_text(HOOK)
    found.dvc("remote", "add", "--quiet", "--default", "embedded", ".dvc/embedded")
    found.git("add", ".")
    found.git("commit", "--quiet", "-m", "its figures")
    Ledger(found.folder).init(ENVIRONMENTS, BY, "the first push")
    deploy(found.folder, load_bundle(found.folder / "bundle"))
    return found


def retrain(project, *options):
    words = [str(SLIPWAY), "retrain", "production", "--until", UNTIL, "--refresh", "churn.newer:refresh", *options]
    own = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        words,
        cwd=project.folder,
        env=own | {"PYTHONPATH": python_path(project.folder)},
        capture_output=True,
        text=True,
        timeout=240,
    )


def state(project):
    rows = project.folder / "data" / "rows" / "rows.parquet"
    digest = load_bundle(project.folder / "bundle").digest
    return project.git("status", "--porcelain"), project.git("rev-parse", "HEAD"), rows.read_bytes(), digest


def branches(project):
    return project.git("branch", "--list", "retrain/*", "--format=%(refname:short)").split()


def write_monitor_result(project):
    figure = Figure(value=0.02, low=-0.01, high=0.05)
    alarm = Alarm(
        environment="production",
        rule="skill",
        measurement="skill",
        severity=Severity.CRITICAL,
        action=Action.RETRAIN,
        state=AlarmState.FIRING,
        since=datetime(2024, 3, 29, tzinfo=UTC),
        windows=(2, 3),
        observed=figure,
        limit="0.1",
        sentence="The skill fell to nothing.",
        advice="Retrain.",
    )
    window = Window(
        start=datetime(2024, 3, 1, tzinfo=UTC),
        end=datetime(2024, 3, 29, tzinfo=UTC),
        rows=700,
        outcomes=650,
        measurements=(Measurement(name="skill", figure=figure, reference=Figure(value=0.2)),),
    )
    found = MonitorResult(
        environment="production", problem="churn", clock="logged", at=window.end, windows=(window,), alarms=(alarm,)
    )
    write_result(project.folder / "monitoring" / "production-2024-03-29.json", found)


def test_where_the_world_has_changed_it_ends_as_a_branch_with_the_evidence(project):
    newer_rows(inverted=True).to_parquet(project.folder / "upstream.parquet", index=False)
    write_monitor_result(project)
    before = project.git("rev-parse", "HEAD")
    done = retrain(project, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["end"] == "proposed"
    assert branches(project) == [found["branch"]] == [f"retrain/production-{UNTIL}"]
    changed = project.git("diff", "--name-only", before, found["commit"]).split()
    assert {"data.dvc", "dvc.lock", "metrics.json"} <= set(changed)
    assert all(name in ("data.dvc", "dvc.lock", "metrics.json") or name.startswith(".dvc/") for name in changed)
    assert found["gate"]["candidate"] == load_bundle(project.folder / "bundle").digest
    message = project.git("log", "-1", "--format=%B")
    assert message.startswith(f"Retrain production with the data of {UNTIL}\n\nPromote: ")
    assert "Alarm: The skill fell to nothing." in message
    report = (project.folder / ".slipway" / "retrain" / "retrain.md").read_text()
    assert report == found["report"]
    for words in (
        "The skill fell to nothing.",
        "`skill`",
        "1,500 new rows",
        "rows/rows.parquet changed",
        "Gate: promote",
    ):
        assert words in report
    again = retrain(project)
    assert again.returncode == 0
    assert "cooling down" in again.stdout
    project.git("switch", "--quiet", "-")
    assert "exists: an earlier retrain proposed it" in retrain(project, "--cool-down", "1s").stderr


def test_a_model_that_is_not_better_or_refused_leaves_everything_as_it_was(project):
    newer_rows().to_parquet(project.folder / "upstream.parquet", index=False)
    before = state(project)
    done = retrain(project, "--json")
    assert json.loads(done.stdout)["end"] == "kept", done.stdout + done.stderr
    assert json.loads(done.stdout)["sentence"].endswith("No branch was made.")
    assert state(project) == before
    assert branches(project) == []
    # The same data again, from DVC's cache; now the gate's rules ask for more than any model gives.
    rules = yaml.safe_load((project.folder / "gate.yaml").read_text())
    (project.folder / "gate.yaml").write_text(yaml.safe_dump(rules | {"skill": 0.99}))
    project.git("commit", "--quiet", "-am", "ask for too much")
    before = state(project)
    done = retrain(project, "--cool-down", "1s")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "production: refused. Refuse: " in done.stdout
    assert state(project) == before
    assert branches(project) == []


def test_too_few_new_outcomes_train_nothing(project):
    newer_rows(80).to_parquet(project.folder / "upstream.parquet", index=False)
    before = state(project)
    rehearsed = json.loads(retrain(project, "--dry-run", "--json").stdout)
    assert (rehearsed["end"], rehearsed["data"]["rows_new"]) == ("dry run", 80)
    done = retrain(project)
    assert "too few new outcomes" in done.stdout
    assert "80 new rows with their outcome up to 2024-03-31, expected at least 1,000" in done.stdout
    assert state(project) == before


def test_what_stands_in_the_way_is_named_before_anything_changes(project):
    before = state(project)
    with hold_lock(project.folder / ".slipway" / "retrain" / "retrain.lock"):
        assert "Another command has held the lock" in retrain(project).stderr
    (project.folder / "params.yaml").write_text((project.folder / "params.yaml").read_text() + "# edited\n")
    assert "1 tracked files differ from the last commit: params.yaml" in retrain(project).stderr
    project.git("checkout", "--quiet", "params.yaml")
    rows = project.folder / "data" / "rows" / "rows.parquet"
    content = rows.read_bytes()
    rows.write_bytes(content + b" ")
    assert "data/ differs from data.dvc" in retrain(project).stderr
    rows.write_bytes(content)
    assert state(project) == before


def test_a_pipeline_that_fails_leaves_everything_as_it_was(project):
    frame = newer_rows()
    frame.loc[np.arange(5), "months"] = 900
    frame.to_parquet(project.folder / "upstream.parquet", index=False)
    before = state(project)
    done = retrain(project)
    assert done.returncode == 1
    assert "`dvc repro --quiet` ended with exit code" in done.stderr
    assert state(project) == before
    assert branches(project) == []
