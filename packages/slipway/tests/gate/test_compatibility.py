"""Which changes of a contract break clients, field by field."""

from datetime import datetime
from typing import Annotated, Literal

import pytest
from msgspec import Meta, defstruct

from slipway.bundle.contract_code import read_hooks
from slipway.contract import read_contract
from slipway.errors import ProblemError
from slipway.gate.checks.compatibility import breaking_changes, changed_hooks

YEARS = {"unit": "years"}


def _age(unit, **rules):
    return Annotated[int, Meta(ge=0, le=99, extra_json_schema={"unit": unit}, **rules)]


def _note(**rules):
    return Annotated[str, Meta(pattern="^a", **rules)]


AGE, NOTE, PLAN = _age("years"), _note(), Literal["x", "y"]
FIELDS = {"age": AGE, "note": (NOTE | None, None), "plan": PLAN, "at": Annotated[datetime, Meta(tz=True)]}


def fields(**changed):
    wanted = {**FIELDS, **changed}
    kept = [(name, *kind) if isinstance(kind, tuple) else (name, kind) for name, kind in wanted.items() if kind]
    return read_contract(defstruct("Row", kept, forbid_unknown_fields=True, kw_only=True))


BREAKING = {
    "removed": {"note": None},
    "new and required": {"size": float},
    "is required now": {"note": NOTE | None},
    "may no longer be null": {"note": (NOTE, None)},
    "minimum rose": {"age": Annotated[int, Meta(ge=1, le=99, extra_json_schema=YEARS)]},
    "minimum rose from 0 to 0": {"age": Annotated[int, Meta(gt=0, le=99, extra_json_schema=YEARS)]},
    "maximum fell from 99 to 98": {"age": Annotated[int, Meta(ge=0, le=98, extra_json_schema=YEARS)]},
    "maximum fell from 99 to 99": {"age": Annotated[int, Meta(ge=0, lt=99, extra_json_schema=YEARS)]},
    "y no longer allowed": {"plan": Literal["x"]},
    "pattern": {"note": (Annotated[str, Meta(pattern="^b")] | None, None)},
    "integer became number": {"age": Annotated[float, Meta(ge=0, le=99, extra_json_schema=YEARS)]},
    "became timestamp": {"at": Annotated[datetime, Meta(tz=False)]},
    "the unit years became months": {"age": _age("months")},
    "the unit years became none": {"age": Annotated[int, Meta(ge=0, le=99)]},
    "shortest text rose from 0 to 2": {"note": (_note(min_length=2) | None, None)},
    "longest text fell from any to 9": {"note": (_note(max_length=9) | None, None)},
    "became multiples of 5": {"age": _age("years", multiple_of=5)},
    "the default None became 'a'": {"note": (NOTE | None, "a")},
}
HARMLESS = {
    "the same": {},
    "a new optional field": {"size": (float | None, None)},
    "a wider range": {"age": Annotated[int, Meta(ge=-1, le=100, extra_json_schema=YEARS)]},
    "no range": {"age": Annotated[int, Meta(extra_json_schema=YEARS)]},
    "shorter steps": {"age": _age("years", multiple_of=1)},
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


CONTRACT = '''
from msgspec import Struct

def _limit(value): return value < LIMIT

LIMIT = 5

class Row(Struct, forbid_unknown_fields=True):
    """A row."""
    size: float

    def __post_init__(self):
        if not _limit(self.size):
            raise ValueError("too large")
'''
HOOKLESS = CONTRACT[: CONTRACT.index("    def __post_init__")]


def hooks(text):
    return read_hooks(text.encode(), "Row")


@pytest.mark.parametrize(
    "text",
    [
        CONTRACT.replace("if not", "if"),
        CONTRACT.replace("LIMIT = 5", "LIMIT = 4"),
        CONTRACT.replace("value < LIMIT", "value <= LIMIT"),
        CONTRACT.replace("LIMIT = 5", "LIMIT = 5\nif True:\n    LIMIT = 4"),
        CONTRACT.replace("class Row(Struct", "class Base(Struct):\n    _limit = LIMIT\n\nclass Row(Base"),
        f"{CONTRACT}\n    also = __post_init__",
        f"{CONTRACT}\n    def __getattribute__(self, name):\n        return 3",
        CONTRACT.replace("class Row(Struct", "class Row(Struct, array_like=True"),
    ],
)
def test_code_that_rows_go_through_is_compared_with_all_that_it_uses(text):
    (change,) = changed_hooks(hooks(CONTRACT), hooks(text))
    assert "may refuse or change" in change


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CONTRACT, CONTRACT.replace('"""A row."""', "").replace("LIMIT = 5", "LIMIT = 5  # as ever")),
        (CONTRACT, HOOKLESS),
        (HOOKLESS, HOOKLESS.replace("LIMIT = 5", "LIMIT = 4")),
        (CONTRACT, f"{CONTRACT}\ndef beside(): pass"),
    ],
)
def test_comments_code_that_no_row_reaches_and_a_removed_hook_break_nobody(before, after):
    assert changed_hooks(hooks(before), hooks(after)) == []


def test_a_hook_that_is_new_or_assigned_from_outside_is_a_break():
    assert changed_hooks(hooks(HOOKLESS), hooks(CONTRACT))
    outside = f"{HOOKLESS}\ndef refuse(row): raise ValueError\nRow.__post_init__ = refuse"
    assert changed_hooks(hooks(HOOKLESS), hooks(outside))


def test_other_code_that_python_calls_by_itself_and_another_form_of_rows_are_breaks():
    read = "def __getattribute__(self, name): return 3"
    assert changed_hooks(hooks(HOOKLESS), hooks(f"{HOOKLESS}    {read}"))
    assert changed_hooks(hooks(HOOKLESS), hooks(HOOKLESS.replace("Row(Struct", "Row(Struct, tag=True")))
    shown = "def __repr__(self): return 'a row'"
    assert not changed_hooks(hooks(HOOKLESS), hooks(f"{HOOKLESS}    {shown}"))


@pytest.mark.parametrize("options", [{"tag": True}, {"array_like": True}])
def test_a_row_that_is_sent_otherwise_than_it_is_named_is_no_contract(options):
    with pytest.raises(ProblemError, match="clients send"):
        read_contract(defstruct("Row", [("first_name", str)], forbid_unknown_fields=True, **options))
