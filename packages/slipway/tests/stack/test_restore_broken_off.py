"""A restore that is ended, and a backup that is damaged, with a docker client that records what it is told to do."""

import os
import signal
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from running import SLIPWAY
from waiting import wait_until

from slipway.errors import StackError
from slipway.stack.backup import PARTS, SUMS
from slipway.stack.restore import restore

CLIENT = """#!/bin/sh
echo "$*" >> "{folder}/told"
case "$*" in
*"{word}"*) [ -e "{folder}/reached" ] || {{ : > "{folder}/reached"; exec sleep 60; }} ;;
*"ps --services"*) echo postgres mlflow service ;;
*"pg_dump"*) echo dump ;;
*"--all --quiet"*) echo c0ffee ;;
esac
"""
START = "compose --progress quiet up --detach --no-recreate mlflow service"


class Command(NamedTuple):
    """A `slipway stack` command at the point where the client sleeps, and the folder of what that was told."""

    process: "subprocess.Popen[str]"
    folder: Path

    def end(self, number: int) -> tuple[int, str, str]:
        """Send the signal; return the exit code and the output of both streams."""
        self.process.send_signal(number)
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out, error


@pytest.fixture
def reach(tmp_path):
    """Start a command and wait until it runs a docker command with a word in it."""
    started = []

    def start(word: str, *words: str) -> Command:
        client = tmp_path / "docker"
        client.write_text(CLIENT.format(folder=tmp_path, word=word))
        client.chmod(0o755)
        # As a terminal starts it, also where nohup started the tests.
        command = ["env", "--default-signal=HUP", SLIPWAY, "stack", *words]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | {"SLIPWAY_DOCKER": str(client)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        wait_until((tmp_path / "reached").exists)
        return Command(process, tmp_path)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def backup(tmp_path):
    folder = tmp_path / "backup"
    folder.mkdir()
    for name in PARTS:
        (folder / name).write_text(name)
    (folder / SUMS).write_text("".join(f"{sha256(name.encode()).hexdigest()}  {name}\n" for name in PARTS))
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("word", ["run --rm", "--wait --no-recreate"], ids=["switch", "start"])
def test_mlflow_and_the_service_are_started_again_by_a_restore_that_is_ended(reach, backup, number, word):
    command = reach(word, "restore", str(backup), "--over")
    code, out, error = command.end(number)
    assert code == 128 + number
    assert (command.folder / "told").read_text().splitlines()[-1] == START
    assert ("broke off half done" in error) == (word == "run --rm")
    assert "broke off" not in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_ended_leaves_nothing(reach, number):
    command = reach("tar --create", "backup")
    assert command.end(number)[0] == 128 + number
    assert list((command.folder / "backups").iterdir()) == []


@pytest.mark.parametrize("damage", [b"\n", b"word\n", b"\xff\xfe\n"])
def test_malformed_checksums_are_those_of_a_backup_that_is_not_whole(backup, damage):
    with (backup / SUMS).open("ab") as file:
        file.write(damage)
    with pytest.raises(StackError, match="is not whole"):
        restore(backup, print, print, over=True)
