"""What a test needs of the machine: without it the test is skipped, or fails where SLIPWAY_REQUIRE asks for it."""

import os

import pytest


def is_required(name: str) -> bool:
    """Whether `name` stands in the comma-separated list SLIPWAY_REQUIRE."""
    return name in os.environ.get("SLIPWAY_REQUIRE", "").split(",")


def missing(name: str, reason: str) -> None:
    """Skip, or fail if `name` is required."""
    if is_required(name):
        pytest.fail(f"SLIPWAY_REQUIRE asks for {name}, but {reason}", pytrace=False)
    pytest.skip(reason)
