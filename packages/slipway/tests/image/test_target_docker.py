"""An environment on a container engine: every way in, and every way back, with callers that notice nothing."""

import json
import shutil
import socket
import subprocess

import pytest
import yaml
from dockerbox import Shipped, bring, change, follow_log, quiet, serve, services, settled
from load import STEADY, Callers
from running import SLIPWAY, free_port
from waiting import wait_for_engine

from slipway.delivery import operations
from slipway.delivery.reconcile import reconcile, stop_service
from slipway.delivery.shadow import switch_shadow
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger

pytestmark = pytest.mark.timeout(600)

# Such an image does well aside, and fails beside another one only.
ALONE = (
    'ENTRYPOINT ["sh", "-c", "[ -n \\"$SLIPWAY_LISTENER\\" ] || exec slipway serve; echo this cannot be used; exit 1"]',
    "CMD []",
)
# As an image of before there was `slipway hold`.
UNKNOWING = (
    "USER 0",
    "RUN cd $(dirname $(command -v slipway)) && mv slipway slipway.now && "
    'printf \'#!/bin/sh\\n[ "$1" != hold ] || exit 2\\nexec slipway.now "$@"\\n\' > slipway && chmod +x slipway',
    "USER 10001:0",
)


def test_a_release_goes_to_production_by_digest_and_back_and_no_request_is_lost(on_engine, shipped, engine, tmp_path):
    old, new = shipped
    done = serve(on_engine, old)
    assert (done.entry.event, done.entry.target, done.entry.serving.image) == (Event.PROMOTE, "docker", old.image)
    settled(on_engine, old)
    production = find_target(on_engine.root, "production")
    with Callers(production.url, old.row, pause=STEADY) as callers:
        bring(on_engine, new)
        operations.promote(on_engine.root, "staging", "production", quiet)
        settled(on_engine, new)
        operations.rollback(on_engine.root, "production", "the test goes back", quiet)
        settled(on_engine, old)
        switch_shadow(on_engine.root, "production", new.bundle.digest[:12], quiet)
        assert production.observe_shadow() == new.bundle.digest
        container = settled(on_engine, old)
        follow_log(production, callers, tmp_path / "copy")
    assert not callers.failures
    assert callers.broken == 0
    assert len(callers.acknowledged) > 1000
    # Everything that was acknowledged is in the one log that all of them wrote.
    engine.run("stop", container.id)
    volume = f"{production._project.name}_log"
    kept = engine.run(
        "run", "--rm", "--volume", f"{volume}:/var/log/slipway", container.image, "log", "--all", "--json"
    )
    lines = [json.loads(line) for line in kept.splitlines()]
    assert set(callers.acknowledged) <= {line["id"] for line in lines if line["kind"] == "prediction"}
    assert {line["model"] for line in lines if line["kind"] == "shadow"} == {new.bundle.digest}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("another bundle", "serves the bundle"),
        ("a damaged bundle", "did not become ready.*model.onnx"),
        ("nothing beside another", "did not become ready.*cannot be used"),
    ],
)
def test_an_image_that_does_not_keep_its_word_leaves_the_one_that_serves(
    on_engine, shipped, yard, tmp_path, wrong, reason
):
    old, new = shipped
    bring(on_engine, old)
    before = settled(on_engine, old, "staging")
    if wrong == "another bundle":
        image = yard.image(new.bundle.digest, old.bundle.path)
    elif wrong == "a damaged bundle":
        image = yard.image(new.bundle.digest, damaged(new.bundle.path, tmp_path / "damaged"))
    else:
        image = yard.image(new.bundle.digest, new.bundle.path, *ALONE)
    broken = Shipped(new.trees, new.bundle, image)
    with (
        Callers(find_target(on_engine.root, "staging").url, old.row, 2, pause=STEADY) as callers,
        pytest.raises(DeliveryError, match=f"(?s){reason}"),
    ):
        bring(on_engine, broken)
    assert not callers.failures and callers.broken == 0
    assert settled(on_engine, old, "staging") == before, "it was never touched"
    entry = Ledger(on_engine.root).read("staging")
    assert (entry.event, entry.release.image, entry.serving.image) == (Event.FAILED, image, old.image)


def test_a_failed_start_is_removed_too_if_its_output_cannot_be_read(on_engine, shipped, yard):
    old, new = shipped
    path = on_engine.root / "deploy/compose/service.yaml"
    found = yaml.safe_load(path.read_text())
    found["services"]["service"]["logging"] = {"driver": "none"}
    path.write_text(yaml.safe_dump(found))
    bring(on_engine, old)
    before = settled(on_engine, old, "staging")
    unfit = Shipped(new.trees, new.bundle, yard.image(new.bundle.digest, new.bundle.path, *ALONE))
    with pytest.raises(
        DeliveryError, match=r"did not become ready.*Cannot read the log of \w+: .*does not support read"
    ):
        bring(on_engine, unfit)
    assert settled(on_engine, old, "staging") == before


def damaged(bundle, folder):
    shutil.copytree(bundle, folder)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    return folder


def test_a_service_that_dies_is_started_again_and_after_its_front_died_it_answers_behind_the_next_one(
    on_engine, shipped, engine
):
    (ship, _) = shipped
    bring(on_engine, ship)
    target, container = find_target(on_engine.root, "staging"), settled(on_engine, ship, "staging")
    # Both are killed as the kernel does where memory is short; nobody reconciles.
    for victim in (container.id, target._project.front().id):
        before = started(engine, container.id)
        kill(engine, ship.image, victim)
        wait_for_engine(lambda before=before: started(engine, container.id) > before)
        wait_for_engine(lambda: target.observe() == ship.bundle.digest)
        assert settled(on_engine, ship, "staging").id == container.id


def started(engine, container):
    return engine.inspect(container)["State"]["StartedAt"]


def kill(engine, image, container):
    """What `docker kill` ends would stay down."""
    process = engine.inspect(container)["State"]["Pid"]
    one = ("--rm", "--pid", "host", "--user", "0", "--entrypoint", "python")
    engine.run("run", *one, image, "-c", f"import os; os.kill({process}, 9)")


def test_a_container_can_do_nothing_but_serve(on_engine, shipped, engine):
    bring(on_engine, shipped[0])
    container = settled(on_engine, shipped[0], "staging")
    found = engine.inspect(container.id)
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert found["HostConfig"]["Memory"] and found["HostConfig"]["PidsLimit"] and found["HostConfig"]["NanoCpus"]
    assert engine.run("exec", container.id, "id", "-u") == "10001"
    assert engine.try_run("exec", container.id, "touch", "/tmp/a").returncode != 0
    status = engine.run("exec", container.id, "grep", "-E", "^(CapEff|CapBnd|NoNewPrivs)", "/proc/1/status")
    assert {tuple(line.split()) for line in status.splitlines()} == {
        ("CapEff:", "0" * 16),
        ("CapBnd:", "0" * 16),
        ("NoNewPrivs:", "1"),
    }
    published = engine.inspect(find_target(on_engine.root, "staging")._project.front().id)["NetworkSettings"]
    (address,) = published["Ports"]["8080/tcp"]
    assert address["HostIp"] == "127.0.0.1"


def test_settings_that_changed_are_seen_and_brought_in_without_a_lost_request(on_engine, shipped, engine):
    (ship, _) = shipped
    bring(on_engine, ship)
    before = settled(on_engine, ship, "staging")
    target = find_target(on_engine.root, "staging")
    with Callers(target.url, ship.row, 2, pause=STEADY) as callers:
        change(on_engine, variables={"SLIPWAY_MAX_ROWS": "none"})
        with pytest.raises(DeliveryError, match="SLIPWAY_MAX_ROWS"):
            reconcile(on_engine.root, "staging", quiet)
        assert services(on_engine, "staging") == [before], "what does not start ends nothing that serves"
        change(on_engine, workers=2, variables={"SLIPWAY_MAX_ROWS": "7", "NOTE": "5 $ for ${PATH}"})
        found = find_target(on_engine.root, "staging")
        assert "other settings" in found.out_of_sync(ship.bundle.digest, ship.image)
        reconcile(on_engine.root, "staging", quiet)
        container = settled(on_engine, ship, "staging")
        assert {"SLIPWAY_WORKERS=2", "SLIPWAY_MAX_ROWS=7", "NOTE=5 $ for ${PATH}"} <= environment(engine, container)
        # The file is the operator's: a limit that is changed there counts too.
        path = on_engine.root / "deploy/compose/service.yaml"
        path.write_text(path.read_text().replace("pids_limit: 256", "pids_limit: 200"))
        assert "other settings" in found.out_of_sync(ship.bundle.digest, ship.image)
        reconcile(on_engine.root, "staging", quiet)
        settled(on_engine, ship, "staging")
    assert not callers.failures and callers.broken == 0
    change(on_engine, port=free_port())
    reconcile(on_engine.root, "staging", quiet)
    settled(on_engine, ship, "staging")
    option = {"com.docker.network.driver.mtu": "1280"}
    path.write_text(path.read_text() + f"networks: {json.dumps({'default': {'driver_opts': option}})}\n")
    assert "other settings" in find_target(on_engine.root, "staging").out_of_sync(ship.bundle.digest, ship.image)
    reconcile(on_engine.root, "staging", quiet)
    settled(on_engine, ship, "staging")
    network = f"{find_target(on_engine.root, 'staging')._project.name}_default"
    assert json.loads(engine.run("network", "inspect", network))[0]["Options"] == option


def environment(engine, container):
    return set(engine.inspect(container.id)["Config"]["Env"])


def test_new_code_around_the_same_model_is_another_image(on_engine, shipped, yard):
    (ship, _) = shipped
    bring(on_engine, ship)
    other = Shipped(ship.trees, ship.bundle, yard.image(ship.bundle.digest, ship.bundle.path, "ENV NEW=1"))
    target = find_target(on_engine.root, "staging")
    assert "runs the image" in target.out_of_sync(ship.bundle.digest, other.image)
    on_engine.commit("new code")
    bring(on_engine, other)
    container = settled(on_engine, other, "staging")
    for command, images in ((["status"], [other]), (["history", "staging"], [other, ship])):
        said = subprocess.run([SLIPWAY, *command], cwd=on_engine.root, capture_output=True, text=True).stdout
        digests = [each.image.partition("@sha256:")[2][:12] for each in images]
        assert all(digest in said for digest in digests), f"two images of one model are told apart: {said}"
    # What answers with the right digest is not the new one, as long as the old one is there.
    unfit = Shipped(ship.trees, ship.bundle, yard.image(ship.bundle.digest, ship.bundle.path, *ALONE))
    on_engine.commit("code that does not start")
    with pytest.raises(DeliveryError, match="cannot be used"):
        bring(on_engine, unfit)
    assert settled(on_engine, other, "staging") == container


def test_an_image_that_cannot_hold_a_port_takes_nothing_down(on_engine, shipped, yard):
    (ship, _) = shipped
    bring(on_engine, ship)
    before = settled(on_engine, ship, "staging")
    target, image = find_target(on_engine.root, "staging"), yard.image(ship.bundle.digest, ship.bundle.path, *UNKNOWING)
    path = on_engine.root / "deploy/compose/service.yaml"
    path.write_text(path.read_text().replace("pids_limit: 8", "pids_limit: 9"))
    front = target._project.front().id
    on_engine.commit("code of before")
    reason = r"(?s)cannot hold a port.*slipway publish"
    with Callers(target.url, ship.row, 1, pause=STEADY) as callers, pytest.raises(DeliveryError, match=reason):
        bring(on_engine, Shipped(ship.trees, ship.bundle, image))
    assert not callers.failures and callers.broken == 0
    assert (target._project.front().id, services(on_engine, "staging")) == (front, [before]), "it was never touched"
    # Another one brings the other front in, on the port that the one before listens on.
    reconcile(on_engine.root, "staging", quiet)
    settled(on_engine, ship, "staging")


def test_stopping_ends_everything_but_the_log_and_reconcile_starts_it_again(on_engine, shipped, engine):
    bring(on_engine, shipped[0])
    target = find_target(on_engine.root, "staging")
    assert stop_service(on_engine.root, "staging", quiet)
    assert not stop_service(on_engine.root, "staging", quiet)
    name = target._project.name
    assert engine.run("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={name}") == ""
    left = engine.run("volume", "ls", "--quiet", "--filter", f"name={name}").split()
    assert left == [f"{name}_front", f"{name}_log"], "the first is empty"
    assert target.is_managed_here() and not target.is_running() and target.observe() is None
    reconcile(on_engine.root, "staging", quiet)
    settled(on_engine, shipped[0], "staging")


def test_what_is_missing_is_named_before_anything_starts(on_engine, shipped, engine, tmp_path, monkeypatch):
    (ship, _) = shipped
    with pytest.raises(DeliveryError, match="slipway publish"):
        operations.deploy(on_engine.root, "staging", quiet)
    change(on_engine, address="0.0.0.0")
    with pytest.raises(DeliveryError, match='SLIPWAY_AUTH = "keys"'):
        bring(on_engine, ship)
    change(on_engine, variables={"SLIPWAY_AUTH": "none"})
    with pytest.raises(DeliveryError, match="found none"):
        bring(on_engine, ship)
    change(on_engine, context="nowhere")
    with pytest.raises(DeliveryError, match=r"nowhere.*`docker context ls` lists"):
        bring(on_engine, ship)
    change(on_engine)
    port = int(find_target(on_engine.root, "staging").url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DeliveryError, match="taken by another program"):
        bring(on_engine, ship)
    # A client as Debian's bookworm has it.
    client = tmp_path / "docker"
    client.write_text(f'#!/bin/sh\n[ "$1" != compose ] && exec {engine.client} "$@"\nexit 1\n')
    client.chmod(0o755)
    monkeypatch.setenv("SLIPWAY_DOCKER", str(client))
    with pytest.raises(DeliveryError, match="docker-compose-plugin"):
        bring(on_engine, ship)
    assert Ledger(on_engine.root).read("staging").event is Event.GENESIS
    assert services(on_engine, "staging") == []
