"""The stage as `dvc repro` runs it, on a real bundle of each task, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys

import msgspec
import pytest
import yaml
from places import ROOT, TOYS

from slipway.data.prepared import write_parts
from slipway.evaluation.result import find_metric, read_evaluation

pytestmark = pytest.mark.slow

OUTPUTS = ("metrics.json", "model_card.md", "plots", "evaluation.json.gz")


def make_workspace(toy, tmp_path):
    """What the stages before leave behind."""
    (tmp_path / "pyproject.toml").write_text(f'[tool.slipway]\nresults = 3\nproblem = "{toy.problem.name}"\n')
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(toy.params)))
    write_parts(toy.train, toy.holdout, tmp_path / "prepared")
    shutil.copytree(toy.bundle.path, tmp_path / "bundle")
    return tmp_path


@pytest.fixture
def workspace(churn, tmp_path):
    return make_workspace(churn, tmp_path)


def evaluate(folder, seed="0"):
    paths = os.pathsep.join([str(TOYS)])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed}
    command = [sys.executable, str(ROOT / "pipeline/evaluate.py")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def contents(folder):
    files = [path for name in OUTPUTS for path in [folder / name, *(folder / name).rglob("*")] if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_stage_leaves_metrics_plots_and_card_and_the_same_bytes_again(toy, tmp_path):
    workspace = make_workspace(toy, tmp_path)
    ran = evaluate(workspace)
    assert ran.returncode == 0, ran.stderr
    assert f"evaluate: {toy.problem.metric} " in ran.stdout
    first = contents(workspace)
    assert {name.split("/")[0] for name in first} == set(OUTPUTS)
    found = read_evaluation(workspace / "metrics.json")
    assert (found.rows, found.groups) == (len(toy.holdout), toy.holdout["group"].nunique())
    assert find_metric(found, toy.problem.metric).improvement.low > 0
    assert [part.slice for part in found.slices] and json.loads(first["metrics.json"])["primary"] == toy.problem.metric

    assert evaluate(workspace, seed="1").returncode == 0
    assert contents(workspace) == first


def test_a_damaged_bundle_stops_the_stage_with_one_paragraph_and_no_output(workspace):
    model = workspace / "bundle/model.onnx"
    model.write_bytes(model.read_bytes()[:-10])
    ran = evaluate(workspace)
    assert ran.returncode == 1
    assert ran.stderr.strip().startswith("evaluate failed: bundle/model.onnx was changed")
    assert "Traceback" not in ran.stderr
    assert contents(workspace) == {}


def test_a_bundle_of_another_problem_is_refused(workspace, toys):
    shutil.rmtree(workspace / "bundle")
    shutil.copytree(toys["crops"].bundle.path, workspace / "bundle")
    ran = evaluate(workspace)
    assert ran.returncode == 1
    assert "belongs to the multiclass problem 'crops'" in ran.stderr.replace("\n", " ")
    assert "Traceback" not in ran.stderr
    assert contents(workspace) == {}


def test_rows_prepared_with_another_contract_are_refused(workspace, churn):
    write_parts(churn.train, churn.holdout.drop(columns="plan"), workspace / "prepared")
    ran = evaluate(workspace)
    assert ran.returncode == 1
    assert "have no column plan" in ran.stderr.replace("\n", " ")
    assert contents(workspace) == {}
