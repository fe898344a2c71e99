"""Other programs delete, move or truncate the file that is written: no line that was appended is lost."""

import os
import resource
import shutil
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from slipway.serving.log import LogWriter, Prediction
from slipway.serving.log.maintenance import LogMaintenance
from slipway.serving.log.reader import Damage, read_log
from slipway.serving.log.segments import list_segments
from slipway.serving.settings import LogSettings

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def line(number, padding=0):
    record = Prediction(f"p{number}", NOW + timedelta(seconds=number), "digest", 100, 0.5, True)
    return msgspec.json.encode(record) + b" " * padding + b"\n"


def delete_file(folder):
    list_segments(folder)[0].unlink()


def delete_folder(folder):
    shutil.rmtree(folder)


def replace_folder(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def move_file(folder):
    path = list_segments(folder)[0]
    path.rename(folder / f"moved-{path.name}")


def copy_and_truncate(folder):
    path = list_segments(folder)[0]
    shutil.copy(path, folder / f"copy-{path.name}")
    os.truncate(path, 0)


FAULTS = [delete_file, delete_folder, replace_folder, move_file, copy_and_truncate]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("durability", ["always", "interval", "never"])
def test_nothing_is_lost(tmp_path, fault, durability):
    folder = tmp_path / "log"
    log = LogWriter(LogSettings(log=folder, log_durability=durability))
    for number in range(50):
        log.append(line(number))
    fault(folder)
    for number in range(50, 100):
        log.append(line(number))
    log.rotate()
    log.append(line(100))
    damage = Damage()
    found = [entry.id for entry in read_log(folder, damage)]
    assert set(found) == {f"p{number}" for number in range(101)}
    assert damage.lines == 0
    # Only a copy that another program made has lines twice.
    assert len(found) == 101 or fault is copy_and_truncate


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_it_is_noticed_without_traffic(tmp_path, fault):
    folder = tmp_path / "log"
    log = LogWriter(LogSettings(log=folder))
    log.append(line(1))
    fault(folder)
    LogMaintenance(log, LogSettings(log=folder), lambda _: True).run()
    assert {entry.id for entry in read_log(folder)} == {"p1"}


def test_lines_between_the_copy_and_the_truncation_are_written_again(tmp_path):
    log = LogWriter(LogSettings(log=tmp_path))
    log.append(line(1))
    path = list_segments(tmp_path)[0]
    copied = path.read_bytes()
    log.append(line(2))
    os.truncate(path, 0)
    log.append(line(3))
    (tmp_path / "copy.jsonl").write_bytes(copied)
    assert {entry.id for entry in read_log(tmp_path)} == {"p1", "p2", "p3"}
    assert b"\0" not in path.read_bytes()


def test_a_line_that_was_cut_is_written_again_whole(tmp_path):
    log = LogWriter(LogSettings(log=tmp_path))
    for number in range(3):
        log.append(line(number))
    os.truncate(list_segments(tmp_path)[0], len(line(0)) + 10)
    log.append(line(3))
    damage = Damage()
    assert [entry.id for entry in read_log(tmp_path, damage)] == ["p0", "p1", "p2", "p3"]
    assert damage.lines == 1


def test_a_truncated_file_that_cannot_be_written_refuses_lines_until_all_are_written_again(tmp_path):
    log = LogWriter(LogSettings(log=tmp_path))
    for number in range(3):
        log.append(line(number))
    os.truncate(list_segments(tmp_path)[0], 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Room for one line of three.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(line(0)) + 10, before[1]))
    try:
        with pytest.raises(OSError):
            log.append(line(3))
        assert not log.probe()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert log.probe()
    log.append(line(4))
    assert [entry.id for entry in read_log(tmp_path)] == ["p0", "p1", "p2", "p4"]


def test_a_deleted_file_that_cannot_be_written_again_refuses_lines_until_it_can(tmp_path):
    folder = tmp_path / "log"
    log = LogWriter(LogSettings(log=folder))
    log.append(line(1))
    shutil.rmtree(folder)
    folder.write_text("in the way")
    with pytest.raises(OSError):
        log.append(line(2))
    assert log.failing and not log.probe()
    folder.unlink()
    assert log.probe()
    log.append(line(3))
    assert [entry.id for entry in read_log(folder)] == ["p1", "p3"]


def test_a_log_that_cannot_be_written_again_at_the_end_is_one_line(tmp_path, capsys):
    folder = tmp_path / "log"
    log = LogWriter(LogSettings(log=folder))
    log.append(line(1))
    shutil.rmtree(folder)
    folder.write_text("in the way")
    log.close()
    (said,) = capsys.readouterr().err.splitlines()
    assert f"the end of the prediction log in {folder} may be lost" in said and "File exists" in said
    folder.unlink()
    log.append(line(2))
    assert [entry.id for entry in read_log(folder)] == ["p2"]


def test_a_large_deleted_file_comes_back_whole(tmp_path):
    log = LogWriter(LogSettings(log=tmp_path, log_segment_mb=3))
    for number in range(7):
        log.append(line(number, padding=450_001))
    delete_file(tmp_path)
    log.append(line(7))
    assert [entry.id for entry in read_log(tmp_path)] == [f"p{number}" for number in range(8)]


def test_a_log_that_cannot_be_written_is_one_line_a_minute(tmp_path, capsys):
    folder = tmp_path / "log"
    folder.write_text("in the way")
    settings, last = LogSettings(log=folder), [float("-inf")]

    def may_print(seconds):
        if time.monotonic() - last[0] < seconds:
            return False
        last[0] = time.monotonic()
        return True

    workers = [LogMaintenance(LogWriter(settings), settings, may_print) for _ in range(8)]
    for _ in range(50):
        for worker in workers:
            with pytest.raises(OSError):
                worker._log.append(line(1))
            worker.run()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "cannot write the prediction log" in said[0] and "503" in said[0]
    folder.unlink()
    for worker in workers:
        worker._log.append(line(1))
        worker.run()
    assert capsys.readouterr().err.splitlines() == ["slipway: the prediction log can be written again"]
