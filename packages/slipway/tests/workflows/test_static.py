"""Readers of workflows that others wrote find nothing in ours, and do find what is wrong."""

import shutil

import pytest
from checkers import CHECKERS, ROOT, actionlint, github, schema, zizmor

WORKFLOW = """\
name: x
on: push
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - run: STEP
"""
CALLED = """\
on:
  workflow_call:
    inputs:
      environment:
        type: string
        required: true
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - run: make
"""


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_is_found_in_what_stands_in_github(checker):
    assert checker(ROOT) == ""


@pytest.fixture
def root(tmp_path):
    """A repository with nothing but the settings of the checkers and one workflow to be written."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github", ignore=shutil.ignore_patterns("workflows"))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".github" / "workflows").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("checker", "text", "complaint"),
    [
        (actionlint, WORKFLOW.replace("STEP", "echo $HOME"), "SC2086"),
        (actionlint, WORKFLOW.replace("STEP", "echo ${{ github.nothing }}"), "nothing"),
        (zizmor, WORKFLOW.replace("STEP", "echo ${{ github.event.issue.title }}"), "template-injection"),
        (zizmor, WORKFLOW.replace("run: STEP", "uses: actions/checkout@v7"), "unpinned-uses"),
        (schema, WORKFLOW.replace("timeout-minutes: 5", "time-out: 5"), "time-out"),
        (github, WORKFLOW.replace("timeout-minutes: 5", "time-out: 5"), "Unexpected value 'time-out'"),
        (github, WORKFLOW.replace("on: push", "on: pusch"), "Unexpected value 'pusch'"),
        (github, "on: push\njobs: {a: {uses: ./.github/workflows/none.yml}}", "Unable to find reusable workflow"),
    ],
)
def test_what_is_wrong_is_found(root, checker, text, complaint):
    (root / ".github" / "workflows" / "x.yml").write_text(text)
    assert complaint in checker(root)


def test_a_missing_input_of_a_called_workflow_is_found_by_githubs_own_parser(root):
    folder = root / ".github" / "workflows"
    (folder / "called.yml").write_text(CALLED)
    (folder / "x.yml").write_text("on: push\njobs: {a: {uses: ./.github/workflows/called.yml}}")
    assert "Input environment is required" in github(root)
