"""`slipway retrain`: a model made of newer data, judged against production, proposed as a branch."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, FILE, LOGS, Duration, examples, verify_log_folders
from slipway.cli.output import print_result, progress_printer
from slipway.cli.progress import progress_bar


@click.command(
    epilog=examples(
        "slipway retrain production",
        "slipway retrain production --dry-run",
        "slipway retrain production --until 2013-10-31 --fewest 5000 --cool-down 168h",
        "slipway retrain production --from-log --log downloaded/log",
    )
)
@ENVIRONMENT
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Last day of the data.  [default: today]"
)
@click.option(
    "--fewest", type=click.IntRange(1), help="Fewest new outcomes that start it.  [default: that of monitor.yaml, 1000]"
)
@click.option(
    "--cool-down", type=Duration(), default="24h", show_default=True, help="Shortest time since the last retrain."
)
@click.option("--monitor", type=FILE, metavar="FILE", help="Result of the monitor.  [default: the newest one]")
@click.option("--from-log", is_flag=True, help="Bring the log's rows with an outcome, by the hook add_labelled.")
@LOGS
@click.option("--refresh", metavar="MODULE:FUNCTION", help="Bring newer data by this function, not by the problem's.")
@click.option("--dry-run", is_flag=True, help="Show which newer data there are; train nothing.")
@AS_JSON
def retrain(
    environment: str,
    until: datetime | None,
    fewest: int | None,
    cool_down: float,
    monitor: Path | None,
    from_log: bool,
    sources: tuple[Path | str, ...],
    refresh: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Retrain on newer data and let the gate judge.

    The problem's hook `refresh` brings the data; `dvc add`, `dvc repro` and the gate follow. If the gate says promote,
    a new branch with one commit holds data and figures. If it does not, the working tree is as it was. Exit code 1 if
    the gate refuses.
    """
    from slipway.monitoring.result import find_result, read_result
    from slipway.monitoring.retrain.labelled_rows import bring_labelled_rows
    from slipway.monitoring.retrain.result import RetrainEnd
    from slipway.monitoring.retrain.run import REPORT, RetrainRequest, run_retrain
    from slipway.monitoring.rules import read_rules
    from slipway.problem import load_problem, replace_refresh
    from slipway.settings import project_settings

    if sources and not from_log:
        raise click.UsageError("--log is read with --from-log alone. Add --from-log, or leave --log out.")
    if refresh and from_log:
        raise click.UsageError("Expected either --from-log or --refresh: each says where newer data come from.")
    problem, day, source = load_problem(project_settings().problem), (until or datetime.now()).date(), ""
    if refresh:
        problem = replace_refresh(problem, refresh)
    if from_log:
        verify_log_folders(sources)
        with progress_bar() as progress:
            problem, source = bring_labelled_rows(Path(), problem, environment, sources, day, progress)
    request = RetrainRequest(
        environment=environment,
        until=day,
        fewest=fewest or read_rules(Path()).retrain.fewest_outcomes,
        cool_down=timedelta(seconds=cool_down),
        dry_run=dry_run,
        source=source,
        monitor=read_result(monitor) if monitor else find_result(Path("monitoring"), environment),
    )
    found = run_retrain(Path(), problem, request, progress_printer(as_json))
    lines = [f"{environment}: {found.end}. {found.sentence}"]
    if found.end.trained:
        lines.append(f"  the report with the monitor's figures and the gate's checks: {REPORT}")
    if found.branch and found.commit:
        lines += [
            f"  branch {found.branch}, commit {found.commit[:12]}, is checked out; `git switch -` returns",
            f"next: `git push origin {found.branch}` and a pull request, or here `slipway deploy staging`",
        ]
    print_result(as_json, found, *lines)
    sys.exit(1 if found.end is RetrainEnd.REFUSED else 0)
