import msgspec
import pytest
from gatebox import make_inputs, shuffled, with_production_scores, with_rules, with_scores

from slipway.errors import GateError
from slipway.figures import Figure
from slipway.gate.checks import CHECKS
from slipway.gate.checks.leakage import plausible_skill
from slipway.gate.result import CheckResult, Verdict
from slipway.gate.rules import Tie
from slipway.gate.run import decide_verdict


def judge(inputs, *more):
    about_figures = CHECKS[CHECKS.index(plausible_skill) :]
    checks = [check(inputs) for check in about_figures]
    return decide_verdict(inputs, inputs.gain, [*checks, *more])


def failed(name="golden_rows", excepted=None):
    return CheckResult(
        name=name, passed=False, observed="3 of 20 differ", limit="none", why="It matters.", excepted=excepted
    )


def test_an_honest_retrain_is_never_refused(inputs):
    assert judge(inputs)[0] is not Verdict.REFUSE


def test_an_honest_retrain_is_kept_back(churn_inputs):
    verdict, sentence = judge(churn_inputs)
    assert verdict is Verdict.KEEP
    assert sentence.startswith("Keep production's model: ")
    assert "does not differ significantly" in sentence


def test_the_bundle_that_runs_is_kept_and_named(toy):
    inputs = make_inputs(toy, toy.bundle)
    verdict, sentence = judge(inputs)
    assert verdict is Verdict.KEEP
    assert toy.bundle.digest[:12] in sentence


def test_a_ruined_model_is_refused(inputs):
    verdict, sentence = judge(with_scores(inputs, shuffled(inputs)))
    assert verdict is Verdict.REFUSE
    assert "not_worse" in sentence


def test_a_clearly_better_model_is_promoted(churn_inputs):
    weaker = with_production_scores(churn_inputs, churn_inputs.baseline.scores)
    verdict, sentence = judge(with_rules(weaker, gain=1))
    assert verdict is Verdict.PROMOTE
    assert sentence.startswith("Promote: the candidate's log loss is ")
    assert "% lower (95% interval" in sentence
    assert "in 13 groups)" in sentence


def test_the_first_release_is_promoted_and_measured_by_the_baseline(toy):
    inputs = make_inputs(toy, None)
    verdict, sentence = judge(inputs)
    assert verdict is Verdict.PROMOTE
    assert "first release" in sentence
    assert "trivial baseline" in sentence


def test_checks_come_first(churn_inputs):
    better = Figure(value=0.1, low=0.05, high=0.15)
    verdict, sentence = decide_verdict(churn_inputs, better, [failed(), failed("finite")])
    assert verdict is Verdict.REFUSE
    assert sentence == "Refuse: golden_rows failed. Found: 3 of 20 differ; allowed: none. Also failed: finite."


def test_the_first_release_passes_no_failed_check(toy):
    assert decide_verdict(make_inputs(toy, None), None, [failed()])[0] is Verdict.REFUSE


def test_an_exemption_lets_a_check_pass_and_is_repeated(churn_inputs):
    better = Figure(value=0.1, low=0.05, high=0.15)
    verdict, sentence = decide_verdict(churn_inputs, better, [failed(excepted="the old sensor is gone")])
    assert verdict is Verdict.PROMOTE
    assert sentence.endswith("Passed by exemption: golden_rows (the old sensor is gone).")


@pytest.mark.parametrize(
    ("low", "high", "tie", "expected"),
    [
        (0.0001, 0.02, Tie.PRODUCTION, Verdict.PROMOTE),
        (-0.01, 0.02, Tie.PRODUCTION, Verdict.KEEP),
        (-0.01, 0.02, Tie.CANDIDATE, Verdict.PROMOTE),
        (0.0, 0.0, Tie.PRODUCTION, Verdict.KEEP),
        (-0.02, -0.001, Tie.PRODUCTION, Verdict.KEEP),
        (-0.02, -0.001, Tie.CANDIDATE, Verdict.KEEP),
    ],
)
def test_the_interval_decides(churn_inputs, low, high, tie, expected):
    inputs = with_rules(churn_inputs, tie=tie)
    assert decide_verdict(inputs, Figure(value=(low + high) / 2, low=low, high=high), [])[0] is expected


def test_a_tie_that_ships_says_so(churn_inputs):
    _, sentence = decide_verdict(
        with_rules(churn_inputs, tie=Tie.CANDIDATE), Figure(value=0.004, low=-0.012, high=0.02), []
    )
    assert sentence.startswith("Promote the newer model, as the rule for ties says")
    assert "0.4% lower (95% interval from 1.2% higher to 2.0% lower" in sentence


def test_a_small_certain_loss_is_explained(churn_inputs):
    _, sentence = decide_verdict(churn_inputs, Figure(value=-0.01, low=-0.015, high=-0.005), [])
    assert "1.0% higher (95% interval 0.5% to 1.5%" in sentence
    assert "within the margin of 2.0%" in sentence


@pytest.mark.parametrize("nothing", [None, Figure(value=0.3)])
def test_without_an_interval_nothing_is_promoted(churn_inputs, nothing):
    with pytest.raises(GateError, match="no interval"):
        decide_verdict(churn_inputs, nothing, [])


def test_the_sentence_names_a_metric_that_should_be_high(churn_inputs):
    problem = msgspec.structs.replace(churn_inputs.problem, metric="roc_auc")
    inputs = msgspec.structs.replace(churn_inputs, problem=problem)
    _, sentence = decide_verdict(inputs, Figure(value=0.1, low=0.05, high=0.15), [])
    assert "distance of ROC AUC from 1 is 10.0% lower" in sentence
