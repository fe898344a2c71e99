"""One lock: held by one at a time, waited for, and free again when its holder ends."""

import subprocess
import sys

import pytest

from slipway.errors import LockError
from slipway.files.lock import hold_lock

HOLD = """
import sys
from pathlib import Path
from slipway.files.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "file.lock"


@pytest.fixture
def other(path):
    """Another process that holds the lock until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=-1, stdout=-1, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_free_lock_is_held_at_once_and_again(path):
    for _ in range(2):
        with hold_lock(path, wait=lambda: pytest.fail("nobody holds it")):
            pass


def test_who_waits_is_told_once_and_gets_it_when_the_holder_is_killed(path, other):
    told = []

    def wait():
        told.append("waiting")
        other.kill()

    with hold_lock(path, wait):
        pass
    assert told == ["waiting"]


def test_patience_ends_and_names_the_lock(path, other):
    with pytest.raises(LockError, match=r"held the lock .*file\.lock for 0\.2 s"), hold_lock(path, seconds=0.2):
        pass
