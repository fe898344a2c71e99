"""Toy projects on which the real pipeline runs."""

import pytest
from pipelinebox import Project, finished, make_project

__all__ = ["finished"]


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A finished project of one's own."""
    return finished.copy(tmp_path / "a project")


@pytest.fixture
def new_project():
    """Make a project around a toy that has not run yet."""
    return make_project
