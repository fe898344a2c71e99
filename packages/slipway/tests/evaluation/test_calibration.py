import msgspec
import numpy as np
import pytest

from slipway.evaluation.calibration import BINS, bin_of
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.metrics import metric_value
from slipway.evaluation.result import find_metric
from slipway.evaluation.scored import Scored, constant_baseline
from slipway.problem import Task


def test_bins_hold_equally_many_rows_and_equal_scores_share_one():
    random = np.random.default_rng(0)
    assert np.bincount(bin_of(random.random(1000))).tolist() == [100] * BINS
    tied = np.repeat([0.1, 0.2, 0.9], [700, 200, 100])
    for score in (0.1, 0.2, 0.9):
        assert len(set(bin_of(tied)[tied == score])) == 1


def test_the_error_is_the_mean_distance_of_score_and_share_over_the_rows_of_each_bin():
    # Ten bins of ten rows: those of the first five say 0.2 and half come true, the others are exact.
    scores = np.repeat([0.20, 0.21, 0.22, 0.23, 0.24, 0.5, 0.6, 0.7, 0.8, 0.9], 10)
    hits = [5, 5, 5, 5, 5, 5, 6, 7, 8, 9]
    target = np.concatenate([np.arange(10) < hit for hit in hits]).astype(int)
    scored = Scored(
        task=Task.BINARY,
        target=target,
        scores=scores,
        group=np.zeros(100, int),
        groups=1,
        classes=(0, 1),
        threshold=0.5,
    )
    assert metric_value(scored, "calibration_error") == pytest.approx((0.30 + 0.29 + 0.28 + 0.27 + 0.26) / 10)


def test_several_classes_are_judged_by_the_top_one(make_multiclass):
    honest = make_multiclass(rows=20_000)
    boastful = msgspec.structs.replace(honest, scores=honest.scores**3 / (honest.scores**3).sum(axis=1, keepdims=True))
    assert metric_value(honest, "calibration_error") < 0.02
    assert metric_value(boastful, "calibration_error") > 0.1


def test_a_constant_that_is_the_base_rate_is_perfectly_calibrated(make_binary):
    scored = make_binary()
    assert metric_value(constant_baseline(scored, scored.target), "calibration_error") == pytest.approx(0, abs=1e-12)


def test_the_interval_of_a_calibrated_model_reaches_down_to_zero(make_binary, params):
    # The error of every resample is above that of all rows: the percentile interval would leave the truth out.
    scored = make_binary(spread=0.0)
    found = find_metric(
        evaluate_holdout(scored, constant_baseline(scored, scored.target), "log_loss", params), "calibration_error"
    )
    assert found.low == 0
    assert found.low < found.value < found.high


def test_the_interval_of_a_badly_calibrated_model_stays_away_from_zero(make_binary, params):
    scored = make_binary(spread=0.0)
    shifted = msgspec.structs.replace(scored, scores=np.clip(scored.scores + 0.1, 0, 1))
    found = find_metric(
        evaluate_holdout(shifted, constant_baseline(scored, scored.target), "log_loss", params), "calibration_error"
    )
    assert found.low > 0.05
