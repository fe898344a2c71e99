"""What can be read in the Dockerfile, without an engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stage(name):
    """Return the instructions of one stage."""
    return re.split(r"^FROM ", DOCKERFILE.partition(f" AS {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_what_comes_from_outside_is_named_by_digest_and_can_be_replaced():
    bases = dict(re.findall(r"^ARG (\w+)=(\S+@sha256:[0-9a-f]{64})$", DOCKERFILE, re.MULTILINE))
    assert bases["BASE"].startswith("python:3.") and bases["CLIENT"].startswith("docker:")
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    own = {name for _, name in stages} | {f"${{{name}}}" for name in bases}
    assert {source for source, _ in stages} <= own, "a stage that starts from an image of somebody else"
    assert len(stages) == DOCKERFILE.count("\nFROM ")


def test_hadolint_finds_nothing():
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_build_fetches_the_uv_that_the_makefile_fetches():
    (makefile,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"uv==([\d.]+)", DOCKERFILE) == [makefile]


def test_python_packages_are_fetched_by_hash_and_nothing_else_is():
    fetching = [line for line in DOCKERFILE.splitlines() if re.search(r"pip install", line)]
    assert len(fetching) == 5
    unhashed = [line.strip() for line in fetching if "--require-hashes --only-binary :all:" not in line]
    assert unhashed == ["uv pip install --python /app/.venv --no-deps --target /app/code . && \\"], "our own code"
    assert not re.search(r"\b(curl|wget|ADD)\b", DOCKERFILE)


def test_debian_packages_are_in_the_image_that_needs_git_alone():
    assert "apt-get" in stage("follow")
    assert DOCKERFILE.count("apt-get") == stage("follow").count("apt-get")


def test_who_follows_the_ledger_has_what_git_verifies_signatures_with():
    (packages,) = re.findall(r"--no-install-recommends (?:\\\n)?(.*?)>/dev/null", stage("follow"))
    assert {"git", "openssh-client"} <= set(packages.split())


def test_the_service_is_the_last_stage_and_ends_with_the_bundle():
    last = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[-1]
    assert last.startswith("runtime AS service\n")
    made = re.findall(r"^(COPY|RUN|ADD) (.*)$", last, re.MULTILINE)
    assert made == [("COPY", "--from=bundle /bundle /bundle")]


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("https://github.com/acme/flights", "https://github.com/acme/flights"),
        ("https://github.com/acme/flights.git", "https://github.com/acme/flights"),
        ("https://token:secret@github.com/acme/flights.git", "https://github.com/acme/flights"),
        ("git@github.com:acme/flights.git", "https://github.com/acme/flights"),
        ("ssh://git@git.example.org:2222/team/flights.git", "https://git.example.org/team/flights"),
        ("/home/me/flights", ""),
        ("../flights.git", ""),
        ("file:///home/me/flights", ""),
    ],
)
def test_the_source_of_an_image_is_an_https_address_without_a_path_of_the_machine(tmp_path, remote, source):
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text() + "\nshow-source:\n\t@echo '[$(SOURCE)]'\n")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    done = subprocess.run(["make", "-s", "-C", tmp_path, "show-source"], capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == f"[{source}]", done.stderr
