"""`slipway health` where the service listens elsewhere than on 127.0.0.1, and where something else answers."""

import socket
import subprocess
import threading

import pytest
from running import SLIPWAY, environment, free_port, serving


def health(**variables):
    given = environment(**variables)
    return subprocess.run([str(SLIPWAY), "health"], env=given, capture_output=True, text=True, timeout=30)


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["::1", "::", "localhost"])
def test_it_asks_where_the_service_listens(churn, tmp_path, host):
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    port = free_port()
    with serving(churn.bundle.path, tmp_path / "log", host=host, port=port, auth="platform"):
        asked = health(host=host, port=port)
    assert (asked.returncode, asked.stdout.strip()) == (0, '{"status":"ready"}'), asked.stderr


def test_it_does_not_ask_another_family_than_the_one_that_the_service_listens_in(churn, tmp_path):
    with serving(churn.bundle.path, tmp_path / "log") as service:
        port = service.url.rsplit(":", 1)[1]
        for host in ("::1", "::"):
            asked = health(host=host, port=port)
            assert asked.returncode == 1 and f"cannot connect to port {port}" in asked.stderr


def test_a_name_that_stands_for_no_address_is_said():
    asked = health(host="nowhere.invalid")
    assert asked.returncode == 1 and "SLIPWAY_HOST 'nowhere.invalid'" in asked.stderr
    # Where a port is held, the name is that of another container, which may come later.
    asked = health(host="nowhere.invalid", listener="/run/front/socket")
    assert asked.returncode == 1 and "cannot connect" in asked.stderr


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.0 404 Not Found\r\nContent-Type: text/html\r\n\r\n<h1>No</h1>", "status 404 with other content"),
        (b"HTTP/1.0 200 OK\r\n\r\nwelcome", "status 200 with other content ('no type')"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"status": "UP"}', "status 200 with other JSON"),
        (b'HTTP/1.0 404 Not Found\r\n\r\n{"status": 404, "detail": "Not Found"}', "status 404 with other JSON"),
        (b'HTTP/1.0 500 Oh\r\n\r\n{"error": "oh"}', "status 500 with"),
        (b"HTTP/1.0 302 Found\r\nLocation: /login\r\n\r\n", "status 302 with"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed HTTP (BadStatusLine('SSH-2.0-OpenSSH_9.2"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "malformed HTTP"),
    ],
    ids=["HTML", "text", "JSON", "JSON with a detail", "JSON with another key", "redirect", "SSH", "TLS"],
)
def test_something_else_on_the_port_is_named(answer, found):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_once, args=(listener, answer), daemon=True).start()
        port = listener.getsockname()[1]
        asked = health(port=port)
    assert asked.returncode == 1 and asked.stdout == ""
    assert f"Expected a Slipway service on port {port}, found " in asked.stderr
    assert found in asked.stderr
    assert "Traceback" not in asked.stderr


def answer_once(listener, answer):
    caller, _ = listener.accept()
    with caller:
        caller.recv(10_000)
        caller.sendall(answer)
