"""`slipway github release`, `cancel-waiting`, `clean-images`: what the workflows do at GitHub beside deploying."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON

if TYPE_CHECKING:
    from slipway.github.images import Version


@click.command(
    epilog="""\b
Examples:
  slipway github release production
"""
)
@click.argument("environment", metavar="ENV")
@AS_JSON
def release(environment: str, as_json: bool) -> None:
    """Make a release at GitHub of what ENV serves now, by the ledger.

    Its tag is ENV-<number of the entry>, at the source commit; its text is where the release came from. If the tag has
    a release already, nothing is changed. The token needs Contents: write.
    """
    from slipway.github.access import connect
    from slipway.github.release import release as make

    with connect(Path()) as client:
        found = make(client, Path(), environment)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{found.title}: {'released as' if found.created else 'there already,'} {found.tag}, {found.url}")


@click.command(
    name="cancel-waiting",
    epilog="""\b
Examples:
  slipway github cancel-waiting
  slipway github cancel-waiting --workflow cd.yml --json
""",
)
@click.option("--workflow", default="cd.yml", show_default=True, metavar="FILE", help="The workflow's file.")
@AS_JSON
def cancel_waiting(workflow: str, as_json: bool) -> None:
    """Cancel the runs of a workflow that wait for an approval.

    After a rollback nobody shall approve what was on its way. Runs that are still at work end at staging, because their
    promotion is refused. The token needs Actions: write.
    """
    from slipway.github.access import connect
    from slipway.github.waiting import cancel_waiting as cancel

    with connect(Path()) as client:
        found = cancel(client, workflow)
    if as_json:
        click.echo(msgspec.json.encode({"workflow": workflow, "runs": found}))
        return
    for run in found:
        said = "cancelled" if run.cancelled else "not cancelled: it no longer waited"
        click.echo(f"run {run.run}, {run.commit[:12]}, {run.title}: {said}, {run.url}")
    if not found:
        click.echo(f"No run of {workflow} waits for an approval.")


@click.command(
    name="clean-images",
    epilog="""\b
Examples:
  slipway github clean-images
  slipway github clean-images --keep-days 90 --yes
""",
)
@click.option(
    "--keep-days", type=click.IntRange(min=1), default=30, show_default=True, metavar="N", help="Younger ones stay."
)
@click.option("--yes", is_flag=True, help="Do it; without this nothing is deleted.")
@AS_JSON
def clean_images(keep_days: int, yes: bool, as_json: bool) -> None:
    """Delete old images of the package OWNER/NAME at GitHub that the ledger does not name.

    What any entry of any environment names stays, and the newest ten, and what was pushed beside these. If the ledger
    cannot be read, nothing is deleted. The token needs Packages: write.
    """
    from slipway.github import images
    from slipway.github.access import connect
    from slipway.ledger import Ledger

    # Before GitHub is asked for anything: without a ledger nobody knows what may go.
    named = images.named_by_ledger(Ledger(Path()))
    with connect(Path()) as client:
        package = images.address(client)
        versions = images.choose(images.read_versions(client, package), named, keep_days)
        if yes:
            versions = [each if each.kept else images.delete(client, package, each) for each in versions]
    if as_json:
        click.echo(msgspec.json.encode({"package": package, "keep_days": keep_days, "versions": versions}))
    else:
        _show(package, versions, yes)


def _show(package: str, versions: list["Version"], done: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    going = [each for each in versions if not each.kept]
    if going:
        table = Table("version", "pushed", "tags", "what", title=package, title_justify="left")
        for each in going:
            what = each.outcome or "to be deleted"
            table.add_row(each.digest[:19], f"{each.created:%Y-%m-%d}", ", ".join(each.tags) or "-", what)
        Console(highlight=False, markup=False).print(table)
    reasons = sorted({each.kept for each in versions if each.kept})
    for reason in reasons:
        click.echo(f"{sum(each.kept == reason for each in versions)} stay: {reason}")
    if not versions:
        click.echo(f"There is no package {package}, or the token may not see it: nothing to delete.")
    elif not going:
        click.echo("Nothing to delete.")
    elif done:
        click.echo(f"{sum(each.outcome == 'deleted' for each in going)} of {len(versions)} deleted.")
    else:
        click.echo(f"{len(going)} of {len(versions)} would be deleted. Nothing was yet. Do it: add --yes")


COMMANDS = (release, cancel_waiting, clean_images)
