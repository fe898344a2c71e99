"""What an environment is set to: port, files, keys, the service's own variables."""

import socket
import subprocess

import pytest
from projectbox import place
from releases import first, quiet
from running import SLIPWAY, free_port

from slipway.delivery import operations
from slipway.delivery.reconcile import reconcile
from slipway.delivery.status import describe_status, read_status
from slipway.delivery.targets.local import process
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger


def test_a_port_that_is_taken_is_named_and_is_no_fault_of_the_release(project):
    port = int(find_target(project.root, "staging").url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DeliveryError, match="taken by another program"):
        operations.deploy(project.root, "staging", quiet)
    assert Ledger(project.root).read("staging").event is Event.GENESIS
    assert operations.deploy(project.root, "staging", quiet).entry.event is Event.DEPLOY


def test_a_secret_that_is_missing_is_named_before_anything_starts(project):
    place(project, SLIPWAY_API_KEYS_FILE="nowhere/keys.json")
    with pytest.raises(DeliveryError, match=r"nowhere/keys\.json"):
        operations.deploy(project.root, "staging", quiet)
    assert Ledger(project.root).read("staging").event is Event.GENESIS
    assert not (project.root / ".slipway/environments/staging/releases").exists()


def test_a_service_that_wants_keys_is_tested_with_one(project):
    keys = {"SLIPWAY_AUTH": "keys", "SLIPWAY_API_KEYS_FILE": "keys.json"}
    make_key = [SLIPWAY, "key", "new", "smoke", "--file", "keys.json", "--secret-file", "smoke.key"]
    subprocess.run(make_key, cwd=project.root, check=True)
    (project.root / "smoke.key").rename(project.root / "elsewhere")
    place(project, **keys)
    with pytest.raises(DeliveryError, match=r"slipway key new smoke --file keys\.json --secret-file smoke\.key"):
        operations.deploy(project.root, "staging", quiet)
    place(project, key_file="smoke.key", **keys)
    with pytest.raises(DeliveryError, match=r"needs the file smoke\.key \(key_file\)"):
        operations.deploy(project.root, "staging", quiet)
    (project.root / "elsewhere").rename(project.root / "smoke.key")
    digest = operations.deploy(project.root, "staging", quiet).entry.serving.bundle
    target = find_target(project.root, "staging")
    assert target.observe() == digest
    assert target.out_of_sync(digest) is None


def test_settings_that_changed_are_seen_and_reconcile_brings_them_in(project):
    digest = first(project).entry.serving.bundle
    place(project, SLIPWAY_MAX_ROWS="7")
    target = find_target(project.root, "production")
    assert "other settings" in target.out_of_sync(digest)
    reconcile(project.root, "production", quiet)
    assert target.out_of_sync(digest) is None
    assert process.read_environment(process.find_process(str(target.folder)))["SLIPWAY_MAX_ROWS"] == "7"


def test_a_service_on_the_port_of_before_is_no_service_that_is_gone(project):
    digest = first(project).entry.serving.bundle
    path = project.root / "pyproject.toml"
    port = find_target(project.root, "production").url.rpartition(":")[2]
    path.write_text(path.read_text().replace(f"port = {port}", f"port = {free_port()}"))
    target = find_target(project.root, "production")
    assert "other settings" in target.out_of_sync(digest)
    assert reconcile(project.root, "production", quiet).smoke.url == target.url
    assert target.out_of_sync(digest) is None


def test_settings_with_which_nothing_starts_end_nothing_that_serves(project):
    digest = first(project).entry.serving.bundle
    place(project, SLIPWAY_MAX_ROWS="none")
    target = find_target(project.root, "production")
    with pytest.raises(DeliveryError, match="SLIPWAY_MAX_ROWS"):
        reconcile(project.root, "production", quiet)
    assert target.observe() == digest


def test_a_key_that_went_missing_while_the_service_runs_is_named_by_status(project):
    first(project)
    place(project, key_file="smoke.key")
    found = {each.environment: each for each in read_status(project.root)}
    assert "smoke.key" in found["production"].differs
    assert "fixes it" not in describe_status(found["production"]), "a command that needs the file as well"
