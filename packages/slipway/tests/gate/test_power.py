import math

import msgspec
import numpy as np
import pytest
import yaml
from gatebox import RULES, flats, sharpened
from projectbox import make_project

from slipway.errors import DataError
from slipway.evaluation.metrics import metric_value
from slipway.gate.power.cross_fit import compare_recipes
from slipway.gate.power.detection import SIZES, measure_detection, refusal_probability, smallest_detected_loss
from slipway.gate.power.false_refusals import compare_retrains, count_false_refusals, upper_bound
from slipway.gate.power.report import render_power_report
from slipway.gate.power.retrains import Recipe, WorseModel, score_honest_retrains
from slipway.gate.power.score_levels import compare_calibrations
from slipway.gate.power.study import PowerStudy, study_power
from slipway.gate.statistics.calibration_gap import compare_calibration
from slipway.gate.statistics.paired import Losses, defined_difference, difference_interval, prepare_losses
from slipway.params import EvaluateParams

PARAMS = EvaluateParams(resamples=200, confidence=0.95, seed=7)
# In the 651 rows of the toy's holdout the costs of honest retrains differ by up to .008.
STUDIED = msgspec.structs.replace(RULES, calibration_cost=0.02)


def quiet(_):
    pass


def find_false_refusals(honest, parts, primary, rules, params):
    return count_false_refusals(compare_retrains(honest, parts, primary, params), rules, params)


@pytest.fixture(scope="module")
def found(toys):
    toy = toys["churn"]
    return study_power(toy.problem, toy.params, STUDIED, toy.train, toy.holdout, retrains=4, say=quiet)


def test_a_study_says_what_it_compared(found):
    refusals = found.false_refusals
    assert (refusals.retrains, refusals.pairs) == (4, 12)
    assert found.slices == 3
    by_check = (refusals.by_whole, refusals.by_slice, refusals.by_mean, refusals.by_calibration)
    assert max(by_check) <= refusals.refused <= sum(by_check)
    assert refusals.bound == pytest.approx(1 - 0.05**0.5, abs=1e-4)
    assert 0 < refusals.spread <= refusals.largest
    assert len(found.declines) == 5
    assert all(len(each.smallest) == len(SIZES) for each in found.declines)


def test_each_limit_stands_beside_what_honest_retrains_have(found):
    names = {each.name: each for each in found.limits}
    assert list(names) == [
        "mean",
        "calibration",
        "calibration_cost",
        "calibration_margin",
        "skill",
        "ceiling",
        "gain",
        "single",
    ]
    assert all(each.least <= each.median <= each.most for each in found.limits)
    assert {name: each.count for name, each in names.items()} == {
        "mean": 12,
        "calibration": 4,
        "calibration_cost": 12,
        "calibration_margin": 12,
        "skill": 4,
        "ceiling": 4,
        "gain": 12,
        "single": 1,
    }
    assert names["mean"].refused == found.false_refusals.by_mean
    assert 3 * names["calibration"].refused <= found.false_refusals.by_calibration
    assert 0 < names["single"].most < 1
    assert names["gain"].most == pytest.approx(found.false_refusals.largest, rel=0.1)


def test_each_part_has_its_spread_and_a_margin_to_paste(found):
    parts = found.false_refusals.parts
    assert [(part.slice, part.label) for part in parts] == [("plan", each) for each in ("basic", "family", "plus")]
    assert min(part.spread for part in parts) > 0
    pasted = yaml.safe_load(render_power_report(found).partition("for gate.yaml:\n")[2])
    assert pasted == {"slice_margins": {"plan": {part.label: round(4 * part.spread, 3) for part in parts}}}


def test_a_limit_that_honest_retrains_do_not_meet_is_counted(toys):
    toy = toys["churn"]
    rules = msgspec.structs.replace(RULES, skill=0.9, ceiling=0.0, gain=-1.0, single=0.0, mean=0.0, calibration=0.0)
    limits = study_power(toy.problem, toy.params, rules, toy.train, toy.holdout, retrains=2, say=quiet).limits
    assert all(each.refused == each.count for each in limits if each.name in ("skill", "ceiling", "gain", "single"))


def test_calibration_beside_production_is_compared_in_all_pairs_as_the_check_does(toys):
    toy = toys["churn"]
    recipe = Recipe(toy.problem, toy.params, toy.train, toy.holdout, 1, quiet)
    honest = score_honest_retrains(recipe, 2)
    honest.append(msgspec.structs.replace(honest[0], scores=honest[0].scores ** 0.2))
    found = compare_calibrations(honest, RULES.level)
    for at, candidate in enumerate(honest):
        for beside, production in enumerate(honest):
            gap = compare_calibration(candidate, production, RULES.level)
            off = max(0.0, *(min(each.least, each.farther) for each in gap.ranges))
            expected = pytest.approx((gap.value, gap.p_value, off), abs=1e-12)
            assert (found.costs[at, beside], found.p_values[at, beside], found.farther[at, beside]) == expected
    rules = msgspec.structs.replace(RULES, calibration=1.0, mean=1.0, margin=1.0, slice_margin=1.0)
    refusals = find_false_refusals(honest, (), "log_loss", rules, PARAMS)
    # The third refuses none of the others, and both others refuse it.
    assert (refusals.refused, refusals.by_calibration) == (2, 2)


def test_the_worse_a_model_the_surer_it_is_refused(found):
    join = next(each for each in found.declines if "columns shuffled" in each.name)
    shift = next(each for each in found.declines if "shifted by" in each.name)
    assert join.loss > 0.05 > abs(shift.loss)
    assert join.found > 0.5 > 0.05 > shift.found
    assert shift.shift == pytest.approx(0.02, abs=0.006)


def test_a_larger_holdout_finds_smaller_losses(found):
    for each in found.declines:
        sizes = [loss for loss in each.smallest if loss is not None]
        assert sizes == sorted(sizes, reverse=True)
        assert all(loss > found.margin for loss in sizes)


def test_a_study_is_the_same_again_and_on_several_processes(toys, found):
    toy = toys["churn"]
    again = study_power(toy.problem, toy.params, STUDIED, toy.train, toy.holdout, retrains=4, jobs=2, say=quiet)
    assert again == found


def test_a_study_tells_people_and_machines_the_same(found):
    assert msgspec.json.decode(msgspec.json.encode(found), type=PowerStudy) == found
    text = render_power_report(found)
    refusals = found.false_refusals
    assert f"False refusals: {refusals.refused} of 12 pairs of 4 honest retrains" in text
    for each in found.declines:
        assert each.name in text
    assert "Not found by the loss: shifted by 0.1 in log odds" in text
    assert "this rests on 2 independent pairs of retrains and 13 groups" in text


@pytest.mark.parametrize("name", ["crops", "rents"])
def test_every_task_can_be_studied(toys, name):
    toy, lines = toys[name], []
    power = study_power(toy.problem, toy.params, RULES, toy.train, toy.holdout, retrains=2, say=lines.append)
    assert any("honest retrain 2 of 2" in line for line in lines)
    assert all(each.loss > 0.05 for each in power.declines[:3])
    assert render_power_report(power)


def test_one_retrain_cannot_be_compared(toys):
    toy = toys["churn"]
    with pytest.raises(DataError, match="at least 2"):
        study_power(toy.problem, toy.params, RULES, toy.train, toy.holdout, retrains=1, say=quiet)


def test_models_that_are_the_same_are_never_refused(churn_inputs):
    same, params = [churn_inputs.candidate.scored] * 3, churn_inputs.params.evaluate
    found = find_false_refusals(same, churn_inputs.slices, "log_loss", RULES, params)
    assert (found.refused, found.spread, found.half_width) == (0, 0, 0)


def test_a_ruined_model_among_the_retrains_is_refused_by_every_other(churn_inputs):
    good = churn_inputs.candidate.scored
    bad = msgspec.structs.replace(good, scores=sharpened(good, 5))
    found = find_false_refusals(
        [good, churn_inputs.production.scored, bad], (), "log_loss", RULES, churn_inputs.params.evaluate
    )
    assert (found.refused, found.pairs) == (2, 6)
    assert found.unluckiest == 0.5


def test_a_slice_that_is_worse_counts_as_refused(churn_inputs):
    good, part = churn_inputs.candidate.scored, churn_inputs.slices[0]
    scores = good.scores.copy()
    scores[part.rows] = sharpened(good, 3)[part.rows]
    bad = msgspec.structs.replace(good, scores=scores)
    rules = msgspec.structs.replace(RULES, margin=1)
    found = find_false_refusals([good, bad], churn_inputs.slices, "log_loss", rules, churn_inputs.params.evaluate)
    assert (found.refused, found.by_whole, found.by_slice) == (1, 0, 1)


@pytest.mark.parametrize("pairs", [1, 30, 300])
def test_no_refusal_in_independent_pairs_leaves_a_rate_that_would_show_none_once_in_twenty(pairs):
    assert upper_bound(0, pairs) == pytest.approx(1 - 0.05 ** (1 / pairs), abs=1e-4)


def test_the_jackknife_knows_the_spread_of_a_rate_over_models():
    """Refused is whoever is more than three below production, of normal models: the rate is known."""
    random = np.random.default_rng(6)
    truth = 0.5 * math.erfc(3 / 2)
    covered, times = 0, 200
    for _ in range(times):
        level = random.normal(0, 1, 60)
        rules = msgspec.structs.replace(RULES, margin=0.03, level=0.0, mean=100)
        models = [flats([1 + each / 100] * 8, range(8)) for each in level]
        found = find_false_refusals(models, (), "mae", rules, PARAMS)
        covered += found.likely is not None and found.likely >= truth
    assert 0.85 <= covered / times <= 1


def test_some_refusals_raise_the_bound():
    assert 0.1 < upper_bound(0.1, 100) < 0.25
    assert upper_bound(1.0, 10) == 1
    assert upper_bound(0.0, 0) == 1


@pytest.mark.parametrize("size", [1, 2])
def test_the_chance_is_that_of_holdouts_drawn_again(churn_inputs, size):
    """Groups are drawn with repetition, and each holdout is judged by the functions that the check uses."""
    random = np.random.default_rng(3)
    honest = churn_inputs.production.scored
    production = prepare_losses(honest, "log_loss", churn_inputs.params.evaluate)
    for by in (1.3, 1.6, 2.0):
        sharper = msgspec.structs.replace(honest, scores=sharpened(honest, by))
        candidate = prepare_losses(sharper, "log_loss", churn_inputs.params.evaluate)
        refused = 0
        for _ in range(800):
            drawn = random.integers(0, honest.groups, size * honest.groups)
            again = defined_difference(*(Losses(len(drawn), sums=each.sums[drawn]) for each in (candidate, production)))
            refused += again.value < -RULES.margin and difference_interval(again, RULES.level).high < 0
        assert refused / 800 == pytest.approx(refusal_probability(candidate, production, RULES, size), abs=0.05), by


def test_the_chance_of_a_metric_without_group_sums_is_much_the_same():
    """The loss itself as group sums, and the same loss as resamples of its mean."""
    random = np.random.default_rng(8)
    good = random.gamma(9, 1, 60)
    weights = np.vstack([np.ones(60), random.multinomial(60, np.full(60, 1 / 60), 2000)])

    def both(sums):
        return Losses(60, sums=sums), Losses(60, draws=weights @ sums / weights.sum(axis=1))

    bad = both(good * (1.05 + random.normal(0, 0.16, 60)))
    exact, resampled = (refusal_probability(one, other, RULES) for one, other in zip(bad, both(good), strict=True))
    assert 0.3 < exact < 0.999
    assert resampled == pytest.approx(exact, abs=0.06)


def test_the_chance_grows_with_the_loss_and_with_the_holdout():
    random = np.random.default_rng(2)
    good, noise = random.gamma(9, 1, 50), random.normal(0, 0.15, 50)
    noise -= (noise * good).sum() / good.sum()

    def here(loss, size=1.0):
        return refusal_probability(Losses(50, sums=good * (1 + loss + noise)), Losses(50, sums=good), RULES, size)

    assert here(-0.02) < 0.01
    assert here(0.02) < here(0.04) < here(0.05) < here(0.05, 2) <= 1
    assert refusal_probability(Losses(50, sums=1.03 * good), Losses(50, sums=good), RULES) == 1
    assert refusal_probability(Losses(50, sums=1.01 * good), Losses(50, sums=good), RULES) == 0


def test_a_loss_that_is_the_same_share_in_every_group_is_certain_however_few_they_are():
    good = np.array([1.0, 2.0, 4.0])
    assert refusal_probability(Losses(3, sums=1.03 * good), Losses(3, sums=good), RULES) == 1


def test_the_smallest_loss_stands_between_the_steps_around_it():
    assert smallest_detected_loss([0.01, 0.03, 0.05], [0.0, 0.9, 1.0]) == pytest.approx(0.04)
    assert smallest_detected_loss([0.01, 0.03], [0.0, 0.9]) is None


def test_a_decline_begins_at_no_loss_and_ends_at_the_whole_of_it(churn_inputs):
    honest = churn_inputs.production.scored
    worse = WorseModel("sharper", sharpened(honest, 4))
    found = measure_detection(worse, honest, "log_loss", RULES, churn_inputs.params.evaluate)
    sharper = msgspec.structs.replace(honest, scores=worse.scores)
    assert found.loss == pytest.approx(metric_value(sharper, "log_loss") / metric_value(honest, "log_loss") - 1)
    assert 0 < found.smallest[0] < found.loss


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project", rows=2000)


def compared(project, base):
    recipe = Recipe(project.problem, project.params, project.train, project.holdout, 1, quiet)
    return compare_recipes(recipe, RULES, project.root, "churn", base)


def test_a_recipe_beside_itself_differs_by_nothing_over_all_groups(project):
    found = compared(project, "HEAD")
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert (found.rows, found.groups) == (2000, 60)


def test_a_recipe_is_compared_with_parameters_and_code_of_the_other_commit(project, found):
    features = project.root / "src" / "churn" / "features.py"
    good = features.read_text()
    features.write_text(good.replace('("plan", "town", "months", "usage", "paperless")', '("town", "paperless")'))
    base = project.commit()
    features.write_text(good)
    better = compared(project, base)
    assert better.difference.low > 0.02
    text = render_power_report(msgspec.structs.replace(found, cross_fit=better))
    assert f"beside that of {base}" in text and "decides nothing" in text
    params = project.params
    project.write_params(msgspec.structs.replace(params, model=msgspec.structs.replace(params.model, trees=3)))
    base = project.commit()
    project.write_params(params)
    assert compared(project, base).difference.value > 0
