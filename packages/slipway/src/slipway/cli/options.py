"""Options and arguments that several commands share."""

import re
from collections.abc import Iterable
from pathlib import Path

import click


class Duration(click.ParamType[float]):
    """A time of at least a second: 30s, 5m, 1h; a number alone is seconds."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the time in seconds."""
        found = re.fullmatch(r"(\d+)(s|m|h)?", value)
        if not found or int(found[1]) == 0:
            self.fail(f"expected a number with s, m or h, as in 30s; found {value!r}", param, ctx)
        return float(int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"])


class _LogSource(click.ParamType[Path | str]):
    """A folder, as a path, or the address of a bucket, as text."""

    name = "folder"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:  # noqa: ARG002
        """Return what was named; whether it exists is found out when the command runs."""
        return value if value.startswith("s3://") else Path(value)


def _require_text(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("expected a reason, found an empty text. The ledger keeps it.")
    return text.strip()


def examples(*lines: str) -> str:
    """Return the end of a command's help: its examples, one a line."""
    return "\n  ".join(("\b\nExamples:", *lines))


PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; progress goes to standard error.")
BASE = click.option("--base", metavar="REV", help="Judge by the rules of this commit: a pull request's base.")
BUNDLE = click.option(
    "--bundle", "folder", type=FOLDER, default=Path("bundle"), show_default=True, help="Folder of the bundle."
)
GATE_LOG = click.option(
    "--log",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Production's prediction log; by default that of a production on this machine.",
)
LOGS = click.option(
    "--log",
    "sources",
    type=_LogSource(),
    multiple=True,
    metavar="DIR|s3://BUCKET/PREFIX",
    help="Log, instead of the environment's own; may be repeated.",
)
HOST = click.option("--host", help="Address to listen on; overrides SLIPWAY_HOST.")
KEYS = click.option(
    "--file",
    "path",
    type=PATH,
    envvar="SLIPWAY_API_KEYS_FILE",
    default=Path("keys.json"),
    show_default=True,
    help="File of the hashed keys.",
)
PORT = click.option("--port", type=int, help="Port of the service; overrides SLIPWAY_PORT.")
OUT = click.option("--out", type=FILE, metavar="FILE", help="Write everything as JSON.")
REASON = click.option("--reason", required=True, callback=_require_text, help="Why; kept in the ledger.")
RELEASE = click.option(
    "--release", "folder", type=FOLDER, default=Path("release"), show_default=True, help="Folder of the release."
)
REPORT = click.option("--report", type=FILE, metavar="FILE", help="Write the report as Markdown.")
REPOSITORY = click.option("--repository", required=True, metavar="REGISTRY/NAME", help="Where the image is pushed.")
YES = click.option("--yes", is_flag=True, help="Make the changes; without it, a dry run.")

ENVIRONMENT = click.argument("environment", metavar="ENV")
ANY_ENVIRONMENT = click.argument("environment", metavar="[ENV]", required=False)
SOURCE = click.argument("source", metavar="FROM")


def verify_log_folders(sources: Iterable[Path | str], option: str = "--log") -> None:
    """Raise `BadParameter` for a folder that does not exist: a misspelt one would pass for an empty log."""
    for source in sources:
        if isinstance(source, Path) and not source.is_dir():
            raise click.BadParameter(f"Directory {str(source)!r} does not exist.", param_hint=f"'{option}'")
