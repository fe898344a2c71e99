"""Container engines that fail, here and behind SSH; no real engine is needed."""

import os
import socket
import sys

import pytest
from running import free_port

from slipway.delivery.targets.containers.container import read_log
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import check_can_hold_port, pull_image
from slipway.delivery.targets.containers.ssh import SSHRelay
from slipway.errors import DeliveryError

# Copies between its standard streams and a port, as `docker system dial-stdio` does with an engine.
FORWARD = """
import os, socket, sys, threading
engine = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def send():
    while content := os.read(0, 65536):
        engine.sendall(content)
threading.Thread(target=send, daemon=True).start()
while content := engine.recv(65536):
    os.write(1, content)
os._exit(0)
"""


def test_a_context_that_does_not_exist_is_named(tmp_path, monkeypatch):
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'context \"far\" does not exist' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("SLIPWAY_DOCKER", str(tmp_path / "docker"))
    with pytest.raises(DeliveryError, match=r'context "far" does not exist\. `docker context ls` lists'):
        Engine("far").check()
    monkeypatch.setenv("SLIPWAY_DOCKER", "no-such-docker")
    with pytest.raises(DeliveryError, match=r"There is no no-such-docker on the PATH.*set SLIPWAY_DOCKER\.$"):
        Engine("far").check()


def test_an_engine_that_is_away_is_named_with_the_reason(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    with pytest.raises(DeliveryError, match=r"tcp://127\.0\.0\.1:\d+: Connection refused\. Check that it runs\."):
        Engine().check()


@pytest.mark.parametrize("verify", ["1", ""])
def test_tls_files_that_are_missing_are_named(tmp_path, monkeypatch, verify):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", verify)
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(DeliveryError, match=r"expected ca\.pem, cert\.pem and key\.pem in the folder DOCKER_CERT"):
        Engine().check()
    assert Engine().endpoint() == ""


def test_tls_files_of_a_context_that_are_broken_are_named_by_their_folder(tmp_path, monkeypatch):
    folder = tmp_path / "tls" / "docker"
    (folder / "ca.pem").mkdir(parents=True)
    endpoint = '{"Host": "tcp://127.0.0.1:1", "SkipTLSVerify": false}'
    files = f'"TLSMaterial": {{"docker": ["ca.pem"]}}, "Storage": {{"TLSPath": "{tmp_path}/tls"}}'
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho \'[{{"Endpoints": {{"docker": {endpoint}}}, {files}}}]\'\n')
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("SLIPWAY_DOCKER", str(tmp_path / "docker"))
    with pytest.raises(DeliveryError, match=rf"expected ca\.pem, cert\.pem and key\.pem in {folder}\."):
        Engine("far").check()


@pytest.mark.parametrize(
    "begun", [b'14\r\n{"status": "Pul', b'f\r\n{"status": "Pul\r\n0\r\n\r\n'], ids=["chunk", "line"]
)
def test_a_pull_that_breaks_off_is_an_error(stub_engine, begun):
    stub_engine({"/images/create": (200, begun)})
    with pytest.raises(DeliveryError, match=r"^Cannot pull model:1: The engine's response broke off\.$"):
        pull_image(Engine(), "model:1")


def test_a_stream_that_is_reset_is_an_error(stub_engine):
    with (
        pytest.raises(DeliveryError, match=r"^Cannot lock staging: Connection reset by peer\.$"),
        Engine().connect("lock staging"),
    ):
        raise ConnectionResetError(104, "Connection reset by peer")


def test_an_image_is_asked_whether_it_can_hold_a_port_whichever_log_driver_the_engine_has(stub_engine):
    found = {"Id": "one", "HostConfig": {"LogConfig": {"Type": "local"}}}
    answers = {"/containers/create": (201, {"Id": "one"}), "/containers/one/json": (200, found)}
    answers |= {"/containers/one/start": (204, None), "/containers/one": (204, None)}
    stub_engine(answers | {"/containers/one/wait": (200, {"StatusCode": 0})})
    check_can_hold_port(Engine(), "model:1", "staging")
    stub_engine({"/containers/one/wait": (200, {"StatusCode": 2})})
    with pytest.raises(DeliveryError, match="cannot hold a port"):
        check_can_hold_port(Engine(), "model:1", "staging")


def test_a_log_that_cannot_be_read_is_replaced_by_the_reason(stub_engine):
    found = {"Id": "one", "Config": {"Tty": False}}
    stub_engine({"/containers/one/json": (200, found), "/containers/one/logs": (501, {"message": "no logs"})})
    assert read_log(Engine(), "one") == "Cannot read the log of one: no logs."


@pytest.fixture
def stub_ssh(tmp_path, monkeypatch):
    """Sets the program that is started as ssh."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def program(text):
        (folder / "ssh").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "ssh").chmod(0o755)

    return program


@pytest.mark.parametrize(
    ("endpoint", "command"),
    [
        ("ssh://deploy@host", "deploy@host docker system dial-stdio"),
        ("ssh://deploy@host/", "deploy@host docker system dial-stdio"),
        (
            "ssh://deploy@host/run/user/1000/docker.sock",
            "deploy@host docker --host unix:///run/user/1000/docker.sock system dial-stdio",
        ),
        ("ssh://host/a%20b.sock", "host docker --host 'unix:///a b.sock' system dial-stdio"),
    ],
)
def test_the_socket_that_an_ssh_endpoint_names_is_dialled(stub_ssh, endpoint, command):
    stub_ssh('echo "$@"')
    relay = SSHRelay(endpoint)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(relay.url.removeprefix("unix://"))
        said = client.makefile().read()
    relay.close()
    assert said.strip().endswith(f" -- {command}")


def test_words_of_ssh_explain_its_own_failures_only(stub_ssh, stub_engine, tmp_path, monkeypatch):
    stub_engine({"/images/create": (404, {"message": "manifest unknown"})})
    (tmp_path / "forward.py").write_text(FORWARD)
    port = os.environ["DOCKER_HOST"].rpartition(":")[2]
    monkeypatch.setenv("DOCKER_HOST", "ssh://host")
    stub_ssh(f"echo 'Authorized users only.' >&2\nexec {sys.executable} {tmp_path}/forward.py {port}")
    engine, away = Engine(), Engine()
    with pytest.raises(DeliveryError, match=r"^Cannot pull model:1: manifest unknown\.$"):
        pull_image(engine, "model:1")
    stub_ssh("echo 'Host key verification failed.' >&2\nexit 255")
    for _ in range(2):
        for each in (engine, away):
            with pytest.raises(DeliveryError, match=r"^Cannot pull model:1: Host key verification failed\.$"):
                pull_image(each, "model:1")
