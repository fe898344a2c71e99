"""`uv run slipway`: the operator's commands, in the groups in which one looks for them."""

import sys
from importlib.util import find_spec
from pathlib import Path

import click
import msgspec

from slipway.cli.model import serve
from slipway.errors import SlipwayError
from slipway.settings import quiet_environment

GROUPS = {
    "Model": ("predict", "score", "verify", "gate", "serve", "hold"),
    "Look": ("status", "history", "show", "health", "log", "smoke", "rehearse"),
    "Deliver": ("choose", "publish", "deploy", "promote", "request", "rollback", "converge", "stop", "ledger"),
    "Keys": ("key",),
    "Workflows": ("ci", "github", "mlflow"),
}
BUNDLE = click.option(
    "--bundle",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("bundle"),
    show_default=True,
    help="The bundle's folder.",
)


class Grouped(click.Group):
    """Commands listed by group; a mistake of ours or the user's is one paragraph and exit code 1."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as click has it
        """List the commands by group; the image of the service has not all of them."""
        for title, names in GROUPS.items():
            rows = [(name, self.commands[name].get_short_help_str(80)) for name in names if name in self.commands]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; errors for people go to standard error without a traceback."""
        try:
            return super().invoke(ctx)
        except SlipwayError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            # Whoever reads has heard enough, as `head` has: click ends without a word.
            raise
        except OSError as error:
            raise click.ClickException(_refused(error)) from error


def _refused(error: OSError) -> str:
    """What the system would not do, with which files."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if not names:
        return f"The system refuses something that this command needs: {error.strerror or error}."
    return f"The system refuses something that this command needs, with {' and '.join(names)}: {error.strerror}."


@click.group(cls=Grouped, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slipway")
def main() -> None:
    """Operate models: judge them, deliver them, serve them, and see what runs."""
    quiet_environment()


@main.command(
    epilog="""\b
Examples:
  slipway predict '{"field": 1}'
  slipway predict '[{"field": 1}, {"field": 2}]'
  slipway predict - < rows.json
"""
)
@click.argument("rows")
@BUNDLE
def predict(rows: str, folder: Path) -> None:
    """Ask the bundle: one row, or a list of rows, as JSON (- reads standard input).

    Prints one line of JSON for each row: score and label.
    """
    from slipway.bundle import load_bundle

    bundle = load_bundle(folder)
    try:
        given = msgspec.json.decode(sys.stdin.buffer.read() if rows == "-" else rows)
        columns = bundle.parse(given if isinstance(given, list) else [given])
    except msgspec.MsgspecError as error:
        names = ", ".join(field.name for field in bundle.fields)
        raise click.ClickException(f"The rows are not what the contract says: {error}. Its fields: {names}.") from error
    scores = bundle.score(columns)
    for score, label in zip(scores.tolist(), bundle.label(scores).tolist(), strict=True):
        click.echo(msgspec.json.encode({"score": score, "label": label}))


@main.command(
    epilog="""\b
Examples:
  slipway verify
  slipway verify --bundle .demo/bundle --json
"""
)
@BUNDLE
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def verify(folder: Path, as_json: bool) -> None:
    """Verify the bundle: hashes, certificate, golden rows."""
    from slipway.bundle import load_bundle

    bundle = load_bundle(folder)
    manifest = bundle.manifest
    facts = {
        "bundle": str(folder),
        "digest": bundle.digest,
        "problem": manifest.problem,
        "task": manifest.task.value,
        "golden_rows": len(bundle.golden()[1]),
    }
    if as_json:
        click.echo(msgspec.json.encode(facts))
    else:
        click.echo("\n".join(f"{name.replace('_', ' '):<12} {value}" for name, value in facts.items()))
        click.echo("verified: every file is the sealed one, and the golden rows score as they did")


for command in (serve.serve, serve.hold, serve.health, serve.key, serve.log):
    main.add_command(command)

# The service's image has no batch scoring: it would need pyarrow.
if find_spec("slipway.batch"):
    from slipway.cli.model.score import score

    main.add_command(score)

# Nor does it know the ledger: what runs is written down by whoever starts it.
if find_spec("slipway.ledger"):
    from slipway.cli.operate.ledger import history, ledger

    main.add_command(ledger)
    main.add_command(history)

# The gate compares models on the held out rows, which no image has.
if find_spec("slipway.gate"):
    from slipway.cli.model.gate import gate

    main.add_command(gate)

# An environment is brought about from outside of it.
if find_spec("slipway.delivery"):
    from slipway.cli.deliver import deploy, release
    from slipway.cli.look import status

    for module in (deploy, status, release):
        for command in module.COMMANDS:
            main.add_command(command)

# What the workflows at GitHub run.
if find_spec("slipway.github"):
    from slipway.cli.operate import github_runs
    from slipway.cli.operate.ci import ci
    from slipway.cli.operate.github import github
    from slipway.cli.operate.mlflow import mlflow

    for command in github_runs.COMMANDS:
        github.add_command(command)
    main.add_command(ci)
    main.add_command(github)
    main.add_command(mlflow)
