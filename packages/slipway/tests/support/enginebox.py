"""Which container engine the tests use, and how it is restarted."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest
from places import PACKAGE, ROOT
from requirements import is_required

# It ends whatever else runs on the engine: `.ci/run` asks for it when nothing does.
RESTARTED = pytest.mark.skipif(
    not is_required("restart"),
    reason="the engine is restarted only where SLIPWAY_REQUIRE asks for it",
)


def engine_settings() -> dict[str, str]:
    """SLIPWAY_DOCKER, and SLIPWAY_BASE_IMAGE where the usual one cannot be pulled: as set, or as ci/engine wrote."""
    path = ROOT / ".slipway" / "engine.env"
    lines = path.read_text().splitlines() if path.exists() else []
    found = {"SLIPWAY_DOCKER": "docker"} | dict(line.split("=", 1) for line in lines)
    set_here = {name: os.environ[name] for name in ("SLIPWAY_DOCKER", "SLIPWAY_BASE_IMAGE") if os.environ.get(name)}
    return found | set_here


def restart_engine() -> None:
    """End this machine's engine as a shutdown does, and start it as ci/engine does."""
    engine = psutil.Process(int(Path("/var/run/docker.pid").read_text()))
    engine.terminate()
    engine.wait(60)
    subprocess.run([PACKAGE / "ci" / "engine"], check=True, capture_output=True)
