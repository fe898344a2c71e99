"""What `POST /predict` answers: the bundle's own scores, with identifiers, for one row and for many."""

import json
import time
from uuid import UUID

import numpy as np
import pytest
from click.testing import CliRunner
from toybox import rows_of

from slipway.cli import main


def scores_in(toy, predictions):
    names = ["score"] if toy.problem.task != "multiclass" else None
    if names:
        return [prediction["score"] for prediction in predictions]
    return [list(prediction["scores"].values()) for prediction in predictions]


def test_one_row_gets_the_bundles_score_its_label_and_the_model(service, toy):
    row = rows_of(toy, 1)[0]
    answer = service.ask.post("/predict", json=row)
    assert answer.status_code == 200
    found = answer.json()
    expected = toy.bundle.score(toy.bundle.parse([row]))
    np.testing.assert_array_equal(scores_in(toy, [found])[0], expected[0])
    assert found["model"] == {"name": toy.problem.name, "digest": toy.bundle.digest}
    if toy.problem.task == "regression":
        assert "label" not in found
    else:
        assert found["label"] == toy.bundle.label(expected)[0]
    if toy.problem.task == "multiclass":
        assert list(found["scores"]) == list(toy.bundle.manifest.classes)


def test_the_command_line_answers_what_the_service_answers(service, toy):
    rows = rows_of(toy, 20)
    answers = service.ask.post("/predict", json=rows).json()["predictions"]
    command = ["predict", "--bundle", str(toy.bundle.path), "-"]
    done = CliRunner().invoke(main, command, input=json.dumps(rows), catch_exceptions=False)
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert lines == [{key: value for key, value in answer.items() if key != "prediction_id"} for answer in answers]


def bodies_of(toy):
    """What clients send: optional fields left out or null, other forms of the same, and what is refused."""
    rows = rows_of(toy, 3)
    row, fields = rows[0], toy.bundle.fields
    number = next(each.wire_name for each in fields if each.kind in ("integer", "number"))
    yield {each.wire_name: row[each.wire_name] for each in fields if each.required}
    yield row | {each.wire_name: None for each in fields if each.nullable}
    yield {"rows": rows}
    yield row | {number: float(int(row[number] or 0))}
    yield from ([], {"rows": []}, {"rows": 1}, "text", None, [[row]], [row, row | {"surplus": 1}])
    yield from (row | {number: value} for value in ("many", True, 10**400))
    yield {each.wire_name: row[each.wire_name] for each in fields if each.wire_name != number}


def test_the_command_line_takes_and_refuses_what_the_service_does(service, toy):
    command = ["predict", "--bundle", str(toy.bundle.path), "-"]
    malformed = ["", "[", '{"a": NaN}', "[" * 2000, "\ufeff{}", '{"a": 1, "a": 2}']
    for body in [*map(json.dumps, bodies_of(toy)), *malformed]:
        answer = service.ask.post("/predict", data=body.encode(), headers={"Content-Type": "application/json"})
        done = CliRunner().invoke(main, command, input=body.encode(), catch_exceptions=False)
        found = answer.json()
        if answer.status_code == 200:
            lines = [json.loads(line) for line in done.output.splitlines()]
            own = found.get("predictions", [found])
            assert lines == [{name: one[name] for name in one if name in ("score", "scores", "label")} for one in own]
            continue
        assert done.exit_code == 1, body[:100]
        assert found["detail"].removesuffix(" See errors for the others.") in done.output
        assert all(fault["expected"] in done.output for fault in found.get("errors", ()))


def test_many_rows_get_exactly_what_each_would_get_alone(service, toy):
    rows = rows_of(toy, 100)
    together = service.ask.post("/predict", json=rows).json()["predictions"]
    alone = [service.ask.post("/predict", json=row).json() for row in rows]
    assert scores_in(toy, together) == scores_in(toy, alone)
    assert [one.get("label") for one in together] == [one.get("label") for one in alone]


def test_rows_may_stand_under_the_key_rows(service, toy):
    rows = rows_of(toy, 3)
    wrapped = service.ask.post("/predict", json={"rows": rows}).json()
    assert scores_in(toy, wrapped["predictions"]) == scores_in(
        toy, service.ask.post("/predict", json=rows).json()["predictions"]
    )


def test_identifiers_are_unique_sort_by_time_and_say_so(churn_service, toys):
    row = rows_of(toys["churn"], 1)[0]
    found = [churn_service.ask.post("/predict", json=row).json()["prediction_id"] for _ in range(5)]
    found += [one["prediction_id"] for one in churn_service.ask.post("/predict", json=[row] * 50).json()["predictions"]]
    time.sleep(0.002)
    found.append(churn_service.ask.post("/predict", json=row).json()["prediction_id"])
    assert len(set(found)) == len(found)
    assert all(UUID(one).version == 7 and UUID(one).variant == "specified in RFC 4122" for one in found)
    assert found[-1] == max(found)
    age = time.time() - (UUID(found[-1]).int >> 80) / 1000
    assert 0 <= age < 60


def test_the_request_id_is_the_callers_own_or_the_predictions(churn_service, toys):
    row = rows_of(toys["churn"], 1)[0]
    own = churn_service.ask.post("/predict", json=row, headers={"X-Request-Id": "order-17"})
    assert own.headers["x-request-id"] == "order-17"
    answer = churn_service.ask.post("/predict", json=row)
    assert answer.headers["x-request-id"] == answer.json()["prediction_id"]
    odd = churn_service.ask.post("/predict", json=row, headers={"X-Request-Id": "a b\t<script>"})
    assert odd.headers["x-request-id"] == odd.json()["prediction_id"]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_say_that_it_is_utf_8(churn_service, toys, content_type):
    answer = churn_service.ask.post(
        "/predict", json=rows_of(toys["churn"], 1)[0], headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200


def test_white_space_escapes_and_colons_inside_of_text_are_no_repeated_keys(churn_service):
    body = b' \n{ "plan" :"basic", "months":\t7, "joined": "2020-01-01T00:00:00+05:30", "\\u0074own" : "ulm"}'
    answer = churn_service.ask.post("/predict", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
