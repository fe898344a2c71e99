"""How well a classifier tells a window from the days before: the same bits each time, shown, and never an alarm."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from monitorbox import START, make_project, make_traffic, run, write_log
from sklearn.metrics import roc_auc_score

from slipway.monitoring.drift.classifier import bin_values, fit_boosted, rank_area
from slipway.monitoring.rules import DEFAULTS

UNTIL = START + timedelta(days=35)


def measure(root, made):
    write_log(root / "log", made.entries)
    return [window.find("joint") for window in run(root, until=UNTIL).of_length(7)]


def change(made, first, **values):
    """The traffic with other inputs from a day on."""
    begin = START + timedelta(days=first)
    changed = [
        msgspec.structs.replace(each, inputs=each.inputs | values) if each.time >= begin else each
        for each in made.predictions
    ]
    return made._replace(predictions=changed)


def test_rows_of_one_kind_are_not_told_apart_and_the_same_log_gives_the_same_bits(toys, tmp_path):
    (tmp_path / "again").mkdir()
    (tmp_path / "once").mkdir()
    found = [
        measure(make_project(toys["churn"], tmp_path / name), make_traffic(toys["churn"], days=35))
        for name in ("once", "again")
    ]
    assert found[0] == found[1]
    *_, before, newest = found[0]
    assert 0.4 < newest.figure.value < 0.6
    assert newest.limit is None
    assert newest.reference.low <= before.figure.value <= newest.reference.high
    assert (newest.rows, newest.note[:80]) == (
        280,
        "how well a small classifier tells these rows from those of the 28 days before, m",
    )


def test_two_columns_that_change_together_alone_are_told():
    """Each column is as before; only which values come together is new."""
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 4000))
    target = np.arange(4000) % 2 == 1
    second = np.where(target, np.sign(first), 1) * np.abs(second) * np.where(target, 1, random.choice([-1, 1], 4000))
    bins = np.column_stack([bin_values(first), bin_values(second)])
    fitted = fit_boosted(bins[:3000], target[:3000])
    assert rank_area(fitted.score(bins[3000:]), target[3000:]) > 0.7


def test_the_area_is_that_of_scikit_learn():
    random = np.random.default_rng(4)
    scores, target = random.integers(0, 20, 500) / 20, random.random(500) < 0.3
    assert rank_area(scores, target) == pytest.approx(roc_auc_score(target, scores), abs=1e-12)


def test_a_change_is_told_and_the_column_named(root, churn):
    *_, newest = measure(root, change(make_traffic(churn, days=35), 28, plan="pro"))
    assert newest.figure.value > 0.7
    assert "most by plan," in newest.note


def test_every_task_has_it(toy, tmp_path):
    *_, newest = measure(make_project(toy, tmp_path), make_traffic(toy, days=35))
    assert 0.3 < newest.figure.value < 0.7


def test_no_default_rule_watches_it():
    assert not [name for name, rule in DEFAULTS.items() if rule.watches("joint")]


def test_it_says_what_is_missing(root, churn):
    made = make_traffic(churn, days=35)
    first, *_ = measure(root, made)
    assert (first.figure, first.note) == (None, "only 0 days before this window, 14 needed")


def test_without_logged_inputs_it_says_so(root, churn):
    made = make_traffic(churn, days=35)
    bare = [msgspec.structs.replace(each, inputs=None) for each in made.predictions]
    *_, newest = measure(root, made._replace(predictions=bare))
    assert (newest.figure, newest.note) == (None, "no logged inputs in this window")


@pytest.mark.parametrize("value", [1e300, None])
def test_a_column_of_any_values_is_taken(root, churn, value):
    name = next(field.name for field in churn.bundle.fields if field.nullable)
    made = change(make_traffic(churn, days=35), 0, **{name: value})
    *_, newest = measure(root, made)
    assert np.isfinite(newest.figure.value)
