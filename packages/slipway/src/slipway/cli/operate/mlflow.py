"""`slipway mlflow`: the MLflow store of a run on GitHub."""

import os
from pathlib import Path

import click

from slipway.cli.options import AS_JSON, FOLDER, examples
from slipway.cli.output import print_result


@click.group()
def mlflow() -> None:
    """Download MLflow stores from GitHub."""


@mlflow.command(
    epilog=examples(
        "slipway mlflow pull", "slipway mlflow pull 17234567890", "slipway mlflow pull 17234567890 --to store"
    )
)
@click.argument("run", type=click.IntRange(min=1), required=False, metavar="[RUN]")
@click.option("--to", type=FOLDER, metavar="DIR", help="An empty or new folder.  [default: .slipway/mlflow/RUN]")
@AS_JSON
def pull(run: int | None, to: Path | None, as_json: bool) -> None:
    """Download the MLflow store of a run of cd; `make ui` shows it.

    RUN is the number at the end of the address of the run's page; without it, the newest successful run on main. The
    token needs Actions: read.
    """
    from slipway.github.client.access import connect_repository
    from slipway.github.jobs.mlflow_store import pull_store

    with connect_repository(Path()) as client:
        found = pull_store(client, Path(), run, to)
    inside = Path(found.folder).is_relative_to(Path.cwd())
    store = os.path.relpath(found.folder) if inside else found.folder
    print_result(
        as_json,
        found,
        f"run {found.run} of {found.commit[:12]}: its store is in {store}",
        f"next: make ui STORE={store}",
    )
