"""`slipway health`, `smoke`, `log`: a running service, and the predictions that it logged."""

import sys
from collections import deque
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON, BUNDLE, PATH, PORT, examples
from slipway.cli.output import print_result

if TYPE_CHECKING:
    from slipway.delivery.smoke_test import Smoke
    from slipway.serving.log.reader import Damage


@click.command(epilog=examples("slipway health", "slipway health --port 9000"))
@PORT
def health(port: int | None) -> None:
    """Check that the service on this machine is ready.

    Exit code 0 or 1. Where SLIPWAY_INSTANCE is set, the service must be the one of that name.
    """
    from slipway.serving.server.probe import probe_readiness
    from slipway.serving.settings import read_settings_unchecked

    click.echo(probe_readiness(read_settings_unchecked(port=port)))


@click.command(
    epilog=examples("slipway smoke http://127.0.0.1:8102", "slipway smoke https://model.example.org --bundle bundle")
)
@click.argument("url")
@BUNDLE
@click.option("--key", envvar="SLIPWAY_API_KEY", help="A key, where the service requires one. [env: SLIPWAY_API_KEY]")
@AS_JSON
def smoke(url: str, folder: Path, key: str | None, as_json: bool) -> None:
    """Test a running service with the golden rows.

    The service must be ready, serve this bundle's digest, give golden rows their scores, refuse an invalid row, and
    answer within the latency budget.
    """
    from slipway.bundle.verify import read_sealed
    from slipway.delivery import smoke_test

    found = smoke_test.run_smoke_test(url.rstrip("/"), read_sealed(folder), key)
    print_result(as_json, found, f"{found.url} serves {found.digest[:12]}: {describe_smoke(found)}")


def describe_smoke(found: "Smoke") -> str:
    """Return the figures of a smoke test in a few words."""
    return (
        f"{found.golden_rows} golden rows within {found.largest_difference:.1g}, {found.milliseconds:.1f} ms a request"
    )


@click.command(
    epilog=examples("slipway log", "slipway log --last 100 --json", "slipway log --follow", "slipway log --outcomes")
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
    from slipway.serving.log.outcomes import count_outcomes
    from slipway.serving.log.record import format_entry
    from slipway.serving.settings import read_log_settings

    log_folder = read_log_settings(log=folder).log
    if not log_folder.is_dir() and not follow:
        raise click.ClickException(
            f"No prediction log at {log_folder}. `slipway serve` writes one; --folder names another."
        )
    if follow and outcomes:
        raise click.UsageError("--outcomes counts once: leave out --follow.")
    damage, ends = reader.Damage(), reader.Ends()
    if outcomes:
        found = count_outcomes(log_folder, damage)
        print_result(as_json, found, *(f"{count:>8} {what}" for what, count in found.items()))
        _print_damage(damage)
        return
    entries = reader.read_log(log_folder, damage, ends)
    shown = entries if everything else deque(entries, maxlen=last)
    for entry in chain(shown, reader.follow_log(log_folder, ends) if follow else ()):
        click.echo(msgspec.json.encode(entry) if as_json else format_entry(entry))
        if follow:
            sys.stdout.flush()
    _print_damage(damage)


def _print_damage(damage: "Damage") -> None:
    """Say what was passed by, on standard error."""
    if damage.lines:
        click.echo(
            f"{damage.lines} line(s) skipped: incomplete, as a killed process leaves one, or not a log's.", err=True
        )
    if damage.files:
        click.echo(f"{damage.files} file(s) skipped: they cannot be read, or are folders or pipes.", err=True)
