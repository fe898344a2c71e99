import msgspec
import numpy as np
import pytest
from gatebox import flats, inverted, shuffled, with_production_scores, with_rules, with_scores

from slipway.errors import GateError
from slipway.evaluation.intervals import percentile_interval, resample_groups
from slipway.evaluation.metrics import METRICS, metric_value, prepare_metrics
from slipway.evaluation.slices import OTHERS, SlicePart
from slipway.gate.statistics.comparison import compare_metrics, relative_improvement
from slipway.params import EvaluateParams

PARAMS = EvaluateParams(resamples=1000, confidence=0.95, seed=7)


def metrics_of(inputs):
    """The candidate's metrics beside those of production, if there is one."""
    beside = inputs.production and inputs.production.scored
    return compare_metrics(inputs.candidate.scored, beside, inputs.rules.level, inputs.params.evaluate)


def test_identical_models_differ_by_exactly_nothing(inputs):
    same = inputs.candidate.scored
    for metric, kind in METRICS[inputs.problem.task].items():
        if kind.better:
            found = relative_improvement(same, same, metric, 0.95, PARAMS)
            assert (found.value, found.low, found.high) == (0, 0, 0), metric


def test_a_loss_that_is_a_tenth_lower_in_every_group_is_so_without_doubt():
    production = flats([1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 2, 2])
    candidate = msgspec.structs.replace(production, scores=0.9 * production.scores)
    found = relative_improvement(candidate, production, "mae", 0.95, PARAMS)
    assert found.value == pytest.approx(0.1)
    assert found.high - found.low == pytest.approx(0, abs=1e-12)


def test_the_interval_is_students_over_groups_of_different_sizes():
    """By hand: production loses 1, 1, 4 in three groups, the candidate 0.5, 1, 3."""
    production, candidate = flats([1, 1, 2, 2], [0, 1, 2, 2]), flats([0.5, 1, 1.5, 1.5], [0, 1, 2, 2])
    found = relative_improvement(candidate, production, "mae", 0.95, PARAMS)
    rest = np.array([0.5 - 0.25, 0 - 0.25, 1 - 1.0])
    error = np.sqrt(3 / 2 * (rest**2).sum()) / 6
    assert found.value == pytest.approx(1.5 / 6)
    assert found.high - found.value == pytest.approx(4.302653 * error, rel=1e-6)


def test_rows_of_one_group_count_as_one(churn_inputs):
    """Each row twice tells nothing new: the interval stays; as groups of their own they would narrow it."""
    one, other = churn_inputs.candidate.scored, churn_inputs.production.scored
    twice = [
        msgspec.structs.replace(
            each, target=np.tile(each.target, 2), scores=np.tile(each.scores, 2), group=np.tile(each.group, 2)
        )
        for each in (one, other)
    ]
    first, second = (relative_improvement(*pair, "log_loss", 0.95, PARAMS) for pair in ((one, other), twice))
    assert (second.low, second.high) == pytest.approx((first.low, first.high))


@pytest.mark.parametrize(("metric", "sign"), [("roc_auc", -1), ("accuracy", -1), ("brier", 1)])
def test_the_share_is_of_productions_loss_whichever_way_the_metric_is_better(churn_inputs, metric, sign):
    one, other = churn_inputs.candidate.scored, churn_inputs.production.scored
    here, there = metric_value(one, metric), metric_value(other, metric)
    lost, had = (1 - here, 1 - there) if sign < 0 else (here, there)
    found = relative_improvement(one, other, metric, 0.95, PARAMS)
    assert found.value == pytest.approx(1 - lost / had)
    assert found.low < found.value < found.high


def test_the_interval_of_groups_and_that_of_resamples_agree(inputs_by_toy):
    """Both ways to an interval, for the metrics for which there are both; many groups, so that they must."""
    for inputs, metric in ((inputs_by_toy["rents"], "mae"), (inputs_by_toy["crops"], "log_loss")):
        ruined = with_scores(inputs, 0.7 * inputs.candidate.scored.scores + 0.3 * shuffled(inputs)).candidate.scored
        there = inputs.production.scored
        direct = relative_improvement(ruined, there, metric, 0.95, PARAMS)
        measures = {"ruined": prepare_metrics(ruined, [metric]), "there": prepare_metrics(there, [metric])}
        draws = resample_groups(measures, there.groups, PARAMS)
        again = percentile_interval(1 - draws["ruined"][metric] / draws["there"][metric], there.groups, 0.95)
        assert direct.value == pytest.approx(again.value)
        assert direct.high - direct.low == pytest.approx(again.high - again.low, rel=0.15), metric


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Twelve groups of unequal size whose mood favours one model or the other: the true difference is 5 %."""
    random = np.random.default_rng(5)
    hits, times = 0, 1500
    for _ in range(times):
        group = np.repeat(np.arange(12), random.integers(10, 60, 12))
        mood = random.normal(0, 0.15, 12)[group]
        base = random.gamma(4, 0.25, len(group))
        production = flats(base, group)
        candidate = flats(base * (0.95 + mood), group)
        found = relative_improvement(candidate, production, "mae", 0.95, PARAMS)
        hits += found.low <= 0.05 <= found.high
    assert 0.93 <= hits / times <= 0.965


def test_models_scored_on_other_rows_cannot_be_compared(churn_inputs):
    fewer = churn_inputs.production.scored
    fewer = msgspec.structs.replace(fewer, target=fewer.target[1:], scores=fewer.scores[1:], group=fewer.group[1:])
    with pytest.raises(GateError, match="different rows"):
        relative_improvement(churn_inputs.candidate.scored, fewer, "log_loss", 0.95, PARAMS)


def test_a_metric_that_is_undefined_cannot_be_compared(churn_inputs):
    scored = churn_inputs.candidate.scored
    one_class = msgspec.structs.replace(scored, target=np.zeros_like(scored.target))
    with pytest.raises(GateError, match="undefined"):
        relative_improvement(one_class, one_class, "roc_auc", 0.95, PARAMS)


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_beside_a_perfect_production_every_loss_counts_as_a_whole(metric):
    perfect, worse = flats([0] * 8, range(8)), flats([1, 2] * 4, range(8))
    found = relative_improvement(worse, perfect, metric, 0.95, PARAMS)
    assert found.value == -1
    assert found.high < 0
    assert relative_improvement(perfect, perfect, metric, 0.95, PARAMS).value == 0


def test_every_metric_stands_beside_productions(inputs):
    rows = {row.metric: row for row in metrics_of(inputs)}
    assert set(rows) == set(METRICS[inputs.problem.task])
    for name, row in rows.items():
        better = METRICS[inputs.problem.task][name].better
        assert row.candidate.low <= row.candidate.value <= row.candidate.high
        assert row.candidate.value == pytest.approx(metric_value(inputs.candidate.scored, name))
        assert row.production.value == pytest.approx(metric_value(inputs.production.scored, name))
        if better is None:
            assert row.difference is None
        else:
            gained = row.production.value - row.candidate.value
            assert row.difference.value == pytest.approx(gained if better == "lower" else -gained)
            assert row.difference.low <= row.difference.value <= row.difference.high


def test_a_ruined_model_is_worse_in_every_metric_that_has_a_direction(inputs):
    found = metrics_of(with_scores(inputs, shuffled(inputs)))
    judged = [row for row in found if row.difference]
    assert judged
    assert all(row.difference.high < 0 for row in judged)


def test_a_first_release_has_metrics_and_nothing_beside_them(inputs):
    alone = msgspec.structs.replace(inputs, production=None)
    assert all(row.production is None and row.difference is None for row in metrics_of(alone))
    assert alone.slice_gains == ()


def test_slices_tell_which_part_is_ruined(inputs):
    ruined = inputs.slices[0]
    rows = with_scores(inputs, inverted(inputs, ruined.rows)).slice_gains
    rows = [row for row in rows if row.label != OTHERS]
    large = [part for part in inputs.slices if len(part.rows) >= inputs.rules.slice_rows]
    assert len(large) >= 3
    assert [(row.slice, row.label, row.rows) for row in rows] == [(p.slice, p.label, len(p.rows)) for p in large]
    assert rows[0].difference.high < 0
    assert rows[0].p_value < 0.01
    assert min(row.p_value for row in rows[1:]) > 0.01


def test_a_slice_of_a_metric_without_group_sums_has_interval_and_p_value_too(churn_inputs):
    problem = msgspec.structs.replace(churn_inputs.problem, metric="roc_auc")
    by_order = msgspec.structs.replace(churn_inputs, problem=problem)
    rows = with_scores(by_order, inverted(by_order, by_order.slices[0].rows)).slice_gains
    assert rows[0].p_value < 0.01 < min(row.p_value for row in rows[1:])
    assert all(row.difference.low < row.difference.value < row.difference.high for row in rows)


def test_a_slice_with_few_rows_or_few_groups_is_not_judged(churn_inputs):
    some = np.flatnonzero(churn_inputs.candidate.scored.group < 7)
    inputs = msgspec.structs.replace(
        churn_inputs,
        slices=(*churn_inputs.slices, SlicePart("early", "yes", some), SlicePart("first", "yes", np.arange(20))),
    )
    found = {row.slice for row in with_rules(inputs, slice_rows=50).slice_gains}
    assert found == {"plan"}


def test_production_may_be_the_worse_one(inputs):
    found = relative_improvement(
        inputs.candidate.scored,
        with_production_scores(inputs, shuffled(inputs)).production.scored,
        inputs.problem.metric,
        0.95,
        PARAMS,
    )
    assert found.low > 0
