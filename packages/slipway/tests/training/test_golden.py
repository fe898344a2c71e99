"""Golden rows are synthetic: made from contract and profile, accepted by the contract, answered by the estimator."""

import json
from datetime import datetime
from typing import Annotated, Literal

import msgspec
import numpy as np
import pandas as pd
import pytest
from msgspec import Meta
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from slipway.columns import columns_to_rows, frame_to_columns
from slipway.contract import read_contract
from slipway.errors import ModelError, ProblemError
from slipway.training.fit import fit_estimator
from slipway.training.made_rows import ORDINARY, make_rows
from slipway.training.profile import make_profile
from slipway.training.seal import seal_bundle
from slipway.training.values import fit_number, mask_text

STRICT = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True}


class Order(msgspec.Struct, **STRICT):
    """An order whose rules are all of the kinds that a range does not show."""

    customer_name: Annotated[str, Meta(min_length=2, max_length=24)]
    postcode: Annotated[str, Meta(pattern="^[0-9]{5}$", max_length=5)]
    unit_price: Annotated[float, Meta(multiple_of=0.25, gt=0, le=99.9)]
    pieces: Annotated[int, Meta(multiple_of=6, ge=1, lt=100)]
    first_day: Annotated[datetime, Meta(tz=False)]
    last_day: Annotated[datetime, Meta(tz=False)]
    paid: bool | None = None

    def __post_init__(self):
        if self.last_day < self.first_day:
            raise ValueError("an order ends before it begins")


def orders(rows=400):
    rng = np.random.default_rng(0)
    first = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9000, rows), unit="h")
    return pd.DataFrame(
        {
            "customer_name": [f"Anna Müller-{chr(65 + n % 26)}{n:03}" for n in range(rows)],
            "postcode": [f"{n:05}" for n in rng.integers(10_000, 99_999, rows)],
            "unit_price": rng.integers(1, 400, rows) / 4,
            "pieces": 6 * rng.integers(1, 16, rows),
            "first_day": first.astype("datetime64[us]"),
            "last_day": (first + pd.Timedelta(days=9)).astype("datetime64[us]"),
            "paid": pd.Series(rng.random(rows) < 0.5, dtype="boolean").mask(rng.random(rows) < 0.2),
        }
    )


def made_for(contract, frame):
    fields = read_contract(contract)
    columns = frame_to_columns(fields, frame)
    return make_rows(contract, fields, columns, make_profile(fields, columns)), columns


def as_sent(fields, columns):
    return {msgspec.json.encode(row) for row in columns_to_rows(fields, columns)}


def test_no_golden_row_is_a_training_row(toy):
    train = as_sent(toy.bundle.fields, frame_to_columns(toy.bundle.fields, toy.train))
    golden = as_sent(toy.bundle.fields, toy.bundle.golden()[0])
    assert len(golden) > ORDINARY
    assert not golden & train


def test_a_row_that_the_training_set_has_is_not_made():
    class Pair(msgspec.Struct, **STRICT):
        left: Literal["a", "b", "c", "d", "e", "f"]
        right: Annotated[int, Meta(ge=0, le=5)]

    frame = pd.DataFrame([(left, right) for left in "abcdef" for right in range(6)], columns=["left", "right"])
    kept = frame.sample(12, random_state=0)
    made, _ = made_for(Pair, kept)
    here = set(kept.itertuples(index=False, name=None))
    assert len(made.ordinary) >= ORDINARY
    assert not {(row.struct.left, row.struct.right) for row in made.ordinary} & here
    # Where the training set has every row there is, a row identifies no person.
    assert made_for(Pair, frame)[0].ordinary


def test_there_are_sixteen_ordinary_rows_that_score_differently(toy):
    scores = toy.bundle.golden()[1][:ORDINARY]
    assert len(np.unique(scores.round(9), axis=0)) == ORDINARY


def test_each_row_is_accepted_as_a_client_sends_it():
    made, _ = made_for(Order, orders())
    assert len(made.ordinary) >= ORDINARY
    for row in (*made.ordinary, *made.extreme):
        assert msgspec.convert(row.sent, Order) == row.struct
    found = {(row.field, row.what) for row in made.extreme}
    assert {("paid", "missing"), ("postcode", "unseen"), ("pieces", "the highest number")} <= found
    by_name = {what: row.struct.pieces for row in made.extreme if row.field == "pieces" for what in [row.what]}
    assert by_name == {"the lowest number": 6, "the highest number": 96}
    prices = {row.what: row.struct.unit_price for row in made.extreme if row.field == "unit_price"}
    assert prices == {"the lowest number": 0.25, "the highest number": 99.75}


def test_text_that_few_rows_have_is_not_copied():
    frame = orders()
    made, _ = made_for(Order, frame)
    rows = [*made.ordinary, *made.extreme]
    for field, column in (("customer_name", "customer_name"), ("postcode", "postcode")):
        assert not {getattr(row.struct, field) for row in rows} & set(frame[column])
    assert not any("Anna" in row.sent["customer_name"] for row in rows)


def test_text_that_many_rows_share_is_typical(churn):
    towns = {row["town"] for row in golden_rows(churn.bundle.path)[:ORDINARY]}
    assert towns <= {"ulm", "bern", "graz", "lyon", None}
    assert len(towns) > 2


def golden_rows(folder):
    return [json.loads(line)["row"] for line in (folder / "golden.jsonl").read_text().splitlines()]


def test_every_kind_of_extreme_is_among_them(churn):
    rows = golden_rows(churn.bundle.path)[ORDINARY:]
    assert {None, "zzz"} <= {row["town"] for row in rows}
    assert {0, 600} <= {row["months"] for row in rows}
    assert {None, 0} <= {row["usage"] for row in rows}
    assert {None, True, False} <= {row["paperless"] for row in rows}
    assert None in {row["joined"] for row in rows}


def test_fields_that_are_tied_to_each_other_are_altered_where_they_are_free():
    class Bill(msgspec.Struct, **STRICT):
        net: Annotated[int, Meta(ge=0)]
        tax: Annotated[int, Meta(ge=0)]
        total: int
        items: Annotated[int, Meta(ge=1, le=1000)]

        def __post_init__(self):
            if self.net + self.tax != self.total:
                raise ValueError("the total is wrong")

    rng = np.random.default_rng(0)
    net, tax = rng.integers(100, 90_000, 200), rng.integers(10, 9_000, 200)
    frame = pd.DataFrame({"net": net, "tax": tax, "total": net + tax, "items": rng.integers(1, 99, 200)})
    made, columns = made_for(Bill, frame)
    assert len(made.ordinary) == ORDINARY
    assert not as_sent(read_contract(Bill), columns) & {msgspec.json.encode(row.sent) for row in made.ordinary}


def test_a_contract_that_accepts_no_row_at_all_is_named():
    class Never(msgspec.Struct, **STRICT):
        size: float

        def __post_init__(self):
            raise ValueError("no")

    with pytest.raises(ProblemError, match=r"Never accepted none of .*__post_init__"):
        made_for(Never, pd.DataFrame({"size": [1.0, 2.0]}))


class Ratio(msgspec.Struct, **STRICT):
    part: Annotated[float, Meta(ge=0, le=9)]
    whole: Annotated[float, Meta(ge=0, le=9)]

    def __post_init__(self):
        if self.part / self.whole > 9:
            raise ValueError("more than nine wholes")


class Fare(msgspec.Struct, **STRICT):
    carrier: str
    part: float

    def __post_init__(self):
        if {"UA": 1, "B6": 2}[self.carrier] > 9:
            raise ValueError("too long")


@pytest.mark.parametrize(("contract", "raised"), [(Ratio, "ZeroDivisionError"), (Fare, "KeyError")])
def test_checks_of_the_contract_that_the_service_could_not_answer_are_named(contract, raised):
    parts = np.arange(1, 41) / 5
    frame = pd.DataFrame({"part": parts, "whole": parts[::-1], "carrier": ["UA", "B6"] * 20})
    with pytest.raises(ProblemError, match=f"{contract.__name__} raises {raised} on a row .* Raise ValueError"):
        made_for(contract, frame[list(contract.__struct_fields__)])


def one_hot(**given):
    numbers = ("numbers", SimpleImputer(), ["rain", "acidity", "irrigated"])
    columns = [("soil", OneHotEncoder(**given), ["soil"]), numbers]
    return make_pipeline(ColumnTransformer(columns), LogisticRegression(max_iter=2000))


def seal_with(toy, estimator, train, folder):
    problem = msgspec.structs.replace(toy.problem, build=lambda params, seed: estimator)
    return seal_bundle(problem, fit_estimator(problem, toy.params, train), 0.4, train, folder)[0]


def test_an_encoder_that_knows_only_the_training_set_is_named_with_field_and_remedy(toys, tmp_path):
    crops = toys["crops"]
    train = crops.train[crops.train["soil"] != "sand"]
    with pytest.raises(ModelError, match=r"a row whose soil is a text that the training.*handle_unknown=\"ignore\""):
        seal_with(crops, one_hot(), train, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_missing_value_that_the_estimator_cannot_take_is_named(toys, tmp_path):
    crops = toys["crops"]
    train = crops.train.dropna()
    with pytest.raises(ModelError, match=r"a row whose acidity is missing.*contains NaN.*SimpleImputer"):
        seal_with(crops, LogisticRegression(max_iter=3000), train, tmp_path / "bundle")


def field_of(kind, **rules):
    class One(msgspec.Struct, forbid_unknown_fields=True):
        value: Annotated[kind, Meta(**rules)]

    return read_contract(sealed=True, contract=One)[0]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (field_of(int, ge=5, multiple_of=4), 1, 8),
        (field_of(int, le=5, multiple_of=4), 9, 4),
        (field_of(int, gt=5, lt=8), 5, 6),
        (field_of(float, multiple_of=0.1), 0.3000001, 0.3),
        (field_of(float, ge=0), -2, 0.0),
    ],
)
def test_a_number_is_fitted_to_bounds_and_steps(field, value, expected):
    assert fit_number(field, value) == expected


def test_a_mask_keeps_the_form_and_no_letter():
    assert mask_text("Anna Müller-07", 25) == "Zzzz Zzzzzz-55"
