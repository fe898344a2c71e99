"""`dvc repro` from nothing to a registered model, for a problem of every task, and what happens the second time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from places import python_path

from slipway.bundle import load_bundle
from slipway.data.prepared import read_part, read_parts
from slipway.evaluation.record import read_record
from slipway.evaluation.result import find_metric, read_evaluation

pytestmark = pytest.mark.slow

STAGES = ("validate", "prepare", "train", "evaluate", "register")
OUTPUTS = (
    "validation.json",
    "prepared",
    "bundle",
    "training.json",
    "metrics.json",
    "plots",
    "model_card.md",
    "evaluation.json.gz",
)


def registered(project):
    return json.loads((project.folder / "registered.json").read_text())


def test_every_output_is_there_and_the_bundle_is_the_registered_one(finished):
    assert all((finished.folder / name).exists() for name in OUTPUTS)
    assert registered(finished)["digest"] == load_bundle(finished.folder / "bundle").digest
    assert int(registered(finished)["version"]) == 1


def test_the_baseline_knows_the_training_set_only(finished):
    train, holdout = (read_part(finished.folder / "prepared", part)["target"] for part in ("train", "holdout"))
    share = train.mean()
    expected = -np.where(holdout, np.log(share), np.log(1 - share)).mean()
    found = find_metric(read_evaluation(finished.folder / "metrics.json"), "log_loss")
    assert found.baseline.value == pytest.approx(expected, abs=2e-6)
    assert share != pytest.approx(holdout.mean(), abs=1e-3), "or the test could not tell"


def test_a_changed_file_of_the_machinery_runs_no_stage_again(project):
    path = project.folder / "packages/slipway/src/slipway/columns.py"
    path.write_text(path.read_text() + "# changed\n")
    assert outdated(project) == {"register"}


def test_a_raised_number_of_results_runs_every_stage_again(project):
    path = project.folder / "pyproject.toml"
    path.write_text(path.read_text().replace("results = 3", "results = 4"))
    assert outdated(project) == {"validate", "prepare", "train", "evaluate", "register"}


def outdated(project) -> set[str]:
    """Return the stages that `dvc repro` would run; `register` always does."""
    return set(json.loads(project.dvc("status", "--json").stdout))


@pytest.mark.parametrize("toy", ["crops", "rents"])
def test_other_tasks_run_through_the_same_pipeline(toy, tmp_path, new_project):
    project = new_project(tmp_path / toy, toy)
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert registered(project)["model"] == toy


def test_a_second_run_does_nothing_but_look_at_the_registry(project):
    lock = (project.folder / "dvc.lock").read_bytes()
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    for stage in STAGES[:-1]:
        assert f"Stage '{stage}' didn't change, skipping" in done.stdout
    assert int(registered(project)["version"]) == 1
    assert (project.folder / "dvc.lock").read_bytes() == lock


def test_a_fresh_clone_makes_the_same_lock_and_metrics(project, tmp_path):
    project.git("add", ".")
    project.git("commit", "--quiet", "-m", "ran")
    clone = project.folder.parent / "clone"
    project.git("clone", "--quiet", str(project.folder), str(clone))
    shutil.copytree(project.folder / "data", clone / "data", dirs_exist_ok=True)
    other = type(project)(clone)
    done = other.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert other.git("status", "--porcelain") == ""


def test_a_deleted_store_is_filled_again(project):
    for path in project.folder.glob("mlflow.db*"):
        path.unlink()
    assert project.dvc("repro").returncode == 0
    assert int(registered(project)["version"]) == 1


def test_another_parameter_is_another_bundle_and_another_version(project):
    before = registered(project)
    done = project.dvc("exp", "run", "-S", "model.trees=12")
    assert done.returncode == 0, done.stdout + done.stderr
    assert registered(project)["digest"] != before["digest"]
    assert int(registered(project)["version"]) == 2


def test_a_split_by_time_runs_through_the_pipeline(project):
    path = project.folder / "params.yaml"
    path.write_text(path.read_text().replace("holdout: 0.25", 'by: time, from: "2024-02-10", gap_days: 3'))
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    train, holdout = read_parts(project.folder / "prepared")
    assert train["time"].max() < pd.Timestamp("2024-02-07")
    assert holdout["time"].min() == pd.Timestamp("2024-02-10")
    assert read_record(project.folder / "evaluation.json.gz").groups[0] == "2024-02-10"
    assert outdated(project) == {"register"}


@pytest.mark.parametrize("moment", ["fitting", "exporting"])
def test_a_stage_killed_in_the_middle_leaves_no_half_output_and_runs_again(project, moment):
    shutil.rmtree(project.folder / "bundle")
    process = subprocess.Popen(
        [sys.executable, "pipeline/train.py"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": python_path(project.folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if moment in line:
            time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    assert not (project.folder / "bundle").exists()
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    load_bundle(project.folder / "bundle")


def test_a_killed_run_is_finished_by_the_next_one(project):
    """DVC and its stage die together; locks and part files of the dead are no obstacle."""
    (project.folder / "params.yaml").write_text(
        (project.folder / "params.yaml").read_text().replace("threshold: 0.4", "threshold: 0.5")
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project.folder,
        env={
            **os.environ,
            "PYTHONPATH": python_path(project.folder),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if "exporting" in line:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(registered(project)["version"]) == 2
