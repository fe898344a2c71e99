"""One run of the monitor over a real log: its figures, the same ones whatever happened before, and what it counts."""

import shutil
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from monitorbox import START, identify, make_project, make_traffic, run, split, write_log

from slipway.errors import DataError, SettingsError
from slipway.evaluation.metrics import metric_value
from slipway.evaluation.scored import Scored
from slipway.problem import Task
from slipway.serving.log import Batch

UNTIL = START + timedelta(days=28)


@pytest.fixture
def root(churn, tmp_path):
    return make_project(churn, tmp_path)


def chunks(root):
    return sorted(path.name for path in (root / ".slipway" / "monitoring" / "production" / "chunks").iterdir())


def figures(result):
    """What a run measured, without what the clock of this machine tells it."""
    return [
        (window.start, window.days, each)
        for window in result.windows
        for each in window.measurements
        if each.name not in ("lag", "idle")
    ]


def test_a_window_has_the_metrics_of_the_evaluation_on_its_rows(toy, tmp_path):
    root = make_project(toy, tmp_path)
    made = make_traffic(toy)
    write_log(root / "log", made.entries)
    result = run(root, until=UNTIL)
    (window,) = result.of_length(28)
    assert (window.rows, window.outcomes) == (28 * 40, 28 * 40)
    classes = toy.bundle.manifest.classes
    scored = Scored(
        task=toy.problem.task,
        target=np.array([classes.index(each) if classes else each for each in made.outcomes]),
        scores=np.array([each.score for each in made.predictions]),
        group=np.arange(28 * 40) // 40,
        groups=28,
        classes=classes,
        threshold=toy.bundle.manifest.threshold,
    )
    primary = window.find(toy.problem.metric)
    assert primary.figure.value == pytest.approx(metric_value(scored, toy.problem.metric), rel=1e-9)
    assert primary.figure.low < primary.figure.value < primary.figure.high
    assert primary.reference.low < primary.reference.high
    assert window.find("skill").figure.low > 0
    assert window.find("coverage").figure.value == 1
    assert window.find("delay_median").figure.value == pytest.approx(9)
    assert window.find("latency_median").figure.value == pytest.approx(0.203)
    assert any(each.name.startswith("slice:") and each.figure for each in window.measurements)
    assert (window.find("slope") is None) == (toy.problem.task is Task.MULTICLASS)
    assert not result.alarms


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
    (store / ".20240501.jsonl.0-100.x.part" / "outcomes.parquet").write_bytes(b"half of it")
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


def test_lines_that_are_no_entries_are_counted_and_never_an_error(root, churn):
    lines = [msgspec.json.encode(entry) + b"\n" for entry in make_traffic(churn).entries]
    strange = [
        b'{"kind":"prediction","id":"x","time":"2024-05-01T00:00:00Z","model":"m","latency_us":1,"score":0.5}\n',
        b'{"kind":"prediction","id":"%s","time":"2024-05-01T00:00:00","model":"m","latency_us":1,"score":0.5}\n'
        % (b"01920000-0000-7000-8000-000000000000"),
        b'{"kind":"prediction","id":"%s","time":"2024-05-01T00:00:00Z","model":"m","latency_us":1,"score":"high"}\n'
        % (b"01920000-0000-7000-8000-000000000001"),
        b'{"kind":"feedback","id":"y","time":"2024-05-01T00:00:00Z","prediction_id":"z","outcome":true}\n',
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


def test_rows_of_a_request_count_like_rows_alone(root, churn):
    made = make_traffic(churn)
    first = made.predictions[:100]
    batch = Batch(
        first[0].id,
        first[0].time,
        first[0].model,
        900,
        [each.score for each in first],
        [each.label for each in first],
        [each.inputs for each in first],
    )
    write_log(root / "log", [batch, *made.predictions[100:]])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.rows == 28 * 40
    assert window.find("rows_per_day").figure.value == 40
    assert window.find("requests_per_day").figure.value == pytest.approx((28 * 40 - 99) / 28)


def test_a_window_without_outcomes_says_so(root, churn):
    write_log(root / "log", make_traffic(churn).predictions)
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.outcomes == 0
    assert window.find("skill").figure is None
    assert window.find("skill").note == "no outcome is known"
    assert window.find("coverage").figure.value == 0
    assert window.find("estimated:log_loss").figure.value > 0
    assert window.find("score_mean").figure.low is not None


def test_without_inputs_there_are_scores_labels_and_the_service(root, churn):
    made = make_traffic(churn)
    bare = [msgspec.structs.replace(each, inputs=None) for each in made.predictions]
    write_log(root / "log", [*bare, *made.feedback])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.find("skill").figure.low > 0
    assert window.find("latency_p99").figure.value > 0
    assert window.find("slice:plan").note == "inputs are not logged (SLIPWAY_LOG_INPUTS)"


def test_two_releases_in_a_window_have_figures_of_their_own(root, churn):
    made = make_traffic(churn)
    random = np.random.default_rng(3)
    worse = [
        msgspec.structs.replace(each, model="f" * 64, score=float(random.random())) for each in made.predictions[:560]
    ]
    write_log(root / "log", [*worse, *made.predictions[560:], *made.feedback])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert {(each.bundle, each.rows) for each in window.releases} == {("f" * 64, 560), (churn.bundle.digest, 560)}
    old, new = (window.find(f"release:{name[:12]}:log_loss").figure for name in ("f" * 64, churn.bundle.digest))
    assert old.value > window.find("log_loss").figure.value > new.value


def test_rows_of_two_contracts_stand_in_one_window(root, churn):
    made = make_traffic(churn)
    older = [
        msgspec.structs.replace(each, inputs={"plan": each.inputs["plan"], "usage": "much", "zip": 12})
        for each in made.predictions[:400]
    ]
    write_log(root / "log", [*older, *made.predictions[400:], *made.feedback])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.rows == 28 * 40
    assert window.find("skill").figure.low > 0
    (week, *_) = run(root, until=UNTIL).of_length(7)
    assert week.find("missing:usage").figure.value > 0.9


def test_the_clock_may_be_a_column_of_the_contract(toys, tmp_path):
    rents = toys["rents"]
    root = make_project(rents, tmp_path)
    (root / "monitor.yaml").write_text("clock: offered\n")
    made = make_traffic(rents)
    write_log(root / "log", made.entries)
    result = run(root)
    offered = [each.inputs["offered"][:10] for each in made.predictions]
    assert f"{result.at - timedelta(days=1):%Y-%m-%d}" == max(offered)
    bare = [msgspec.structs.replace(each, inputs=None) for each in made.predictions]
    write_log(root / "bare", bare)
    (root / ".slipway").rename(root / "before")
    with pytest.raises(SettingsError, match="no row of the log has the column offered"):
        run(root, root / "bare")
    (root / "monitor.yaml").write_text("clock: rooms\n")
    with pytest.raises(SettingsError, match="clock: expected logged or a timestamp of the contract \\(offered\\)"):
        run(root)


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
    (chunk / "predictions-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=f"Remove the folder .*{name}: it is made from the log again"):
        run(root)
    shutil.rmtree(chunk)
    assert figures(run(root)) == expected
