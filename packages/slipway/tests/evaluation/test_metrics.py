import warnings

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from slipway.errors import DataError, ProblemError
from slipway.evaluation import ranking as ranking_module
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.metrics import METRICS, MetricKind, metric_value, prepare_metrics, verify_primary_metric
from slipway.evaluation.plots import as_csv, plot_tables
from slipway.evaluation.result import decode_evaluation, encode_evaluation
from slipway.evaluation.scored import Scored, constant_baseline
from slipway.evaluation.slices import SlicePart
from slipway.evaluation.sums import regression_sums, row_losses
from slipway.params import EvaluateParams
from slipway.problem import Task

CLOSE = {"rel": 1e-10, "abs": 1e-12}
quick = settings(max_examples=60, deadline=None)


@st.composite
def binary_rows(draw) -> Scored:
    """Few distinct scores, so that ties within and across classes and groups are the rule."""
    rows = draw(st.integers(2, 40))
    groups = draw(st.integers(1, 6))
    cells = st.lists(st.integers(0, 8), min_size=rows, max_size=rows)
    target = np.array(draw(cells)) % 2
    return Scored(
        task=Task.BINARY,
        target=target,
        scores=np.array(draw(cells)) / 8,
        group=np.array(draw(cells)) % groups,
        groups=groups,
        classes=("no", "yes"),
        threshold=draw(st.sampled_from([0.25, 0.5, 0.75])),
    )


@st.composite
def multiclass_rows(draw) -> Scored:
    rows, size = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    weights = random.integers(0, 4, (rows, size)) + 1e-3
    return Scored(
        task=Task.MULTICLASS,
        target=random.integers(0, draw(st.integers(1, size)), rows),
        scores=weights / weights.sum(axis=1, keepdims=True),
        group=random.integers(0, 3, rows),
        groups=3,
        classes=tuple(range(size)),
    )


@st.composite
def regression_rows(draw) -> Scored:
    rows = draw(st.integers(1, 30))
    number = st.floats(-1e4, 1e4, allow_subnormal=False)
    column = st.lists(number, min_size=rows, max_size=rows)
    return Scored(
        task=Task.REGRESSION,
        target=np.array(draw(column)),
        scores=np.array(draw(column)),
        group=np.array(draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))),
        groups=4,
    )


@quick
@given(binary_rows())
def test_binary_metrics_are_those_of_scikit_learn(scored):
    target, scores, said = scored.target, scored.scores, scored.scores >= scored.threshold
    assert metric_value(scored, "log_loss") == pytest.approx(sk.log_loss(target, scores, labels=[0, 1]), **CLOSE)
    assert metric_value(scored, "brier") == pytest.approx(sk.mean_squared_error(target, scores), **CLOSE)
    assert metric_value(scored, "accuracy") == pytest.approx(sk.accuracy_score(target, said), **CLOSE)
    if 0 < target.sum() < len(target):
        assert metric_value(scored, "roc_auc") == pytest.approx(sk.roc_auc_score(target, scores), **CLOSE)
    else:
        assert np.isnan(metric_value(scored, "roc_auc"))
    if target.any():
        expected = sk.average_precision_score(target, scores)
        assert metric_value(scored, "average_precision") == pytest.approx(expected, **CLOSE)
        assert metric_value(scored, "recall") == pytest.approx(sk.recall_score(target, said), **CLOSE)
    if said.any():
        assert metric_value(scored, "precision") == pytest.approx(sk.precision_score(target, said), **CLOSE)
    else:
        assert np.isnan(metric_value(scored, "precision"))


def test_the_brier_score_is_that_of_scikit_learn():
    target, scores = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.3, 0.6])
    scored = Scored(
        task=Task.BINARY,
        target=target,
        scores=scores,
        group=np.zeros(4, int),
        groups=1,
        classes=(0, 1),
        threshold=0.5,
    )
    assert metric_value(scored, "brier") == pytest.approx(sk.brier_score_loss(target, scores), **CLOSE)


@quick
@given(multiclass_rows())
def test_multiclass_metrics_are_those_of_scikit_learn_also_where_classes_are_absent(scored):
    target, scores, said = scored.target, scored.scores, scored.scores.argmax(axis=1)
    labels = list(scored.classes)
    one_hot = np.eye(len(labels))[target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "log_loss": sk.log_loss(target, scores, labels=labels),
            "brier": ((one_hot - scores) ** 2).sum(axis=1).mean(),
            "accuracy": sk.accuracy_score(target, said),
            "balanced_accuracy": sk.balanced_accuracy_score(target, said),
            "macro_f1": sk.f1_score(target, said, average="macro", zero_division=0),
        }
    for name, number in expected.items():
        assert metric_value(scored, name) == pytest.approx(number, **CLOSE), name


@quick
@given(regression_rows())
def test_regression_metrics_are_those_of_scikit_learn(scored):
    target, scores = scored.target, scored.scores
    expected = {
        "rmse": sk.root_mean_squared_error(target, scores),
        "mae": sk.mean_absolute_error(target, scores),
        "median_absolute_error": sk.median_absolute_error(target, scores),
        "mean_error": np.mean(scores - target),
    }
    if np.ptp(target) > 1e-3:
        expected["r2"] = sk.r2_score(target, scores)
    for name, number in expected.items():
        assert metric_value(scored, name) == pytest.approx(number, rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("most_groups", [0, 512], ids=["along the scores", "by counts of groups"])
@quick
@given(scored=binary_rows(), seed=st.integers(0, 1000))
def test_a_resample_gives_what_its_rows_written_out_would_give(most_groups, scored, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking_module, "_MATRIX_GROUPS", most_groups)
        patch.setattr(ranking_module, "_COUNTED_GROUPS", most_groups)
        # Most of the thresholds lie in another block than the first.
        patch.setattr(ranking_module, "_THRESHOLDS", 2)
        _check_against_repeated_rows(scored, seed)


@quick
@given(scored=st.one_of(multiclass_rows(), regression_rows()), seed=st.integers(0, 1000))
def test_a_resample_gives_what_its_rows_written_out_would_give_for_the_other_tasks(scored, seed):
    _check_against_repeated_rows(scored, seed)


def _check_against_repeated_rows(scored, seed):
    weights = np.random.default_rng(seed).integers(0, 4, (3, scored.groups)).astype(float)
    names = [name for name in METRICS[scored.task] if name != "calibration_error"]
    found = prepare_metrics(scored, names)(weights)
    for at, counts in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(len(scored.target)), counts[scored.group])
        if not len(rows):
            assert all(np.isnan(found[name][at]) for name in names)
            continue
        written_out = msgspec.structs.replace(
            scored, target=scored.target[rows], scores=scored.scores[rows], group=scored.group[rows]
        )
        for name in names:
            number = _area(written_out) if name == "roc_auc" else metric_value(written_out, name)
            if name == "r2" and np.ptp(written_out.target) < 1:
                continue  # rounding of nearly equal targets, times their number
            assert found[name][at] == pytest.approx(number, rel=1e-9, abs=1e-9, nan_ok=True), name


def _area(scored):
    both = 0 < scored.target.sum() < len(scored.target)
    return sk.roc_auc_score(scored.target, scored.scores) if both else np.nan


def test_the_median_is_exact_over_many_rows_and_resamples():
    random = np.random.default_rng(0)
    rows, groups = 5000, 7
    scored = Scored(
        task=Task.REGRESSION,
        target=random.normal(size=rows),
        scores=np.zeros(rows),
        group=random.integers(0, groups, rows),
        groups=groups,
    )
    weights = random.integers(0, 5, (20, groups)).astype(float)
    found = prepare_metrics(scored, ["median_absolute_error"])(weights)["median_absolute_error"]
    expected = [np.median(np.repeat(np.abs(scored.target), w[scored.group].astype(int))) for w in weights]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_r2_is_exact_for_a_target_far_from_zero(make_regression):
    near = make_regression()
    far = msgspec.structs.replace(near, target=near.target + 1e9, scores=near.scores + 1e9)
    assert metric_value(far, "r2") == pytest.approx(metric_value(near, "r2"), rel=1e-6)


@quick
@given(st.one_of(binary_rows(), multiclass_rows(), regression_rows()))
def test_rows_however_few_are_evaluated_or_refused(scored):
    params = EvaluateParams(resamples=100, confidence=0.9, seed=1)
    primary = "rmse" if scored.task is Task.REGRESSION else "log_loss"
    parts = (SlicePart("some", "first", np.arange(1)), SlicePart("some", "all", np.arange(len(scored.target))))
    try:
        found = evaluate_holdout(scored, constant_baseline(scored, scored.target), primary, params, parts)
    except DataError as refusal:
        assert "holdout" in str(refusal)
        return
    assert decode_evaluation(encode_evaluation(found)) == found
    for each in plot_tables(scored, ()).values():
        as_csv(each)


def test_row_losses_average_to_the_metrics_of_their_name(scored):
    for name, losses in row_losses(scored).items():
        if name in METRICS[scored.task]:
            assert losses.mean() == pytest.approx(metric_value(scored, name), **CLOSE), name


@pytest.mark.parametrize("metric", ["accurracy", "mean_error", "calibration_error", "rmse"])
def test_a_primary_metric_that_the_gate_cannot_judge_is_refused_with_the_ones_it_can(churn, metric):
    problem = msgspec.structs.replace(churn.problem, metric=metric)
    with pytest.raises(ProblemError, match=f"'{metric}'.*log_loss, brier, roc_auc"):
        verify_primary_metric(problem)
    verify_primary_metric(churn.problem)


def test_a_metric_that_its_measure_does_not_compute_is_an_error_that_names_both(make_regression, monkeypatch):
    monkeypatch.setitem(METRICS[Task.REGRESSION], "mape", MetricKind(regression_sums, "Mean absolute percentage error"))
    with pytest.raises(LookupError, match="METRICS has mape, but regression_sums computes no such metric, only mae, "):
        metric_value(make_regression(), "mape")
