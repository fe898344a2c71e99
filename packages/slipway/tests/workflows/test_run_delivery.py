"""From a push to main to production, run by a real runner with a real image and a real registry."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from uuid import uuid4

import pytest
from enginebox import engine_settings
from ledgerbox import forget_ledger, git
from registry import tags
from running import free_port
from sshserver import ssh_server
from stub_github import stub_github
from world import World

from slipway.delivery.release import write_request
from slipway.delivery.smoke_test import read_version
from slipway.ledger import Event

EVERYTHING = {"model", "gate", "image", "staging/deploy", "production/approve", "production/deploy"}


@pytest.fixture(scope="session")
def first(tmp_path_factory, toy_repository, shared, repository):
    """A world in which the template's repository was just created, and its first push has run."""
    folder = tmp_path_factory.mktemp("first")
    with stub_github() as github, World(folder, toy_repository, github, repository, shared) as world:
        forget_ledger(world.hub)
        # The images are on loopback all the same.
        yield world, world.push(number=1, variables={"SLIPWAY_REGISTRY": ""})


@pytest.fixture
def world(world, first, tmp_path):
    """A world in which one release serves."""
    tags = "+refs/tags/ledger/*:refs/tags/ledger/*"
    git(world.work, "fetch", "--quiet", f"file://{first[0].hub}", "deployments", tags)
    git(world.work, "push", "--quiet", "--force", "origin", "FETCH_HEAD:refs/heads/deployments", tags)
    shutil.copytree(first[0].folder / "attestations", world.folder / "attested-before")
    return world


def merge(world, **model):
    """Merge another model to main, as its pull request left it."""
    world.repro(**model)
    return world.commit("another model")


def break_service(world, environment):
    """Merge a setting with which the service of one environment does not start."""
    path = world.work / "pyproject.toml"
    variables = f'[tool.slipway.environments.{environment}.variables]\nSLIPWAY_MAX_ROWS = "none"\n'
    path.write_text(path.read_text().replace("[dependency-groups]\n", f"{variables}\n[dependency-groups]\n"))
    return world.commit(f"a setting of {environment}")


def did(run) -> dict[str, str]:
    """What became of each job that did something."""
    return {name: result for name, result in run.results.items() if result not in ("skipped", "")}


def test_the_first_push_of_a_repository_made_from_the_template_reaches_production(first):
    world, run = first
    assert run.passed, (run.results, run.log)
    assert did(run).keys() >= EVERYTHING | {"ledger"}
    assert set(world.logins()) == {f"{job} ghcr.io ann token" for job in ("image", "deploy")}, "nothing was set"
    ledger = world.ledger()
    for environment, event in (("staging", Event.DEPLOY), ("production", Event.PROMOTE)):
        assert [each.event for each in ledger.history(environment)] == [event, Event.GENESIS]
    release = ledger.read("production").serving
    assert release == ledger.read("staging").serving
    assert release.commit == world.head()
    assert re.fullmatch(re.escape(world.image) + "@sha256:[0-9a-f]{64}", release.image)
    assert f"{release.commit[:12]}-{release.bundle[:12]}" in tags(*world.image.split("/", 1))
    assert "rehearsal" in run.jobs["production/deploy"].summary
    (published,) = world.github.releases
    assert (published["tag_name"], published["target_commitish"]) == ("production-1", release.commit)
    assert "(rehearsal)" in published["name"]


def test_a_merge_reaches_production_a_rollback_brings_back_what_was_and_an_entry_distrusts_it(world):
    before = world.ledger().read("production").serving
    commit = merge(world, trees=20)
    run = world.push(variables={"SLIPWAY_REGISTRY_USER": "robot"})
    assert run.passed, (run.results, run.log)
    assert did(run) == dict.fromkeys(EVERYTHING, "success")
    assert world.logins() == [f"{job} {world.registry} robot password" for job in ("image", "deploy", "deploy")]
    ledger = world.ledger()
    staging, production = ledger.read("staging"), ledger.read("production")
    assert (staging.event, staging.number, production.event, production.number) == (Event.DEPLOY, 2, Event.PROMOTE, 2)
    release = production.serving
    assert release == staging.serving
    assert (release.commit, production.target) == (commit, "rehearsal")
    assert f"{commit[:12]}-{release.bundle[:12]}" in tags(*world.image.split("/", 1))
    stated = world.attestations()
    assert {each["subject"] for each in stated} == {release.image}
    assert len({each["type"] for each in stated}) == 3, "how it was made, what is in it, how its model was judged"

    waiting = {"id": 77, "path": ".github/workflows/cd.yml", "status": "waiting", "head_sha": commit}
    world.github.runs.append(waiting)
    mark = world.folder / "injected"
    reason = f'drift $(touch {mark}) `touch {mark}` \'; touch {mark}; echo "${{{{ github.token }}}}"'
    back = world.by_hand("rollback.yml", environment="production", reason=reason, to="")
    assert back.passed, (back.results, back.log)
    assert world.logins()[3:] == [f"deploy {world.registry} ann password"]
    entry = world.ledger().read("production")
    assert (entry.event, entry.number, entry.serving) == (Event.ROLLBACK, 3, before)
    assert entry.reason == reason
    assert release.bundle in entry.blocked or release.bundle == before.bundle
    assert not mark.exists()
    assert waiting["status"] == "completed", "nobody shall approve what was on its way"
    assert world.ledger().read("staging").serving == release

    reason = "trained on rows of the holdout"
    digest = before.bundle[:12]
    noted = world.by_hand("ledger.yml", action="distrust", environment="production", digest=digest, reason=reason)
    assert noted.passed, (noted.results, noted.log)
    assert did(noted) == dict.fromkeys(("approve", "entry"), "success")
    entry = world.ledger().read("production")
    assert (entry.event, entry.number, entry.serving, entry.reason) == (Event.DISTRUST, 4, before, reason)
    assert before.bundle in entry.distrusted


def test_where_staging_fails_production_is_not_touched(world):
    before = {name: world.ledger().read(name) for name in ("staging", "production")}
    break_service(world, "staging")
    run = world.push()
    assert not run.passed
    assert run.results["staging/deploy"] == "failure"
    assert "production/deploy" not in did(run)
    staging, production = (world.ledger().read(name) for name in ("staging", "production"))
    assert (staging.event, staging.serving) == (Event.FAILED, before["staging"].serving)
    assert production == before["production"]
    assert "SLIPWAY_MAX_ROWS" in run.said("staging/deploy")


def test_where_production_fails_the_release_before_serves_on(world):
    before = world.ledger().read("production")
    commit = break_service(world, "production")
    run = world.push()
    assert not run.passed
    assert (run.results["staging/deploy"], run.results["production/deploy"]) == ("success", "failure")
    staging, production = (world.ledger().read(name) for name in ("staging", "production"))
    assert staging.serving.commit == commit
    assert (production.event, production.serving) == (Event.FAILED, before.serving)
    assert production.release == staging.serving


def test_of_two_pushes_at_once_the_newer_one_stays_and_the_older_one_never_comes_over_it(world):
    """Here nothing lets one deployment wait for the other, as the queue of deploy.yml does at GitHub."""
    before = world.ledger().read("production").serving.commit
    older, newer = pushes = world.commit("one push"), world.commit("another one, a moment later")
    with ThreadPoolExecutor() as at_once:
        runs = list(at_once.map(lambda commit: world.push(commit=commit), pushes))
    assert any(run.passed for run in runs), [(run.results, run.log) for run in runs]
    again = [world.push(commit=commit, again=run.id, attempt=2) for commit, run in zip(pushes, runs, strict=True)]
    assert again[1].passed, (again[1].results, again[1].log)
    ledger = world.ledger()
    for environment in ("staging", "production"):
        commits = [each.serving.commit for each in ledger.history(environment) if each.serving]
        assert [commit for commit, _ in groupby(commits)] in ([newer, older, before], [newer, before])


def test_a_run_that_died_twice_is_run_again_and_finishes_its_work(world):
    (world.work / "README.md").open("a").write("\nA remark before the power failed.\n")
    commit = world.commit("a remark")

    def pushed() -> bool:
        return any(tag.startswith(commit[:12]) for tag in tags(*world.image.split("/", 1)))

    died = world.push(kill_when=pushed)
    assert not died.passed and not any((world.folder / "artifacts").glob("*/release")), "it died before it was attested"

    again = world.push(again=died.id, attempt=2, kill_when=lambda: world.ledger().read("staging").number == 2)
    assert not again.passed
    assert "building it" in again.said("image"), "what nobody attested is not taken for finished, whatever its tag"
    staging = world.ledger().read("staging")
    assert (staging.event, world.ledger().read("production").number) == (Event.DEPLOY, 1)
    stated = world.attestations()
    assert len({each["type"] for each in stated if each["subject"] == staging.serving.image}) == 3
    images = tags(*world.image.split("/", 1))

    run = world.push(again=died.id, attempt=3)
    assert run.passed, (run.results, run.log)
    assert tags(*world.image.split("/", 1)) == images, "nothing was built again"
    assert "building it" not in run.said("image")
    assert world.attestations() == stated, "a run that found the image says nothing of it"
    assert world.ledger().read("staging") == staging, "what serves was tested, and nothing written"
    production = world.ledger().read("production")
    assert (production.event, production.number, production.serving) == (Event.PROMOTE, 2, staging.serving)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    client = engine_settings()
    folder = tmp_path_factory.mktemp("ssh") / "server"
    with ssh_server(client["SLIPWAY_DOCKER"], client.get("SLIPWAY_BASE_IMAGE"), folder) as found:
        yield found


@pytest.fixture
def on_server(world, server):
    """Production is on a server that lets runners in by SSH; what a run is given for that."""
    path, port, name = world.work / "pyproject.toml", free_port(), f"slipway-test-{uuid4().hex[:8]}"
    table = f'target = "docker"\nport = {port}\ncontext = "server"\nproject = "{name}"'
    text, count = re.subn(r'target = "local"\nport = 8102', table, path.read_text())
    assert count == 1
    path.write_text(text)
    variables = {
        "SLIPWAY_SERVERS": "production",
        "SLIPWAY_HOST": server.host,
        "SLIPWAY_KNOWN_HOSTS": server.known_hosts,
    }
    yield f"http://127.0.0.1:{port}", {"variables": variables, "secrets": {"SLIPWAY_SSH_KEY": server.key}}
    client = [engine_settings()["SLIPWAY_DOCKER"]]
    subprocess.run([*client, "compose", "--project-name", name, "down", "--volumes"], check=True, capture_output=True)


def test_production_on_a_server_waits_for_the_merged_request_and_its_rollback_comes_back(world, on_server):
    url, given = on_server
    path = world.work / "pyproject.toml"
    path.write_text(path.read_text() + '\n[tool.slipway.github]\napproval = "pull-request"\n')
    before = world.ledger().read("production").serving
    merge(world, trees=30)
    run = world.push(**given)
    assert run.passed, (run.results, run.log)
    staging, production = (world.ledger().read(name) for name in ("staging", "production"))
    assert (staging.number, production.number) == (2, 1), "it stops at staging"

    write_request(world.work, "production", staging.serving)
    world.commit("staging may go to production")
    run = world.push("promote.yml", **given)
    assert run.passed, (run.results, run.log)
    production = world.ledger().read("production")
    assert (production.event, production.serving) == (Event.PROMOTE, staging.serving)
    assert (staging.target, production.target) == ("rehearsal", "docker")
    assert read_version(url).model.digest == production.serving.bundle
    assert "rehearsal" not in run.jobs["production/deploy"].summary
    assert "rehearsal" not in world.github.releases[-1]["name"]

    back = world.by_hand("rollback.yml", given, environment="production", reason="drift", to="")
    assert back.passed, (back.results, back.log)
    assert world.ledger().read("production").serving == before
    assert read_version(url).model.digest == before.bundle

    left = world.ledger().read("production")
    keyless = {"variables": given["variables"]}
    refused = world.by_hand("rollback.yml", keyless, environment="production", reason="drift", to="")
    assert not refused.passed
    assert "gh secret set SLIPWAY_SSH_KEY --env production" in refused.said("rollback/deploy")
    assert (world.ledger().read("production"), read_version(url).model.digest) == (left, before.bundle)
