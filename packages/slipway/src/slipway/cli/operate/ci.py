"""`slipway ci`: what the jobs of a workflow run."""

from functools import partial
from pathlib import Path

import click
import msgspec

from slipway.cli.options import FILE, FOLDER, RELEASE, sayer


@click.group()
def ci() -> None:
    """What the jobs of a workflow run: plan, data, report, verdict, images."""


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
    from slipway.github.collect import collect
    from slipway.github.event import head_of_event
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
  slipway ci data
  slipway ci data >> "$GITHUB_OUTPUT"
"""
)
def data() -> None:
    """Fetch the data that data.dvc names; where that fails, an output of the step says why: trouble=...

    What DVC says goes to standard error.
    """
    from slipway.errors import DataError
    from slipway.github.data import pull
    from slipway.github.event import from_a_fork
    from slipway.settings import job_settings

    try:
        pull(Path(), partial(click.echo, err=True), fork=from_a_fork(job_settings().event))
    except DataError as error:
        click.echo(f"trouble={error}")
        raise


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
  slipway ci push --release release --repository ghcr.io/acme/model >> "$GITHUB_OUTPUT"
"""
)
@RELEASE
@click.option("--repository", required=True, metavar="REGISTRY/NAME", help="Where the image goes.")
def push(folder: Path, repository: str) -> None:
    """Push a release's image unless the registry has it; outputs of a step: name, digest, whether it was built.

    One that was built is found by no other run until `slipway ci name`: before that it is attested.
    """
    from slipway.delivery.publish import publish

    found = publish(Path(), folder, repository, sayer(as_json=True), named=False)
    name, _, digest = (found.release.image or "").partition("@")
    click.echo(f"name={name}\ndigest={digest}\nbuilt={msgspec.json.encode(found.built).decode()}")


@ci.command(
    epilog="""\b
Examples:
  slipway ci name --release release
"""
)
@RELEASE
def name(folder: Path) -> None:
    """Give the pushed image of a release the name under which later runs find it."""
    from slipway.delivery.publish import give_name

    click.echo(f"The image is finished: {give_name(folder)}")


@ci.command(
    epilog="""\b
Examples:
  slipway ci connect production --folder "$RUNNER_TEMP/ssh" >> "$GITHUB_PATH"
"""
)
@click.argument("environment", metavar="ENV")
@click.option("--folder", type=FOLDER, required=True, metavar="DIR", help="Where the key lies; not in the repository.")
def connect(environment: str, folder: Path) -> None:
    """Prepare the way to an environment's server, and print the folder whose `ssh` leads there.

    SLIPWAY_HOST (ssh://user@machine), SLIPWAY_KNOWN_HOSTS and SLIPWAY_SSH_KEY make the docker context that the
    environment's table in pyproject.toml names. SLIPWAY_API_KEYS and SLIPWAY_SMOKE_KEY, where they are set, become the
    files that it names.
    """
    from slipway.github.connect import connect as prepare
    from slipway.settings import server_settings

    click.echo(prepare(Path(), environment, server_settings(), folder))


@ci.command(
    epilog="""\b
Examples:
  slipway ci servers "staging production"
"""
)
@click.argument("servers", metavar="SLIPWAY_SERVERS")
def servers(servers: str) -> None:
    """Fail if the variable SLIPWAY_SERVERS names something that is no environment."""
    from slipway.github.connect import check_servers

    check_servers(Path(), servers)
    click.echo(f"On a server: {servers or 'nothing, every environment is a rehearsal'}.")
