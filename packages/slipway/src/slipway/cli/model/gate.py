"""`slipway gate`: the verdict on one screen, as a report, and as an exit code."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, BASE, GATE_LOG, OUT, REASON, REPORT, examples
from slipway.cli.output import print_result, print_table, progress_printer
from slipway.cli.progress import step_printer

if TYPE_CHECKING:
    from rich.console import Console

    from slipway.gate.result import GateResult, MetricComparison, NewerComparison


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "slipway gate",
        "slipway gate --base origin/main --report gate.md --out gate.json",
        "slipway gate --log downloaded/log",
        "slipway gate --evidence shadow",
        "slipway gate --power --retrains 100 --jobs 2",
        "slipway gate --power --base origin/main",
        "slipway gate suggest --write",
        'slipway gate rebase --reason "the readings of May were an hour late"',
    ),
)
@BASE
@GATE_LOG
@REPORT
@OUT
@AS_JSON
@click.option(
    "--evidence",
    type=click.Choice(["shadow"]),
    help="Show beside the holdout what the candidate got as a shadow of production; it decides nothing.",
)
@click.option("--power", is_flag=True, help="Estimate which losses this holdout finds, instead of judging.")
@click.option("--retrains", type=click.IntRange(2), default=12, show_default=True, help="Retrained models for --power.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Models fitted at once for --power.")
@click.pass_context
def gate(
    context: click.Context,
    base: str | None,
    log: Path | None,
    report: Path | None,
    out: Path | None,
    as_json: bool,
    evidence: str | None,
    power: bool,
    retrains: int,
    jobs: int,
) -> None:
    """Judge the candidate: promote, keep or refuse.

    The candidate is bundle/. Both models score the same holdout rows. Exit code 0 for promote and keep, 1 for refuse; a
    missing or unreadable file is a refusal. The rules are in gate.yaml, explained in docs/gate.md.
    """
    if context.invoked_subcommand:
        return
    if power:
        _study(base, retrains, jobs, as_json)
        return
    from slipway.gate.report import write_verdict
    from slipway.gate.result import Verdict
    from slipway.gate.run import run_gate

    found = run_gate(Path(), base=base, log=log)
    if evidence and found.candidate:
        found = _with_evidence(found, found.candidate, log)
    write_verdict(found, report, out)
    if as_json:
        print_result(as_json, found)
    else:
        _show(found)
    sys.exit(1 if found.verdict is Verdict.REFUSE else 0)


@gate.command(epilog=examples('slipway gate rebase --reason "the readings of May were an hour late"'))
@REASON
@AS_JSON
def rebase(reason: str, as_json: bool) -> None:
    """Record the figures of production's model on corrected rows.

    The check production_reproduced refuses rows on which production's model no longer gets the figures of its
    evaluation. Where the rows were wrong before and are right in this commit, this command writes a new evaluation
    record, and an entry of the ledger that names the commit. What serves stays. Run `dvc repro` first.
    """
    from slipway.gate.rebase import rebase_production

    found = rebase_production(Path(), reason)
    groups, before = len(found.record.groups), found.before
    changed = f", {len(before.changed):,} of them other than before" if before else ", the first record"
    print_result(
        as_json, found.entry, f"production {found.entry.number}: evaluated again on {groups:,} groups{changed}"
    )


@gate.command(
    epilog=examples(
        "slipway gate suggest", "slipway gate suggest --write --retrains 100 --jobs 2", "slipway gate suggest --json"
    )
)
@click.option("--write", is_flag=True, help="Write the proposed limits into gate.yaml, with where they come from.")
@click.option("--retrains", type=click.IntRange(2), default=20, show_default=True, help="Models that are fitted.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Models fitted at once.")
@AS_JSON
def suggest(write: bool, retrains: int, jobs: int, as_json: bool) -> None:
    """Propose the limits of gate.yaml for this holdout.

    Fits honest retrains (other seeds, 90 % of the training groups each) and measures on prepared/ what gate.yaml
    limits. --write keeps every other key, every exemption and your comments; it replaces the lines `# suggested:` that
    say where a number comes from. Run `dvc repro` first.
    """
    from slipway.cli.model.gate_suggestion import print_suggestion
    from slipway.data.prepared import read_parts
    from slipway.files.writing import write_bytes
    from slipway.gate.power.retrains import Recipe
    from slipway.gate.rules import RULES_FILE, read_gate_rules
    from slipway.gate.suggest.rules_text import write_proposals
    from slipway.gate.suggest.suggestion import suggest_limits
    from slipway.project import load_project

    root, rules = Path(), read_gate_rules(Path())
    problem, params = load_project()
    train, holdout = read_parts(root / "prepared")
    with step_printer(f"fitting {retrains} honest retrains", retrains, as_json) as say:
        found = suggest_limits(Recipe(problem, params, train, holdout, jobs, say), rules, retrains, root / "bundle")
    if write:
        path = root / RULES_FILE
        write_bytes(path, write_proposals(path.read_bytes().decode(), found.proposals).encode())
    print_suggestion(found, write, as_json)


def _with_evidence(found: "GateResult", candidate: str, log: Path | None) -> "GateResult":
    from msgspec.structs import replace

    from slipway.monitoring.shadow_evidence import read_shadow_evidence

    return replace(found, shadow=read_shadow_evidence(Path(), candidate, [log] if log else []))


def _study(base: str | None, retrains: int, jobs: int, as_json: bool) -> None:
    import msgspec

    from slipway.data.prepared import read_part
    from slipway.gate.power.cross_fit import compare_recipes
    from slipway.gate.power.report import render_power_report
    from slipway.gate.power.retrains import Recipe
    from slipway.gate.power.study import study_power
    from slipway.gate.rules import read_gate_rules
    from slipway.project import load_project
    from slipway.settings import project_settings

    problem, params = load_project()
    train, holdout = (read_part(Path("prepared"), part) for part in ("train", "holdout"))
    rules, say = read_gate_rules(Path()), progress_printer(as_json)
    found = study_power(problem, params, rules, train, holdout, retrains=retrains, jobs=jobs, say=say)
    if base:
        recipe = Recipe(problem, params, train, holdout, jobs, say)
        compared = compare_recipes(recipe, rules, Path(), project_settings().problem, base)
        found = msgspec.structs.replace(found, cross_fit=compared)
    print_result(as_json, found, render_power_report(found))


def _show(found: "GateResult") -> None:
    from rich.console import Console

    from slipway.gate.report import describe_rows

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    colour = {"promote": "green", "keep": "yellow", "refuse": "red"}[found.verdict]
    console.print(f"[bold {colour}]{found.verdict.upper()}[/]", end="  ")
    console.print(found.sentence, markup=False)
    for line in found.moved:
        console.print(f"  note: {line}", markup=False)
    if found.metrics:
        _print_metrics(found, found.metrics)
        console.print(describe_rows(found), markup=False)
    if found.newer:
        _show_newer(console, found, found.newer)
    if found.shadow:
        console.print(f"as a shadow of production, which decides nothing: {found.shadow.note}", markup=False)
        if found.shadow.metrics:
            _print_metrics(found, found.shadow.metrics)
    for check in found.checks:
        if not check.passed:
            word = "exempted" if check.stands else "failed"
            console.print(f"[bold]{word}: {check.name}[/]")
            for name, text in (("found", check.observed), ("allowed", check.limit), ("why", check.why)):
                console.print(f"  {name:<8} {text}", markup=False)
            console.print(f"  {'to do':<8} {check.excepted or check.advice}", markup=False)
    passed = sum(check.passed for check in found.checks)
    console.print(f"{passed} of {len(found.checks)} checks passed. {_next(found)}", markup=False)


def _show_newer(console: "Console", found: "GateResult", newer: "NewerComparison") -> None:
    after = f", {newer.day}" if newer.day else ""
    how = "nothing is compared" if not newer.metrics else "which decides" if newer.decides else "which decides nothing"
    console.print(f"since production's last training day{after}, {how}: {newer.note}", markup=False)
    if newer.metrics:
        _print_metrics(found, newer.metrics)


def _print_metrics(found: "GateResult", metrics: "Sequence[MetricComparison]") -> None:
    from slipway.figures import format_figure

    columns = ("metric", "candidate", "production", f"difference, {found.confidence:.0%} interval, above 0 = better")
    rows = [
        (
            row.metric,
            f"{row.candidate.value:.4f}",
            f"{row.production.value:.4f}" if row.production else "-",
            format_figure(row.difference, "+.4f"),
        )
        for row in metrics
    ]
    print_table(columns, rows)


def _next(found: "GateResult") -> str:
    if found.ships is None:
        return "Next: fix what the failed checks name, then run `slipway gate` again."
    return f"What ships: bundle {found.ships[:12]}."
