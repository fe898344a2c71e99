"""The commands of docs/data.md settle a conflict of branches in `dvc.lock`, and one in the data."""

import shlex
import subprocess

import pytest
from dvc.cli import main as run_dvc
from places import ROOT

STAGES = """\
stages:
  train:
    cmd: cat data/* > model.txt && grep rate params.yaml >> model.txt
    deps: [data]
    params: [rate]
    outs: [model.txt: {push: false}]
  evaluate:
    cmd: cat model.txt > metrics.json && grep seed params.yaml >> metrics.json
    deps: [model.txt]
    params: [seed]
    metrics: [metrics.json: {cache: false}]
"""


def run(*command):
    """Run a command of git, or one of DVC in this process, which saves its start."""
    if command[0] == "dvc":
        assert run_dvc([*command[1:], "--quiet"]) == 0, command
    else:
        subprocess.run(command, check=True, capture_output=True)


def read_blocks():
    """Return the blocks of commands of the section, in their order."""
    section = (ROOT / "docs/data.md").read_text().partition("## Conflicts between branches")[2]
    lines = section.partition("\n## ")[0].splitlines()
    blocks = [[]]
    for line in lines:
        if line.startswith("    "):
            blocks[-1].append(shlex.split(line.removeprefix("    ").removeprefix("uv run ")))
        elif blocks[-1]:
            blocks.append([])
    return blocks[:-1]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with data, two stages and the remote inside, all of it committed."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("NAME", "test"), ("EMAIL", "test@example.invalid")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    run("git", "init", "--quiet", "--initial-branch=main")
    run("dvc", "init")
    for name in (".dvc/config", ".gitignore"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "dvc.yaml").write_text(STAGES)
    write(tmp_path, rate=1, seed=1)
    (tmp_path / "data").mkdir()
    add(tmp_path, "january")
    commit("first")
    return tmp_path


def write(folder, rate, seed):
    (folder / "params.yaml").write_text(f"rate: {rate}\n\n\n\n\nseed: {seed}\n")


def add(folder, month):
    (folder / "data" / month).write_text(f"{month}\n")


def commit(message):
    run("dvc", "add", "data")
    run("dvc", "push", "data.dvc")
    run("dvc", "repro")
    run("git", "add", ".")
    run("git", "commit", "--quiet", "--message", message)


def switch(*branch):
    run("git", "switch", "--quiet", *branch)
    run("dvc", "checkout")


def merge_main(expected):
    """Merge main into this branch, which stops at a conflict in the `expected` files."""
    assert subprocess.run(["git", "merge", "main"], capture_output=True).returncode == 1
    found = subprocess.run(["git", "diff", "--name-only", "--diff-filter=U"], capture_output=True, text=True).stdout
    assert found.split() == expected


def assert_settled(folder, metrics):
    assert not subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True).stdout
    assert (folder / "metrics.json").read_text().split("\n")[:-1] == metrics
    assert run_dvc(["status", "--quiet"]) == 0
    assert run_dvc(["status", "--cloud", "data.dvc", "--quiet"]) == 0


def test_a_conflict_of_parameters_is_settled(repository):
    switch("--create", "mine")
    write(repository, rate=2, seed=1)
    commit("mine")
    switch("main")
    write(repository, rate=1, seed=5)
    commit("other")
    switch("mine")
    merge_main(["dvc.lock", "metrics.json"])
    for command in read_blocks()[0]:
        run(*command)
    assert_settled(repository, ["january", "rate: 2", "seed: 5"])


def test_a_conflict_of_data_is_settled(repository):
    switch("--create", "mine")
    add(repository, "march")
    commit("mine")
    switch("main")
    add(repository, "february")
    commit("other")
    switch("mine")
    merge_main(["data.dvc", "dvc.lock"])
    for command in read_blocks()[1]:
        if command[0] == "python":
            add(repository, "march")
        else:
            run(*command)
    assert_settled(repository, ["february", "january", "march", "rate: 1", "seed: 1"])
