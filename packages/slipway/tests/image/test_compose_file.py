"""deploy/compose/service.yaml by itself: valid by the specification, and enough to run one image by hand."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from dockerbox import remove_from
from places import ROOT

from slipway.delivery.targets.containers.compose import FILE


def test_it_is_valid_by_the_compose_specification():
    program = Path(sys.executable).with_name("check-jsonschema")
    words = [program, "--builtin-schema", "vendor.compose-spec", ROOT / FILE]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(600)
def test_it_runs_one_image_by_hand_as_its_first_lines_say(engine, image, monkeypatch):
    name, port = f"slipway-test-{uuid4().hex[:8]}", engine.free_port()
    monkeypatch.setenv("SLIPWAY_IMAGE", image.name)
    monkeypatch.setenv("SLIPWAY_PORT", str(port))
    try:
        engine.run("compose", "--project-name", name, "--file", str(ROOT / FILE), "up", "--detach", "--wait")
        assert engine.at(name, port).ask("/readyz").status == 200
    finally:
        engine.try_run("compose", "--project-name", name, "--file", str(ROOT / FILE), "down", "--volumes")
        remove_from(engine, name)
