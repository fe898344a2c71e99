"""`slipway github`: the repository's settings, comments on pull requests, releases, waiting runs and old images."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, FILE, FOLDER, YES, examples
from slipway.cli.output import print_result, print_table

if TYPE_CHECKING:
    from slipway.github.jobs.old_images import Version
    from slipway.github.repository.settings import Step


@click.group()
def github() -> None:
    """Set up and maintain the repository on GitHub.

    Rulesets, environments, owners, comments, releases and old images.
    """


@github.command(
    epilog=examples(
        "slipway github apply", "slipway github apply --yes", "GITHUB_REPOSITORY=acme/model slipway github apply --json"
    )
)
@YES
@AS_JSON
def apply(yes: bool, as_json: bool) -> None:
    """Apply the rulesets and environments of .github/.

    The dry run shows what would be created and changed. The token is GITHUB_TOKEN, GH_TOKEN, or gh's; it needs
    Administration: write. Rulesets and environments that no file names are not changed.
    """
    from slipway.github.client.access import connect_repository
    from slipway.github.repository.apply import apply_step, list_remarks, plan_repository, summarize_steps

    with connect_repository(Path()) as client:
        steps = plan_repository(client, Path())
        if yes:
            steps = [apply_step(client, Path(), step) for step in steps]
        repository = client.repository
    remarks = list_remarks(Path())
    if not as_json:
        _print_steps(repository, steps)
    facts = {"repository": repository, "steps": steps, "remarks": remarks}
    print_result(as_json, facts, *(f"note: {remark}" for remark in remarks), summarize_steps(steps))


@github.command(epilog=examples("slipway github check", "slipway github check --json"))
@AS_JSON
def check(as_json: bool) -> None:
    """Show what is not protected in this repository.

    Compares the files of .github/ and pyproject.toml with the settings at GitHub and changes nothing; exit code 0 also
    where a protection is missing. The token needs Administration: read. What each protection is worth: docs/trust.md.
    """
    from slipway.github.client.access import connect_repository
    from slipway.github.repository.check import check_protection

    with connect_repository(Path()) as client:
        found, repository = check_protection(client, Path()), client.repository
    open_ = [each for each in found if not each.holds]
    if not as_json and open_:
        click.echo(f"{repository}: not protected")
        print_table(("what", "found", "to do"), [(each.what, each.found, each.press) for each in open_])
    said = f"{len(found) - len(open_)} of {len(found)} protections hold."
    print_result(as_json, {"repository": repository, "protections": found}, f"{said} docs/trust.md explains them.")


def _print_steps(repository: str, steps: list["Step"]) -> None:
    click.echo(repository)
    cells = [(step.kind, step.name, step.action.value, "\n".join(step.details)) for step in steps]
    print_table(("kind", "name", "action", "difference"), cells)
    for step in steps:
        for note in step.notes:
            click.echo(f"{step.kind} {step.name}: {note}")


@github.command(epilog=examples("slipway github owners @acme/ml-platform", "slipway github owners @ann @ben"))
@click.argument("owners", nargs=-1, required=True, metavar="OWNER...")
def owners(owners: tuple[str, ...]) -> None:
    """Write the owners into .github/CODEOWNERS.

    They review changes of gate.yaml, the workflows and the image.
    """
    from slipway.github.repository.owners import FILE, write_owners

    paths = write_owners(Path(), owners)
    click.echo(f"{FILE}: {', '.join(owners)} own {', '.join(paths)}. Next: commit it, then slipway github apply.")


@github.command(epilog=examples('slipway github comment --artifact artifact --event "$GITHUB_EVENT_PATH"'))
@click.option(
    "--artifact",
    type=FOLDER,
    required=True,
    metavar="DIR",
    help="Folder of the unpacked artifact: report.json only; missing or empty if the run left none.",
)
@click.option("--event", type=FILE, required=True, metavar="FILE", help="File of the event workflow_run.")
@AS_JSON
def comment(artifact: Path, event: Path, as_json: bool) -> None:
    """Write CI's report into the comment of its pull request.

    The artifact is not trusted: it is read as data, and refused if it is not exactly what CI writes. The pull request
    is the one that the event names. Without a readable report the comment says how the run ended. Exit code 0 where
    there is nothing to do, too; 1 for a refused report.
    """
    from slipway.github.client.api import GitHub
    from slipway.github.pr_report.post_comment import read_run_event, write_comment
    from slipway.settings import github_settings

    with GitHub(github_settings()) as client:
        done = write_comment(client, artifact, read_run_event(event))
    said = f"#{done.number}: comment {done.did}, {done.url}\n{done.why}"
    print_result(as_json, done, f"Nothing written: {done.why}." if done.did == "nothing" else said)


@github.command(epilog=examples("slipway github release production"))
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


@github.command(
    name="cancel-waiting",
    epilog=examples("slipway github cancel-waiting", "slipway github cancel-waiting --workflow cd.yml --json"),
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


@github.command(
    name="clean-images",
    epilog=examples("slipway github clean-images", "slipway github clean-images --keep-days 90 --yes"),
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

    Of the images in the package OWNER/NAME it keeps those of every entry of every environment, the newest ten, and
    the signatures and attestations of both. If the ledger cannot be read, nothing is deleted. The token needs
    Packages: write.
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
    print_result(as_json, facts, *old_images.summarize_versions(package, versions, yes))


def _print_images(package: str, versions: list["Version"]) -> None:
    going = [
        (each.digest[:19], f"{each.created:%Y-%m-%d}", ", ".join(each.tags) or "-", each.outcome or "to be deleted")
        for each in versions
        if not each.kept
    ]
    if going:
        click.echo(package)
        print_table(("version", "pushed", "tags", "outcome"), going)
