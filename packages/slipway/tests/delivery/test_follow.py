"""`slipway reconcile --every`: what others write into the ledger comes about here, and only changes are told."""

import json
import queue
import signal
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from ledgerbox import clone, deploy, git
from projectbox import place
from releases import slipway

from slipway.delivery.targets.registry import find_target


@pytest.fixture
def hub(project):
    """A bare repository that has the project and its ledger."""
    git(project.root, "clone", "--quiet", "--bare", str(project.root), str(project.root.parent / "hub.git"))
    git(project.root, "remote", "add", "origin", f"file://{project.root.parent / 'hub.git'}")
    git(project.root, "fetch", "--quiet", "origin")
    return project.root.parent / "hub.git"


@pytest.fixture
def other(hub, tmp_path):
    """Somebody else's clone."""
    return clone(hub, tmp_path / "other")


class Following:
    """The command, and its lines as they come."""

    def __init__(self, project, every):
        self.process = slipway(project, "reconcile", "production", "--every", every, "--json")
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for each in self.process.stdout:
            self._lines.put(each)

    def next(self):
        return json.loads(self._lines.get(timeout=60))

    def end(self):
        """SIGTERM; what was said and not read."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=5) == 0
        return list(self._lines.queue)


@pytest.fixture
def following(project, hub):
    with followed(project, "1s") as found:
        yield found


@contextmanager
def followed(project, every):
    found = Following(project, every)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def test_what_another_clone_writes_comes_about_and_is_told_once(project, following, hub, other):
    assert following.next() == {"environment": "production", "entry": 0}
    for number, trees in ((1, 2), (2, 8)):
        bundle = project.retrain(trees=trees)
        deploy(other, bundle)
        told = following.next()
        assert told == {"environment": "production", "entry": number, "serving": bundle.digest, "changed": True}
        assert find_target(project.root, "production").observe() == bundle.digest
    away = hub.rename(hub.with_name("away.git"))
    told = following.next()
    assert told.pop("offline")
    assert told == {"environment": "production", "entry": 2, "serving": bundle.digest}
    away.rename(hub)
    assert following.next() == {"environment": "production", "entry": 2, "serving": bundle.digest}
    assert following.end() == []


def test_a_failure_is_told_once_and_tried_again(project, following, other):
    following.next()
    port = int(find_target(project.root, "production").url.rsplit(":", 1)[1])
    bundle = project.retrain(trees=2)
    with socket.create_server(("127.0.0.1", port)):
        deploy(other, bundle)
        assert "taken by another program" in following.next()["error"]
        # Settings that nobody can read are told as well; the ones before them come back.
        text = (project.root / "pyproject.toml").read_text()
        (project.root / "pyproject.toml").write_text("no table")
        assert "Malformed TOML" in following.next()["error"]
        (project.root / "pyproject.toml").write_text(text)
        assert "taken by another program" in following.next()["error"]
    assert following.next()["serving"] == bundle.digest
    assert following.end() == []


def test_a_file_says_when_the_next_turn_is_due_and_one_of_before_says_nothing(project):
    mark = project.root / ".slipway/environments/production/followed"
    mark.parent.mkdir(parents=True)
    mark.touch()
    text = (project.root / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text("no table")
    with followed(project, "1h") as following:
        assert "Malformed TOML" in following.next()["error"]
        assert not mark.exists(), "this one has done nothing yet"
    (project.root / "pyproject.toml").write_text(text)
    with followed(project, "1h") as following:
        assert "error" not in following.next()
        assert mark.stat().st_mtime == pytest.approx(time.time() + 3600, abs=60)


def test_a_time_that_is_none_is_refused(project):
    place(project)
    for wrong in ("0", "0s", "soon"):
        done = slipway(project, "reconcile", "production", "--every", wrong)
        assert "as in 30s" in done.communicate(timeout=60)[0]
        assert done.returncode == 2
