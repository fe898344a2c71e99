"""The stage as DVC runs it: a process of its own in a project's folder."""

import os
import subprocess
import sys

import pytest
from churn.dataset import make
from churn.problem import PROBLEM
from places import ROOT, TOYS

from slipway.data.validation.publish import publish_report
from slipway.data.validation.validate import validate_dataset

pytestmark = pytest.mark.slow

PARAMS = """\
split: {salt: toys, holdout: 0.25}
train: {seed: 7, threshold: 0.4}
evaluate: {resamples: 200, confidence: 0.95, seed: 7}
model: {}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "a project"
    (folder / "data" / "rows").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "churn"\n')
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def run_stage(folder, frame, **variables):
    frame.to_parquet(folder / "data" / "rows" / "rows.parquet", index=False)
    path = str(TOYS)
    return subprocess.run(
        [sys.executable, ROOT / "pipeline" / "validate.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_another_process_writes_the_same_bytes(project, tmp_path):
    done = run_stage(project, make(400), PYTHONHASHSEED="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "rules hold for 400 rows" in done.stdout
    assert ".slipway/data_docs/index.html" in done.stdout
    assert (project / ".slipway" / "data_docs" / "index.html").exists()
    publish_report(
        validate_dataset(PROBLEM, PROBLEM.load(project / "data")), tmp_path / "here.json", tmp_path / "failed.json"
    )
    assert (project / "validation.json").read_bytes() == (tmp_path / "here.json").read_bytes()


def test_bad_data_fails_the_stage_with_a_report_to_read(project):
    done = run_stage(project, make(400).assign(target=True))
    assert done.returncode == 1
    assert "column target" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "validation.json").exists()
    assert (project / ".slipway" / "validation.json").exists()
    assert (project / ".slipway" / "data_docs" / "index.html").exists()


def test_a_wrong_parameter_fails_before_any_data_is_read(project):
    (project / "params.yaml").write_text(PARAMS.replace("model: {}", "model: {leaves: 3}"))
    done = run_stage(project, make(400))
    assert done.returncode == 1
    assert "leaves" in done.stderr
    assert "loading" not in done.stdout


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "results = 4",
            "expected results = 3, which this version of slipway makes, found results = 4",
        ),
        ("", "found no results. Write `results = 3`"),
        ('results = "1"', "tool.slipway.results: expected `int | null`, found '1'"),
    ],
)
def test_results_that_this_version_does_not_make_stop_a_stage_in_one_paragraph(project, line, found):
    (project / "pyproject.toml").write_text(f'[tool.slipway]\n{line}\nproblem = "churn"\n')
    done = run_stage(project, make(400))
    assert done.returncode == 1
    (paragraph,) = done.stderr.strip().split("\n\n")
    assert found in " ".join(paragraph.split())
    assert "Traceback" not in done.stderr
    assert "loading" not in done.stdout
