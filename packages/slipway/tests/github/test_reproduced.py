"""A run beside what is committed."""

import json

import pytest
import yaml
from click.testing import CliRunner
from ledgerbox import git

from slipway.cli import main
from slipway.errors import GitHubError
from slipway.github.jobs.reproduced import compare_with_commit

LOCK = {
    "schema": "2.0",
    "stages": {
        "prepare": {
            "cmd": "python prepare.py",
            "deps": [{"path": "data", "md5": "d1"}],
            "outs": [{"path": "prepared", "md5": "p1"}],
        },
        "train": {
            "cmd": "python train.py",
            "deps": [{"path": "prepared", "md5": "p1"}, {"path": "src/a.py", "md5": "a1"}],
            "params": {"params.yaml": {"trees": 8}},
            "outs": [{"path": "bundle", "md5": "b1"}],
        },
    },
}
METRICS = {"log_loss": 0.5, "rows": 1000, "slices": []}


@pytest.fixture
def run(tmp_path):
    write(tmp_path, LOCK, METRICS)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "what is committed")
    return tmp_path


def write(folder, lock, metrics):
    (folder / "dvc.lock").write_text(yaml.safe_dump(lock))
    (folder / "metrics.json").write_text(json.dumps(metrics))


def changed(**stage):
    return LOCK | {"stages": LOCK["stages"] | {"train": LOCK["stages"]["train"] | stage}}


def test_other_hashes_of_outputs_and_another_last_digit_are_the_same_run(run):
    lock = changed(
        outs=[{"path": "bundle", "md5": "b2"}],
        deps=[{"path": "prepared", "md5": "p2"}, {"path": "src/a.py", "md5": "a1"}],
    )
    write(run, lock, METRICS | {"log_loss": 0.5000001})
    assert compare_with_commit(run) == []


@pytest.mark.parametrize(
    ("lock", "metrics", "said"),
    [
        (changed(deps=[{"path": "src/a.py", "md5": "a2"}]), METRICS, "dvc.lock: train, src/a.py is not as committed"),
        (changed(params={"params.yaml": {"trees": 9}}), METRICS, "dvc.lock: train, parameters is not as committed"),
        (changed(cmd="python other.py"), METRICS, "dvc.lock: train, command is not as committed"),
        (LOCK, METRICS | {"log_loss": 0.49}, "metrics.json: log_loss is 0.49, committed 0.5"),
        (LOCK, {"log_loss": 0.5}, "metrics.json: rows is None, committed 1000"),
    ],
)
def test_other_inputs_and_other_figures_are_named_and_what_to_do(run, lock, metrics, said):
    write(run, lock, metrics)
    assert compare_with_commit(run) == [said]
    done = CliRunner().invoke(main, ["ci", "reproduced", str(run)])
    assert done.exit_code == 1
    assert said in done.output and "Run `make repro` and commit" in done.output


def test_figures_that_were_never_committed_are_no_agreement(tmp_path):
    write(tmp_path, LOCK, METRICS)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(GitHubError, match="not committed"):
        compare_with_commit(tmp_path)
