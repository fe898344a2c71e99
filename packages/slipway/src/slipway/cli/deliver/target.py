"""`slipway target`: the kinds of places where an environment can run."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, examples
from slipway.cli.output import print_result, print_table

KIND = click.argument("kind")


@click.group()
def target() -> None:
    """List, show and add the targets of environments."""


@target.command("list", epilog=examples("slipway target list", "slipway target list --json"))
@AS_JSON
def list_command(as_json: bool) -> None:
    """List the installed targets and the environments that use them."""
    from slipway.delivery.targets.catalogue import list_targets

    found = list_targets(Path())
    if as_json:
        print_result(True, found)
        return
    rows = [
        (
            each.kind,
            f"slipway[{each.extra}]{'' if each.installed else ' (not installed)'}" if each.extra else "-",
            " ".join(each.environments) or "-",
            each.source,
        )
        for each in found
    ]
    print_table(("target", "needs", "environments", "module"), rows)


@target.command(epilog=examples("slipway target show ecs", "slipway target show docker --json"))
@KIND
@AS_JSON
def show(kind: str, as_json: bool) -> None:
    """Show the options that an environment of a target has."""
    from slipway.delivery.targets.catalogue import list_options

    found = list_options(kind)
    if as_json:
        print_result(True, found)
        return
    rows = [(each.name, each.type, each.default or "required", each.description) for each in found]
    print_table(("option", "type", "default", "meaning"), rows)


@target.command(epilog=examples("slipway target add ecs production --replace", "slipway target add docker canary"))
@KIND
@ENVIRONMENT
@click.option("--replace", is_flag=True, help="Replace another target of the environment in pyproject.toml.")
@AS_JSON
def add(kind: str, environment: str, replace: bool, as_json: bool) -> None:
    """Write a target's files and the table of an environment.

    The files go into deploy/, the table into pyproject.toml. Files that exist are kept; a second run changes nothing.
    """
    from slipway.delivery.targets.catalogue import PYPROJECT, add_target

    found = add_target(Path(), kind, environment, replace)
    lines = [f"{PYPROJECT}: {'wrote' if found.table else 'kept'} [tool.slipway.environments.{environment}]"]
    lines += [f"{name}: wrote" for name in found.written] + [f"{name}: kept, it was there" for name in found.kept]
    files = " and the files" if found.written or found.kept else ""
    lines.append(
        f"next: put your own values into the table{files} (`slipway target show {kind}` explains the options), then "
        "`slipway status`"
    )
    print_result(as_json, found, *lines)
