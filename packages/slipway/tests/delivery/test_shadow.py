"""`slipway shadow`: a second bundle beside the release, brought and taken away while clients ask."""

import io
import shutil
import signal
import tarfile

import pytest
from ledgerbox import deploy
from load import Callers
from releases import quiet
from toybox import make_toy, rows_of
from waiting import wait_until

from slipway.bundle.verify import read_sealed
from slipway.delivery.reconcile import reconcile
from slipway.delivery.rollout import OpenEnvironment
from slipway.delivery.shadow import start_shadow, switch_shadow
from slipway.delivery.smoke_test import Smoke
from slipway.delivery.status import describe_status, read_status
from slipway.delivery.targets.base import PreparedRelease, Target, TargetSettings
from slipway.delivery.targets.containers.mounted_files import ContainerInputs, _pack, add_folder
from slipway.delivery.targets.local import process
from slipway.delivery.targets.registry import find_target
from slipway.delivery.targets.shadow_link import ShadowLink
from slipway.errors import DeliveryError, SettingsError
from slipway.ledger import Ledger
from slipway.serving.log import Shadow
from slipway.serving.log.reader import read_log
from slipway.settings import ProjectSettings


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Another model than the candidate's."""
    return make_toy("churn", tmp_path_factory.mktemp("served") / "bundle", rows=2000).bundle


@pytest.fixture
def target(project, served):
    """Production, which serves another model than the candidate."""
    deploy(project.root, served)
    reconcile(project.root, "production", quiet)
    return find_target(project.root, "production")


def test_a_shadow_comes_stays_and_goes_without_a_lost_request(project, target, served, churn):
    candidate = read_sealed(project.bundle).digest
    assert target.observe_shadow() is None
    with Callers(target.url, rows_of(churn, 1)[0], number=2, pause=0.01) as callers:
        assert switch_shadow(project.root, "production", "candidate", quiet).changed
        assert (target.observe(), target.observe_shadow()) == (served.digest, candidate)
        asked = len(callers.acknowledged)
        wait_until(lambda: len(callers.acknowledged) > asked + 5)
    assert (callers.failures, callers.broken) == ([], 0)
    log = target.folder / "log"
    wait_until(lambda: callers.acknowledged[-1] in {each.id for each in read_log(log) if isinstance(each, Shadow)})
    assert {each.model for each in read_log(log) if isinstance(each, Shadow)} == {candidate}

    assert not switch_shadow(project.root, "production", candidate[:12], quiet).changed, "it has that shadow already"
    status = next(each for each in read_status(project.root) if each.environment == "production")
    assert f"shadow {candidate[:12]}" in describe_status(status)
    process.find_process(str(target.folder)).send_signal(signal.SIGTERM)
    wait_until(lambda: process.find_process(str(target.folder)) is None)
    reconcile(project.root, "production", quiet)
    assert target.observe_shadow() == candidate, "a restart keeps the shadow"

    assert switch_shadow(project.root, "production", "off", quiet).shadow is None
    assert (target.observe_shadow(), target.out_of_sync(served.digest)) == (None, None)


def test_a_shadow_is_found_in_the_ledger_and_one_that_the_service_refuses_changes_nothing(
    project, target, served, toys
):
    candidate = read_sealed(project.bundle).digest
    deploy(project.root, read_sealed(project.bundle), "staging")
    shutil.rmtree(project.bundle)
    assert switch_shadow(project.root, "production", candidate[:8], quiet).shadow == candidate
    assert target.observe_shadow() == candidate

    shutil.copytree(toys["rents"].bundle.path, project.bundle)
    with pytest.raises(SettingsError, match="cannot be compared with the bundle that is served"):
        switch_shadow(project.root, "production", "candidate", quiet)
    assert (target.observe(), target.observe_shadow()) == (served.digest, candidate)
    refused = {"00000000": "or 8 or more digits", candidate[:7]: "or 8 or more digits", served.digest: "itself"}
    for chosen, reason in refused.items():
        with pytest.raises(DeliveryError, match=reason):
            switch_shadow(project.root, "production", chosen, quiet)


def test_a_bundle_that_cannot_shadow_what_serves_is_left_out_before_the_service_starts(tmp_path, toys, churn):
    link = ShadowLink(tmp_path)
    sealed = read_sealed(churn.bundle.path)
    link.settle(sealed)
    assert (link.digest, link.read(), link.path.is_dir()) == (None, None, True)
    for damage in (False, True):
        other = read_sealed((churn if damage else toys["rents"]).bundle.path)
        link.point(other)
        assert link.read().digest == other.digest
        if damage:
            (link.path / "model.onnx").write_bytes(b"damaged")
        link.settle(sealed)
        assert link.digest is None
    link.point(sealed)
    link.settle(sealed)
    assert link.read().digest == sealed.digest, "a damaged copy was replaced"


class Stubborn(Target):
    """A target whose services fail as long as there is a shadow."""

    shadows = True
    applied = 0
    url = ""

    def apply(self, prepared):
        self.applied += 1
        if self.shadow.digest:
            raise DeliveryError("The service did not become ready.")
        return Smoke("", prepared.bundle.digest, 0, 0.0, 0.0)

    def observe(self):
        return None

    def remove(self):
        return False


def test_where_the_service_does_not_start_the_shadow_before_comes_back(tmp_path, churn, toys):
    target = Stubborn(tmp_path, "production", TargetSettings())
    target.shadow.settle(read_sealed(churn.bundle.path))
    held = OpenEnvironment(ProjectSettings(problem="churn"), Ledger(tmp_path), target, quiet)
    prepared = PreparedRelease(read_sealed(churn.bundle.path), None)
    with pytest.raises(DeliveryError, match=r"did not become ready\. The service before runs again, with the shadow"):
        start_shadow(held, prepared, read_sealed(toys["crops"].bundle.path))
    assert (target.shadow.digest, target.applied) == (None, 2)


def test_a_target_that_cannot_switch_a_shadow_says_which_can(project, monkeypatch):
    monkeypatch.setenv("SLIPWAY_TARGET", "swarm")
    with pytest.raises(DeliveryError, match="expected the target local or docker, found swarm"):
        switch_shadow(project.root, "staging", "candidate", quiet)


def test_the_files_of_a_shadow_are_mounted_into_a_container(churn):
    found = add_folder(ContainerInputs({"A": "1"}, {}), "SLIPWAY_SHADOW", churn.bundle.path)
    name = churn.bundle.path.name
    assert found.variables == {"A": "1", "SLIPWAY_SHADOW": f"/run/slipway/{name}"}
    assert found.files[f"{name}/manifest.json"] == (churn.bundle.path / "manifest.json").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(_pack(found.files))) as archive:
        first, *rest = archive.getmembers()
    assert (first.name, first.isdir()) == (name, True)
    assert {each.name for each in rest} == found.files.keys()
