"""Starting, dying and ending: what was acknowledged is in the log, what was accepted is answered, nobody is left."""

import signal
import socket
import subprocess
import time
from contextlib import suppress
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from load import Callers
from running import SLIPWAY, Service, environment, free_port, serving, start, stop
from toybox import rows_of
from waiting import wait_until

from slipway.serving.log.reader import Damage, read_log


def workers_of(service: Service) -> list[psutil.Process]:
    return psutil.Process(service.process.pid).children()


def logged(service: Service) -> set[str]:
    return {entry.id for entry in read_log(service.log, Damage())}


def is_ready(service):
    try:
        return service.ask.get("/readyz").status_code == 200
    except requests.ConnectionError:
        # The worker that was killed last had accepted this connection.
        return False


@pytest.mark.timeout(120)
def test_workers_killed_every_second_under_load_lose_no_acknowledged_prediction(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", workers=2) as service:
        with Callers(service.url, rows_of(churn, 1)[0]) as callers:
            for turn in range(30):
                time.sleep(1)
                alive = workers_of(service)
                if alive:
                    alive[turn % len(alive)].kill()
        wait_until(lambda: len(workers_of(service)) == 2 and is_ready(service))
    assert callers.failures == []
    assert len(callers.acknowledged) > 1000
    assert set(callers.acknowledged) <= logged(service)


def test_a_worker_that_does_nothing_is_no_longer_ready_and_is_replaced(churn, tmp_path):
    service = start(churn.bundle.path, tmp_path / "log", workers=2, saturated_seconds=1)
    stuck = workers_of(service)[0]
    stuck.suspend()
    # Connections that the stuck worker gets wait for it, until it is killed.
    answers = []
    with suppress(requests.RequestException):
        while not answers or answers[-1].status_code == 200:
            answers.append(service.ask.get("/readyz", timeout=2))
    wait_until(lambda: stuck not in workers_of(service) and len(workers_of(service)) == 2, 30)
    wait_until(lambda: is_ready(service))
    said = stop(service)[1]
    assert "a worker did nothing for 4 s and is killed" in said
    assert "a worker died (exit code -9) and is replaced" in said


def test_ending_under_load_loses_nothing_that_was_accepted(churn, tmp_path):
    service = start(churn.bundle.path, tmp_path / "log", workers=2)
    with Callers(service.url, rows_of(churn, 1)[0], number=8) as callers:
        time.sleep(1)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(12) == 0
        assert time.monotonic() - began < 10
    assert callers.failures == []
    assert set(callers.acknowledged) == logged(service)


def test_a_request_that_is_being_sent_when_the_end_comes_is_answered(churn, tmp_path):
    service = start(churn.bundle.path, tmp_path / "log")
    body = b'{"plan":"basic","months":7}'
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[10:])
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert stop(service)[0] == 0


def test_while_it_drains_it_answers_but_wants_no_new_callers(churn, tmp_path):
    service = start(churn.bundle.path, tmp_path / "log", drain_seconds=2)
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: service.ask.get("/readyz").status_code == 503)
    assert service.ask.get("/healthz").status_code == 200
    answer = service.ask.post("/predict", json=rows_of(churn, 1)[0])
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert stop(service)[0] == 0


@pytest.mark.parametrize("milliseconds", [0, 50, 100, 150, 200, 250, 300, 400, 600])
def test_a_signal_during_the_start_leaves_nobody_behind(churn, tmp_path, milliseconds):
    variables = environment(bundle=churn.bundle.path, log=tmp_path / "log", port=free_port(), workers=2)
    process = subprocess.Popen([str(SLIPWAY), "serve"], env=variables, stderr=subprocess.PIPE, text=True)
    children: set[psutil.Process] = set()
    deadline = time.monotonic() + milliseconds / 1000
    while time.monotonic() < deadline:
        children |= set(psutil.Process(process.pid).children())
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    # Python itself, before its first line of ours, has the system's own way to end.
    assert process.returncode in ((0,) if children else (0, -signal.SIGTERM)), said
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_workers_end_when_their_parent_is_killed(churn, tmp_path):
    service = start(churn.bundle.path, tmp_path / "log", workers=2)
    workers = workers_of(service)
    assert len(workers) == 2
    service.process.kill()
    gone, alive = psutil.wait_procs(workers, timeout=8)
    assert not alive
    assert len(gone) == 2


def test_two_services_do_not_share_a_port(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log") as service:
        port = urlsplit(service.url).port
        variables = environment(bundle=churn.bundle.path, log=tmp_path / "other", port=port)
        second = subprocess.run([str(SLIPWAY), "serve"], env=variables, capture_output=True, text=True, timeout=20)
        assert second.returncode == 1
        assert f"Port {port} of 127.0.0.1 cannot be used" in second.stderr
        assert "--port" in second.stderr


def test_counts_survive_the_worker_that_counted(churn, tmp_path):
    def count(service):
        text = service.ask.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("slipway_predictions_total")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    with serving(churn.bundle.path, tmp_path / "log") as service:
        for row in rows_of(churn, 5):
            service.ask.post("/predict", json=row)
        first = workers_of(service)[0]
        assert count(service) == 5
        first.kill()
        wait_until(lambda: any(worker != first for worker in workers_of(service)))
        time.sleep(1)
        service.ask.post("/predict", json=rows_of(churn, 1)[0])
        assert count(service) == 6


def test_a_slow_caller_does_not_keep_others_waiting(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", max_concurrency=8) as service:
        address = urlsplit(service.url)
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        slow = [socket.create_connection((address.hostname, address.port)) for _ in range(7)]
        for connection in slow:
            connection.sendall(head)
        time.sleep(0.3)
        assert service.ask.post("/predict", json=rows_of(churn, 1)[0], timeout=5).status_code == 200
        last = socket.create_connection((address.hostname, address.port))
        last.sendall(head)
        time.sleep(0.3)
        refused = service.ask.post("/predict", json=rows_of(churn, 1)[0], timeout=5)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:slipway:overloaded"
        assert refused.headers["retry-after"] == "1"
        assert service.ask.get("/healthz", timeout=5).status_code == 200
        for connection in [*slow, last]:
            connection.close()
        wait_until(lambda: service.ask.post("/predict", json=rows_of(churn, 1)[0]).status_code == 200)


def test_with_one_request_at_once_the_others_wait_in_line(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", max_concurrency=1) as service:
        with Callers(service.url, rows_of(churn, 1)[0], 8) as callers:
            time.sleep(1)
        assert not callers.failures and not callers.broken
        assert len(callers.acknowledged) > 50
