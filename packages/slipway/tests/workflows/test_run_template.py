"""This repository itself, with its own data: every job trains its model anew, and builds a real image around it."""

import json
import shutil

import pytest
from places import ROOT
from stub_github import stub_github
from thisrepo import make_template
from world import World

from slipway.ledger import Event


@pytest.fixture(scope="module")
def first(tmp_path_factory, shared, repository):
    """A world in which the template's repository was just created with a weaker model, and its first push has run."""
    hub, folder = make_template(tmp_path_factory.mktemp("template")), tmp_path_factory.mktemp("first")
    with stub_github() as github, World(folder, hub, github, repository, shared, afresh=True) as world:
        yield world, world.push(number=1)


def test_the_first_push_of_the_template_trains_builds_and_reaches_production(first):
    world, run = first
    assert run.passed, (run.results, run.log)
    production = world.ledger().read("production")
    assert (production.event, production.serving.commit) == (Event.PROMOTE, world.head())
    assert "is cached - skipping run" not in run.said("model"), "nothing was taken from another run"


def test_a_better_model_goes_from_its_pull_request_to_production(first):
    world, _ = first
    before = world.ledger().read("production").serving
    # What the template has committed: the figures are those of its own parameters.
    shutil.copy(ROOT / "params.yaml", world.work)
    event = world.pull_request(title="The model as it should be")
    ci = world.ci(event)
    assert ci.passed, (ci.results, ci.log)
    assert json.loads((ci.artifacts / "gate" / "gate.json").read_text())["verdict"] == "promote"
    world.report(event, ci)
    (comment,) = world.github.comments
    assert "max_iter" in comment["body"]

    commit = world.commit("merged")
    run = world.push()
    assert run.passed, (run.results, run.log)
    production = world.ledger().read("production")
    assert (production.event, production.number, production.serving.commit) == (Event.PROMOTE, 2, commit)
    assert production.serving.bundle != before.bundle
    assert production.gate["verdict"] == "promote"
