"""The fast reader of rows reads what the general one does, or leaves the body to it; both must agree on every body."""

import json
from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta
from toybox import rows_of

from slipway.contract import Kind, read_contract
from slipway.serving.api import whole_rows
from slipway.serving.api.rows import RowReader
from slipway.serving.api.whole_rows import KnownTexts, WholeRowReader
from slipway.serving.error_responses import Refusal

MOST = 5
TEXTS = [
    "",
    "ulm",
    "Ulm",
    "a:b",
    'q"uote',
    "back\\slash",
    "\u00e9",
    "x" * 300,
    "2024-05-01T10:30:00Z",
    "plus",
    "line\nbreak",
]
TIMES = [
    "2024-05-01T10:30:00",
    "2024-05-01T10:30:00Z",
    "2024-05-01T10:30:00+00:00",
    "2024-05-01 10:30:00-0330",
    "2024-06-31T10:00:00",
]
ANYTHING = st.none() | st.booleans() | st.integers(-2, 700) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = ANYTHING | st.sampled_from([*TEXTS, *TIMES, 7.0, 1e300, 10**30, 2**53 + 1, -0.0, [], {}])


class Pass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Other names for clients, a pattern in a contract with checks of its own, defaults, and a field named rows."""

    card_kind: Annotated[str, Meta(pattern="^[a-z]+$", max_length=5)]
    rows: int = 3
    until: Annotated[datetime, Meta(tz=False)] | None = None
    zone: Literal["a", "b"] = "a"

    def __post_init__(self):
        if self.zone == "b" and self.rows > 3:
            raise ValueError("zone b has three rows")


class Made:
    """As much of a bundle as the readers ask for."""

    def __init__(self, contract):
        self.contract, self.fields = contract, read_contract(contract)


PASS = Made(Pass)
PASSES = [
    {"cardKind": "day", "rows": 2, "until": "2024-05-01T10:30:00", "zone": "a"},
    {"cardKind": "week", "rows": 3, "until": None, "zone": "b"},
]


def values_of(bundle, rows):
    """Types and values, by field."""
    return [[(type(getattr(row, field.name)), getattr(row, field.name)) for field in bundle.fields] for row in rows]


def read_both(bundle, body):
    """What both readers make of a body: values, or None for a refusal; the fast one must not take what is refused."""
    general = RowReader(bundle, MOST)
    fast = WholeRowReader(bundle, MOST).read(body)
    try:
        found = general.read_any(body)
    except Refusal:
        found = None
    if fast is not None:
        assert found is not None, body
        assert (fast.many, values_of(bundle, fast.rows)) == (found.many, values_of(bundle, found.rows)), body
    return fast, found


@st.composite
def changed(draw, good):
    """A row as pairs of keys and values, some of them changed, lost, repeated, moved, or unknown."""
    pairs = list(draw(st.sampled_from(good)).items())
    for change in draw(st.lists(st.sampled_from(["value", "lose", "repeat", "further", "move"]), max_size=2)):
        name, value = pairs.pop(draw(st.integers(0, len(pairs) - 1)))
        again = {
            "value": [(name, draw(VALUES))],
            "lose": [],
            "repeat": [(name, value), (name, draw(st.sampled_from([value, None])))],
            "further": [(name, value), (draw(st.sampled_from(["x", "rows", name.title()])), 1)],
            "move": [(name, value)],
        }[change]
        pairs = [*again, *pairs] or [(name, value)]
    return pairs


@st.composite
def bodies(draw, good):
    """Requests as clients write them, in every layout; some are cut, or have an escape."""
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (",\n", " : ")]))
    ascii_only = draw(st.booleans())

    def write(pairs):
        texts = [f"{json.dumps(name)}{colon}{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in pairs]
        return "{" + comma.join(texts) + "}"

    written = [*map(write, draw(st.lists(changed(good), max_size=MOST + 1)))]
    array = f"[{comma.join(written)}]"
    rows = f'"rows"{colon}{array}'
    body = draw(st.sampled_from([array, array, "{" + rows + "}", "{" + rows + comma + rows + "}", *written[:1]]))
    damage = draw(st.sampled_from(["none"] * 8 + ["escape", "cut"]))
    if damage == "escape":
        body = body.replace(":", "\\u003a", 1)
    elif damage == "cut":
        body = body[: draw(st.integers(0, len(body)))]
    return draw(st.sampled_from(["", "", " "])) + body


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_readers_read_the_same_rows_or_the_fast_one_none(toy, data):
    read_both(toy.bundle, data.draw(bodies(rows_of(toy, 8))).encode())


@settings(max_examples=300, deadline=None)
@given(body=bodies(PASSES))
def test_both_readers_agree_on_other_names_and_a_contracts_own_checks(body):
    read_both(PASS, body.encode())


@pytest.mark.parametrize("form", ["{}", "[{}]", '{{"rows":[{}]}}', "[{0}, {0}]"])
def test_rows_that_leave_nothing_out_are_read_fast(toy, form):
    """Times with a colon in their zone are not: the general reader counts those."""
    for row in rows_of(toy, 8):
        fast, found = read_both(toy.bundle, form.format(json.dumps(row)).encode())
        zones = [row[each.wire_name] for each in toy.bundle.fields if each.kind is Kind.TIMESTAMP]
        assert (fast is not None) == all(zone is None or zone[-6] not in "+-" for zone in zones)
        assert found is not None


@pytest.mark.parametrize(
    "body",
    [
        '[{"cardKind":"day","rows":2,"until":null,"zone":"a","zone":"a"}]',
        '[{"cardKind":"day","rows":2,"until":null,"rows":2}]',
        '[{"cardKind":"day","rows":2,"until":"2024-05-01T10\\u003a30:00","zone":"a","zone":"a"}]',
        '[{"cardKind":"day","rows":2,"until":null,"zone":"a"},{"cardKind":"day","cardKind":"day"}]',
    ],
)
def test_a_repeated_key_is_never_read_fast(body):
    assert read_both(PASS, body.encode()) == (None, None)


@pytest.mark.parametrize("town", ["Ulm", "u lm", "", "\u00e9"])
def test_a_text_that_does_not_fit_its_pattern_is_never_read_fast(churn, town):
    row = rows_of(churn, 1)[0]
    assert read_both(churn.bundle, json.dumps([row | {"town": town}]).encode()) == (None, None)
    assert read_both(churn.bundle, json.dumps([row | {"town": "ulm"}]).encode())[0] is not None


def test_the_bytes_of_an_array_are_kept_where_they_fit_into_a_line(toy):
    rows = [row | {"joined": None} if "joined" in row else row for row in rows_of(toy, 3)]
    for body, kept in (
        (json.dumps(rows), True),
        (json.dumps({"rows": rows}), True),
        (json.dumps(rows, indent=1), False),
        (json.dumps(rows[0]), False),
    ):
        found = RowReader(toy.bundle, MOST).read(body.encode())
        assert (found.sent is not None) == kept
        if kept:
            assert json.loads(found.sent) == rows


def test_texts_that_were_refused_or_are_too_many_are_not_remembered(monkeypatch):
    monkeypatch.setattr(whole_rows, "_MOST_TEXTS", 2)
    texts = KnownTexts(Annotated[str, Meta(pattern="^[a-z]*$")])
    assert texts.accept(["a", "b", "c", "a", "x" * 1000])
    assert len(texts._known) == 2
    assert not texts.accept(["a", "A"])
    assert not texts.accept(["A"])
