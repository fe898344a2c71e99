"""The test cluster runs an image of the container engine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from clusterbox import Cluster
from enginebox import engine_settings
from places import PACKAGE
from waiting import wait_for_engine


@pytest.fixture
def image() -> Iterator[str]:
    """The smallest image there is, on the engine under a name that is new: it waits until it is told to end."""
    built = _run(PACKAGE / "ci" / "cluster" / "build")
    docker = engine_settings()["SLIPWAY_DOCKER"]
    loaded = _run(docker, "load", "-i", f"{built}/pause.tar").removeprefix("Loaded image: ")
    name = f"slipway-test/tiny-{uuid4().hex[:8]}:1"
    _run(docker, "tag", loaded, name)
    yield name
    _run(docker, "rmi", name)


def test_a_deployment_of_a_loaded_image_becomes_ready(cluster: Cluster, image):
    with cluster.namespace() as namespace:
        cluster.apps.create_namespaced_deployment(namespace, deployment(cluster.load(image)))

        def ready() -> bool:
            return cluster.apps.read_namespaced_deployment_status("tiny", namespace).status.ready_replicas == 2

        wait_for_engine(ready)


def deployment(image: str) -> dict:
    labels = {"app": "tiny"}
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "tiny", "image": image, "imagePullPolicy": "Never", "securityContext": security}
    return {
        "metadata": {"name": "tiny"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
