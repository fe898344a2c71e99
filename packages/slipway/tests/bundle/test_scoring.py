"""Columns in, scores out: the shape, the parity and the independence of rows."""

import msgspec
import numpy as np
import pytest

from slipway.bundle.inputs import encode_inputs
from slipway.columns import columns_to_rows, count_rows, frame_to_columns, take_rows
from slipway.training.fit import derive_features, predict_scores


def holdout_columns(toy):
    return frame_to_columns(toy.bundle.fields, toy.holdout)


def test_scores_are_those_of_the_original_estimator(toy):
    columns = holdout_columns(toy)
    expected = predict_scores(toy.fitted, encode_inputs(toy.fitted.inputs, derive_features(toy.problem, columns)))
    np.testing.assert_allclose(toy.bundle.score(columns), expected, rtol=1e-5, atol=1e-5)


def test_a_row_alone_scores_exactly_as_it_does_among_others(toy):
    columns = take_rows(holdout_columns(toy), slice(0, 200))
    among = toy.bundle.score(columns)
    alone = [toy.bundle.score(take_rows(columns, slice(row, row + 1)))[0] for row in range(count_rows(columns))]
    np.testing.assert_array_equal(np.array(alone), among)


@pytest.mark.parametrize("size", [2, 3, 7, 64, 129])
def test_a_batch_of_any_size_scores_exactly_the_same(toy, size):
    columns = holdout_columns(toy)
    whole = toy.bundle.score(columns)
    starts = range(0, count_rows(columns), size)
    parts = [toy.bundle.score(take_rows(columns, slice(start, start + size))) for start in starts]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_more_rows_than_a_block_score_as_their_parts(toy):
    columns = holdout_columns(toy)
    many = take_rows(columns, np.resize(np.arange(count_rows(columns)), 70_000))
    np.testing.assert_array_equal(toy.bundle.score(many)[-500:], toy.bundle.score(take_rows(many, slice(-500, None))))


def test_no_rows_give_no_scores(toy):
    assert len(toy.bundle.score(take_rows(holdout_columns(toy), slice(0, 0)))) == 0


def test_rows_as_a_client_sends_them_score_as_the_columns_they_came_from(toy):
    columns = take_rows(holdout_columns(toy), slice(0, 100))
    sent = msgspec.json.decode(msgspec.json.encode(columns_to_rows(toy.bundle.fields, columns)))
    np.testing.assert_array_equal(toy.bundle.score(toy.bundle.parse(sent)), toy.bundle.score(columns))


def test_labels_are_computed_from_the_threshold_or_the_largest_probability(toys):
    churn, crops, rents = (toys[name].bundle for name in ("churn", "crops", "rents"))
    assert churn.label(np.array([0.39, 0.4, 0.9])).tolist() == [False, True, True]
    assert crops.label(np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])).tolist() == ["rice", "wheat"]
    assert rents.label(np.array([812.5])).tolist() == [812.5]


def test_a_row_that_breaks_the_contract_is_refused_with_its_field(churn):
    row = columns_to_rows(churn.bundle.fields, take_rows(holdout_columns(churn), slice(0, 1)))[0]
    with pytest.raises(msgspec.ValidationError, match=r"months"):
        churn.bundle.parse([{**row, "months": -1}])
    with pytest.raises(msgspec.ValidationError, match=r"monthz"):
        churn.bundle.parse([{**row, "monthz": 1}])


def test_a_time_beyond_the_calendar_is_refused_like_any_other_value(churn):
    row = columns_to_rows(churn.bundle.fields, take_rows(holdout_columns(churn), slice(0, 1)))[0]
    with pytest.raises(msgspec.ValidationError, match="out of range"):
        churn.bundle.parse([{**row, "joined": "0001-01-01T00:00:00+05:00"}])


def test_the_time_zone_of_a_request_is_applied(churn):
    row = columns_to_rows(churn.bundle.fields, take_rows(holdout_columns(churn), slice(0, 1)))[0]
    here, there = churn.bundle.parse(
        [{**row, "joined": "2020-01-01T00:00:00Z"}, {**row, "joined": "2020-01-01T05:00:00+05:00"}]
    )["joined"]
    assert here == there


def test_golden_rows_cover_missing_unseen_and_the_ends_of_ranges(churn):
    columns, scores = churn.bundle.golden()
    towns = set(columns["town"])
    assert None in towns
    assert len(towns - {None, *churn.train["town"].dropna()}) == 1, "one town that training never saw"
    assert {0, 600} <= set(columns["months"]), "both bounds of the contract"
    assert np.isnan(columns["usage"]).any() and np.isnat(columns["joined"]).any()
    assert len(scores) == count_rows(columns) >= 16
