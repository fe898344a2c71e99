"""The ledger's commands: `ledger init`, `ledger verify`, `ledger unblock`, `history`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from slipway.errors import LedgerError
from slipway.ledger.entry import Entry, Event
from slipway.ledger.ledger import Ledger
from slipway.ledger.succession import follow

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
ENVIRONMENT = click.argument("environment", metavar="ENV")


def _spoken(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("say why: it stays in the ledger.")
    return text.strip()


REASON = click.option("--reason", required=True, callback=_spoken, help="Why; it stays in the ledger.")


@click.group()
def ledger() -> None:
    """Begin, verify and mend the ledger on the git branch deployments."""


@ledger.command(
    epilog="""\b
Examples:
  slipway ledger init --reason "first delivery"
  slipway ledger init --environment canary --reason "a third environment"
"""
)
@click.option(
    "--environment",
    "environments",
    multiple=True,
    default=("staging", "production"),
    show_default=True,
    metavar="NAME",
    help="An environment; may be given several times.",
)
@click.option("--unless-there", is_flag=True, help="Do nothing where each of them has begun already.")
@REASON
@AS_JSON
def init(environments: tuple[str, ...], unless_there: bool, reason: str, as_json: bool) -> None:
    """Write the genesis entry of each environment: nothing serves yet."""
    found = Ledger(Path())
    if unless_there and found.exists() and set(environments) <= set(found.environments()):
        _show(as_json, {"environments": found.environments()}, "ledger: it has begun already, nothing was written")
        return
    found.init(environments, found.by, reason)
    facts = {"environments": sorted(environments), "remote": found.remote, "by": found.by}
    where = f"at the remote {found.remote!r}" if found.remote else "in this repository (no remote)"
    _show(
        as_json,
        facts,
        f"ledger: {', '.join(sorted(environments))} begin on the branch deployments {where}",
        "next: `slipway deploy staging` brings the release there that the gate chose",
    )


@ledger.command(
    epilog="""\b
Examples:
  slipway ledger verify
  slipway ledger verify --json
"""
)
@AS_JSON
def verify(as_json: bool) -> None:
    """Verify every entry and every bundle of the ledger, from its first commit."""
    found = Ledger(Path())
    commits = found.verify()
    newest = [found.read(name) for name in found.environments()]
    facts = {"commits": commits, "entries": {entry.environment: entry.number for entry in newest}}
    _show(
        as_json,
        facts | {"remote": found.remote, "offline": found.offline},
        f"verified: {commits:,} commits, " + ", ".join(f"{entry.environment} {entry.number}" for entry in newest),
    )
    _say_offline(found)


@ledger.command(
    epilog="""\b
Examples:
  slipway ledger unblock production 3fa9c12b4d5e --reason "the outage was the network's"
"""
)
@ENVIRONMENT
@click.argument("digest")
@REASON
@AS_JSON
def unblock(environment: str, digest: str, reason: str, as_json: bool) -> None:
    """Let a bundle come back that was rolled back or failed; the first digits of its digest will do."""
    found = Ledger(Path())
    entry = found.append(environment, _unblocking(digest, found.by, reason))
    _show(as_json, entry, f"{environment} {entry.number}: {digest} may come back: {reason}")


def _unblocking(digest: str, by: str, reason: str) -> Callable[[Entry], Entry]:
    def make(newest: Entry) -> Entry:
        fitting = [blocked for blocked in newest.blocked if blocked.startswith(digest)]
        if len(fitting) != 1:
            listed = ", ".join(f"{blocked[:12]} (entry {number})" for blocked, number in newest.blocked.items())
            raise LedgerError(
                f"Nothing was written: {digest} names {len(fitting)} of the bundles that {newest.environment} blocks: "
                f"{listed or 'there are none'}."
            )
        return follow(newest, Event.UNBLOCK, by=by, reason=reason, unblock=fitting[0])

    return make


@click.command(
    epilog="""\b
Examples:
  slipway history production
  slipway history staging --limit 5
  slipway history production --json
"""
)
@ENVIRONMENT
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many entries at most.")
@AS_JSON
def history(environment: str, limit: int, as_json: bool) -> None:
    """What happened to an environment, newest first, and what serves now."""
    found = Ledger(Path())
    entries = list(found.history(environment, limit))
    newest = entries[0]
    if as_json:
        facts = {"environment": environment, "serving": newest.serving, "since": newest.since}
        _show(True, facts | {"blocked": newest.blocked, "offline": found.offline, "entries": entries})
    else:
        _print_table(entries)
        click.echo("\n".join(_summary(newest, len(entries))))
    _say_offline(found)


def _summary(newest: Entry, shown: int) -> list[str]:
    lines = [f"{newest.environment} serves nothing"]
    if newest.serving and newest.since:
        lines = [f"{newest.environment} serves {newest.serving.shown} since {newest.since:%Y-%m-%d %H:%M} UTC"]
    if newest.blocked:
        lines.append(f"blocked: {', '.join(digest[:12] for digest in newest.blocked)}")
    if shown <= newest.number:
        lines.append(f"{newest.number + 1 - shown} older entries: `slipway history {newest.environment} --limit N`")
    return lines


def _print_table(entries: Sequence[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Where images run, the same model in two of them is two releases.
    images = [entry.release.image_digest if entry.release else "" for entry in entries]
    shown = ["image"] if any(images) else []
    table = Table("number", "when (UTC)", "event", "bundle", *shown, "who", "reason", box=None, pad_edge=False)
    for entry, image in zip(entries, images, strict=True):
        cells = (
            str(entry.number),
            f"{entry.at:%Y-%m-%d %H:%M}",
            entry.event.value,
            entry.release.bundle[:12] if entry.release else "",
            *([image] if shown else []),
            entry.by.split("<")[0].strip() or entry.by,
            entry.reason,
        )
        table.add_row(*(Text(cell, no_wrap=cell is not cells[-1]) for cell in cells))
    console = Console()
    # A log has no width: nothing of it is cut or wrapped.
    (console if console.is_terminal else Console(width=250)).print(table)


def _show(as_json: bool, facts: Any, *lines: str) -> None:
    click.echo(msgspec.json.encode(facts) if as_json else "\n".join(lines))


def _say_offline(found: Ledger) -> None:
    if found.offline:
        click.echo(f"This may be old: {found.offline}", err=True)
