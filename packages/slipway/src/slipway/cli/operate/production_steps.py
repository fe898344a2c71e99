"""`slipway ci`: steps of monitor.yml and retrain.yml."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, FOLDER, examples
from slipway.cli.output import print_result
from slipway.settings import app_token, github_settings, job_settings

if TYPE_CHECKING:
    from slipway.github.alarms.start import Start
    from slipway.github.client.api import GitHub
    from slipway.monitoring.result import MonitorResult

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
    from slipway.github.alarms.monitor_run import find_run_alarm, list_alarms
    from slipway.github.client.api import GitHub
    from slipway.markdown import inline_code
    from slipway.monitoring.result import find_result

    result = find_result(results, environment)
    with GitHub(github_settings()) as client:
        known = list_issues(client)
        found = [find_run_alarm(client, environment, result is not None, datetime.now(UTC))]
        found += list_alarms(result, known) if result else []
        written = write_issues(client, found, known, job_settings().run_url)
    told = [each for each in written if each.did != "nothing"]
    # The lines go into the summary of the job, which is Markdown.
    lines = [f"- {inline_code(each.fingerprint)}: {each.did}, {each.url}" for each in told]
    print_result(as_json, written, *(lines or [f"{environment}: no alarm, and no issue of one."]))


@click.command(name="start-retrain", epilog=examples("slipway ci start-retrain production"))
@ENVIRONMENT
@RESULTS
@AS_JSON
def start_retrain_workflow(environment: str, results: Path, as_json: bool) -> None:
    """Start retrain.yml if an alarm asks for it.

    Nothing is started while another retrain runs or its pull request is open, or while the inputs fire alarms too.
    `retrain` in monitor.yaml sets the cool-down (14 days), the fewest outcomes in the newest windows (1,000) and the
    budget (four retrains in 30 days). The token needs Actions: write and Pull requests: read.
    """
    from slipway.github.alarms.retrain_start import start_retrain
    from slipway.monitoring.rules import read_rules

    rules = read_rules(Path()).retrain
    run = (job_settings().run_url or "").rpartition("/")[2]
    _start(
        environment,
        results,
        as_json,
        lambda client, result: start_retrain(client, result, datetime.now(UTC), rules, run),
    )


@click.command(name="start-rollback", epilog=examples("slipway ci start-rollback production"))
@ENVIRONMENT
@RESULTS
@AS_JSON
def start_rollback_workflow(environment: str, results: Path, as_json: bool) -> None:
    """Start rollback.yml if a release fails its probation.

    It fails where the rule `probation` of monitor.yaml is enabled and fires, and the shadow that did better on the same
    requests is the release before. One start for each alarm. The token needs Actions: write.
    """
    from slipway.github.alarms.probation import end_probation

    _start(environment, results, as_json, lambda client, result: end_probation(client, Path(), result))


@click.command(epilog=examples("slipway ci retrain production --folder retrain"))
@ENVIRONMENT
@click.option("--folder", type=FOLDER, required=True, metavar="DIR", help="Folder for the result and the commit.")
def retrain(environment: str, folder: Path) -> None:
    """Retrain and hand over the result.

    As `slipway retrain`, without a cool-down. Writes the result, and if the gate promotes the model its commit as a git
    bundle. Exit code 0 for every verdict.
    """
    from slipway.files.writing import write_json
    from slipway.github.retrain.commit import pack_commit
    from slipway.github.retrain.propose import RESULT
    from slipway.monitoring.result import find_result
    from slipway.monitoring.retrain.run import RetrainRequest, run_retrain
    from slipway.monitoring.rules import read_rules
    from slipway.problem import load_problem
    from slipway.settings import project_settings

    folder.mkdir(parents=True, exist_ok=True)
    request = RetrainRequest(
        environment=environment,
        until=datetime.now(UTC).date(),
        fewest=read_rules(Path()).retrain.fewest_outcomes,
        cool_down=timedelta(),
        monitor=find_result(Path("monitoring"), environment),
    )
    result = run_retrain(Path(), load_problem(project_settings().problem), request, click.echo)
    if result.commit:
        pack_commit(Path(), result.commit, folder)
    write_json(folder / RESULT, result)
    click.echo(f"{environment}: {result.end}. {result.sentence}")


@click.command(
    epilog=examples("slipway ci propose --folder retrain", 'slipway ci propose --folder retrain --alarm "$ALARM"')
)
@click.option("--folder", type=FOLDER, required=True, metavar="DIR", help="Folder of the result; missing if it failed.")
@click.option("--alarm", default="", metavar="FINGERPRINT", help="Alarm that asked for the retrain.")
@AS_JSON
def propose(folder: Path, alarm: str, as_json: bool) -> None:
    """Open the pull request of a retrain.

    If the gate did not promote it, write a comment on the alarm's issue instead. The commit may change data, lock and
    figures alone. The token needs Contents, Issues and Pull requests: write; with SLIPWAY_APP_TOKEN the app opens the
    pull request, and CI runs on it.
    """
    from msgspec.structs import replace

    from slipway.github.client.api import GitHub
    from slipway.github.retrain.propose import RetrainRun, propose_retrain

    job, settings = job_settings(), github_settings()
    run = RetrainRun(base=job.commit, url=job.run_url or "", alarm=alarm or None)
    with GitHub(settings) as client, GitHub(replace(settings, token=app_token() or settings.token)) as author:
        pulls = author if app_token() else client
        done = propose_retrain(client, pulls, Path(), folder, run)
    print_result(as_json, done, f"{done.did}: {done.why}" + (f" {done.url}" if done.url else ""))


def _start(environment: str, results: Path, as_json: bool, decide: "Callable[[GitHub, MonitorResult], Start]") -> None:
    """Decide by the newest result of the monitor, and print the decision."""
    from slipway.github.alarms.start import Start
    from slipway.github.client.api import GitHub
    from slipway.monitoring.result import find_result

    result = find_result(results, environment)
    if result is None:
        done = Start(started=False, why=f"The monitor left no result of {environment} in {results}.")
    else:
        with GitHub(github_settings()) as client:
            done = decide(client, result)
    print_result(as_json, done, done.why)


STEPS = (log, alarms, start_retrain_workflow, start_rollback_workflow, retrain, propose)
