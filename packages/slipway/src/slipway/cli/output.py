"""Results on standard output: lines and tables for people, JSON for machines."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

# Characters that move the cursor, change colours or the direction of writing: an entry, a git server or a service
# could hide with them what a terminal shows.
_HIDING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def printable(text: str) -> str:
    """Return the text with every character that a terminal would obey written as its number."""
    return _HIDING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def printable_line(text: str) -> str:
    """Return the text on one line: what follows the end of a line would pass for a line of the command."""
    return printable(text).replace("\n", "\\n")


def print_result(as_json: bool, facts: Any, *lines: str) -> None:
    """Print the facts as JSON, or the lines."""
    click.echo(msgspec.json.encode(facts) if as_json else printable("\n".join(lines)))


def progress_printer(as_json: bool) -> Callable[[str], None]:
    """Return what prints a line of progress: on standard error where standard output holds JSON."""
    return lambda line: click.echo(printable(line), err=as_json)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; in a log or a pipe no cell is wrapped, cut or padded at the end of a line."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        lines = [[printable_line(cell) for cell in cells] for cells in (columns, *rows)]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
            click.echo("  ".join(padded).rstrip())
        return
    table = Table(*columns, box=None, pad_edge=False)
    for cells in rows:
        table.add_row(*(Text(printable(cell), no_wrap=cell is not cells[-1]) for cell in cells))
    console.print(table)


def warn_offline(why: str | None) -> None:
    """Say on standard error that the ledger shown is a local copy, because its remote cannot be reached."""
    if why:
        click.echo(printable(f"This may be out of date: {why}"), err=True)
