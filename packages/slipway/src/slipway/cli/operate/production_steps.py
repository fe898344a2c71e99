"""`slipway ci`: steps of monitor.yml and retrain.yml."""

from datetime import UTC, datetime
from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, FOLDER, examples
from slipway.cli.output import print_result
from slipway.settings import github_settings, job_settings

RESULTS = click.option(
    "--results",
    type=FOLDER,
    default=Path("monitoring"),
    show_default=True,
    metavar="DIR",
    help="Folder of the monitor's results.",
)


@click.command(epilog=examples('slipway ci log production --folder log >> "$GITHUB_OUTPUT"'))
@ENVIRONMENT
@click.option("--folder", type=FOLDER, required=True, metavar="DIR", help="New folder of the log.")
def log(environment: str, folder: Path) -> None:
    """Fetch the prediction log of an environment.

    From the folder that [tool.slipway.github] of pyproject.toml names in `logs`, else by the environment's target: from
    its folder here, or its volume on the engine. Prints outputs of a step: found=true, or found=false and why=... where
    no log is in reach, which is no failure. In a public repository no log is fetched: every account could download it.
    """
    from slipway.github.client.api import GitHub
    from slipway.github.jobs.production_log import fetch_log

    with GitHub(github_settings()) as client:
        why = fetch_log(client, Path(), environment, folder)
    click.echo(f"found=false\nwhy={why}" if why else "found=true")


@click.command(epilog=examples("slipway ci alarms production", "slipway ci alarms production --results monitoring"))
@ENVIRONMENT
@RESULTS
@AS_JSON
def alarms(environment: str, results: Path, as_json: bool) -> None:
    """Write the alarms of the monitor into issues.

    One issue for each alarm, with the label `monitor`: opened when the alarm fires, updated in each run, closed when
    it has recovered. One that a person closed stays closed until then. A run that left no result, or the first one
    after a gap, is an alarm itself. The token needs Issues: write and Actions: read.
    """
    from slipway.github.alarms.issues import list_issues, write_issues
    from slipway.github.alarms.monitor_run import find_result, find_run_alarm, list_alarms
    from slipway.github.client.api import GitHub

    result = find_result(results, environment)
    with GitHub(github_settings()) as client:
        known = list_issues(client)
        found = [find_run_alarm(client, environment, result is not None, datetime.now(UTC))]
        found += list_alarms(result, known) if result else []
        written = write_issues(client, found, known, job_settings().run_url)
    told = [each for each in written if each.did != "nothing"]
    lines = [f"{each.fingerprint}: {each.did}, {each.url}" for each in told]
    print_result(as_json, written, *(lines or [f"{environment}: no alarm, and no issue of one."]))


@click.command(name="start-retrain", epilog=examples("slipway ci start-retrain production"))
@ENVIRONMENT
@RESULTS
@AS_JSON
def start_retrain(environment: str, results: Path, as_json: bool) -> None:
    """Start retrain.yml if an alarm asks for it.

    Not while another retrain is at work, its pull request is open, inputs fire alarms too, the last one is less than 14
    days old, the newest windows have fewer than 1,000 outcomes, or four were started in 30 days. The token needs
    Actions: write and Pull requests: read.
    """
    from slipway.github.alarms.monitor_run import find_result
    from slipway.github.alarms.start import Start, start_run
    from slipway.github.client.api import GitHub

    result = find_result(results, environment)
    if result is None:
        done = Start(started=False, why=f"The monitor left no result of {environment} in {results}.")
    else:
        with GitHub(github_settings()) as client:
            done = start_run(client, result, datetime.now(UTC))
    print_result(as_json, done, done.why)


STEPS = (log, alarms, start_retrain)
