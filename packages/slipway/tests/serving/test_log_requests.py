"""Requests that stand for a week of the log: whose they are, which days, which rows, and what cannot be read."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from slipway.serving.log import Batch, Feedback, Prediction, Shadow, requests
from slipway.serving.log.requests import choose_requests

NOW = datetime(2024, 5, 8, 12, tzinfo=UTC)
NAME = "01a20ca2-0000-7000-8000-000000000000"


def predicted(inputs, *, hours=0.0, model="ours"):
    return Prediction(NAME, NOW - timedelta(hours=hours), model, 80, 0.5, True, inputs)


def write(folder, *entries, name="20240508T000000.000000Z-00000000.jsonl"):
    lines = [entry if isinstance(entry, bytes) else msgspec.json.encode(entry) + b"\n" for entry in entries]
    (folder / name).write_bytes(b"".join(lines))


def chosen(folder, now=NOW):
    found = choose_requests(folder, "ours", now)
    return found, [msgspec.json.decode(row)["n"] for row in found.rows]


def test_rows_of_one_model_in_its_last_seven_days_are_chosen_once_each(tmp_path):
    batch = Batch(NAME, NOW - timedelta(days=3), "ours", 80, [0.5] * 3, None, [{"n": 1}, {"n": 2}, {"n": 2}])
    write(tmp_path, predicted({"n": 1}), batch, predicted({"n": 9}, hours=169), predicted({"n": 8}, model="theirs"))
    write(tmp_path, predicted({"n": 3}, hours=167), Feedback(NAME, NOW, NAME, True), name="20240507T0Z-1.jsonl")
    write(tmp_path, Shadow(NAME, NOW, "ours", [0.5]), name="20240507T0Z-2.jsonl")
    found, rows = chosen(tmp_path)
    assert sorted(rows) == [1, 2, 3]
    assert (found.taken, found.others, found.damaged, found.newest) == (5, 2, 0, NOW)


def test_the_week_ends_with_the_newest_prediction_and_not_with_that_of_a_clock_ahead(tmp_path):
    write(
        tmp_path, predicted({"n": 1}, hours=24 * 40), predicted({"n": 2}, hours=24 * 46), predicted({"n": 3}, hours=-9)
    )
    found, rows = chosen(tmp_path)
    assert sorted(rows) == [1, 2] and found.others == 1


def test_lines_that_cannot_be_read_are_counted(tmp_path):
    deep = b'{"kind":"prediction","time":"2024-05-08T11:00:00Z","model":"ours","inputs":' + b"[" * 9000 + b"\n"
    write(
        tmp_path,
        *(deep, b"\xff\xfe\n", b"{}\n", b'{"kind":"other"}\n', b"\0" * 50 + b"\n", b"\n"),
        msgspec.json.encode(predicted({"n": 5})).replace(b"Z", b"") + b"\n",
        predicted({"n": 1}),
        msgspec.json.encode(predicted({"n": 2}))[:-20],
    )
    (tmp_path / "folder.jsonl").mkdir()
    found, rows = chosen(tmp_path)
    assert rows == [1] and found.damaged == 7


def test_predictions_that_were_logged_without_inputs_are_counted(tmp_path):
    write(tmp_path, predicted(None), Batch(NAME, NOW, "ours", 80, [0.5, 0.1]))
    found, rows = chosen(tmp_path)
    assert rows == [] and (found.taken, found.without_inputs) == (3, 3)


def test_nothing_is_chosen_from_an_empty_log(tmp_path):
    assert choose_requests(tmp_path, "ours", NOW) == requests.LoggedRequests()


@pytest.mark.parametrize("rare", [{"word": "rare"}, {"word": None}, {"word": True}, {"number": -1}, {"number": 10**6}])
def test_of_many_rows_the_same_are_drawn_and_those_with_rare_values_are_among_them(tmp_path, monkeypatch, rare):
    monkeypatch.setattr(requests, "_DRAWN", 50)
    rows = [{"n": n, "word": f"w{n % 5}", "number": n % 7} for n in range(2000)]
    rows[1234] |= rare
    write(tmp_path, *map(predicted, rows))
    _, found = chosen(tmp_path)
    assert 1234 in found and 50 < len(found) < 80
    write(tmp_path, *map(predicted, reversed(rows)))
    again = choose_requests(tmp_path, "ours", NOW).rows
    assert len({*found} & {msgspec.json.decode(row)["n"] for row in again}) >= 50


def test_rows_of_smoke_tests_are_not_what_clients_send(tmp_path):
    probe = Prediction(NAME, NOW, "ours", 80, 0.5, True, {"n": 2}, probe=True)
    write(tmp_path, predicted({"n": 1}, hours=24), probe)
    found, rows = chosen(tmp_path)
    assert rows == [1]
    assert (found.others, found.newest) == (1, NOW - timedelta(days=1))
