"""The suite passes for honest problems of every task, and each test fails for the defect that it is there for."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import yaml
from gatebox import RULES
from places import TOYS
from toybox import toy_params

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PYPROJECT = '[tool.slipway]\nresults = 3\nproblem = "{name}"\n[tool.pytest]\n'
CONFTEST = 'pytest_plugins = ["slipway.testing"]\n'
SUITE = "from slipway.testing import ProblemConformance\n\n\nclass TestConformance(ProblemConformance):\n    pass\n"
WORKFLOW = "name: a\non: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make test\n"
NOTEBOOK = {"cells": [{"cell_type": "code", "source": ["%matplotlib inline\n", "x = 1\n"]}]}
ROWS = 1500
HONEST = ("churn", "crops", "rents")

# What is changed in the churn toy, and the test that fails then: file, text, text instead of it.
DEFECTS = {
    "a feature less the mean of the batch": (
        "features.py",
        "return {**kept,",
        'kept["usage"] = kept["usage"] - np.nanmean(kept["usage"])\n    return {**kept,',
        "features_of_a_row_alone",
    ),
    "a feature that counts rows": (
        "features.py",
        "return {**kept,",
        'kept["months"] = np.cumsum(kept["months"])\n    return {**kept,',
        "features_are_the_same_in_another_order",
    ),
    "a feature drawn at random": (
        "features.py",
        "return {**kept,",
        'kept["months"] = kept["months"] + np.random.default_rng().random(len(year))\n    return {**kept,',
        "features_are_the_same_when_asked_again",
    ),
    "a feature that is written over its column": (
        "features.py",
        "return {**kept,",
        'kept["months"] += 1\n    return {**kept,',
        "features_leave_their_input",
    ),
    "features that count their calls": (
        "features.py",
        "def derive(columns):",
        "CALLS = []\n\n\ndef derive(columns):\n    CALLS.append(1)",
        "a_call_keeps_nothing",
    ),
    "features that need pandas": (
        "features.py",
        "import numpy as np",
        "import numpy as np\nimport pandas",
        "use_only_names_that_the_gate_allows",
    ),
    "a target that stands in a column": (
        "dataset.py",
        'return read_folder(data_dir / "rows", COLUMNS)',
        'found = read_folder(data_dir / "rows", COLUMNS)\n    return found.assign(usage=found["target"] * 2.0)',
        "no_column_tells_the_target",
    ),
    "rows in another order each time": (
        "dataset.py",
        'return read_folder(data_dir / "rows", COLUMNS)',
        'return read_folder(data_dir / "rows", COLUMNS).sample(frac=1)',
        "loading_again_gives_the_same_rows",
    ),
    "a range that refuses rows of the data": (
        "contract.py",
        "le=600",
        "le=60",
        "rows_of_the_dataset_are_accepted",
    ),
    "a number that no column can hold": (
        "contract.py",
        "le=600",
        f"le={2**60 + 1}",
        "limits_categories_and_missing_values",
    ),
    "a slice that leaves rows out": (
        "problem.py",
        'frame["plan"]',
        'frame["town"]',
        "every_row_falls_into_one_part",
    ),
    "an empty field of the model card": (
        "problem.py",
        'limits="Not real."',
        'limits=""',
        "primary_metric_can_be_judged",
    ),
    "a model without a seed": (
        "model.py",
        "random_state=seed",
        "random_state=None, max_features=0.5",
        "same_rows_and_parameters_seal_the_same_bundle",
    ),
    "a split by rows": (
        "../../tests/test_conformance.py",
        SUITE,
        "import pytest\n\n\n@pytest.fixture(scope='session')\ndef parts(sample):\n"
        f"    return sample.iloc[::2], sample.iloc[1::2]\n\n\n{SUITE}",
        "split_cuts_no_group",
    ),
    "a split that depends on how many groups there are": (
        "../../tests/conftest.py",
        CONFTEST,
        f"{CONFTEST}\nfrom slipway.data import splitting\n\nseen = []\n"
        "splitting.is_held_out = lambda group, split: bool(seen.append(group)) or len(seen) % 4 == 0\n",
        "row_stays_on_its_side",
    ),
    "a step without a command": (
        "../../.github/workflows/a.yml",
        "run: make test",
        "name: nothing",
        "actionlint_accepts_every_workflow",
    ),
    "a workflow without jobs": ("../../.github/workflows/a.yml", "jobs:", "works:", "every_workflow_parses"),
    "a cell that does not parse": ("../../notebooks/a.ipynb", "x = 1", "x = = 1", "every_notebook_parses"),
}


def make_project(folder: Path, name: str) -> Path:
    """A repository of a team around the toy `name`, with data that no DVC versions."""
    toy = importlib.import_module(f"{name}.problem").PROBLEM
    shutil.copytree(TOYS / name, folder / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
    params = toy_params(toy)
    files = {
        "pyproject.toml": PYPROJECT.format(name=name),
        "params.yaml": yaml.safe_dump(msgspec.to_builtins(params)),
        "gate.yaml": yaml.safe_dump(msgspec.to_builtins(RULES)),
        "tests/conftest.py": CONFTEST,
        "tests/test_conformance.py": SUITE,
        ".github/workflows/a.yml": WORKFLOW,
        "notebooks/a.ipynb": json.dumps(NOTEBOOK),
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "data" / "rows").mkdir(parents=True)
    frame = importlib.import_module(f"{name}.dataset").make(ROWS, seed=3)
    frame.to_parquet(folder / "data" / "rows" / "rows.parquet", index=False)
    return folder


# One process imports what all of them need, and a fork of it runs the tests of each project.
RUNNER = """
import json, os, sys
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
import onnx, pandas, pyarrow.parquet, pytest, scipy.stats, skl2onnx, sklearn.ensemble
for folder, only in json.load(sys.stdin):
    if not (child := os.fork()):
        os.chdir(folder)
        sys.path.insert(0, f"{folder}/src")
        out = os.open("said.txt", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1), os.dup2(out, 2)
        os._exit(pytest.main(["-q", "-k", only, "tests"]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Suite(NamedTuple):
    """The exit code of a team's tests, and what pytest printed."""

    code: int
    said: str


@pytest.fixture(scope="module")
def suites(tmp_path_factory) -> dict[str, Suite]:
    """The suite of each toy, and of churn with each defect in turn, where only the test that is for it runs."""
    folder = tmp_path_factory.mktemp("conformance")
    honest = {name: make_project(folder / name, name) for name in HONEST}
    jobs = {name: (str(project), "test") for name, project in honest.items()}
    for number, (name, (file, old, new, expected)) in enumerate(DEFECTS.items()):
        project = shutil.copytree(honest["churn"], folder / str(number))
        path = project / "src" / "churn" / file
        text = path.read_text()
        assert old in text, name
        path.write_text(text.replace(old, new, 1))
        jobs[name] = (str(project), expected)
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps([*jobs.values()]), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    codes = map(int, done.stdout.split())
    return {
        name: Suite(code, (Path(project) / "said.txt").read_text())
        for (name, (project, _)), code in zip(jobs.items(), codes, strict=True)
    }


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_problem_passes_every_test(name, suites):
    assert suites[name].code == 0, suites[name].said
    assert "22 passed" in suites[name].said and "skipped" not in suites[name].said


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_fails_the_test_that_is_there_for_it(name, suites):
    assert suites[name].code == 1 and "1 failed" in suites[name].said, suites[name].said
    assert DEFECTS[name][3] in suites[name].said.rpartition("FAILED")[2]
