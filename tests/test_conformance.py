"""What the machinery promises of any problem holds for this one."""

from slipway.testing import ProblemConformance


class TestConformance(ProblemConformance):
    """Every test comes from `slipway.testing`; a fixture of the same name, here or in conftest.py, replaces one."""
