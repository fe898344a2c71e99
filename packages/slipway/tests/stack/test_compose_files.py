"""The compose files, the alert rules and the dashboard, read without an engine."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import compose_policies as policies
import pytest
import yaml
from alarmbox import NOW, SKILL, result
from places import PACKAGE, ROOT
from requirements import missing

from slipway.errors import StackError
from slipway.figures import Figure
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.textfile import render_gauges
from slipway.stack.lifecycle import find_exposed

FILES = (ROOT / "compose.yaml", ROOT / "deploy" / "compose" / "service.yaml")
SERVICES = {name: service for path in FILES for name, service in yaml.safe_load(path.read_text())["services"].items()}
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULE_TESTS = Path(__file__).with_name("rules.test.yaml")
SCRIPTS = (
    PACKAGE / "follow" / "start",
    PACKAGE / "follow" / "askpass",
    *sorted(path for path in (PACKAGE / "ci").rglob("*") if path.is_file() and path.read_text().startswith("#!")),
)
SWARM = ROOT / "deploy" / "swarm" / "stack.yaml"
FOLLOW = ROOT / "deploy" / "follow"
# A pair: what goes wrong, and the policy that says so.
MISTAKES = {
    "no health check": ("postgres", lambda s: s.pop("healthcheck")),
    "its root can be written": ("mlflow", lambda s: s.pop("read_only")),
    "it keeps capabilities": ("mlflow", lambda s: s.update(cap_drop=["NET_RAW"])),
    "it may gain privileges": ("registry", lambda s: s.pop("security_opt")),
    "it asks for privileged": ("prometheus", lambda s: s.update(privileged=True)),
    "it shares the machine's network": ("mlflow", lambda s: s.update(network_mode="host")),
    "it runs as 0:0": ("postgres", lambda s: s.update(user="0:0")),
    "it runs as whoever the image says": ("grafana", lambda s: s.pop("user")),
    "no mem_limit": ("grafana", lambda s: s.pop("mem_limit")),
    "what it says is kept without end": ("registry", lambda s: s["logging"]["options"].pop("max-size")),
    "not a port of loopback": ("mlflow", lambda s: s.update(ports=["5000:5000"])),
    "its image cannot be replaced": ("postgres", lambda s: s.update(image="postgres:17")),
    "neither built here nor named": ("postgres", lambda s: s.update(image="${SLIPWAY_POSTGRES_IMAGE:-postgres:17}")),
    "it mounts /var/run/docker.sock": (
        "prometheus",
        lambda s: s["volumes"].append("/var/run/docker.sock:/var/run/docker.sock"),
    ),
    "it could write into ./deploy/x": ("prometheus", lambda s: s["volumes"].append("./deploy/x:/x")),
    "POSTGRES_PASSWORD is no file": ("postgres", lambda s: s["environment"].update(POSTGRES_PASSWORD="secret")),
}


def run(*command, folder=ROOT):
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def promtool():
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = shutil.which("promtool", path=f"{cache / 'slipway' / 'bin'}:{os.environ['PATH']}")
    return found or missing("docker", "there is no promtool; packages/slipway/ci/engine fetches it")


@pytest.mark.parametrize("path", [*FILES, FOLLOW / "compose.yaml"], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_what_the_specification_describes(path):
    check = Path(sys.executable).with_name("check-jsonschema")
    assert run(check, "--builtin-schema", "vendor.compose-spec", path)[0] == 0


def test_the_stack_includes_the_service_of_the_environments():
    found = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert (found["name"], found["include"]) == ("slipway", ["deploy/compose/service.yaml"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_holds_to_the_policies(name):
    assert policies.complaints(name, SERVICES[name]) == []


@pytest.mark.parametrize("complaint", MISTAKES)
def test_a_policy_sees_the_mistake_that_it_is_for(complaint):
    name, spoil = MISTAKES[complaint]
    service = copy.deepcopy(SERVICES[name])
    spoil(service)
    assert any(complaint in said for said in policies.complaints(name, service))


@pytest.mark.parametrize("path", sorted({*policies.HEALTHCHECK_IN_ITS_IMAGE.values()}))
def test_an_image_that_is_built_here_has_a_health_check_and_no_root(path):
    last = re.split(r"^FROM ", (ROOT / path).read_text(), flags=re.MULTILINE)
    stages = "".join(last[-1:] if "mlflow" in path else last)
    assert re.search(r"^HEALTHCHECK .*CMD", stages, re.MULTILINE)
    assert re.search(r"^USER 10001:0$", stages, re.MULTILINE)


def test_what_follows_the_ledger_has_the_network_of_its_machine_and_the_rights_of_its_user_and_nothing_more():
    (service,) = yaml.safe_load((FOLLOW / "compose.yaml").read_text())["services"].values()
    assert policies.complaints("follow", service) == [
        "follow: it shares the machine's network",
        "follow: it runs as ${SLIPWAY_UID:?}:${SLIPWAY_GID:?}",
    ]


def test_a_replica_of_a_swarm_keeps_what_it_says_within_limits_too():
    (service,) = yaml.safe_load(SWARM.read_text())["services"].values()
    assert not [*policies.rotated("service", service)]


@pytest.mark.parametrize(
    ("address", "auth", "chosen", "refused"),
    [
        ("127.0.0.1", "platform", "", False),
        ("::1", "platform", "", False),
        ("0.0.0.0", "platform", "", True),
        (None, "platform", "", True),
        ("10.0.0.7", "none", "none", True),
        ("10.0.0.7", "platform", "platform", False),
        ("10.0.0.7", "keys", "", False),
    ],
)
def test_others_reach_the_service_only_where_somebody_chose_who_checks_callers(address, auth, chosen, refused):
    port = {"published": "80"} | ({"host_ip": address} if address else {})
    services = {"front": {"ports": [port]}, "service": {"environment": {"SLIPWAY_AUTH": auth}}}
    with pytest.raises(StackError, match="who authenticates clients") if refused else nullcontext():
        find_exposed(services, chosen)


def test_the_small_set_starts_alone():
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "front",
        "service",
        "mlflow",
        "postgres",
    }


@pytest.mark.parametrize(
    "path",
    sorted(Path(__file__).parent.glob("images/*/Dockerfile")),
    ids=lambda path: path.parent.name,
)
def test_hadolint_has_nothing_to_say(path):
    linter = Path(sys.executable).with_name("hadolint")
    # DL3008: for the test, whatever version Debian has is the right one.
    assert run(linter, "--ignore", "DL3008", path) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script):
    assert run(Path(sys.executable).with_name("shellcheck"), "-x", script) == (0, "")


def test_promtool_accepts_the_rules_and_their_tests(promtool):
    code, said = run(promtool, "check", "rules", PROMETHEUS / "rules.yaml")
    assert code == 0, said
    code, said = run(promtool, "test", "rules", RULE_TESTS)
    assert code == 0, said


def test_promtool_accepts_the_configuration(promtool, tmp_path):
    config = (PROMETHEUS / "prometheus.yml").read_text()
    (tmp_path / "key").write_text("secret")
    shutil.copy(PROMETHEUS / "rules.yaml", tmp_path)
    (tmp_path / "prometheus.yml").write_text(config.replace("/run/secrets/metrics_key", str(tmp_path / "key")))
    code, said = run(promtool, "check", "config", tmp_path / "prometheus.yml")
    assert code == 0, said


def test_every_rule_has_a_test_and_says_what_to_do():
    rules = [
        rule for group in yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    tests = yaml.safe_load((RULE_TESTS).read_text())["tests"]
    checked = [check for test in tests for check in test["alert_rule_test"]]
    fires = {check["alertname"] for check in checked if check.get("exp_alerts")}
    quiet = {check["alertname"] for check in checked if not check.get("exp_alerts")}
    assert {rule["alert"] for rule in rules} == fires == quiet
    assert all({"summary", "action"} == set(rule["annotations"]) for rule in rules)


def test_the_dashboard_asks_the_data_source_that_is_provisioned():
    provisioning = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/slipway.yaml").read_text())["providers"]
    board = json.loads((ROOT / "deploy/grafana/dashboards/service.json").read_text())
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}
    assert any(provider["options"]["path"] in volume for volume in SERVICES["grafana"]["volumes"])
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_the_dashboard_has_a_row_that_asks_for_gauges_of_the_monitor_alone():
    board = json.loads((ROOT / "deploy/grafana/dashboards/service.json").read_text())
    (row,) = [panel for panel in board["panels"] if panel["type"] == "row"]
    below = [panel for panel in board["panels"] if panel["gridPos"]["y"] > row["gridPos"]["y"]]
    questions = [target["expr"] for panel in below for target in panel["targets"]]
    gauges = render_gauges(result(SKILL, measurements=[Measurement(name="skill", figure=Figure(value=0.25))]), NOW)
    exposed = set(re.findall(r"^(slipway_\w+){", gauges.decode(), re.MULTILINE))
    assert all(set(re.findall(r"slipway_\w+", question)) <= exposed for question in questions)
    for wanted in ("slipway_monitor_alarms)", "slipway_monitor_last_run", 'measurement="skill"'):
        assert any(wanted in question for question in questions), wanted
    assert sum("environment, window" in question for question in questions) == 2
