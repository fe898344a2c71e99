"""A release as an image in a real registry, and rehearsed from there."""

import json
import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest
from projectbox import Project, make_project, place
from registry import tags
from running import free_port

from slipway.delivery import operations, publish, release
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger


def quiet(line):
    """Say nothing."""


@pytest.fixture
def project(engine, sources, tmp_path: Path, monkeypatch) -> Project:
    """A toy project that can be built into an image; its environments are rehearsals."""
    found = place(make_project(tmp_path / "project"))
    own = (found.root / "pyproject.toml").read_text()
    sources(found.root)
    path = found.root / "pyproject.toml"
    theirs = re.sub(r"(?ms)^\[tool\.slipway.*?(?=^\[dependency-groups)", "", path.read_text())
    path.write_text(theirs + own)
    (found.root / "data.dvc").write_text("outs:\n- md5: 22fa0b9ba1bf3ae6ea3c8bfbd1f2c9ba.dir\n  path: data\n")
    (found.root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    with (found.root / ".gitignore").open("a") as ignored:
        ignored.write("release/\n")
    found.commit("what images are built from")
    monkeypatch.setenv("SLIPWAY_TARGET", "rehearsal")
    monkeypatch.setenv("SLIPWAY_DOCKER", engine.client)
    if engine.base:
        monkeypatch.setenv("SLIPWAY_BASE_IMAGE", engine.base)
    return found


def choose(project):
    folder = project.root / "release"
    release.choose_release(project.root, Ledger(project.root), folder, quiet)
    return folder


def test_a_release_is_built_once_pushed_by_digest_and_rehearsed_through_to_production(project, engine, registry):
    folder, repository = choose(project), f"{registry}/model"
    said = []
    found = publish.publish_image(project.root, folder, repository, said.append).release
    assert any("building" in line for line in said)
    assert re.fullmatch(re.escape(repository) + "@sha256:[0-9a-f]{64}", found.image)
    assert tags(registry, "model") == [publish.image_tag(found)]

    done = operations.deploy(project.root, "staging", quiet, chosen=folder)
    assert (done.entry.event, done.entry.target, done.entry.serving) == (Event.DEPLOY, "rehearsal", found)
    assert done.smoke.digest == found.bundle
    again = operations.deploy(project.root, "staging", quiet, chosen=folder)
    assert again.entry == done.entry, "run again, nothing is written"
    engine.run("image", "rm", "--force", found.image, f"{repository}:{publish.image_tag(found)}")
    said = []
    again = publish.publish_image(project.root, choose(project), repository, said.append)
    assert (again.release.image, again.built) == (found.image, False)
    assert not any("building" in line for line in said)
    done = operations.promote(project.root, "staging", "production", quiet)
    assert done.entry.serving == found
    name = find_target(project.root, "staging")._rehearsed
    assert engine.run("ps", "--all", "--quiet", "--filter", f"name={name}") == ""


def test_an_image_is_found_by_a_recorded_digest_and_never_by_its_tag(project, engine, registry, tmp_path):
    folder, repository = choose(project), f"{registry}/recorded"
    first = publish.publish_image(project.root, folder, repository, quiet)
    finished = tmp_path / "finished"
    shutil.copytree(folder, finished)
    again = publish.publish_image(project.root, choose(project), repository, quiet)
    assert first.built and again.built, "the tag is there, and no record names its digest"
    third = publish.publish_image(project.root, choose(project), repository, quiet, finished)
    assert (third.release, third.built) == (first.release, False)


def test_a_registry_that_is_away_is_said_before_anything_is_built(project):
    away, folder = f"127.0.0.1:{free_port()}/model", choose(project)
    release.note_image(folder, release.read_chosen(folder), f"{away}@sha256:{'0' * 64}")
    said = []
    with pytest.raises(DeliveryError, match=r"Cannot connect to the registry of 127.*refused.* Nothing was built"):
        publish.publish_image(project.root, folder, away, said.append)
    assert not any("building" in line for line in said)


def test_an_image_of_another_bundle_is_refused_before_it_runs(project, engine, registry):
    repository = f"{registry}/mixed"
    found = publish.publish_image(project.root, choose(project), repository, quiet).release
    project.retrain(trees=3)
    folder = choose(project)
    other = msgspec.structs.replace(release.read_chosen(folder).release, commit=found.commit)
    release.note_image(folder, msgspec.structs.replace(release.read_chosen(folder), release=other), found.image)
    with pytest.raises(DeliveryError, match="is labelled with the bundle"):
        publish.publish_image(project.root, folder, repository, quiet)
    with pytest.raises(DeliveryError, match="is labelled with the bundle"):
        operations.deploy(project.root, "staging", quiet, chosen=folder)
    assert Ledger(project.root).read("staging").event is Event.GENESIS


def test_an_image_without_an_attestation_is_not_started(project, registry, tmp_path, monkeypatch):
    old = publish.publish_image(project.root, choose(project), f"{registry}/unattested", quiet).release
    operations.deploy(project.root, "staging", quiet, chosen=project.root / "release")
    project.retrain(trees=3)
    folder = choose(project)
    publish.publish_image(project.root, folder, f"{registry}/unattested", quiet)
    new = operations.deploy(project.root, "staging", quiet, chosen=folder).entry
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text("#!/bin/sh\necho no attestations found >&2\nexit 1\n")
    (tmp_path / "bin" / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SLIPWAY_ATTESTED", "acme/model")
    with pytest.raises(DeliveryError, match=r"has no attestation .* no attestations found"):
        operations.deploy(project.root, "staging", quiet, chosen=folder)
    with pytest.raises(DeliveryError, match=r"has no attestation .*slipway rollback --unsigned"):
        operations.rollback(project.root, "staging", "back", quiet)
    assert Ledger(project.root).read("staging") == new
    assert operations.rollback(project.root, "staging", "back", quiet, unverified=True).entry.serving == old


@pytest.mark.parametrize("change", ["missing", "refuse", "other"])
def test_a_release_whose_verdict_did_not_choose_it_is_neither_built_nor_deployed(project, registry, change):
    folder = choose(project)
    verdict = folder / "gate.json"
    found = json.loads(verdict.read_text())
    if change == "missing":
        verdict.unlink()
    else:
        changed = {"verdict": "refuse", "ships": None} if change == "refuse" else {"ships": "0" * 64}
        verdict.write_text(json.dumps(found | changed))
    with pytest.raises(DeliveryError, match=r"gate\.json"):
        publish.publish_image(project.root, folder, f"{registry}/unjudged", quiet)
    with pytest.raises(DeliveryError, match=r"gate\.json"):
        operations.deploy(project.root, "staging", quiet, chosen=folder)


def test_a_release_that_fails_in_its_container_is_written_down_and_the_one_before_is_rehearsed_again(project, registry):
    repository = f"{registry}/failing"
    publish.publish_image(project.root, choose(project), repository, quiet)
    old = operations.deploy(project.root, "staging", quiet, chosen=project.root / "release").entry.serving
    project.retrain(trees=3)
    new = publish.publish_image(project.root, choose(project), repository, quiet).release
    place_before = (project.root / "pyproject.toml").read_text()
    (project.root / "pyproject.toml").write_text(
        place_before.replace(
            "[tool.slipway.environments.staging.variables]",
            '[tool.slipway.environments.staging.variables]\nSLIPWAY_MAX_ROWS = "none"',
        )
    )
    with pytest.raises(DeliveryError, match=r"did not become ready.*SLIPWAY_MAX_ROWS"):
        operations.deploy(project.root, "staging", quiet, chosen=project.root / "release")
    entry = Ledger(project.root).read("staging")
    assert (entry.event, entry.release, entry.serving, entry.target) == (Event.FAILED, new, old, "rehearsal")


def test_a_release_without_an_image_cannot_be_rehearsed_and_is_told_so(project):
    with pytest.raises(DeliveryError, match="slipway publish"):
        operations.deploy(project.root, "staging", quiet)


def test_code_that_is_not_committed_makes_no_image(project, registry):
    folder = choose(project)
    (project.root / "packages/slipway/src/slipway/errors.py").write_text("# a change of today\n")
    with pytest.raises(DeliveryError, match=r"packages/slipway/src/slipway/errors\.py"):
        publish.publish_image(project.root, folder, f"{registry}/dirty", quiet)
    assert tags(registry, "dirty") == []


def test_the_code_of_another_commit_makes_no_image_of_the_release(project, registry):
    folder = choose(project)
    project.commit("a commit that came meanwhile")
    with pytest.raises(DeliveryError, match="its image would hold other code"):
        publish.publish_image(project.root, folder, f"{registry}/later", quiet)
    assert tags(registry, "later") == []


def test_a_folder_that_holds_no_release_or_an_edited_one_is_refused(project, tmp_path):
    with pytest.raises(DeliveryError, match="slipway choose"):
        release.read_chosen(tmp_path)
    folder = choose(project)
    text = (folder / "release.json").read_text()
    (folder / "release.json").write_text(text.replace('"release"', '"realease"'))
    with pytest.raises(DeliveryError, match="realease"):
        release.read_chosen(folder)
