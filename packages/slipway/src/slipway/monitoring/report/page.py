"""The report of a run as one HTML page that needs no network and no script, beside its JSON file."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from slipway.figures import format_figure
from slipway.files.writing import write_bytes
from slipway.monitoring.alarms.alarm import AlarmState
from slipway.monitoring.report.chart import HEIGHT, WIDTH, make_chart_row
from slipway.monitoring.report.tables import (
    chapter_of,
    format_bound,
    format_cell,
    make_input_rows,
    make_slice_table,
    name_figures,
)
from slipway.monitoring.result import MonitorResult, Window
from slipway.monitoring.windows import format_length

# The log's counts as the page names them, in the order of `LogCounts`.
_COUNTS = {
    "predictions": "predictions",
    "joined": "of them with an outcome",
    "damaged": "incomplete or malformed lines",
    "foreign": "lines of another kind",
    "probes": "rows of smoke tests, left out",
    "repeated": "outcomes that repeat another",
    "superseded": "outcomes that were corrected",
    "conflicting": "predictions with conflicting outcomes",
    "unknown": "outcomes of unknown predictions",
}


def write_monitor_page(path: Path, result: MonitorResult) -> None:
    """Write the page of a result: the same bytes for the same figures."""
    write_bytes(path, render_monitor_page(result).encode())


def render_monitor_page(result: MonitorResult) -> str:
    """Return the page of a result. Every text of it is escaped: names of categories come from clients."""
    newest = result.newest
    tables = {
        chapter: [(name, [window.find(name) for window in newest]) for name in name_figures(newest, chapter)]
        for chapter in ("labels", "service", "other")
    }
    with_figures = dict.fromkeys(
        each.name
        for window in result.windows
        for each in window.measurements
        if each.figure and chapter_of(each.name) == "model"
    )
    return _template().render(
        result=result,
        newest=newest,
        firing=result.firing,
        recovered=tuple(alarm for alarm in result.alarms if alarm.state is AlarmState.RECOVERED),
        alarmed={alarm.measurement for alarm in result.firing},
        charts=[make_chart_row(result, name) for name in with_figures],
        width=WIDTH,
        height=HEIGHT,
        slices=make_slice_table(result),
        inputs=make_input_rows(newest[0]) if newest else (),
        tables=tables,
        counts=[(label, getattr(result.counts, field)) for field, label in _COUNTS.items()],
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("slipway.monitoring.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"figure": format_figure, "cell": format_cell, "bound": format_bound, "span": _format_span}
    return environment.get_template("page.html")


def _format_span(window: Window) -> str:
    return format_length(window.length)
