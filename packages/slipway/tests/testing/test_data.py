"""The data of a team's tests is pulled whole, or not there at all."""

import json
import os
import subprocess
import sys
from hashlib import md5

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = "[core]\n    remote = kept\n    no_scm = True\n['remote \"kept\"']\n    url = {folder}\n"


@pytest.fixture
def project(tmp_path):
    """A project with two files of data, of which its remote has only one."""
    remote, project = tmp_path / "remote", tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    names = {name: md5(name.encode()).hexdigest() for name in ("kept", "lost")}
    listing = json.dumps([{"md5": digest, "relpath": name} for name, digest in names.items()])
    whole = md5(listing.encode()).hexdigest()
    for digest, content in ((f"{whole}.dir", listing), (names["kept"], "kept")):
        path = remote / "files" / "md5" / digest[:2] / digest[2:]
        path.parent.mkdir(parents=True)
        path.write_text(content)
    (project / ".dvc" / "config").write_text(CONFIG.format(folder=remote))
    (project / "data.dvc").write_text(f"outs:\n- md5: {whole}.dir\n  hash: md5\n  path: data\n")
    (project / "pyproject.toml").write_text("[tool.pytest]\n")
    (project / "conftest.py").write_text('pytest_plugins = ["slipway.testing"]\n')
    (project / "test_it.py").write_text("def test_the_data_is_there(data):\n    assert data.exists()\n")
    return project


def test_after_a_pull_that_failed_no_other_worker_uses_what_it_left(project, tmp_path):
    for worker in ("gw0", "gw1"):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", f"--basetemp={tmp_path / 'run' / worker}"]
        own = os.environ | {"PYTEST_XDIST_WORKER": worker, "PYTEST_ADDOPTS": ""}
        (tmp_path / "run").mkdir(exist_ok=True)
        done = subprocess.run(command, cwd=project, env=own, capture_output=True, text=True)
        assert done.returncode == 1 and "dvc pull --quiet data.dvc failed" in done.stdout, done.stdout + done.stderr
