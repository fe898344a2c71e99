"""The stage as DVC and `mlflow run` run it: a process of its own in the working directory."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT, TOYS

SCRIPT = ROOT / "pipeline" / "register.py"


BIN = Path(sys.executable).parent


def surroundings():
    """The environment of a person who has activated .venv; the toy problems can be imported."""
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(TOYS)}


def start(workspace, **environment):
    return subprocess.Popen(
        [sys.executable, SCRIPT],
        cwd=workspace,
        env=surroundings() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(workspace, **environment):
    process = start(workspace, **environment)
    out, errors = process.communicate()
    return process.returncode, out, errors


def registered(workspace):
    return json.loads((workspace / "registered.json").read_text())


def test_the_stage_registers_once_and_again_when_the_store_was_deleted(workspace, churn):
    code, out, errors = run(workspace)
    assert (code, errors) == (0, "")
    first = registered(workspace)
    assert set(first) == {"model", "version", "run_id", "digest", "uri", "store"}
    assert (first["model"], first["version"], first["digest"]) == ("churn", 1, churn.bundle.digest)
    assert f"churn version 1 is bundle {churn.bundle.digest[:12]}" in out

    code, _, errors = run(workspace)
    assert (code, errors, registered(workspace)) == (0, "", first)

    (workspace / "mlflow.db").unlink()
    shutil.rmtree(workspace / "mlruns")
    assert run(workspace)[0] == 0
    assert registered(workspace)["version"] == 1
    assert registered(workspace)["run_id"] != first["run_id"]


def test_two_at_the_same_moment_make_one_store_and_one_version(workspace, tmp_path):
    both = [start(workspace), start(workspace)]
    outcomes = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outcomes
    assert ["logging a run" in out for out, _ in outcomes].count(True) == 1
    assert registered(workspace)["version"] == 1


def test_a_server_that_is_not_there_fails_the_stage_in_one_paragraph(workspace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
    code, _, errors = run(workspace, MLFLOW_TRACKING_URI=uri)
    assert code == 1
    assert errors.strip().startswith("register failed:")
    assert uri in errors
    assert "Traceback" not in errors
    assert not (workspace / "registered.json").exists()


@pytest.fixture
def project(workspace):
    """The workspace as a project of its own, with this repository's mlproject and one stage."""
    shutil.copy(ROOT / "mlproject", workspace)
    (workspace / "dvc.yaml").write_text(f"stages: {{register: {{cmd: python '{SCRIPT}', always_changed: true}}}}\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=workspace, check=True)
    return workspace


def test_mlflow_run_runs_the_pipeline_and_becomes_the_parent_of_the_run(project):
    from mlflow import MlflowClient

    command = [BIN / "mlflow", "run", ".", "--env-manager", "local"]
    subprocess.run(command, cwd=project, env=surroundings(), check=True, capture_output=True)
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    found = client.get_run(registered(project)["run_id"])
    parent = client.get_parent_run(found.info.run_id)
    assert (found.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert parent.info.run_id != found.info.run_id
    assert found.data.metrics and not parent.data.metrics
