"""`slipway ci`: steps of the workflow ci: plan, data, report, verdict."""

from functools import partial
from pathlib import Path

import click
import msgspec

from slipway.cli.operate import ci_delivery
from slipway.cli.options import AS_JSON, FILE, FOLDER
from slipway.cli.output import print_result


@click.group()
def ci() -> None:
    """Run a step of a workflow.

    Most steps print outputs for GITHUB_OUTPUT, or Markdown for GITHUB_STEP_SUMMARY.
    """


for step in ci_delivery.COMMANDS:
    ci.add_command(step)


@ci.command(
    epilog="""\b
Examples:
  slipway ci report --base origin/main --out report.json
  slipway ci report --base "$BASE" --gate gate.json --out report.json
"""
)
@click.option("--base", required=True, metavar="REV", help="Base commit of the pull request.")
@click.option("--out", type=FILE, required=True, metavar="FILE", help="File of the report.")
@click.option("--gate", type=FILE, metavar="FILE", help="File of `slipway gate --out`; it may be missing.")
@click.option("--head", metavar="SHA", help="Commit of the report.  [default: the event's, else the checked out one]")
@AS_JSON
def report(base: str, out: Path, gate: Path | None, head: str | None, as_json: bool) -> None:
    """Write the report of a pull request.

    It holds verdict, jobs, and differences in data, parameters, rules and metrics. The results of the jobs are
    read from the variable NEEDS, `toJSON(needs)`; the report is written when jobs have failed, too.
    """
    from slipway.files.writing import write_json
    from slipway.github.jobs.event import read_head
    from slipway.github.pr_report.collect import collect_report
    from slipway.github.pr_report.render import render_headline
    from slipway.github.pr_report.report import decode_report
    from slipway.settings import job_settings

    job = job_settings()
    found = collect_report(Path(), base, head=head or read_head(job.event), gate=gate, needs=job.needs)
    # The reader validates it against its schema: an invalid report fails here instead.
    decode_report(msgspec.json.encode(found))
    write_json(out, found)
    print_result(as_json, found, f"{render_headline(found)} Written to {out}.")


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
    from slipway.files.documents import read_content
    from slipway.github.pr_report.render import render_report
    from slipway.github.pr_report.report import decode_report

    content = read_content(file, GitHubError, "`slipway ci report` writes one.")
    click.echo(render_report(decode_report(content)), nl=False)


@ci.command(
    epilog="""\b
Examples:
  slipway ci plan --base origin/main
  slipway ci plan --base "$BASE" >> "$GITHUB_OUTPUT"
"""
)
@click.option("--base", default="", metavar="REV", help="Commit to compare with; without it, every job runs.")
def plan(base: str) -> None:
    """Print the jobs that the change can affect.

    It is an output of a step: jobs=[...]. After a push there are none if the pull request passed on the same tree;
    GITHUB_TOKEN needs Checks: read and Pull requests: read.
    """
    from slipway.github.client.api import GitHub
    from slipway.github.jobs.passed import has_passed
    from slipway.github.jobs.plan import list_changed_files, plan_jobs
    from slipway.settings import github_settings, job_settings

    job = job_settings()
    jobs = plan_jobs(job.event_name, list_changed_files(Path(), base, job.event_name))
    if job.event_name == "push":
        with GitHub(github_settings()) as client:
            jobs = [] if has_passed(client, job.commit) else jobs
    click.echo(f"jobs={msgspec.json.encode(jobs).decode()}")


@ci.command(
    epilog="""\b
Examples:
  slipway ci data
  slipway ci data >> "$GITHUB_OUTPUT"
"""
)
def data() -> None:
    """Pull the data that data.dvc names.

    Where that fails, an output of the step holds the reason: trouble=... DVC's own output goes to standard error.
    """
    from slipway.errors import DataError
    from slipway.github.jobs.data import pull_data
    from slipway.github.jobs.event import is_from_fork
    from slipway.settings import job_settings

    try:
        pull_data(Path(), partial(click.echo, err=True), fork=is_from_fork(job_settings().event))
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
    """Fail unless every job ended as planned.

    That is: it succeeded, or was skipped by the plan. The variable NEEDS is `toJSON(needs)`.
    """
    from slipway.errors import GitHubError
    from slipway.github.jobs.plan import judge_jobs
    from slipway.settings import job_settings

    if wrong := judge_jobs(job_settings().needs):
        raise GitHubError("Jobs did not end as planned. " + "; ".join(wrong) + ".")
    click.echo("Every job succeeded, or was skipped by the plan.")


@ci.command(
    epilog="""\b
Examples:
  slipway ci reproduced
  slipway ci reproduced .demo
"""
)
@click.argument("folder", type=FOLDER, default=Path())
def reproduced(folder: Path) -> None:
    """Fail unless the run in FOLDER has the committed figures.

    Inputs and parameters must be equal, metrics equal within a tolerance.
    """
    from slipway.errors import GitHubError
    from slipway.github.jobs.reproduced import compare_with_commit

    if wrong := compare_with_commit(folder):
        lines = "\n".join(wrong)
        raise GitHubError(f"The committed figures differ from this run's.\n{lines}\nRun `make repro` and commit.")
    click.echo("Inputs, parameters and metrics are the committed ones.")
