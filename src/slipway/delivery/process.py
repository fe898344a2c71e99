"""One supervised process, known by its pid and the moment it began, so that a pid that was used again is not it."""

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import psutil

from slipway.errors import DeliveryError
from slipway.files import write_json

_PATIENCE = 12.0
_LAST_WORDS = 2000


class Started(msgspec.Struct, frozen=True):
    """A process that was started here: `began` is in seconds since 1970, as the system has it."""

    pid: int
    began: float
    port: int


def start(command: list[str], variables: dict[str, str], output: Path, record: Path, port: int) -> Started:
    """Start `command` apart from this terminal, its output appended to `output`; `record` says that it runs."""
    output.parent.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    with output.open("ab") as words:
        process = subprocess.Popen(
            command,
            env=own | variables,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Started(process.pid, psutil.Process(process.pid).create_time(), port)
    write_json(record, started)
    return started


def find(record: Path) -> Started | None:
    """The process that `record` names, if it still runs; a record of one that does not is removed."""
    try:
        found = msgspec.json.decode(record.read_bytes(), type=Started)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DeliveryError(f"{record} names no process: {error}. Delete it if nothing of this runs.") from error
    if _is_same(found):
        return found
    record.unlink(missing_ok=True)
    return None


def hang_up(started: Started) -> None:
    """Tell the process to read its bundle again."""
    os.kill(started.pid, signal.SIGHUP)


def stop(record: Path) -> bool:
    """End the process that `record` names and wait for it; False if none runs."""
    found = find(record)
    if found is None:
        return False
    process = psutil.Process(found.pid)
    children = process.children(recursive=True)
    process.terminate()
    _, left = psutil.wait_procs([process, *children], timeout=_PATIENCE)
    for each in left:
        each.kill()
    record.unlink(missing_ok=True)
    return True


def last_words(output: Path) -> str:
    """The end of what a process said."""
    return output.read_text(errors="replace")[-_LAST_WORDS:].strip() if output.exists() else ""


def _is_same(started: Started) -> bool:
    try:
        process = psutil.Process(started.pid)
        # A child that ended and was not waited for is still listed.
        return process.create_time() == started.began and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
