"""Lay out the figures of windows as small charts: the coordinates of the page's inline SVG."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from slipway.figures import Figure, format_figure, format_number
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import MonitorResult, Window, name_window
from slipway.monitoring.windows import Length, format_length

WIDTH, HEIGHT = 240, 84
# Room for a mark at the edges.
_MARGIN = 6


class Mark(msgspec.Struct, frozen=True):
    """One window in a chart: the centre of its mark, the ends of its interval, and the figure in words."""

    x: float
    y: float
    low: float
    high: float
    outside: bool
    text: str


class Chart(msgspec.Struct, frozen=True):
    """A figure over the windows of one length; `band` and `line` are the evaluation's interval and figure."""

    length: str
    newest: str
    marks: tuple[Mark, ...]
    band: tuple[float, float] | None
    line: float | None


class ChartRow(msgspec.Struct, frozen=True):
    """The charts of one figure, a length of windows each, on the same scale: its ends are `bottom` and `top`."""

    name: str
    reference: str
    bottom: str
    top: str
    charts: tuple[Chart, ...]


def make_chart_row(result: MonitorResult, name: str) -> ChartRow:
    """Return the charts of a measurement; some window has a figure of it."""
    found = [(window, each) for window in result.windows if (each := window.find(name)) and each.figure]
    references = [each.reference for _, each in found if each.reference]
    values = [value for _, each in found for value in _ends(each.figure)]
    values += [value for each in references for value in _ends(each)]
    scale = _Scale(min(values), max(values))
    times = min(window.end for window, _ in found), max(window.end for window, _ in found)
    return ChartRow(
        name=name,
        reference=format_figure(references[-1]) if references else "",
        bottom=format_number(scale.bottom),
        top=format_number(scale.top),
        charts=tuple(
            _make_chart(length, [pair for pair in found if pair[0].length == length], scale, times)
            for length in result.lengths()
        ),
    )


def is_outside(measurement: Measurement) -> bool:
    """Return True if the interval lies wholly outside of the evaluation's; False where either has none."""
    figure, reference = measurement.figure, measurement.reference
    if figure is None or reference is None or reference.low is None or reference.high is None:
        return False
    low, _, high = _ends(figure)
    return low > reference.high or high < reference.low


class _Scale(msgspec.Struct, frozen=True):
    """Figures from `bottom` to `top`, drawn over the height of a chart."""

    bottom: float
    top: float

    def place(self, value: float) -> float:
        share = (value - self.bottom) / (self.top - self.bottom) if self.top > self.bottom else 0.5
        return round(HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN), 1)


def _make_chart(
    length: Length, found: Sequence[tuple[Window, Measurement]], scale: _Scale, times: tuple[datetime, datetime]
) -> Chart:
    reference = found[-1][1].reference if found else None
    band = None
    if reference and reference.low is not None and reference.high is not None:
        upper, lower = scale.place(reference.high), scale.place(reference.low)
        band = (upper, round(lower - upper, 1))
    return Chart(
        length=format_length(length),
        newest=format_figure(found[-1][1].figure) if found else "",
        marks=tuple(_make_mark(window, each, scale, times) for window, each in found),
        band=band,
        line=scale.place(reference.value) if reference else None,
    )


def _make_mark(window: Window, each: Measurement, scale: _Scale, times: tuple[datetime, datetime]) -> Mark:
    first, last = times
    share = (window.end - first) / (last - first) if last > first else 0.5
    low, value, high = map(scale.place, _ends(each.figure))
    return Mark(
        x=round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1),
        y=value,
        low=low,
        high=high,
        outside=is_outside(each),
        text=f"{name_window(window)}: {format_figure(each.figure)}, {each.rows:,} rows",
    )


def _ends(figure: Figure | None) -> tuple[float, float, float]:
    """Return low, value, high; three times the value where there is no interval."""
    assert figure is not None
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return low, figure.value, high
