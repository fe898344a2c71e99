"""The log's files: whole lines only, closed when large or old, deleted after their days, read in the order of time."""

import errno
import os
import resource
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from slipway.serving.log import Batch, LogWriter, Prediction, Shadow
from slipway.serving.log.reader import Damage, follow_log, read_log
from slipway.serving.log.record import format_entry
from slipway.serving.log.segments import list_segments
from slipway.serving.settings import LogSettings

NOW = datetime(2024, 5, 1, tzinfo=UTC)
BASE = "01920000-0000-7000-8000-000000000000"


def settings_in(folder, **changed):
    return LogSettings(log=folder, **changed)


def line(number, **changed):
    record = Prediction(f"p{number}", NOW + timedelta(seconds=number), "digest", 100, 0.5, True)
    return msgspec.json.encode(record) + b"\n"


def identifiers(folder):
    return [entry.id for entry in read_log(folder)]


@pytest.mark.parametrize("durability", ["always", "interval", "never"])
def test_what_is_appended_is_read(tmp_path, durability):
    log = LogWriter(settings_in(tmp_path, log_durability=durability))
    for number in range(3):
        log.append(line(number))
    log.sync()
    log.close()
    assert identifiers(tmp_path) == ["p0", "p1", "p2"]


def test_always_means_that_the_disk_has_it_when_append_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for durability, expected in (("always", 1), ("interval", 0), ("never", 0)):
        synced.clear()
        log = LogWriter(settings_in(tmp_path / durability, log_durability=durability))
        log.append(line(1))
        assert len(synced) == expected


def test_a_large_file_is_closed_and_the_next_begun(tmp_path):
    log = LogWriter(settings_in(tmp_path, log_segment_mb=1))
    long = line(1)[:-1] + b" " * 400_000 + b"\n"
    for _ in range(4):
        log.append(long)
    assert [path.stat().st_size for path in list_segments(tmp_path)] == [3 * len(long), len(long)]


def test_an_old_file_is_closed_without_traffic(tmp_path, monkeypatch):
    log = LogWriter(settings_in(tmp_path, log_segment_hours=1))
    log.append(line(1))
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    log.rotate()
    log.append(line(2))
    assert len(list_segments(tmp_path)) == 2


def test_a_line_that_is_only_partly_written_is_taken_back(tmp_path, monkeypatch):
    log = LogWriter(settings_in(tmp_path))
    log.append(line(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(OSError, match="No space left"):
        log.append(line(2))
    assert log.failing
    monkeypatch.undo()
    assert log.probe()
    log.append(line(3))
    damage = Damage()
    assert [entry.id for entry in read_log(tmp_path, damage)] == ["p1", "p3"]
    assert damage.lines == 0


def test_a_sync_that_succeeds_does_not_make_room_for_the_line_that_found_none(tmp_path):
    log = LogWriter(LogSettings(log=tmp_path))
    log.append(b"{}\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may grow beyond this: what a full disk does to a write, without one.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        with pytest.raises(OSError):
            log.append(b"{}\n")
        log.sync()
        assert log.failing and not log.probe()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert log.probe() and not log.failing


def test_a_folder_that_cannot_be_written_is_an_error_until_it_can(tmp_path):
    folder = tmp_path / "log"
    folder.write_text("in the way")
    log = LogWriter(settings_in(folder))
    assert not log.probe()
    with pytest.raises(OSError, match="exists"):
        log.append(line(1))
    folder.unlink()
    assert log.probe()
    log.append(line(1))
    assert identifiers(folder) == ["p1"]


def test_threads_never_mix_their_lines(tmp_path):
    log = LogWriter(settings_in(tmp_path, log_segment_mb=1))
    threads = [
        threading.Thread(target=lambda start=start: [log.append(line(start + number)) for number in range(500)])
        for start in range(0, 8000, 1000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    damage = Damage()
    assert len(list(read_log(tmp_path, damage))) == 4000
    assert damage.lines == 0


def test_a_torn_last_line_is_left_out_and_counted(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(line(1) + line(2)[:30])
    (tmp_path / "b.jsonl").write_bytes(b"\n" + line(3))
    damage = Damage()
    assert [entry.id for entry in read_log(tmp_path, damage)] == ["p1", "p3"]
    assert damage.lines == 1


def test_files_of_several_workers_are_read_in_the_order_of_time(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(line(1) + line(4))
    (tmp_path / "b.jsonl").write_bytes(line(2) + line(3))
    assert identifiers(tmp_path) == ["p1", "p2", "p3", "p4"]


def test_a_batch_is_read_row_by_row(tmp_path):
    batch = Batch(BASE, NOW, "digest", 100, [0.1, 0.9], [False, True], [{"x": 1}, {"x": 2}])
    (tmp_path / "a.jsonl").write_bytes(msgspec.json.encode(batch) + b"\n")
    first, second = read_log(tmp_path)
    assert (first.id, first.score, first.label, first.inputs) == (BASE, 0.1, False, {"x": 1})
    assert (second.id, second.score, second.label, second.inputs) == (BASE[:-1] + "1", 0.9, True, {"x": 2})


def test_what_comes_later_is_followed_also_in_new_files_and_torn_lines_are_waited_for(tmp_path):
    first = tmp_path / "a.jsonl"
    first.write_bytes(line(1))
    found = []

    def watch():
        for entry in follow_log(tmp_path, {first: len(line(1))}, stop=lambda: len(found) == 3):
            found.append(entry.id)

    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(0.3)
    with first.open("ab") as file:
        file.write(line(2) + line(3)[:20])
        file.flush()
        time.sleep(0.5)
        file.write(line(3)[20:])
    (tmp_path / "b.jsonl").write_bytes(line(4))
    watcher.join(10)
    assert sorted(found) == ["p2", "p3", "p4"]


def test_following_goes_on_exactly_where_reading_ended(tmp_path):
    log = LogWriter(settings_in(tmp_path))
    log.append(line(1))
    ends = {}
    shown = [entry.id for entry in read_log(tmp_path, ends=ends)]
    log.append(line(2))
    later = follow_log(tmp_path, ends)
    assert (shown, next(later).id) == (["p1"], "p2")
    # What a probe writes and takes back moves nothing.
    with list_segments(tmp_path)[0].open("ab") as file:
        file.write(b"\n" * 500)
    log.append(line(3))
    os.truncate(list_segments(tmp_path)[0], 2 * len(line(1)))
    assert not list(follow_log(tmp_path, ends, stop=iter([False, True]).__next__))
    log.append(line(4))
    # The line that was cut off with them is written again.
    later = follow_log(tmp_path, ends)
    assert [next(later).id, next(later).id] == ["p3", "p4"]


def test_a_file_that_is_deleted_meanwhile_is_left_out(tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.jsonl").write_bytes(line(number))
    entries = read_log(tmp_path)
    assert next(entries).id == "p1"
    (tmp_path / "2.jsonl").unlink()
    assert list(entries) == []


def test_more_files_are_read_than_may_be_open(tmp_path):
    for number in range(300):
        (tmp_path / f"{number:03}.jsonl").write_bytes(line(2 * number) + line(2 * number + 1))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, before[1]))
    try:
        assert identifiers(tmp_path) == [f"p{number}" for number in range(600)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_file_never_outlives_its_days_while_it_is_written(tmp_path):
    with pytest.raises(ValueError, match="SLIPWAY_LOG_SEGMENT_HOURS is 25"):
        settings_in(tmp_path, log_segment_hours=25, log_days=1)
    settings_in(tmp_path, log_segment_hours=24, log_days=1)


@pytest.mark.parametrize("durability", ["always", "interval"])
def test_a_disk_that_lost_lines_is_no_log_until_a_sync_succeeds(tmp_path, monkeypatch, durability):
    log = LogWriter(settings_in(tmp_path, log_durability=durability))
    log.append(line(1))
    broken = True
    sync = os.fsync

    def fsync(file):
        if broken:
            raise OSError(errno.EIO, "the disk is gone")
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="gone"):
        log.append(line(2)) if durability == "always" else log.sync()
    with pytest.raises(OSError, match="gone"):
        log.append(line(3))
    assert log.failing and not log.probe()
    broken = False
    assert log.probe() and not log.failing
    log.append(line(4))
    log.close()
    assert identifiers(tmp_path) == ["p1", "p4"]


def test_the_scores_of_a_shadow_are_read_with_the_predictions_that_they_shadow(tmp_path):
    written = Shadow(BASE, NOW, "digest of the shadow", [0.25, None], [True, None], {"invalid-row:plan": 1})
    (tmp_path / "a.jsonl").write_bytes(msgspec.json.encode(written) + b"\n" + line(1))
    damage = Damage()
    shadow, _ = read_log(tmp_path, damage)
    assert (shadow, damage.lines) == (written, 0)
    assert shadow.shadowed() == [BASE, f"{BASE[:-1]}1"]
    assert format_entry(shadow) == f"2024-05-01 00:00:00 shadow     {BASE} 0.2500; refused (digest of th)"
