"""A shadow and what serves are compared on the same outcomes, and rows that it did not see are counted."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from toybox import toy_params

from slipway.evaluation.metrics import metric_value
from slipway.evaluation.scored import Scored
from slipway.monitoring.intake.load import load_traffic
from slipway.monitoring.intake.segments import find_segments, take_in_segments
from slipway.monitoring.shadow import compare_shadow, measure_shadow
from slipway.problem import Task
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Batch, Feedback, Prediction, Shadow

START = datetime(2024, 5, 1, tzinfo=UTC)
BASE = 0x01920000_0000_7000_8000_000000000000
OURS, THEIRS = "a" * 64, "b" * 64


def name(number):
    return format_identifier(BASE + number)


def write(folder, entries, segment="20240501T000000.000000Z-00000000.jsonl"):
    folder.mkdir(exist_ok=True)
    with (folder / segment).open("ab") as file:
        file.write(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


def load(tmp_path, task, classes):
    take_in_segments(tmp_path / "chunks", find_segments([tmp_path / "log"]))
    return load_traffic(tmp_path / "chunks", task, classes, ()).traffic


@pytest.fixture
def days():
    """Ten days of a hundred rows each: outcomes, the scores of what serves, and those of a better shadow."""
    random = np.random.default_rng(7)
    chance = random.uniform(0.05, 0.95, 1000)
    outcomes = random.random(1000) < chance
    return outcomes, np.clip(chance + random.normal(0, 0.3, 1000), 0.02, 0.98), chance


def entries_of(days):
    """The shadow sees nine of ten rows, and refuses every twentieth."""
    outcomes, ours, theirs = days
    for row in range(1000):
        when = START + timedelta(days=row // 100, seconds=row)
        yield Prediction(name(row), when, OURS, 80, float(ours[row]), bool(ours[row] >= 0.5))
        yield Feedback(name(5000 + row), when, name(row), bool(outcomes[row]))
        if row % 20 == 0:
            yield Shadow(name(row), when, THEIRS, [None], [None], {"invalid-row:plan": 1})
        elif row % 10:
            yield Shadow(name(row), when, THEIRS, [float(theirs[row])], [bool(theirs[row] >= 0.5)])


def test_a_better_shadow_is_seen_on_the_same_outcomes(tmp_path, churn, days):
    write(tmp_path / "log", entries_of(days))
    traffic = load(tmp_path, Task.BINARY, (False, True))
    manifest, params = churn.bundle.manifest, toy_params(churn.problem).evaluate
    found = {each.name: each for each in measure_shadow(traffic, manifest, "log_loss", params)}
    assert found["shadow:coverage"].figure.value == pytest.approx(0.95)
    assert found["shadow:refused"].figure.value == pytest.approx(50 / 950)
    seen = np.arange(1000) % 10 != 0
    outcomes, ours, theirs = days
    expected = [
        metric_value(scored(outcomes[seen], scores[seen], churn.bundle.manifest), "log_loss")
        for scores in (theirs, ours)
    ]
    loss = found["shadow:log_loss"]
    assert [loss.figure.value, loss.reference.value] == pytest.approx(expected)
    assert loss.rows == 900
    assert found["shadow:improvement"].figure.low > 0
    assert found["shadow:gain:log_loss"].figure.value == pytest.approx(expected[1] - expected[0])
    assert found["shadow:gain:roc_auc"].figure.low > 0
    assert found["shadow:distance"].figure.value == pytest.approx(np.abs(ours - theirs)[seen].mean())
    assert found["shadow:coverage"].note == f"shadow {THEIRS[:12]}"


def scored(outcomes, scores, manifest):
    return Scored(
        task=Task.BINARY,
        target=outcomes.astype(np.intp),
        scores=scores,
        group=np.zeros(len(scores), dtype=np.intp),
        groups=1,
        classes=manifest.classes,
        threshold=manifest.threshold,
    )


def test_lines_in_any_order_and_in_several_runs_give_the_same_figures(tmp_path, churn, days):
    entries = list(entries_of(days))
    params = toy_params(churn.problem).evaluate
    write(tmp_path / "log", entries)
    whole = compare_shadow(load(tmp_path, Task.BINARY, (False, True)), churn.bundle.manifest, "log_loss", params)
    later = tmp_path / "later"
    for part in (entries[1500:], entries[:1500]):
        write(later / "log" if later.is_dir() else _made(later) / "log", part, f"{len(part):08}-b.jsonl")
        traffic = load(later, Task.BINARY, (False, True))
    assert compare_shadow(traffic, churn.bundle.manifest, "log_loss", params) == whole


def _made(folder):
    folder.mkdir()
    return folder


def test_without_a_shadow_nothing_is_measured_and_few_days_give_no_interval(tmp_path, churn, days):
    params = toy_params(churn.problem).evaluate
    entries = list(entries_of(days))
    write(tmp_path / "log", [each for each in entries if not isinstance(each, Shadow)])
    traffic = load(tmp_path, Task.BINARY, (False, True))
    assert list(measure_shadow(traffic, churn.bundle.manifest, "log_loss", params)) == []
    write(tmp_path / "log", [each for each in entries if isinstance(each, Shadow)], "20240502T0-1.jsonl")
    short = load(tmp_path, Task.BINARY, (False, True)).between(*np.array(["2024-05-01", "2024-05-03"], "datetime64[D]"))
    found = {each.name: each for each in measure_shadow(short, churn.bundle.manifest, "log_loss", params)}
    assert found["shadow:log_loss"].figure is None
    assert "outcomes on 2 days" in found["shadow:log_loss"].note


def test_several_classes_and_batches_are_compared_row_by_row(tmp_path, toys):
    manifest = toys["crops"].bundle.manifest
    width, random = len(manifest.classes), np.random.default_rng(7)
    entries = []
    for day in range(5):
        when, first = START + timedelta(days=day), 100 * day
        ours = random.dirichlet(np.ones(width), 20)
        theirs = [None, *random.dirichlet(np.ones(width), 19).tolist()]
        entries.append(Batch(name(first), when, OURS, 80, ours.tolist(), None, None))
        entries.append(Shadow(name(first), when, THEIRS, theirs, None, {"no-score": 1}))
        entries += [
            Feedback(name(9000 + first + row), when, name(first + row), manifest.classes[0]) for row in range(20)
        ]
    entries.append(Shadow("no identifier", START, THEIRS, [[0.5] * width]))
    entries.append(Shadow(name(1), START, "c" * 64, [[0.5] * (width + 1)]))
    write(tmp_path / "log", entries)
    traffic = load(tmp_path, Task.MULTICLASS, manifest.classes)
    params = toy_params(toys["crops"].problem).evaluate
    found = compare_shadow(traffic, manifest, toys["crops"].problem.metric, params)
    assert (found.shadow, found.predictions, found.seen, found.refused, found.rows, found.groups) == (
        THEIRS,
        100,
        100,
        5,
        95,
        5,
    )
    assert found.improvement is not None
