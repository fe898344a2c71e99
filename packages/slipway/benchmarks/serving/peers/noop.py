"""A WSGI callable that reads the body and answers a constant: what the server and the load leave to win."""

import json
import os
from pathlib import Path

_ANSWERS = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())
_ONE, _MANY = _ANSWERS["one"].encode(), _ANSWERS["many"].encode()


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    answer = _MANY if body.startswith(b"[") else _ONE
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
