"""A group that imports a command when it is called: neither its help nor a small image needs all of them."""

import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from slipway.errors import SlipwayError


class LazyCommand(NamedTuple):
    """A command: the `module` in `slipway.cli` that defines it, its line in the help, and the extra that it needs."""

    module: str
    help: str
    extra: str


class LazyGroup(click.Group):
    """Commands in sections; an error for people is one paragraph on standard error and exit code 1."""

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, LazyCommand]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.sections = sections
        self.lazy_commands = {name: command for section in sections.values() for name, command in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List every command, in the order of the help."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command."""
        command = self.lazy_commands.get(cmd_name)
        return getattr(import_module(f"slipway.cli.{command.module}"), cmd_name.replace("-", "_")) if command else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands section by section, without importing them."""
        width = max(map(len, self.lazy_commands))
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", command.help) for name, command in commands.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; print an error for people without a traceback."""
        try:
            return super().invoke(ctx)
        except SlipwayError as error:
            # The help of all commands imports nothing but click.
            from slipway.cli.output import printable

            raise click.ClickException(printable(str(error))) from error
        except ModuleNotFoundError as error:
            if not ctx.invoked_subcommand or (error.name or "").startswith("slipway"):
                raise
            extra = self.lazy_commands[ctx.invoked_subcommand].extra
            raise click.ClickException(explain_missing(error, ctx.invoked_subcommand, extra)) from error
        except BrokenPipeError:
            # The reader closed the pipe, as `head` does: click ends without a message.
            raise
        except MemoryError as error:
            said = "The memory of this machine, or of this container, is not enough. Use one with more, or fewer rows."
            raise click.ClickException(said) from error
        except OSError as error:
            raise click.ClickException(explain_system(error)) from error


def explain_missing(error: ModuleNotFoundError, command: str, extra: str) -> str:
    """Say which package a command needs, and how to install it."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    importer = [name for name in names if "importlib" not in name][-1]
    if importer.startswith("slipway."):
        return f"`slipway {command}` needs slipway[{extra}]: {error}. Install it: `uv sync --group {extra}`."
    return f"`slipway {command}`: {importer} fails: {error}. Name it in pyproject.toml, then run `uv sync`."


def explain_system(error: OSError) -> str:
    """Say what the system reports, and on which file."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"The system reports an error{' on ' if names else ''}{' and '.join(names)}: {error.strerror or error}."
