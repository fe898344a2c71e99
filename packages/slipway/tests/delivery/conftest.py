"""A toy project whose environments run on free ports, and an engine that gives fixed answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from ledgerbox import ENVIRONMENTS
from projectbox import Project, make_project, place

from slipway.delivery.targets.registry import find_target


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> Project:
    """A good candidate, and a ledger in which nothing serves yet."""
    return make_project(tmp_path_factory.mktemp("fresh") / "project")


@pytest.fixture
def project(fresh, tmp_path):
    found = place(fresh.copy(tmp_path / "project"))
    yield found
    for name in ENVIRONMENTS:
        find_target(found.root, name).remove()


class FixedAnswers(BaseHTTPRequestHandler):
    """An engine that gives fixed answers by path; bytes are the beginning of a stream that breaks off."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, tuple[int, Any]]] = {}

    def do_GET(self):
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        status, body = self.answers.get(path, (404, {"message": f"no such thing: {path}"}))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Connection", "close")
        if isinstance(body, bytes):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(body)
        elif status == 204:
            self.end_headers()
        else:
            content = json.dumps(body).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_POST = do_DELETE = do_GET  # noqa: N815 - names of http.server

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def stub_engine(tmp_path, monkeypatch):
    """Sets what an engine answers by path; its client accepts every command and does nothing."""
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("SLIPWAY_DOCKER", str(tmp_path / "docker"))
    answers = {"/version": (200, {"ApiVersion": "1.41"})}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Engine", (FixedAnswers,), {"answers": answers})) as server:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield answers.update
        server.shutdown()
