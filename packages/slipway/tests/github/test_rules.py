"""What a job reads from pyproject.toml: who approves production, which images are attested and signed."""

import json

import pytest
from click.testing import CliRunner

from slipway.cli import main

PROJECT = '[tool.slipway]\nproblem = "churn"\n'


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return the outputs of `slipway ci settings` for lines of pyproject.toml and the payload of an event."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/model")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))

    def run(lines="", event=None):
        (tmp_path / "pyproject.toml").write_text(f"{PROJECT}{lines}\n")
        (tmp_path / "event.json").write_text(json.dumps(event or {}))
        done = CliRunner().invoke(main, ["ci", "settings"])
        assert done.exit_code == 0, done.output
        return dict(line.split("=", 1) for line in done.output.splitlines())

    return run


def payload(private):
    return {"repository": {"private": private}}


def test_with_nothing_said_the_environment_approves_and_public_images_are_attested(settings):
    assert settings(event=payload(False)) == {"approval": "environment", "attested": "acme/model", "signed": ""}


def test_a_request_approves_only_where_the_file_says_so(settings, monkeypatch):
    monkeypatch.setenv("SLIPWAY_APPROVAL", "pull-request")
    assert settings()["approval"] == "environment", "a variable decides nothing"
    assert settings('[tool.slipway.github]\napproval = "pull-request"')["approval"] == "pull-request"


@pytest.mark.parametrize("event", [{}, {"repository": {}}, {"repository": {"private": None}}, {"schedule": "1"}])
def test_a_payload_that_does_not_say_private_demands_an_attestation(settings, event):
    assert settings(event=event)["attested"] == "acme/model"


def test_a_private_repository_attests_where_the_file_says_so(settings):
    assert settings(event=payload(True))["attested"] == ""
    assert settings("[tool.slipway.github]\nattest = true", payload(True))["attested"] == "acme/model"


def test_a_trusted_key_makes_cd_sign(settings):
    assert settings('[tool.slipway.signature]\nkey = "cosign.pub"')["signed"] == "true"


def test_an_unknown_rule_is_named(settings, tmp_path):
    settings()
    (tmp_path / "pyproject.toml").write_text(f'{PROJECT}[tool.slipway.github]\napproval = "nobody"\n')
    done = CliRunner().invoke(main, ["ci", "settings"])
    assert done.exit_code == 1 and "approval" in done.output
