"""The same on a real MLflow server, where others may register at the same moment."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import pytest
from hub import hub
from places import ROOT, TOYS
from urllib3.exceptions import InsecureRequestWarning

from slipway.columns import frame_to_columns
from slipway.ledger import Entry, Event, Release
from slipway.settings import TrackingSettings, quiet_environment
from slipway.tracking.aliases import explain_unset_alias, mirror_alias, read_alias
from slipway.tracking.evidence import read_evidence
from slipway.tracking.model import to_frame
from slipway.tracking.registration import register_bundle


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_store):
    """A server with a store and artifacts of its own; starting it takes a few seconds."""
    quiet_environment()
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"]
    with (folder / "log").open("w") as log:
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    uri = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{uri}/health", process, folder / "log")
        yield uri
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(url, process, log: Path):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.fixture
def client(server):
    return mlflow.MlflowClient(server)


@pytest.fixture
def registered(workspace, server):
    return again(workspace, server)


def again(workspace, server):
    return register_bundle(
        workspace / "bundle", read_evidence(workspace), TrackingSettings(uri=server, parent_run=None)
    )


def of_digest(client, digest):
    return client.search_model_versions(f"name = 'churn' and tag.`slipway.bundle_digest` = '{digest}'")


def test_a_server_keeps_the_model_and_gives_it_back(registered, server, churn, workspace, monkeypatch):
    assert again(workspace, server) == registered
    assert not (workspace / "mlruns").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    columns = frame_to_columns(churn.bundle.fields, churn.holdout)
    found = mlflow.pyfunc.load_model(registered.uri).predict(to_frame(churn.bundle.fields, columns))
    np.testing.assert_array_equal(found["score"], churn.bundle.score(columns))


def test_a_registration_under_way_is_left_alone_until_it_must_be_dead(registered, workspace, server, client):
    experiment = client.get_run(registered.run_id).info.experiment_id
    tags = {"slipway.bundle_digest": "f" * 64}
    alive = client.create_run(experiment, tags=tags).info.run_id
    dead = client.create_run(experiment, start_time=int((time.time() - 4000) * 1000), tags=tags).info.run_id
    again(workspace, server)
    assert client.get_run(alive).info.lifecycle_stage == "active"
    assert client.get_run(dead).info.lifecycle_stage == "deleted"


def test_two_machines_at_the_same_moment_leave_one_version(workspace, server, client, other_bundle, tmp_path):
    shutil.rmtree(workspace / "bundle")
    shutil.copytree(other_bundle, workspace / "bundle")
    script = ROOT / "pipeline" / "register.py"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server, "PYTHONPATH": str(TOYS)}
    processes = []
    for name in ("one", "two"):
        shutil.copytree(workspace, tmp_path / name)
        processes.append(subprocess.Popen([sys.executable, script], cwd=tmp_path / name, env=environment))
    assert [process.wait() for process in processes] == [0, 0]
    digest = again(workspace, server).digest
    versions = of_digest(client, digest)
    assert len(versions) == 1
    experiment = client.get_experiment_by_name("churn").experiment_id
    runs = client.search_runs([experiment], f"tags.`slipway.bundle_digest` = '{digest}'")
    assert [(run.info.run_id, run.info.status) for run in runs] == [(versions[0].run_id, "FINISHED")]


def staging_serves(model: str) -> Entry:
    release = Release(bundle="0" * 64, model=model)
    return Entry(
        number=1,
        environment="staging",
        event=Event.DEPLOY,
        at=datetime.now(UTC),
        by="Ada",
        release=release,
        serving=release,
    )


def test_an_alias_is_mirrored_and_read_without_mlflow(server, client, monkeypatch):
    entry = staging_serves("mirrored/1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert (mirror_alias(entry), read_alias(entry)) == (False, None)
    client.create_registered_model("mirrored")
    run = client.create_run("0").info
    client.create_model_version("mirrored", source=f"{run.artifact_uri}/model", run_id=run.run_id)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert (mirror_alias(entry), read_alias(entry)) == (True, "mirrored/1")
    assert str(client.get_model_version_by_alias("mirrored", "staging").version) == "1"


def test_a_server_gets_the_login_that_its_variables_hold(monkeypatch):
    with hub() as server:
        server.answers["POST /api/2.0/mlflow/registered-models/alias"] = {}
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        entry = staging_serves("m/3")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
        assert mirror_alias(entry)
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
        assert mirror_alias(entry)
    assert [each.headers["authorization"] for each in server.asked] == ["Basic YW5uOnNlY3JldA==", "Bearer token"]
    assert server.asked[0].body == {"name": "m", "alias": "staging", "version": "3"}


@pytest.mark.parametrize("found", [{"other": 1}, {"model_version": None}, {"model_version": {}}, [1], "text"])
def test_another_server_s_json_names_no_alias(monkeypatch, found):
    with hub() as server:
        server.answers["GET /api/2.0/mlflow/registered-models/alias"] = found
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        assert read_alias(staging_serves("m/3")) is None


def test_a_server_s_own_certificate_is_trusted_as_mlflow_s_variables_say(monkeypatch, tmp_path):
    new = ("-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1", "-subj", "/CN=here")
    command = ["openssl", "req", "-x509", *new, "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with hub(context) as server:
        server.answers["POST /api/2.0/mlflow/registered-models/alias"] = {}
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        entry = staging_serves("m/3")
        assert not mirror_alias(entry)
        with monkeypatch.context() as trusted:
            trusted.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "cert.pem"))
            assert mirror_alias(entry)
            trusted.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "missing.pem"))
            assert not mirror_alias(entry)
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        with pytest.warns(InsecureRequestWarning):
            assert mirror_alias(entry)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9 has no m/3, or cannot be reached"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db has no m/3, or cannot be reached"),
        ("postgresql+psycopg2://ann:secret@db/mlflow", "postgresql+psycopg2://db/mlflow is not a store"),
        ("databricks", "databricks is not a store"),
        ("databricks://profile", "databricks://profile is not a store"),
    ],
)
def test_a_store_that_cannot_hold_the_alias_is_named(monkeypatch, uri, said):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert explain_unset_alias("m/3").startswith(said)
