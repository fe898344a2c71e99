"""A block of the log as tables: the fast ways of most blocks and the careful ones give the same tables."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.monitoring.intake import block
from slipway.monitoring.intake.block import read_block
from slipway.monitoring.intake.identifiers import parse_identifiers
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Batch, Feedback, Prediction, Shadow
from slipway.serving.log.reader import DECODER

NUMBERS = st.one_of(st.floats(0, 1), st.integers(-(2**40), 2**40))
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, st.just(2**63), st.sampled_from(["UA", "é", ""]), st.just([1]))
ROWS = st.one_of(
    st.fixed_dictionaries({"carrier": VALUES, "distance": VALUES}),
    st.fixed_dictionaries({"carrier": st.sampled_from(["UA", "B6", None]), "distance": NUMBERS}),
    st.dictionaries(st.sampled_from(["carrier", "distance", "input:x", "field_0", 'a "\\\n']), VALUES),
    st.none(),
)
ZONES = st.sampled_from([UTC, UTC, UTC, timezone(timedelta(hours=14)), None])
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=ZONES) | st.just(
    datetime(2026, 1, 5, tzinfo=UTC)
)
IDENTIFIERS = st.integers(0, 2**128 - 1).map(format_identifier) | st.sampled_from(["x", "-" * 36, "A" * 36])
OUTCOMES = st.one_of(st.booleans(), NUMBERS, st.sampled_from(["late", "on time"]))


@st.composite
def predictions(draw, rows):
    scores = st.one_of(st.floats(0, 1), st.floats(0, 1), st.integers(0, 1), st.lists(st.floats(0, 1), max_size=2))
    head = (draw(IDENTIFIERS), draw(TIMES), draw(st.sampled_from(["a", "b"])), draw(st.integers(0, 2**63)))
    if draw(st.booleans()):
        return Prediction(*head, draw(scores), draw(st.none() | OUTCOMES), draw(rows), draw(st.booleans()))
    size = draw(st.integers(0, 3))
    inputs = st.lists(rows, min_size=size, max_size=draw(st.sampled_from([size, size + 1])))
    return Batch(*head, draw(st.lists(scores, min_size=size, max_size=size)), None, draw(st.none() | inputs))


def make_entries(rows):
    feedback = st.builds(Feedback, IDENTIFIERS, TIMES, IDENTIFIERS, OUTCOMES, TIMES | st.none(), st.none(), IDENTIFIERS)
    shadows = st.builds(Shadow, IDENTIFIERS, TIMES, st.just("c"), st.lists(st.floats(0, 1) | st.none(), max_size=2))
    return st.lists(predictions(rows) | feedback | shadows, max_size=8)


def describe(table):
    """The content of a table as text, in which a refused score equals another one; without columns of nothing."""
    found = table.select([name for name in sorted(table.column_names) if table[name].null_count < len(table)])
    return str(found.schema), str(found.to_pydict())


@settings(max_examples=100, deadline=None)
@given(make_entries(ROWS) | make_entries(st.fixed_dictionaries({"carrier": VALUES, "distance": VALUES})))
def test_rows_as_structs_give_the_tables_of_rows_as_dictionaries(entries):
    content = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    typed = read_block(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "_find_decoder", lambda _: DECODER)
        plain = read_block(content)
    assert typed[3:] == plain[3:]
    assert typed.outcomes.equals(plain.outcomes)
    for ours, theirs in ((typed.predictions, plain.predictions), (typed.shadows, plain.shadows)):
        assert list(ours) == list(theirs)
        assert all(describe(ours[name]) == describe(theirs[name]) for name in theirs)


TEXTS = IDENTIFIERS | st.text("0123456789abcdefABCDEF- é\n", min_size=36, max_size=36) | st.text(max_size=40)
NEARLY = (
    st.integers(0, 2**128 - 1)
    .map(format_identifier)
    .flatmap(lambda name: st.tuples(st.just(name), st.integers(0, 35), st.sampled_from(" -aAg0é")))
    .map(lambda found: found[0][: found[1]] + found[2] + found[0][found[1] + 1 :])
)


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS | NEARLY, max_size=4))
def test_identifiers_are_read_alike_together_and_beside_one_that_is_none(texts):
    together, beside = parse_identifiers(texts), parse_identifiers([*texts, "none"])
    assert together.valid.tolist() == beside.valid.tolist()[:-1]
    valid = together.valid
    assert together.high[valid].tolist() == beside.high[:-1][valid].tolist()
    assert together.low[valid].tolist() == beside.low[:-1][valid].tolist()
