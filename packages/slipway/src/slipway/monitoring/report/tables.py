"""Sort the measurements of a result into the tables of the page."""

from collections.abc import Iterable

import msgspec

from slipway.figures import format_figure, format_number
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.chart import is_outside
from slipway.monitoring.result import MonitorResult, Window

# The chapter of the page by the first part of a name. What is missing here is shown with the model's figures, or with
# the other figures if its name has several parts.
_CHAPTERS = {
    "slices": ("slice",),
    "inputs": (
        *("drift", "relation", "missing", "unseen", "range", "duplicates", "volume"),
        *("stuck", "jump", "stale", "foreign_scores"),
    ),
    "joint": ("joint",),
    "labels": (
        *("coverage", "delay_median", "delay_p95", "labelled_score_gap"),
        *("score_mean", "outcome_mean", "estimated", "estimate_error"),
    ),
    "service": (
        *("rows_per_day", "requests_per_day", "silent_days", "latency_median", "latency_p99"),
        *("errors", "refused", "lag", "idle"),
    ),
}
_CHAPTER_OF = {first: chapter for chapter, parts in _CHAPTERS.items() for first in parts}
# A bar of an input's figure ends here, in multiples of its limit.
_LONGEST = 2.0


class SliceRow(msgspec.Struct, frozen=True):
    """One slice: its outcomes, and its measurements by the columns of the table."""

    name: str
    rows: int
    measurements: tuple[Measurement | None, ...]
    outside: bool


class SliceTable(msgspec.Struct, frozen=True):
    """The slices of one window, those that changed most first."""

    window: Window
    metrics: tuple[str, ...]
    rows: tuple[SliceRow, ...]


class InputRow(msgspec.Struct, frozen=True):
    """One figure of the inputs beside its limit; `bar` is its length in hundredths of the limit, at most 200."""

    measurement: Measurement
    bar: float | None
    above: bool


def chapter_of(name: str) -> str:
    """Return the chapter of the page that shows a measurement."""
    first, colon, _ = name.partition(":")
    return _CHAPTER_OF.get(first, "other" if colon else "model")


def name_figures(windows: Iterable[Window], chapter: str) -> tuple[str, ...]:
    """Return the names of a chapter that have a figure or a note in one of the windows, in their order."""
    names = dict.fromkeys(
        each.name
        for window in windows
        for each in window.measurements
        if (each.figure or each.note) and chapter_of(each.name) == chapter
    )
    return tuple(names)


def make_slice_table(result: MonitorResult) -> SliceTable | None:
    """Return the slices of the longest window, None where no window has any."""
    for window in reversed(result.newest):
        slices: dict[str, dict[str, Measurement]] = {}
        for each in window.measurements:
            if chapter_of(each.name) == "slices":
                part, _, metric = each.name.removeprefix("slice:").rpartition(":")
                slices.setdefault(part, {})[metric] = each
        if slices:
            metrics = tuple(dict.fromkeys(metric for found in slices.values() for metric in found))
            rows = [_make_slice_row(part, found, metrics) for part, found in slices.items()]
            changed = sorted(rows, key=lambda row: -_size(row.measurements[0]))
            return SliceTable(window=window, metrics=metrics, rows=tuple(changed))
    return None


def _make_slice_row(part: str, found: dict[str, Measurement], metrics: tuple[str, ...]) -> SliceRow:
    return SliceRow(
        name=part,
        rows=max(each.rows for each in found.values()),
        measurements=tuple(map(found.get, metrics)),
        outside=any(map(is_outside, found.values())),
    )


def _size(measurement: Measurement | None) -> float:
    return abs(measurement.figure.value) if measurement and measurement.figure else 0.0


def make_input_rows(window: Window) -> tuple[InputRow, ...]:
    """Return the figures of the inputs of a window: those above their limits first, in the order of the result."""
    rows = [_make_input_row(each) for each in window.measurements if chapter_of(each.name) == "inputs"]
    return tuple(sorted(rows, key=lambda row: not row.above))


def _make_input_row(each: Measurement) -> InputRow:
    if each.figure is None or each.limit is None:
        return InputRow(measurement=each, bar=None, above=False)
    value = each.figure.value
    share = value / each.limit if each.limit > 0 else (_LONGEST if value > 0 else 0.0)
    return InputRow(measurement=each, bar=round(100 * max(0.0, min(share, _LONGEST)), 1), above=value > each.limit)


def format_cell(measurement: Measurement | None) -> str:
    """Write the figure of a cell; a dash where there is none."""
    return format_figure(measurement.figure if measurement else None)


def format_bound(limit: float | None) -> str:
    """Write a limit; a dash where there is none."""
    return "-" if limit is None else format_number(limit)
