"""The routes for people and operators: what they say, and that whatever goes wrong there is a problem as everywhere."""

import json
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from toybox import rows_of

from slipway.bundle.verify import read_sealed, start_bundle
from slipway.serving.app.application import OPEN
from slipway.serving.app.shared import share_state
from slipway.serving.log import LogWriter
from slipway.serving.server.worker import assemble_app
from slipway.serving.settings import read_settings
from slipway.serving.site.operations import METRICS_TEXT

SECRET = "Zx9secretvalue"


def samples(service):
    """Every value of `/metrics` by its name and labels."""
    answer = service.ask.get("/metrics")
    assert answer.headers["content-type"] == METRICS_TEXT
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name, *sorted(sample.labels.items())] = sample.value
    return found


def test_version_says_which_model_answers_since_when_and_nothing_of_what_it_is_made_of(service, toy):
    found = service.ask.get("/version").json()
    assert found["model"] == {"name": toy.problem.name, "digest": toy.bundle.digest}
    assert found["task"] == toy.problem.task
    assert found["workers"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", found["since"])
    assert set(found) == {"model", "task", "since", "workers"}


def test_metrics_name_the_model_and_the_state_of_the_service(service, toy):
    found = samples(service)
    model = (("digest", toy.bundle.digest), ("name", toy.problem.name), ("task", toy.problem.task.value))
    assert found["slipway_model_info", *model] == 1
    assert found[("slipway_workers",)] == found[("slipway_workers_ready",)] == 1
    assert found[("slipway_draining",)] == 0
    assert found[("slipway_log_writable",)] == 1
    assert found[("slipway_started_seconds",)] > 1_700_000_000


def test_metrics_count_what_was_asked(service, toy):
    before = samples(service)
    rows = rows_of(toy, 3)
    label = service.ask.post("/predict", json=rows[0]).json().get("label", "")
    service.ask.post("/predict", json=rows)
    service.ask.get("/unknown")
    after = samples(service)

    def more(name, **labels):
        key = (name, *sorted(labels.items()))
        return after[key] - before[key]

    assert more("slipway_requests_total", route="predict", status="200") == 2
    assert more("slipway_rejects_total", reason="not-found") == 1
    assert more("slipway_predictions_total", label=str(label).lower() if isinstance(label, bool) else label) >= 1
    assert more("slipway_requests_total", route="other", status="404") == 1
    assert more("slipway_request_seconds_count", route="predict") == 2


@pytest.mark.parametrize("path", [f"/{SECRET}", "/version/", "//version", "//metrics", f"/static/{SECRET}", "/static/"])
def test_an_unknown_path_is_a_problem_that_repeats_nothing(churn_service, path):
    answer = churn_service.ask.get(path, headers={"X-Request-Id": "mine-7"}, allow_redirects=False)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-7"
    assert answer.json()["type"] == "urn:slipway:not-found"
    assert SECRET not in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("POST", "/version"), ("POST", "/nothing")])
def test_an_id_of_the_service_is_one_and_the_same_in_header_and_body(churn_service, method, path):
    answer = churn_service.ask.request(method, path)
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize("path", ["/", "/version", "/metrics", "/openapi.json", "/v2", "/v2/models/churn"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_is_a_problem_that_names_the_right_ones(churn_service, path, method):
    answer = churn_service.ask.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/version", "/metrics", "/openapi.json", "/static/page.css"])
def test_head_is_get_without_the_body(churn_service, path):
    answer = churn_service.ask.head(path)
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 100
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/version", "/metrics", "/openapi.json", "/nothing"])
def test_what_changes_is_kept_by_no_cache(churn_service, path):
    assert churn_service.ask.get(path).headers["cache-control"] == "no-store"


def test_the_open_inference_protocol_is_told_of_server_and_model(service, toy):
    path = f"/v2/models/{toy.problem.name}"
    assert service.ask.get("/v2").json()["name"] == "slipway"
    model = service.ask.get(path).json()
    assert [tensor["name"] for tensor in model["inputs"]] == [field.name for field in toy.bundle.fields]
    for version in (model["versions"][0], toy.bundle.digest):
        assert service.ask.get(f"{path}/versions/{version}").json() == model
        assert service.ask.get(f"{path}/versions/{version}/ready").json()["ready"] is True
    assert service.ask.get(f"{path}/versions/other").status_code == 404
    assert service.ask.get("/v2/models/other").status_code == 404


@pytest.fixture
def app(churn, tmp_path):
    """The application of a worker, without a server in front of it."""
    settings = read_settings({}, log=tmp_path / "log")
    sealed = read_sealed(churn.bundle.path)
    shared = share_state(settings, sealed, 0.0)
    return assemble_app(shared, 0, start_bundle(sealed), LogWriter(settings)), shared.board


def test_a_failure_of_ours_is_a_problem_and_its_reason_is_for_the_operator(app, capsys):
    site = app[0].load_site()

    def broken():
        raise RuntimeError(SECRET)

    site.add_url_rule("/broken", "broken", broken)
    answer = site.test_client().get("/broken")
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == "urn:slipway:internal"
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    said = capsys.readouterr().err
    assert SECRET in said
    assert answer.json["request_id"] in said


def test_metrics_say_that_the_service_is_about_to_end_and_that_the_log_fails(app, tmp_path):
    worker, board = app
    (tmp_path / "log").write_text("in the way")
    board.drain()
    text = worker.load_site().test_client().get("/metrics").text
    assert "slipway_draining 1.0" in text
    assert "slipway_log_writable 0.0" in text
    assert "slipway_workers_ready 0.0" in text


def test_every_route_is_described(app, churn):
    worker, _ = app
    described = set(json.loads(worker.load_site().test_client().get("/openapi.json").text)["paths"])
    routes = set(worker.scoring) | set(OPEN) | {rule.rule for rule in worker.load_site().url_map.iter_rules()}
    undescribed = {path for path in routes - described if churn.bundle.digest not in path}
    assert undescribed == {"/static/<name>"}
    assert described <= routes
