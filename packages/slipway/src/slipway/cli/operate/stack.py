"""`slipway stack`: service, MLflow and PostgreSQL of compose.yaml on this machine."""

import signal
import sys
from pathlib import Path
from types import FrameType

import click

from slipway.cli.options import AS_JSON, examples
from slipway.cli.output import print_result, progress_printer
from slipway.stack.backup import back_up
from slipway.stack.dashboard import dashboard_urls
from slipway.stack.lifecycle import follow_logs, start_stack, stop_stack
from slipway.stack.preparation import SECRETS
from slipway.stack.restore import restore


@click.group()
def stack() -> None:
    """Run the service, MLflow and PostgreSQL here."""


@stack.command(epilog=examples("slipway stack up", "slipway stack up --profiles monitoring,registry"))
@click.option("--profiles", default="", metavar="NAME,...", help="Also start: prometheus, monitoring, registry.")
@AS_JSON
def up(profiles: str, as_json: bool) -> None:
    """Start the stack.

    Builds missing images, and waits until every container is healthy.
    """
    found = start_stack(profiles, progress_printer(as_json))
    heading = "The stack is up, open to this machine only:"
    if found.exposed:
        heading = f"The stack is up. Other machines that can reach this one reach: {', '.join(found.exposed)}"
    mlflow = next((url for name, url, _ in found.urls if name == "MLflow"), "")
    print_result(
        as_json,
        {"urls": {name: url for name, url, _ in found.urls}, "exposed": found.exposed},
        "",
        heading,
        *(f"  {name:<12} {url:<24} {what}" for name, url, what in found.urls),
        "",
        "Next: make logs; make backup; make down (its data is kept). To register a model there:",
        f"  MLFLOW_TRACKING_URI={mlflow} make repro",
    )


@stack.command(epilog=examples("slipway stack down", "slipway stack down --volumes"))
@click.option("--volumes", is_flag=True, help="Also delete its data: runs, models, predictions.")
def down(volumes: bool) -> None:
    """Stop the stack; its data is kept."""
    if volumes:
        click.echo("Deleting the stack's data: every run, model and prediction that is in no backup.")
    stop_stack(volumes=volumes)
    click.echo(
        f"Deleted. Images and {SECRETS}/ are kept."
        if volumes
        else "Stopped. The stack's data is kept: `make up` continues with it, `make down VOLUMES=1` deletes it."
    )


@stack.command(epilog=examples("slipway stack logs"))
def logs() -> None:
    """Print the logs of the containers until ctrl-c."""
    sys.exit(follow_logs())


@stack.command(epilog=examples("slipway stack dashboard"))
@AS_JSON
def dashboard(as_json: bool) -> None:
    """Print the addresses of the service's dashboards."""
    grafana, prometheus = dashboard_urls()
    lines = [f"Grafana: {grafana}"] if grafana else []
    print_result(
        as_json,
        {"grafana": grafana, "prometheus": prometheus},
        *lines,
        f"Prometheus, with the same queries: {prometheus}",
    )


@stack.command(epilog=examples("slipway stack backup"))
@AS_JSON
def backup(as_json: bool) -> None:
    """Copy MLflow's store and the prediction log into backups/."""
    _exit_on_signals()
    folder = back_up()
    size = sum(path.stat().st_size for path in folder.iterdir())
    restore_line = f"make restore FROM={folder}"
    print_result(
        as_json,
        {"folder": str(folder), "bytes": size},
        f"{folder}: {size / 1e6:.1f} MB. Restore it: {restore_line}",
    )


@stack.command(
    "restore",
    epilog=examples(
        "slipway stack restore backups/2026-11-30T081500Z", "slipway stack restore backups/2026-11-30T081500Z --over"
    ),
)
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path, file_okay=False))
@click.option("--over", is_flag=True, help="Replace the data that the stack has now.")
def restore_backup(source: Path, over: bool) -> None:
    """Restore a backup into the running stack."""
    _exit_on_signals()
    restore(source, click.echo, lambda line: click.echo(line, err=True), over=over)
    click.echo(f"Restored: {source}")


def _exit_on_signals() -> None:
    """Raise `SystemExit` on the first SIGTERM or SIGHUP, with the exit code of a shell; ignore those after it."""

    def end(number: int, _: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP, and so does this then.
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, end)
