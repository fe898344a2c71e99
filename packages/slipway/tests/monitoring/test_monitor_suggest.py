"""Suggested rules fit the traffic: few rows a week get windows that can be judged, many keep the defaults."""

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from monitorbox import make_traffic, run, write_log

from slipway.cli import main
from slipway.data.prepared import write_parts
from slipway.errors import SettingsError
from slipway.evaluation.result import Evaluation, Metric
from slipway.figures import Figure
from slipway.monitoring.rules import parse_rules
from slipway.monitoring.suggest.changes import RuleChange, compute_changes
from slipway.monitoring.suggest.rules_text import write_rule_changes
from slipway.monitoring.suggest.suggestion import suggest_monitor_rules
from slipway.monitoring.suggest.volume import measure_volume, read_volume, state_volume
from slipway.problem import Task

MINE = """\
# Ours.
clock: logged  # the service's
rules:
  # agreed with the branch
  bias: {of: [2, 3], action: page}  # both
  slow: {watch: latency_p99, window: 7, above: 50}
# The end.
"""


def changes_of(rows, task=Task.BINARY, evaluation=None, parts=None):
    found = compute_changes(state_volume(rows), task, evaluation, parts)
    return {each.rule: each.keys for each in found.changes}, " ".join(found.notes)


def evaluated(low, high, rows=400):
    skill = Figure(value=(low + high) / 2, low=low, high=high)
    return Evaluation(
        primary="log_loss",
        confidence=0.95,
        rows=rows,
        groups=rows,
        metrics=(Metric(name="log_loss", value=0.3, skill=skill),),
    )


@pytest.fixture
def project(root, churn):
    write_parts(churn.train, churn.holdout, root / "prepared")
    return root


@pytest.mark.timeout(120)
def test_few_rows_a_week_are_judged_by_the_suggested_windows(project, churn):
    traffic = make_traffic(churn, days=120, rows=12)
    write_log(project / "log", traffic.entries)
    before = run(project)
    found = suggest_monitor_rules(project, 12, None)
    longer = "  traffic: {watch: volume, window: 28, beyond: limit}\n"
    (project / "monitor.yaml").write_text(found.text + longer)
    after = run(project)
    judged = {"skill", "ranking", "slope", "bias", "drift", "inputs"}
    assert judged <= before.unjudged.keys()
    assert not judged & after.unjudged.keys()
    assert after.of_length(28)[-1].find("volume") and after.of_length(7)[-1].find("volume")
    seen = read_volume(before)
    assert (round(seen.rows, 1), round(seen.outcomes, 1)) == (12, 12)


def test_many_rows_keep_the_defaults(project):
    found = suggest_monitor_rules(project, 5000, None)
    assert (found.changes, found.notes, found.changed, found.text) == ((), (), False, "rules: {}\n")


def test_windows_hold_as_many_outcomes_as_the_model_takes():
    """A holdout that shows the skill well needs few, one that shows it badly many."""
    clear, _ = changes_of(4, evaluation=evaluated(0.7, 0.8))
    assert clear["skill"] == {"window": "120 outcomes"} and clear["retrain"] == {"fewest_outcomes": 120}
    vague, _ = changes_of(50, evaluation=evaluated(0.05, 0.3))
    assert vague["skill"] == {"window": "2500 outcomes"} and "retrain" not in vague
    hidden, said = changes_of(4, evaluation=evaluated(0.01, 0.3))
    assert hidden["skill"] == {"window": "720 outcomes"} and "85,000 outcomes" in said
    _, said = changes_of(400, evaluation=evaluated(-0.1, 0.3))
    assert "reaches 0" in said


def test_rules_of_other_tasks_and_without_slices_are_not_written():
    assert changes_of(9, Task.MULTICLASS)[0].keys() & {"skill", "ranking", "slope"} == {"skill"}
    assert changes_of(9, Task.REGRESSION)[0].keys() & {"skill", "ranking", "slope"} == {"skill", "slope"}
    assert "slices" not in changes_of(9, parts=())[0]
    assert changes_of(9, parts=(0.5, 0.1))[0]["slices"] == {"window": "1000 outcomes"}


def test_what_no_rule_can_see_is_said():
    found, said = changes_of(0.3)
    assert found.keys() == {"log stopped"}
    for each in ("a worse model is not found", "bias:", "slices:", "drift, inputs:"):
        assert each in said


def test_a_pause_of_the_weekend_does_not_page():
    times = pd.Series(pd.date_range("2024-01-01", "2024-12-31", freq="h", tz="UTC"))
    working = times[(times.dt.dayofweek < 5) & (times.dt.hour > 8)]
    volume = measure_volume(working)
    assert round(volume.pause) == 58
    assert {each.rule: each.keys for each in compute_changes(volume, Task.BINARY, None, ()).changes}["log stopped"] == {
        "above": 87
    }
    assert measure_volume(times.head(24 * 13)) is None and measure_volume(times.head(0)) is None


def test_a_short_reference_bounds_the_windows_of_inputs():
    days = pd.Series(np.repeat(pd.date_range("2024-01-01", periods=60, freq="D"), 20))
    found = compute_changes(measure_volume(days), Task.BINARY, None, ()).changes
    assert next(each.keys for each in found if each.rule == "drift") == {"window": 7, "fewest_rows": 105}


def change(rule, why="measured " * 30, **keys):
    return RuleChange(rule=rule, keys=keys, why=why)


def test_rules_and_comments_of_a_person_stay_and_the_lines_before_are_replaced():
    first = [change("bias", window="500 outcomes"), change("log stopped", above=30), change("retrain", budget=2)]
    once = write_rule_changes(MINE, first)
    for line in ("# Ours.", "  # agreed with the branch", "# both", "# The end.", "clock: logged  # the service's"):
        assert line in once
    rules = parse_rules(once.encode())
    assert rules.rules["bias"].window == "500 outcomes" and rules.rules["bias"].of == (2, 3)
    assert (rules.rules["log stopped"].above, rules.rules["slow"].above, rules.retrain.budget) == (30, 50, 2)
    assert write_rule_changes(once, first) == once
    back = write_rule_changes(once, [change(rule) for rule in ("bias", "log stopped")])
    assert yaml.safe_load(back) == yaml.safe_load(MINE) | {"retrain": {"budget": 2}}


@pytest.mark.parametrize(
    "text", ["", "# Nothing yet.\n", "rules: {}\n", "rules:\n", "clock: at\r\nrules: {}  # none\r\n"]
)
def test_a_file_without_rules_gets_them_and_is_left_without_again(text):
    once = write_rule_changes(text, [change("drift", window=14), change("log stopped", above=30)])
    assert parse_rules(once.encode()).rules["drift"].window == 14
    assert once.count("\r\n") == (once.count("\n") if "\r\n" in text else 0)
    back = write_rule_changes(once, [change("drift"), change("log stopped")])
    assert not (yaml.safe_load(back) or {}).get("rules")
    parse_rules(back.encode())


def test_rules_in_one_line_are_left_to_a_person():
    with pytest.raises(SettingsError, match="Nothing was written"):
        write_rule_changes("rules: {bias: {window: 7}}\n", [change("drift", window=14)])


def test_the_command_says_what_it_would_write_and_writes_it(project, monkeypatch):
    monkeypatch.chdir(project)
    runner = CliRunner()
    shown = runner.invoke(main, ["monitor", "suggest", "--rows-per-day", "40"])
    assert (shown.exit_code, (project / "monitor.yaml").exists()) == (0, False), shown.output
    assert "drift: {window: 7, fewest_rows: 210}" in shown.output and "--write" in shown.output
    done = runner.invoke(main, ["monitor", "suggest", "--rows-per-day", "50", "--write", "--json"])
    assert msgspec.json.decode(done.output)["changed"]
    assert yaml.safe_load((project / "monitor.yaml").read_text())["rules"]["drift"] == {"window": 7, "fewest_rows": 262}
    both = runner.invoke(main, ["monitor", "suggest", "--rows-per-day", "1", "--seen-in", "production"])
    unseen = runner.invoke(main, ["monitor", "suggest", "--seen-in", "production"])
    assert (both.exit_code, unseen.exit_code) == (2, 1) and "slipway monitor run production" in unseen.output
