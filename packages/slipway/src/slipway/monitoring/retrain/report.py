"""Write `retrain.md`: why it was retrained, what changed in the data, and what the gate says."""

from slipway.figures import format_figure
from slipway.gate.report import render_gate_report
from slipway.gate.result import GateResult
from slipway.markdown import Part, escape_markdown, inline_code, join_parts, markdown_table
from slipway.monitoring.alarms.alarm import Alarm
from slipway.monitoring.result import MonitorResult, Window
from slipway.monitoring.retrain.result import DataChange
from slipway.monitoring.windows import format_length

# As many figures as a reader takes in; the monitor's own report has all of them.
_SHOWN = 12


def render_retrain_report(
    environment: str, sentence: str, data: DataChange, gate: GateResult, monitor: MonitorResult | None
) -> str:
    """Render the whole report as Markdown."""
    return join_parts(
        [
            Part(f"# Retrain of {inline_code(environment)}"),
            Part(escape_markdown(sentence)),
            *_monitor_parts(monitor),
            Part("## Data"),
            Part(_list_items(describe_data_change(data))),
            Part(render_gate_report(gate).rstrip()),
        ]
    )


def describe_data_change(data: DataChange) -> list[str]:
    """Say in lines what changed."""
    lines = [f"{data.rows_new:,} new rows with their outcome, {data.rows_before:,} before"]
    lines += [data.source] if data.source else []
    if data.last_before and data.last_after:
        lines.append(
            f"The last row is of {data.last_after:%Y-%m-%d %H:%M}, it was of {data.last_before:%Y-%m-%d %H:%M}"
        )
    if data.mean_before is not None and data.mean_new is not None:
        lines.append(
            f"The mean outcome of the new rows is {data.mean_new:.3f}, that of the others {data.mean_before:.3f}"
        )
    lines += [f"{name}: {_count(count)} that never occurred before" for name, count in data.unseen.items()]
    lines += [
        f"{name}: {new:.1%} missing in the new rows, {old:.1%} before" for name, (old, new) in data.missing.items()
    ]
    return [*lines, *data.files]


def _count(values: int) -> str:
    return "1 value" if values == 1 else f"{values:,} values"


def _monitor_parts(monitor: MonitorResult | None) -> list[Part]:
    if monitor is None or not monitor.windows:
        return [Part("No result of the monitor is at hand: `slipway monitor run` makes one.")]
    window = monitor.windows[-1]
    days = f"{format_length(window.length)} up to {window.end:%Y-%m-%d}"
    return [
        Part("## In production"),
        Part(_list_items([_describe_alarm(alarm) for alarm in monitor.firing]) or "No alarm is firing."),
        Part(f"The {days}: {window.rows:,} rows, {window.outcomes:,} with their outcome."),
        Part(_table_of(window)),
    ]


def _describe_alarm(alarm: Alarm) -> str:
    return f"{alarm.measurement}: {alarm.finding}"


def _table_of(window: Window) -> str:
    shown = [each for each in window.measurements if each.figure is not None and ":" not in each.name][:_SHOWN]
    lines = [(inline_code(each.name), format_figure(each.figure), format_figure(each.reference)) for each in shown]
    return markdown_table(("measured", "in production", "reference"), lines) if lines else ""


def _list_items(lines: list[str]) -> str:
    return "\n".join(f"* {escape_markdown(line)}" for line in lines)
