"""`slipway github`: settings of the repository from `.github`, the comment of a pull request."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.operate import github_runs
from slipway.cli.options import AS_JSON, FILE, FOLDER, YES
from slipway.cli.output import print_result, print_table

if TYPE_CHECKING:
    from slipway.github.repository.steps import Step


@click.group()
def github() -> None:
    """Set up and maintain the repository on GitHub.

    Rulesets, environments, owners, comments, releases and old images.
    """


for command in github_runs.COMMANDS:
    github.add_command(command)


@github.command(
    epilog="""\b
Examples:
  slipway github apply
  slipway github apply --yes
  GITHUB_REPOSITORY=acme/model slipway github apply --json
"""
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


def _print_steps(repository: str, steps: list["Step"]) -> None:
    click.echo(repository)
    cells = [(step.kind, step.name, step.action.value, "\n".join(step.details)) for step in steps]
    print_table(("kind", "name", "action", "difference"), cells)
    for step in steps:
        for note in step.notes:
            click.echo(f"{step.kind} {step.name}: {note}")


@github.command(
    epilog="""\b
Examples:
  slipway github owners @acme/ml-platform
  slipway github owners @ann @ben
"""
)
@click.argument("owners", nargs=-1, required=True, metavar="OWNER...")
def owners(owners: tuple[str, ...]) -> None:
    """Write the owners into .github/CODEOWNERS.

    They review changes of gate.yaml, the workflows and the image.
    """
    from slipway.github.repository.owners import FILE, write_owners

    paths = write_owners(Path(), owners)
    click.echo(f"{FILE}: {', '.join(owners)} own {', '.join(paths)}. Next: commit it, then slipway github apply.")


@github.command(
    epilog="""\b
Examples:
  slipway github comment --artifact artifact --event "$GITHUB_EVENT_PATH"
"""
)
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
    from slipway.github.pr_report.comment import read_run_event, write_comment
    from slipway.settings import github_settings

    with GitHub(github_settings()) as client:
        done = write_comment(client, artifact, read_run_event(event))
    said = f"#{done.number}: comment {done.did}, {done.url}\n{done.why}"
    print_result(as_json, done, f"Nothing written: {done.why}." if done.did == "nothing" else said)
