"""A container that follows the ledger: what others write into it comes about on this engine."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from uuid import uuid4

import pytest
from dockerbox import ROOT, settled
from ledgerbox import BY, clone, git
from places import PACKAGE
from waiting import wait_for_engine

from slipway.delivery.targets.registry import find_target
from slipway.ledger import Event, Ledger, Release, next_entry

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def follower(engine, tmp_path_factory):
    """What `make follow-image` builds; where nothing can be pulled, the docker client is the one of this machine."""
    given = {"SLIPWAY_DOCKER": engine.client, "SLIPWAY_BASE_IMAGE": engine.base or "", "SLIPWAY_CLIENT_IMAGE": ""}
    if engine.base:
        given["SLIPWAY_CLIENT_IMAGE"] = client_image(engine, tmp_path_factory.mktemp("client"))
    command = ["make", "follow-image", *(f"{name}={value}" for name, value in given.items())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-4000:]}"


def client_image(engine, folder):
    places = {"docker": "/usr/local/bin/", "docker-compose": "/usr/local/libexec/docker/cli-plugins/"}
    shutil.copy(shutil.which(engine.client), folder / "docker")
    plugin = engine.run(
        "info", "--format", '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}'
    )
    shutil.copy(plugin, folder / "docker-compose")
    lines = ["FROM scratch", *(f"COPY {name} {place}" for name, place in places.items())]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    engine.run("build", "--quiet", "--tag", "slipway-test-client", str(folder))
    return "slipway-test-client"


@pytest.fixture
def elsewhere(on_engine, tmp_path):
    """Somebody else's clone of the server's repository."""
    shutil.copytree(ROOT / "deploy/follow", on_engine.root / "deploy/follow", dirs_exist_ok=True)
    git(on_engine.root, "clone", "--quiet", "--bare", ".", "hub.git")
    git(on_engine.root, "remote", "add", "origin", "hub.git")
    git(on_engine.root, "fetch", "--quiet", "origin")
    return clone(on_engine.root / "hub.git", tmp_path / "elsewhere")


@pytest.fixture
def container(follower, engine, on_engine, elsewhere):
    """It follows production; gone when the test ends."""
    with starting(engine, on_engine) as (start, name):
        said, _ = start.communicate()
        assert start.returncode == 0, said
        yield name


@contextmanager
def starting(engine, on_engine):
    """What starts the container, and that one's name; both are gone at the end."""
    project = f"slipway-test-follow-{uuid4().hex[:8]}"
    given = {"SLIPWAY_DOCKER": engine.client, "COMPOSE_PROJECT_NAME": project, "SLIPWAY_EVERY": "1s"}
    command = [PACKAGE / "follow" / "start", "production"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    name = f"{project}-follow-1"
    with subprocess.Popen(command, cwd=on_engine.root, env=os.environ | given, text=True, **pipes) as start:
        try:
            yield start, name
        finally:
            engine.try_run("rm", "--force", name)


def write(root, ship, event):
    """What a promotion, or a rollback, on another machine leaves in the ledger."""
    release = Release(bundle=ship.bundle.digest, image=ship.image)
    Ledger(root).append(
        "production", lambda now: next_entry(now, event, by=BY, reason="a reason", release=release), ship.bundle.path
    )


def test_what_is_promoted_elsewhere_serves_here_and_what_is_rolled_back_too(
    container, engine, on_engine, elsewhere, shipped
):
    old, new = shipped
    target = find_target(on_engine.root, "production")
    for number, (ship, event) in enumerate(
        ((old, Event.PROMOTE), (new, Event.PROMOTE), (old, Event.ROLLBACK)), start=1
    ):
        write(elsewhere, ship, event)
        said = f"serves {ship.bundle.digest[:12]} (entry {number}), started and tested"
        wait_for_engine(lambda said=said: said in last_line(engine, container))
        assert target.observe() == ship.bundle.digest
    settled(on_engine, old)

    # As the kernel does where memory is short; the engine starts it again.
    began = engine.inspect(container)["State"]["StartedAt"]
    one = ("--rm", "--pid", "host", "--user", "0", "--entrypoint", "python")
    process = engine.inspect(container)["State"]["Pid"]
    engine.run("run", *one, old.image, "-c", f"import os; os.kill({process}, 9)")
    write(elsewhere, new, Event.PROMOTE)
    wait_for_engine(lambda: target.observe() == new.bundle.digest)
    assert engine.inspect(container)["State"]["StartedAt"] > began


def test_it_can_write_nothing_but_the_clone_and_gain_no_right(container, engine):
    found = engine.inspect(container)
    assert found["HostConfig"]["ReadonlyRootfs"] and found["HostConfig"]["CapDrop"] == ["ALL"]
    assert found["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert found["State"]["Health"]["Status"] == "healthy"
    assert engine.try_run("exec", container, "touch", "/app/x").returncode != 0


def test_one_that_cannot_do_a_turn_is_not_healthy_by_what_another_one_left(follower, engine, on_engine, elsewhere):
    mark = on_engine.root / ".slipway/environments/production/followed"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    settings = on_engine.root / "pyproject.toml"
    text = settings.read_text()
    settings.write_text("no table")
    with starting(engine, on_engine) as (start, name):
        wait_for_engine(lambda: "Malformed TOML" in last_line(engine, name))
        began = len(checks(engine, name))
        wait_for_engine(lambda: len(checks(engine, name)) > began + 1)
        assert checks(engine, name)[-1]["ExitCode"] == 1 and start.poll() is None, "it is waited for"
        settings.write_text(text)
        said, _ = start.communicate(timeout=60)
        assert start.returncode == 0 and "is followed here" in said


def checks(engine, container):
    return engine.inspect(container)["State"]["Health"]["Log"] or []


def last_line(engine, container):
    done = engine.try_run("logs", "--tail", "1", container)
    return done.stdout + done.stderr
