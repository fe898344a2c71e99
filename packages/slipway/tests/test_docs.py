"""The documentation names only files, make targets, commands and options that exist."""

import re
import shlex
import subprocess

import click
import msgspec
import pytest
from places import PACKAGE, ROOT

from slipway.cli import main
from slipway.problem import load_problem
from slipway.settings import project_settings

FOLDERS = (ROOT, ROOT / ".github", ROOT / "docs", PACKAGE)
PAGES = [path for folder in FOLDERS for path in sorted(folder.glob("*.md"))]
# A command ends where a comment, another command, or what the shell does with its output begins.
COMMAND_ENDS = re.compile(r"\s#\s|\s&&|\s\||\s>|;|\s\\$")

# What stands for any name in a path: NAME or <name>.
PLACEHOLDER = re.compile(r"<[^>/]+>|(?<=/)[A-Z]+(?=/|$)")


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings_that_exist(page):
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (heading and heading not in headings(found)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_link_needs_a_heading_that_slipway_new_takes_away(page):
    written = {ROOT / "README.md", ROOT / "docs" / "data.md"}
    links = re.findall(r"\]\(([^)\s#]+)#[^)]+\)", page.read_text())
    assert page in written or not [link for link in links if (page.parent / link).resolve() in written]


def headings(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_exist_in_the_repository(page):
    top = {path.partition("/")[0] for path in git("ls-files").split() if "/" in path}
    named = {word for word in code_words(page.read_text()) if "/" in word and word.partition("/")[0] in top}
    lost = [path for path in sorted(named) if not list(ROOT.glob(PLACEHOLDER.sub("*", path).rstrip("/")))]
    # What git ignores is made by a command, or by whoever follows the page.
    made = git("check-ignore", *lost).split() if lost else []
    assert set(lost) - set(made) == set()


def code_words(text):
    """Return the words of a page between backticks; what a page quotes in a fenced block is output."""
    prose = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {word for code in re.findall(r"`([^`]+)`", prose) for word in code.split()}


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_targets_exist(page):
    database = subprocess.run(["make", "-pRrq", "help"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    known = set(re.findall(r"^([a-z][a-z-]*):", database, re.MULTILINE))
    named = set(re.findall(r"(?:`|^ {4})make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_slipway_commands_take_the_arguments_that_are_shown(page):
    wrong = []
    for shown in commands_of(page.read_text()):
        try:
            parse(main, "slipway", shlex.split(shown))
        except (click.UsageError, ValueError) as error:
            wrong.append(f"slipway {shown}: {error}")
    assert wrong == []


def test_rows_that_can_be_pasted_are_accepted():
    problem = load_problem(project_settings(ROOT).problem)
    rows = re.findall(r"(?:predict|-d) .*?'(\{.*\})'", (ROOT / "README.md").read_text())
    assert len(rows) == 2
    for row in rows:
        msgspec.json.decode(row, type=problem.contract)


def commands_of(text):
    """Return the arguments of every `slipway ...` that a page shows to be typed: in a block, or between backticks."""
    blocks = re.findall(r"^ {4,}(?:[A-Z_]+=\S+ )*(?:uv run (?:--no-sync )?)?slipway (.*)$", text, re.MULTILINE)
    inline = re.findall(r"`(?:uv run (?:--no-sync )?)?slipway ([^`]*)`", text)
    for shown in (*blocks, *inline):
        # What stands for more of the same kind is not to be typed.
        yield COMMAND_ENDS.split(shown)[0].replace("...", "").strip()


def parse(command, path, arguments):
    """Parse without running: every subcommand and option must exist, and words in capitals stand for a value."""
    if isinstance(command, click.Group):
        if not arguments or arguments[0].startswith("-"):
            return
        context = click.Context(command, info_name=path)
        found = command.get_command(context, arguments[0])
        if found is None:
            raise click.UsageError(f"no command {arguments[0]!r}")
        parse(found, f"{path} {arguments[0]}", arguments[1:])
        return
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [
        word.split("=")[0] for word in arguments if word.startswith("-") and word != "-" and not word[1:].isdigit()
    ]
    unknown = [word for word in unknown if word not in known | {"--help", "-h"}]
    if unknown:
        raise click.UsageError(f"no option {unknown[0]}")
