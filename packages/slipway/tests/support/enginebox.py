"""Which container engine the tests use, and how it is restarted."""

import os
import re
import subprocess
from pathlib import Path

import psutil
import pytest
from places import PACKAGE, ROOT
from requirements import is_required, missing

# It ends whatever else runs on the engine: `.ci/run` asks for it when nothing does.
RESTARTED = (
    pytest.mark.restart,
    pytest.mark.skipif(
        not is_required("restart"), reason="the engine is restarted only where SLIPWAY_REQUIRE asks for it"
    ),
)


def engine_settings() -> dict[str, str]:
    """SLIPWAY_DOCKER, and SLIPWAY_BASE_IMAGE where the usual one cannot be pulled: as set, or as ci/engine wrote."""
    path = ROOT / ".slipway" / "engine.env"
    lines = path.read_text().splitlines() if path.exists() else []
    found = {"SLIPWAY_DOCKER": "docker"} | dict(line.split("=", 1) for line in lines)
    set_here = {name: os.environ[name] for name in ("SLIPWAY_DOCKER", "SLIPWAY_BASE_IMAGE") if os.environ.get(name)}
    return found | set_here


def require_base_image(settings: dict[str, str]) -> None:
    """Skip the test where the image that all others are built on is not on the engine and cannot be pulled."""
    (official,) = re.findall(r"(?m)^ARG BASE=(\S+)", (ROOT / "Dockerfile").read_text())
    client, name = settings["SLIPWAY_DOCKER"], settings.get("SLIPWAY_BASE_IMAGE") or official
    for words in (("image", "inspect", name), ("pull", "--quiet", name)):
        done = subprocess.run([client, *words], capture_output=True, text=True)
        if done.returncode == 0:
            return
    said = done.stderr.strip() or "(no output)"
    missing("docker", f"the base image {name} cannot be pulled ({said}); packages/slipway/ci/engine makes one")


def restart_engine() -> None:
    """End this machine's engine as a shutdown does, and start it as ci/engine does."""
    engine = psutil.Process(int(Path("/var/run/docker.pid").read_text()))
    engine.terminate()
    engine.wait(60)
    subprocess.run([PACKAGE / "ci" / "engine"], check=True, capture_output=True)
