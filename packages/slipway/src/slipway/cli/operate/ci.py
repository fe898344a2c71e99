"""`slipway ci`: steps of the workflows, in the order of ci and then of a delivery."""

from functools import partial
from pathlib import Path

import click
import msgspec

from slipway.cli.operate.ledger_steps import LEDGER_STEPS
from slipway.cli.operate.production_steps import STEPS
from slipway.cli.options import AS_JSON, ENVIRONMENT, FILE, FOLDER, RELEASE, REPOSITORY, examples
from slipway.cli.output import print_result, progress_printer
from slipway.errors import DataError, GitHubError
from slipway.files.documents import read_content
from slipway.files.writing import write_json
from slipway.settings import github_settings, job_settings, server_settings


@click.group()
def ci() -> None:
    """Run a step of a workflow.

    Most steps print outputs for GITHUB_OUTPUT, or Markdown for GITHUB_STEP_SUMMARY.
    """


@ci.command(
    epilog=examples(
        "slipway ci report --base origin/main --out report.json",
        'slipway ci report --base "$BASE" --gate gate.json --out report.json',
    )
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
    from slipway.github.jobs.context import read_head
    from slipway.github.pr_report.collect import collect_report
    from slipway.github.pr_report.render import render_headline
    from slipway.github.pr_report.schema import decode_report

    job = job_settings()
    found = collect_report(Path(), base, head=head or read_head(job.event), gate=gate, needs=job.needs)
    # The reader validates it against its schema: an invalid report fails here instead.
    decode_report(msgspec.json.encode(found))
    write_json(out, found)
    print_result(as_json, found, f"{render_headline(found)} Written to {out}.")


@ci.command(
    epilog=examples("slipway ci summary report.json", 'slipway ci summary report.json >> "$GITHUB_STEP_SUMMARY"')
)
@click.argument("file", type=FILE)
def summary(file: Path) -> None:
    """Print a report as Markdown."""
    from slipway.github.pr_report.render import render_report
    from slipway.github.pr_report.schema import decode_report

    content = read_content(file, GitHubError, "`slipway ci report` writes one.")
    click.echo(render_report(decode_report(content)), nl=False)


@ci.command(epilog=examples("slipway ci plan --base origin/main", 'slipway ci plan --base "$BASE" >> "$GITHUB_OUTPUT"'))
@click.option("--base", default="", metavar="REV", help="Commit to compare with; without it, every job runs.")
def plan(base: str) -> None:
    """Print the jobs that the change can affect.

    It is an output of a step: jobs=[...]. After a push there are none if the pull request passed on the same tree;
    GITHUB_TOKEN needs Checks: read and Pull requests: read.
    """
    from slipway.github.client.api import GitHub
    from slipway.github.jobs.plan import has_passed, list_changed_files, plan_jobs

    job = job_settings()
    changed = list_changed_files(Path(), base, job.event_name)
    jobs = plan_jobs(job.event_name, changed, vendored=Path("packages/slipway").is_dir())
    if job.event_name == "push":
        with GitHub(github_settings()) as client:
            jobs = [] if has_passed(client, job.commit) else jobs
    click.echo(f"jobs={msgspec.json.encode(jobs).decode()}")


@ci.command(epilog=examples("slipway ci data", 'slipway ci data >> "$GITHUB_OUTPUT"'))
def data() -> None:
    """Pull the data that data.dvc names.

    Where that fails, an output of the step holds the reason: trouble=... DVC's own output goes to standard error.
    """
    from slipway.github.jobs.context import is_from_fork
    from slipway.github.jobs.data import pull_data

    try:
        pull_data(Path(), partial(click.echo, err=True), fork=is_from_fork(job_settings().event))
    except DataError as error:
        click.echo(f"trouble={error}")
        raise


@ci.command(epilog=examples("NEEDS='${{ toJSON(needs) }}' slipway ci verdict"))
def verdict() -> None:
    """Fail unless every job ended as planned.

    That is: it succeeded, or was skipped by the plan. The variable NEEDS is `toJSON(needs)`.
    """
    from slipway.github.jobs.plan import judge_jobs

    if wrong := judge_jobs(job_settings().needs):
        raise GitHubError("Jobs did not end as planned. " + "; ".join(wrong) + ".")
    click.echo("Every job succeeded, or was skipped by the plan.")


@ci.command(epilog=examples("slipway ci reproduced", "slipway ci reproduced .demo"))
@click.argument("folder", type=FOLDER, default=Path())
def reproduced(folder: Path) -> None:
    """Fail unless the run in FOLDER has the committed figures.

    Inputs and parameters must be equal, metrics equal within a tolerance.
    """
    from slipway.github.jobs.reproduced import compare_with_commit

    if wrong := compare_with_commit(folder):
        lines = "\n".join(wrong)
        raise GitHubError(f"The committed figures differ from this run's.\n{lines}\nRun `make repro` and commit.")
    click.echo("Inputs, parameters and metrics are the committed ones.")


@ci.command(epilog=examples('slipway ci delivery production >> "$GITHUB_STEP_SUMMARY"'))
@ENVIRONMENT
def delivery(environment: str) -> None:
    """Print the release of an environment as Markdown."""
    from slipway.delivery.status import trace_release
    from slipway.github.jobs.release import render_delivery

    click.echo(render_delivery(trace_release(Path(), environment)), nl=False)


@ci.command(epilog=examples('slipway ci push --release release --repository ghcr.io/acme/model >> "$GITHUB_OUTPUT"'))
@RELEASE
@REPOSITORY
@click.option("--earlier", type=FOLDER, metavar="DIR", help="Release that an earlier attempt of this run finished.")
def push(folder: Path, repository: str, earlier: Path | None) -> None:
    """Push the image of a release, unless a record names it.

    Prints outputs of a step: name, digest, built. The records, by digest, of the same commit and bundle, are the
    release of an earlier attempt of the run, and the ledger.
    """
    from slipway.delivery.publish import publish_image

    found = publish_image(Path(), folder, repository, progress_printer(as_json=True), earlier)
    name, _, digest = (found.release.image or "").partition("@")
    click.echo(f"name={name}\ndigest={digest}\nbuilt={msgspec.json.encode(found.built).decode()}")


@ci.command(epilog=examples("slipway ci sign --release release"))
@RELEASE
def sign(folder: Path) -> None:
    """Sign the pushed image of a release.

    As [tool.slipway.signature] of pyproject.toml expects it: with the key in the variable COSIGN_KEY, which
    COSIGN_PASSWORD unlocks, or with the identity of this job.
    """
    from slipway.github.jobs.rules import sign_release

    click.echo(f"Signed: {sign_release(Path(), folder)}")


@ci.command(name="settings", epilog=examples('slipway ci settings >> "$GITHUB_OUTPUT"'))
def print_settings() -> None:
    """Print the rules on approvals and signatures.

    They are those of pyproject.toml, as outputs of a step: approval (environment or pull-request), attested (the
    repository whose cd.yml must have built an image, empty for any), signed (true, or empty).
    """
    from slipway.github.jobs.rules import read_job_rules

    for name, value in read_job_rules(Path(), job_settings().event).items():
        click.echo(f"{name}={value}")


@ci.command(epilog=examples('slipway ci connect production --folder "$RUNNER_TEMP/ssh" >> "$GITHUB_PATH"'))
@ENVIRONMENT
@click.option("--folder", type=FOLDER, required=True, metavar="DIR", help="Folder for the key, outside the repository.")
def connect(environment: str, folder: Path) -> None:
    """Configure SSH to the server of an environment.

    Prints the folder of an `ssh` that reaches it. SLIPWAY_HOST (ssh://user@machine), SLIPWAY_KNOWN_HOSTS and
    SLIPWAY_SSH_KEY make the docker context that the environment's table in pyproject.toml names. SLIPWAY_API_KEYS and
    SLIPWAY_SMOKE_KEY, where they are set, become the files that it names.
    """
    from slipway.github.jobs.server import connect_server

    click.echo(connect_server(Path(), environment, server_settings(), folder))


@ci.command(epilog=examples('slipway ci servers "staging production"'))
@click.argument("servers", metavar="SLIPWAY_SERVERS")
def servers(servers: str) -> None:
    """Fail if SLIPWAY_SERVERS names an unknown environment."""
    from slipway.github.jobs.server import verify_server_names

    verify_server_names(Path(), servers)
    click.echo(f"On a server: {servers or '(none), every environment is a rehearsal'}.")


for step in (*STEPS, *LEDGER_STEPS):
    ci.add_command(step)
