"""A retrain starts when an alarm asks for it, unless a rule speaks against it; the reason is said."""

from datetime import timedelta

import pytest
from alarmbox import NOW, RECOVERED, SKILL, result
from click.testing import CliRunner
from msgspec.structs import replace

from slipway.cli import main
from slipway.files.writing import write_json
from slipway.github.alarms.retrain_start import start_retrain
from slipway.monitoring.alarms.alarm import Action
from slipway.monitoring.retrain.start_rules import StartRules

OTHER = replace(SKILL, measurement="slope", action=Action.ISSUE)
UNIT = replace(SKILL, measurement="drift:temperature", action=Action.PAGE)


@pytest.fixture
def start(client):
    return lambda *alarms, **more: start_retrain(client, result(*alarms, **more), NOW, StartRules(budget=3), "77")


def ran(stub, days, status="completed", conclusion="success"):
    stub.runs.append(
        {
            "path": ".github/workflows/retrain.yml",
            "status": status,
            "conclusion": conclusion,
            "created_at": f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
            "html_url": f"https://x/{len(stub.runs)}",
        }
    )


def test_the_alarm_that_asks_starts_it_on_the_default_branch(stub, start):
    done = start(OTHER, SKILL)
    assert (done.started, done.alarm) == (True, SKILL.fingerprint)
    inputs = {"environment": "production", "alarm": SKILL.fingerprint, "run": "77"}
    assert stub.started == [{"workflow": "retrain.yml", "ref": "main", "inputs": inputs}]


@pytest.mark.parametrize("alarms", [(), (OTHER,), (RECOVERED,)])
def test_without_an_alarm_that_asks_nothing_starts(stub, start, alarms):
    assert start(*alarms).why == "No alarm asks for a retrain."
    assert stub.started == []


def test_while_an_input_fires_nothing_starts(stub, start):
    assert "`drift:temperature` fired as well" in start(SKILL, UNIT).why
    assert stub.started == []


def test_with_few_outcomes_nothing_starts(stub, start):
    assert "have 999 outcomes, expected at least 1,000" in start(SKILL, outcomes=999).why
    assert stub.started == []


def test_one_at_a_time(stub, start):
    ran(stub, 20, status="in_progress", conclusion=None)
    assert "another one is at work: https://x/0" in start(SKILL).why
    stub.runs[0]["status"] = "completed"
    assert start(SKILL).started


def test_an_open_pull_request_of_an_earlier_one_is_waited_for(stub, start):
    stub.add_pull(5, "a" * 40, "retrain/production-1", owner="mallory")
    stub.add_pull(6, "b" * 40, "work")
    stub.add_pull(7, "c" * 40, "retrain/production-2")
    assert "pull request of an earlier one is open" in start(SKILL).why
    stub.pulls[2]["state"] = "closed"
    assert start(SKILL).started


def test_the_cool_down_counts_from_the_last_start_and_not_from_a_cancelled_one(stub, start):
    ran(stub, 13)
    assert "the last one started on 2013-12-02, less than 14 days ago" in start(SKILL).why
    stub.runs[0]["conclusion"] = "cancelled"
    assert start(SKILL).started


def test_the_budget_bounds_the_starts_of_thirty_days(stub, start):
    ran(stub, 31)
    for days in (29, 20, 15):
        ran(stub, days)
    assert "3 were started in 30 days, and the budget is 3" in start(SKILL).why
    stub.runs.pop()
    assert start(SKILL).started


def test_the_command_says_why_not_where_the_monitor_left_nothing(stub, monkeypatch, tmp_path):
    done = CliRunner().invoke(main, ["ci", "start-retrain", "production", "--results", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, f"The monitor left no result of production in {tmp_path}.\n")


def test_the_command_takes_its_bounds_from_monitor_yaml(stub, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in {"API_URL": stub.url, "REPOSITORY": stub.repository, "TOKEN": "workflow-token"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    write_json(tmp_path / "monitoring" / "production-2013-12-15.json", result(SKILL))
    words = ["ci", "start-retrain", "production", "--results", "monitoring"]
    (tmp_path / "monitor.yaml").write_text("retrain: {fewest_outcomes: 5001}\n")
    assert "have 5,000 outcomes, expected at least 5,001" in CliRunner().invoke(main, words).output
    (tmp_path / "monitor.yaml").write_text("retrain: {budget: 0}\n")
    assert "0 were started in 30 days, and the budget is 0" in CliRunner().invoke(main, words).output
    assert stub.started == []
    (tmp_path / "monitor.yaml").write_text("retrain: {cool_down_days: 1}\n")
    assert "retrain.yml was started" in CliRunner().invoke(main, words).output
