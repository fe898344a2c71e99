"""Outcomes are taken down with 202, checked against the task, and found in the log beside their predictions."""

import json

import pytest
from toybox import rows_of

from slipway.serving.log.join import join_outcomes
from slipway.serving.log.reader import read_log

OUTCOMES = {"churn": True, "crops": "wheat", "rents": 812.5}
WRONG = {"churn": ["yes", 1, None, 0.5], "crops": ["maize", 1, None, True], "rents": ["812", True, None, [1]]}
ELSEWHERE = "01920000-0000-7000-8000-000000000000"


def predict(service, toy):
    return service.ask.post("/predict", json=rows_of(toy, 1)[0]).json()["prediction_id"]


def test_an_outcome_is_taken_down_and_joined(service, toy):
    identifier = predict(service, toy)
    sent = {
        "prediction_id": identifier,
        "outcome": OUTCOMES[toy.problem.name],
        "observed_at": "2024-05-01T13:30:00+02:00",
        "source": "crm",
    }
    answer = service.ask.post("/feedback", json=sent)
    assert answer.status_code == 202
    assert answer.json()["prediction_id"] == identifier
    joined = {each.prediction.id: each.outcome for each in join_outcomes(read_log(service.log)).joined}
    assert joined[identifier] == OUTCOMES[toy.problem.name]


def test_each_row_of_a_batch_can_have_its_outcome(service, toy):
    rows = rows_of(toy, 3)
    identifiers = [one["prediction_id"] for one in service.ask.post("/predict", json=rows).json()["predictions"]]
    sent = [{"prediction_id": one, "outcome": OUTCOMES[toy.problem.name]} for one in identifiers]
    answer = service.ask.post("/feedback", json=sent)
    assert answer.status_code == 202
    assert [one["prediction_id"] for one in answer.json()["accepted"]] == identifiers
    joined = {each.prediction.id: each.prediction.inputs for each in join_outcomes(read_log(service.log)).joined}
    assert [joined[one] for one in identifiers] == rows


def test_an_outcome_that_the_task_does_not_know_is_refused(service, toy):
    identifier = predict(service, toy)
    for wrong in WRONG[toy.problem.name]:
        answer = service.ask.post("/feedback", json={"prediction_id": identifier, "outcome": wrong})
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["field"] == "outcome"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"prediction_id": "7"}, "prediction_id"),
        ({"prediction_id": None}, "prediction_id"),
        ({"observed_at": "2024-05-01T13:30:00"}, "observed_at"),
        ({"observed_at": "yesterday"}, "observed_at"),
        ({"source": ""}, "source"),
        ({"source": "x" * 101}, "source"),
        ({"supersedes": "the other"}, "supersedes"),
        ({"comment": "hello"}, None),
    ],
)
def test_what_is_no_feedback_is_refused_by_field(churn_service, changed, field):
    sent = {"prediction_id": ELSEWHERE, "outcome": True} | changed
    answer = churn_service.ask.post("/feedback", json=[sent])
    assert answer.status_code == 422
    assert answer.json()["errors"][0].get("field") == field


@pytest.mark.parametrize("body", ["", "[", '{"prediction_id":1,"prediction_id":2}', "[" * 100_000])
def test_a_body_that_cannot_be_read_is_refused(churn_service, body):
    answer = churn_service.ask.post("/feedback", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_nothing_of_a_request_with_one_bad_outcome_is_taken_down(churn_service):
    good = {"prediction_id": ELSEWHERE.replace("0000-7", "00aa-7"), "outcome": True}
    answer = churn_service.ask.post("/feedback", data=json.dumps([good, good | {"outcome": 7}]))
    assert answer.status_code == 415
    answer = churn_service.ask.post("/feedback", json=[good, good | {"outcome": 7}])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["row"] == 1
    assert good["prediction_id"] not in {
        each.prediction_id for each in join_outcomes(read_log(churn_service.log)).unknown
    }


def test_an_outcome_of_an_unknown_prediction_is_accepted_and_found_when_joined(churn_service):
    sent = {"prediction_id": ELSEWHERE, "outcome": True}
    assert churn_service.ask.post("/feedback", json=sent).status_code == 202
    assert ELSEWHERE in {each.prediction_id for each in join_outcomes(read_log(churn_service.log)).unknown}


def test_no_outcome_at_all_is_an_invalid_request(churn_service):
    answer = churn_service.ask.post("/feedback", json=[])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:slipway:invalid-request")
