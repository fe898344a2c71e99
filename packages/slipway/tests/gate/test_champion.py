"""What a candidate is compared with where production's model is distrusted, ties ship, or a threshold moved."""

import shutil

import msgspec
import numpy as np
import pandas as pd
import pytest
from gatebox import make_inputs, sharpened, with_production_scores, with_rules, with_scores
from ledgerbox import deploy
from projectbox import make_project, with_production

from slipway.bundle import load_bundle
from slipway.data.splitting import split_frame
from slipway.evaluation.metrics import metric_value
from slipway.figures import Figure
from slipway.gate.checks.quality import not_eroded, not_worse
from slipway.gate.inputs import Anchors, ScoredBundle
from slipway.gate.releases import list_anchors
from slipway.gate.result import CheckResult, Verdict
from slipway.gate.rules import Tie
from slipway.gate.run import decide_verdict, run_gate
from slipway.ledger import Ledger
from slipway.params import SplitParams
from slipway.training.fit import fit_estimator


@pytest.fixture
def project(tmp_path):
    return with_production(make_project(tmp_path / "project"), tmp_path / "production")


def set_threshold(project, threshold):
    params = project.params
    project.write_params(
        msgspec.structs.replace(params, train=msgspec.structs.replace(params.train, threshold=threshold))
    )


def test_a_distrusted_champion_makes_room_for_an_honest_candidate(project):
    first = Ledger(project.root).champion().bundle
    everything = pd.concat([project.train, project.holdout], ignore_index=True)
    leaked = project.seal(fit_estimator(project.problem, project.params, everything))
    deploy(project.root, leaked)
    project.retrain(trees=31)
    assert "not_worse failed" in run_gate(project.root).sentence
    Ledger(project.root).distrust("production", leaked.digest, "it was fitted on its own holdout")
    found = run_gate(project.root)
    assert found.verdict is Verdict.PROMOTE, found.sentence
    assert found.sentence.startswith(
        f"Promote, in place of production's model {leaked.digest[:12]}, which is distrusted: compared with the release "
        f"{first[:12]} before it, the candidate's log loss is "
    )
    assert found.production == leaked.digest
    assert found.moved[0] == (
        f"production's model {leaked.digest[:12]} is distrusted (entry 3): the candidate is compared with the release "
        f"{first[:12]} before it"
    )
    Ledger(project.root).distrust("production", first, "so was this one")
    found = run_gate(project.root)
    assert found.verdict is Verdict.PROMOTE
    assert f"{leaked.digest[:12]}, which is distrusted like all before it: log loss" in found.sentence
    assert found.moved[0].endswith("compared with the baseline")


def test_an_exemption_of_a_loss_beyond_the_margin_does_not_say_within(churn_inputs):
    failed = CheckResult(name="not_worse", passed=False, observed="13.7%", limit="2.0%", why="", excepted="it leaked")
    verdict, sentence = decide_verdict(churn_inputs, Figure(value=-0.137, low=-0.2, high=-0.1), [failed])
    assert verdict is Verdict.KEEP
    assert "beyond the margin of 2.0%: an exemption lets the code ship, and not the model" in sentence
    assert "within" not in sentence


def test_a_reviewed_threshold_ships_where_models_tie_and_heads_the_report(project):
    deploy(project.root, project.retrain())
    base = project.commit()
    set_threshold(project, 0.5)
    project.retrain()
    proposed = run_gate(project.root, base=base)
    assert proposed.verdict is Verdict.KEEP
    head = "decision threshold: 0.4 -> 0.5"
    assert proposed.moved[0] == f"{head}; a tie ships for its sake once params.yaml of the base has it"
    merged = run_gate(project.root, base=project.commit())
    assert merged.verdict is Verdict.PROMOTE
    assert merged.moved[0] == head
    assert merged.sentence.startswith(
        "Promote for the reviewed decision threshold 0.5 (was 0.4): the candidate's log loss"
    )


def test_a_threshold_lets_no_worse_model_ship(churn_inputs):
    manifest = msgspec.structs.replace(churn_inputs.production.bundle.manifest, threshold=0.3)

    class Moved:
        def __init__(self, bundle):
            self.digest, self.fields, self.manifest = bundle.digest, bundle.fields, manifest

    production = ScoredBundle(Moved(churn_inputs.production.bundle), churn_inputs.production.scored)
    inputs = msgspec.structs.replace(churn_inputs, production=production, threshold=0.4)
    assert inputs.moved_threshold == (0.3, 0.4)
    assert decide_verdict(inputs, Figure(value=0.0, low=-0.01, high=0.01), [])[0] is Verdict.PROMOTE
    assert decide_verdict(inputs, Figure(value=-0.01, low=-0.02, high=-0.001), [])[0] is Verdict.KEEP
    other = msgspec.structs.replace(inputs, threshold=0.3)
    assert decide_verdict(other, Figure(value=0.0, low=-0.01, high=0.01), [])[0] is Verdict.KEEP


def eroded(scored, loss):
    """The scores, surer than they should be so far that the log loss is `loss` times what it was."""
    sound = metric_value(scored, "log_loss")
    surer = (msgspec.structs.replace(scored, scores=sharpened(scored, by)) for by in np.linspace(1, 3, 2001))
    return next(each for each in surer if metric_value(each, "log_loss") >= loss * sound)


def test_eleven_small_steps_down_are_stopped(toys):
    toy = toys["churn"]
    inputs = with_rules(make_inputs(toy, toy.bundle), tie=Tie.CANDIDATE, margin=0.02)
    releases = [inputs.production.scored]
    for step in range(1, 12):
        candidate = eroded(inputs.production.scored, 1.004**step)
        now = with_production_scores(with_scores(inputs, candidate.scores), releases[-1].scores)
        anchors = tuple(ScoredBundle(inputs.production.bundle, each) for each in releases[:-1][-10:])
        now = msgspec.structs.replace(now, anchors=Anchors(anchors, 0))
        assert not_worse(now).passed, step
        if not not_eroded(now).passed:
            break
        releases.append(candidate)
    assert 5 <= step <= 7
    assert f"the best of {len(releases) - 1} earlier releases" in not_eroded(now).observed
    lenient = not_eroded(with_rules(now, erosion_margin=0.05))
    assert (lenient.passed, lenient.limit.split(" higher")[0]) == (True, "at most 5.0%")


def test_honest_releases_side_by_side_are_not_refused(churn_inputs):
    rng = np.random.default_rng(4)
    scored = churn_inputs.candidate.scored

    def noisy():
        odds = np.log(scored.scores / (1 - scored.scores)) + rng.normal(0, 0.1, len(scored.scores))
        return msgspec.structs.replace(scored, scores=1 / (1 + np.exp(-odds)))

    refused = 0
    for _ in range(20):
        anchors = Anchors(tuple(ScoredBundle(churn_inputs.production.bundle, noisy()) for _ in range(10)), 0)
        inputs = msgspec.structs.replace(with_scores(churn_inputs, noisy().scores), anchors=anchors)
        refused += not not_eroded(inputs).passed
    assert refused == 0


def test_the_anchors_are_the_last_trusted_releases_before_the_champion(project):
    digests = [Ledger(project.root).champion().bundle]
    for trees in (20, 25, 31):
        bundle = project.retrain(trees=trees)
        deploy(project.root, bundle)
        digests.append(bundle.digest)
    ledger = Ledger(project.root)
    first, second, third, champion = digests
    assert list_anchors(ledger.history("production"), champion, 10) == [third, second, first]
    assert list_anchors(ledger.history("production"), champion, 2) == [third, second]
    ledger.distrust("production", third, "it leaked")
    assert list_anchors(Ledger(project.root).history("production"), champion, 2) == [second, first]
    project.change_rules(tie="candidate", anchors=1)
    project.retrain(trees=32)
    check = next(check for check in run_gate(project.root).checks if check.name == "not_eroded")
    assert check.passed
    assert f"compared with {second[:12]}, the best of 1 earlier releases" in check.observed


def test_it_is_not_asked_where_a_tie_keeps_production(churn_inputs):
    assert "not asked" in not_eroded(churn_inputs).observed
    assert not_eroded(with_rules(churn_inputs, tie=Tie.CANDIDATE)).observed == "no earlier release"


def hold_out(project, salt, share):
    project.write_params(msgspec.structs.replace(project.params, split=SplitParams(salt=salt, holdout=share)))
    both = pd.concat([project.train, project.holdout], ignore_index=True)
    project.retrain(*split_frame(both, project.params.split))


def test_groups_on_which_production_was_trained_are_left_out_of_the_comparison(project):
    before = project.holdout["group"].nunique()
    hold_out(project, "toys", 0.5)
    # Half of the days teach a toy less than production knows.
    project.change_rules(rows=100, calibration_cost=0.1, calibration_margin=0.2)
    found = run_gate(project.root)
    assert found.verdict is not Verdict.REFUSE, found.sentence
    assert (found.groups, found.rows) == (before, len(project.holdout))
    assert f"{before} groups" in found.sentence
    assert "held-out rows, by another split: they are left out of the comparison" in found.moved[0]
    assert f"{found.rows:,} rows in {before} groups are left" in found.moved[0]


def test_where_hardly_any_group_is_left_the_gate_refuses_and_says_whom_the_comparison_favours(project):
    hold_out(project, "another", 0.2)
    project.change_rules(rows=100)
    found = run_gate(project.root)
    check = next(check for check in found.checks if check.name == "enough_unseen")
    assert (found.verdict, check.passed) == (Verdict.REFUSE, False)
    assert "seen by neither model" in check.observed
    assert "so the comparison favours it" in found.moved[0]
    assert found.groups > 8


def test_changed_values_without_effect_head_the_report(project):
    parts = (part.assign(joined=part["joined"] + pd.Timedelta(hours=12)) for part in (project.train, project.holdout))
    project.retrain(*parts)
    line = "other values than when production's model was evaluated, without effect on its loss: joined"
    assert run_gate(project.root).moved == (line,)


def test_rows_of_which_no_group_is_known_head_the_report(project):
    both = pd.concat([project.train, project.holdout], ignore_index=True)
    renamed = both.assign(group=both["group"].str.replace("-", "/"))
    project.retrain(*split_frame(renamed, project.params.split))
    found = run_gate(project.root)
    assert found.moved[-1].startswith("production's model was evaluated on none of these groups")


def test_the_release_before_a_distrusted_one_is_promoted_when_it_comes_back(project):
    deploy(project.root, project.retrain(trees=32))
    first = Ledger(project.root).champion().bundle
    leaked = project.retrain(trees=31)
    deploy(project.root, leaked)
    Ledger(project.root).distrust("production", leaked.digest, "it was fitted on its own holdout")
    folder = Ledger(project.root).fetch_bundle(first, project.root / ".slipway" / "bundles")
    shutil.rmtree(project.bundle)
    shutil.copytree(folder, project.bundle)
    project.evaluate(load_bundle(project.bundle), project.train, project.holdout)
    found = run_gate(project.root)
    assert (found.verdict, found.ships) == (Verdict.PROMOTE, first), found.sentence
    assert f"in place of production's model {leaked.digest[:12]}" in found.sentence


def test_releases_that_cannot_be_compared_are_no_missing_releases(churn_inputs):
    found = not_eroded(msgspec.structs.replace(with_rules(churn_inputs, tie=Tie.CANDIDATE), anchors=Anchors((), 3)))
    assert found.observed == "none of 3 earlier releases can be compared on these rows"
