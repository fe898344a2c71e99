"""The steps in production of `demo.yaml`: typed, with expectations that fail the demo."""

import pytest
from alarmbox import SKILL, result
from msgspec.structs import replace

from slipway.demo.chapters import read_story
from slipway.demo.production import ProductionStep, describe_monitor, verify_alarms
from slipway.errors import DeliveryError, SettingsError
from slipway.figures import Figure
from slipway.gate.result import Verdict
from slipway.monitoring.alarms.alarm import AlarmState
from slipway.monitoring.measurement import Measurement


def alarm(measurement, state=AlarmState.FIRING):
    return replace(SKILL, measurement=measurement, state=state, sentence="It is too high.")


def test_steps_are_read_and_each_command_is_optional(tmp_path):
    (tmp_path / "demo.yaml").write_text(
        "chapters: []\n"
        "production:\n"
        "- {title: quiet, replay: --from 2024-01-01 --to 2024-01-31, monitor: '', silent: ['*']}\n"
        "- {title: a retrain, environment: staging, retrain: --until 2024-02-01, expect: keep}\n"
    )
    quiet, retrain = read_story(tmp_path).production
    assert (quiet.monitor, quiet.retrain, quiet.silent) == ("", None, ("*",))
    assert (retrain.environment, retrain.monitor, retrain.expect) == ("staging", None, Verdict.KEEP)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{title: a, fires: [skill]}", "fires, silent and show need monitor"),
        ("{title: a, retrain: ''}", "expected both retrain and expect"),
        ("{title: a, expect: keep}", "expected both retrain and expect"),
        ("{title: a, montior: ''}", "montior"),
        ("{title: ''}", "title"),
    ],
)
def test_a_step_that_expects_what_it_does_not_run_is_refused(tmp_path, step, words):
    (tmp_path / "demo.yaml").write_text(f"chapters: []\nproduction: [{step}]\n")
    with pytest.raises(SettingsError, match=words):
        read_story(tmp_path)


def test_alarms_that_are_expected_pass_and_others_fail_the_demo():
    step = ProductionStep(title="a fault", monitor="", fires=("drift:usage",), silent=("missing:*",))
    verify_alarms(step, (alarm("drift:usage"), alarm("skill"), alarm("missing:usage", AlarmState.RECOVERED)))
    with pytest.raises(DeliveryError, match=r"expected alarms for drift:usage.*Found: skill"):
        verify_alarms(step, (alarm("skill"), alarm("drift:usage", AlarmState.RECOVERED)))
    with pytest.raises(DeliveryError, match=r"none for missing:\*\. Found: drift:usage, missing:usage"):
        verify_alarms(step, (alarm("drift:usage"), alarm("missing:usage")))
    with pytest.raises(DeliveryError, match="expected alarms for nothing"):
        verify_alarms(ProductionStep(title="quiet", monitor="", silent=("*",)), (alarm("skill"),))


def test_the_screen_shows_the_named_figures_of_the_newest_window_and_every_alarm():
    figures = [Measurement(name=name, figure=Figure(value=value)) for name, value in (("skill", 0.12), ("coverage", 1))]
    assert describe_monitor(result(alarm("skill"), measurements=figures), ("skill",)) == [
        "14 days to 2013-12-15, 9,000 rows: skill 0.120",
        "firing: skill (critical). It is too high.",
    ]
    assert describe_monitor(result(), ()) == ["no alarm"]
