"""The target `ecs` against moto's ECS on loopback, whose tasks are real services."""

import json
import re
import shutil

import pytest
from ecsbox import BROKEN, CLUSTER, REGION, run_ecs
from places import ROOT
from projectbox import make_project
from releases import killed_after, quiet

from slipway.delivery.reconcile import reconcile, stop_service
from slipway.delivery.rollout import Change, open_environment, roll_out
from slipway.delivery.status import read_status
from slipway.delivery.targets import aws
from slipway.delivery.targets.catalogue import add_target
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.evaluation.record import RECORD
from slipway.ledger import Event, Release

IMAGE = "registry.example.org/churn@sha256:" + "a" * 64


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose staging runs on ECS, and two bundles."""
    folder = tmp_path_factory.mktemp("ecs")
    project = make_project(folder / "project")
    bundles = {}
    for trees in (2, 8):
        digest = project.retrain(trees=trees).digest
        bundles[digest] = folder / digest / "bundle"
        shutil.copytree(project.bundle, bundles[digest])
        shutil.copy(project.root / RECORD, folder / digest)
    return project, bundles


@pytest.fixture
def world(made, tmp_path):
    """The project, its bundles, and an empty cluster that its target reaches."""
    project, bundles = made
    project = project.copy(tmp_path / "project")
    add_target(project.root, "ecs", "staging")
    for name in ("task-definition", "service"):
        path = project.root / "deploy" / "ecs" / f"{name}.json"
        document = json.loads(path.read_text().replace('"REPLACE"', '"mine"'))
        # moto looks subnets up in an EC2 of its own, which is empty.
        document.pop("networkConfiguration", None)
        path.write_text(json.dumps(document))
    with run_ecs(tmp_path) as ecs:
        path = project.root / "pyproject.toml"
        text = re.sub("(?m)^url = .*", f'url = "{ecs.url}"', path.read_text())
        path.write_text(text)
        ecs.bundles = bundles
        yield project, ecs


def deploy(world, digest, image=IMAGE, say=quiet):
    project, ecs = world
    with open_environment(project.root, "staging", say) as held:
        change = Change(Event.DEPLOY, Release(bundle=digest, image=image), ecs.bundles[digest])
        return roll_out(held, held.ledger.read("staging"), change)


def test_a_release_runs_by_digest_a_broken_one_is_undone_and_the_service_is_removed(world):
    project, ecs = world
    old, new = ecs.bundles
    first = deploy(world, old).entry.serving
    container = ecs.backend.describe_task_definition(ecs.service().task_definition).container_definitions[0]
    assert (container["image"], ecs.service().cluster_name) == (IMAGE, CLUSTER)
    said = []
    with pytest.raises(DeliveryError, match=r"tasks failed to start.*unable to start tasks.*serves, as the ledger"):
        deploy(world, new, BROKEN, said.append)
    assert any("unable to start tasks" in line for line in said)
    target = find_target(project.root, "staging")
    assert (target.observe(), target.out_of_sync(first.bundle, IMAGE)) == (first.bundle, None)
    # The definition of the release before was found again, so three were registered in all: old, broken, new.
    second = deploy(world, new).entry.serving
    assert target.observe() == second.bundle
    assert ecs.calls.count("RegisterTaskDefinition") == 3
    assert stop_service(project.root, "staging", quiet) and not target.is_running()


def test_changes_by_hand_are_named_and_reconciled(world):
    project, ecs = world
    deploy(world, next(iter(ecs.bundles)))
    service = ecs.service()
    (ours,) = (each.differs for each in read_status(project.root) if each.environment == "staging")
    assert ours is None
    service.desired_count = service.running_count = 1
    (count,) = (each.differs for each in read_status(project.root) if each.environment == "staging")
    assert "runs 1 of 1 tasks, service.json says 2" in count
    reconcile(project.root, "staging", quiet)
    assert service.desired_count == 2


def test_a_killed_command_is_finished_by_the_next(world):
    project, ecs = world
    entry = deploy(world, next(iter(ecs.bundles))).entry
    target = find_target(project.root, "staging")
    target.remove()
    for point in ("_register", "_wait_for"):
        killed = killed_after(project, f"delivery.targets.ecs.EcsTarget.{point}", 1, "reconcile", "staging")
        killed.communicate()
        assert killed.returncode == -9
    reconcile(project.root, "staging", quiet)
    assert target.out_of_sync(entry.serving.bundle, IMAGE) is None
    assert ecs.calls.count("RegisterTaskDefinition") == 1


def test_a_deployment_that_another_command_replaced_fails_and_the_ledger_is_served(world):
    project, ecs = world
    old, new = ecs.bundles
    deploy(world, old)
    ecs.replaced = True
    with pytest.raises(DeliveryError, match="another command replaced the deployment"):
        deploy(world, new)
    assert find_target(project.root, "staging").out_of_sync(old, IMAGE) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ExpiredTokenException", "The session has expired. Log in again: `aws sso login`"),
        ("UnrecognizedClientException", "AWS does not know these credentials"),
        ("AccessDeniedException", r"arn:aws:iam::\(account\):role/ci is not allowed.*Give the role this right"),
        ("ClusterNotFoundException", r"Expected the cluster default in this region. Create it, or change \[tool"),
    ],
)
def test_an_error_of_aws_says_what_to_do(world, code, expected):
    project, ecs = world
    ecs.faults = [(code, "arn:aws:iam::123456789012:role/ci is not allowed")]
    with pytest.raises(DeliveryError, match=expected) as found:
        find_target(project.root, "staging").preflight()
    assert "123456789012" not in str(found.value)


def test_throttled_requests_are_repeated(world):
    project, ecs = world
    ecs.faults = [("ThrottlingException", "Rate exceeded")]
    assert find_target(project.root, "staging").observe() is None
    assert ecs.calls.count("DescribeServices") == 2


def test_without_credentials_or_a_region_that_exists_the_message_says_so(world, monkeypatch):
    project, _ = world
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    with pytest.raises(DeliveryError, match=r"Cannot describe the service of staging in eu-central-1.*`aws sso login`"):
        find_target(project.root, "staging").preflight()
    with pytest.raises(DeliveryError, match=r"Cannot connect to ecs in nowhere!.*Expected a region"):
        aws.open_client("ecs", "nowhere!")


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("service", {"desiredCont": 1}, 'Unknown parameter in input: "desiredCont"'),
        ("service", {"deploymentConfiguration": {}}, "expected a deploymentCircuitBreaker"),
        ("service", {"loadBalancers": "REPLACE"}, 'expected your own values, found "REPLACE"'),
        ("task-definition", {"containerDefinitions": []}, "expected a container service, found none"),
        ("task-definition", {"cpu": 512}, "Invalid type for parameter cpu"),
    ],
)
def test_a_file_that_ecs_would_refuse_is_refused_before_anything_changes(world, file, change, expected):
    project, ecs = world
    path = project.root / "deploy" / "ecs" / f"{file}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DeliveryError, match=expected):
        find_target(project.root, "staging").preflight()
    assert ecs.calls == []


def test_the_least_policy_names_every_call_of_a_deployment(world):
    project, ecs = world
    deploy(world, next(iter(ecs.bundles)))
    deploy(world, list(ecs.bundles)[1])
    find_target(project.root, "staging").remove()
    page = (ROOT / "docs" / "targets" / "ecs.md").read_text()
    allowed = set(re.findall(r'"ecs:(\w+)"', page))
    assert set(ecs.calls) == allowed
    assert REGION in page
