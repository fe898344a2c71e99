"""The stack as a person brings it up: what it serves, keeps, hides, and survives."""

import json
import re
import shutil
import tarfile
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from alarmbox import NOW, SKILL, make_window, result
from running import free_port
from stackbox import ROOT, Stack
from toybox import rows_of
from waiting import wait_for_engine

from slipway.delivery.targets.registry import find_target
from slipway.figures import Figure
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.textfile import render_gauges
from slipway.serving.app.keys import Scope, new_key

pytestmark = pytest.mark.timeout(900)

OVERRIDE = """
services:
  service:
    environment:
      SLIPWAY_AUTH: keys
      SLIPWAY_API_KEYS_FILE: /keys/keys.json
    volumes: ["./keys:/keys:ro"]
"""
SMALL = {"front", "service", "mlflow", "postgres"}
RUNNING = SMALL | {"prometheus", "registry"}
EMPTY_PANELS = {"Responses other than 200 and 202", "Refused requests, by reason"}
# A run with a file, and a model version of it, as slipway's last stage makes them.
REGISTER = """
import sys, mlflow
mlflow.set_experiment("stack")
with mlflow.start_run() as run:
    mlflow.log_metric("auc", 0.75)
    mlflow.log_text(sys.argv[2], "model/weights.txt")
client = mlflow.MlflowClient()
client.create_registered_model(sys.argv[1])
client.create_model_version(sys.argv[1], f"{run.info.artifact_uri}/model", run.info.run_id)
"""
FETCH = """
import sys, mlflow
folder = mlflow.artifacts.download_artifacts(f"models:/{sys.argv[1]}/1")
print(open(f"{folder}/weights.txt").read())
"""


EXPERIMENT = "import mlflow; mlflow.create_experiment('alone')"
TRACE = "import mlflow; mlflow.start_span_no_context('alone').end(); mlflow.flush_trace_async_logging()"


def fetched(stack, name):
    return stack.mlflow(FETCH, name)


def test_everything_is_up_and_healthy_and_the_screen_says_where(stack):
    said = stack.up()
    assert set(stack.containers()) == RUNNING
    assert {each["State"]["Health"]["Status"] for each in stack.containers().values()} == {"healthy"}
    addresses = re.findall(r" http://127\.0\.0\.1:(\d+) ", said)
    assert addresses == [str(stack.ports[name]) for name in ("", "MLFLOW_", "REGISTRY_", "PROMETHEUS_")]
    assert f"MLFLOW_TRACKING_URI={stack.url('MLFLOW_')} make repro" in said
    assert stack.ask("", "/readyz").status_code == 200


def test_a_second_up_changes_no_secret_and_no_container(stack):
    secrets = {path: path.read_text() for path in (stack.folder / "deploy/secrets").iterdir()}
    before = {name: each["Id"] for name, each in stack.containers().items()}
    stack.up()
    assert {path: path.read_text() for path in (stack.folder / "deploy/secrets").iterdir()} == secrets
    assert {name: each["Id"] for name, each in stack.containers().items()} == before
    assert len({*secrets.values()}) == 3 and all(len(text) > 40 for text in secrets.values())


def test_secrets_are_files_that_nobody_else_reaches_and_no_setting_or_argument_shows(stack):
    folder = stack.folder / "deploy/secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    words = [path.read_text() for path in folder.iterdir()]
    shown = json.dumps(stack.containers())
    shown += "".join(stack.docker("top", each["Id"], "-eo", "pid,args") for each in stack.containers().values())
    assert "postgres" in shown and not [word for word in words if word in shown]


@pytest.mark.parametrize("name", sorted(RUNNING))
def test_a_container_can_write_nothing_of_its_root_and_has_no_capability(stack, name):
    container = stack.containers()[name]
    host = container["HostConfig"]
    assert (host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == (True, False, ["ALL"])
    assert host["Memory"] > 0 and host["PidsLimit"] > 0
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    status = stack.inside(name, "cat", "/proc/1/status")
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE) and re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    user = re.search(r"^Uid:\t(\d+)", status, re.MULTILINE)[1]
    assert (user == "0") == (name == "registry")
    # As root, which some images would be: nobody may.
    wrote = ("exec", "--user", "0", container["Id"], "sh", "-c", "touch /x 2>&1 || true")
    assert "Read-only file system" in stack.docker(*wrote)


@pytest.mark.parametrize("name", sorted(RUNNING))
def test_behind_a_proxy_a_container_knows_its_own_health(stack, name):
    container = stack.containers()[name]
    (_, *check) = container["Config"]["Healthcheck"]["Test"]
    # As Compose sets it from the user's config.json, but one that nobody is at.
    proxy = [f"--env={each}=http://127.0.0.1:9" for each in ("http_proxy", "HTTP_PROXY")]
    stack.docker("exec", *proxy, container["Id"], *check)


def test_ports_are_those_of_loopback(stack):
    bound = [
        binding["HostIp"]
        for each in stack.containers().values()
        for bindings in each["HostConfig"]["PortBindings"].values()
        for binding in bindings
    ]
    assert bound == ["127.0.0.1"] * 4


def test_the_database_answers_mlflow_alone(stack):
    asking = "import socket; socket.create_connection(('postgres', 5432), 3).close(); print('open')"
    assert stack.inside("mlflow", "python", "-c", asking) == "open"
    with pytest.raises(AssertionError, match=r"Name or service not known|Temporary failure in name resolution"):
        stack.inside("service", "python3", "-c", asking)


def test_a_model_is_registered_over_http_and_its_artifacts_come_back(stack):
    stack.mlflow(REGISTER, "first", "of three")
    assert fetched(stack, "first") == "of three"


def test_a_database_of_an_older_mlflow_can_be_brought_up_to_date(stack):
    stack.mlflow(REGISTER, "older", "than the upgrade")
    stack.compose("run", "--rm", "--no-deps", "mlflow", "upgrade")
    assert fetched(stack, "older") == "than the upgrade"


def test_a_host_or_a_page_of_a_stranger_is_refused(stack):
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert stack.ask("MLFLOW_", path).status_code == 200
    for hostile in ("evil.example", "evil.example:5000", "10.0.0.1:5000", "127.0.0.1.evil.example"):
        assert stack.ask("MLFLOW_", path, headers={"Host": hostile}).status_code == 403, hostile
    body, page = {"name": "theirs"}, {"Origin": "http://evil.example"}
    answer = requests.post(
        stack.url("MLFLOW_") + "/api/2.0/mlflow/experiments/create", json=body, headers=page, timeout=20
    )
    assert answer.status_code == 403
    inside = "import urllib.request as u; print(u.urlopen('http://mlflow:5000/api/2.0/mlflow/experiments/search?max_results=1').status)"
    assert stack.inside("service", "python3", "-c", inside) == "200", "its name in the stack"


def test_what_was_logged_and_registered_outlives_the_containers(stack, toy):
    stack.mlflow(REGISTER, "lasting", "still here")
    told = stack.predict(rows_of(toy, 1)[0])
    before = {name: each["Id"] for name, each in stack.containers().items()}
    assert "data is kept" in stack.make("down")
    assert stack.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack.project}") == ""
    stack.up()
    assert not set(before.values()) & {each["Id"] for each in stack.containers().values()}
    assert told["prediction_id"] in stack.logged()
    assert fetched(stack, "lasting") == "still here"


def test_mlflow_comes_back_when_its_database_does(stack):
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    started = stack.containers()["mlflow"]["State"]["StartedAt"]
    stack.compose("kill", "postgres")
    wait_for_engine(lambda: stack.ask("MLFLOW_", path).status_code >= 500)
    wait_for_engine(lambda: stack.containers()["mlflow"]["State"]["Health"]["Status"] == "unhealthy")
    stack.compose("start", "postgres")
    wait_for_engine(lambda: stack.ask("MLFLOW_", path).status_code == 200)
    wait_for_engine(lambda: stack.containers()["mlflow"]["State"]["Health"]["Status"] == "healthy")
    assert stack.containers()["mlflow"]["State"]["StartedAt"] == started, "without a restart"


def test_an_image_that_was_pushed_to_the_registry_is_there_under_its_digest(stack):
    name = f"127.0.0.1:{stack.ports['REGISTRY_']}/slipway"
    stack.docker("tag", stack.containers()["service"]["Image"], name)
    try:
        stack.docker("push", "--quiet", name)
        (digest,) = [
            each
            for each in json.loads(stack.docker("inspect", "--format", "{{json .RepoDigests}}", name))
            if name in each
        ]
        stack.docker("image", "rm", name)
        assert digest.endswith(stack.docker("pull", "--quiet", digest).partition("@")[2])
    finally:
        stack.docker("image", "rm", "--force", digest)


def ask_prometheus(stack, path, **query):
    answer = stack.ask("PROMETHEUS_", f"/api/v1/{path}", params=query).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def test_prometheus_asks_the_service_and_watches_every_rule(stack):
    def up():
        return {
            each["metric"]["job"]: each["value"][1] for each in ask_prometheus(stack, "query", query="up")["result"]
        }

    wait_for_engine(lambda: up() == {"slipway": "1", "prometheus": "1"})
    # Asked before the first answer of the service, the rule of its absence is pending for a moment.
    wait_for_engine(lambda: watched(stack) == {("ok", "inactive")})


def watched(stack):
    (group,) = ask_prometheus(stack, "rules")["groups"]
    return {(rule["health"], rule["state"]) for rule in group["rules"]}


@pytest.fixture
def report(stack, tmp_path):
    """The report of a run of the monitor, in the volume of the stack's log: its page."""
    table = f'[tool.slipway.environments.stack]\ntarget = "docker"\nport = 8080\nproject = "{stack.project}"\n'
    (tmp_path / "pyproject.toml").write_text(f'[tool.slipway]\nproblem = "churn"\nresults = 3\n{table}')
    figures = [Measurement(name=name, figure=Figure(value=0.25)) for name in ("skill", "coverage")]
    gauges = render_gauges(result(SKILL, windows=[make_window(*figures)]), NOW)
    target = find_target(tmp_path, "stack")
    # The second in place of the first.
    for page in (b"<p>the first</p>", b"<p>the last report</p>"):
        assert target.publish_report({"report.html": page, "gauges.prom": gauges}) is None
    return page.decode()


def test_the_service_shows_the_last_report_of_the_monitor(stack, report):
    assert stack.ask("", "/monitoring").text == report


@pytest.mark.usefixtures("report")
def test_the_dashboard_and_the_alerts_ask_for_metrics_of_the_service_and_of_the_monitor(stack, toy):
    for row in rows_of(toy, 5):
        stack.predict(row)
    exposed = set(re.findall(r"^(slipway_\w+)", stack.ask("", "/metrics").text, re.MULTILINE))
    board = json.loads((ROOT / "deploy/grafana/dashboards/service.json").read_text())
    questions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    questions += [each["expr"] for each in board["annotations"]["list"]]
    rules = ask_prometheus(stack, "rules")["groups"][0]["rules"]
    asked = " ".join(questions + [rule["query"] for rule in rules])
    assert set(re.findall(r"slipway_\w+", asked)) - exposed == set()
    for question in questions:
        ask_prometheus(stack, "query", query=question.replace("$__rate_interval", "5m"))


@pytest.mark.usefixtures("report")
def test_a_panel_shows_something_once_there_were_callers(stack, toy):
    rows = rows_of(toy, 20)

    def empty():
        for row in rows:
            stack.predict(row)
        board = json.loads((ROOT / "deploy/grafana/dashboards/service.json").read_text())
        # These stay empty while no request is refused.
        assert {panel["title"] for panel in board["panels"]} >= EMPTY_PANELS
        panels = [panel for panel in board["panels"] if panel["title"] not in EMPTY_PANELS]
        return [
            target["expr"]
            for panel in panels
            for target in panel.get("targets", ())
            if not ask_prometheus(stack, "query", query=target["expr"].replace("$__rate_interval", "5m"))["result"]
        ]

    wait_for_engine(lambda: not empty())


def test_without_grafana_prometheus_asks_what_the_dashboard_asks(stack):
    (address,) = re.findall(r"http://\S+", stack.make("dashboard"))
    page = requests.get(address, timeout=20)
    assert page.status_code == 200 and page.url.partition("?")[0].startswith(stack.url("PROMETHEUS_"))
    asked = [value for name, value in parse_qsl(urlsplit(address).query) if name.endswith(".expr")]
    board = json.loads((ROOT / "deploy/grafana/dashboards/service.json").read_text())
    assert [each.partition("\n")[0] for each in asked] == [
        f"# {panel['title']}" for panel in board["panels"] for _ in panel.get("targets", ())
    ]
    for question in asked:
        ask_prometheus(stack, "query", query=question)


@pytest.fixture(scope="module")
def backup(stack, toy):
    """A backup of a stack with a model and a prediction, which it says."""
    stack.mlflow(REGISTER, "saved", "before the fire")
    told = stack.predict(rows_of(toy, 1)[0])
    said = stack.make("backup")
    (folder,) = re.findall(r"FROM=(backups/\S+)", said)
    return folder, told["prediction_id"]


def test_a_backup_appears_whole_and_is_nobody_elses_to_read(stack, backup):
    folder = stack.folder / backup[0]
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "artifacts.tar", "log.tar", "mlflow.dump"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.parent.iterdir()) == [folder], "nothing half-written"


@pytest.mark.parametrize("end", ["| head -c 512; exit 0", "; exit 1"], ids=["between two files", "without an answer"])
def test_a_backup_that_breaks_off_leaves_nothing(stack, backup, end, tmp_path, monkeypatch):
    before = sorted((stack.folder / "backups").iterdir())
    but = engine_but(stack.client, tmp_path / "docker", "tar --create", f'{stack.client} "$@" {end}')
    monkeypatch.setattr(stack, "client", but)
    code, said = stack.try_make("backup")
    assert code != 0 and "could not be copied out of the container" in said
    assert sorted((stack.folder / "backups").iterdir()) == before


def engine_but(client, path, words, instead):
    """A docker client that runs a line of the shell instead when `words` are among its arguments."""
    path.write_text(f'#!/bin/sh\ncase "$*" in *"{words}"*) {instead} ;; esac\nexec {client} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_a_stack_that_is_not_empty_is_not_restored_over(stack, backup):
    code, said = stack.try_make("restore", f"FROM={backup[0]}")
    assert code != 0 and "MLflow is not empty" in said and "OVER=1" in said


@pytest.mark.parametrize("words", ["down VOLUMES=0", "down VOLUMES=no", "restore OVER=0", "restore OVER=false"])
def test_what_is_no_yes_is_not_taken_for_one(stack, backup, words):
    prediction, before = backup[1], since(stack)
    code, said = stack.try_make(*words.split(), f"FROM={backup[0]}")
    assert code != 0 and f"expected 1 or nothing, found {words.partition('=')[2]}" in said
    assert since(stack) == before and prediction in stack.logged()
    assert fetched(stack, "saved") == "before the fire"


def since(stack):
    return {each["Id"]: each["State"]["StartedAt"] for each in stack.containers().values()}


@pytest.mark.parametrize("damage", ["a byte", "a file", "a checksum", "everything"])
def test_a_backup_that_is_not_whole_is_refused(stack, backup, damage, tmp_path):
    folder = tmp_path / "backup"
    spoil(stack.folder / backup[0], folder, damage)
    code, said = stack.try_make("restore", f"FROM={folder}", "OVER=1")
    assert code != 0 and ("is not whole" in said or "Not a backup" in said), said
    assert fetched(stack, "saved") == "before the fire"


def test_a_dump_that_breaks_off_changes_nothing_though_its_checksum_is_right(stack, backup, tmp_path):
    folder, before = tmp_path / "backup", since(stack)
    shutil.copytree(stack.folder / backup[0], folder)
    dump = (folder / "mlflow.dump").read_bytes()
    (folder / "mlflow.dump").write_bytes(dump[: len(dump) // 2])
    seal(folder)
    code, said = stack.try_make("restore", f"FROM={folder}", "OVER=1")
    assert code != 0 and "pg_restore: error" in said and "Switching" not in said
    assert since(stack) == before and backup[1] in stack.logged()
    assert fetched(stack, "saved") == "before the fire"


def seal(folder):
    """Say of the files of a backup that they are what was backed up."""
    parts = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in parts]
    (folder / "SHA256SUMS").write_text("".join(lines))


def spoil(source, folder, damage):
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    sums = folder / "SHA256SUMS"
    if damage == "a byte":
        content = bytearray((folder / "log.tar").read_bytes())
        content[600] ^= 1
        (folder / "log.tar").write_bytes(content)
    elif damage == "a file":
        (folder / "artifacts.tar").unlink()
    elif damage == "a checksum":
        sums.write_text("".join(sums.read_text().splitlines(keepends=True)[:2]))
    else:
        sums.unlink()


@pytest.mark.parametrize("step", ["mv artifacts .before", "find . -mindepth 1"], ids=["files", "log"])
def test_a_switch_that_breaks_off_says_so_and_the_next_restore_makes_it_good(
    stack, backup, toy, step, tmp_path, monkeypatch
):
    folder, prediction = backup
    later = stack.predict(rows_of(toy, 1)[0])["prediction_id"]
    stack.mlflow(REGISTER, f"later {step}", "and gone")
    again = f"make restore FROM={folder} OVER=1"
    with monkeypatch.context() as broken:
        broken.setattr(stack, "client", engine_but(stack.client, tmp_path / "docker", step, "exit 125"))
        code, said = stack.try_make(*again.split()[1:])
    assert code != 0 and "broke off half done" in said and again in said
    wait_for_engine(
        lambda: {each["State"]["Health"]["Status"] for each in stack.containers().values()} == {"healthy"}, 180
    )
    stack.make(*again.split()[1:])
    assert prediction in stack.logged() and later not in stack.logged()
    assert fetched(stack, "saved") == "before the fire"
    left_behind_nothing(stack)


def test_a_log_that_the_service_will_not_keep_is_announced(stack, backup, tmp_path):
    folder, month = tmp_path / "backup", 31 * 86_400
    shutil.copytree(stack.folder / backup[0], folder)
    with tarfile.open(stack.folder / backup[0] / "log.tar") as source, tarfile.open(folder / "log.tar", "w") as aged:
        for member in source:
            member.mtime -= month
            aged.addfile(member, source.extractfile(member) if member.isfile() else None)
    seal(folder)
    said = stack.make("restore", f"FROM={folder}", "OVER=1")
    assert re.search(r"Older than 30 days: [1-9]\d* of the log's files", said)
    assert said.index("Older than") < said.index("Switching")
    wait_for_engine(lambda: backup[1] not in stack.logged())


def test_what_was_backed_up_comes_back_after_everything_was_destroyed(stack, backup, toy):
    folder, prediction = backup
    assert "Deleting" in stack.make("down", "VOLUMES=1")
    stack.up()
    assert prediction not in stack.logged()
    with pytest.raises(AssertionError, match="not found"):
        fetched(stack, "saved")
    # What MLflow keeps without a run is kept too.
    for code, table in ((EXPERIMENT, "experiments"), (TRACE, "trace_info")):
        stack.mlflow(code)
        refused, said = stack.try_make("restore", f"FROM={folder}")
        assert refused and re.search(rf"MLflow is not empty.*\b{table}\b", said), said
        sql(stack, "delete from trace_info; delete from experiments where experiment_id <> 0")
    # A restore that was killed has left a log that nobody has.
    stack.inside("service", "sh", "-c", "mkdir /var/log/slipway/.restored && date >/var/log/slipway/.restored/x.jsonl")
    stack.make("restore", f"FROM={folder}")
    assert prediction in stack.logged()
    assert fetched(stack, "saved") == "before the fire"
    # And it goes on: new ones beside the old ones.
    stack.mlflow(REGISTER, "after", "the fire")
    assert fetched(stack, "after") == "the fire"
    assert stack.predict(rows_of(toy, 1)[0])["prediction_id"] in stack.logged()


def test_told_so_a_restore_replaces_what_is_there_and_leaves_nothing_behind(stack, backup, toy):
    folder, prediction = backup
    later = stack.predict(rows_of(toy, 1)[0])["prediction_id"]
    stack.mlflow(REGISTER, "later", "and gone")
    # What a restore leaves that was killed after its switch.
    sql(stack, "create database mlflow_before")
    stack.make("restore", f"FROM={folder}", "OVER=1")
    assert prediction in stack.logged() and later not in stack.logged()
    assert fetched(stack, "saved") == "before the fire"
    with pytest.raises(AssertionError, match="not found"):
        fetched(stack, "later")
    left_behind_nothing(stack)


def left_behind_nothing(stack):
    databases = sql(stack, "select datname from pg_database")
    assert set(databases.split()) == {"mlflow", "postgres", "template0", "template1"}
    assert set(stack.inside("mlflow", "ls", "-A", "/var/lib/mlflow").split()) == {"artifacts", "uploads"}
    assert ".restored" not in stack.inside("service", "ls", "-A", "/var/log/slipway")


def sql(stack, command):
    return stack.inside("postgres", "psql", "--username=mlflow", "--tuples-only", "--no-align", f"--command={command}")


@pytest.mark.parametrize("way", ["SLIPWAY_ADDRESS", "compose.override.yaml"])
def test_where_others_reach_the_service_somebody_must_have_chosen_who_checks_callers(stack, way):
    env, override, before = stack.folder / ".env", stack.folder / "compose.override.yaml", since(stack)
    kept, port = env.read_text(), stack.ports[""]
    if way == "SLIPWAY_ADDRESS":
        env.write_text(f"{kept}SLIPWAY_ADDRESS=0.0.0.0\n")
    else:
        port = free_port()
        override.write_text(f"services: {{front: {{ports: ['{port}:8080']}}}}")
    try:
        code, said = stack.try_make("up")
        assert code != 0 and f"on 0.0.0.0 port {port}, and nothing says who authenticates clients" in said
        assert since(stack) == before
        said = stack.make("up", SLIPWAY_AUTH="platform")
        assert (
            "this machine only" not in said
            and f"Other machines that can reach this one reach: front on 0.0.0.0 port {port}\n" in said
        )
    finally:
        override.unlink(missing_ok=True)
        env.write_text(kept)
        stack.up()


def test_with_keys_prometheus_shows_its_own_and_nobody_else_sees_the_metrics(stack, toy):
    """As docs/stack.md says to do it."""
    keys, secret = stack.folder / "keys", stack.folder / "deploy/secrets/metrics_key"
    key = new_key(keys / "keys.json", "prometheus", Scope.METRICS)
    for path in (keys, keys / "keys.json"):
        path.chmod(0o755)
    secret.unlink()
    secret.write_text(key + "\n")
    override = stack.folder / "compose.override.yaml"
    override.write_text(OVERRIDE)
    try:
        stack.up()
        stack.compose("restart", "prometheus")
        assert stack.ask("", "/metrics").status_code == 401
        assert stack.ask("", "/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        wait_for_engine(lambda: is_watched(stack))
    finally:
        override.unlink()
        stack.up()


def is_watched(stack):
    try:
        found = ask_prometheus(stack, "query", query='sum(up{job="slipway"}) == 1 and sum(slipway_workers) > 0')
    except requests.RequestException:
        # While it starts it refuses, or answers 503 in words.
        return False
    return bool(found["result"])


def test_a_database_whose_password_was_lost_is_not_started_with_another(stack):
    secret = stack.folder / "deploy/secrets/postgres_password"
    kept = secret.read_text()
    secret.unlink()
    try:
        code, said = stack.try_make("up")
        assert code != 0 and f"{stack.project}_postgres" in said and "VOLUMES=1" in said
        assert not secret.exists()
    finally:
        secret.write_text(kept)
        secret.chmod(0o444)


def test_a_profile_that_nothing_has_is_named_before_anything_starts(stack):
    before = since(stack)
    code, said = stack.try_make("up", "PROFILES=promtheus,registry")
    assert code != 0 and "expected some of monitoring prometheus registry" in said and "found promtheus" in said
    assert since(stack) == before


def test_without_an_engine_or_a_model_it_says_what_to_do(stack, tmp_path):
    bare = Stack(tmp_path, "no-such-docker", f"{stack.project}-bare", {})
    code, said = bare.try_make("up")
    assert code != 0 and "Cannot connect to a container engine" in said
    bare.client = stack.client
    code, said = bare.try_make("up")
    assert code != 0 and "No model yet: run make demo or make repro first" in said
