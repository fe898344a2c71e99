"""`slipway log`: the predictions that a service has logged."""

import sys
from collections import deque
from itertools import chain
from pathlib import Path

import click
import msgspec

from slipway.cli.options import AS_JSON, PATH
from slipway.cli.output import print_result


@click.command(
    epilog="""\b
Examples:
  slipway log
  slipway log --last 100 --json
  slipway log --follow
  slipway log --outcomes
"""
)
@click.option("--folder", type=PATH, help="Folder of the log; overrides SLIPWAY_LOG.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="Number of entries.")
@click.option("--all", "everything", is_flag=True, help="Every entry.")
@click.option("--follow", is_flag=True, help="Then print new entries until ctrl-c.")
@click.option("--outcomes", is_flag=True, help="Count the outcomes that are known instead.")
@AS_JSON
def log(folder: Path | None, last: int, everything: bool, follow: bool, outcomes: bool, as_json: bool) -> None:
    """Print the prediction log.

    Each entry is a request with its response, or an outcome. --json prints one object a line.
    """
    from slipway.serving.log import reader
    from slipway.serving.log.join import join_outcomes
    from slipway.serving.log.text import format_entry, summarize_outcomes
    from slipway.serving.settings import read_log_settings

    place = read_log_settings(log=folder).log
    if not place.is_dir() and not follow:
        raise click.ClickException(f"No prediction log at {place}. `slipway serve` writes one; --folder names another.")
    damage, ends = reader.Damage(), reader.Ends()
    entries = reader.read_log(place, damage, ends)
    if outcomes:
        found = summarize_outcomes(join_outcomes(entries))
        print_result(as_json, found, *(f"{count:>8} {what}" for what, count in found.items()))
        return
    shown = entries if everything else deque(entries, maxlen=last)
    for entry in chain(shown, reader.follow_log(place, ends) if follow else ()):
        click.echo(msgspec.json.encode(entry) if as_json else format_entry(entry))
        if follow:
            sys.stdout.flush()
    if damage.lines:
        click.echo(f"{damage.lines} incomplete line(s) skipped: a process was killed while it wrote.", err=True)
