"""Render the verdict as Markdown for a pull request: what a reviewer must know first, everything else folded."""

import re
from collections.abc import Sequence
from pathlib import Path

from slipway.figures import format_figure, format_limit
from slipway.files.writing import write_bytes, write_json
from slipway.gate.result import CheckResult, GateResult, MetricComparison, SliceComparison, Verdict
from slipway.gate.statistics.paired import adjust_holm
from slipway.gate.wording import describe_held_out, describe_unseen
from slipway.markdown import Part, escape_markdown, inline_code, join_parts, markdown_table

ICONS = {Verdict.PROMOTE: "✅", Verdict.KEEP: "⏸️", Verdict.REFUSE: "⛔"}
_SLICES = 8
_NAME = re.compile(r"\w[\w -]{0,60}", re.ASCII)


def render_gate_report(gate: GateResult) -> str:
    """Render the whole report."""
    return join_parts(
        [
            Part(f"## {ICONS[gate.verdict]} Gate: {gate.verdict}"),
            Part(escape_markdown(gate.sentence)),
            *gate_report_parts(gate),
        ]
    )


def write_verdict(gate: GateResult, report: Path | None, out: Path | None) -> None:
    """Write the whole report to the file `report`, and everything as JSON to the file `out`; None for neither."""
    if report:
        write_bytes(report, render_gate_report(gate).encode())
    if out:
        write_json(out, gate)


def gate_report_parts(gate: GateResult) -> list[Part]:
    """Return the parts of the report below the verdict and its sentence."""
    failed = [check for check in gate.checks if not check.stands]
    exempted = [check for check in gate.checks if not check.passed and check.stands]
    return [
        Part(_ships(gate)),
        Part(_list("Know first", [escape_markdown(line) for line in gate.moved])),
        Part(_table("Failed checks", failed, advice=True)),
        Part(_list("Passed by exemption", [_exemption(check) for check in exempted])),
        Part(_metrics(gate)),
        Part(_newer(gate)),
        Part(_chart(gate)),
        Part(_slices(gate.slices)),
        Part(_shadow(gate)),
        _folded(gate.checks),
    ]


def _ships(gate: GateResult) -> str:
    names = {
        Verdict.PROMOTE: "The candidate ships",
        Verdict.KEEP: "Production's model ships with this code",
        Verdict.REFUSE: "Nothing ships",
    }
    digests = [
        f"{name} {inline_code(digest[:12])}"
        for name, digest in (("candidate", gate.candidate), ("production", gate.production))
        if digest
    ]
    return f"**{names[gate.verdict]}.** {', '.join(digests).capitalize()}"


def _list(title: str, lines: Sequence[str]) -> str:
    return f"**{title}**\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def _exemption(check: CheckResult) -> str:
    return f"{inline_code(check.name)}: {escape_markdown(check.excepted or '')}"


def _metrics(gate: GateResult) -> str:
    if not gate.metrics:
        return ""
    return f"{_compared(gate, gate.metrics)}\n\n{describe_rows(gate)}"


def describe_rows(gate: GateResult) -> str:
    """Describe the rows on which the two models are compared, and which loss these rows cannot show."""
    if gate.smallest_seen is None:
        return f"{describe_held_out(gate.rows, gate.groups)}."
    return describe_unseen(gate.rows, gate.groups, gate.smallest_seen)


def _newer(gate: GateResult) -> str:
    """Show the comparison on the rows after production's last training day, or why there is none."""
    found = gate.newer
    if found is None:
        return ""
    after = f", {found.day}" if found.day else ""
    if not found.metrics:
        return f"**Since production's last training day{after}**, nothing is compared: {escape_markdown(found.note)}."
    how = "which decides" if found.decides else "which decides nothing"
    return (
        f"**Since production's last training day{after}**, {how}: {escape_markdown(found.note)}.\n\n"
        f"{_compared(gate, found.metrics)}"
    )


def _shadow(gate: GateResult) -> str:
    """Show what the candidate got as a shadow of production."""
    if gate.shadow is None:
        return ""
    table = f"\n\n{_compared(gate, gate.shadow.metrics)}" if gate.shadow.metrics else ""
    return f"**As a shadow of production**, which decides nothing: {escape_markdown(gate.shadow.note)}{table}"


def _compared(gate: GateResult, metrics: Sequence[MetricComparison]) -> str:
    head = ["metric", "candidate", "production", f"difference [{gate.confidence:.0%} interval], above 0 = better"]
    lines = [
        [
            f"**{escape_markdown(row.metric)}**" if row.metric == gate.primary else escape_markdown(row.metric),
            f"{row.candidate.value:.4f}",
            f"{row.production.value:.4f}" if row.production else "-",
            format_figure(row.difference, "+.4f"),
        ]
        for row in metrics
    ]
    return markdown_table(head, lines)


def _chart(gate: GateResult) -> str:
    """Draw the primary metric of both models with their intervals, in the form that GitHub renders itself."""
    primary = next((row for row in gate.metrics if row.metric == gate.primary), None)
    # The name is part of a drawing, where nothing can be escaped.
    if primary is None or primary.production is None or not _NAME.fullmatch(gate.primary):
        return ""
    ends = []
    for figure in (primary.candidate, primary.production):
        low, high = (figure.value if end is None else end for end in (figure.low, figure.high))
        ends += [low, figure.value, high]
    room = (max(ends) - min(ends)) * 0.2 or abs(ends[0]) * 0.1 or 1.0
    return (
        "```mermaid\nxychart-beta\n"
        f'    title "{gate.primary}: lower end, value, upper end"\n'
        '    x-axis ["candidate low", "candidate", "its high", "production low", "production", "its high "]\n'
        f"    y-axis {min(ends) - room:.4g} --> {max(ends) + room:.4g}\n"
        f"    bar [{', '.join(f'{value:.4g}' for value in ends)}]\n"
        "```"
    )


def _slices(rows: Sequence[SliceComparison]) -> str:
    """List the worst slices, the worst first."""
    if not rows:
        return ""
    adjusted = dict(zip(rows, adjust_holm([row.p_value for row in rows]), strict=True))
    worst = sorted(rows, key=lambda row: row.difference.value)[:_SLICES]
    lines = [
        [
            escape_markdown(f"{row.slice}: {row.label}"),
            f"{row.rows:,}",
            format_figure(row.difference, "+.1%"),
            "-" if row.margin is None else f"-{format_limit(row.margin)}",
            f"{adjusted[row]:.2f}",
        ]
        for row in worst
    ]
    head = ["slice", "rows", "relative improvement, below 0 = worse", "margin", "p value of being worse (Holm)"]
    return f"**Slices**, the worst {len(worst)} of {len(rows)}\n\n" + markdown_table(head, lines)


def _folded(checks: Sequence[CheckResult]) -> Part:
    passed = sum(check.passed for check in checks)
    return Part(_table("", checks, advice=False), f"{passed} of {len(checks)} checks passed")


def _table(title: str, checks: Sequence[CheckResult], advice: bool) -> str:
    if not checks:
        return ""
    head = ["check", "found", "allowed", "what to do" if advice else "why"]
    lines = [
        [
            f"{'' if advice else '✅ ' if check.passed else '❌ '}{inline_code(check.name)}",
            escape_markdown(check.observed),
            escape_markdown(check.limit),
            escape_markdown(check.advice if advice else check.why),
        ]
        for check in checks
    ]
    return (f"**{title}**\n\n" if title else "") + markdown_table(head, lines)
