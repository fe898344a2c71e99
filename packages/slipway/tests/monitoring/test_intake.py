"""Read a log into chunks: only what is new, the same rows whatever happened before, and what is no row is counted."""

import shutil
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from monitorbox import START, figures, identify, make_traffic, run, split, write_log

from slipway.errors import DataError
from slipway.serving.log import Batch

UNTIL = START + timedelta(days=28)


def chunks(root):
    return sorted(path.name for path in (root / ".slipway" / "monitoring" / "production" / "chunks").iterdir())


def test_the_same_log_gives_the_same_figures_whatever_the_runs_in_between(root, churn):
    entries = make_traffic(churn, rows=20).entries
    write_log(root / "log", entries)
    whole = run(root, until=UNTIL)
    (root / ".slipway").rename(root / "before")
    for part in split(entries, 5):
        write_log(root / "parts", part)
        run(root, root / "parts", until=UNTIL)
    assert figures(run(root, root / "parts", until=UNTIL)) == figures(whole)


def test_a_run_that_was_killed_is_continued(root, churn):
    entries = make_traffic(churn, rows=20).entries
    write_log(root / "log", entries[:600])
    run(root, until=UNTIL)
    store = root / ".slipway" / "monitoring" / "production" / "chunks"
    # What a killed run leaves: a folder that was not finished.
    (store / ".20240501.jsonl.0-100.x.part").mkdir()
    (store / ".20240501.jsonl.0-100.x.part" / "outcomes.arrow").write_bytes(b"half of it")
    write_log(root / "log", entries[600:])
    continued = run(root, until=UNTIL)
    (root / ".slipway").rename(root / "before")
    assert figures(run(root, until=UNTIL)) == figures(continued)


def test_a_second_run_reads_only_what_is_new(root, churn):
    entries = make_traffic(churn).entries
    write_log(root / "log", entries[:800])
    run(root)
    first = chunks(root)
    write_log(root / "log", entries[800:])
    run(root)
    assert set(first) < set(chunks(root))
    assert run(root).counts.predictions == 28 * 40


def test_a_segment_that_grows_is_continued_where_it_was_left(root, churn):
    lines = [msgspec.json.encode(entry) + b"\n" for entry in make_traffic(churn).entries]
    path = root / "log" / "20240501T000000.000000Z-00000000.jsonl"
    path.parent.mkdir()
    # The last line is not complete yet, and the service tests its disk with empty lines, which it removes again.
    path.write_bytes(b"".join(lines[:900]) + b"\n\n" + lines[900][:40])
    assert run(root).counts.damaged == 1
    path.write_bytes(b"".join(lines))
    assert run(root).counts.damaged == 0
    assert run(root).counts.predictions == 28 * 40
    assert len(chunks(root)) == 2


def test_a_segment_that_was_written_again_is_read_again(root, churn):
    made = make_traffic(churn)
    lines = [msgspec.json.encode(entry) + b"\n" for entry in made.predictions]
    path = root / "log" / "20240501T000000.000000Z-00000000.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"".join(lines))
    run(root)
    path.write_bytes(b"".join(lines[:500]))
    assert run(root).counts.predictions == 500
    path.write_bytes(b"".join(lines[500:]))
    assert run(root).counts.predictions == 28 * 40 - 500


@pytest.mark.parametrize(("age", "kept"), [(20, 120), (200, 0)])
def test_rows_of_a_replica_that_vanished_are_kept_as_long_as_a_log_is(root, churn, age, kept):
    made = make_traffic(churn, days=3, start=datetime.now(UTC) - timedelta(days=age))
    write_log(root / "gone", made.predictions)
    write_log(root / "log", make_traffic(churn, days=1).predictions)
    assert run(root, root / "log", root / "gone").counts.predictions == 160
    shutil.rmtree(root / "gone")
    assert run(root, root / "log", root / "gone").counts.predictions == 40 + kept


def test_rows_of_smoke_tests_are_counted_and_in_no_window(root, churn):
    made = make_traffic(churn)
    write_log(root / "log", made.entries)
    expected = run(root)
    tests = [msgspec.structs.replace(each, id=identify(each.time, 1 << 40), probe=True) for each in made.predictions]
    several = Batch(identify(UNTIL, 2), UNTIL, tests[0].model, 9, [0.5, 0.6], [True, True], probe=True)
    # A day later than all traffic: it moves no window either.
    write_log(root / "log", [*tests, several])
    found = run(root)
    assert figures(found) == figures(expected)
    assert found.counts == msgspec.structs.replace(expected.counts, probes=28 * 40 + 2)


def test_a_log_of_smoke_tests_alone_says_so(root, churn):
    tests = [msgspec.structs.replace(each, probe=True) for each in make_traffic(churn, days=1).predictions]
    write_log(root / "log", tests)
    with pytest.raises(DataError, match=r"No prediction in the log.* and 40 rows of smoke tests"):
        run(root)


def test_lines_that_are_no_entries_are_counted_and_never_an_error(root, churn):
    lines = [msgspec.json.encode(entry) + b"\n" for entry in make_traffic(churn).entries]
    strange = [
        b'{"kind":"prediction","id":"x","time":"2024-05-01T00:00:00Z","model":"m","latency_us":1,"score":0.5}\n',
        b'{"kind":"prediction","id":"%s","time":"2024-05-01T00:00:00","model":"m","latency_us":1,"score":0.5}\n'
        % (b"01920000-0000-7000-8000-000000000000"),
        b'{"kind":"prediction","id":"%s","time":"2024-05-01T00:00:00Z","model":"m","latency_us":1,"score":"high"}\n'
        % (b"01920000-0000-7000-8000-000000000001"),
        b'{"kind":"feedback","id":"y","time":"2024-05-01T00:00:00Z","prediction_id":"z","outcome":true}\n',
        b'{"kind":"feedback","id":"%s","time":"2024-05-01T00:00:00Z","prediction_id":"%s","outcome":1%s}\n'
        % (b"01920000-0000-7000-8000-000000000003", b"01920000-0000-7000-8000-000000000004", b"0" * 400),
        b'{"kind":"prediction","id":"%s","time":"2024-05-01T00:00:00Z","model":"m","latency_us":1,"score":1%s}\n'
        % (b"01920000-0000-7000-8000-000000000005", b"0" * 400),
        b'{"kind":"prediction","id":"%s","time":"2024-05-01T00:00:00Z","model":"m","latency_us":%d,"score":0.5}\n'
        % (b"01920000-0000-7000-8000-000000000006", 1 << 63),
        b'{"kind":"prediction","id":"%s","time":"0001-01-01T00:00:00+14:00","model":"m","latency_us":1,"score":0.5}\n'
        % (b"01920000-0000-7000-8000-000000000007"),
        b'{"kind":"shadow","id":"%s","time":"2024-05-01T00:00:00Z","model":"m","scores":[1%s],"labels":[null]}\n'
        % (b"01920000-0000-7000-8000-000000000008", b"0" * 400),
        b'{"kind":"heartbeat"}\n',
        b'{"kind":"batch","id":"%s","time":"2024-05-01T00:00:00Z","model":"m","latency_us":1,"scores":[0.5,0.6],'
        b'"labels":[true]}\n' % (b"01920000-0000-7000-8000-000000000002"),
    ]
    damaged = [b"\x00\xff\xfe\n", b'{"kind":"predic\n', b'{"kind":"prediction","inputs":' + b"[" * 5000 + b"\n"]
    path = root / "log" / "20240501T000000.000000Z-00000000.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"".join([*lines[:5], *strange, *lines[5:9], *damaged, b"\n", *lines[9:]]))
    counts = run(root).counts
    assert (counts.predictions, counts.joined) == (28 * 40, 28 * 40)
    assert (counts.damaged, counts.foreign) == (len(damaged), len(strange))


def test_two_monitors_at_once_do_not_disturb_each_other(root, churn):
    write_log(root / "log", make_traffic(churn, rows=10).entries)
    found = []
    threads = [threading.Thread(target=lambda: found.append(run(root, until=UNTIL))) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert figures(found[0]) == figures(found[1])
    assert found[0].counts.predictions == 280


def test_a_log_without_predictions_is_named(root):
    (root / "log").mkdir()
    with pytest.raises(DataError, match="No prediction in the log of production: 0 file"):
        run(root)
    (root / "log" / "20240501T000000.000000Z-00000000.jsonl").write_bytes(b'x\n{"kind":"heartbeat"}\ny\nz')
    with pytest.raises(DataError, match=r"1 file.* with 3 incomplete or malformed lines, 1 of another kind"):
        run(root)


def test_a_clock_that_jumped_moves_no_window(root, churn):
    made = make_traffic(churn, rows=80)
    jumped = [
        msgspec.structs.replace(made.predictions[0], id=identify(when, 77), time=when)
        for when in (datetime(2099, 1, 1, tzinfo=UTC), datetime(1990, 1, 1, tzinfo=UTC))
    ]
    write_log(root / "log", made.entries)
    before = run(root)
    write_log(root / "log", jumped)
    after = run(root)
    assert after.counts.predictions == before.counts.predictions + 2
    assert [(window.start, window.end, window.rows) for window in after.windows] == [
        (window.start, window.end, window.rows) for window in before.windows
    ]


def test_a_damaged_chunk_is_named_and_made_again_from_the_log(root, churn):
    write_log(root / "log", make_traffic(churn, days=3).entries)
    expected = figures(run(root))
    (name,) = chunks(root)
    chunk = root / ".slipway" / "monitoring" / "production" / "chunks" / name
    (chunk / "predictions-0.arrow").write_bytes(b"ARROW1")
    with pytest.raises(DataError, match=f"Remove the folder .*{name}: it is made from the log again"):
        run(root)
    shutil.rmtree(chunk)
    assert figures(run(root)) == expected
