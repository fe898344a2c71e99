"""The cluster that packages/slipway/ci/kubernetes started."""

import pytest
from clusterbox import Cluster, find_cluster


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return find_cluster()
