"""The service's settings: typed, named in errors, and never open to strangers by accident."""

import re
from pathlib import Path

import pytest

from slipway.errors import SettingsError
from slipway.serving.settings import ServingSettings, describe_variables, read_log_settings, read_settings
from slipway.serving.variables import verify_variables


def test_without_a_word_it_listens_on_loopback_and_asks_for_no_key():
    settings = read_settings({})
    assert (settings.host, settings.port, settings.auth) == ("127.0.0.1", 8080, "none")
    assert settings.processes >= 1


def test_the_environment_is_read_and_options_go_first():
    environ = {
        "SLIPWAY_PORT": "9000",
        "SLIPWAY_WORKERS": "3",
        "SLIPWAY_LOG": "/var/log/x",
        "SLIPWAY_DRAIN_SECONDS": "1.5",
    }
    settings = read_settings(environ, port=9001)
    assert (settings.port, settings.processes, settings.log, settings.drain_seconds) == (
        9001,
        3,
        Path("/var/log/x"),
        1.5,
    )
    assert read_log_settings({"SLIPWAY_LOG_DURABILITY": "always"}).log_durability == "always"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLIPWAY_PORT", "http"),
        ("SLIPWAY_PORT", "0"),
        ("SLIPWAY_AUTH", "yes"),
        ("SLIPWAY_LOG_DAYS", "0"),
        ("SLIPWAY_WHEN_LOG_FAILS", "shut"),
        ("SLIPWAY_MAX_ROWS", "-1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(name, value):
    with pytest.raises(SettingsError, match=name):
        read_settings({name: value})


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({"PORT": "9000"}, 9000),
        ({"AIP_HTTP_PORT": "9001", "PORT": "9000"}, 9001),
        ({"SLIPWAY_PORT": "9002", "AIP_HTTP_PORT": "9001", "PORT": "9000"}, 9002),
        ({"SLIPWAY_PORT": "tcp://10.0.0.1:80", "PORT": "9000"}, 9000),
        ({"SLIPWAY_PORT": "", "PORT": ""}, 8080),
    ],
)
def test_a_platform_says_on_which_port_it_expects_the_service(environ, port):
    assert read_settings(environ).port == port


def test_a_platforms_port_is_named_where_it_is_wrong():
    with pytest.raises(SettingsError, match=r"Invalid setting: AIP_HTTP_PORT: expected a whole number"):
        read_settings({"AIP_HTTP_PORT": "http"})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOG_INPUTS", "nothing", "all or none"),
        ("LOG_DURABILITY", "each", "always or interval or never"),
        ("WORKERS", "two", "a whole number from 0 to 256"),
        ("WORKERS", "1.5", "a whole number from 0 to 256"),
        ("MAX_CONNECTIONS", "5", "a whole number from 16 to 1,000,000"),
        ("BODY_SECONDS", "nan", "a number from 0.5 to 3,600"),
        ("CORS_ORIGINS", "https://a.org/", "origins of pages that may call the service"),
        ("HOST", "[::1]", "address or name to listen on, without port and brackets"),
        ("HOST", "127.0.0.1:8080", "address or name to listen on, without port and brackets"),
    ],
)
def test_a_wrong_value_lists_the_allowed_ones(name, value, expected):
    with pytest.raises(SettingsError) as refused:
        read_settings({f"SLIPWAY_{name}": value})
    assert f"SLIPWAY_{name}: expected {expected}" in str(refused.value)
    assert f"found {value!r}" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SLIPWAY_LOG_INPUT", "SLIPWAY_LOG_INPUTS"),
        ("SLIPWAY_AUHT", "SLIPWAY_AUTH"),
        ("SLIPWAY_API_KEY_FILE", "SLIPWAY_API_KEYS_FILE"),
        ("SLIPWAY_MAXROWS", "SLIPWAY_MAX_ROWS"),
        ("SLIPWAY_log_days", "SLIPWAY_LOG_DAYS"),
        ("slipway_log_inputs", "SLIPWAY_LOG_INPUTS"),
        ("Slipway_Workers", "SLIPWAY_WORKERS"),
        ("SLIPWAY-LOG-INPUTS", "SLIPWAY_LOG_INPUTS"),
        ("SLIP_WAY_LOG_INPUTS", "SLIPWAY_LOG_INPUTS"),
        ("SLIPWAYLOG_INPUTS", "SLIPWAY_LOG_INPUTS"),
        ("slipway.log.inputs", "SLIPWAY_LOG_INPUTS"),
    ],
)
def test_a_misspelt_variable_is_an_error_with_the_nearest_name(name, nearest):
    with pytest.raises(SettingsError, match=f"no setting {name}. Did you mean {nearest}\\?"):
        read_settings({name: "none"})


def test_every_variable_of_the_machinery_is_known():
    root = Path(__file__).parents[4]
    places = ["packages/slipway/src", "deploy", ".github", "Dockerfile", "Makefile", "compose.yaml"]
    files = [path for place in places for path in (root / place, *(root / place).rglob("*")) if path.is_file()]
    text = "\n".join(path.read_text(errors="ignore") for path in files if path.suffix not in (".pyc", ".png"))
    names = {*re.findall(r"\bSLIPWAY_[A-Z][A-Z0-9_]*[A-Z0-9]\b", text)}
    # No setting any more: `slipway doctor` looks for it.
    names.remove("SLIPWAY_OUTCOME")
    assert len(names) > 60
    verify_variables(dict.fromkeys(names, "x"), ServingSettings.__struct_fields__)


def test_what_kubernetes_says_of_a_service_named_slipway_is_not_meant_for_us():
    variables = {
        "SLIPWAY_PORT": "tcp://10.0.0.1:80",
        "SLIPWAY_SERVICE_HOST": "10.0.0.1",
        "SLIPWAY_SERVICE_PORT_HTTP": "80",
        "SLIPWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "SLIPWAY_SHADOW_PORT": "tcp://10.0.0.2:80",
        "SLIPWAY_SHADOW_SERVICE_PORT": "80",
        "SLIPWAY2_PORT": "tcp://10.0.0.3:80",
        "SLIPWAY2_SERVICE_HOST": "10.0.0.3",
        "SLIPWAYDEMO_API_PORT_80_TCP_PORT": "80",
    }
    assert read_settings(variables).port == 8080


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_others_may_reach_it_only_if_somebody_checks_them(host):
    with pytest.raises(SettingsError, match=r"SLIPWAY_AUTH=keys .* SLIPWAY_AUTH=platform"):
        read_settings({"SLIPWAY_HOST": host})
    assert read_settings({"SLIPWAY_HOST": host, "SLIPWAY_AUTH": "platform"}).auth == "platform"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_on_loopback_no_key_is_needed(host):
    assert read_settings({"SLIPWAY_HOST": host}).auth == "none"


def test_keys_need_their_file():
    with pytest.raises(SettingsError, match="SLIPWAY_API_KEYS_FILE"):
        read_settings({"SLIPWAY_AUTH": "keys"})


@pytest.mark.parametrize("auth", ["none", "platform"])
def test_a_file_of_keys_that_would_not_be_asked_for_is_an_error(auth):
    with pytest.raises(SettingsError, match=f"SLIPWAY_AUTH={auth} the service would ask for none"):
        read_settings({"SLIPWAY_AUTH": auth, "SLIPWAY_API_KEYS_FILE": "keys.json"})


def test_help_knows_every_variable_with_its_meaning():
    lines = dict(describe_variables())
    assert "SLIPWAY_LOG_DURABILITY" in lines
    assert all((text and text[0].islower()) or text[0] == "S" for text in lines.values())
