"""A retrain ends as a branch that the gate promotes, or leaves nothing behind; every end says why."""

import json
import os
import subprocess

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml
from alarmbox import RECOVERED, SKILL, result
from churn.dataset import make
from gatebox import RULES
from ledgerbox import BY, ENVIRONMENTS, deploy
from monitorbox import make_traffic, write_log
from places import python_path
from running import SLIPWAY

from slipway.bundle import load_bundle
from slipway.figures import Figure
from slipway.files.lock import hold_lock
from slipway.ledger import Ledger
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import write_result

UNTIL = "2024-03-31"
LATER = ("--until", "2024-04-01")
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

def add_labelled(data_dir, rows):
    rows = rows.assign(group=rows["time"].dt.strftime("%Y-%m-%d"), key=range(200_000, 200_000 + len(rows)))
    rows.to_parquet(data_dir / "rows" / "logged.parquet", index=False)
"""


def newer_rows(rows):
    """Rows of March."""
    frame = make(rows, seed=9)
    days = pd.to_timedelta(frame["key"] % 31, unit="D")
    time = (pd.Timestamp("2024-03-01") + days).astype("datetime64[us]")
    return frame.assign(time=time, group=time.dt.strftime("%Y-%m-%d"), key=frame["key"] + 100_000)


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


def retrain(project, *options, source=("--refresh", "churn.newer:refresh")):
    words = [str(SLIPWAY), "retrain", "production", "--until", UNTIL, *source, *options]
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
    figure = Measurement(name="skill", figure=Figure(value=0.05), reference=Figure(value=0.2))
    write_result(
        project.folder / "monitoring" / "production-2024-03-29.json", result(SKILL, RECOVERED, measurements=[figure])
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_better_model_ends_as_a_branch_and_another_leaves_everything_as_it_was(project):
    newer_rows(1500).to_parquet(project.folder / "upstream.parquet", index=False)
    write_monitor_result(project)
    before = project.git("rev-parse", "HEAD").strip()
    done = retrain(project, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["end"] == "proposed", found["sentence"]
    assert branches(project) == [found["branch"]] == [f"retrain/production-{UNTIL}"]
    changed = project.git("diff", "--name-only", before, found["commit"]).split()
    assert {"data.dvc", "dvc.lock", "metrics.json"} <= set(changed)
    assert all(name in ("data.dvc", "dvc.lock", "metrics.json") or name.startswith(".dvc/") for name in changed)
    better = load_bundle(project.folder / "bundle")
    assert found["gate"]["candidate"] == better.digest
    message = project.git("log", "-1", "--format=%B")
    assert message.startswith(f"Retrain production with the data of {UNTIL}\n\nPromote: ")
    assert f"Alarm: {SKILL.sentence}" in message
    assert RECOVERED.sentence not in message
    report = (project.folder / ".slipway" / "retrain" / "retrain.md").read_text()
    assert report == found["report"]
    for words in (SKILL.sentence, "`skill`", "1,500 new rows", "rows/rows.parquet changed", "Gate: promote"):
        assert words in report
    assert "cooling down" in retrain(project).stdout
    deploy(project.folder, better)
    project.git("switch", "--quiet", "-")
    project.dvc("checkout", "--quiet", "--force")
    assert "exists: an earlier retrain proposed it" in retrain(project, "--cool-down", "1s").stderr
    # The same data up to a later day, from DVC's cache: production serves that model already.
    kept = (*LATER, "--cool-down", "1s")
    unchanged = state(project)
    done = retrain(project, *kept)
    assert "production: kept. Keep: the candidate is the bundle that production runs already" in done.stdout, (
        done.stderr
    )
    assert done.stdout.count("No branch was made.") == 1
    assert state(project) == unchanged
    # Rules that ask for more than any model gives.
    rules = yaml.safe_load((project.folder / "gate.yaml").read_text())
    (project.folder / "gate.yaml").write_text(yaml.safe_dump(rules | {"skill": 0.99}))
    project.git("commit", "--quiet", "-am", "ask for too much")
    unchanged = state(project)
    done = retrain(project, *kept)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "production: refused. Refuse: " in done.stdout
    assert state(project) == unchanged
    assert branches(project) == [f"retrain/production-{UNTIL}"]


def test_too_few_new_outcomes_train_nothing(project):
    newer_rows(80).to_parquet(project.folder / "upstream.parquet", index=False)
    before = state(project)
    rules = project.folder / "monitor.yaml"
    rules.write_text("retrain: {fewest_outcomes: 81}\n")
    rehearsed = json.loads(retrain(project, "--dry-run", "--json").stdout)
    assert (rehearsed["end"], rehearsed["data"]["rows_new"]) == ("dry run", 80)
    assert "Fewer than 81: nothing would be trained" in rehearsed["sentence"]
    rules.unlink()
    done = retrain(project)
    assert "too few new outcomes" in done.stdout
    assert "80 new rows with their outcome up to 2024-03-31, expected at least 1,000" in done.stdout
    assert state(project) == before


def test_labelled_rows_of_the_log_are_a_source(project, churn):
    bundle = load_bundle(project.folder / "bundle")
    made = make_traffic(churn._replace(bundle=bundle), days=3)
    write_log(project.folder / "log", made.entries)
    words = ("--until", "2024-05-02", "--dry-run", "--json")
    source = ("--from-log", "--log", "log")
    missing = retrain(project, *words, source=source)
    assert missing.returncode == 1
    assert "has no hook `add_labelled`" in missing.stderr
    path = project.folder / "src" / "churn" / "problem.py"
    text = path.read_text().replace("    load=load,", "    load=load,\n    add_labelled=add_labelled,")
    path.write_text(f"from churn.newer import add_labelled\n{text}")
    project.git("commit", "--quiet", "--all", "--message", "a place for rows of the log")
    done = retrain(project, *words, source=source)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["rows_new"], data["files"]) == (80, ["rows/logged.parquet added"])
    assert data["source"].startswith("From the log: 80 of 80 rows up to 2024-05-02")


def test_what_stands_in_the_way_is_named_before_anything_changes(project):
    before = state(project)
    with hold_lock(project.folder / ".slipway" / "retrain" / "retrain.lock"):
        assert "Another command has held the lock" in retrain(project).stderr
    (project.folder / "params.yaml").write_text((project.folder / "params.yaml").read_text() + "# edited\n")
    assert "Tracked files differ from the last commit (1): params.yaml" in retrain(project).stderr
    project.git("checkout", "--quiet", "params.yaml")
    rows = project.folder / "data" / "rows" / "rows.parquet"
    content = rows.read_bytes()
    rows.write_bytes(content + b" ")
    assert "data/ differs from data.dvc" in retrain(project).stderr
    rows.write_bytes(content)
    assert state(project) == before


def test_a_pipeline_that_fails_leaves_everything_as_it_was(project):
    frame = newer_rows(1500)
    frame.loc[np.arange(5), "months"] = 900
    frame.to_parquet(project.folder / "upstream.parquet", index=False)
    before = state(project)
    done = retrain(project)
    assert done.returncode == 1, done.stdout
    assert "`dvc repro --quiet` ended with exit code" in done.stderr
    assert state(project) == before
    assert branches(project) == []
