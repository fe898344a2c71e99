"""The holdout is whole where it has the rows that production's model was evaluated on, as its record says."""

import msgspec
import pytest
from gatebox import isolated, with_rules
from projectbox import make_project, with_production
from toybox import reseal

from slipway.bundle import load_bundle
from slipway.evaluation.record import make_record
from slipway.gate.checks.holdout import holdout_whole
from slipway.gate.collect import collect_inputs
from slipway.gate.inputs import ScoredBundle


@pytest.fixture
def recorded(churn, churn_inputs):
    """The inputs of churn, whose production has an evaluation record on the same rows."""
    bundle, scored = churn_inputs.production.bundle, churn_inputs.production.scored
    record = make_record(bundle, churn.problem, churn.params, scored, churn.holdout)
    return msgspec.structs.replace(churn_inputs, evaluation_record=record)


def test_the_rows_of_the_record_are_those_to_be_found_again(recorded):
    rows = len(recorded.holdout)
    found = holdout_whole(recorded)
    assert found.passed
    assert f"{rows:,} when production's model was evaluated" in found.observed
    more = tuple(each + 9 for each in recorded.evaluation_record.rows)
    shrunk = msgspec.structs.replace(
        recorded, evaluation_record=msgspec.structs.replace(recorded.evaluation_record, rows=more)
    )
    assert not holdout_whole(shrunk).passed
    assert holdout_whole(with_rules(shrunk, shrink=0.9)).passed


def test_a_release_without_a_record_is_reported_as_such(churn_inputs):
    found = holdout_whole(churn_inputs)
    assert found.passed
    assert "production's model has no evaluation record" in found.observed
    assert (
        "no release to compare with" in holdout_whole(msgspec.structs.replace(churn_inputs, production=None)).observed
    )


def test_a_bundle_of_format_1_was_certified_on_the_holdout(churn_inputs, loose_bundle):
    rows = len(churn_inputs.holdout) * 2
    content = b'{"label_flips": 0, "largest_difference": 1e-7, "rows": %d}' % rows
    reseal(loose_bundle, "certificate.json", content)
    production = ScoredBundle(isolated(load_bundle(loose_bundle)), churn_inputs.production.scored)
    found = holdout_whole(msgspec.structs.replace(churn_inputs, production=production))
    assert not found.passed
    assert f"{rows:,} when production's model was evaluated" in found.observed


def test_the_record_comes_from_the_ledger(tmp_path):
    project = with_production(make_project(tmp_path / "project", rows=1200), tmp_path / "production")
    inputs = collect_inputs(project.root, None, None, None)
    assert inputs.evaluation_record.bundle == inputs.production.bundle.digest
    assert sum(inputs.evaluation_record.rows) == len(project.holdout)
