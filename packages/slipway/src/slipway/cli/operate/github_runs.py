"""`slipway github release`, `cancel-waiting`, `clean-images`: what workflows do on GitHub after a deployment."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, YES
from slipway.cli.output import print_result, print_table

if TYPE_CHECKING:
    from slipway.github.jobs.old_images import Version


@click.command(
    epilog="""\b
Examples:
  slipway github release production
"""
)
@ENVIRONMENT
@AS_JSON
def release(environment: str, as_json: bool) -> None:
    """Create a GitHub release of what an environment serves.

    Its tag is ENV-<number of the ledger's entry>, at the source commit; its text is the output of `slipway show`. An
    existing release is not changed. The token needs Contents: write.
    """
    from slipway.github.client.access import connect_repository
    from slipway.github.jobs.release import create_release

    with connect_repository(Path()) as client:
        found = create_release(client, Path(), environment)
    did = "released as" if found.created else "already released as"
    print_result(as_json, found, f"{found.title}: {did} {found.tag}, {found.url}")


@click.command(
    name="cancel-waiting",
    epilog="""\b
Examples:
  slipway github cancel-waiting
  slipway github cancel-waiting --workflow cd.yml --json
""",
)
@click.option("--workflow", default="cd.yml", show_default=True, metavar="FILE", help="File of the workflow.")
@AS_JSON
def cancel_waiting(workflow: str, as_json: bool) -> None:
    """Cancel the runs of a workflow that wait for an approval.

    After a rollback, so that no older promotion is approved. A run that does not wait yet ends at staging: its
    promotion is refused. The token needs Actions: write.
    """
    from slipway.github.client.access import connect_repository
    from slipway.github.jobs.waiting import cancel_waiting_runs

    with connect_repository(Path()) as client:
        found = cancel_waiting_runs(client, workflow)
    lines = []
    for run in found:
        said = "cancelled" if run.cancelled else "not cancelled: it no longer waited"
        lines.append(f"run {run.run}, {run.commit[:12]}, {run.title}: {said}, {run.url}")
    lines = lines or [f"No run of {workflow} waits for an approval."]
    print_result(as_json, {"workflow": workflow, "runs": found}, *lines)


@click.command(
    name="clean-images",
    epilog="""\b
Examples:
  slipway github clean-images
  slipway github clean-images --keep-days 90 --yes
""",
)
@click.option(
    "--keep-days",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    metavar="N",
    help="Younger images are kept.",
)
@YES
@AS_JSON
def clean_images(keep_days: int, yes: bool, as_json: bool) -> None:
    """Delete old images that the ledger does not name.

    They are those of the package OWNER/NAME. Images of any entry of any environment are kept, and the newest ten, and
    signatures and attestations of those. If the ledger cannot be read, nothing is deleted. The token needs Packages:
    write.
    """
    from slipway.github.client.access import connect_repository
    from slipway.github.jobs import old_images
    from slipway.ledger import Ledger

    # First of all: without a ledger nothing may be deleted.
    named = old_images.list_ledger_digests(Ledger(Path()))
    with connect_repository(Path()) as client:
        package = old_images.find_package(client)
        versions = old_images.choose_versions(old_images.read_versions(client, package), named, keep_days)
        if yes:
            versions = [each if each.kept else old_images.delete_version(client, package, each) for each in versions]
    if not as_json:
        _print_images(package, versions)
    facts = {"package": package, "keep_days": keep_days, "versions": versions}
    print_result(as_json, facts, *_summary(package, versions, yes))


def _print_images(package: str, versions: list["Version"]) -> None:
    going = [
        (each.digest[:19], f"{each.created:%Y-%m-%d}", ", ".join(each.tags) or "-", each.outcome or "to be deleted")
        for each in versions
        if not each.kept
    ]
    if going:
        click.echo(package)
        print_table(("version", "pushed", "tags", "outcome"), going)


def _summary(package: str, versions: list["Version"], done: bool) -> list[str]:
    if not versions:
        return [f"No package {package}, or the token may not read it: nothing to delete."]
    kept = Counter(each.kept for each in versions if each.kept)
    lines = [f"{count} kept: {reason}" for reason, count in sorted(kept.items())]
    going = [each for each in versions if not each.kept]
    if not going:
        return [*lines, "Nothing to delete."]
    if done:
        deleted = sum(each.outcome == "deleted" for each in going)
        return [*lines, f"{deleted} of {len(versions)} deleted."]
    return [*lines, f"Dry run: {len(going)} of {len(versions)} would be deleted. Delete them: add --yes"]


COMMANDS = (release, cancel_waiting, clean_images)
