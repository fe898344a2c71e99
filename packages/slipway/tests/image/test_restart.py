"""The engine is restarted, as by a machine that is: an environment serves again, and nobody had to do anything."""

import json

import pytest
import requests
from dockerbox import bring, settled
from enginebox import RESTARTED, restart_engine
from waiting import wait_for_engine

from slipway.delivery.targets.registry import find_target

pytestmark = [*RESTARTED, pytest.mark.timeout(600)]


def test_after_a_restart_of_the_engine_the_release_serves_and_its_log_is_there(on_engine, shipped, engine):
    (ship, _) = shipped
    bring(on_engine, ship)
    target, container = find_target(on_engine.root, "staging"), settled(on_engine, ship, "staging")
    answer = requests.post(f"{target.url}/predict", json=ship.row, timeout=10).json()
    # The engine starts containers in any order: once may be luck.
    for _ in range(3):
        restart_engine()
        wait_for_engine(lambda: target.observe() == ship.bundle.digest)
        assert settled(on_engine, ship, "staging").id == container.id
    kept = engine.run("exec", container.id, "slipway", "log", "--all", "--json")
    assert answer["prediction_id"] in {json.loads(line)["id"] for line in kept.splitlines()}
