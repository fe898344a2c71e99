"""Suggested limits: honest retrains pass them, a broken model does not, and gate.yaml keeps what a person wrote."""

import msgspec
import numpy as np
import pytest
from gatebox import RULES, inverted, make_inputs, with_scores
from places import ROOT

from slipway.errors import GateError
from slipway.gate.checks.quality import beats_baseline
from slipway.gate.power.false_refusals import compare_retrains, count_false_refusals
from slipway.gate.power.retrains import Recipe, _without_fold, score_honest_retrains
from slipway.gate.rules import GateRules, parse_gate_rules
from slipway.gate.statistics.paired import critical_value, smallest_seen_loss
from slipway.gate.suggest.proposal import Proposal, round_below_one, round_down, round_up
from slipway.gate.suggest.rules_text import write_proposals
from slipway.gate.suggest.suggestion import suggest_limits

MEASURED = {
    "margin", "slice_margin", "slice_rows", "skill", "ceiling", "gain", "single", "mean", "groups", "rows", "shrink",
    "copies", "milliseconds", "megabytes",
}  # fmt: skip
OF_PROBABILITIES = {"calibration", "calibration_cost", "calibration_margin"}
EXAMPLE = (ROOT / "gate.yaml").read_text()


def quiet(_):
    pass


def recipe_of(toy):
    return Recipe(toy.problem, toy.params, toy.train, toy.holdout, 1, quiet)


@pytest.fixture(scope="module")
def suggestions(toys):
    return {name: suggest_limits(recipe_of(toy), RULES, 6, toy.bundle.path) for name, toy in toys.items()}


def rules_with(found):
    return msgspec.structs.replace(RULES, **{each.name: each.proposed for each in found.proposals})


def test_every_limit_is_proposed_with_its_source(toy, suggestions):
    found = suggestions[toy.problem.name]
    names = [each.name for each in found.proposals]
    expected = MEASURED | (OF_PROBABILITIES if toy.problem.name != "rents" else set())
    assert set(names) - {"slice_margins", "skill_significant"} == expected
    assert names == [name for name in GateRules.__struct_fields__ if name in names]
    assert all(each.why for each in found.proposals)
    assert (found.refused, found.pairs) == (0, 30)
    written = parse_gate_rules(write_proposals(EXAMPLE, found.proposals).encode(), "gate.yaml")
    assert {each.name: getattr(written, each.name) for each in found.proposals} == {
        each.name: each.proposed for each in found.proposals
    }


def test_other_honest_retrains_pass_and_shuffled_labels_do_not(toy, suggestions):
    rules, recipe = rules_with(suggestions[toy.problem.name]), recipe_of(toy)
    reseeded = msgspec.structs.replace(toy.params.train, seed=99)
    others = score_honest_retrains(recipe._replace(params=msgspec.structs.replace(toy.params, train=reseeded)), 3)
    params, metric = toy.params.evaluate, toy.problem.metric
    assert count_false_refusals(compare_retrains(others, (), metric, params), rules, params).refused == 0
    order = np.random.default_rng(0).permutation(len(toy.train))
    broken = recipe._replace(train=toy.train.assign(target=toy.train["target"].take(order).array))
    (shuffled, _) = score_honest_retrains(broken, 2)
    assert (
        count_false_refusals(compare_retrains([others[0], shuffled], (), metric, params), rules, params).by_whole == 1
    )


def test_the_same_limits_are_suggested_again(toys, suggestions):
    toy = toys["rents"]
    assert suggest_limits(recipe_of(toy), RULES, 6, toy.bundle.path) == suggestions["rents"]


def test_a_holdout_too_small_to_show_skill_is_judged_by_the_floor_alone(toys):
    toy = toys["churn"]._replace(holdout=toys["churn"].holdout.head(40).reset_index(drop=True))
    found = suggest_limits(recipe_of(toy), RULES, 4, toy.bundle.path / "none")
    rules = rules_with(found)
    assert not rules.skill_significant
    assert found.unseen.startswith("With 40 held-out rows")
    assert "`skill` alone decides" in found.notes[0]
    assert not {each.name for each in found.proposals} & {"milliseconds", "megabytes"}
    inputs = make_inputs(toy, None)
    assert not beats_baseline(inputs).passed
    judged = beats_baseline(msgspec.structs.replace(inputs, rules=rules))
    assert judged.passed and "skill_significant: false" in judged.limit
    wrong = with_scores(msgspec.structs.replace(inputs, rules=rules), inverted(inputs, np.arange(40)))
    assert not beats_baseline(wrong).passed


def test_a_model_that_is_worse_than_a_constant_gets_no_way_through(toys):
    toy = toys["churn"]
    noise = toy.train.assign(target=np.random.default_rng(0).permutation(toy.train["target"].to_numpy()))
    found = suggest_limits(recipe_of(toy)._replace(train=noise), RULES, 2, toy.bundle.path / "none")
    assert found.notes[0].startswith("2 of 2 honest retrains are worse than a constant")
    assert "`slipway search`" in found.notes[0] and "Hold out more" not in found.notes[0]
    assert not {each.name for each in found.proposals} & {"skill", "skill_significant"}


def test_of_ten_balanced_retrains_each_group_is_left_out_by_one(toys):
    toy = toys["churn"]
    groups = toy.train["group"].unique()
    kept = [set(_without_fold(toy.train, 1, fold)["group"]) for fold in range(10)]
    assert [sum(group not in each for each in kept) for group in groups] == [1] * len(groups)


def test_the_smallest_loss_that_is_seen_is_refused_in_95_of_100_cases():
    random, groups, error, margin = np.random.default_rng(1), 20, 0.02, 0.01
    for limit in (margin, 0.1):
        loss = smallest_seen_loss(error, groups, limit, 0.95)
        draws = -loss + error * random.standard_t(groups - 1, 20_000)
        refused = draws < -max(limit, critical_value(groups, 0.05) * error)
        assert refused.mean() == pytest.approx(0.95, abs=0.01)


def proposal(name, limit):
    return Proposal(name=name, now=None, proposed=limit, why=f"measured for {name}: " + "many words " * 30)


def test_what_a_person_wrote_stays_and_the_line_before_is_replaced():
    mine = EXAMPLE.replace("mean: 0.012", "mean: 0.012  # agreed with the branch") + (
        "  # the next one is Ann's\n  - {check: mean_prediction_in_range, reason: a season begins, until: 2030-01-31}\n"
    )
    mine = mine.replace("exemptions: []", "exemptions:").replace("carrier: {", "# ours, of June\n  carrier: {")
    values = {"mean": 0.02, "margin": 0.5, "rows": 70, "slice_margins": {"carrier": {"9E": 0.1}}}
    once = write_proposals(mine, [proposal(*each) for each in values.items()])
    assert parse_gate_rules(once.encode(), "") == msgspec.structs.replace(parse_gate_rules(mine.encode(), ""), **values)
    assert "mean: 0.02  # agreed with the branch\n" in once and "# the next one is Ann's" in once
    assert once.count("# ours, of June\n") == 1
    kept = [line for line in mine.splitlines() if line.startswith("# ")]
    assert [line for line in once.splitlines() if line in kept] == kept
    again = write_proposals(once, [proposal("mean", 0.03)])
    assert [line for line in again.splitlines() if line not in once.splitlines()] == [
        "mean: 0.03  # agreed with the branch"
    ]
    assert write_proposals(once, [proposal(*each) for each in values.items()]) == once


@pytest.mark.parametrize(
    "change", [str, lambda text: text.replace("\n", "\r\n"), str.rstrip], ids=["lf", "crlf", "no end"]
)
def test_limits_that_are_missing_are_added_in_their_place(change):
    labels = {
        "1": 0.1,
        "true": 0.2,
        "a: b #c": 0.3,
        'qu"ote\n': 0.4,
        "2024-01-31": 0.5,
        "größe": 0.6,
        "": 1.0,
        "1e3": 0.7,
    }
    few = "".join(f"{key}: {value:g}\n" for key, value in {
        "level": 0.95, "margin": 0.1, "slice_margin": 0.1, "slice_level": 0.05, "slice_rows": 50, "skill": 0.0,
        "ceiling": 1, "gain": 1, "single": 1, "calibration": 1, "mean": 1, "groups": 8, "rows": 8, "shrink": 1,
        "milliseconds": 5, "megabytes": 5, "tolerance": 0.1,
    }.items())  # fmt: skip
    before = change(few)
    values = {
        "copies": 0.05,
        "slice_margins": {"off": labels, "# no": {"x": 0.1}},
        "calibration_cost": 0.01,
        "level": 0.9,
    }
    found = write_proposals(before, [proposal(*each) for each in values.items()])
    assert parse_gate_rules(found.encode(), "") == msgspec.structs.replace(parse_gate_rules(few.encode(), ""), **values)
    keys = [line.partition(":")[0] for line in found.splitlines() if line[:1].isalpha()]
    assert keys[2:5] == ["slice_margin", "slice_margins", "slice_level"]
    assert found.count("\r\n") in (0, found.count("\n"))


def test_a_file_that_cannot_be_edited_is_left_to_the_person():
    shared = EXAMPLE.replace("margin: 0.0125", "margin: &m 0.0125", 1).replace(
        "slice_margin: 0.042", "slice_margin: *m"
    )
    with pytest.raises(GateError, match="copy the limits"):
        write_proposals(shared, [proposal("slice_margin", 0.5)])


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [(0.0165, 0.016, 0.017), (0.02, 0.02, 0.02), (33_275.0, 33_000, 34_000), (0.0, 0, 0), (0.29, 0.29, 0.29)],
)
def test_a_limit_is_never_rounded_to_the_tighter_side(value, down, up):
    assert (round_down(value), round_up(value)) == (down, up)


def test_a_ceiling_near_1_stays_below_it():
    assert round_below_one(0.9996) == 0.9996
    assert 0.99991 <= round_below_one(0.999912) < 1
    for leak in (0.999_999_9, 1.0):
        written = parse_gate_rules(write_proposals(EXAMPLE, [proposal("single", round_below_one(leak))]).encode(), "")
        assert written.single < leak


def test_a_column_that_the_present_limit_refuses_is_named(toys):
    toy = toys["churn"]
    strict = msgspec.structs.replace(RULES, single=0.01)
    (note,) = (
        note for note in suggest_limits(recipe_of(toy), strict, 2, toy.bundle.path / "none").notes if "leak" in note
    )
    assert "more than `single` allows now (0.01): usually a leak" in note
