"""`slipway new`: a problem package from a table, in the place of the example."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, PATH, examples
from slipway.cli.output import print_result, progress_printer

if TYPE_CHECKING:
    from slipway.template.plan import ProblemPlan


@click.command(
    epilog=examples(
        "slipway new churn --from customers.parquet --target left",
        "slipway new demand --from sales/ --target units --time sold_at --group store",
        "slipway new fraud --from payments.csv --target label --positive fraud --key payment_id --drop chargeback_at",
    )
)
@click.argument("name")
@click.option(
    "--from", "source", type=PATH, required=True, metavar="TABLE", help="A .parquet or .csv file, or a folder."
)
@click.option("--target", metavar="COLUMN", help="The column to predict; asked for on a terminal.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), help="[default: by the target]")
@click.option("--positive", metavar="CLASS", help="The class that a score is the probability of.")
@click.option("--group", metavar="COLUMN", help="Rows with one value stay on one side of the split.")
@click.option("--time", metavar="COLUMN", help="When the row happened.")
@click.option("--key", metavar="COLUMN", help="What identifies a row; outcomes are joined by it.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Not known at the moment of prediction; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Print the plan; change nothing.")
@AS_JSON
def new(
    name: str,
    source: Path,
    target: str | None,
    task: str | None,
    positive: str | None,
    group: str | None,
    time: str | None,
    key: str | None,
    drop: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make this repository your problem's, from a table.

    Reads a table and writes the package src/NAME (contract, dataset, features, model, problem), params.yaml, gate.yaml,
    monitor.yaml, README.md, docs/data.md, tests and data/, and deletes the problem that was there before: the working
    tree must be committed. Prints what it guessed, and which columns to look at. Repeat a run that was interrupted: it
    goes on where it was.
    """
    from slipway.problem import Task
    from slipway.settings import project_settings
    from slipway.template.plan import plan_problem
    from slipway.template.replacement import is_interrupted, replace_problem
    from slipway.template.request import NewProblem, verify_free_name, verify_package_name
    from slipway.template.source_table import read_source_table

    root, say = Path(), progress_printer(as_json)
    verify_package_name(name)
    if project_settings(root).problem == name and not is_interrupted(root):
        print_result(
            as_json, {"name": name, "changed": False}, f"{name} is this repository's problem. Nothing changed."
        )
        return
    if not is_interrupted(root):
        verify_free_name(name)
    if source.resolve().is_relative_to((root / "data").resolve()):
        raise click.BadParameter(
            f"{source} lies in data/, which is replaced. Move it out of there.", param_hint="--from"
        )
    say(f"  reading {source} ...")
    table = read_source_table(source)
    if target is None:
        if not sys.stdin.isatty():
            raise click.UsageError(f"--target is missing. The table has: {', '.join(table.column_names)}.")
        target = click.prompt("Column to predict", type=click.Choice(table.column_names))
    say(f"  measuring {table.num_columns:,} columns of {table.num_rows:,} rows ...")
    request = NewProblem(
        name=name,
        target=target,
        task=Task(task) if task else None,
        positive=positive,
        group=group,
        time=time,
        key=key,
        drop=drop,
    )
    plan = plan_problem(table, request)
    if not dry_run:
        replace_problem(root, plan, table, say)
    print_result(as_json, plan, *_describe(plan), *([] if dry_run else _next_steps()))


def _describe(plan: "ProblemPlan") -> list[str]:
    from slipway.template.quoting import quote_name
    from slipway.template.render import describe_outcome

    columns = "1 column" if len(plan.inputs) == 1 else f"{len(plan.inputs)} columns"
    lines = [
        "",
        f"{plan.name}: predicts {describe_outcome(plan)} ({plan.task}) from {columns} of "
        f"{plan.rows:,} rows in {plan.groups:,} groups",
    ]
    lines += [f"  {each.field:<24} {each.kind:<10} {each.seen}" for each in plan.inputs]
    if plan.left_out:
        lines += ["", "No input:", *(f"  {quote_name(each.column)}: {each.reason}" for each in plan.left_out)]
    if plan.guesses:
        lines += ["", "Guessed; confirm or repeat with the option:", *(f"  {each}" for each in plan.guesses)]
    if plan.suspects:
        lines += ["", "Known at the moment of prediction? If not, --drop it:"]
        lines += [f"  {quote_name(each.column)}: {each.finding}" for each in plan.suspects]
    return lines


def _next_steps() -> list[str]:
    return [
        "",
        "Not known from a table: what each column means (descriptions and units in contract.py), and the texts of the",
        "card in problem.py that begin with `Not written yet`.",
        "",
        "Next:",
        "  make test && make repro",
        "  uv run slipway gate suggest --write   (measures the limits of gate.yaml on your holdout)",
        "  uv run slipway monitor suggest        (windows of monitor.yaml for the rows that come a day)",
        "  git add -A && git commit",
        '  uv run slipway ledger init --reason "first delivery" && make gate',
        "  make serve",
        "",
    ]
