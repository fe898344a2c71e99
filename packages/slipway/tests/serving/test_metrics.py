"""Counts of all workers add up, and come out as Prometheus reads them."""

from collections import Counter

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from slipway.serving.app.shared import Board, State
from slipway.serving.error_responses import Reason
from slipway.serving.metrics.exposition import Gauge, expose_metrics
from slipway.serving.metrics.recorder import Recorder, Route, count_slots, metric_families


def recorders(toy, workers=2):
    found = metric_families(toy.bundle.manifest, (0.0, 500.0, 1000.0))
    board = Board(workers, count_slots(found))
    return found, board, [Recorder(found, board.counts(section)) for section in range(workers)]


def samples(found, board, gauges=()):
    text = expose_metrics(found, board.totals(), gauges).decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_workers_add_up(churn):
    found, board, (one, two) = recorders(churn)
    one.request(Route.PREDICT, 200, 0.0001)
    two.request(Route.PREDICT, 200, 0.0003)
    two.request(Route.PREDICT, 422, 0.0003)
    two.reject(Reason.INVALID_ROW)
    counted = samples(found, board)
    assert counted["slipway_requests_total", "200", "predict"] == 2
    assert counted["slipway_requests_total", "422", "predict"] == 1
    assert counted["slipway_rejects_total", "invalid-row"] == 1
    assert counted["slipway_request_seconds_count", "predict"] == 3
    assert counted["slipway_request_seconds_bucket", "0.0001", "predict"] == 1
    assert counted["slipway_request_seconds_bucket", "0.0005", "predict"] == 3
    assert np.isclose(counted["slipway_request_seconds_sum", "predict"], 0.0007)


def test_many_rows_count_as_each_would_alone(toy):
    found, board, (one, two) = recorders(toy)
    classes = toy.bundle.manifest.classes
    scores = toy.bundle.score(toy.bundle.golden()[0])
    labels = [str(label).lower() for label in toy.bundle.label(scores).tolist()] if classes else [""] * len(scores)
    for score, label in zip(scores.tolist(), labels, strict=True):
        one.prediction(score, label)
    two.predictions(scores, Counter(labels))
    np.testing.assert_allclose(board.counts(0), board.counts(1), rtol=1e-9)
    assert sum(value for (name, *_), value in samples(found, board).items() if name == "slipway_predictions_total") == (
        2 * len(scores)
    )


def test_what_the_worker_is_now_stands_beside_what_it_counted(churn):
    found, board, _ = recorders(churn)
    gauge = Gauge("slipway_model_info", "The model.", 1, {"digest": 'a"b\nc'})
    assert samples(found, board, [gauge])["slipway_model_info", 'a"b\nc'] == 1


def test_flags_do_not_touch_counts():
    board = Board(2, 3)
    board.counts(1)[2] = 7.0
    board.set_state(1, State.READY)
    board.drain()
    assert (board.state(0), board.state(1), board.draining) == (State.STARTING, State.READY, True)
    assert board.totals() == [0.0, 0.0, 7.0]
