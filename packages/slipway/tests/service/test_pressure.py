"""Many connections, and clients that stall: probes, metrics and others are answered, and places become free again."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from running import serving
from toybox import rows_of
from waiting import wait_until

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


@contextmanager
def connections(service, number, sent=b""):
    address = urlsplit(service.url)
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            opened.append(stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=10)))
            opened[-1].sendall(sent)
        yield opened


def metric(service, name):
    lines = service.ask.get("/metrics").text.splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


def seconds_of(ask):
    began = time.monotonic()
    ask()
    return time.monotonic() - began


def fresh(service, path, **options):
    """The response on a connection of its own."""
    return requests.get(service.url + path, timeout=5, **options)


@pytest.mark.timeout(120)
def test_ten_thousand_idle_connections_leave_probes_and_scoring_alone(churn, tmp_path):
    row = rows_of(churn, 1)[0]
    with serving(churn.bundle.path, tmp_path / "log") as service, connections(service, 9000) as first:
        # The last thousand have sent a request before.
        for connection in first[:1000]:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        with connections(service, 1000):
            for path in ("/healthz", "/readyz", "/metrics"):
                assert fresh(service, path).status_code == 200
            assert requests.post(service.url + "/predict", json=row, timeout=5).status_code == 200
            worst = max(seconds_of(lambda: fresh(service, "/readyz")) for _ in range(50))
            assert worst < 1
            wait_until(lambda: metric(service, "slipway_connections") >= 9_990)


def test_a_connection_above_the_limit_gets_503_at_once(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", max_connections=64) as service:
        service.ask.close()
        with connections(service, 64):
            time.sleep(0.2)
            began = time.monotonic()
            refused = fresh(service, "/readyz")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["type"] == "urn:slipway:overloaded"
            assert time.monotonic() - began < 1
            # A large body is not lost to a reset before the response is read.
            answer = requests.post(service.url + "/predict", data=b" " * 900_000, timeout=5)
            assert answer.status_code == 503
        wait_until(lambda: fresh(service, "/readyz").status_code == 200)
        assert metric(service, "slipway_refused_connections_total") >= 2
        assert metric(service, "slipway_connections_limit") == 64


@pytest.mark.timeout(60)
def test_stalled_bodies_end_in_time_and_readiness_says_no_meanwhile(churn, tmp_path):
    limits = {"max_concurrency": 60, "body_seconds": 4, "saturated_seconds": 1}
    with serving(churn.bundle.path, tmp_path / "log", workers=2, **limits) as service:
        began = time.monotonic()
        with connections(service, 200, HEAD) as stalled:
            wait_until(lambda: fresh(service, "/readyz").status_code == 503, 3)
            assert "no free place, or did nothing, for 1 seconds" in fresh(service, "/readyz").json()["detail"]
            assert fresh(service, "/healthz").status_code == 200
            assert metric(service, "slipway_saturated") == 1
            row = rows_of(churn, 1)[0]
            wait_until(lambda: fresh(service, "/readyz").status_code == 200, 6)
            assert service.ask.post("/predict", json=row).status_code == 200
            assert time.monotonic() - began < 6
            answers = [connection.recv(2000) for connection in stalled]
        assert {answer.split()[1] for answer in answers} == {b"408", b"503"}
        assert [answer for answer in answers if b"urn:slipway:slow-body" in answer or b" 503 " in answer] == answers
        text = service.ask.get("/metrics").text
        assert 'slipway_rejects_total{reason="slow-body"} ' in text


def test_a_body_that_drips_ends_in_time_too(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", body_seconds=1) as service:
        with connections(service, 1, HEAD) as (slow,):
            began = time.monotonic()
            with pytest.raises(OSError):
                for _ in range(100):
                    slow.sendall(b" ")
                    time.sleep(0.05)
            assert time.monotonic() - began < 3
        # A slow one that ends in time is answered.
        body = b'{"plan":"basic","months":7}'
        head = HEAD.replace(b"100", b"%d" % len(body))[:-1]
        with connections(service, 1, head + body[:5]) as (slow,):
            time.sleep(0.5)
            slow.sendall(body[5:])
            assert slow.recv(1000).startswith(b"HTTP/1.1 200")


def test_slow_and_huge_headers_end_before_a_key_is_asked(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", keep_alive_seconds=1) as service:
        with connections(service, 1, b"POST /predict HTTP/1.1\r\nHost:") as (slow,):
            assert seconds_of(lambda: slow.recv(10)) < 3
        with connections(service, 1) as (idle,):
            assert seconds_of(lambda: idle.recv(10)) < 3
        huge = b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000
        with connections(service, 1, huge) as (long,):
            assert long.recv(100).startswith(b"HTTP/1.1 431")


def test_an_idle_connection_stays_open_longer_than_a_load_balancers(churn, tmp_path):
    service = serving(churn.bundle.path, tmp_path / "log", keep_alive_seconds=4)
    with service as running, connections(running, 1) as (kept,):
        for pause in (0, 3):
            time.sleep(pause)
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert kept.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_burst_of_a_hundred_waits_on_one_worker(churn_service, churn):
    rows = rows_of(churn, 100)
    with ThreadPoolExecutor(100) as clients:
        answers = clients.map(lambda row: requests.post(churn_service.url + "/predict", json=row, timeout=10), rows)
        assert {answer.status_code for answer in answers} == {200}


def test_a_vanished_client_is_noticed_by_the_kernel(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log") as service, connections(service, 1) as (kept,):
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        kept.recv(1000)
        ends = f":{urlsplit(service.url).port:04X}", f":{kept.getsockname()[1]:04X}"
        with Path("/proc/net/tcp").open() as table:
            sockets = [line.split() for line in table]
        found = [each for each in sockets if each[1].endswith(ends[0]) and each[2].endswith(ends[1])]
        # State 01 is established; timer 02 is that of keep-alive.
        assert [(each[3], each[5].split(":")[0]) for each in found] == [("01", "02")]


def test_a_connection_above_the_limit_leaves_one_with_a_request_alone(churn, tmp_path):
    """Each client is answered for itself, whichever processor accepted its connection."""
    row = rows_of(churn, 1)[0]
    body = b'{"plan":"basic","months":7}'
    head = HEAD.replace(b"100", b"%d" % len(body))[:-1]
    with serving(churn.bundle.path, tmp_path / "log", max_connections=16) as service:
        service.ask.close()
        url = service.url + "/predict"
        for _ in range(5):
            with connections(service, 16, head + body[:5]) as begun:
                time.sleep(0.2)
                with ThreadPoolExecutor(8) as clients:
                    answers = clients.map(lambda each: requests.post(url, json=each, timeout=5), 8 * [row])
                    assert {answer.status_code for answer in answers} == {503}
                for each in begun:
                    each.sendall(body[5:])
                answers = [each.recv(1000)[:12] for each in begun]
                # The last one may be above the limit, where a probe's connection is not closed yet.
                assert answers[:-1] == [b"HTTP/1.1 200"] * 15
            wait_until(lambda: fresh(service, "/readyz").status_code == 200)
