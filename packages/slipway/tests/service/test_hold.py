"""A port that is held: services come and go on it, and no connection is refused or lost."""

import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from load import Callers
from running import SLIPWAY, environment, free_port, serving, stop
from toybox import make_toy, rows_of
from waiting import wait_until

from slipway.serving.server.port import receive_listener


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return make_toy("churn", tmp_path_factory.mktemp("other") / "bundle", rows=2000).bundle


@contextmanager
def ending(command, given):
    """A program whose error output is read, killed at the end if it has not ended by then."""
    process = subprocess.Popen(command, env=given, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def holding(port, door, *more):
    """A `slipway hold` that holds the port."""
    command = [str(SLIPWAY), "hold", "--port", str(port), "--listener", str(door), *more]
    with ending(command, environment()) as process:
        wait_until(door.exists)
        yield process


@pytest.fixture
def held(tmp_path):
    """The settings with which a service answers on a held port."""
    port, door = free_port(), tmp_path / "door"
    with holding(port, door):
        yield {"port": port, "listener": door, "drain_seconds": 1}


def test_a_service_takes_over_from_another_and_no_connection_is_lost(churn, other, tmp_path, held):
    log = tmp_path / "log"
    with (
        serving(churn.bundle.path, log, **held) as old,
        serving(other.path, log, **held) as new,
        Callers(old.url, rows_of(churn, 1)[0], 3) as callers,
    ):
        wait_until(lambda: digest(new.url) == other.digest)
        assert stop(old)[0] == 0
        assert {digest(new.url) for _ in range(60)} == {other.digest}
        answered = len(callers.acknowledged)
        wait_until(lambda: len(callers.acknowledged) > answered)
    assert not callers.failures and callers.broken == 0


def test_a_caller_who_comes_while_nobody_serves_waits_for_who_serves_next(churn, tmp_path, held):
    url = f"http://127.0.0.1:{held['port']}"
    with pytest.raises(requests.Timeout):
        requests.get(f"{url}/version", timeout=0.3)
    asked = subprocess.Popen(
        ["curl", "--silent", "--max-time", "30", f"{url}/version"], stdout=subprocess.PIPE, text=True
    )
    with serving(churn.bundle.path, tmp_path / "log", **held):
        assert churn.bundle.digest in asked.communicate(timeout=30)[0]


def test_whoever_starts_first_waits_and_a_service_ends_when_the_holder_is_gone(churn, tmp_path):
    port, door = free_port(), tmp_path / "door"
    given = environment(bundle=churn.bundle.path, log=tmp_path / "log", port=port, listener=door, workers=1)
    with ending([str(SLIPWAY), "serve"], given) as service:
        assert "waiting for a `slipway hold`" in service.stderr.readline()
        with holding(port, door) as holder:
            wait_until(lambda: digest(f"http://127.0.0.1:{port}") == churn.bundle.digest)
            done = subprocess.run([str(SLIPWAY), "health"], env=given, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            holder.kill()
            assert service.wait(timeout=20) == 0
    # What the killed one left at its place is in nobody's way.
    with holding(port, door) as holder:
        with serving(churn.bundle.path, tmp_path / "log", port=port, listener=door) as again:
            assert digest(again.url) == churn.bundle.digest
        holder.terminate()
        assert holder.wait(timeout=10) == 0 and not door.exists(), "one that ends takes its door along"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("no/folder/door", "Cannot create"),
        ("x" * 120, "at most 100 characters"),
        # Longer than any name of a file may be.
        ("x" * 300, "at most 100 characters"),
    ],
    ids=["no folder", "long", "too long to look"],
)
def test_a_door_that_cannot_be_made_is_named(tmp_path, place, said):
    command = [str(SLIPWAY), "hold", "--port", str(free_port()), "--listener", str(tmp_path / place)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and said in done.stderr


def test_what_is_held_for_others_is_not_answered_without_keys(churn, tmp_path):
    port, door = free_port(), tmp_path / "door"
    given = environment(bundle=churn.bundle.path, log=tmp_path / "log", port=port, listener=door)
    with holding(port, door, "--host", "0.0.0.0"):
        done = subprocess.run([str(SLIPWAY), "serve"], env=given, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "without authentication" in done.stderr


def test_it_reads_its_settings_as_the_service_does_and_says_what_is_missing(churn, tmp_path, held):
    # Kubernetes sets such a variable, which is not meant for us.
    given = environment(port="tcp://10.0.0.1:8080")
    done = subprocess.run([str(SLIPWAY), "hold"], env=given, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "SLIPWAY_LISTENER" in done.stderr
    command = [str(SLIPWAY), "hold", "--port", "70000", "--listener", str(tmp_path / "other")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "SLIPWAY_PORT" in done.stderr
    # Where it is reached, and so who must be asked who he is, is the holder's to know.
    own = {"listener": held["listener"], "host": "0.0.0.0", "port": 1}
    given = environment(bundle=churn.bundle.path, log=tmp_path / "log", **own)
    with ending([str(SLIPWAY), "serve"], given) as service:
        said = [service.stderr.readline() for _ in range(2)]
        service.terminate()
        service.wait(timeout=20)
    assert f"http://127.0.0.1:{held['port']}/" in said[1]


def test_the_door_of_one_who_holds_is_not_taken_over(tmp_path, held):
    command = [str(SLIPWAY), "hold", "--port", str(free_port()), "--listener", str(held["listener"])]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "Another `slipway hold` runs at" in done.stderr
    assert held["listener"].is_socket()


def test_the_door_is_for_one_user_and_who_leaves_leaves_nothing_behind(tmp_path):
    door = tmp_path / "door"
    with holding(free_port(), door) as holder:
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        opened = Path(f"/proc/{holder.pid}/fd")
        before = len(list(opened.iterdir()))
        for _ in range(50):
            listener, host = receive_listener(door)
            listener.close()
            host.close()
        wait_until(lambda: len(list(opened.iterdir())) == before)


def test_a_file_is_not_replaced_by_a_door_and_a_door_that_cannot_be_is_named(churn, tmp_path):
    (tmp_path / "keys.json").write_text("kept")
    command = [str(SLIPWAY), "hold", "--port", str(free_port()), "--listener", str(tmp_path / "keys.json")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "is a file" in done.stderr
    assert (tmp_path / "keys.json").read_text() == "kept"
    given = environment(bundle=churn.bundle.path, log=tmp_path / "log", listener=tmp_path / ("x" * 120))
    done = subprocess.run([str(SLIPWAY), "serve"], env=given, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "SLIPWAY_LISTENER" in done.stderr


def test_a_port_that_is_taken_is_not_held(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log") as service:
        port = service.url.rsplit(":", 1)[1]
        command = [str(SLIPWAY), "hold", "--port", port, "--listener", str(tmp_path / "door")]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "cannot be used" in done.stderr


def digest(url):
    try:
        answer = requests.get(f"{url}/version", headers={"Connection": "close"}, timeout=5)
    except requests.ConnectionError:
        return None
    return answer.json()["model"]["digest"]
