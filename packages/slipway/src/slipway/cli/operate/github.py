"""`slipway github`: what `.github` says of the repository, its pinned actions, the comment of a pull request."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON, FILE

if TYPE_CHECKING:
    from slipway.github.pins import Use
    from slipway.github.steps import Step


@click.group()
def github() -> None:
    """The repository at GitHub: rulesets, environments, owners, pinned actions."""


@github.command(
    epilog="""\b
Examples:
  slipway github apply
  slipway github apply --yes
  GITHUB_REPOSITORY=acme/model slipway github apply --json
"""
)
@click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")
@AS_JSON
def apply(yes: bool, as_json: bool) -> None:
    """Make the repository's rulesets and environments those of .github/.

    Shows what would be created, changed and left. The token is GITHUB_TOKEN, GH_TOKEN, or that of gh; it needs the
    permission Administration: write. Rulesets and environments that no file names are left alone.
    """
    from slipway.github import apply as work
    from slipway.github.access import connect

    with connect(Path()) as client:
        steps = work.plan(client, Path())
        if yes:
            steps = [work.carry_out(client, Path(), step) for step in steps]
        repository = client.repository
    remarks = work.remarks(Path())
    if as_json:
        click.echo(msgspec.json.encode({"repository": repository, "steps": steps, "remarks": remarks}))
        return
    _show(repository, steps)
    for remark in remarks:
        click.echo(f"note: {remark}")
    click.echo(work.closing(steps))


@github.command(
    epilog="""\b
Examples:
  slipway github owners @acme/ml-platform
  slipway github owners @ann @ben
"""
)
@click.argument("owners", nargs=-1, required=True, metavar="OWNER...")
def owners(owners: tuple[str, ...]) -> None:
    """Write who must review gate.yaml, the workflows and the image into .github/CODEOWNERS."""
    from slipway.github.owners import FILE, fill

    paths = fill(Path(), owners)
    click.echo(f"{FILE}: {', '.join(owners)} own {', '.join(paths)}. Next: commit it, then slipway github apply.")


@github.command(
    epilog="""\b
Examples:
  slipway github pins
  slipway github pins --write
"""
)
@click.option("--write", is_flag=True, help="Write the lock file anew from what the workflows say.")
@AS_JSON
def pins(write: bool, as_json: bool) -> None:
    """Check every `uses:` of .github against .github/actions.json: name, version and commit.

    Exit code 1 if one is not pinned by a commit, not in the lock file, or another one there. After an honest update,
    --write takes over what the workflows say; its owners see the lock file in the pull request.
    """
    from slipway.github import pins as work

    if write:
        lock = work.relock(Path())
        click.echo(f"{work.LOCK}: {len(lock)} actions")
        return
    uses = work.read_uses(Path())
    lock = work.read_lock(Path())
    wrong = work.violations(uses, lock, Path())
    if as_json:
        click.echo(msgspec.json.encode({"uses": uses, "violations": wrong}))
    else:
        _show_pins(uses, wrong)
    sys.exit(1 if wrong else 0)


def _show_pins(uses: list["Use"], wrong: list[str]) -> None:
    from slipway.github.pins import LOCK

    for line in wrong:
        click.echo(line, err=True)
    actions = {use.action for use in uses if not use.local}
    if wrong:
        click.echo(f"{len(wrong)} of {len(uses)} are not as {LOCK} says. An honest update: --write.", err=True)
    else:
        click.echo(f"{len(uses)} uses of {len(actions)} actions: each is the commit that {LOCK} names")


def _show(repository: str, steps: list["Step"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", "name", "action", "what", title=repository, title_justify="left")
    for step in steps:
        table.add_row(step.kind, step.name, step.action.value, "\n".join(step.details))
    console = Console(highlight=False, markup=False)
    console.print(table)
    for step in steps:
        for note in step.notes:
            console.print(f"{step.kind} {step.name}: {note}")


@github.command(
    epilog="""\b
Examples:
  slipway github comment --artifact artifact --event "$GITHUB_EVENT_PATH"
"""
)
@click.option(
    "--artifact",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The unpacked artifact: report.json, nothing else; missing or empty if the run left none.",
)
@click.option("--event", type=FILE, required=True, metavar="FILE", help="The event workflow_run as GitHub wrote it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
def comment(artifact: Path, event: Path, as_json: bool) -> None:
    """Write CI's report into the one comment of its pull request.

    The artifact is a stranger's: it is read as data, and refused if it is not exactly what CI writes. Which pull
    request it belongs to is GitHub's word. Without a readable report the comment says how the run ended. Exit code 0
    also where there is nothing to do, 1 for a report that was refused.
    """
    from slipway.github.api import GitHub
    from slipway.github.comment import comment as write
    from slipway.github.comment import read_event
    from slipway.settings import github_settings

    with GitHub(github_settings()) as client:
        done = write(client, artifact, read_event(event))
    if as_json:
        click.echo(msgspec.json.encode(done))
    elif done.did == "nothing":
        click.echo(f"Nothing written: {done.why}.")
    else:
        click.echo(f"#{done.number}: comment {done.did}, {done.url}\n{done.why}")
