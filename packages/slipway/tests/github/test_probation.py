"""A release that does worse than the one before it on the same requests is rolled back by rule, once."""

import pytest
from alarmbox import NOW, SKILL, result
from ledgerbox import BY, ENVIRONMENTS, clone, make_hub
from msgspec.structs import replace

from slipway.figures import Figure
from slipway.github.alarms.probation import end_probation
from slipway.ledger import Event, Ledger, Release, next_entry
from slipway.monitoring.alarms.alarm import Action, AlarmState
from slipway.monitoring.alarms.judge import judge_rules
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.rules import DEFAULTS

SERVED = ("churn", "rents")
PROBATION = replace(SKILL, rule="probation", measurement="shadow:improvement", action=Action.ROLLBACK)


@pytest.fixture(scope="module")
def root(tmp_path_factory, toys):
    """A clone in which production served one bundle, then another."""
    folder = tmp_path_factory.mktemp("probation")
    root = clone(make_hub(folder), folder / "ours")
    ledger = Ledger(root)
    ledger.init(ENVIRONMENTS, BY, "it begins")
    for bundle in (toys[name].bundle for name in SERVED):
        found = Release(bundle=bundle.digest, commit=None, model=None)
        make = lambda newest, found=found: next_entry(  # noqa: E731
            newest, Event.DEPLOY, by=BY, reason="why", release=found, target="local"
        )
        ledger.append("production", make, bundle.path)
    return root


@pytest.fixture
def end(client, root, toys):
    def run(*alarms, shadow=""):
        note = f"shadow {shadow[:12]}" if shadow else ""
        measured = Measurement(name="shadow:improvement", figure=Figure(value=0.1), note=note, rows=5000)
        found = replace(result(*alarms, measurements=[measured]), release=toys[SERVED[1]].bundle.digest)
        return end_probation(client, root, found)

    return run


def test_worse_than_the_release_before_it_is_rolled_back_once(stub, end, toys):
    assert end(PROBATION, shadow=toys[SERVED[0]].bundle.digest).started
    (started,) = stub.started
    reason = f"probation: {PROBATION.sentence}"
    assert started["workflow"] == "rollback.yml"
    assert started["inputs"] == {"environment": "production", "reason": reason}
    moment = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    stub.runs.append(
        {"path": ".github/workflows/rollback.yml", "status": "completed", "created_at": moment, "html_url": "https://x"}
    )
    assert "was started already: https://x" in end(PROBATION, shadow=toys[SERVED[0]].bundle.digest).why
    assert len(stub.started) == 1


def test_another_shadow_rolls_nothing_back(stub, end):
    assert "the shadow is" in end(PROBATION, shadow="f" * 64).why
    assert stub.started == []


@pytest.mark.parametrize(
    "alarms",
    [(), (SKILL,), (replace(PROBATION, state=AlarmState.RECOVERED),), (replace(PROBATION, unjudged="too few"),)],
)
def test_without_an_alarm_that_asks_nothing_happens(stub, end, alarms):
    assert end(*alarms).why == "No alarm asks for a rollback."


def test_an_alarm_without_a_comparison_rolls_nothing_back(stub, end):
    assert "compares no shadow" in end(replace(SKILL, action=Action.ROLLBACK)).why
    assert stub.started == []


@pytest.mark.parametrize(("low", "fires"), [(0.01, True), (-0.01, False)])
def test_the_rule_is_off_and_one_word_switches_it_on(low, fires):
    figure = Figure(value=0.05, low=low, high=0.09)
    measured = result(measurements=[Measurement(name="shadow:improvement", figure=figure, rows=5000)])
    (window,) = measured.windows
    found = replace(measured, windows=(replace(window, start=NOW.replace(day=NOW.day - 7)),))
    assert judge_rules(found, {"probation": DEFAULTS["probation"]}) == ()
    on = judge_rules(found, {"probation": replace(DEFAULTS["probation"], enabled=True)})
    assert [alarm.action for alarm in on] == ([Action.ROLLBACK] if fires else [])
