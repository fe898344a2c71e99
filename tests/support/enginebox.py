"""Which container engine the tests use."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def engine_settings() -> dict[str, str]:
    """SLIPWAY_DOCKER, and SLIPWAY_BASE_IMAGE where the usual one cannot be pulled: as set, or as .ci/engine wrote."""
    path = ROOT / ".slipway" / "engine.env"
    lines = path.read_text().splitlines() if path.exists() else []
    found = {"SLIPWAY_DOCKER": "docker"} | dict(line.split("=", 1) for line in lines)
    set_here = {name: os.environ[name] for name in ("SLIPWAY_DOCKER", "SLIPWAY_BASE_IMAGE") if os.environ.get(name)}
    return found | set_here
