"""What a test needs of the machine: without it the test is skipped, or fails where SLIPWAY_REQUIRE asks for it."""

import os

import pytest


def missing(name: str, reason: str) -> None:
    """Skip, or fail if `name` stands in the comma-separated list SLIPWAY_REQUIRE."""
    if name in os.environ.get("SLIPWAY_REQUIRE", "").split(","):
        pytest.fail(f"SLIPWAY_REQUIRE asks for {name}, but {reason}", pytrace=False)
    pytest.skip(reason)
