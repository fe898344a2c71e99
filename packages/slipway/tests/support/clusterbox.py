"""The Kubernetes that packages/slipway/ci/kubernetes started: what tests ask of it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from places import PACKAGE, ROOT
from requirements import missing
from urllib3.exceptions import HTTPError

from kubernetes import client, config

SCRIPT = PACKAGE / "ci" / "kubernetes"


class Cluster:
    """The cluster that `kubeconfig` describes, reached as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = config.new_client_from_config(str(kubeconfig))
        self.core = client.CoreV1Api(self.api)
        self.apps = client.AppsV1Api(self.api)

    def is_ready(self) -> bool:
        try:
            return all(_is_ready(node.status.conditions) for node in self.core.list_node(_request_timeout=5).items)
        except (client.ApiException, HTTPError):
            return False

    @contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """A namespace with restricted Pod Security; it goes with all that is in it when the block ends."""
        name = f"{prefix}-{uuid4().hex[:8]}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self.core.create_namespace({"metadata": {"name": name, "labels": labels}})
        try:
            yield name
        finally:
            self.core.delete_namespace(name)

    def load(self, image: str) -> str:
        """Put an image of the engine into the cluster, and return its name there, by digest."""
        done = subprocess.run([SCRIPT, "load", image], check=True, capture_output=True, text=True)
        return done.stdout.splitlines()[-1]


def find_cluster() -> Cluster:
    """Return the running cluster; without one skip the test, or fail by SLIPWAY_REQUIRE."""
    path = ROOT / ".slipway" / "kubernetes.env"
    kubeconfig = Path(path.read_text().strip().removeprefix("KUBECONFIG=")) if path.exists() else None
    if kubeconfig is None or not kubeconfig.exists() or not Cluster(kubeconfig).is_ready():
        missing("kubernetes", "no test cluster runs; packages/slipway/ci/kubernetes starts one (Debian, root)")
    return Cluster(kubeconfig)


def _is_ready(conditions: list) -> bool:
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)
