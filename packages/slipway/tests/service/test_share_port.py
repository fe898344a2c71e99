"""Two services on one port: only where both are told that they may, and then one takes over from the other."""

import subprocess

import pytest
from load import Callers
from running import SLIPWAY, environment, free_port, serving, stop
from toybox import make_toy, rows_of
from waiting import wait_until


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return make_toy("churn", tmp_path_factory.mktemp("other") / "bundle", rows=2000).bundle


def who_answers(service):
    """The digests that answer on many connections, each a new one."""
    found = set()
    for _ in range(60):
        found.add(service.ask.get("/version", headers={"Connection": "close"}).json()["model"]["digest"])
    return found


def test_a_port_is_not_shared_unasked(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log", share_port="on") as service:
        given = environment(
            bundle=churn.bundle.path, log=tmp_path / "log", port=service.url.rsplit(":", 1)[1], workers=1
        )
        done = subprocess.run([str(SLIPWAY), "serve"], env=given, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "cannot be used" in done.stderr


def test_a_second_service_takes_over_from_the_first(churn, other, tmp_path):
    log = tmp_path / "log"
    shared = {"port": free_port(), "share_port": "on", "drain_seconds": 1}
    with serving(churn.bundle.path, log, **shared) as old, serving(other.path, log, **shared) as new:
        with Callers(old.url, rows_of(churn, 1)[0], 3) as callers:
            wait_until(lambda: who_answers(new) == {churn.bundle.digest, other.digest})
            assert stop(old)[0] == 0
            assert who_answers(new) == {other.digest}
            answered = len(callers.acknowledged)
            wait_until(lambda: len(callers.acknowledged) > answered)
        assert not callers.failures
        # Who waited to be accepted at the very end may have to connect again: net.ipv4.tcp_migrate_req spares him that.
        assert callers.broken <= 3, "who keeps his connection was asked in time to make another"


def test_health_means_the_service_that_it_names_and_not_the_other_one_on_its_port(churn, tmp_path):
    port = free_port()
    # On an address of its own, which is where health must ask.
    shared = {"port": port, "share_port": "on", "host": "127.0.0.2"}

    def health(instance):
        given = environment(port=port, instance=instance, host="127.0.0.2")
        return subprocess.run([str(SLIPWAY), "health"], env=given, capture_output=True, text=True, timeout=60)

    with serving(churn.bundle.path, tmp_path / "log", instance="one", **shared):
        assert health("one").returncode == 0
        missed = health("two")
        assert (missed.returncode, missed.stderr.strip()) == (
            1,
            f"Error: No response of two on port {port}: found one",
        )
        with serving(churn.bundle.path, tmp_path / "log", instance="two", **shared):
            # The other one answers already while this one is still starting.
            wait_until(lambda: [health(name).returncode for name in ("one", "two")] == [0, 0])
