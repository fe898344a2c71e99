"""The workflows keep every policy, and a policy is there for something: each has a mutant that it catches."""

import re
import sys

import pytest
from places import ROOT, TESTS
from policies import POLICIES
from policies.reading import parse, read

sys.path.insert(0, str(TESTS / "mutants"))

from workflows import MUTANTS, hunt, mutated

DELIVERS = re.compile(r"\bslipway (deploy|promote|rollback)\b")


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_is_kept(policy):
    assert policy(read(ROOT)) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught_by_its_policy(mutant):
    assert hunt(ROOT, mutant) != []


def test_every_policy_has_a_mutant():
    assert {mutant.policy for mutant in MUTANTS} == POLICIES.keys()


def test_a_mutant_that_does_not_apply_is_no_mutant():
    mutant = MUTANTS[0]._replace(edit=lambda text: text)
    with pytest.raises(AssertionError, match="does not apply"):
        mutated(ROOT, mutant)


def test_on_is_a_word_and_a_comment_is_found():
    found = parse(ROOT, "x.yml", "on: push\njobs:\n  a:\n    # why\n    permissions: {contents: read} # what\n")
    assert found.events == {"push": {}}
    assert found.comment(("jobs", "a", "permissions")) == "what"
    assert found.comment(("jobs", "a")) == ""


def test_every_step_that_delivers_has_one_environment():
    (deploy,) = (workflow for workflow in read(ROOT) if workflow.name == "deploy.yml")
    steps = [step for _, _, step in deploy.steps if DELIVERS.search(str(step.get("run")))]
    assert len(steps) == 4
    assert all(step["env"] == steps[0]["env"] for step in steps)
