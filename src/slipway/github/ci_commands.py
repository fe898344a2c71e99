"""`slipway ci`: what the jobs of a workflow run."""

from pathlib import Path

import click
import msgspec

_FILE = click.Path(path_type=Path, dir_okay=False)


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
@click.option("--out", type=_FILE, required=True, metavar="FILE", help="Where to write the report.")
@click.option("--gate", type=_FILE, metavar="FILE", help="What `slipway gate --out` wrote; it may be missing.")
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
@click.argument("file", type=_FILE)
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
