"""The worlds that tests of the production loop share with others."""

import pytest
from monitorbox import make_project
from pipelinebox import finished

__all__ = ["finished"]


@pytest.fixture
def root(churn, tmp_path):
    return make_project(churn, tmp_path)
