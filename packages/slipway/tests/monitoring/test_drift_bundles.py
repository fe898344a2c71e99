"""Bundles hold a reference for drift, and rows that another model scored are found by scoring them again."""

import numpy as np
import pytest

from slipway.bundle.profile import Order
from slipway.bundle.verify import read_sealed
from slipway.columns import frame_to_columns
from slipway.monitoring.drift.exact import check_scores
from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.reference import read_drift_reference
from slipway.monitoring.drift.window_figure import DayRange
from slipway.training.reference.histograms import summarize_days


def test_rows_that_another_model_scored_are_counted(churn):
    columns = frame_to_columns(churn.bundle.fields, churn.holdout)
    logged = churn.bundle.score(columns)
    whole = check_scores(churn.bundle.score, columns, logged, 1.0)
    assert (whole.figure.value, whole.limit) == (0, 0)
    logged[:7] += 0.01
    mixed = check_scores(churn.bundle.score, columns, logged, 1.0)
    assert mixed.figure.value == 7
    assert is_unusual(mixed)
    assert mixed.note.startswith("7 of ")


@pytest.mark.parametrize("toy", ["churn", "crops", "rents"])
def test_the_bundles_of_every_task_hold_a_reference_and_their_holdout_is_quiet(toys, toy):
    found = toys[toy]
    reference = read_drift_reference(read_sealed(found.bundle.path))
    assert reference.series.order == {"churn": Order.DAYS, "crops": Order.GROUPS, "rents": Order.ROWS}[toy]
    columns = frame_to_columns(found.bundle.fields, found.holdout)
    days = np.sort(np.arange(len(found.holdout)) % 7)
    scores = found.bundle.score(columns)
    histograms = summarize_days(columns, scores, days, reference.profile, reference.vocabularies)
    measured = measure_drift_windows(reference, histograms, [DayRange(0, 7)])[0]
    # The holdout of the toy is not in the order of days: its volume and weekdays mean nothing here.
    assert not [each.name for each in measured if is_unusual(each)]
    scored = [each.name for each in measured if each.name.startswith("drift:score")]
    assert len(scored) == (3 if toy == "crops" else 1)
