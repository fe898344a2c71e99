"""The test cluster runs an image of the container engine."""

import subprocess

import pytest
from clusterbox import Cluster
from enginebox import engine_settings
from places import PACKAGE
from waiting import wait_for_engine


@pytest.fixture
def image() -> str:
    """The smallest image there is, on the engine: it waits until it is told to end."""
    done = subprocess.run([PACKAGE / "ci" / "cluster" / "build"], check=True, capture_output=True, text=True)
    folder = done.stdout.strip()
    docker = engine_settings()["SLIPWAY_DOCKER"]
    loaded = subprocess.run([docker, "load", "-i", f"{folder}/pause.tar"], check=True, capture_output=True, text=True)
    return loaded.stdout.strip().removeprefix("Loaded image: ")


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
