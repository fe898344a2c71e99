"""Render the report as Markdown: the verdict in one sentence, the reasons, the changes of the pull request, details.

The pull request controls every text in a report: each one is escaped or inline code, or is a number.
"""

from collections.abc import Sequence

from slipway.gate.report import gate_report_parts
from slipway.gate.result import GateResult, Verdict
from slipway.github.pr_report.schema import Change, Report, shorten
from slipway.markdown import Part, escape_markdown, fit_parts, inline_code, markdown_table

# GitHub accepts 65,536 characters; these are bytes, with room for the marker.
MOST = 60_000
# Rows of a difference that are shown unfolded, and characters of one value.
_ROWS, _VALUE = 10, 120
_ICONS = {"success": "✅", "failure": "❌", "cancelled": "🚫", "skipped": "⏭️"}
_FOOT = "*Measured by the pull request's own code. What this proves and what it does not: docs/pull-request.md.*"


def render_report(report: Report, *, run: str | None = None, conclusion: str | None = None) -> str:
    """Return the whole report.

    `run` is the address of CI's run and `conclusion` its end, both from GitHub: the report itself is untrusted.
    """
    gate = report.gate
    judged = gate_report_parts(gate) if gate else []
    parts = [
        Part(f"## {render_headline(report, conclusion)}"),
        Part(escape_markdown(gate.sentence) if gate else _no_verdict(report)),
        Part(_failed(report, run)),
        Part(_differences("Changed rules: the gate followed those of the base", report.rules)),
        Part("\n".join(f"- {escape_markdown(note)}" for note in report.notes)),
        *(part for part in judged if not part.summary),
        _change("Data", report.data),
        _change("Parameters", report.params),
        Part("" if report.data or report.params or report.rules else "Data, parameters and rules are unchanged."),
        *(part for part in judged if part.summary),
        Part(_differences("", report.metrics), f"metrics.json: {len(report.metrics)} figures differ from the base's"),
        Part(_jobs(report), f"{len(report.jobs)} jobs of CI"),
        Part(_origin(report, run)),
        Part(_FOOT),
    ]
    return fit_parts(parts, MOST)


def render_missing_report(commit: str, run: str, conclusion: str | None) -> str:
    """Return the text for a run without a readable report, from what GitHub says about it."""
    return (
        f"## ❌ CI ended with {inline_code(str(conclusion))} and left no readable report.\n\n"
        f"Its result for commit {inline_code(commit[:12])} is unknown: see the logs on [its page]({run}). "
        "The earlier text of this comment was about another run.\n"
    )


def render_headline(report: Report, conclusion: str | None = None) -> str:
    """Return the verdict in one sentence."""
    gate, failed = report.gate, report.failed
    if gate and gate.verdict is Verdict.REFUSE:
        return "⛔ Refused: this model must not replace production's."
    if failed:
        named = ", ".join(map(inline_code, failed[:5])) + (f" and {len(failed) - 5} more" if len(failed) > 5 else "")
        return f"❌ CI failed: {named}."
    if conclusion not in (None, "success"):
        return f"❌ CI ended with {escape_markdown(str(conclusion))}, and its report names no failed job."
    return _verdict(gate) if gate else "⚪ No verdict: the gate did not run."


def _verdict(gate: GateResult) -> str:
    if gate.verdict is Verdict.PROMOTE and gate.production is None:
        return "🚀 First release: the model passes the floors of the gate."
    if gate.verdict is Verdict.PROMOTE:
        if gate.decisive and gate.decisive.low is not None and gate.decisive.low <= 0:
            return "🔁 No significant difference: the newer model ships, by the rule that the gate names."
        if gate.decisive is None:
            return "✅ This model replaces one that is distrusted."
        return "✅ Significantly better: this model replaces the one in production."
    if gate.candidate == gate.production:
        return "♻️ Same model: production keeps it, with this code."
    if gate.decisive and gate.decisive.high is not None and gate.decisive.high < 0:
        if gate.newer and gate.newer.decides:
            return "⏸️ Worse since production's last training day: production keeps its model, with this code."
        return "⏸️ Slightly worse, within the margin: production keeps its model, with this code."
    return "⏸️ No significant difference: production keeps its model, with this code."


def _no_verdict(report: Report) -> str:
    if report.failed:
        return "The gate did not run. Fix the failed jobs first; their logs say how."
    return "The gate left no verdict. CI skips it only for a change that cannot affect the model."


def _failed(report: Report, run: str | None) -> str:
    if not report.failed:
        return ""
    lines = [f"- {_ICONS[report.jobs[name]]} {inline_code(name)}: {report.jobs[name]}" for name in report.failed]
    return f"**Failed jobs**{f' ([logs]({run}))' if run else ''}\n\n" + "\n".join(lines)


def _change(title: str, changes: Sequence[Change]) -> Part:
    if len(changes) > _ROWS:
        return Part(_differences("", changes), f"{title}: {len(changes)} values differ from the base's")
    return Part(_differences(title, changes))


def _differences(title: str, changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    lines = [[inline_code(each.name), _value(each.base), _value(each.head)] for each in changes]
    return (f"**{title}**\n\n" if title else "") + markdown_table(["", "base", "this pull request"], lines)


def _value(text: str | None) -> str:
    return "*none*" if text is None else inline_code(shorten(text, _VALUE))


def _jobs(report: Report) -> str:
    lines = [[inline_code(name), f"{_ICONS[result]} {result}"] for name, result in report.jobs.items()]
    return markdown_table(["job", "result"], lines) if lines else ""


def _origin(report: Report, run: str | None) -> str:
    at = f"Commit {inline_code(report.head[:12])}, beside {inline_code(report.base[:12])}"
    return f"{at}, by [this run of CI]({run})." if run else f"{at}."
