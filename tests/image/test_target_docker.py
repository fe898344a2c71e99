"""An environment on a container engine: every way in, and every way back, with callers that notice nothing."""

import json

import pytest
from dockerbox import Shipped, Yard, chosen, place_on_engine
from ledgerbox import ENVIRONMENTS
from load import Callers
from projectbox import make_project
from registry import registry
from releases import quiet

from slipway.delivery import flow
from slipway.ledger import Event

pytestmark = [pytest.mark.xdist_group("target-docker"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def yard(engine, image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("yard")
    with registry(folder / "registry") as address:
        found = Yard(engine.client, image.name, address, folder)
        yield found
    for each in engine.run("image", "ls", "--quiet", found.repository).split():
        engine.try_run("image", "rm", "--force", each)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("fresh") / "project")


@pytest.fixture(scope="module")
def shipped(fresh, yard, tmp_path_factory):
    """Two models of the toy, a modest one and a better one, each in its image."""
    made = []
    for trees in (2, 8):
        scratch = fresh.copy(tmp_path_factory.mktemp("scratch") / "project")
        bundle = scratch.retrain(trees=trees)
        made.append(Shipped(trees, bundle, yard.image(bundle.digest, bundle.path)))
    return made


@pytest.fixture
def project(fresh, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("SLIPWAY_DOCKER", engine.client)
    found = place_on_engine(fresh.copy(tmp_path / "project"))
    projects = [flow.target_of(found.root, name)._project.name for name in ENVIRONMENTS]
    yield found
    for name in projects:
        ids = engine.run("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={name}").split()
        ids += engine.run("ps", "--all", "--quiet", "--filter", f"name={name}-aside").split()
        for each in ids:
            engine.try_run("rm", "--force", "--volumes", each)
        volumes = engine.run("volume", "ls", "--quiet", "--filter", f"name={name}").split()
        for each in volumes:
            engine.try_run("volume", "rm", each)
        engine.try_run("network", "rm", f"{name}_default")


def bring(project, ship, environment="staging"):
    project.retrain(trees=ship.trees)
    return flow.deploy(project.root, environment, quiet, chosen=chosen(project, ship.image))


def serve(project, ship):
    """Bring a model through to production."""
    bring(project, ship)
    return flow.promote(project.root, "staging", "production", quiet)


def target(project, name="production"):
    return flow.target_of(project.root, name)


def services(project, name="production"):
    return target(project, name)._project.services()


def settled(project, ship, name="production"):
    """Whether one container serves this model, and nothing else is there."""
    found = target(project, name)
    (container,) = services(project, name)
    assert container.image == ship.image
    assert found.observe() == ship.bundle.digest
    assert found.differs(ship.bundle.digest, ship.image) is None
    return container


def golden(ship):
    line = json.loads((ship.bundle.path / "golden.jsonl").read_text().splitlines()[0])
    return line["row"]


def test_a_release_goes_to_production_by_digest_and_back_and_no_request_is_lost(project, shipped, engine):
    old, new = shipped
    done = serve(project, old)
    assert (done.entry.event, done.entry.target, done.entry.serving.image) == (Event.PROMOTE, "docker", old.image)
    settled(project, old)
    url = target(project).url
    with Callers(url, golden(old)) as callers:
        bring(project, new)
        flow.promote(project.root, "staging", "production", quiet)
        settled(project, new)
        flow.rollback(project.root, "production", "the test goes back", quiet)
        container = settled(project, old)
    assert not callers.failures
    assert callers.broken == 0
    assert len(callers.acknowledged) > 1000
    # Everything that was acknowledged is in the one log that all of them wrote.
    engine.run("stop", container.id)
    volume = f"{target(project)._project.name}_log"
    kept = engine.run(
        "run", "--rm", "--volume", f"{volume}:/var/log/slipway", container.image, "log", "--all", "--json"
    )
    assert set(callers.acknowledged) <= {json.loads(line)["id"] for line in kept.splitlines()}
