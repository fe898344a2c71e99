"""Options and arguments that several commands share."""

import re
from collections.abc import Callable
from pathlib import Path

import click


class Duration(click.ParamType[float]):
    """A time of at least a second: 30s, 5m, 1h."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """In seconds."""
        found = re.fullmatch(r"(\d+)(s|m|h)", value)
        if not found or int(found[1]) == 0:
            self.fail(f"expected a number with s, m or h, as in 30s; found {value!r}", param, ctx)
        return float(int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]])


DURATION = Duration()

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
