"""A value that breaks the contract is explained in one sentence, the same wherever it is met."""

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from churn.contract import Subscriber
from churn.dataset import make
from churn.problem import PROBLEM
from msgspec import Meta
from toybox import reseal

from slipway.bundle import load_bundle
from slipway.contract import read_contract
from slipway.data.validation.report import explain_report
from slipway.data.validation.validate import validate_dataset
from slipway.rows.check import check_batch
from slipway.rows.rules import read_rules
from slipway.serving.api.rows import RowReader
from slipway.serving.error_responses import Refusal
from slipway.violations import REFUSED_ROW, describe_field, describe_refused_row, describe_value, describe_violation

FIELDS = {field.name: field for field in read_contract(Subscriber)}
GOOD = {"plan": "plus", "town": "ulm", "joined": None, "months": 3, "usage": 1.5, "paperless": True}


@pytest.mark.parametrize(
    ("zoned", "text", "words"),
    [
        (False, "2024-05-01T13:30:00Z", "a timestamp with a time zone"),
        (False, "2024-05-01 13:30+02:00", "a timestamp with a time zone"),
        (True, "2024-05-01T13:30:00", "a timestamp without a time zone"),
        (True, "2024-05-01T13:30", "a timestamp without a time zone"),
        (False, "2024-05-01", "a date without a time"),
        (False, "2024-06-31T13:30:00", "a date that the calendar lacks"),
        (True, "2023-02-29T13:30:00Z", "a date that the calendar lacks"),
        (False, "2024-05-01T24:00:00", "a time that the clock lacks"),
        (True, "2024-05-01T13:30:60Z", "a time that the clock lacks"),
        (False, "01.05.2024", "other text"),
        (False, "\u0662\u0660\u0662\u0664-05-01", "other text"),
    ],
)
def test_a_time_that_is_not_the_fields_is_told_apart(zoned, text, words):
    field = field_of(Annotated[datetime, Meta(tz=zoned)])
    assert describe_violation(field, text).found == words


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("months", 601, "expected an integer from 0 to 600, found a number out of range"),
        ("months", -1, "expected an integer from 0 to 600, found a number out of range"),
        ("months", None, "expected an integer from 0 to 600, found null"),
        ("usage", -0.5, "expected a number at least 0 (h/day), or null, found a number out of range"),
        ("plan", "gold", "expected one of basic, family, plus, found other text"),
        ("town", "Ulm", "expected text (Town, lower-case letters), or null, found other text"),
    ],
)
def test_service_batch_and_validation_explain_a_wrong_value_alike(churn, column, value, sentence):
    with pytest.raises(Refusal) as refused:
        RowReader(churn.bundle, 10).convert([GOOD | {column: value}])
    assert refused.value.detail == f"Row 0, field {column}: {sentence}."

    batch = pa.record_batch({name: pa.array([each]) for name, each in (GOOD | {column: value}).items()})
    (fault,) = check_batch(Subscriber, read_rules(Subscriber), batch, cells=False).faults
    assert (fault.column, fault.rule) == (column, sentence)

    frame = make(400)
    frame[column] = frame[column].astype(object).where(frame.index != 7, value)
    (line,) = (line for line in explain_report(validate_dataset(PROBLEM, frame)).splitlines() if column in line)
    assert f"column {column}: {sentence} in 1 of 400 rows, 0.25 % (expect_column_values_to_" in line


STRICT = """town: Annotated[str, Meta(max_length=4)] | None = None

    def __post_init__(self):
        if self.town == "graz" and self.months > 500:
            raise ValueError("more than 500 months")
        if self.town == "bonn":
            found = f"{self.town.title()}, {self.months:,} > {MOST} months"
            raise ValueError(f"{found}, {self.usage:.1f} h at {self.joined}")
        if self.town == "kiel":
            {}[self.town]
"""
FAILS = f"{REFUSED_ROW}: "


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"town": "ulm\n\n"}, "expected text of at most 4 characters, or null, found other text"),
        ({"town": "london"}, "expected text of at most 4 characters, or null, found other text"),
        ({"town": "graz", "months": 501}, f"{FAILS}more than 500 months"),
        ({"town": "graz", "months": 600}, f"{FAILS}more than 500 months"),
        (
            {"town": "bonn", "months": 600, "usage": 1.26, "joined": datetime(2024, 5, 1, 13, 30, tzinfo=UTC)},
            f"{FAILS}(not shown), (not shown) > 12 months, (not shown) h at (not shown)",
        ),
        ({"town": "kiel"}, f"{FAILS}KeyError"),
    ],
)
def test_lengths_and_the_contracts_own_checks_are_explained_alike(churn, tmp_path, changed, sentence):
    shutil.copytree(churn.bundle.path, tmp_path / "bundle")
    contract = (churn.bundle.path / "contract.py").read_text()
    old = next(line for line in contract.splitlines() if "town:" in line)
    moved = contract.replace(f"{old}\n", "") + f"    {STRICT}\n\nMOST = 12\n"
    reseal(tmp_path / "bundle", "contract.py", moved.encode())
    bundle = load_bundle(tmp_path / "bundle")
    with pytest.raises(Refusal) as refused:
        RowReader(bundle, 10).read(msgspec.json.encode(GOOD | changed))
    assert sentence in refused.value.detail

    batch = pa.record_batch({name: pa.array([each]) for name, each in (GOOD | changed).items()})
    (fault,) = check_batch(bundle.contract, read_rules(bundle.contract), batch, cells=False).faults
    assert sentence in fault.rule

    frame = make(400)
    frame.loc[7, [*changed]] = [*changed.values()]
    report = validate_dataset(msgspec.structs.replace(PROBLEM, contract=bundle.contract), frame)
    assert f"{sentence}" in explain_report(report)
    assert "in 1 of 400 rows" in explain_report(report)


def field_of(kind):
    return read_contract(msgspec.defstruct("Row", [("value", kind)], forbid_unknown_fields=True))[0]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, Meta(multiple_of=5, ge=-20)], "an integer at least -20 that is a multiple of 5"),
        (Annotated[float, Meta(gt=0, lt=1)], "a number above 0 and below 1"),
        (Annotated[str, Meta(min_length=2, max_length=3)], "text of 2 to 3 characters"),
        (Annotated[str, Meta(max_length=3)] | None, "text of at most 3 characters, or null"),
        (Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Airport, IATA code")], "text (Airport, IATA code)"),
        (Annotated[str, Meta(pattern="^[A-Z]{3}$")], "text that matches ^[A-Z]{3}$"),
        (Annotated[str, Meta(min_length=2)], "text of at least 2 characters"),
        (Annotated[datetime, Meta(tz=False)], "a timestamp without a time zone, such as 2024-05-01T13:30:00"),
    ],
)
def test_whatever_a_contract_demands_of_a_field_is_said(kind, words):
    assert describe_field(field_of(kind)) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true or false"),
        (7, "an integer"),
        (np.int64(7), "an integer"),
        (7.5, "a number"),
        (Decimal("7.5"), "a number"),
        (float("-inf"), "infinity"),
        ("text", "text"),
        (pd.Timestamp("2024-05-01"), "a timestamp"),
        ([1], "an array"),
        ({"a": 1}, "an object"),
        (b"7", "a value of another type"),
    ],
)
def test_a_value_is_described_by_its_kind(value, words):
    assert describe_value(value) == words


def test_a_number_within_the_range_is_not_called_out_of_range():
    assert describe_violation(field_of(Annotated[int, Meta(multiple_of=5, ge=0)]), 7).found == "another number"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("O'Brien\nX", repr("O'Brien\nX")),
        ("Zoë", ascii("Zoë")),
        (datetime(2024, 5, 1, 13, 30, tzinfo=UTC), "2024-05-01T13:30:00Z"),
    ],
)
def test_a_value_is_not_shown_however_a_check_writes_it(value, written):
    found = describe_refused_row(ValueError(f"refused: {written}"), [value]).found
    assert found.strip("'\"").endswith("(not shown)")
