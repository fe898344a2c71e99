import csv

import msgspec
import numpy as np
import pytest
from sklearn import metrics as sk

from slipway.evaluation.importance import Importance
from slipway.evaluation.plots import (
    as_csv,
    calibration_curve,
    confusion_matrix,
    plot_tables,
    precision_recall_curve,
    predicted_actual,
    residuals,
    roc_curve,
    write_plots,
)
from slipway.evaluation.scored import predicted_classes
from slipway.problem import Task

IMPORTANCE = (Importance("tenure", 0.1, 0.08, 0.12), Importance("plan", 0.0, -0.01, 0.01))

FILES = {
    Task.BINARY: {"roc", "precision_recall", "calibration", "confusion", "importance"},
    Task.MULTICLASS: {"calibration", "confusion", "importance"},
    Task.REGRESSION: {"predicted_actual", "residuals", "importance"},
}


def test_every_task_leaves_its_plots_as_small_tables(scored, tmp_path):
    write_plots(plot_tables(scored, IMPORTANCE), tmp_path / "plots")
    assert {path.stem for path in (tmp_path / "plots").iterdir()} == FILES[scored.task]
    for path in (tmp_path / "plots").iterdir():
        lines = list(csv.reader(path.open()))
        assert 2 <= len(lines) <= 250
        assert len({len(line) for line in lines}) == 1


def test_another_evaluation_leaves_no_plot_of_the_last_one(make_binary, make_regression, tmp_path):
    write_plots(plot_tables(make_binary(), IMPORTANCE), tmp_path / "plots")
    write_plots(plot_tables(make_regression(), IMPORTANCE), tmp_path / "plots")
    assert {path.stem for path in (tmp_path / "plots").iterdir()} == FILES[Task.REGRESSION]


def test_the_roc_curve_runs_from_corner_to_corner_with_the_area_of_the_whole(make_binary):
    scored = make_binary(20_000)
    table = roc_curve(scored)
    false, true = np.array(table["false_positive_rate"]), np.array(table["true_positive_rate"])
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.all(np.diff(false) >= 0) and np.all(np.diff(true) >= 0)
    assert len(false) <= 201
    assert np.trapezoid(true, false) == pytest.approx(sk.roc_auc_score(scored.target, scored.scores), abs=1e-3)


def test_the_points_of_both_curves_are_those_of_scikit_learn(make_binary):
    scored = make_binary(150)
    false, true, _ = sk.roc_curve(scored.target, scored.scores, drop_intermediate=False)
    table = roc_curve(scored)
    np.testing.assert_allclose(table["false_positive_rate"], false)
    np.testing.assert_allclose(table["true_positive_rate"], true)
    precision, recall, threshold = sk.precision_recall_curve(scored.target, scored.scores)
    expected = {t: (p, r) for t, p, r in zip(threshold, precision[:-1], recall[:-1], strict=True)}
    table = precision_recall_curve(scored)
    for p, r, t in zip(table["precision"], table["recall"], table["threshold"], strict=True):
        assert (p, r) == pytest.approx(expected[t])


def test_the_confusion_counts_every_row_once(make_multiclass):
    scored = make_multiclass()
    table = confusion_matrix(scored)
    expected = sk.confusion_matrix(scored.target, predicted_classes(scored))
    assert list(table["rows"]) == expected.ravel().tolist()
    assert table["actual"][:3] == ["oats"] * 3
    assert table["predicted"][:3] == ["oats", "rye", "wheat"]
    np.testing.assert_allclose(table["share"], (expected / expected.sum(axis=1, keepdims=True)).ravel())


def test_a_class_that_never_came_true_has_a_share_of_nothing(make_multiclass):
    scored = make_multiclass()
    without = msgspec.structs.replace(scored, target=np.where(scored.target == 1, 0, scored.target))
    assert np.isfinite(confusion_matrix(without)["share"]).all()


def test_the_calibration_curve_of_an_honest_model_follows_the_diagonal(make_binary):
    table = calibration_curve(make_binary(50_000, spread=0.0))
    assert sum(table["rows"]) == 50_000
    np.testing.assert_allclose(table["mean_score"], table["observed"], atol=0.03)


def test_regression_tables_count_every_row(make_regression):
    scored = make_regression()
    assert sum(predicted_actual(scored)["rows"]) == sum(residuals(scored)["rows"]) == len(scored.target)
    assert np.all(np.diff(predicted_actual(scored)["predicted"]) > 0)


def test_a_table_is_written_with_six_digits_and_nothing_for_the_undefined():
    text = as_csv({"name": ["a,b", "c"], "value": np.array([1 / 3, np.nan]), "rows": np.array([5, 6])})
    assert text.decode() == 'name,value,rows\n"a,b",0.333333,5\nc,,6\n'
