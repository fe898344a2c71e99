"""Which changes of a contract break clients, field by field."""

from datetime import datetime
from typing import Annotated, Literal

import pytest
from msgspec import Meta, defstruct

from slipway.contract import read_contract
from slipway.gate.checks.compatibility import breaking_changes

AGE, NOTE, PLAN = Annotated[int, Meta(ge=0, le=99)], Annotated[str, Meta(pattern="^a")], Literal["x", "y"]
FIELDS = {"age": AGE, "note": (NOTE | None, None), "plan": PLAN, "at": Annotated[datetime, Meta(tz=True)]}


def fields(**changed):
    wanted = {**FIELDS, **changed}
    kept = [(name, *kind) if isinstance(kind, tuple) else (name, kind) for name, kind in wanted.items() if kind]
    return read_contract(defstruct("Row", kept, forbid_unknown_fields=True, kw_only=True))


BREAKING = {
    "removed": {"note": None},
    "new and required": {"size": float},
    "is required now": {"note": NOTE | None},
    "may no longer be null": {"note": (NOTE, "a")},
    "minimum rose": {"age": Annotated[int, Meta(ge=1, le=99)]},
    "minimum rose from 0 to 0": {"age": Annotated[int, Meta(gt=0, le=99)]},
    "maximum fell from 99 to 98": {"age": Annotated[int, Meta(ge=0, le=98)]},
    "maximum fell from 99 to 99": {"age": Annotated[int, Meta(ge=0, lt=99)]},
    "y no longer allowed": {"plan": Literal["x"]},
    "pattern": {"note": (Annotated[str, Meta(pattern="^b")] | None, None)},
    "integer became number": {"age": Annotated[float, Meta(ge=0, le=99)]},
    "became timestamp": {"at": Annotated[datetime, Meta(tz=False)]},
}
HARMLESS = {
    "the same": {},
    "a new optional field": {"size": (float | None, None)},
    "a wider range": {"age": Annotated[int, Meta(ge=-1, le=100)]},
    "no range": {"age": int},
    "a further category": {"plan": Literal["x", "y", "z"]},
    "any text": {"plan": str, "note": (str | None, None)},
    "null allowed": {"plan": PLAN | None},
}


@pytest.mark.parametrize("said", BREAKING)
def test_what_breaks_clients_is_named(said):
    (change,) = breaking_changes(fields(), fields(**BREAKING[said]))
    assert said in change


def test_any_text_that_becomes_a_list_breaks_clients():
    (change,) = breaking_changes(fields(plan=str), fields())
    assert "any text became one of x, y" in change


@pytest.mark.parametrize("name", HARMLESS)
def test_what_takes_more_than_before_is_fine(name):
    assert breaking_changes(fields(), fields(**HARMLESS[name])) == []


def test_every_break_is_listed():
    assert len(breaking_changes(fields(), fields(note=None, plan=Literal["x"], size=float))) == 3
