"""The kinds of fault by name, each a pure function from rows to rows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from slipway.monitoring.replay.input_faults import (
    add_slope,
    convert_unit,
    exceed_range,
    hold_constant,
    remove_values,
    repeat_old_values,
    shift_values,
    swap_values,
    write_unseen_text,
)
from slipway.monitoring.replay.outcome_faults import change_outcomes, delay_outcomes, flip_outcomes, lose_outcomes
from slipway.monitoring.replay.traffic_faults import drop_rows, duplicate_rows, rename_field

if TYPE_CHECKING:
    import pandas as pd


class FaultKind(NamedTuple):
    """One kind: how it is written, what it does, the fewest and most arguments, and the function that does it."""

    usage: str
    help: str
    fewest: int
    most: int
    inject: Callable[..., "pd.DataFrame"]


KINDS: dict[str, FaultKind] = {
    "unit": FaultKind("unit:COLUMN[:FACTOR[:OFFSET]]", "the column in another unit (degF in degC)", 1, 3, convert_unit),
    "missing": FaultKind("missing:COLUMN:SHARE", "that share of the values is missing", 2, 2, remove_values),
    "unseen": FaultKind(
        "unseen:COLUMN:SHARE[:VALUE]", "that share gets a text that never occurred", 2, 3, write_unseen_text
    ),
    "outside": FaultKind("outside:COLUMN:SHARE", "that share lies outside of the contract's range", 2, 2, exceed_range),
    "constant": FaultKind("constant:COLUMN[:VALUE]", "the column stays at one value", 1, 2, hold_constant),
    "stale": FaultKind(
        "stale:COLUMN:HOURS[:BY]", "values are that old (of the same BY, a column)", 2, 3, repeat_old_values
    ),
    "shift": FaultKind("shift:COLUMN:AMOUNT", "a timestamp moves by hours, a number by its unit", 2, 2, shift_values),
    "slow": FaultKind("slow:COLUMN[:AMOUNT]", "a number moves a little every row, up to the amount", 1, 2, add_slope),
    "swap": FaultKind("swap:COLUMN:VALUE:VALUE", "two values of the column change places", 3, 3, swap_values),
    "rename": FaultKind("rename:COLUMN", "the field is sent under another name, which is refused", 1, 1, rename_field),
    "drop": FaultKind("drop-COLUMN:VALUE", "rows with that value are not sent", 2, 2, drop_rows),
    "duplicate": FaultKind("duplicate:SHARE", "that share of the rows is sent twice", 1, 1, duplicate_rows),
    "labels:flip": FaultKind("labels:flip:SHARE", "that share of the outcomes is wrong", 1, 1, flip_outcomes),
    "labels:lost": FaultKind("labels:lost:SHARE", "that share of the outcomes never comes", 1, 1, lose_outcomes),
    "labels:late": FaultKind("labels:late:HOURS", "outcomes come that much later", 1, 1, delay_outcomes),
    "outcome": FaultKind(
        "outcome:COLUMN=VALUE:SHARE",
        "the world changes: that share of the part's other outcomes comes true",
        2,
        2,
        change_outcomes,
    ),
}
