"""Measure a log in windows: the figures of the evaluation, by release, by contract and by clock."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from monitorbox import START, identify, make_project, make_traffic, run, write_log

from slipway.errors import DataError, SettingsError
from slipway.evaluation.metrics import metric_value
from slipway.evaluation.scored import Scored
from slipway.monitoring.run_memory import read_memory
from slipway.problem import Task
from slipway.serving.log import Batch

UNTIL = START + timedelta(days=28)


def test_a_window_has_the_metrics_of_the_evaluation_on_its_rows(toy, tmp_path):
    root = make_project(toy, tmp_path)
    made = make_traffic(toy)
    write_log(root / "log", made.entries)
    result = run(root, until=UNTIL)
    (window,) = result.of_length(28)
    assert (window.rows, window.outcomes) == (28 * 40, 28 * 40)
    classes = toy.bundle.manifest.classes
    scored = Scored(
        task=toy.problem.task,
        target=np.array([classes.index(each) if classes else each for each in made.outcomes]),
        scores=np.array([each.score for each in made.predictions]),
        group=np.arange(28 * 40) // 40,
        groups=28,
        classes=classes,
        threshold=toy.bundle.manifest.threshold,
    )
    primary = window.find(toy.problem.metric)
    assert primary.figure.value == pytest.approx(metric_value(scored, toy.problem.metric), rel=1e-9)
    assert primary.figure.low < primary.figure.value < primary.figure.high
    assert primary.reference.low < primary.reference.high
    assert window.find("skill").figure.low > 0
    assert window.find("coverage").figure.value == 1
    assert window.find("delay_median").figure.value == pytest.approx(9)
    assert window.find("latency_median").figure.value == pytest.approx(0.203)
    assert any(each.name.startswith("slice:") and each.figure for each in window.measurements)
    assert (window.find("slope") is None) == (toy.problem.task is Task.MULTICLASS)
    assert not result.alarms


def test_a_window_of_outcomes_has_the_newest_ones_whatever_days_they_take(root, churn):
    made = make_traffic(churn, rows=4)
    # Outcomes of every other row, and none yet of the last four days.
    known = [each for row, each in enumerate(made.feedback) if row % 2 == 0 and row < 24 * 4]
    write_log(root / "log", [*made.predictions, *known])
    (root / "monitor.yaml").write_text(
        "rules: {skill: {window: 20 outcomes, of: [1, 1]}, bias: {window: 80 outcomes}, ranking: {enabled: false}}\n"
    )
    result = run(root, until=UNTIL)
    windows = result.of_length("20 outcomes")
    newest = windows[-1]
    assert (newest.outcomes, newest.end, newest.rows) == (20, UNTIL, 39 + 17)
    assert newest.start == made.predictions[56].time.replace(microsecond=0)
    # Each ends with the row before a newer one's fifteenth outcome.
    assert [(each.outcomes, each.rows) for each in windows[:-1]] == [(20, 40)] * 5
    assert windows[-2].end == made.predictions[86].time.replace(microsecond=0)
    expected = [made.outcomes[row] for row in range(56, 96, 2)]
    assert newest.find("outcome_mean").figure.value == pytest.approx(np.mean(expected))
    # Too few outcomes so far: the window has what there is, and is not judged.
    (whole,) = result.of_length("80 outcomes")
    assert (whole.outcomes, whole.rows) == (48, 28 * 4)
    assert result.lengths() == (7, 14, 28, "20 outcomes", "80 outcomes")
    assert newest.find("lag")


def test_limits_follow_the_rate_of_false_alarms_and_a_declared_reference(root, churn):
    write_log(root / "log", make_traffic(churn, days=35).entries)

    def drift(text):
        (root / "monitor.yaml").write_text(text)
        return run(root, until=START + timedelta(days=35)).of_length(7)[-1].find("drift:usage")

    usual, rare, declared = map(drift, ("{}", "false_alarms: 0.0001\n", "against: {usage: profile}\n"))
    assert usual.limit < rare.limit and usual.figure == rare.figure
    assert "against the 28 days before" in usual.note and "against all training rows" in declared.note
    with pytest.raises(
        SettingsError, match=r"monitor.yaml: against: expected columns of the contract .*, found usages"
    ):
        drift("against: {usages: recent}\n")


def test_rows_of_a_request_count_like_rows_alone(root, churn):
    made = make_traffic(churn)
    first = made.predictions[:100]
    batch = Batch(
        first[0].id,
        first[0].time,
        first[0].model,
        900,
        [each.score for each in first],
        [each.label for each in first],
        [each.inputs for each in first],
    )
    write_log(root / "log", [batch, *made.predictions[100:]])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.rows == 28 * 40
    assert window.find("rows_per_day").figure.value == 40
    assert window.find("requests_per_day").figure.value == pytest.approx((28 * 40 - 99) / 28)


def test_a_window_without_outcomes_says_so(root, churn):
    write_log(root / "log", make_traffic(churn).predictions)
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.outcomes == 0
    assert window.find("skill").figure is None
    assert window.find("skill").note == "no outcome is known"
    assert window.find("coverage").figure.value == 0
    assert window.find("estimated:log_loss").figure.value > 0
    assert window.find("score_mean").figure.low is not None


def test_without_inputs_there_are_scores_labels_and_the_service(root, churn):
    made = make_traffic(churn)
    bare = [msgspec.structs.replace(each, inputs=None) for each in made.predictions]
    write_log(root / "log", [*bare, *made.feedback])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.find("skill").figure.low > 0
    assert window.find("latency_p99").figure.value > 0
    assert window.find("slice:plan").note == "inputs are not logged (SLIPWAY_LOG_INPUTS)"


def test_two_releases_in_a_window_have_figures_of_their_own(root, churn):
    made = make_traffic(churn)
    random = np.random.default_rng(3)
    worse = [
        msgspec.structs.replace(each, model="f" * 64, score=float(random.random())) for each in made.predictions[:560]
    ]
    write_log(root / "log", [*worse, *made.predictions[560:], *made.feedback])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert {(each.bundle, each.rows) for each in window.releases} == {("f" * 64, 560), (churn.bundle.digest, 560)}
    old, new = (window.find(f"release:{name[:12]}:log_loss").figure for name in ("f" * 64, churn.bundle.digest))
    assert old.value > window.find("log_loss").figure.value > new.value


def test_rows_of_two_contracts_stand_in_one_window(root, churn):
    made = make_traffic(churn)
    older = [
        msgspec.structs.replace(each, inputs={"plan": each.inputs["plan"], "usage": "much", "zip": 12})
        for each in made.predictions[:400]
    ]
    write_log(root / "log", [*older, *made.predictions[400:], *made.feedback])
    (window,) = run(root, until=UNTIL).of_length(28)
    assert window.rows == 28 * 40
    assert window.find("skill").figure.low > 0
    (week, *_) = run(root, until=UNTIL).of_length(7)
    assert week.find("missing:usage").figure.value > 0.9


def test_the_clock_may_be_a_column_of_the_contract(toys, tmp_path):
    rents = toys["rents"]
    root = make_project(rents, tmp_path)
    (root / "monitor.yaml").write_text("clock: offered\n")
    made = make_traffic(rents)
    write_log(root / "log", made.entries)
    result = run(root)
    offered = [each.inputs["offered"][:10] for each in made.predictions]
    assert f"{result.at - timedelta(days=1):%Y-%m-%d}" == max(offered)
    bare = [msgspec.structs.replace(each, inputs=None) for each in made.predictions]
    write_log(root / "bare", bare)
    (root / ".slipway").rename(root / "before")
    with pytest.raises(SettingsError, match="no row of the log has the column offered"):
        run(root, root / "bare")
    (root / "monitor.yaml").write_text("clock: rooms\n")
    with pytest.raises(SettingsError, match="clock: expected logged or a timestamp of the contract \\(offered\\)"):
        run(root)


@pytest.mark.parametrize("ahead", [1, 30])
def test_rows_of_the_future_hide_neither_the_newest_days_nor_that_the_log_stopped(root, churn, ahead):
    made = make_traffic(churn, days=10)
    when = datetime(2099, 1, 1, tzinfo=UTC)
    jumped = [
        msgspec.structs.replace(each, id=identify(when, number), time=when)
        for number, each in enumerate(made.predictions[:ahead])
    ]
    write_log(root / "log", [*made.entries, *jumped])
    result = run(root)
    assert result.at == START + timedelta(days=10)
    assert "log stopped" in {alarm.rule for alarm in result.alarms}


def test_a_day_of_the_past_looks_at_the_log_as_it_was_then(root, churn):
    write_log(root / "log", make_traffic(churn, days=3).entries)
    later = make_traffic(churn, days=3, start=START + timedelta(days=12))
    write_log(root / "log", [msgspec.structs.replace(each, id=identify(each.time, 7)) for each in later.predictions])
    result = run(root, until=START + timedelta(days=10))
    assert result.windows[-1].find("lag").figure.value == pytest.approx(7 * 24 + 11, abs=1)
    assert "log stopped" in {alarm.rule for alarm in result.alarms}


@pytest.mark.parametrize("until", [START, START - timedelta(days=400), datetime(1, 1, 1)])
def test_a_day_before_the_log_begins_is_an_error(root, churn, until):
    write_log(root / "log", make_traffic(churn, days=3).entries)
    with pytest.raises(DataError, match="the log of production begins on 2024-05-01"):
        run(root, until=until)


def test_another_clock_begins_again_where_its_days_are_earlier(toys, tmp_path):
    """The default clock comes first; by the column of the contract, the days are those of years before."""
    root = make_project(toys["rents"], tmp_path)
    made = make_traffic(toys["rents"], days=3, start=START + timedelta(days=900))
    write_log(root / "log", made.predictions)
    run(root)
    (root / "monitor.yaml").write_text("clock: offered\n")
    first, second = run(root), run(root)
    assert first.at == second.at < START + timedelta(days=900)
    # The run before is known: a run of the past has no memory, and would not say how long it was ago.
    assert read_memory(root, "production", "offered").at == first.at
    assert second.windows[-1].find("idle")
