"""A private bucket on loopback: moto speaks S3, and who shows no key that may is turned away."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import boto3
from ledgerbox import git
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from toyrepo import dvc
from werkzeug.serving import make_server

OWNER, ROLE = "key-of-the-owner", "key-of-the-role"
_CHANGES = ("PUT", "POST", "DELETE")
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Bucket:
    """`url` is where S3 answers; `asked` has the key and the method of every request, "" for no key;
    `ranges` has the first and last byte of each part of an object that was asked for.
    """

    def __init__(self) -> None:
        self.url = ""
        # moto keeps what it was given as long as the process lives.
        self.name = f"data-{uuid4().hex[:8]}"
        self.asked: list[tuple[str, str]] = []
        self.ranges: list[tuple[int, int]] = []
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start_response):
        found = re.search(r"Credential=([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        key, method = found[1] if found else "", environ["REQUEST_METHOD"]
        self.asked.append((key, method))
        if part := re.fullmatch(r"bytes=(\d+)-(\d+)", environ.get("HTTP_RANGE", "")):
            self.ranges.append((int(part[1]), int(part[2])))
        if key == OWNER or (key == ROLE and method not in _CHANGES):
            return self._moto(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [] if method == "HEAD" else [_DENIED]

    def take(self, work: Path, path: str) -> None:
        """Move the data of the clone `work` here, as docs/github-setup.md says."""
        dvc(work, "pull", "--quiet", "data.dvc")
        dvc(work, "remote", "modify", "--quiet", "embedded", "url", f"s3://{self.name}/{path}")
        dvc(work, "remote", "modify", "--quiet", "embedded", "endpointurl", self.url)
        with credentials(OWNER):
            dvc(work, "push", "--quiet", "data.dvc")
        git(work, "rm", "-r", "--quiet", ".dvc/embedded")


@contextmanager
def credentials(key: str) -> Iterator[None]:
    """This session's own, for as long as the block lasts."""
    given = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1"}
    before = dict(os.environ)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """An empty one, until the block ends."""
    found = Bucket()
    server = make_server("127.0.0.1", 0, found, threaded=True, request_handler=MotoRequestHandler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with credentials(OWNER):
            boto3.client("s3", endpoint_url=found.url).create_bucket(
                Bucket=found.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
