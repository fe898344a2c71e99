"""Data in a private bucket: what a run may read of it, and what it says where it may not; by a real runner."""

import os
import shutil

import events
import pytest
from bucket import ROLE, bucket
from stub_github import stub_github
from world import World

VARIABLES = {"SLIPWAY_DATA_ROLE": "arn:aws:iam::123456789012:role/data", "SLIPWAY_DATA_REGION": "eu-central-1"}
EXCHANGE = "{} arn:aws:iam::123456789012:role/data eu-central-1"


@pytest.fixture(scope="module")
def data():
    with bucket() as found:
        yield found


@pytest.fixture
def world(tmp_path, toy_repository, shared, repository, data):
    """One whose data lie in the bucket and nowhere else; what its clone has changed is not yet committed."""
    cache = tmp_path / "dvc"
    shutil.copytree(shared / "dvc", cache, copy_function=os.link)
    with stub_github() as github, World(tmp_path, toy_repository, github, repository, shared, cache=cache) as made:
        embedded = made.work / ".dvc" / "embedded"
        # A remote and a cache are laid out alike.
        names = [path.relative_to(embedded) for path in embedded.rglob("*") if path.is_file()]
        data.take(made.work, tmp_path.name)
        for name in names:
            (cache / name).unlink()
        data.asked.clear()
        yield made


def test_with_the_variables_a_pull_request_reads_the_data_by_the_role(world, data):
    run = world.ci(world.pull_request(), variables=VARIABLES, job="pipeline")
    assert run.results["pipeline"] == "success", run.said("pipeline")
    assert world.exchanges() == [EXCHANGE.format("pipeline")]
    assert {key for key, _ in data.asked} == {ROLE}


def test_with_the_variables_a_push_reads_the_data_by_the_role(world, data):
    world.commit()
    run = world.push(variables=VARIABLES, job="model")
    assert run.results["model"] == "success", run.said("model")
    assert world.exchanges() == [EXCHANGE.format("model")]
    assert {key for key, _ in data.asked} == {ROLE}


def test_without_the_variables_a_run_says_which_to_set(world, data):
    world.commit()
    run = world.push(job="model")
    assert run.results["model"] == "failure"
    for said in (run.said("model"), run.jobs["model"].summary):
        assert "cannot be fetched from s3://data-" in said
        assert "found: no dvc-s3. In a workflow set the variables SLIPWAY_DATA_ROLE and SLIPWAY_DATA_REGION" in said
    assert (world.exchanges(), data.asked) == ([], [])


def test_a_fork_exchanges_nothing_and_its_comment_says_why_it_has_no_data(world, data):
    event = world.pull_request(owner=events.STRANGER, number=9)
    ci = world.ci(event, variables=VARIABLES, job="verdict")
    assert (ci.results["pipeline"], ci.results["verdict"]) == ("failure", "failure"), ci.results
    assert world.exchanges() == []
    assert ROLE not in {key for key, _ in data.asked}
    world.report(event, ci)
    (comment,) = world.github.comments
    for said in (ci.said("pipeline"), comment["body"]):
        assert "found: a pull request from a fork, whose runs GitHub gives no identity to show" in said
