"""`slipway ci`: what the jobs of a workflow run."""

from pathlib import Path

import click
import msgspec

from slipway.delivery.options import FILE


@click.group()
def ci() -> None:
    """Write down what CI found about a pull request."""


@ci.command(
    epilog="""\b
Examples:
  slipway ci report --base origin/main --out report.json
  slipway ci report --base "$BASE" --gate gate.json --out report.json
"""
)
@click.option("--base", required=True, metavar="REV", help="The commit that the pull request wants to change.")
@click.option("--out", type=FILE, required=True, metavar="FILE", help="Where to write the report.")
@click.option("--gate", type=FILE, metavar="FILE", help="What `slipway gate --out` wrote; it may be missing.")
@click.option("--head", metavar="SHA", help="The commit it is about; without it the event's, then the checked out one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")
def report(base: str, out: Path, gate: Path | None, head: str | None, as_json: bool) -> None:
    """Gather the report of what is checked out: verdict, jobs, differences in data, parameters, rules, metrics.

    The results of the jobs come from the variable NEEDS, which holds `toJSON(needs)`. It works when jobs have failed.
    """
    from slipway.files import write_json
    from slipway.github.collect import collect, head_of_event
    from slipway.github.render import headline
    from slipway.github.report import decode
    from slipway.settings import job_settings

    job = job_settings()
    found = collect(Path(), base, head=head or head_of_event(job.event), gate=gate, needs=job.needs)
    # Whoever reads it holds it against its schema: better that it fails here.
    decode(msgspec.json.encode(found))
    write_json(out, found)
    click.echo(msgspec.json.encode(found) if as_json else f"{headline(found)} Written to {out}.")


@ci.command(
    epilog="""\b
Examples:
  slipway ci summary report.json
  slipway ci summary report.json >> "$GITHUB_STEP_SUMMARY"
"""
)
@click.argument("file", type=FILE)
def summary(file: Path) -> None:
    """Print a report as Markdown."""
    from slipway.errors import GitHubError
    from slipway.github.render import render
    from slipway.github.report import decode

    try:
        content = file.read_bytes()
    except OSError as error:
        raise GitHubError(f"There is no report: {error}. `slipway ci report` writes one.") from error
    click.echo(render(decode(content)), nl=False)


@ci.command(
    epilog="""\b
Examples:
  slipway ci plan --base origin/main
  slipway ci plan --base "$BASE" >> "$GITHUB_OUTPUT"
"""
)
@click.option("--base", default="", metavar="REV", help="The commit to compare with; without it every job runs.")
def plan(base: str) -> None:
    """Say which jobs the change can affect, as an output of a step: jobs=[...]."""
    from slipway.github.plan import changed_files
    from slipway.github.plan import plan as choose
    from slipway.settings import job_settings

    jobs = choose(job_settings().event_name, changed_files(Path(), base))
    click.echo(f"jobs={msgspec.json.encode(jobs).decode()}")


@ci.command(
    epilog="""\b
Examples:
  NEEDS='${{ toJSON(needs) }}' slipway ci verdict
"""
)
def verdict() -> None:
    """Fail unless every job was successful, or skipped because the plan said so; NEEDS holds `toJSON(needs)`."""
    from slipway.errors import GitHubError
    from slipway.github.plan import judge
    from slipway.settings import job_settings

    if wrong := judge(job_settings().needs):
        raise GitHubError("Not every job did what it should. " + "; ".join(wrong) + ".")
    click.echo("Every job was successful, or rightly skipped.")


@ci.command(
    epilog="""\b
Examples:
  slipway ci reproduced
  slipway ci reproduced .demo
"""
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path())
def reproduced(folder: Path) -> None:
    """Fail unless the run in FOLDER has the committed inputs, parameters and metrics."""
    from slipway.errors import GitHubError
    from slipway.github.reproduced import differences

    if wrong := differences(folder):
        lines = "\n".join(wrong)
        raise GitHubError(f"The committed figures are not those of this code.\n{lines}\nRun make repro and commit.")
    click.echo("Inputs and parameters are the committed ones, and so are the metrics.")


@ci.command(
    epilog="""\b
Examples:
  slipway ci delivery production >> "$GITHUB_STEP_SUMMARY"
"""
)
@click.argument("environment", metavar="ENV")
def delivery(environment: str) -> None:
    """Print what the environment serves and where it came from, as Markdown."""
    from slipway.delivery.status import lineage
    from slipway.github.delivered import render

    click.echo(render(lineage(Path(), environment)), nl=False)


@ci.command(
    epilog="""\b
Examples:
  slipway ci image --release release >> "$GITHUB_OUTPUT"
"""
)
@click.option("--release", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
def image(folder: Path) -> None:
    """Print name and digest of the release's image, as outputs of a step."""
    from slipway.delivery.release import read_chosen
    from slipway.errors import GitHubError

    found = read_chosen(folder).release.image
    if found is None:
        raise GitHubError(f"The release in {folder} has no image yet. `slipway publish` builds and pushes it.")
    name, _, digest = found.partition("@")
    click.echo(f"name={name}\ndigest={digest}")
