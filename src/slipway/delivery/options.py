"""Options and arguments that several commands share."""

from collections.abc import Callable
from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
BASE = click.option("--base", metavar="REV", help="Judge by the rules of this commit.")
RELEASE = click.option(
    "--release", "folder", type=FOLDER, default=Path("release"), show_default=True, help="Its folder."
)
BUNDLE = click.option("--bundle", "folder", type=FOLDER, default=Path("bundle"), show_default=True)
ENVIRONMENT = click.argument("environment", metavar="ENV")


def sayer(as_json: bool) -> Callable[[str], None]:
    """What says how far the work is: on standard error where the other one is for a machine."""
    return lambda line: click.echo(line, err=as_json)
