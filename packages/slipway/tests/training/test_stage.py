"""The stage `train` as `dvc repro` runs it: it sees the training set alone."""

import json
import os
import subprocess
import sys

import msgspec
import pytest
import yaml
from places import ROOT, TOYS

from slipway.data.prepared import write_parts

pytestmark = pytest.mark.slow


def test_a_model_is_trained_where_the_holdout_is_absent(churn, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "churn"\n')
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(churn.params)))
    write_parts(churn.train, churn.holdout, tmp_path / "prepared")
    (tmp_path / "prepared" / "holdout.parquet").unlink()
    command = [sys.executable, str(ROOT / "pipeline/train.py")]
    environment = {**os.environ, "PYTHONPATH": str(TOYS)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "training.json").read_text())
    assert summary["digest"] == churn.bundle.digest
    assert summary["certificate"]["training"] == len(churn.train)


def test_the_stage_depends_on_the_training_part_alone():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    parts = {name: {dep for dep in stage["deps"] if dep.startswith("prepared")} for name, stage in stages.items()}
    assert parts["train"] == {"prepared/train.parquet"}
    assert parts["evaluate"] == {"prepared/holdout.parquet", "prepared/train.parquet"}
    assert {next(iter(out)) for out in stages["prepare"]["outs"]} == parts["evaluate"]
