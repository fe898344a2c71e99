"""Bad input gets the right status, names row and field, says what was expected, and repeats nothing of the client's."""

import gzip
import json
import re
import socket
from urllib.parse import urlsplit

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toybox import rows_of

GOOD = '{"plan":"basic","months":7}'
SECRET = "Zx9secretvalue"
LEAKS = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/usr/|/root/|/tmp/|/home/|granian|flask|werkzeug|msgspec|numpy|onnx|"
    rf"python|\d+\.\d+\.\d+|{SECRET}",
    re.IGNORECASE,
)


def ask(service, body, content_type="application/json", **options):
    sent = body if isinstance(body, bytes) else body.encode()
    return service.ask.post("/predict", data=sent, headers={"Content-Type": content_type}, **options)


def check_problem(answer, status, reason):
    """A refusal is problem+json with a request id and no leak."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["type"] == f"urn:slipway:{reason}"
    assert found["status"] == status
    assert found["request_id"] == answer.headers["x-request-id"]
    assert not LEAKS.search(answer.text), answer.text
    return found


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ('{"months":7}', "plan", "one of basic, family, plus"),
        (f'{{"plan":"{SECRET}","months":7}}', "plan", "one of basic, family, plus"),
        ('{"plan":null,"months":7}', "plan", "one of basic, family, plus"),
        ('{"plan":"basic","months":"7"}', "months", "an integer from 0 to 600"),
        ('{"plan":"basic","months":7.5}', "months", "an integer from 0 to 600"),
        ('{"plan":"basic","months":true}', "months", "an integer from 0 to 600"),
        ('{"plan":"basic","months":601}', "months", "an integer from 0 to 600"),
        ('{"plan":"basic","months":-1}', "months", "an integer from 0 to 600"),
        ('{"plan":"basic","months":7,"usage":-0.5}', "usage", "a number at least 0 (h/day), or null"),
        (
            f'{{"plan":"basic","months":7,"town":"{SECRET}"}}',
            "town",
            "text (Town, lower-case letters), or null",
        ),
        ('{"plan":"basic","months":7,"paperless":1}', "paperless", "true or false, or null"),
        (
            '{"plan":"basic","months":7,"joined":"2020-01-01T00:00:00"}',
            "joined",
            "a timestamp with a time zone, such as 2024-05-01T13:30:00Z, or null",
        ),
        ('{"plan":"basic","months":7,"Town":"ulm"}', "Town", "one of plan, town, joined, months, usage, paperless"),
    ],
)
def test_a_row_that_is_not_the_contracts_is_refused_by_field(churn_service, body, field, expected):
    found = check_problem(ask(churn_service, body), 422, "invalid-row")
    assert [(fault["row"], fault["field"], fault["expected"]) for fault in found["errors"]] == [(0, field, expected)]
    assert field in found["detail"]


def test_every_fault_of_every_row_is_named_up_to_twenty(churn_service):
    rows = [json.loads(GOOD), {"plan": "gold", "months": -1, "x": 1}, json.loads(GOOD), {"months": 3}]
    found = check_problem(ask(churn_service, json.dumps(rows)), 422, "invalid-row")
    assert [(fault["row"], fault["field"]) for fault in found["errors"]] == [
        (1, "plan"),
        (1, "months"),
        (1, "x"),
        (3, "plan"),
    ]
    many = check_problem(ask(churn_service, json.dumps([{}] * 500)), 422, "invalid-row")
    assert len(many["errors"]) == 20


def test_an_unknown_field_is_shown_only_if_it_looks_like_a_name(churn_service):
    body = json.dumps({"plan": "basic", "months": 7, f"{SECRET} <b>": 1})
    found = check_problem(ask(churn_service, body), 422, "invalid-row")
    assert found["errors"][0]["field"] == "(not shown)"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("", 400, "malformed-json"),
        ("   ", 400, "malformed-json"),
        ('{"plan":', 400, "malformed-json"),
        (f"{GOOD}x", 400, "malformed-json"),
        ('{"plan":"basic","months":NaN}', 400, "malformed-json"),
        ('{"plan":"basic","months":7,"usage":Infinity}', 400, "malformed-json"),
        ('{"plan":"basic","months":7,"usage":1e400}', 422, "invalid-row"),
        ('{"plan":"basic","months":7,"usage":-1e400}', 422, "invalid-row"),
        ('{"plan":"basic","months":7,"months":8}', 400, "duplicate-key"),
        ('{"plan":"basic","months":7,"joined":null,"joined":null}', 400, "duplicate-key"),
        (
            '{"plan":"basic","months":7,"joined":"2020-01-01T00\\u003a00\\u003a00Z","town":"a","town":"b"}',
            400,
            "duplicate-key",
        ),
        (
            '{"plan":"basic","months":7,"joined":"2020-01-01T00:00:00Z","joined":"2020-01-01T00:00:00Z"}',
            400,
            "duplicate-key",
        ),
        (f'[{GOOD},{GOOD[:-1]},"months" : 7}}]', 400, "duplicate-key"),
        (b'{"plan":"basic","months":7,"town":"\xff\xfe"}', 400, "malformed-json"),
        (b'\xef\xbb\xbf{"plan":"basic","months":7}', 400, "malformed-json"),
        ('{"plan":"basic","months":7,"town":"\\ud800"}', 400, "malformed-json"),
        ("[" * 100_000, 400, "malformed-json"),
        ('{"a":' * 100_000, 400, "malformed-json"),
        ("null", 422, "invalid-row"),
        ("7", 422, "invalid-row"),
        ('"text"', 422, "invalid-row"),
        ("[]", 422, "invalid-request"),
        ('{"rows":[]}', 422, "invalid-request"),
        ('{"rows":7}', 422, "invalid-request"),
        ("[[1,2]]", 422, "invalid-row"),
        (f"[{','.join([GOOD] * 1001)}]", 422, "too-many-rows"),
        (f'{{"plan":"basic","months":{"9" * 5000}}}', 422, "invalid-row"),
        (f'{{"plan":"basic","months":7,"usage":{"9" * 400}}}', 422, "invalid-row"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(churn_service, body, status, reason):
    check_problem(ask(churn_service, body), status, reason)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(churn_service, content_type):
    check_problem(ask(churn_service, GOOD, content_type), 415, "content-type")


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("NaN", "Send null"),
        ("-NaN", "Send null"),
        ("nan", "Send null"),
        ("None", "Send null"),
        ("Infinity", "Send a finite number, or null"),
        ("-Infinity", "Send a finite number, or null"),
        ("True", "Send true"),
    ],
)
def test_a_word_of_another_language_is_named_with_what_json_has_for_it(churn_service, word, remedy):
    found = check_problem(ask(churn_service, f'{{"plan":"basic","months":7,"usage":{word}}}'), 400, "malformed-json")
    assert f"found {word}. {remedy}" in found["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b" \n", "the body is empty"),
        (GOOD.encode("utf-8-sig"), "found a byte order mark. Send UTF-8 without one"),
        (GOOD.encode("utf-16"), "found UTF-16. Send UTF-8"),
        (GOOD.encode("utf-16-le"), "found a zero byte, as UTF-16 has them. Send UTF-8"),
        (gzip.compress(GOOD.encode()), "found gzip. Send it with the header Content-Encoding: gzip"),
        (GOOD.replace('"', "'").encode(), "found a single quote. Send texts and names in double quotes"),
    ],
)
def test_what_clients_send_in_place_of_json_is_named(churn_service, body, said):
    found = check_problem(ask(churn_service, body), 400, "malformed-json")
    assert found["detail"].endswith(f"{said}.")


def test_a_word_elsewhere_in_a_malformed_body_is_not_to_blame(churn_service):
    found = check_problem(ask(churn_service, '{"plan":"NaN","months":x}'), 400, "malformed-json")
    assert "found" not in found["detail"]


@pytest.mark.parametrize("end", ["Z", "+02:00", "-0330"])
def test_a_time_may_be_without_seconds(churn_service, end):
    row = {"plan": "basic", "months": 7, "joined": f"2020-01-01T10:30{end}"}
    whole = row | {"joined": f"2020-01-01T10:30:00{end}"}
    answers = [ask(churn_service, json.dumps(each)).json() for each in (row, whole)]
    assert answers[0]["score"] == answers[1]["score"]


def ask_compressed(service, body, encoding="gzip"):
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    return service.ask.post("/predict", data=body, headers=headers)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_another_encoding_than_gzip_is_refused(churn_service, encoding):
    check_problem(ask_compressed(churn_service, GOOD.encode(), encoding), 415, "content-type")


def test_a_compressed_body_is_read(churn_service):
    parts = [gzip.compress(part.encode()) for part in (GOOD[:10], GOOD[10:])]
    for body in (gzip.compress(GOOD.encode()), b"".join(parts)):
        assert ask_compressed(churn_service, body).status_code == 200
    answer = ask_compressed(churn_service, gzip.compress(b"plan,months\nbasic,7\n"))
    check_problem(answer, 400, "malformed-json")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (GOOD.encode(), "malformed-json"),
        (b"", "incomplete-body"),
        (gzip.compress(GOOD.encode())[:-1], "incomplete-body"),
        (gzip.compress(GOOD.encode())[:5], "incomplete-body"),
        (gzip.compress(GOOD.encode()) + GOOD.encode(), "malformed-json"),
    ],
)
def test_a_compressed_body_that_is_damaged_is_refused(churn_service, body, reason):
    check_problem(ask_compressed(churn_service, body), 400, reason)


def test_a_small_body_that_would_become_a_large_one_is_refused(churn_service):
    bomb = gzip.compress(b" " * (200 << 20))
    ask(churn_service, GOOD)
    before = memory_of(churn_service)
    assert len(bomb) < 1 << 20
    check_problem(ask_compressed(churn_service, bomb), 413, "too-large")
    for many in (gzip.compress(b" " * (600 << 10)) * 2, gzip.compress(b"") * 40_000):
        answer = ask_compressed(churn_service, many)
        check_problem(answer, 413, "too-large")
        assert answer.elapsed.total_seconds() < 1
    assert memory_of(churn_service) - before < 16 << 20


@pytest.mark.parametrize("path", ["/predict", "/feedback"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused_and_the_right_one_named(churn_service, method, path):
    answer = churn_service.ask.request(method, path)
    check_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


def answer_to(service, sent):
    """Send raw bytes and read what comes back, without waiting for the service to want more."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent)
        return connection.recv(65536)


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(churn_service):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    assert answer_to(churn_service, head + b"Content-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_a_body_without_an_end_is_refused_when_it_gets_too_large(churn_service):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 20
    before = memory_of(churn_service)
    assert answer_to(churn_service, head + chunks).startswith(b"HTTP/1.1 413")
    assert memory_of(churn_service) - before < 8 << 20


def test_csv_without_a_length_is_refused_because_it_may_have_broken_off(churn_service):
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = b"plan,months\nbasic,7\n"
    assert answer_to(churn_service, head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole)).startswith(b"HTTP/1.1 411")
    answer = churn_service.ask.post("/invocations", data=whole, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200


def memory_of(service):
    """Resident bytes of the service's processes."""
    parent = psutil.Process(service.process.pid)
    return sum(process.memory_info().rss for process in [parent, *parent.children()])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300))
def test_no_bytes_break_it(churn_service, body):
    answer = ask(churn_service, body)
    assert answer.status_code in (200, 400, 422)
    assert not LEAKS.search(answer.text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON, place=st.sampled_from(["whole", "plan", "town", "joined", "months", "usage", "paperless", "rows"]))
def test_no_json_breaks_it(churn_service, value, place):
    body = value if place == "whole" else {"plan": "basic", "months": 7, place: value}
    answer = ask(churn_service, json.dumps(body))
    assert answer.status_code in (200, 400, 422)


def test_a_thousand_rows_are_answered(churn_service, toys):
    rows = (rows_of(toys["churn"], 250) * 4)[:1000]
    assert len(churn_service.ask.post("/predict", json=rows).json()["predictions"]) == 1000
