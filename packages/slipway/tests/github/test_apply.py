"""`slipway github apply` brings the files of .github to a repository that remembers, and says what a plan lacks."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import ROOT

sys.path.insert(0, str(Path(__file__).parent))

from remembering import Remembering

from slipway.cli import main
from slipway.github.repository.apply import apply_step, plan_repository

ENVIRONMENTS = (
    *("github-pages", "production-approval", "production-rehearsal", "production", "retrain"),
    *("staging-rehearsal", "staging"),
)


@pytest.fixture
def root(tmp_path):
    """A repository with the files of the template."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    return tmp_path


@pytest.fixture(params=["public"])
def kept(request, hub):
    hub.otherwise = Remembering(request.param)
    return hub.otherwise


def environment(root, name, **changes):
    path = root / ".github" / "environments" / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def do(github, root):
    return [apply_step(github, root, step) for step in plan_repository(github, root)]


def actions(steps):
    return [(step.kind, step.name, step.action.value) for step in steps]


def test_a_plan_changes_nothing(hub, github, root, kept):
    steps = plan_repository(github, root)
    assert actions(steps) == [
        ("ruleset", "default branch", "create"),
        ("ruleset", "deployments", "create"),
        ("ruleset", "witnesses", "create"),
        *(("environment", name, "create") for name in ENVIRONMENTS),
        ("deploy key", "slipway ledger", "create"),
        ("ruleset", "deployments writer", "create"),
        ("ruleset", "witnesses writer", "create"),
    ]
    assert hub.changes() == []


def test_what_was_applied_needs_nothing_more(hub, github, root, kept):
    environment(root, "production-approval", reviewers=["@ann", "acme/ml"], wait_minutes=5)
    assert {step.action for step in do(github, root)} == {"created"}
    before = len(hub.changes())
    assert {step.action for step in do(github, root)} == {"leave"}
    assert len(hub.changes()) == before


def test_the_ledger_may_be_pushed_to_but_neither_rewritten_nor_deleted(github, root, kept):
    do(github, root)
    (ledger,) = (each for each in kept.rulesets.values() if each["name"] == "deployments")
    assert ledger["conditions"]["ref_name"]["include"] == ["refs/heads/deployments"]
    assert {rule["type"] for rule in ledger["rules"]} == {"deletion", "non_fast_forward"}


def test_only_the_deploy_key_may_move_the_ledger_and_add_witnesses(github, root, kept):
    do(github, root)
    rulesets = {each["name"]: each for each in kept.rulesets.values()}
    key = [{"actor_id": None, "actor_type": "DeployKey", "bypass_mode": "always"}]
    rules = {name: {rule["type"] for rule in each["rules"]} for name, each in rulesets.items()}
    assert (rules["deployments writer"], rules["witnesses writer"]) == ({"update"}, {"creation"})
    assert rules["witnesses"] == {"deletion", "non_fast_forward", "update"}
    assert rulesets["deployments writer"]["bypass_actors"] == rulesets["witnesses writer"]["bypass_actors"] == key
    assert rulesets["deployments"]["bypass_actors"] == rulesets["witnesses"]["bypass_actors"] == []


def test_the_private_half_of_the_key_is_a_secret_of_the_environments_that_deploy(github, root, kept, tmp_path):
    do(github, root)
    (key,) = kept.keys.values()
    assert not key["read_only"]
    assert kept.secrets.keys() == {"staging", "staging-rehearsal", "production", "production-rehearsal"}
    (private,) = set(kept.secrets.values())
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(private)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", tmp_path / "key"], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[:2] == key["key"].split()[:2]


def test_a_key_that_an_environment_lacks_is_made_again_and_the_old_one_goes(hub, github, root, kept):
    do(github, root)
    (old,) = kept.keys.values()
    del kept.secrets["production"]
    (step,) = (step for step in do(github, root) if step.kind == "deploy key")
    assert step.action == "changed" and "production is missing" in step.details[0]
    assert "a new key replaces the present one" in step.details[1]
    (new,) = kept.keys.values()
    assert new["key"] != old["key"] and len(set(kept.secrets.values())) == 1 and "production" in kept.secrets
    assert new["key"] in step.notes[0], "for the file of the signers"


def test_a_new_key_that_the_signers_do_not_name_says_that_deliveries_are_refused(github, root, kept):
    do(github, root)
    (old,) = kept.keys.values()
    (root / "deploy").mkdir()
    (root / "deploy" / "ledger.signers").write_text(f'slipway@github namespaces="git" {old["key"]}\n')
    del kept.secrets["production"]
    (step,) = (step for step in do(github, root) if step.kind == "deploy key")
    assert "every delivery is refused until main has this line as well (keep the old one)" in step.notes[0]
    (new,) = kept.keys.values()
    assert new["key"] in step.notes[0]


def test_without_the_key_the_rulesets_that_only_it_passes_are_not_made(hub, github, root, kept):
    hub.answers["GET /repos/acme/model/environments/production/secrets/public-key"] = (
        404,
        {"message": "Not Found"},
        {},
    )
    steps = {step.name: step.action for step in do(github, root)}
    assert steps["slipway ledger"] == steps["deployments writer"] == steps["witnesses writer"] == "refused"
    assert kept.keys == {}
    assert "deployments writer" not in [each["name"] for each in kept.rulesets.values()]


def test_an_organisation_that_forbids_deploy_keys_is_told_where_to_allow_them(hub, github, root, kept):
    hub.answers["POST /repos/acme/model/keys"] = (422, {"message": "Deploy keys are disabled for this repository"}, {})
    with pytest.raises(Exception, match=r"forbids deploy keys.*Settings, Repository, Deploy keys"):
        do(github, root)
    assert "deployments writer" not in [each["name"] for each in kept.rulesets.values()]


def test_the_only_person_who_may_write_is_not_locked_out(github, root, kept):
    kept.writers = ["Ann"]
    environment(root, "production-approval", reviewers=["ann"])
    steps = {step.name: step for step in do(github, root)}
    assert "Ann alone may write here" in steps["default branch"].notes[0]
    assert "Ann alone may write here" in steps["production-approval"].notes[0]
    (main_branch,) = (each for each in kept.rulesets.values() if each["name"] == "default branch")
    rules = {rule["type"]: rule.get("parameters", {}) for rule in main_branch["rules"]}
    asked = rules["pull_request"]
    assert asked["required_approving_review_count"] == 0
    assert not asked["require_code_owner_review"] and not asked["require_last_push_approval"]
    assert "required_status_checks" in rules, "the verdict stays"
    assert not kept.environments["production-approval"]["protection_rules"][0]["prevent_self_review"]
    kept.writers.append("ben")
    assert {step.name for step in do(github, root) if step.action == "changed"} == {
        "default branch",
        "production-approval",
    }


def test_the_default_branch_takes_reviewed_pull_requests_with_a_green_verdict(github, root, kept):
    do(github, root)
    (main_branch,) = (each for each in kept.rulesets.values() if each["name"] == "default branch")
    rules = {rule["type"]: rule.get("parameters", {}) for rule in main_branch["rules"]}
    assert main_branch["bypass_actors"] == []
    assert main_branch["enforcement"] == "active"
    assert {"deletion", "non_fast_forward"} <= rules.keys()
    assert rules["pull_request"]["require_code_owner_review"]
    assert [each["context"] for each in rules["required_status_checks"]["required_status_checks"]] == ["verdict"]


def test_reviewers_are_asked_by_number_and_may_not_approve_their_own(github, root, kept):
    environment(root, "production-approval", reviewers=["ann", "acme/ml"])
    do(github, root)
    rule = kept.environments["production-approval"]["protection_rules"][0]
    assert rule["prevent_self_review"]
    assert [each["reviewer"]["id"] for each in rule["reviewers"]] == [11, 22]
    assert kept.branches["production-approval"] == {1: "main"}
    assert kept.environments["production"]["protection_rules"] == []


def test_a_reviewer_who_is_unknown_is_said_before_anything_is_done(hub, github, root, kept):
    environment(root, "production-approval", reviewers=["nobody-such"])
    with pytest.raises(Exception, match=r"reviewer 'nobody-such', but GitHub shows this token no such user"):
        plan_repository(github, root)
    assert hub.changes() == []


def test_without_reviewers_production_says_that_it_deploys_without_a_review(github, root, kept):
    (production,) = (step for step in plan_repository(github, root) if step.name == "production-approval")
    assert "deploys without a review" in production.notes[0]
    assert "promote.yml" in production.notes[0]


def test_a_rule_that_was_loosened_by_hand_is_found_and_restored(github, root, kept):
    do(github, root)
    (number,) = (key for key, each in kept.rulesets.items() if each["name"] == "default branch")
    rules = kept.rulesets[number]["rules"]
    kept.rulesets[number]["rules"] = [rule for rule in rules if rule["type"] != "deletion"]
    kept.rulesets[number]["enforcement"] = "disabled"
    kept.rulesets[number]["bypass_actors"] = [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]
    kept.branches["production"] = {7: "*"}
    steps = {step.name: step for step in plan_repository(github, root)}
    assert steps["default branch"].details == [
        'enforcement: "active" instead of "disabled"',
        "bypass_actors: without 5",
        "rules: with deletion",
    ]
    assert steps["production"].details == ["branches: with main", "branches: without *"]
    assert steps["deployments"].action == "leave"
    assert {step.action for step in do(github, root)} == {"leave", "changed"}
    assert {step.action for step in plan_repository(github, root)} == {"leave"}
    assert kept.branches["production"] == {8: "main"}


def test_a_rule_that_is_looser_than_the_file_is_a_difference(github, root, kept):
    do(github, root)
    (found,) = (each for each in kept.rulesets.values() if each["name"] == "default branch")
    (rule,) = (rule for rule in found["rules"] if rule["type"] == "pull_request")
    rule["parameters"]["required_approving_review_count"] = 0
    steps = {step.name: step for step in plan_repository(github, root)}
    assert steps["default branch"].details == [
        "rules.pull_request.parameters.required_approving_review_count: 1 instead of 0"
    ]


def test_a_plan_without_reviewers_gets_the_branch_limit_and_a_sentence(hub, github, root):
    hub.otherwise = kept = Remembering("team")
    environment(root, "production-approval", reviewers=["ann"])
    steps = {step.name: step for step in do(github, root)}
    assert steps["staging"].action == steps["production-approval"].action == "created"
    assert "no required reviewers for private repositories" in steps["production-approval"].notes[0]
    assert "promote.yml" in steps["production-approval"].notes[0]
    assert steps["staging"].notes == steps["production"].notes == []
    assert kept.branches == {name: {1: "main"} for name in ENVIRONMENTS}


def test_a_plan_without_rulesets_and_environments_is_a_sentence_and_no_error(hub, github, root):
    hub.otherwise = Remembering("free")
    steps = do(github, root)
    assert {step.action for step in steps} == {"refused"}
    assert "no rulesets for private repositories" in steps[0].notes[0]
    assert all("promote.yml" in step.notes[0] for step in steps if step.kind == "environment")
    (key,) = (step for step in steps if step.kind == "deploy key")
    assert "whoever may push a branch may write the ledger" in key.notes[0]


def test_a_404_that_is_no_matter_of_the_plan_stays_an_error(hub, github, root, kept):
    hub.answers["PUT /repos/acme/model/environments/production"] = (404, {"message": "Not Found"}, {})
    with pytest.raises(Exception, match="the token may not see it"):
        do(github, root)


@pytest.fixture
def run(hub, root, monkeypatch):
    monkeypatch.chdir(root)
    monkeypatch.setenv("GITHUB_API_URL", hub.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/model")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")

    def run(*words):
        return CliRunner().invoke(main, ["github", *words])

    return run


def test_the_command_shows_first_and_does_it_with_yes(hub, kept, run):
    dry = run("apply")
    assert dry.exit_code == 0, dry.output
    assert "13 create. Nothing was changed yet. Next: slipway github apply --yes" in dry.output
    assert "/gate.yaml, /monitor.yaml, /.github/, " in dry.output
    assert hub.changes() == []
    assert "13 created" in run("apply", "--yes").output
    assert "Nothing to do." in run("apply", "--yes").output


def test_the_command_speaks_json(kept, run):
    found = json.loads(run("apply", "--json").output)
    assert [step["action"] for step in found["steps"]] == ["create"] * 13
    assert found["repository"] == "acme/model"


def test_the_check_shows_what_is_open_and_what_to_press(hub, kept, run, root):
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    hub.answers["GET /repos/acme/model/actions/permissions/workflow"] = {"default_workflow_permissions": "write"}
    hub.answers["GET /repos/acme/model/actions/permissions"] = {"enabled": True, "allowed_actions": "selected"}
    selected = {"github_owned_allowed": True, "patterns_allowed": ["docker/*"]}
    hub.answers["GET /repos/acme/model/actions/permissions/selected-actions"] = selected
    hub.answers["GET /repos/acme/model/code-scanning/default-setup"] = {"state": "configured"}
    before = json.loads(run("check", "--json").output)["protections"]
    presses = " ".join(each["press"] for each in before)
    assert "aws-actions/configure-aws-credentials@*, sigstore/cosign-installer@*" in presses
    assert "docker/login-action" not in presses and "actions/checkout@" not in presses
    assert "CodeQL analysis: switch to advanced" in presses and "gh label create model" in presses
    assert "the ledger cannot be rewritten or deleted" in {each["what"] for each in before if each["holds"] is False}
    assert hub.changes() == []
    run("apply", "--yes")
    run("owners", "@acme/ml")
    environment(root, "production-approval", reviewers=["ann"])
    run("apply", "--yes")
    after = run("check").output
    assert "rewritten" not in after and "is approved" not in after
    assert "deploy/ledger.signers names no key" in after
    assert "Settings, Actions, General" in after
    (root / "deploy").mkdir()
    (key,) = kept.keys.values()
    line = f'slipway@github namespaces="git" {key["key"]}'
    (root / "deploy" / "ledger.signers").write_text('slipway@github namespaces="git" ssh-ed25519 AAAA\n')
    (lacking,) = (
        each for each in json.loads(run("check", "--json").output)["protections"] if "lacks the" in each["found"]
    )
    assert not lacking["holds"] and " ".join(line.split()[:4]) in lacking["press"]
    (root / "deploy" / "ledger.signers").write_text(f"{line}\n")
    hub.answers["GET /repos/acme/model/actions/permissions/workflow"] = {"default_workflow_permissions": "read"}
    selected["patterns_allowed"] += ["aws-actions/*", "sigstore/cosign-installer@*"]
    hub.answers["GET /repos/acme/model/code-scanning/default-setup"] = {"state": "not-configured"}
    hub.answers["GET /repos/acme/model/labels/model"] = {"name": "model"}
    assert "protections hold" in run("check").output and "not protected" not in run("check").output


def test_the_check_of_a_free_private_repository_says_what_its_plan_lacks(hub, run, root):
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    hub.otherwise = Remembering("free")
    found = {each["what"]: each for each in json.loads(run("check", "--json").output)["protections"]}
    assert found["the ledger cannot be rewritten or deleted"]["found"] == "this plan lacks it"
    assert not found["only images that cd built, or a trusted key signed, are started"]["holds"]


def test_the_token_comes_from_gh_for_the_host_that_is_asked(hub, kept, run, tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.write_text('#!/bin/sh\ntest "$1 $2 $3" = "auth token --hostname" && echo "for-$4"\n')
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}:/usr/bin:/bin")
    assert run("apply").exit_code == 0
    assert hub.asked[0].headers["authorization"] == "Bearer for-127.0.0.1"


def test_no_token_at_all_says_what_to_do(kept, run, tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    failed = run("apply")
    assert failed.exit_code == 1
    assert "No token" in failed.output
    assert "gh auth login" in failed.output


def test_a_file_that_says_something_unknown_is_named(kept, run, root):
    environment(root, "staging", reviewer=["ann"])
    failed = run("apply")
    assert failed.exit_code == 1
    assert "staging.json" in failed.output
    assert "unknown key `reviewer`" in failed.output


def test_owners_are_filled_in_once_and_can_be_changed(run, root):
    assert run("owners", "@acme/ml").exit_code == 0
    assert run("owners", "@acme/ml-platform").exit_code == 0
    text = (root / ".github" / "CODEOWNERS").read_text()
    assert "/gate.yaml @acme/ml-platform\n" in text
    assert text.startswith("# ")
    assert run("owners", "acme").exit_code == 1
    assert "no owner" not in text
