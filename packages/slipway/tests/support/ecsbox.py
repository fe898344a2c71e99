"""Amazon ECS on loopback: moto, with the deployments that moto does not simulate, and real services as tasks."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bucket import OWNER, credentials
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ecs.models import ecs_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from running import free_port, start
from werkzeug.serving import make_server

REGION, CLUSTER = "eu-central-1", "default"
# An image of this name never becomes healthy.
BROKEN = "registry.example.org/broken@sha256:" + "b" * 64


class Ecs:
    """`url` is the service's address, `bundles` the folder of each bundle by digest, `calls` every API call; the next
    calls fail with what `faults` holds: code of an error and message. `replaced`: another command's deployment comes
    right after the next one.
    """

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.bundles: dict[str, Path] = {}
        self.calls: list[str] = []
        self.faults: list[tuple[str, str]] = []
        self.replaced = False
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._task = None
        self._runs = None

    def __call__(self, environ, start_response):
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        self.calls.append(action)
        if self.faults:
            code, message = self.faults.pop(0)
            content = json.dumps({"__type": code, "message": message}).encode()
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(content)))]
            start_response("400 Bad Request", headers)
            return [content]
        answer = list(self._moto(environ, start_response))
        if action in ("CreateService", "UpdateService", "DeleteService") and self.service():
            self._roll_out(self.service())
        return answer

    @property
    def backend(self):
        return ecs_backends[DEFAULT_ACCOUNT_ID][REGION]

    def service(self):
        return next(iter(self.backend.services.values()), None)

    def close(self) -> None:
        if self._task:
            self._task.process.send_signal(signal.SIGTERM)
            self._task.process.communicate()
        self._task = self._runs = None

    def _roll_out(self, service) -> None:
        """Do what moto leaves out: replace the task, and end the deployment as the circuit breaker does."""
        if service.status != "ACTIVE":
            return self.close()
        deployment = service.deployments[0] | {"taskDefinition": service.task_definition, "status": "PRIMARY"}
        if service.task_definition == self._runs:
            return None
        if self.replaced:
            self.replaced = False
            service.deployments = [deployment | {"taskDefinition": "of another command"}]
            return None
        container = self.backend.describe_task_definition(service.task_definition).container_definitions[0]
        if container["image"] == BROKEN:
            failed = {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start.", "status": "ACTIVE"}
            kept = deployment | {"taskDefinition": self._runs, "rolloutState": "COMPLETED"}
            service.deployments = [kept, deployment | failed]
            service.task_definition = self._runs
            service.events = [{"id": "1", "createdAt": 1.0, "message": "(service) is unable to start tasks."}]
            return None
        self.close()
        bundle = self.bundles[container["dockerLabels"]["slipway.bundle"]]
        self._task = start(bundle, self.folder / "log", port=self.port)
        self._runs = service.task_definition
        service.running_count = service.desired_count
        service.deployments = [deployment | {"rolloutState": "COMPLETED"}]
        return None


@contextmanager
def run_ecs(folder: Path) -> Iterator[Ecs]:
    """An empty cluster until the block ends; this process and its children reach it as AWS."""
    found = Ecs(folder)
    server = make_server("127.0.0.1", 0, found, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with credentials(OWNER):
            os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.server_port}"
            found.backend.reset()
            found.backend.create_cluster(CLUSTER)
            yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        found.close()
