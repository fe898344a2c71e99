"""The engine is restarted, as by a machine that is: the whole stack comes back by itself, with what it kept."""

import pytest
from enginebox import RESTARTED, restart_engine
from toybox import rows_of
from waiting import wait_for_engine

pytestmark = [*RESTARTED, pytest.mark.timeout(600)]


def test_after_a_restart_of_the_engine_everything_is_healthy_and_the_log_is_there(stack, toy):
    told = stack.predict(rows_of(toy, 1)[0])
    before = {name: each["Id"] for name, each in stack.containers().items()}
    # The engine starts containers in any order: once may be luck.
    for _ in range(3):
        restart_engine()
        wait_for_engine(lambda: states(stack) == {"healthy"}, 180)
        assert {name: each["Id"] for name, each in stack.containers().items()} == before
    assert told["prediction_id"] in stack.logged()
    assert stack.ask("MLFLOW_", "/api/2.0/mlflow/experiments/search?max_results=1").status_code == 200


def states(stack) -> set[str]:
    return {each["State"]["Health"]["Status"] for each in stack.containers().values()}
