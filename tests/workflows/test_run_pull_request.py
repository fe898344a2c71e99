"""A pull request, from the push to the comment, run by a real runner."""

import pytest

pytestmark = pytest.mark.timeout(1800)
JOBS = {"plan", "lint", "workflows", "tests (3.11)", "pipeline", "gate", "image", "report", "verdict"}


def test_a_change_that_keeps_its_promises_is_green_and_gets_one_comment(world):
    (world.work / "pipeline" / "train.py").open("a").write("# a remark\n")
    event = world.pull_request(title="A remark")
    ci = world.ci(event)
    print(ci.results, ci.log)
    for name, job in ci.jobs.items():
        print(name, job.seconds, job.log[-1500:])
    assert ci.passed
    assert set(ci.results.values()) == {"success"}
