"""An environment on another machine of which only SSH is open, and what `slipway ci connect` prepares for it."""

import os
import subprocess

import pytest
from dockerbox import bring, change, follow_log, quiet, settled
from load import STEADY, Callers
from msgspec.structs import replace
from sshserver import ssh_server

from slipway.delivery import operations
from slipway.delivery.status import read_status
from slipway.delivery.targets.containers.ssh import PublishedAddress
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError, GitHubError, SettingsError
from slipway.github.jobs.server import connect_server, verify_server_names
from slipway.settings import ServerSettings

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server(engine, tmp_path_factory):
    with ssh_server(engine.client, engine.base, tmp_path_factory.mktemp("ssh") / "server") as found:
        yield found


@pytest.fixture
def given(server):
    return ServerSettings(server.host, server.known_hosts, server.key.strip(), "", "")


@pytest.fixture
def away(on_engine, given, tmp_path, monkeypatch):
    """The project, with staging and production behind SSH."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    change(on_engine, context="server")
    programs = connect_server(on_engine.root, "staging", given, tmp_path / "ssh")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    yield on_engine
    subprocess.run(["ssh", "-O", "exit", "-p", given.host.rpartition(":")[2], "root@127.0.0.1"], capture_output=True)


def test_a_release_is_brought_tested_and_taken_back_through_ssh_alone(away, shipped, tmp_path):
    old, new = shipped
    done = bring(away, old)
    target = find_target(away.root, "staging")
    assert done.smoke.url == target.url == f"http://127.0.0.1:{target.settings.port} of 127.0.0.1"
    settled(away, old, "staging")
    with Callers(f"http://127.0.0.1:{target.settings.port}", old.row, 2, pause=STEADY) as callers:
        bring(away, new)
        operations.rollback(away.root, "staging", "the test goes back", quiet)
        follow_log(target, callers, tmp_path / "copy")
    assert not callers.failures and callers.broken == 0
    settled(away, old, "staging")
    (found,) = [each for each in read_status(away.root) if each.environment == "staging"]
    assert found.runs == old.bundle.digest


def test_keys_that_a_job_was_given_become_the_files_of_the_environment(on_engine, given, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    keys = {"SLIPWAY_AUTH": "keys", "SLIPWAY_API_KEYS_FILE": "keys.json"}
    change(on_engine, context="server", variables=keys, key_file="smoke.key")
    connect_server(on_engine.root, "staging", replace(given, api_keys="[]", smoke_key="slipway_x"), tmp_path / "ssh")
    assert (on_engine.root / "keys.json").read_text() == "[]\n"
    key = on_engine.root / "smoke.key"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("slipway_x\n", 0o600)
    assert (tmp_path / "ssh" / "key").stat().st_mode & 0o777 == 0o600


def test_a_machine_with_another_key_gets_nothing(on_engine, given, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    change(on_engine, context="server")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    where = given.known_hosts.split()[0]
    wrong = replace(given, known_hosts=f"{where} {(tmp_path / 'other.pub').read_text()}")
    programs = connect_server(on_engine.root, "staging", wrong, tmp_path / "ssh")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(
        DeliveryError,
        match=r"(?s)Cannot connect to the container engine at ssh://.*Host key verification failed",
    ):
        find_target(on_engine.root, "staging").preflight()
    with pytest.raises(DeliveryError, match=r"(?s)Cannot connect through ssh.*Host key verification failed"):
        PublishedAddress(given.host, "127.0.0.1").connect(8080).__enter__()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"host": ""}, "SLIPWAY_HOST of staging: expected ssh://user@machine, found nothing"),
        ({"host": "deploy@model.example.org"}, "expected ssh://user@machine, found deploy@"),
        ({"known_hosts": ""}, r"ssh-keyscan -p \d+ 127\.0\.0\.1"),
        ({"ssh_key": ""}, "expected a private key, found nothing"),
        ({"ssh_key": "ssh-ed25519 AAAA"}, "expected a private key, found something else"),
    ],
)
def test_what_a_job_was_not_given_is_named_with_the_command_that_sets_it(on_engine, given, tmp_path, missing, said):
    change(on_engine, context="server")
    with pytest.raises(GitHubError, match=said):
        connect_server(on_engine.root, "staging", replace(given, **missing), tmp_path / "ssh")
    assert not (tmp_path / "ssh").exists()


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ({}, GitHubError, 'expected target = "docker" or "swarm", and a context'),
        ({"target": "local", "context": "server"}, SettingsError, r"local has no option .*, which is one of docker"),
    ],
)
def test_an_environment_that_runs_here_is_on_no_server(on_engine, given, tmp_path, table, error, said):
    change(on_engine, **table)
    with pytest.raises(error, match=said):
        connect_server(on_engine.root, "staging", given, tmp_path / "ssh")


def test_a_server_whose_name_is_not_understood_does_not_become_a_rehearsal(on_engine):
    for fine in ("", "production", "staging production"):
        verify_server_names(on_engine.root, fine)
    for slip in ("staging,production", "prod", "staging  production", "production\n"):
        with pytest.raises(GitHubError, match="one space between them"):
            verify_server_names(on_engine.root, slip)
