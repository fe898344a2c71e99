"""The help is fast, complete and true: every command has examples that the command line accepts."""

import shlex
import subprocess
import sys

import click
import pytest

from slipway.cli.root import SECTIONS, main

PLACES = {name: place for section in SECTIONS.values() for name, place in section.items()}


def command_of(name):
    return main.get_command(click.Context(main), name)


def every_command(group=main, words=("slipway",)):
    """Every command that is not a group, with the words that call it."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(every_command())


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("name", PLACES)
def test_the_line_in_the_help_is_the_first_one_of_the_command(name):
    command = command_of(name)
    assert command.name == name
    assert PLACES[name].help == command.help.splitlines()[0].removesuffix(".")


def test_the_help_shows_every_command_in_its_section_in_one_line():
    lines = run("from slipway.cli import main; main(['--help'])").splitlines()
    for title, places in SECTIONS.items():
        start = lines.index(f"{title}:") + 1
        shown = [line.split(maxsplit=1) for line in lines[start : start + len(places)]]
        assert shown == [[name, place.help] for name, place in places.items()]


def test_the_help_imports_no_command_and_no_library_but_click():
    loaded = run(
        "import sys; from slipway.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    ).split()
    ours = {name for name in loaded if name.startswith("slipway")}
    assert ours == {"slipway", "slipway.cli", "slipway.cli.lazy", "slipway.cli.root", "slipway.errors"}
    assert not {"msgspec", "numpy", "flask", "rich"} & set(loaded)


@pytest.mark.parametrize("name", [name for name in PLACES if isinstance(command_of(name), click.Group)])
def test_the_help_of_a_group_cuts_no_line(name):
    group = command_of(name)
    shown = group.get_help(click.Context(group, max_content_width=80, terminal_width=80))
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_has_examples_that_the_command_line_accepts(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = COMMANDS[words]
    title, *examples = command.epilog.removeprefix("\b\n").splitlines()
    assert title == "Examples:"
    of_this_command = 0
    for example in examples:
        # Variables before the command, and what the shell does with its output, are not its own.
        given = shlex.split(example.split(" >> ")[0].split(" < ")[0])
        while "=" in given[0]:
            given.pop(0)
        found = next(known for known in COMMANDS if tuple(given[: len(known)]) == known)
        of_this_command += found == words
        COMMANDS[found].make_context(" ".join(found), given[len(found) :]).close()
    assert of_this_command


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_json_and_the_environment_are_the_same_option_everywhere(words):
    for parameter in COMMANDS[words].params:
        if "--json" in parameter.opts:
            assert parameter.help == "Print JSON; progress goes to standard error."
        if parameter.name == "environment":
            optional = isinstance(parameter, click.Argument) and not parameter.required
            assert parameter.metavar == ("[ENV]" if optional else "ENV")
