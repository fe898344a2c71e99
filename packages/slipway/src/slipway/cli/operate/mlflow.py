"""`slipway mlflow`: the MLflow store that a run at GitHub has left."""

import os
from pathlib import Path

import click
import msgspec


@click.group(name="mlflow")
def mlflow() -> None:
    """Look at what runs at GitHub have tracked."""


@mlflow.command(
    epilog="""\b
Examples:
  slipway mlflow pull
  slipway mlflow pull 17234567890
  slipway mlflow pull 17234567890 --to store
"""
)
@click.argument("run", type=click.IntRange(min=1), required=False, metavar="[RUN]")
@click.option("--to", type=click.Path(path_type=Path), metavar="DIR", help="An empty folder, or one to be made.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def pull(run: int | None, to: Path | None, as_json: bool) -> None:
    """Download the MLflow store of a run of cd, to be looked at with `make ui`.

    RUN is the number at the end of the address of the run's page; without it the newest successful run on main. The
    store lands in .slipway/mlflow/RUN/ and finds its files there. The token needs Actions: read.
    """
    from slipway.github.access import connect
    from slipway.github.store import pull as work

    with connect(Path()) as client:
        found = work(client, Path(), run, to)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    inside = Path(found.folder).is_relative_to(Path.cwd())
    place = os.path.relpath(found.folder) if inside else found.folder
    click.echo(f"run {found.run} of {found.commit[:12]}: its store is in {place}")
    click.echo(f"next: make ui STORE={place}")
