"""SIGHUP: the bundle is read again, and its workers take over on the same socket."""

import shutil
import signal
import socket
import time
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from load import Callers
from running import serving, stop
from toybox import make_toy, rows_of
from waiting import wait_until


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return make_toy("churn", tmp_path_factory.mktemp("other") / "bundle", rows=2000).bundle


def digest_of(service):
    return service.ask.get("/version").json()["model"]["digest"]


def test_another_bundle_takes_over_without_a_lost_request(churn, other, tmp_path):
    place = tmp_path / "bundle"
    shutil.copytree(churn.bundle.path, place)
    with serving(place, tmp_path / "log", workers=2) as service:
        assert digest_of(service) == churn.bundle.digest
        with Callers(service.url, rows_of(churn, 1)[0], 3) as callers:
            shutil.rmtree(place)
            shutil.copytree(other.path, place)
            service.process.send_signal(signal.SIGHUP)
            wait_until(lambda: all(digest_of(service) == other.digest for _ in range(10)))
            wait_until(lambda: len(workers_of(service)) == 2)
        assert not callers.failures
        assert callers.broken == 0, "who keeps his connection was asked in time to make another"
        assert len(callers.acknowledged) > 50


def workers_of(service):
    return psutil.Process(service.process.pid).children()


def test_a_worker_that_dies_on_its_way_leaves_one_model_and_all_workers(churn, other, tmp_path):
    place = tmp_path / "bundle"
    shutil.copytree(churn.bundle.path, place)
    with serving(place, tmp_path / "log", workers=2) as service:
        old = set(workers_of(service))
        shutil.rmtree(place)
        shutil.copytree(other.path, place)
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers_of(service)) > 2)
        for each in set(workers_of(service)) - old:
            each.kill()
            break
        wait_until(lambda: len(workers_of(service)) == 2)
        found = set()
        for _ in range(40):
            with requests.get(f"{service.url}/version", timeout=10) as answer:
                found.add(answer.json()["model"]["digest"])
        assert len(found) == 1
        said = stop(service)[1]
        assert ("the bundle was not replaced" in said) == (found == {churn.bundle.digest})


def test_an_end_that_comes_during_a_reload_comes_in_time(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", workers=2) as service:
        address = urlsplit(service.url)
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        slow = [socket.create_connection((address.hostname, address.port)) for _ in range(12)]
        for connection in slow:
            connection.sendall(head)
        time.sleep(0.3)
        service.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(20)
        assert time.monotonic() - began < 10
        for connection in slow:
            connection.close()


def test_a_bundle_that_is_not_whole_leaves_the_old_one_in_place(churn, tmp_path):
    place = tmp_path / "bundle"
    shutil.copytree(churn.bundle.path, place)
    with serving(place, tmp_path / "log") as service:
        (place / "model.onnx").write_bytes(b"broken")
        service.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            assert service.ask.post("/predict", json=rows_of(churn, 1)[0]).status_code == 200
        assert digest_of(service) == churn.bundle.digest
        assert "the bundle was not replaced" in stop(service)[1]
