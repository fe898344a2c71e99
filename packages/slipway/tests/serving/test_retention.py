"""Files of the log are deleted past their days and above their size, never by one look at the clock."""

import errno
import fcntl
import os
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from requirements import missing

from slipway.serving.log import LogWriter, Prediction
from slipway.serving.log.reader import read_log
from slipway.serving.log.retention import Retention
from slipway.serving.log.segments import list_segments
from slipway.serving.settings import LogSettings

NOW = datetime(2024, 5, 1, tzinfo=UTC)
DAY = 86_400


def line(number, padding=0):
    record = Prediction(f"p{number}", NOW + timedelta(seconds=number), "digest", 100, 0.5, True)
    return msgspec.json.encode(record) + b" " * padding + b"\n"


def write_files(folder, number, age=0.0, padding=0):
    """Closed files of one line each, whose last lines are so many seconds old."""
    paths = []
    for each in range(number):
        before = list_segments(folder)
        log = LogWriter(LogSettings(log=folder))
        log.append(line(each, padding))
        log.close()
        paths += [path for path in list_segments(folder) if path not in before]
        os.utime(paths[-1], (0, time.time() - age))
    return paths


@pytest.fixture
def clock(monkeypatch):
    """The function that sets the clock of this process forward."""
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    def set_ahead(seconds):
        ahead[0] = seconds

    return set_ahead


def test_files_past_their_days_are_deleted_and_younger_ones_stay(tmp_path):
    write_files(tmp_path, 1, age=7 * DAY + 60)
    other = tmp_path / "notes.txt"
    other.write_text("not ours")
    os.utime(other, (0, 0))
    settings = LogSettings(log=tmp_path, log_days=7)
    LogWriter(settings).append(line(2))
    assert Retention(settings).clean() == []
    assert [entry.id for entry in read_log(tmp_path)] == ["p2"]
    assert other.exists()


def test_files_of_others_stay_and_stop_nothing(tmp_path):
    (own,) = write_files(tmp_path, 1, age=40 * DAY)
    foreign = tmp_path / "2019-export.jsonl"
    foreign.write_text("{}\n")
    os.utime(foreign, (0, 0))
    (tmp_path / "20190101T000000.000000Z-00000000.jsonl").mkdir()
    write_files(tmp_path, 1)
    assert Retention(LogSettings(log=tmp_path)).clean() == []
    assert foreign.exists() and not own.exists()


def test_a_file_that_cannot_be_deleted_is_named_and_the_others_go(tmp_path):
    if os.getuid():
        missing("root", "files of another user need root")
    first, second = write_files(tmp_path, 2, age=40 * DAY)
    write_files(tmp_path, 1)
    # Sticky, as the image's folder: another user's file cannot be deleted.
    tmp_path.chmod(0o1777)
    os.chown(tmp_path, 0, 0)
    os.chown(first, 1234, 1234)
    os.chown(second, 10001, 10001)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root":
            folder.chmod(folder.stat().st_mode | 0o055)
    child = os.fork()
    if not child:
        os.setuid(10001)
        failures = Retention(LogSettings(log=tmp_path)).clean()
        os._exit(0 if len(failures) == 1 and first.name in failures[0] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert first.exists() and not second.exists()


def lock_as_nfs(file, operation):
    """The rule of flock(2) for NFS: an exclusive lock needs a file that is open for writing."""
    if operation & fcntl.LOCK_EX and fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def lock_nowhere(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


@pytest.mark.parametrize("flock", [lock_as_nfs, lock_nowhere])
def test_files_are_deleted_on_file_systems_that_lock_in_another_way_or_not_at_all(tmp_path, flock, monkeypatch):
    (old,) = write_files(tmp_path, 1, age=40 * DAY)
    (young,) = write_files(tmp_path, 1)
    monkeypatch.setattr(fcntl, "flock", flock)
    assert Retention(LogSettings(log=tmp_path)).clean() == []
    assert list_segments(tmp_path) == [young] and not old.exists()


def test_a_clock_that_jumps_by_forty_days_deletes_nothing(tmp_path, clock):
    files = write_files(tmp_path, 240)
    retention = Retention(LogSettings(log=tmp_path))
    retention.clean()
    clock(40 * DAY)
    for _ in range(5):
        retention.clean()
    # A service that starts then looks for the first time.
    Retention(LogSettings(log=tmp_path)).clean()
    assert list_segments(tmp_path) == files
    clock(0)
    retention.clean()
    assert list_segments(tmp_path) == files


def test_a_clock_that_is_wrong_at_the_start_deletes_nothing(tmp_path, clock):
    files = write_files(tmp_path, 3)
    clock(40 * DAY)
    Retention(LogSettings(log=tmp_path)).clean()
    assert list_segments(tmp_path) == files


def test_after_a_day_the_clock_is_trusted_again(tmp_path, clock):
    write_files(tmp_path, 3)
    # The service was stopped for forty days; then it runs, and is started again twice.
    hours = [40 * 24 + hour for hour in (0, 6, 12, 18, 23)]
    for hour in hours:
        clock(hour * 3600)
        Retention(LogSettings(log=tmp_path)).clean()
        assert len(list_segments(tmp_path)) == 3
    clock((40 * 24 + 25) * 3600)
    Retention(LogSettings(log=tmp_path)).clean()
    assert list_segments(tmp_path) == []


def test_the_oldest_files_go_above_the_total_size_but_none_that_is_written(tmp_path):
    settings = LogSettings(log=tmp_path, log_segment_mb=1, log_total_mb=2)
    writing = LogWriter(settings)
    writing.append(line(0, padding=500_000))
    closed = write_files(tmp_path, 5, padding=500_000)
    Retention(settings).clean()
    assert len(list_segments(tmp_path)) == 4
    assert set(closed[2:]) < {*list_segments(tmp_path)}
    writing.append(line(9))
    assert "p9" in {entry.id for entry in read_log(tmp_path)}
