"""The engine is restarted, as by a machine that is: the environment serves again, and nobody had to do anything.

It ends whatever else runs on the engine, so it is asked for by name: SLIPWAY_REQUIRE=restart. `.ci/run` does so when
nothing else runs.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import requests
from dockerbox import bring, settled

from slipway.delivery import flow

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def restart():
    """Ends this machine's engine, and starts it as .ci/engine does."""
    if "restart" not in os.environ.get("SLIPWAY_REQUIRE", "").split(","):
        pytest.skip("the engine is restarted only where SLIPWAY_REQUIRE asks for it")

    def again() -> None:
        (engine,) = (each for each in psutil.process_iter() if each.name() == "dockerd")
        engine.terminate()
        engine.wait(60)
        subprocess.run([ROOT / ".ci" / "engine"], check=True, capture_output=True)

    return again


def test_after_a_restart_of_the_engine_the_release_serves_and_its_log_is_there(on_engine, shipped, engine, restart):
    (ship, _) = shipped
    bring(on_engine, ship)
    target, container = flow.target_of(on_engine.root, "staging"), settled(on_engine, ship, "staging")
    answer = requests.post(f"{target.url}/predict", json=ship.row, timeout=10).json()
    restart()
    wait_until(lambda: target.observe() == ship.bundle.digest)
    again = settled(on_engine, ship, "staging")
    assert (again.id, again.began > container.began) == (container.id, True)
    kept = engine.run("exec", container.id, "slipway", "log", "--all", "--json")
    assert answer["prediction_id"] in {json.loads(line)["id"] for line in kept.splitlines()}


def wait_until(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)
