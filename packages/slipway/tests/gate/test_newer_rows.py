"""The comparison on the rows after production's last training day, which may decide between promote and keep."""

import msgspec
import numpy as np
import pandas as pd
import pytest
from gatebox import inverted, make_inputs, with_production_scores, with_rules, with_scores
from projectbox import add_a_year, make_project, with_production

from slipway.bundle.profile import Blocks, Order, Profile, decode_profile
from slipway.figures import Figure
from slipway.gate.checks.newer import compare_newer_rows, newer_rows_dated
from slipway.gate.checks.quality import not_eroded
from slipway.gate.report import render_gate_report
from slipway.gate.result import GateResult, Verdict
from slipway.gate.rules import Decides, Tie
from slipway.gate.run import decide_verdict, run_gate
from slipway.gate.statistics.newer_rows import find_newer_rows
from slipway.github.pr_report.render import render_headline
from slipway.github.pr_report.schema import Report
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

# Eight held-out days are later, and five are not.
LAST = pd.Timestamp("2024-01-18")


@pytest.fixture(scope="module")
def early(toys, tmp_path_factory):
    """Inputs whose production was trained on the days until the 18th of January, and scores as the candidate does."""
    toy = toys["churn"]
    train = toy.train[toy.train["time"] <= LAST].reset_index(drop=True)
    fitted = fit_estimator(toy.problem, toy.params, train)
    folder = tmp_path_factory.mktemp("early") / "bundle"
    inputs = make_inputs(toy, seal_bundle(toy.problem, fitted, toy.params.train.threshold, train, folder)[0])
    return with_production_scores(inputs, inputs.candidate.scored.scores)


def where(inputs, newer):
    """The positions of the rows after production's last training day, or of the others."""
    return np.flatnonzero((inputs.holdout["time"] > LAST).to_numpy() == newer)


def worse_on(inputs, rows):
    """Let production's scores of these rows be turned round, so that the candidate is better there."""
    return with_production_scores(inputs, inverted(inputs, rows))


def judge(inputs):
    relative = inputs.newer.gain if inputs.newer_decide else inputs.gain
    return decide_verdict(inputs, relative, [])


def last_day(inputs):
    return decode_profile(inputs.production.bundle.sealed.files["profile.json"]).blocks.days[-1]


def test_it_is_made_on_the_rows_after_the_last_block_of_the_sealed_profile(early):
    days = early.holdout["time"].to_numpy().astype("datetime64[D]").astype(int)
    found = compare_newer_rows(worse_on(early, where(early, newer=True)))
    assert found.rows == (days > last_day(early)).sum() > 0
    assert found.groups == early.holdout["group"][days > last_day(early)].nunique()
    assert np.datetime64(found.day).astype(int) == last_day(early)
    assert found.relative.low > 0
    assert found.metrics[0].metric == "log_loss"
    assert found.note.startswith("log loss ") and f"{found.rows:,} held-out rows" in found.note
    assert not found.decides


@pytest.mark.parametrize("decides", Decides)
def test_promote_and_keep_follow_the_rows_that_decide(early, decides):
    newer_better, old_better = (
        with_rules(worse_on(early, where(early, newer=newer)), decides=decides) for newer in (True, False)
    )
    assert judge(newer_better)[0] is Verdict.PROMOTE
    assert judge(old_better)[0] is (Verdict.KEEP if decides is Decides.NEWER else Verdict.PROMOTE)


def test_a_sentence_that_newer_rows_decided_names_the_day_and_their_number(early):
    inputs = with_rules(worse_on(early, where(early, newer=True)), decides=Decides.NEWER)
    _, sentence = judge(inputs)
    assert f"log loss after {inputs.newer.day:%Y-%m-%d}, production's last training day, is " in sentence
    assert f"on {len(inputs.newer.rows):,} rows in {inputs.newer.groups} groups)" in sentence


def test_a_loss_on_newer_rows_keeps_production_whatever_the_rest_gained(early):
    newer, old = where(early, newer=True), where(early, newer=False)
    inputs = with_scores(worse_on(early, old), inverted(early, newer))
    verdict, sentence = judge(with_rules(inputs, decides=Decides.NEWER, tie=Tie.CANDIDATE))
    assert verdict is Verdict.KEEP
    assert "that is statistically significant (one-sided)." in sentence
    assert "margin" not in sentence, "the margin is about the whole holdout"


@pytest.mark.parametrize(("tie", "verdict"), [(Tie.PRODUCTION, Verdict.KEEP), (Tie.CANDIDATE, Verdict.PROMOTE)])
def test_a_tie_on_newer_rows_is_one_whatever_the_rest_lost(early, tie, verdict):
    worse = with_scores(early, inverted(early, where(early, newer=False)))
    found, sentence = judge(with_rules(worse, decides=Decides.NEWER, tie=tie))
    assert (found, "does not differ significantly" in sentence) == (verdict, True), "checks refuse what the rest lost"


def test_in_place_of_a_distrusted_model_nothing_is_decided_on_newer_rows(early):
    inputs = with_rules(worse_on(early, where(early, newer=False)), decides=Decides.NEWER)
    assert judge(inputs)[0] is Verdict.KEEP
    assert not msgspec.structs.replace(inputs, dethroned=early.production.bundle).newer_decide


def test_the_first_release_has_nothing_to_compare_with(toys):
    inputs = with_rules(make_inputs(toys["churn"], None), decides=Decides.NEWER)
    assert compare_newer_rows(inputs).note == "no release to compare with"
    verdict, sentence = judge(inputs)
    assert verdict is Verdict.PROMOTE and "holdout" not in sentence


def test_too_few_newer_rows_leave_the_decision_to_the_whole_holdout(early):
    inputs = with_rules(worse_on(early, where(early, newer=False)), decides=Decides.NEWER, slice_rows=100_000)
    found = compare_newer_rows(inputs)
    assert not found.decides and found.relative is None and found.metrics == ()
    assert found.note.endswith("expected 100,000 in 8")
    verdict, sentence = judge(inputs)
    assert verdict is Verdict.PROMOTE
    assert sentence.endswith(f"Decided on the whole holdout: {found.note}.")


def test_a_metric_that_is_undefined_on_newer_rows_is_no_refusal(early):
    target = early.candidate.scored.target.copy()
    target[where(early, newer=True)] = 1
    sides = {}
    for name in ("candidate", "production"):
        side = getattr(early, name)
        sides[name] = msgspec.structs.replace(side, scored=msgspec.structs.replace(side.scored, target=target))
    ranked = msgspec.structs.replace(early.problem, metric="roc_auc")
    inputs = with_rules(msgspec.structs.replace(early, problem=ranked, **sides), decides=Decides.NEWER)
    assert compare_newer_rows(inputs).note.endswith("roc_auc is undefined there")
    assert judge(inputs)[0] is Verdict.KEEP


def profile(**blocks):
    whole = {"order": Order.DAYS, "rows": (200,), "days": (19_700,), "counts": b""}
    return Profile(rows=200, inputs={}, scores=(), blocks=Blocks(**whole | blocks))


def holdout(*times, zone=None):
    time = pd.Series(pd.to_datetime(list(times))).dt.tz_localize(zone)
    return pd.DataFrame({"group": [f"g{number}" for number in range(len(times))], "time": time})


@pytest.mark.parametrize(
    ("profile", "rows", "why"),
    [
        (Profile(rows=9, inputs={}, scores=()), holdout("2030-01-01"), "too old to hold the days"),
        (profile(order=Order.GROUPS, days=()), holdout("2030-01-01"), "trained on rows without `time`"),
        (profile(), holdout("2030-01-01").drop(columns="time"), "no column `time`"),
        (profile(), holdout("2023-12-09"), "no held-out row is later than 2023-12-09"),
    ],
)
def test_where_days_are_unknown_the_reason_is_said(profile, rows, why):
    found = find_newer_rows(profile, rows, np.arange(len(rows)))
    assert why in found.obstacle
    assert len(found.rows) == 0


def test_the_last_training_day_ends_at_midnight_utc_and_a_row_without_time_is_not_newer():
    rows = holdout("2023-12-09 23:59", "2023-12-10 00:00", None)
    assert find_newer_rows(profile(), rows, np.arange(3)).rows.tolist() == [1]
    rows = holdout("2023-12-09 18:59", "2023-12-09 19:00", None, zone="America/New_York")
    assert find_newer_rows(profile(), rows, np.arange(3)).rows.tolist() == [1]
    assert find_newer_rows(profile(), rows, np.array([0, 2])).rows.tolist() == []


def test_undated_rows_fail_only_where_the_newer_rows_decide(early):
    undated = msgspec.structs.replace(early, holdout=early.holdout.assign(time=pd.NaT))
    assert newer_rows_dated(undated).passed
    assert "not asked" in newer_rows_dated(undated).observed
    failed = newer_rows_dated(with_rules(undated, decides=Decides.NEWER))
    assert not failed.passed
    assert failed.observed.endswith("held-out rows without `time`")
    timeless = msgspec.structs.replace(early, holdout=early.holdout.drop(columns="time"))
    assert newer_rows_dated(with_rules(timeless, decides=Decides.NEWER)).observed == "no column `time`"
    assert newer_rows_dated(with_rules(early, decides=Decides.NEWER)).passed


def test_erosion_is_asked_about_where_newer_rows_decide(early):
    assert "not asked" in not_eroded(early).observed
    assert not_eroded(with_rules(early, decides=Decides.NEWER)).observed == "no earlier release"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a year of newer days, on which its candidate was trained and its production was not."""
    folder = tmp_path_factory.mktemp("newer")
    project = with_production(make_project(folder / "project"), folder / "production")
    project.retrain(*add_a_year(project))
    return project


def test_a_pull_request_is_judged_by_the_rows_that_decide_in_its_base(project):
    base = project.commit("newer days")
    project.change_rules(decides="newer")
    proposed = run_gate(project.root, base=base)
    assert not proposed.newer.decides
    assert "gate.yaml decides: holdout -> newer (judged by holdout)" in proposed.moved
    merged = run_gate(project.root, base=project.commit("the newer rows decide"))
    assert merged.newer.decides
    assert merged.verdict is Verdict.PROMOTE, merged.sentence
    assert "after 2024-0" in merged.sentence


def test_report_and_json_have_it_and_older_files_are_read(project):
    project.change_rules(decides="newer")
    found = run_gate(project.root)
    report = render_gate_report(found)
    assert f"**Since production's last training day, {found.newer.day}**, which decides: " in report
    assert report.count("| metric |") == 2
    written = msgspec.json.decode(msgspec.json.encode(found), type=GateResult)
    assert written == found
    older = {key: value for key, value in msgspec.to_builtins(found).items() if key != "newer"}
    assert msgspec.convert(older, GateResult).newer is None
    assert "Since production" not in render_gate_report(msgspec.convert(older, GateResult))


def test_the_headline_of_a_pull_request_is_about_the_rows_that_decided(project):
    project.change_rules(decides="newer")
    found = run_gate(project.root)
    tied = msgspec.structs.replace(found, relative=msgspec.structs.replace(found.relative, low=-1.0))
    worse = msgspec.structs.replace(found.newer, relative=Figure(value=-0.3, low=-0.4, high=-0.2))
    kept = msgspec.structs.replace(found, verdict=Verdict.KEEP, newer=worse)
    headlines = [render_headline(Report(head="a" * 40, base="a" * 40, gate=gate)) for gate in (tied, kept)]
    assert "Significantly better" in headlines[0]
    assert headlines[1].startswith("⏸️ Worse since production's last training day")
