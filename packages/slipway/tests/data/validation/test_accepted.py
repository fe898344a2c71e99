"""Every row of a dataset is held against the contract as the service would take it, and explained in its words."""

import time
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from churn.dataset import make
from churn.problem import PROBLEM as CHURN
from msgspec import Meta

from slipway.data.prepared import write_parts
from slipway.data.validation.report import explain_report
from slipway.data.validation.suite import ACCEPTED, ONE_KIND
from slipway.data.validation.validate import validate_dataset
from slipway.errors import DataError, ProblemError
from slipway.rows.check import check_batch
from slipway.rows.frame import check_frame
from slipway.rows.rules import read_rules


class Trip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Lengths, steps, a rule over two fields, names that clients write otherwise."""

    carrier: Annotated[str, Meta(max_length=2, min_length=2)]
    seat_pitch: Annotated[float, Meta(multiple_of=0.25)] | None = None
    stops: Annotated[int, Meta(multiple_of=2)] | None = None
    leaves: Annotated[datetime, Meta(tz=True)]
    first_row: int
    last_row: int

    def __post_init__(self):
        if self.first_row > self.last_row:
            raise ValueError("the first row is behind the last")


def trips(rows=100, **changed):
    numbers = np.arange(rows)
    frame = pd.DataFrame(
        {
            "carrier": np.where(numbers % 2, "UA", "B6"),
            "seat_pitch": numbers / 4,
            "stops": pd.Series(numbers % 3 * 2).mask(numbers % 5 == 0),
            "leaves": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(numbers, unit="h"),
            "first_row": numbers,
            "last_row": numbers + 3,
            "target": numbers % 2 == 0,
        }
    )
    for name, value in changed.items():
        frame[name] = frame[name].astype(object)
        frame.at[7, name] = value
    return frame


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("carrier", "UA\n", "expected text of 2 characters, found other text"),
        ("carrier", "", "expected text of 2 characters, found other text"),
        ("carrier", "\udce9", "expected text of 2 characters, found text that is not valid Unicode"),
        ("carrier", 7, "expected text of 2 characters, found an integer"),
        ("carrier", None, "expected text of 2 characters, found null"),
        ("seat_pitch", 0.3, "expected a number that is a multiple of 0.25, or null, found another number"),
        ("stops", 3, "expected an integer that is a multiple of 2, or null, found another number"),
        ("stops", 2.5, "expected an integer that is a multiple of 2, or null, found a number"),
        ("stops", True, "expected an integer that is a multiple of 2, or null, found true or false"),
        ("stops", [2], "expected an integer that is a multiple of 2, or null, found an array"),
        ("first_row", 99, "found one that fails them: the first row is behind the last"),
    ],
)
def test_one_row_that_the_service_refuses_is_found_and_explained(name, value, sentence):
    (fault,) = check_frame(Trip, trips(**{name: value}))
    assert fault.rows.tolist() == [7]
    assert sentence in fault.rule


def test_validation_fails_with_the_sentence_of_score_for_it():
    problem = msgspec.structs.replace(CHURN, contract=Trip)
    frame = trips(carrier="UAX")
    batch = pa.RecordBatch.from_pandas(frame.drop(columns="target"), preserve_index=False)
    (fault,) = check_batch(Trip, read_rules(Trip), batch, cells=False).faults
    report = validate_dataset(problem, frame)
    assert not report.success
    assert f"(1) column carrier: {fault.rule} in 1 of 100 rows, 1 % ({ACCEPTED}" in explain_report(report)
    assert "row 7 (carrier='UAX'" in explain_report(report)
    assert validate_dataset(problem, trips()).success


@pytest.mark.parametrize("values", [[1, "a"], [2**70, 1], [[1], "a"]])
def test_a_column_that_parquet_cannot_hold_is_named(tmp_path, values):
    frame = make(2).assign(key=pd.Series(values, dtype=object))
    with pytest.raises(DataError, match=r"Cannot write the column 'key' as parquet: .* Convert it in dataset\.py"):
        write_parts(frame, frame, tmp_path / "prepared")


def test_a_rule_that_another_has_explained_is_said_once():
    frame = make(400)
    frame.loc[7, "months"] = 601
    report = validate_dataset(CHURN, frame)
    broken = [rule for rule in report.views[0].rules if not rule.passed]
    assert {rule.rule for rule in broken} >= {ACCEPTED}
    assert explain_report(report).startswith("The dataset of 400 rows breaks one rule.")


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([2.0, np.nan]),
        pd.Series([2, None], dtype="Int64"),
        pd.Series([2, None], dtype=object),
        pd.Series([np.int8(2), np.float64(4)], dtype=object),
        pd.Series([Decimal(2), None], dtype=object),
        pd.Series([2, None], dtype=pd.ArrowDtype(pa.int32())),
        pd.Series([2, 4], dtype="category"),
    ],
)
def test_whole_numbers_are_taken_however_pandas_stores_them(column):
    assert check_frame(Trip, trips(2).assign(stops=column)) == []


def test_a_row_that_the_contract_itself_changes_is_refused_because_training_would_not_see_it():
    class Upper(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
        code: str

        def __post_init__(self):
            self.code = self.code.upper()

    (fault,) = check_frame(Upper, pd.DataFrame({"code": ["UA", "ua"]}))
    assert (fault.column, fault.rows.tolist()) == ("code", [1])
    assert "that the contract's own checks leave as it is" in fault.rule


def test_checks_that_raise_something_else_refuse_the_row():
    class Ratio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        above: float
        below: float

        def __post_init__(self):
            if self.above / self.below > 1:
                raise ValueError("above one")

    (fault,) = check_frame(Ratio, pd.DataFrame({"above": [1.0, 1.0], "below": [2.0, 0.0]}))
    assert fault.rows.tolist() == [1]
    assert "ZeroDivisionError" in fault.rule


def test_every_row_of_250_000_is_checked_within_a_second():
    frame = pd.concat([trips(25_000)] * 10, ignore_index=True)
    started = time.process_time()
    assert check_frame(Trip, frame) == []
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("key", [1, "a"]),
        ("key", [[1], [2]]),
        ("key", [datetime(2024, 1, 1), "2024-01-01"]),
        ("target", [1, "a"]),
        ("target", [True, 0]),
        ("target", [0.5, 1.0]),
        ("time", [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC")]),
    ],
)
def test_a_column_beside_the_contract_with_values_of_several_types_fails_the_validation(name, values):
    frame = make(400)
    frame[name] = pd.Series([*values] * 200, dtype=object)
    broken = {(rule.column, rule.rule) for rule in validate_dataset(CHURN, frame).views[0].rules if not rule.passed}
    assert (name, ONE_KIND) in broken


def test_groups_must_be_text():
    frame = make(400).assign(group=np.arange(400) % 20)
    broken = {rule.column for rule in validate_dataset(CHURN, frame).views[0].rules if not rule.passed}
    assert broken == {"group"}


def test_classes_of_text_without_a_positive_one_are_refused_before_anything_else():
    frame = make(400)
    frame["target"] = np.where(frame["target"], "gone", "there")
    with pytest.raises(ProblemError, match="'gone' and 'there', which have no order"):
        validate_dataset(CHURN, frame)
    assert validate_dataset(msgspec.structs.replace(CHURN, positive="gone"), frame).success
