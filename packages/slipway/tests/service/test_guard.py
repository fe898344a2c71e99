"""With keys on, every route but the probes wants one; a route that is added is guarded without a word."""

import json

import pytest
from running import serving
from toybox import rows_of

from slipway.bundle.verify import read_sealed, start_bundle
from slipway.serving.app.application import OPEN
from slipway.serving.app.keys import Scope, new_key
from slipway.serving.app.shared import share_state
from slipway.serving.log import LogWriter
from slipway.serving.server.worker import assemble_app
from slipway.serving.settings import read_settings

PROBES = {"/healthz", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"}


@pytest.fixture(scope="module")
def guarded(toys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "keys.json"
    keys = {scope: new_key(file, scope.value, scope) for scope in Scope}
    with serving(toys["churn"].bundle.path, folder / "log", auth="keys", api_keys_file=file) as service:
        yield service, keys


def app_of(toy, folder):
    """The application as a worker has it."""
    settings = read_settings({}, log=folder)
    sealed = read_sealed(toy.bundle.path)
    return assemble_app(share_state(settings, sealed, 0.0), 0, start_bundle(sealed), LogWriter(settings))


def routes_of(app):
    """Every path of the fast way and of Flask's URL map."""
    paths = set(app.scoring) | set(OPEN)
    for rule in app.load_site().url_map.iter_rules():
        _, path = rule.build(dict.fromkeys(rule.arguments, "x"), append_unknown=False)
        paths.add(path)
    return paths


def test_only_the_probes_are_open(guarded, churn, tmp_path):
    service, _ = guarded
    paths = routes_of(app_of(churn, tmp_path))
    assert len(paths) > 12
    opened = set()
    for path in sorted(paths | {"/unknown", "/metrics/", "//predict"}):
        for method in ("GET", "POST", "HEAD", "DELETE"):
            if service.ask.request(method, path).status_code != 401:
                opened.add(path)
    assert opened == PROBES


def test_a_key_opens_its_scope_and_no_other(guarded, churn):
    service, keys = guarded
    row = rows_of(churn, 1)[0]
    own = {"Authorization": f"Bearer {keys[Scope.SERVICE]}"}
    metrics = {"Authorization": f"Bearer {keys[Scope.METRICS]}"}
    assert service.ask.post("/predict", json=row, headers=own).status_code == 200
    assert service.ask.post("/predict", json=row, headers=metrics).status_code == 401
    assert service.ask.get("/metrics", headers=metrics).status_code == 200
    assert service.ask.get("/metrics", headers=own).status_code == 401
    assert service.ask.get("/", auth=("anybody", keys[Scope.SERVICE])).status_code == 200


def test_a_refused_caller_is_told_how_to_ask(guarded):
    service, _ = guarded
    answer = service.ask.get("/version")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Bearer" in answer.headers["www-authenticate"]
    assert "Authorization: Bearer KEY" in answer.json()["detail"]


def test_a_site_that_fails_is_answered_and_told_to_the_operator(churn, tmp_path, capsys):
    app, said = app_of(churn, tmp_path), []
    app.load_site = lambda: 1 / 0
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    (body,) = app(environ, lambda status, headers: said.append((status, dict(headers))))
    assert said[0][0] == "500 Internal Server Error"
    assert json.loads(body)["request_id"] == said[0][1]["x-request-id"]
    assert b"Zero" not in body and "ZeroDivisionError" in capsys.readouterr().err
