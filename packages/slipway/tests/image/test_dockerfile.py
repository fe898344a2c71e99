"""What can be read in the Dockerfile, without an engine."""

import re
import subprocess
import sys
from pathlib import Path

from places import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_base_is_named_by_digest_and_can_be_replaced():
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", DOCKERFILE, re.MULTILINE)
    assert stages[0][0] == "${BASE}"
    own = {name for _, name in stages}
    assert {source for source, _ in stages[1:]} <= own, "a stage that starts from an image of somebody else"


def test_hadolint_has_nothing_to_say():
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_build_fetches_the_uv_that_the_makefile_fetches():
    (makefile,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"uv==([\d.]+)", DOCKERFILE) == [makefile]


def test_nothing_is_fetched_without_a_hash():
    fetching = [line for line in DOCKERFILE.splitlines() if re.search(r"pip install", line)]
    unhashed = [line.strip() for line in fetching if "--require-hashes" not in line]
    assert unhashed == ["uv pip install --python /app/.venv --no-deps --target /app/code . && \\"], "our own code"
    assert not re.search(r"\b(apt-get|curl|wget|ADD)\b", DOCKERFILE)


def test_the_image_is_its_last_stage_and_ends_with_the_bundle():
    last = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[-1]
    made = re.findall(r"^(COPY|RUN|ADD) (.*)$", last, re.MULTILINE)
    assert made == [("COPY", "--from=bundle /bundle /bundle")]
