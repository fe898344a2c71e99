"""Figures that the monitor adds to those of the evaluation: slope, bias, excess of a slice, baseline, estimate."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from slipway.evaluation.scored import Scored
from slipway.evaluation.slices import SlicePart
from slipway.monitoring.effectiveness.bias import measure_bias
from slipway.monitoring.effectiveness.counters import count_requests, measure_counters
from slipway.monitoring.effectiveness.scored import predict_baseline
from slipway.monitoring.effectiveness.slope import SLOPE, calibration_slope
from slipway.params import EvaluateParams
from slipway.problem import Task

ROWS, GROUPS = 6000, 20
EVERY = np.ones((1, GROUPS))
PARAMS = EvaluateParams(resamples=200, confidence=0.95, seed=7)


def made(task=Task.BINARY, sharpened=1.0, seed=5):
    random = np.random.default_rng(seed)
    logit = random.normal(-1, 1, ROWS)
    scores, target = 1 / (1 + np.exp(-sharpened * logit)), (random.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(int)
    if task is Task.REGRESSION:
        scores, target = sharpened * logit, logit + random.normal(0, 0.5, ROWS)
    if task is Task.MULTICLASS:
        scores = random.dirichlet([2, 1, 1], ROWS)
        target = (random.random((ROWS, 1)) > scores.cumsum(axis=1)).sum(axis=1)
    classes = {Task.BINARY: (False, True), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}[task]
    return Scored(
        task=task, target=target, scores=scores, group=np.arange(ROWS) % GROUPS, groups=GROUPS, classes=classes
    )


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 2.0, -1.0])
def test_the_slope_is_that_of_a_logistic_regression(sharpened):
    scored = made(sharpened=sharpened)
    logit = np.log(scored.scores / (1 - scored.scores))[:, None]
    expected = LogisticRegression(C=np.inf).fit(logit, scored.target).coef_[0, 0]
    assert calibration_slope(scored)(EVERY)[SLOPE][0] == pytest.approx(expected, abs=0.005)
    assert expected == pytest.approx(1 / sharpened, abs=0.1)


def test_the_slope_of_a_resample_is_that_of_its_rows():
    scored = made()
    weights = np.zeros((1, GROUPS))
    weights[0, :5] = [2, 1, 1, 3, 1]
    rows = np.repeat(np.arange(ROWS), weights[0, scored.group].astype(int))
    logit = np.log(scored.scores / (1 - scored.scores))[rows, None]
    expected = LogisticRegression(C=np.inf).fit(logit, scored.target[rows]).coef_[0, 0]
    assert calibration_slope(scored)(weights)[SLOPE][0] == pytest.approx(expected, abs=0.01)


def test_the_slope_of_a_regression_is_by_least_squares():
    scored = made(Task.REGRESSION, sharpened=0.5)
    expected = LinearRegression().fit(scored.scores[:, None], scored.target).coef_[0]
    assert calibration_slope(scored)(EVERY)[SLOPE][0] == pytest.approx(expected)


@pytest.mark.parametrize("target", [0, 1])
def test_one_class_has_no_slope(target):
    scored = made()
    one = Scored(
        task=scored.task,
        target=np.full(ROWS, target),
        scores=scored.scores,
        group=scored.group,
        groups=GROUPS,
        classes=scored.classes,
    )
    assert np.isnan(calibration_slope(one)(EVERY)[SLOPE][0])


@pytest.mark.parametrize("task", list(Task))
def test_the_bias_of_calibrated_scores_is_nothing_and_that_of_a_part_is_its_excess(task):
    scored = made(task)
    part = SlicePart("plan", "plus", np.flatnonzero(np.arange(ROWS) // GROUPS % 4 == 0))
    bias, excess = measure_bias(scored, [part], PARAMS)
    assert bias.figure.low < 0 < bias.figure.high
    assert excess.figure.low < 0 < excess.figure.high
    assert excess.name == "slice:plan=plus:excess"
    assert (bias.rows, excess.rows) == (ROWS, len(part.rows))
    moved = scored.target.copy()
    moved[part.rows] = {Task.BINARY: 1, Task.MULTICLASS: 2, Task.REGRESSION: 3.0}[task]
    changed = Scored(
        task=task,
        target=moved,
        scores=scored.scores,
        group=scored.group,
        groups=GROUPS,
        classes=scored.classes,
    )
    bias, excess = measure_bias(changed, [part], PARAMS)
    assert abs(excess.figure.value) > abs(bias.figure.value) > 0.1
    assert excess.figure.value * bias.figure.value > 0


def test_the_baseline_is_that_of_training_where_it_is_known():
    scored = made()
    assert set(predict_baseline(scored, np.array([0.3])).scores) == {0.3}
    assert set(predict_baseline(scored, None).scores) == {scored.target.mean()}
    several = made(Task.MULTICLASS)
    assert (predict_baseline(several, np.array([0.2, 0.3, 0.5])).scores == [0.2, 0.3, 0.5]).all()


EXPOSED = """# HELP slipway_requests_total HTTP requests by route and status.
slipway_requests_total{route="predict",status="200"} 90.0
slipway_requests_total{route="predict",status="422"} 6.0
slipway_requests_total{route="infer",status="503"} 4.0
slipway_requests_total{route="health",status="503"} 70.0
slipway_rejects_total{reason="invalid-row"} 6.0
slipway_rejects_total{reason="log"} 4.0
slipway_rejects_total{reason="too-large"} 0.0
slipway_predictions_total{label="true"} 5.0
"""


def test_errors_and_refusals_are_those_since_the_run_before():
    now = count_requests(EXPOSED)
    whole = {each.name: each.figure.value for each in measure_counters(now, {})}
    assert whole == {"errors": 0.04, "refused:invalid-row": 0.06, "refused:log": 0.04}
    before = {"answered": 50.0, "failed": 4.0, "refused:invalid-row": 1.0, "refused:log": 4.0}
    since = {each.name: each.figure.value for each in measure_counters(now, before)}
    assert since == {"errors": 0.0, "refused:invalid-row": 0.1}
    # The service was restarted in between: its counters began again.
    assert {each.name: each.figure.value for each in measure_counters(now, {"answered": 5000.0})} == whole


def test_a_service_without_a_request_has_no_share():
    (errors,) = measure_counters(count_requests(""), {})
    assert (errors.name, errors.figure) == ("errors", None)
