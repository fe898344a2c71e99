"""Results on standard output: lines and tables for people, JSON for machines."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec


def print_result(as_json: bool, facts: Any, *lines: str) -> None:
    """Print the facts as JSON, or the lines."""
    click.echo(msgspec.json.encode(facts) if as_json else "\n".join(lines))


def progress_printer(as_json: bool) -> Callable[[str], None]:
    """Return what prints a line of progress: on standard error where standard output holds JSON."""
    return lambda line: click.echo(line, err=as_json)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; in a log, which has no width, no cell is wrapped or cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for cells in rows:
        table.add_row(*(Text(cell, no_wrap=cell is not cells[-1]) for cell in cells))
    console = Console()
    (console if console.is_terminal else Console(width=250)).print(table)


def warn_offline(why: str | None) -> None:
    """Say on standard error that the ledger shown is a local copy, because its remote cannot be reached."""
    if why:
        click.echo(f"This may be out of date: {why}", err=True)
