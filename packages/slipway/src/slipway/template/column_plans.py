"""Plan the contract: the field of each column, and the columns that cannot be an input."""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from slipway.tables import KINDS, is_text
from slipway.template.field_names import CLOCKS, TIMES
from slipway.template.quoting import quote_value
from slipway.training.precision import count_distinct

if TYPE_CHECKING:
    import pandas as pd

# Text of so many values at most becomes a list of the allowed ones, if each has this share of the rows.
_MOST_CATEGORIES, _FEWEST_SHARE = 20, 0.002
# Text with more distinct values than this share of the rows says who a row is, not what it is like.
_IDENTIFYING = 0.5
# Fewer rows say nothing about a share of distinct values.
_FEWEST_ROWS = 50
# Ranges reach so many times the seen span beyond what was seen: they are to refuse another unit, not a large value.
_WIDER = 10
# A limit of a whole number is one of 64 bits, and without a limit there is none beyond them.
_TOO_LONG = 2**63
# Codes that come later may be longer.
_LEAST_LENGTH = 20
# Share of its values that make a column of text one of numbers or dates that are written in another way.
_MOST = 0.9
_WRITTEN_OTHERWISE = (
    (r"\s*[+-]?[\d.]*,\d+\s*", "numbers with a comma", "write them as 1234.5"),
    (r"\s*\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b.*", "dates or times", "write them as 2024-12-31 or 2024-12-31T23:59:00"),
    (
        r"\s*([$€£¥]\s*[+-]?[\d.,]*\d|[+-]?[\d.,]*\d(\s*[$€£¥%]|\s[A-Z]{3}))\s*",
        "numbers with a sign or unit",
        "write them as 1234.5",
    ),
)


class ColumnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One input: the column `source`, the contract's `field`, its kind as in `read_folder`, and its limits.

    `low` and `high` limit a number, `longest` the characters of a text without `categories`; `clocks` names what can be
    learnt from a time (`minute` of the day, `weekday`); `seen` says what the table has, `typical` is its middle or most
    common value, as JSON has it.
    """

    source: str
    field: str
    kind: str
    nullable: bool
    seen: str
    typical: bool | int | float | str
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    categories: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()


class LeftOut(msgspec.Struct, frozen=True):
    """A column that is no input, and why."""

    column: str
    reason: str


def find_kind(stored: pa.DataType) -> str:
    """Return the kind of a column of `read_source_table`, as `read_folder` calls it; its type if that has none."""
    if pa.types.is_boolean(stored):
        return "boolean"
    if pa.types.is_integer(stored):
        return "integer"
    if pa.types.is_floating(stored):
        return "number"
    if pa.types.is_timestamp(stored):
        return "instant" if stored.tz else "timestamp"
    return "text" if is_text(stored) or pa.types.is_null(stored) else str(stored)


def plan_columns(
    frame: "pd.DataFrame", kinds: Mapping[str, str], fields: Mapping[str, str]
) -> tuple[tuple[ColumnPlan, ...], tuple[LeftOut, ...]]:
    """Plan an input for each column of `fields`, or say why it is left out."""
    plans: list[ColumnPlan] = []
    left_out: list[LeftOut] = []
    for source, field in fields.items():
        reason = _find_reason(source, frame[source], kinds[source])
        if reason:
            left_out.append(LeftOut(source, reason))
        else:
            plans.append(_plan(source, field, frame[source], kinds[source]))
    return tuple(plans), tuple(left_out)


def _find_reason(source: str, column: "pd.Series", kind: str) -> str:
    """Return why the column is no input, "" if it is one."""
    if kind not in KINDS:
        return f"of type {kind}; expected numbers, text, truth values or times"
    known = column.dropna()
    distinct = known.nunique()
    if distinct == 0:
        return "no value in any row"
    if distinct == 1 and (len(known) == len(column) or kind in ("number", "integer", *TIMES)):
        return f"constant: {quote_value(known.iloc[0])} in every row that has a value"
    if len(column) < _FEWEST_ROWS:
        return ""
    if kind == "integer" and distinct == len(column) and _names_identifier(source):
        return f"an identifier: {distinct:,} values in {len(column):,} rows"
    if kind in ("integer", "number"):
        exact, kept = count_distinct(known.to_numpy("int64" if kind == "integer" else "float64"))
        if kept < exact:
            return f"an identifier, or a time as a number: its {exact:,} values are {kept:,} in float32"
    if kind == "text" and distinct > _IDENTIFYING * len(known):
        return f"an identifier or free text: {distinct:,} values in {len(known):,} rows"
    return ""


def explain_text(column: "pd.Series") -> str:
    """Return why a column of text is probably meant as numbers or dates and what to write, "" if it is not."""
    import pandas as pd

    known = column.dropna()
    others = known[pd.to_numeric(known, errors="coerce").isna()]
    if others.empty:
        return ""
    such = f"such as {quote_value(others.iloc[0])}"
    for pattern, what, remedy in _WRITTEN_OTHERWISE:
        if others.str.fullmatch(pattern).mean() > _MOST:
            return f"{what}, {such}; {remedy}"
    if len(others) < (1 - _MOST) * len(known):
        return f"{len(others):,} of {len(known):,} values are not numbers, {such}; write them as empty cells"
    return ""


def _names_identifier(source: str) -> bool:
    """Return True for names of identifiers, and for those under which pandas writes its index."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", source).lower()
    named = re.search(r"(^|[\W_])(id|key|uuid|nr|no|number|index|rownum|row)$", words)
    return bool(named) or not words or words.startswith(("unnamed", "__index_level_"))


def _plan(source: str, field: str, column: "pd.Series", kind: str) -> ColumnPlan:
    known, nullable = column.dropna(), bool(column.isna().any())
    typical = _find_typical(known, kind)
    plan = ColumnPlan(source=source, field=field, kind=kind, nullable=nullable, seen="", typical=typical)
    missing = f", missing in {column.isna().mean():.1%}" if nullable else ""
    if kind in ("number", "integer"):
        low, high = float(known.min()), float(known.max())
        ends = [None if kind == "integer" and abs(end) >= _TOO_LONG else end for end in _widen(low, high)]
        return msgspec.structs.replace(plan, seen=f"{low:g} to {high:g}{missing}", low=ends[0], high=ends[1])
    if kind == "text":
        counts = known.value_counts()
        if len(counts) <= _MOST_CATEGORIES and counts.min() >= max(2, _FEWEST_SHARE * len(column)):
            categories = tuple(sorted(counts.index))
            return msgspec.structs.replace(plan, seen=f"{len(counts)} values{missing}", categories=categories)
        longest = int(known.str.len().max())
        seen = f"{len(counts):,} values of up to {longest} characters{missing}"
        return msgspec.structs.replace(plan, seen=seen, longest=max(_LEAST_LENGTH, 2 * longest))
    if kind == "boolean":
        return msgspec.structs.replace(plan, seen=f"true in {known.astype(bool).mean():.1%}{missing}")
    clocks = dict(zip(CLOCKS, (known.dt.hour * 60 + known.dt.minute, known.dt.day_of_week), strict=True))
    varied = tuple(name for name, values in clocks.items() if values.nunique() > 1)
    return msgspec.structs.replace(
        plan, seen=f"{known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}{missing}", clocks=varied
    )


def _find_typical(known: "pd.Series", kind: str) -> bool | int | float | str:
    if kind == "integer":
        return int(known.sort_values().iloc[len(known) // 2])
    if kind == "number":
        return float(known.sort_values().iloc[len(known) // 2])
    if kind in TIMES:
        return str(known.max().isoformat())
    common = known.value_counts().index[0]
    return bool(common) if kind == "boolean" else str(common)


def _widen(low: float, high: float) -> tuple[float, float]:
    """Return round limits beyond the seen range; what was never negative stays so, and a share stays within 1."""
    span = high - low or abs(high) or 1.0
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    below = 0.0 if low >= 0 else -_round_up(_WIDER * span - low)
    return below, 0.0 if high <= 0 else _round_up(high + _WIDER * span)


def _round_up(value: float) -> float:
    """Return the next number of one significant digit: 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
