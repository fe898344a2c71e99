"""One row scored by itself gives exactly the score that it has in a batch."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest
from toybox import rows_of

from slipway.bundle.row import RowScorer
from slipway.errors import ScoringError


def typed(toy, rows):
    return [msgspec.convert(row, toy.bundle.contract) for row in rows]


def test_every_row_scores_exactly_as_in_a_batch(toy):
    rows = rows_of(toy, 200)
    scorer = RowScorer(toy.bundle)
    alone = [scorer.score(row) for row in typed(toy, rows)]
    np.testing.assert_array_equal(np.array(alone), toy.bundle.score(toy.bundle.parse(rows)))


def test_golden_rows_with_missing_unseen_and_extreme_values_do_too(toy):
    columns, _ = toy.bundle.golden()
    rows = [msgspec.json.decode(line)["row"] for line in (toy.bundle.path / "golden.jsonl").read_bytes().splitlines()]
    scorer = RowScorer(toy.bundle)
    alone = [scorer.score(row) for row in typed(toy, rows)]
    np.testing.assert_array_equal(np.array(alone), toy.bundle.score(columns))


def test_no_value_of_the_row_before_is_left(churn):
    full = {
        "plan": "plus",
        "town": "ulm",
        "joined": "2020-01-01T00:00:00Z",
        "months": 3,
        "usage": 2.5,
        "paperless": True,
    }
    empty = {"plan": "basic", "months": 1}
    scorer = RowScorer(churn.bundle)
    before = scorer.score(*typed(churn, [empty]))
    scorer.score(*typed(churn, [full]))
    assert scorer.score(*typed(churn, [empty])) == before


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 1, 14, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 11, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-12))),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 12, 30, 0, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_any_instant_scores_alone_as_in_a_batch(churn, instant):
    row = {"plan": "basic", "months": 1, "joined": instant}
    alone = RowScorer(churn.bundle).score(*typed(churn, [row]))
    assert alone == churn.bundle.score(churn.bundle.parse([row]))[0]


def test_a_time_beyond_the_calendar_is_refused_alone_as_in_a_batch(churn):
    row = {"plan": "basic", "months": 1, "joined": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}
    with pytest.raises(OverflowError):
        RowScorer(churn.bundle).score(*typed(churn, [row]))
    with pytest.raises(msgspec.ValidationError):
        churn.bundle.parse([row])


def test_a_number_beyond_float32_is_scored_or_refused_as_in_a_batch(toys):
    churn, rents = toys["churn"], toys["rents"]
    row = {"plan": "basic", "months": 1, "usage": 1e300}
    assert RowScorer(churn.bundle).score(*typed(churn, [row])) == churn.bundle.score(churn.bundle.parse([row]))[0]
    crop = toys["crops"]
    contract = msgspec.defstruct("Loose", [("soil", str), ("rain", float), ("acidity", float), ("irrigated", bool)])
    endless = contract("loam", float("inf"), 6.0, True)
    with pytest.raises(ScoringError):
        RowScorer(crop.bundle).score(endless)
    assert rents
