"""A wish for production as a file: promoted only if it is exactly what serves in staging."""

import json

import pytest
from releases import better, first, quiet, slipway

from slipway.delivery import operations
from slipway.errors import DeliveryError
from slipway.ledger import Ledger


def test_what_was_requested_is_promoted_while_it_serves_in_staging_and_nothing_else_is(project):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    operations.deploy(project.root, "staging", quiet)
    asked = slipway(project, "request", "staging", "production")
    assert "open a pull request" in asked.communicate(timeout=60)[0]
    path = project.root / "requested" / "production.json"
    assert json.loads(path.read_text()) == {"bundle": new, "image": None}

    path.write_text(json.dumps({"bundle": old, "image": None}))
    with pytest.raises(DeliveryError, match=f"asks for the bundle {old[:12]}"):
        operations.promote(project.root, "staging", "production", quiet, path)
    path.write_text(json.dumps({"bundle": new, "image": "another@sha256:0"}))
    with pytest.raises(DeliveryError, match="another@sha256:0"):
        operations.promote(project.root, "staging", "production", quiet, path)
    path.write_text(json.dumps({"bundle": new, "image": None, "force": True}))
    with pytest.raises(DeliveryError, match="force"):
        operations.promote(project.root, "staging", "production", quiet, path)
    assert Ledger(project.root).read("production").serving.bundle == old

    path.write_text(json.dumps({"bundle": new, "image": None}))
    done = operations.promote(project.root, "staging", "production", quiet, path)
    assert done.entry.serving.bundle == new


def test_nothing_can_be_requested_of_an_environment_that_serves_nothing(project):
    asked = slipway(project, "request", "staging", "production")
    assert "serves nothing yet" in asked.communicate(timeout=60)[0]
    assert asked.returncode == 1
    assert not (project.root / "requested").exists()
