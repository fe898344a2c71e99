"""The page of all commands: help, arguments, options and examples of each."""

from collections.abc import Iterator

import click

from slipway.cli import main
from slipway.docs.pages import escape_angles
from slipway.markdown import markdown_table

_ABOUT = """\
# The command slipway

`uv run slipway COMMAND --help` prints the same. A command exits with 0 after a success, with 1 after an error that it
explains, with 2 for arguments that it does not take.
"""


def render_commands() -> str:
    """Return the page."""
    return "\n".join([_ABOUT, *_list_parts(main, "slipway", 2)])


def _list_parts(group: click.Group, path: str, level: int) -> Iterator[str]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        whole = f"{path} {name}"
        yield f"{'#' * level} {whole}\n"
        yield f"{_unwrap(command.help or '')}\n"
        if isinstance(command, click.Group):
            yield from _list_parts(command, whole, level + 1)
            continue
        yield f"```text\n{command.get_usage(click.Context(command, info_name=whole)).removeprefix('Usage: ')}\n```\n"
        if options := list(_list_options(command)):
            yield markdown_table(["option", "", "default"], options) + "\n"
        if command.epilog:
            examples = [line.strip() for line in command.epilog.replace("\b", "").splitlines()[2:]]
            yield "\n".join(["```text", *examples, "```\n"])


def _list_options(command: click.Command) -> Iterator[tuple[str, str, str]]:
    context = click.Context(command)
    for option in command.params:
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if isinstance(option, click.Option) and record:
            extra = option.get_help_extra(context)
            notes = [extra[key] for key in ("range",) if key in extra]
            text = "; ".join([option.help or "", *notes]).replace("|", "\\|")
            default = "required" if option.required else extra.get("default", "")
            yield f"`{record[0].replace('|', '¦')}`", text, f"`{default}`" if default else ""


def _unwrap(text: str) -> str:
    """Return the paragraphs of a help text as Markdown."""
    return escape_angles("\n\n".join(" ".join(part.replace("\b", "").split()) for part in text.split("\n\n")))
