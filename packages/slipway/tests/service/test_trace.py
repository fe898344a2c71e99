"""The caller's request and trace ids are in the log; the access log is JSON lines on standard output."""

import json
import subprocess

import pytest
import requests
from running import SLIPWAY, Caller, Service, environment, free_port, serving, wait_until_ready
from toybox import rows_of

from slipway.serving.log.reader import read_log

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CALLER = {"X-Request-Id": "order-17", "traceparent": TRACE}


def test_the_ids_that_a_caller_sends_are_in_the_log(churn, tmp_path):
    rows = rows_of(churn, 2)
    with serving(churn.bundle.path, tmp_path / "log") as service:
        one = service.ask.post("/predict", json=rows[0], headers=CALLER)
        assert one.headers["x-request-id"] == "order-17"
        service.ask.post("/predict", json=rows, headers=CALLER)
        outcome = {"prediction_id": one.json()["prediction_id"], "outcome": True}
        service.ask.post("/feedback", json=outcome, headers=CALLER)
        bad = {"X-Request-Id": "a b;" * 9, "traceparent": "00-xyz"}
        service.ask.post("/predict", json=rows[0], headers=bad)
        service.ask.post("/predict", json=rows[0])
        entries = [*read_log(service.log)]
        assert [(entry.request_id, entry.traceparent) for entry in entries] == 4 * [("order-17", TRACE)] + 2 * [
            (None, None)
        ]
        text = b"".join(path.read_bytes() for path in service.log.glob("*.jsonl"))
        assert b"a b;" not in text and text.splitlines()[-1].count(b"request_id") == 0


@pytest.fixture
def printing(churn, tmp_path):
    """A service with an access log, and its standard output apart from its standard error."""
    given = {"bundle": churn.bundle.path, "log": tmp_path / "log", "port": free_port(), "workers": 1}
    variables = environment(**given, access_log="on", max_body_kb=1, max_connections=16)
    process = subprocess.Popen(
        [str(SLIPWAY), "serve"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    url = f"http://127.0.0.1:{given['port']}"
    service = Service(Caller(url), url, tmp_path / "log", process)
    wait_until_ready(service)
    yield service
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=15)


def test_every_request_is_a_json_line_refusals_too(printing, churn):
    row = rows_of(churn, 1)[0]
    printing.ask.post("/predict?key=secret", json=row, headers=CALLER)
    printing.ask.post("/predict", json={"plan": "secret"})
    printing.ask.post("/predict", data=b" " * 2000)
    printing.ask.get("/unknown")
    held = [requests.Session() for _ in range(20)]
    statuses = [session.get(printing.url + "/healthz", timeout=5).status_code for session in held]
    assert 503 in statuses
    printing.process.terminate()
    said = printing.process.communicate(timeout=15)[0]
    assert "secret" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    scored = [line for line in lines if line.get("path") == "/predict"]
    assert [(line["status"], line.get("reason")) for line in scored] == [
        (200, None),
        (422, "invalid-row"),
        (413, "too-large"),
    ]
    first = scored[0]
    assert (first["method"], first["request_id"], first["traceparent"]) == ("POST", "order-17", TRACE)
    assert first["client"] == "127.0.0.1" and first["duration_us"] > 0 and first["bytes_in"] > 10 < first["bytes_out"]
    assert [line["reason"] for line in lines if line.get("path") == "/unknown"] == ["not-found"]
    assert any(line["status"] == 503 and "path" not in line for line in lines)


ORIGIN = "https://shop.example"
ASKS = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def test_other_origins_are_allowed_by_a_list(churn, tmp_path):
    row = rows_of(churn, 1)[0]
    with serving(churn.bundle.path, tmp_path / "log", cors_origins=f"http://localhost:3000, {ORIGIN}") as service:
        asked = service.ask.options("/predict", headers=ASKS)
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        assert "POST" in asked.headers["access-control-allow-methods"]
        assert "content-type" in asked.headers["access-control-allow-headers"]
        answer = service.ask.post("/predict", json=row, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
        refused = service.ask.post("/predict", json={}, headers={"Origin": ORIGIN})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, ORIGIN)
        for origin in ("https://evil.example", "https://shop.example.evil.org", "null"):
            other = service.ask.post("/predict", json=row, headers={"Origin": origin})
            assert "access-control-allow-origin" not in other.headers and "origin" in other.headers["vary"].lower()
            assert service.ask.options("/predict", headers=ASKS | {"Origin": origin}).status_code == 405


def test_without_a_list_no_other_origin_is_allowed(churn_service, churn):
    assert churn_service.ask.options("/predict", headers=ASKS).status_code == 405
    answer = churn_service.ask.post("/predict", json=rows_of(churn, 1)[0], headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers


def test_requests_are_answered_after_the_reader_of_the_access_log_has_ended(printing, churn):
    printing.process.stdout.close()
    for row in rows_of(churn, 3):
        assert printing.ask.post("/predict", json=row).status_code == 200
    held = [requests.Session() for _ in range(20)]
    assert 503 in [session.get(printing.url + "/healthz", timeout=5).status_code for session in held]
    assert 503 in [session.get(printing.url + "/healthz", timeout=5).status_code for session in held]
    printing.process.terminate()
    assert printing.process.wait(timeout=15) == 0
