"""Rules are judged on windows made by hand: when an alarm fires, since when, and when it has recovered."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from slipway.errors import SettingsError
from slipway.figures import Figure
from slipway.monitoring.alarms.advice import advise
from slipway.monitoring.alarms.alarm import Action, AlarmState, Severity
from slipway.monitoring.alarms.judge import explain_unjudged_rules, judge_rules
from slipway.monitoring.drift.limits import Against
from slipway.monitoring.drift.measure import DriftRules
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import MonitorResult, ReleaseRows, Window
from slipway.monitoring.retrain.start_rules import StartRules
from slipway.monitoring.rules import DEFAULTS, Rule, read_rules

FIRST = datetime(2024, 1, 29, tzinfo=UTC)
EVALUATION = Figure(value=0.11, low=0.07, high=0.15)


def measure(name="skill", value=0.1, half=0.01, reference=EVALUATION, **more):
    return Measurement(
        name=name, figure=Figure(value=value, low=value - half, high=value + half), reference=reference, **more
    )


def result(*windows, days=28, outcomes=5000):
    """A run whose windows end a week apart; each is the measurements of one window."""
    made = [
        Window(
            start=FIRST + timedelta(weeks=week) - timedelta(days=days),
            end=FIRST + timedelta(weeks=week),
            rows=9000,
            outcomes=outcomes,
            measurements=(found,) if isinstance(found, Measurement) else tuple(found),
        )
        for week, found in enumerate(windows)
    ]
    return MonitorResult(
        environment="production", problem="churn", clock="logged", at=made[-1].end, windows=tuple(made)
    )


def skills(*values, **options):
    return result(*(measure(value=value) for value in values), **options)


def judge(found, before=(), **rule):
    rules = (
        {"skill": Rule(watch="skill", beyond="evaluation", **rule)} if "watch" not in rule else {"one": Rule(**rule)}
    )
    return judge_rules(found, rules, before)


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ((0.1, 0.1, 0.1), False),
        ((0.02, 0.1, 0.1), False),
        ((0.02, 0.1, 0.02), True),
        ((0.1, 0.02, 0.02), True),
        # Better than the evaluation is no alarm.
        ((0.3, 0.3, 0.3), False),
        # Its interval reaches into the evaluation's.
        ((0.065, 0.065, 0.065), False),
    ],
)
def test_an_alarm_fires_when_k_of_n_windows_are_worse_than_the_evaluation(values, fires):
    assert bool(judge(skills(*values), of=(2, 3))) == fires


def test_an_alarm_says_since_when_and_what_was_found():
    (alarm,) = judge(skills(0.1, 0.02, 0.03, 0.01), of=(2, 3), severity=Severity.CRITICAL, action=Action.RETRAIN)
    assert alarm.since == FIRST + timedelta(weeks=2)
    assert alarm.windows == (3, 3)
    assert alarm.fingerprint == "production/skill/skill"
    assert (alarm.severity, alarm.action, alarm.state) == (Severity.CRITICAL, Action.RETRAIN, AlarmState.FIRING)
    assert alarm.sentence == (
        "skill is 0.010 [0.000, 0.020] in the 28 days to 2024-02-19 (9,000 rows), expected within the evaluation's "
        "0.110 [0.070, 0.150]; broken in 3 of the last 3 windows."
    )
    assert alarm.advice == advise("skill")


def test_an_alarm_lasts_until_the_value_itself_is_within_the_limit():
    # The interval reaches into the evaluation's, and the value lies below it.
    (alarm,) = judge(skills(0.02, 0.02, 0.065, 0.065, 0.065), of=(2, 2))
    assert alarm.sentence.endswith("; broken in 0 of the last 2 windows, and the value is not back within it.")
    assert not judge(skills(0.02, 0.02, 0.065, 0.1, 0.065), of=(2, 2))


def test_a_recovered_alarm_is_told_once():
    firing = judge(skills(0.02, 0.02), of=(2, 2))
    healthy = skills(0.02, 0.02, 0.1)
    (recovered,) = judge(healthy, firing, of=(2, 2))
    assert (recovered.state, recovered.fingerprint) == (AlarmState.RECOVERED, firing[0].fingerprint)
    assert recovered.sentence.startswith("skill is 0.100 [0.090, 0.110] in the windows up to 2024-02-12")
    assert not judge(healthy, (recovered,), of=(2, 2))


def test_an_alarm_keeps_its_beginning_when_its_first_windows_are_gone():
    firing = judge(skills(0.02, 0.02, 0.02), of=(1, 1))
    later = msgspec.structs.replace(skills(0.1, 0.1, 0.1, 0.02), environment="production")
    (alarm,) = judge(later, firing, of=(1, 1))
    assert alarm.since == firing[0].since < later.at


def test_windows_with_too_few_outcomes_are_not_judged():
    assert not judge(skills(0.02, 0.02, outcomes=99), of=(1, 1), fewest_outcomes=100)
    # A slice rests on fewer rows than its window.
    few = result(measure("slice:plan=plus:excess", 0.5, reference=None, rows=80))
    assert not judge(few, watch="slice:*", above=0.2, of=(1, 1), fewest_outcomes=100)
    assert judge(few, watch="slice:*", above=0.2, of=(1, 1), fewest_outcomes=50)


def test_without_outcomes_in_the_newest_window_the_ones_before_count():
    found = result(measure(value=0.02), measure(value=0.02), Measurement(name="skill", note="no outcome is known"))
    assert judge(found, of=(2, 2))


def test_an_alarm_on_old_windows_says_from_when_its_figures_are_and_why_nothing_newer_is_judged():
    few = [measure(value=0.02, rows=30)] * 2
    (alarm,) = judge(result(measure(value=0.02), measure(value=0.02), *few), of=(2, 2), fewest_outcomes=100)
    assert (alarm.state, alarm.judged) == (AlarmState.FIRING, FIRST + timedelta(weeks=1))
    assert alarm.finding == (
        f"{alarm.sentence} Cannot be judged since 2024-02-05: the 28 days to 2024-02-19 have 30 outcomes, expected 100 "
        "or more."
    )
    (alarm,) = judge(skills(0.02, 0.02), of=(2, 2))
    assert (alarm.judged, alarm.unjudged, alarm.finding) == (FIRST + timedelta(weeks=1), "", alarm.sentence)


@pytest.mark.parametrize(
    ("newest", "why"),
    [
        ((), "it is not measured in the 28 days to 2024-03-04"),
        (Measurement(name="skill", note="no outcome is known"), r"it is not measured in .* \(no outcome is known\)"),
        (measure(value=0.2, rows=3), "the 28 days to 2024-03-04 have 3 outcomes, expected 100 or more"),
        (measure(value=0.2, reference=None), "the evaluation has no such figure"),
    ],
)
def test_a_figure_that_is_missing_ends_no_alarm(newest, why):
    firing = judge(skills(0.1, 0.1, 0.1, 0.1, 0.02), of=(1, 1), fewest_outcomes=100)
    (alarm,) = judge(result((), (), (), (), (), newest), firing, of=(1, 1), fewest_outcomes=100)
    assert (alarm.state, alarm.since, alarm.judged) == (AlarmState.FIRING, firing[0].since, firing[0].judged)
    assert re.search(f"Cannot be judged since 2024-02-26: {why}.$", alarm.finding)
    # Whatever is measured in a window that is older than the one it fired on.
    (alarm,) = judge(result((), (), measure(value=0.2), (), (), newest), (alarm,), of=(1, 1), fewest_outcomes=100)
    assert alarm.state is AlarmState.FIRING
    (alarm,) = judge(result((), (), (), (), (), measure(value=0.2)), (alarm,), of=(1, 1), fewest_outcomes=100)
    assert (alarm.state, alarm.unjudged) == (AlarmState.RECOVERED, "")


def test_rules_that_no_window_could_be_judged_by_are_named_with_the_reason():
    few = skills(0.1, 0.1, outcomes=30)
    rules = {"skill": DEFAULTS["skill"], "bias": DEFAULTS["bias"], "off": Rule(watch="skill", above=1.0, enabled=False)}
    assert explain_unjudged_rules(few, rules) == {
        "skill": "the 28 days to 2024-02-05 have 30 outcomes, expected 1,000 or more"
    }
    # One window that could be judged is enough.
    enough = msgspec.structs.replace(few.windows[0], outcomes=1000)
    assert explain_unjudged_rules(msgspec.structs.replace(few, windows=(enough, few.windows[1])), rules) == {}


def test_an_alarm_that_cannot_be_judged_stands_no_longer_than_windows_reach_back():
    firing = judge(skills(0.1, 0.02), of=(1, 1))
    (alarm,) = judge(result(*[()] * 14), firing, of=(1, 1))
    assert alarm.state is AlarmState.FIRING
    (alarm,) = judge(result(*[()] * 16), (alarm,), of=(1, 1))
    assert alarm.state is AlarmState.RECOVERED
    assert alarm.sentence.startswith("skill could not be judged for 91 days: it is not measured in the 28 days to ")


def test_an_alarm_ends_with_its_rule_and_with_its_release():
    served = msgspec.structs.replace(skills(0.1, 0.02), release="a" * 64)
    firing = judge(served, of=(1, 1))
    later = result((), (), ())
    (alarm,) = judge(msgspec.structs.replace(later, release="b" * 64), firing, of=(1, 1))
    assert (alarm.state, alarm.sentence) == (
        AlarmState.RECOVERED,
        f"The release {'a' * 12}, which skill was about, no longer serves.",
    )
    for rules in ({}, {"skill": Rule(watch="skill", above=1.0, enabled=False)}):
        (alarm,) = judge_rules(later, rules, firing)
        assert alarm.state is AlarmState.RECOVERED and "no longer watched" in alarm.sentence


@pytest.mark.parametrize(
    ("value", "limits", "fires"),
    [
        (0.3, {"above": 0.2}, True),
        (0.205, {"above": 0.2}, False),
        (-0.3, {"above": 0.2, "below": -0.2}, True),
        (0.1, {"above": 0.2, "below": -0.2}, False),
    ],
)
def test_an_interval_must_lie_wholly_beyond_an_absolute_limit(value, limits, fires):
    found = result(measure("bias", value, reference=None))
    assert bool(judge(found, watch="bias", of=(1, 1), **limits)) == fires


def test_a_calibrated_limit_is_that_of_the_measurement():
    found = result([measure("drift:usage", 0.3, limit=0.2), measure("drift:plan", 0.3, limit=0.4)])
    (alarm,) = judge(found, watch="drift:*", beyond="limit", of=(1, 1))
    assert alarm.measurement == "drift:usage"
    assert alarm.limit == "at most 0.200, its calibrated limit"


def test_each_measurement_of_a_pattern_has_an_alarm_of_its_own():
    found = result([measure(f"missing:{name}", 0.9, reference=None) for name in ("usage", "town")])
    alarms = judge(found, watch=("missing:*", "unseen:*"), above=0.5, of=(1, 1))
    assert [alarm.measurement for alarm in alarms] == ["missing:town", "missing:usage"]


def test_a_file_changes_single_keys_of_a_default_and_adds_rules(tmp_path):
    (tmp_path / "monitor.yaml").write_text(
        "clock: joined\nrules:\n  skill: {of: [3, 4]}\n  bias: {enabled: false}\n  slope: {beyond: evaluation}\n"
        "  quick: {watch: latency_p99, window: 7, above: 50, action: page}\n"
    )
    found = read_rules(tmp_path)
    assert found.clock == "joined"
    assert found.rules["skill"] == msgspec.structs.replace(DEFAULTS["skill"], of=(3, 4))
    assert not found.rules["bias"].enabled
    assert (found.rules["slope"].beyond, found.rules["slope"].below) == ("evaluation", None)
    assert found.rules["quick"].action is Action.PAGE
    assert found.lengths() == (7, 14, 28)


def test_a_file_bounds_the_retrains_that_alarms_start(tmp_path):
    (tmp_path / "monitor.yaml").write_text("retrain: {cool_down_days: 30, budget: 0}\n")
    assert read_rules(tmp_path).retrain == StartRules(cool_down_days=30, fewest_outcomes=1000, budget=0)


def test_a_window_may_be_a_number_of_outcomes(tmp_path):
    (tmp_path / "monitor.yaml").write_text(
        "windows: [7, 300 outcomes]\nrules: {skill: {window: 500 outcomes}, bias: {window: 90, fewest_outcomes: 5}}\n"
    )
    found = read_rules(tmp_path)
    # A full window has enough outcomes, whatever the default asks of a window of days.
    assert (found.rules["skill"].window, found.rules["skill"].fewest_outcomes) == ("500 outcomes", 0)
    assert found.lengths() == (7, 14, 28, 90, "300 outcomes", "500 outcomes")


def test_a_window_of_outcomes_is_judged_when_it_is_full():
    def window(outcomes):
        (made,) = result(measure(value=0.02), outcomes=outcomes).windows
        return msgspec.structs.replace(result(()), windows=(msgspec.structs.replace(made, of_outcomes=500),))

    assert judge(window(500), of=(1, 1), window="500 outcomes")
    assert not judge(window(499), of=(1, 1), window="500 outcomes")
    (alarm,) = judge(window(500), of=(1, 1), window="500 outcomes")
    assert " in the 500 outcomes to 2024-01-29 (" in alarm.sentence
    (alarm,) = judge(window(499), (alarm,), of=(1, 1), window="500 outcomes")
    assert "the 500 outcomes to 2024-01-29 have 499 outcomes, expected 500 or more" not in alarm.sentence


def test_the_rate_of_false_alarms_and_the_references_of_columns_are_keys(tmp_path):
    (tmp_path / "monitor.yaml").write_text("false_alarms: 0.05\nagainst: {usage: recent, months: profile}\n")
    found = read_rules(tmp_path).drift
    assert found == DriftRules(false_alarms=0.05, against={"usage": Against.RECENT, "months": Against.PROFILE})


def test_without_a_file_the_defaults_hold(tmp_path):
    found = read_rules(tmp_path)
    assert found.drift == DriftRules(false_alarms=0.01)
    assert (found.clock, found.retrain, found.rules) == ("logged", StartRules(), DEFAULTS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "windows: [0]",
            "windows: expected days from 1 to 366, or a number of outcomes such as `2000 outcomes`, found 0",
        ),
        ("windows: [0 outcomes]", "windows: expected days .*, found '0 outcomes'"),
        ("rules: {skill: {window: fortnight}}", "rules.skill: window: expected days .*, found 'fortnight'"),
        (
            "rules: {skill: {window: 500 outcomes, fewest_outcomes: 501}}",
            "rules.skill: fewest_outcomes: expected at most those of the window, found 501",
        ),
        ("colour: red", "unknown key `colour`"),
        ("false_alarms: 0", "false_alarms: expected `float` > 0"),
        ("false_alarms: 2 %", "false_alarms: expected `float`"),
        ("against: {usage: yesterday}", "against.*: invalid enum value 'yesterday'"),
        ("retrain: {cooldown: 3}", "retrain: unknown key `cooldown`"),
        ("retrain: {cool_down_days: 0}", "retrain.cool_down_days: expected .* >= 1"),
        ("retrain: {budget: many}", "retrain.budget: expected `int`"),
        ("rules: {mine: {watch: skill}}", "rules.mine: expected either beyond, or above and below"),
        ("rules: {mine: {above: 1}}", "rules.mine: missing key `watch`"),
        ("rules: {skill: {of: [3, 2]}}", "rules.skill: of: expected k of n windows with k at most n"),
        ("rules: {bias: {above: .nan}}", "rules.bias: above, below: expected finite numbers"),
        (
            f"windows: []\nrules: {{{', '.join(f'{name}: {{enabled: false}}' for name in DEFAULTS)}}}",
            "expected a length in `windows`, or a rule that is enabled",
        ),
        ("rules: {skill: {action: shout}}", "rules.skill.action: invalid enum value 'shout'"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, said):
    (tmp_path / "monitor.yaml").write_text(text)
    with pytest.raises(SettingsError, match=f"monitor.yaml: .*{said}"):
        read_rules(tmp_path)


def test_the_release_that_serves_is_judged_and_not_the_one_before():
    old, new = "a" * 64, "b" * 64

    def window(number, releases, *measurements):
        (made,) = result(measurements).windows
        rows = tuple(ReleaseRows(bundle=each, rows=4000, outcomes=4000) for each in releases)
        moved = timedelta(weeks=number)
        return msgspec.structs.replace(made, start=made.start + moved, end=made.end + moved, releases=rows)

    windows = (
        window(0, (old,), measure(value=0.01)),
        window(1, (old,), measure(value=0.01)),
        window(2, (old, new), measure(value=0.02), measure(f"release:{old[:12]}:skill", 0.01)),
        window(3, (new, old), measure(value=0.03), measure(f"release:{new[:12]}:skill", 0.12)),
    )
    found = MonitorResult(
        environment="production", problem="churn", clock="logged", at=windows[-1].end, windows=windows, release=old
    )
    assert judge(found, of=(2, 3))
    promoted = msgspec.structs.replace(found, release=new)
    assert not judge(promoted, of=(1, 1))
    # Whoever answers, where the ledger's release does not: those rows are judged.
    assert judge(msgspec.structs.replace(found, release="c" * 64), of=(2, 3))
