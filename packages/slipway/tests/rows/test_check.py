"""A batch gets for each row the result of the service, and the same columns."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from churn.contract import Subscriber
from crops.contract import Field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta
from rents.contract import Flat

from slipway.batch.tables import open_sources, read_batches
from slipway.columns import rows_to_columns
from slipway.contract import Kind, read_contract
from slipway.rows.check import check_batch, read_column
from slipway.rows.rules import read_rules
from slipway.tables import fits_kind

JOINED = "expected a timestamp with a time zone, such as 2024-05-01T13:30:00Z, or null"


class Odd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Multiples, lengths, open ranges, no ranges, a default that is not null."""

    step: Annotated[int, Meta(multiple_of=5, ge=-20)]
    dose: Annotated[float, Meta(multiple_of=0.5)] | None = None
    share: Annotated[float, Meta(gt=0, lt=1)]
    free: float
    whole: int | None = None
    code: Annotated[str, Meta(min_length=2, max_length=3)]
    note: str | None = None
    flag: bool = True
    day: Annotated[datetime, Meta(tz=False)]
    instant: Annotated[datetime, Meta(tz=True)] | None = None


class Stay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule over two fields."""

    nights: Annotated[int, Meta(ge=1)]
    paid: Annotated[int, Meta(ge=0)] | None = None

    def __post_init__(self):
        if self.paid is not None and self.paid > self.nights:
            raise ValueError("paid for more nights than stayed")


NOON = datetime(2024, 5, 31, 12)
GOOD = {
    Subscriber: {"plan": "plus", "town": "ulm", "joined": None, "months": 3, "usage": 1.5, "paperless": True},
    Field: {"soil": "clay", "rain": 600.0, "acidity": 6.5, "irrigated": False},
    Flat: {"area": 50.0, "rooms": 2, "district": "north", "lift": None, "offered": NOON},
    Odd: {"step": 5, "dose": 0.5, "share": 0.5, "free": 1.0, "code": "ab", "day": NOON},
    Stay: {"nights": 3, "paid": 2},
}
HOURS = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1))
TEXTS = ["basic", "plus", "clay", "loam", "a", "ab", "abc", "abcd", "Ulm", "ulm\n", "", " ulm", "ä", "new\nline"]
ENDS = [-20, -1, 0, 1, 5, 8, 12, 14, 500, 501, 600, 601, 5000, 2**53 + 1]
WHOLE = st.one_of(st.sampled_from(ENDS), st.integers(-(2**63), 2**63 - 1))
FRACTIONS = st.one_of(st.sampled_from([*map(float, ENDS), 0.5, 0.75, 13.999, float("nan"), float("inf")]), st.floats())


def zoned(hours: datetime) -> datetime:
    return hours.replace(tzinfo=UTC)


def iso(hours: datetime) -> str:
    return hours.isoformat()


CODED = pa.dictionary(pa.int8(), pa.string())
STORED = {
    Kind.NUMBER: [
        (pa.float64(), FRACTIONS),
        (pa.float32(), st.one_of(st.sampled_from([0.5, 14.0, -1.0]), st.floats(width=32))),
        (pa.int64(), WHOLE),
        (pa.uint8(), st.integers(0, 255)),
        (pa.decimal128(9, 3), st.decimals(-1000, 1000, places=3)),
        (pa.null(), st.none()),
    ],
    Kind.INTEGER: [
        (pa.int64(), WHOLE),
        (pa.int8(), st.integers(-128, 127)),
        (pa.uint64(), st.integers(0, 2**64 - 1)),
        (pa.dictionary(pa.int8(), pa.int32()), st.sampled_from([-5, 0, 3, 5, 10])),
        (pa.null(), st.none()),
    ],
    Kind.BOOLEAN: [(pa.bool_(), st.booleans()), (pa.null(), st.none())],
    Kind.CATEGORY: [
        (stored, st.one_of(st.sampled_from(TEXTS), st.text(max_size=4)))
        for stored in (pa.string(), pa.large_string(), pa.string_view(), CODED)
    ],
}
TIMES = {
    True: [
        (pa.timestamp("us", tz="UTC"), st.datetimes(timezones=st.just(UTC))),
        (pa.timestamp("s", tz="+05:30"), HOURS.map(zoned)),
        (pa.timestamp("ns", tz="America/New_York"), HOURS.map(zoned)),
        (pa.string(), st.one_of(HOURS.map(iso), HOURS.map(zoned).map(iso), st.just("soon"))),
    ],
    False: [
        (pa.timestamp("us"), st.datetimes()),
        (pa.timestamp("ms"), HOURS),
        (pa.string(), st.one_of(HOURS.map(iso), HOURS.map(zoned).map(iso), st.just("2024-01-01"))),
        (pa.null(), st.none()),
    ],
}


def any_of(field):
    return st.sampled_from(TIMES[field.zoned] if field.kind is Kind.TIMESTAMP else STORED[field.kind])


@st.composite
def batches(draw, contract):
    """Good rows in which up to three columns hold anything that their types can; those with a default may lack."""
    fields = {field.name: field for field in read_contract(contract)}
    rows = draw(st.integers(1, 6))
    columns = {name: pa.array([value] * rows) for name, value in GOOD[contract].items()}
    for name in draw(st.sets(st.sampled_from(sorted(fields)), max_size=3)):
        type_, values = draw(any_of(fields[name]))
        cells = draw(st.lists(st.one_of(values, st.none(), values), min_size=rows, max_size=rows))
        columns[name] = pa.array(cells).cast(CODED) if type_ == CODED else pa.array(cells, type_)
    for name in draw(st.sets(st.sampled_from(sorted(fields)), max_size=1)):
        if not fields[name].required:
            columns.pop(name, None)
    return pa.record_batch(columns)


def plain(value):
    """As a client would send it: missing is null. pyarrow makes timestamps of pandas of those in nanoseconds."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return None if value is None or value != value else value


def assert_like_the_service(contract, rows, checked):
    found = []
    for row in rows:
        try:
            found.append(msgspec.convert(row, contract))
        except msgspec.ValidationError:
            found.append(None)
    assert checked.valid.tolist() == [row is not None for row in found]
    refused = sorted(row for fault in checked.faults for row in fault.rows.tolist())
    assert refused == np.flatnonzero(~checked.valid).tolist(), "each refused row has one reason"
    expected = rows_to_columns(read_contract(contract), [row for row in found if row is not None])
    assert list(checked.columns) == list(expected)
    for name, values in expected.items():
        assert checked.columns[name].dtype == values.dtype
        np.testing.assert_array_equal(checked.columns[name], values)


@pytest.mark.parametrize("contract", GOOD)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_batch_gets_the_result_of_each_row_alone(contract, data):
    batch = data.draw(batches(contract))
    rows = [{name: plain(value) for name, value in row.items()} for row in batch.to_pylist()]
    assert_like_the_service(contract, rows, check_batch(contract, read_rules(contract), batch, cells=False))


CELLS = {
    Kind.NUMBER: FRACTIONS,
    Kind.INTEGER: WHOLE,
    Kind.BOOLEAN: st.booleans(),
    Kind.CATEGORY: st.one_of(st.sampled_from(TEXTS), st.text("ab ,;'\"\n", max_size=4)).filter(bool),
}


@pytest.mark.parametrize("contract", GOOD)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_csv_file_gets_the_result_of_each_row_alone(contract, tmp_path, data):
    wild = {}
    for field in read_contract(contract):
        times = HOURS if not field.zoned else HOURS.map(zoned)
        values = times if field.kind is Kind.TIMESTAMP else CELLS[field.kind]
        wild[field.name] = st.one_of(values, st.none(), st.just(GOOD[contract].get(field.name)))
    rows = data.draw(st.lists(st.fixed_dictionaries(wild), min_size=1, max_size=8))
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(wild))
        writer.writeheader()
        writer.writerows(rows)
    (source,) = open_sources(tmp_path / "rows.csv")
    (batch,) = read_batches(source, list(wild))
    plain_rows = [{name: plain(value) for name, value in row.items()} for row in rows]
    assert_like_the_service(contract, plain_rows, check_batch(contract, read_rules(contract), batch, cells=True))


def column_of(contract, **columns):
    """Check good rows of `contract` with other columns, and give the reasons by column and rows."""
    rows = len(next(iter(columns.values())))
    good = {name: pa.array([value] * rows) for name, value in GOOD[contract].items()}
    checked = check_batch(contract, read_rules(contract), pa.record_batch({**good, **columns}), cells=False)
    return {(fault.column, *fault.rows.tolist()): fault.rule for fault in checked.faults}


def test_a_time_beyond_the_calendar_is_refused_as_the_service_refuses_it():
    after, before = 253_402_300_800, -62_135_596_801
    for unit, scale in (("s", 1), ("ms", 1000), ("us", 1_000_000)):
        ticks = [after * scale, after * scale - 1, None, before * scale + scale, before * scale + scale - 1]
        assert column_of(Subscriber, joined=pa.array(ticks, pa.timestamp(unit, tz="UTC"))) == {
            ("joined", 0, 4): f"{JOINED}, found a time outside of the years 1 to 9999"
        }
    assert column_of(Subscriber, joined=pa.array([2**62], pa.timestamp("s", tz="UTC")))


def test_a_row_is_refused_for_the_first_field_that_it_breaks():
    found = column_of(Subscriber, months=pa.array([-1, 3, -1]), usage=pa.array([-1.0, -1.0, 1.0]))
    assert list(found) == [("months", 0, 2), ("usage", 1)]


def test_a_multiple_is_checked_for_every_value_not_only_for_the_ends():
    assert column_of(Odd, step=pa.array([0, 7, 10])) == {
        ("step", 1): "expected an integer at least -20 that is a multiple of 5, found another number"
    }


def test_integers_beyond_the_digits_of_a_float_are_checked_exactly():
    class Narrow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        count: Annotated[int, Meta(le=2**53)]

    batch = pa.record_batch({"count": pa.array([2**53, 2**53 + 1])})
    assert check_batch(Narrow, read_rules(Narrow), batch, cells=False).valid.tolist() == [True, False]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2024-05-31T14:35:00"])
def test_times_that_are_stored_as_text_are_read_as_those_of_a_request(churn, text):
    try:
        read_by_service = churn.bundle.parse([GOOD[Subscriber] | {"joined": text}])["joined"].tolist()
    except msgspec.ValidationError:
        read_by_service = []
    batch = pa.record_batch({name: pa.array([value]) for name, value in (GOOD[Subscriber] | {"joined": text}).items()})
    checked = check_batch(churn.bundle.contract, read_rules(churn.bundle.contract), batch, cells=False)
    assert checked.columns["joined"].tolist() == read_by_service


def test_no_reason_shows_a_value():
    found = column_of(Subscriber, plan=pa.array(["secret"]))
    assert found == {("plan", 0): "expected one of basic, family, plus, found other text"}


SAMPLES = [
    (pa.int64(), [9]),
    (pa.float64(), [9.0, 9.5]),
    (pa.decimal128(5, 2), [Decimal("9.00")]),
    (pa.decimal64(5, 2), [Decimal("9.00")]),
    (pa.bool_(), [True]),
    (pa.string(), ["plus", iso(NOON), iso(zoned(NOON))]),
    (pa.dictionary(pa.int8(), pa.string()), ["plus", iso(NOON), iso(zoned(NOON))]),
    (pa.binary(), [b"plus"]),
    (pa.timestamp("us"), [NOON]),
    (pa.timestamp("us", tz="UTC"), [zoned(NOON)]),
    (pa.date32(), [NOON.date()]),
    (pa.duration("s"), [timedelta(seconds=9)]),
    (pa.list_(pa.int64()), [[9]]),
]


@pytest.mark.parametrize(("stored", "values"), SAMPLES)
def test_a_column_fits_a_field_exactly_if_the_service_can_take_values_of_its_type(stored, values):
    for contract in (Subscriber, Flat):
        for rule in read_rules(contract):
            taken = [value for value in values if rule.read_value(value)[1] is None]
            assert rule.fits(stored) == bool(taken), rule.name


@pytest.mark.parametrize(("stored", "values"), SAMPLES)
def test_the_loader_of_datasets_takes_the_stored_types_that_score_takes(stored, values):
    kinds = {"months": "integer", "usage": "number", "plan": "text", "paperless": "boolean", "joined": "instant"}
    for rule in read_rules(Subscriber):
        if rule.name in kinds:
            assert fits_kind(kinds[rule.name], stored) == rule.fits(stored), rule.name


@pytest.mark.parametrize(("stored", "values"), SAMPLES)
def test_a_column_that_fits_is_read_as_each_of_its_values(stored, values):
    for contract in (Subscriber, Flat):
        for rule in read_rules(contract):
            if rule.fits(stored):
                found, broken = read_column(rule, pa.array(values, stored))
                assert len(found) - sum(len(rows) for _, rows in broken) == sum(
                    rule.read_value(value)[1] is None for value in values
                ), rule.name
