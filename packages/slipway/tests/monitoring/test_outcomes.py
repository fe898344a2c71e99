"""Outcomes of a log are joined in columns exactly as `join_outcomes` joins them, whatever comes and in which order."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from monitorbox import identify, write_log

from slipway.monitoring.effectiveness.labels import measure_labels
from slipway.monitoring.intake.load import load_traffic
from slipway.monitoring.intake.segments import FileSegment, find_segments, take_in_segments
from slipway.problem import Task
from slipway.serving.log import Feedback, Prediction
from slipway.serving.log.join import join_outcomes

START = datetime(2024, 5, 1, tzinfo=UTC)


def predict(number):
    when = START + timedelta(minutes=number)
    return Prediction(identify(when, number), when, "a" * 64, 100, 0.25)


def observe(number, prediction, outcome, supersedes=None, hours=1):
    when = START + timedelta(hours=hours, seconds=number)
    return Feedback(identify(when, 10_000 + number), when, prediction.id, outcome, supersedes=supersedes)


def load(folder, task=Task.BINARY, classes=(False, True), **options):
    take_in_segments(folder / "chunks", find_segments([folder / "log"]))
    return load_traffic(folder / "chunks", task, classes, (), **options)


def joined(loaded, classes=(False, True)):
    """The outcome of each prediction by the position of its row, None where it has none."""
    traffic = loaded.traffic
    targets = zip(traffic.target.tolist(), traffic.labelled.tolist(), strict=True)
    return [(classes[target] if classes else target) if known else None for target, known in targets]


@pytest.mark.parametrize("seed", range(5))
def test_the_columnar_join_is_the_join_of_the_log(tmp_path, seed):
    random = np.random.default_rng(seed)
    predictions = [predict(number) for number in range(60)]
    feedback = []
    for number in range(150):
        about = predictions[random.integers(0, 60)]
        earlier = [each.id for each in feedback if each.prediction_id == about.id]
        corrects = str(random.choice(earlier)) if earlier and random.random() < 0.4 else None
        # Some come before their prediction, some 90 days after.
        feedback.append(
            observe(number, about, bool(random.random() < 0.5), corrects, int(random.choice([-5, 1, 2160])))
        )
    feedback += [observe(900 + number, predict(5000 + number), True) for number in range(3)]
    feedback += feedback[:4]
    entries = [*predictions, *feedback]
    shuffled = [entries[at] for at in random.permutation(len(entries))]
    for part in range(3):
        write_log(tmp_path / "log", shuffled[part::3])
    loaded, expected = load(tmp_path), join_outcomes(entries)
    outcomes = {each.prediction.id: each.outcome for each in expected.joined}
    assert joined(loaded) == [outcomes.get(each.id) for each in predictions]
    found = loaded.outcomes
    assert found.conflicting == len(expected.conflicting)
    assert found.superseded == expected.superseded
    assert found.unknown == len(expected.unknown)
    # The copies of four feedbacks are the same feedback, and count once.
    assert found.repeated == expected.repeated


@pytest.mark.parametrize(
    ("task", "classes", "given", "expected"),
    [
        (Task.BINARY, (False, True), [True, False, 1, "true"], [True, False, None, None]),
        (Task.BINARY, (0, 1), [1, 0.0, True, 2], [1, 0, None, None]),
        (Task.MULTICLASS, ("oat", "rye"), ["rye", "oat", "corn", 1], ["rye", "oat", None, None]),
        (Task.REGRESSION, (), [3, 2.5, True, "3"], [3.0, 2.5, None, None]),
    ],
)
def test_an_outcome_that_the_model_does_not_know_is_none(tmp_path, task, classes, given, expected):
    score = [0.5, 0.5] if task is Task.MULTICLASS else 0.5
    predictions = [
        Prediction(identify(START, number), START + timedelta(seconds=number), "a" * 64, 1, score)
        for number in range(len(given))
    ]
    feedback = [
        observe(number, each, outcome) for number, (each, outcome) in enumerate(zip(predictions, given, strict=True))
    ]
    write_log(tmp_path / "log", [*predictions, *feedback])
    loaded = load(tmp_path, task, classes)
    assert joined(loaded, classes) == expected
    assert loaded.outcomes.strange == 2


def test_the_first_of_equal_outcomes_says_when_it_came(tmp_path):
    prediction = predict(0)
    given = [observe(number, prediction, True, hours=hours) for number, hours in enumerate((50, 3, 20))]
    write_log(tmp_path / "log", [prediction, *given])
    traffic = load(tmp_path).traffic
    assert traffic.arrived[0] == np.datetime64("2024-05-01T03:00:01")


def test_a_segment_that_stands_in_two_folders_is_read_once(tmp_path):
    write_log(tmp_path / "log", [predict(number) for number in range(10)])
    (segment,) = (tmp_path / "log").iterdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / segment.name).write_bytes(segment.read_bytes()[:-20])
    assert find_segments([tmp_path / "copy", tmp_path / "log"]) == {segment.name: FileSegment(segment)}


def test_a_sample_holds_the_same_rows_in_every_run_and_joins_their_outcomes(tmp_path):
    predictions = [predict(number) for number in range(4000)]
    feedback = [observe(number, each, number % 4 == 0) for number, each in enumerate(predictions)]
    write_log(tmp_path / "log", [*predictions, *feedback])
    first, second = (load(tmp_path, most_rows=1000) for _ in range(2))
    assert (first.traffic.identifiers == second.traffic.identifiers).all()
    assert first.share == 0.25
    assert 850 < len(first.traffic) < 1150
    assert first.traffic.labelled.all()
    assert first.traffic.target.mean() == pytest.approx(0.25, abs=0.05)
    assert first.predictions == 4000


def test_rows_are_in_the_order_of_their_time_whatever_the_order_of_the_log(tmp_path):
    predictions = [predict(number) for number in range(30)]
    for start in range(0, 30, 7):
        write_log(tmp_path / "log", predictions[::-1][start : start + 7])
    times = load(tmp_path).traffic.clock
    assert (np.diff(times) > np.timedelta64(0)).all()


def test_the_delay_is_that_of_the_observation_where_it_is_known(tmp_path, churn):
    predictions = [predict(number) for number in range(3)]
    said = [
        START + timedelta(hours=30, minutes=number) if number else datetime(2013, 1, 1, tzinfo=UTC)
        for number in range(3)
    ]
    given = [
        msgspec.structs.replace(observe(number, each, True, hours=50), observed_at=said[number])
        for number, each in enumerate(predictions)
    ]
    write_log(tmp_path / "log", [*predictions, *given])
    found = measure_labels(load(tmp_path).traffic, churn.bundle.manifest, churn.params.evaluate)
    delay = {each.name: each.figure for each in found}["delay_median"]
    # Of 50, 30 and 30 hours: the first outcome was observed before its prediction, so its arrival counts.
    assert delay.value == pytest.approx(30)
