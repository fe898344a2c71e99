"""`slipway status`, `show`, `history`: what environments serve, where it came from, and what they served before."""

from collections.abc import Sequence
from pathlib import Path

import click

from slipway.cli.options import ANY_ENVIRONMENT, AS_JSON, examples
from slipway.cli.output import print_result, print_table, printable_line, warn_offline
from slipway.ledger import Entry, Ledger


@click.command(epilog=examples("slipway status", "slipway status --json"))
@AS_JSON
def status(as_json: bool) -> None:
    """Show what each environment should run, and what runs.

    The ledger says what should run. Where something else runs, the difference is shown, with the command that
    reconciles them.
    """
    from slipway.delivery.status import describe_status, read_status

    found = read_status(Path())
    # One ledger keeps them all.
    trust = [f"{'ledger':<12} {found[0].trust}"] if found else []
    print_result(as_json, found, *map(describe_status, found), *trust)


@click.command(epilog=examples("slipway show", "slipway show production", "slipway show production --json"))
@ANY_ENVIRONMENT
@AS_JSON
def show(environment: str | None, as_json: bool) -> None:
    """Show where the release that serves came from.

    Of ENV, or of every environment: bundle, image, model version, MLflow run, commit, data, the gate's verdict, who
    deployed it, and when.
    """
    from slipway.delivery.status import trace_release, trace_releases

    traced = [trace_release(Path(), environment)] if environment else trace_releases(Path())
    lines = "\n\n".join("\n".join(map(_describe_fact, facts.items())) for facts in traced)
    print_result(as_json, traced[0] if environment else traced, lines)


def _describe_fact(fact: tuple[str, object]) -> str:
    name, value = fact
    return f"{name.replace('_', ' '):<14} {'-' if value is None else printable_line(str(value))}"


@click.command(
    epilog=examples(
        "slipway history",
        "slipway history production",
        "slipway history staging --limit 5",
        "slipway history production --json",
    )
)
@ANY_ENVIRONMENT
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Largest number of entries.")
@AS_JSON
def history(environment: str | None, limit: int, as_json: bool) -> None:
    """Show the ledger's entries, newest first.

    Of ENV, or of every environment.
    """
    ledger = Ledger(Path())
    found = []
    for number, name in enumerate([environment] if environment else ledger.environments()):
        entries = list(ledger.history(name, limit))
        newest = entries[0]
        if not as_json:
            click.echo("\n" * (number > 0), nl=False)
            _print_entries(entries)
            print_result(False, None, *_summary(newest, len(entries)))
        facts = {
            "environment": name,
            "serving": newest.serving,
            "since": newest.since,
            "blocked": newest.blocked,
            "offline": ledger.offline,
            "entries": entries,
        }
        found.append(facts)
    if as_json:
        print_result(True, found[0] if environment else found)
    warn_offline(ledger.offline)


def _summary(newest: Entry, shown: int) -> list[str]:
    lines = [f"{newest.environment} serves nothing"]
    if newest.serving and newest.since:
        lines = [f"{newest.environment} serves {newest.serving.shown} since {newest.since:%Y-%m-%d %H:%M} UTC"]
    if newest.blocked:
        lines.append(f"blocked: {', '.join(digest[:12] for digest in newest.blocked)}")
    if shown <= newest.number:
        lines.append(f"{newest.number + 1 - shown} older entries: `slipway history {newest.environment} --limit N`")
    return lines


def _print_entries(entries: Sequence[Entry]) -> None:
    # Where images run, the same model in two of them is two releases.
    images = [entry.release.image_digest if entry.release else "" for entry in entries]
    shown = ["image"] if any(images) else []
    print_table(
        ("number", "when (UTC)", "event", "bundle", *shown, "who", "reason"),
        [
            (
                str(entry.number),
                f"{entry.at:%Y-%m-%d %H:%M}",
                entry.event.value,
                entry.release.bundle[:12] if entry.release else "",
                *([image] if shown else []),
                entry.by.split("<")[0].strip() or entry.by,
                entry.reason,
            )
            for entry, image in zip(entries, images, strict=True)
        ],
    )
