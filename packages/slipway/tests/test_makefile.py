"""An installation by make says in a log what it does, and fails as uv does."""

import os
import shutil
import subprocess

import pytest
from places import ROOT

# A stand-in for uv: installed once `done` is there, which it never writes with FAIL.
UV = """#!/bin/sh
case "$*" in *--check*) test -f done; exit;; esac
echo "$*" > asked
echo "Resolved 3 packages in 1ms" >&2
echo " + a==1" >&2
echo "Installed 3 packages in 1ms" >&2
test -z "$FAIL" || { echo "error: no network" >&2; exit 2; }
touch done
"""


@pytest.fixture
def setup(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "uv").write_text(UV)
    (tmp_path / "uv").chmod(0o755)

    def run(**variables):
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **variables}
        return subprocess.run(["make", "setup"], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_a_log_has_a_line_for_each_step_and_none_for_each_package(setup):
    first, second = setup(), setup()
    assert first.returncode == 0
    assert "Resolved 3 packages" in first.stdout and "Installed 3 packages" in first.stdout
    assert "a==1" not in first.stdout + first.stderr
    assert (second.returncode, "Resolved" in second.stdout) == (0, False)


def test_bytecode_is_compiled_at_once_except_in_a_job_of_ci(setup, tmp_path):
    asked = []
    for ci in ("", "true"):
        setup(CI=ci)
        asked.append((tmp_path / "asked").read_text().split())
        (tmp_path / "done").unlink()
    assert ["--compile-bytecode" in words for words in asked] == [True, False]


def test_an_installation_that_fails_says_why_and_fails(setup):
    done = setup(FAIL="1")
    assert done.returncode != 0
    assert "error: no network" in done.stdout
