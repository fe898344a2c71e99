import json
import subprocess
import sys

import pytest

from slipway.errors import DataError
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.result import (
    decode_evaluation,
    encode_evaluation,
    find_metric,
    flatten_evaluation,
    headline,
    read_evaluation,
)
from slipway.evaluation.scored import constant_baseline


@pytest.fixture
def evaluation(make_binary, params):
    scored = make_binary()
    return evaluate_holdout(scored, constant_baseline(scored, scored.target), "log_loss", params)


def test_what_is_written_is_read_back_the_same(evaluation, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_bytes(encode_evaluation(evaluation))
    assert read_evaluation(path) == decode_evaluation(encode_evaluation(evaluation)) == evaluation


def test_numbers_have_six_significant_digits(evaluation):
    assert evaluation.metrics
    for each in evaluation.metrics:
        assert each.value == float(f"{each.value:.6g}")
        assert each.improvement is None or each.improvement.low == float(f"{each.improvement.low:.6g}")


def test_dvc_shows_one_column_for_each_metric_and_hides_the_details(evaluation, tmp_path):
    def run(*command):
        dvc = [sys.executable, "-m", "dvc", *command]
        return subprocess.run(dvc, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    run("init", "--no-scm", "--quiet")
    (tmp_path / "metrics.json").write_bytes(encode_evaluation(evaluation))
    (tmp_path / "dvc.yaml").write_text("metrics: [metrics.json]\n")
    shown = json.loads(run("metrics", "show", "--json"))[""]["data"]["metrics.json"]["data"]
    values = {each.name: each.value for each in evaluation.metrics}
    assert shown == {
        **values,
        "skill": find_metric(evaluation, "log_loss").skill.value,
        "primary": "log_loss",
        "confidence": 0.95,
        "rows": 4000,
        "groups": 40,
    }


def test_one_flat_table_holds_every_figure(evaluation):
    flat = flatten_evaluation(evaluation)
    found = find_metric(evaluation, "log_loss")
    assert flat["log_loss"] == found.value
    assert flat["log_loss_low"] == found.low
    assert flat["baseline_log_loss"] == found.baseline.value
    assert flat["improvement_log_loss_high"] == found.improvement.high
    assert flat["rows"] == 4000
    assert all(isinstance(number, int | float) for number in flat.values())


def test_the_headline_has_the_primary_metric_its_interval_and_the_baseline(evaluation):
    found = find_metric(evaluation, "log_loss")
    assert headline(evaluation) == (
        f"log_loss {found.value:.4g} [{found.low:.4g}, {found.high:.4g}], baseline {found.baseline.value:.4g}"
    )


@pytest.mark.parametrize("content", [None, b"{", b'{"primary": "log_loss"}'])
def test_a_file_that_is_no_evaluation_is_named(content, tmp_path):
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"metrics\.json.*dvc repro evaluate"):
        read_evaluation(path)
