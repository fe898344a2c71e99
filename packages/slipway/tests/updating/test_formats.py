"""Ledgers and settings of every version that was ever tagged are read; bundles: tests/bundle/test_formats.py."""

import tomllib

import pytest
from ledgerbox import git
from places import PACKAGE, TESTS

from slipway.gate.rules import read_gate_rules
from slipway.ledger import Ledger
from slipway.monitoring.rules import read_rules
from slipway.params import read_params
from slipway.settings import project_settings
from slipway.updating.changelog import read_sections

FORMATS = TESTS / "formats"
VERSIONS = [section.name for section in read_sections((PACKAGE / "CHANGELOG.md").read_text())]


def test_the_version_in_work_is_the_newest_of_the_changelog():
    assert tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["version"] == VERSIONS[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_settings_of_every_version_are_read(version):
    folder = FORMATS / f"settings-{version}"
    assert folder.is_dir(), f"keep the settings of {version} there, with every key that they may have"
    assert project_settings(folder).environments["production"] == {"target": "local", "port": 8102}
    assert read_params(None, folder / "params.yaml").split.holdout == 0.25
    assert read_gate_rules(folder).slice_margins == {"plan": {"basic": 0.05, "others": 0.1}}
    assert read_rules(folder).clock == "signed_up"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ledger_of_every_version_is_verified_and_goes_on(version, tmp_path):
    """Genesis, staging and production serve the bundle of format 3 that stands beside it."""
    kept = FORMATS / f"ledger-{version}.gitbundle"
    git(tmp_path, "clone", "--quiet", "--mirror", str(kept), "hub.git")
    git(tmp_path, "clone", "--quiet", "--branch", "deployments", "hub.git", "mine")
    ledger = Ledger(tmp_path / "mine")
    assert ledger.verify() == 3
    assert ledger.read("production").release.bundle.startswith("4fe9a9a8276f")
    before = ledger.read("production").number
    ledger.distrust("production", "4fe9a9a8276f", "another reason")
    assert ledger.read("production").number == before + 1
