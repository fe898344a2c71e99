"""Conformance of any problem: tests that a team switches on in two lines, and a pytest plugin with what they need.

In `tests/conftest.py`:

    pytest_plugins = ["slipway.testing"]

and in a file of tests:

    from slipway.testing import ProblemConformance

    class TestConformance(ProblemConformance):
        pass

A fixture of the same name in the team's own conftest or class replaces one of `slipway.testing.fixtures`: say `sample`,
for a problem that every n-th row does not represent.
"""

from slipway.testing.dataset import DatasetConformance
from slipway.testing.fixtures import data, frame, parts, problem, project, project_root, pytest_configure, sample
from slipway.testing.release import ReleaseConformance, gate_result, release
from slipway.testing.repository import RepositoryConformance
from slipway.testing.rows import ContractConformance, FeatureConformance, columns

__all__ = [
    "ProblemConformance",
    "columns",
    "data",
    "frame",
    "gate_result",
    "parts",
    "problem",
    "project",
    "project_root",
    "pytest_configure",
    "release",
    "sample",
]


class ProblemConformance(
    ContractConformance, DatasetConformance, FeatureConformance, ReleaseConformance, RepositoryConformance
):
    """Every test of the suite."""
