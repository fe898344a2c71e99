import msgspec
import numpy as np
import pandas as pd
import pytest

from slipway.errors import DataError
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.metrics import METRICS
from slipway.evaluation.result import find_metric
from slipway.evaluation.scored import Scored, constant_baseline, encode_target
from slipway.problem import Task

PRIMARY = {Task.BINARY: "log_loss", Task.MULTICLASS: "log_loss", Task.REGRESSION: "rmse"}


def evaluated(scored, params, primary=None):
    return evaluate_holdout(scored, constant_baseline(scored, scored.target), primary or PRIMARY[scored.task], params)


def test_every_metric_of_the_task_has_its_interval_around_it(scored, params):
    found = evaluated(scored, params)
    assert [each.name for each in found.metrics] == list(METRICS[scored.task])
    for each in found.metrics:
        assert each.low < each.value < each.high, each.name
    assert (found.rows, found.groups) == (len(scored.target), scored.groups)


def test_a_model_that_knows_something_beats_the_baseline_beyond_doubt(scored, params):
    primary = find_metric(evaluated(scored, params), PRIMARY[scored.task])
    assert primary.baseline.value > primary.value
    assert primary.improvement.value == pytest.approx(primary.baseline.value - primary.value, rel=1e-3)
    assert primary.improvement.low > 0
    assert primary.skill.value == pytest.approx(1 - primary.value / primary.baseline.value, rel=1e-3)


def test_an_improvement_is_positive_also_where_higher_is_better(make_binary, params):
    area = find_metric(evaluated(make_binary(), params, "roc_auc"), "roc_auc")
    assert area.baseline.value == 0.5
    assert area.improvement.low > 0
    assert area.skill.value == pytest.approx((area.value - 0.5) / 0.5, rel=1e-4)


def test_differences_are_paired_so_what_moves_both_models_does_not_blur_them(make_binary, params):
    found = find_metric(evaluated(make_binary(spread=1.5), params), "log_loss")
    difference = found.improvement.high - found.improvement.low
    assert difference < 0.8 * ((found.high - found.low) + (found.baseline.high - found.baseline.low))


def test_a_model_against_itself_improves_by_exactly_nothing(scored, params):
    found = evaluate_holdout(scored, scored, PRIMARY[scored.task], params)
    primary = find_metric(found, PRIMARY[scored.task])
    assert (primary.improvement.value, primary.improvement.low, primary.improvement.high) == (0, 0, 0)


def test_the_baseline_answers_with_the_training_set_not_with_the_holdout(make_binary, make_multiclass, make_regression):
    reference = np.array([1, 0, 0, 0])
    assert set(constant_baseline(make_binary(), reference).scores) == {0.25}
    assert constant_baseline(make_multiclass(), np.array([0, 0, 2, 2])).scores[0].tolist() == [0.5, 0, 0.5]
    assert set(constant_baseline(make_regression(), np.array([10.0, 20.0])).scores) == {15.0}


def test_a_metric_that_is_undefined_is_left_out(make_binary, params):
    scored = msgspec.structs.replace(make_binary(), threshold=0.999)
    found = evaluated(scored, params)
    assert find_metric(found, "precision") is None
    assert find_metric(found, "recall").value == 0


def test_a_class_that_the_holdout_lacks_is_no_obstacle(make_multiclass, params):
    scored = make_multiclass()
    without = msgspec.structs.replace(scored, target=np.where(scored.target == 1, 0, scored.target))
    assert find_metric(evaluated(without, params), "balanced_accuracy").low > 0


def test_a_holdout_of_one_class_is_refused(make_binary, params):
    scored = make_binary()
    single = msgspec.structs.replace(scored, target=np.zeros_like(scored.target))
    with pytest.raises(DataError, match=r"All 4,000 rows of the holdout have the class False.*split\.holdout"):
        evaluate_holdout(single, constant_baseline(scored, scored.target), "log_loss", params)


def test_a_holdout_of_one_group_is_refused(make_binary, params):
    scored = make_binary(groups=1)
    with pytest.raises(DataError, match="1 group"):
        evaluated(scored, params)


def test_a_primary_metric_that_is_undefined_on_the_holdout_is_refused(make_regression, params):
    scored = make_regression()
    flat = msgspec.structs.replace(scored, target=np.full(len(scored.target), 5.0))
    with pytest.raises(DataError, match="r2 is undefined"):
        evaluated(flat, params, "r2")


@pytest.mark.parametrize(
    ("classes", "target", "expected"),
    [
        ((False, True), pd.Series([True, False]), [1, 0]),
        ((False, True), pd.Series([True, False], dtype="boolean"), [1, 0]),
        ((0, 1), pd.Series([1.0, 0.0]), [1, 0]),
        ((3, 5, 9), pd.Series([9, 3, 5]), [2, 0, 1]),
        (("a", "b"), pd.Series(["b", "a"]), [1, 0]),
        (("a", "b"), pd.Series(["b", "a"], dtype="category"), [1, 0]),
    ],
)
def test_classes_of_any_kind_become_their_positions(classes, target, expected):
    assert encode_target(Task.MULTICLASS, classes, target).tolist() == expected


@pytest.mark.parametrize("wrong", ["c", None])
def test_a_class_that_the_model_does_not_know_is_refused_by_name(wrong):
    with pytest.raises(DataError, match=rf"1 rows with a class .* for instance {wrong!r}.*'a', 'b'"):
        encode_target(Task.MULTICLASS, ("a", "b"), pd.Series(["a", wrong, "b"], dtype=object))


def test_a_missing_value_of_a_regression_target_is_refused():
    with pytest.raises(DataError, match="1 values that are missing"):
        encode_target(Task.REGRESSION, (), pd.Series([1.0, None]))


def test_scores_are_compared_with_the_threshold_as_the_bundle_does():
    scored = Scored(
        task=Task.BINARY,
        target=np.array([0, 1, 1]),
        scores=np.array([0.1, 0.3, 0.5]),
        group=np.array([0, 1, 2]),
        groups=3,
        classes=("no", "yes"),
        threshold=0.3,
    )
    from slipway.evaluation.metrics import metric_value

    assert metric_value(scored, "recall") == 1
