"""The catalogue is whole, and a few of its mutants are hunted for real; `make mutants` hunts all."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from catalogue import CATALOGUE
from hunt import hunt, make_good

from slipway.gate.checks import CHECKS

OPENING = {"inputs", "integrity", "certificate", "golden_rows", "ledger", "production"}
QUICK = ("flipped_byte", "metrics_edited", "range_narrowed", "rules_loosened", "ledger_deleted")


def test_every_mutant_is_described_and_expects_a_check_that_exists():
    known = {check.name for check in CHECKS} | OPENING
    assert len(CATALOGUE) >= 30
    for mutant in CATALOGUE.values():
        assert mutant.what, mutant.name
        assert mutant.check in known, mutant.name


def test_every_check_has_a_mutant_that_only_it_is_there_for():
    hunted = {mutant.check for mutant in CATALOGUE.values()}
    missing = {check.name for check in CHECKS} - hunted
    assert missing == {"plausible_skill"}, "these have tests of their own"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make_good(tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize("name", QUICK)
def test_it_is_refused_for_its_own_reason_and_its_twin_passes(good, tmp_path, name):
    (outcome,) = hunt(good, [CATALOGUE[name]], tmp_path, lambda _: None)
    assert outcome.caught, outcome
