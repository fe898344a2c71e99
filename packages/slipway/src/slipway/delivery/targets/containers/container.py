"""Single containers of an engine: found by name, with their ports and output, or temporary."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from slipway.delivery.targets.containers.engine import Engine
from slipway.errors import DeliveryError

PORT = "8080"
START_SECONDS = 60.0
_LOG_LINES = 20
_OWNER = "slipway.temporary"


def find_container(engine: Engine, name: str) -> Container | None:
    """Return the container with this name or id, None if there is none."""
    with engine.connect(f"inspect the container {name}") as docker, suppress(NotFound):
        return docker.containers.get(name)
    return None


def published_ports(container: Container) -> list[int]:
    """Return the ports of the engine's machine on which the service's port is published."""
    return [int(each["HostPort"]) for each in container.ports.get(f"{PORT}/tcp") or []]


@contextmanager
def temporary_container(docker: DockerClient, image: str, owner: str, **options: Any) -> Iterator[Container]:
    """Yield a container without network, not yet started, that is removed when the block ends."""
    container = docker.containers.create(image, labels={_OWNER: owner}, network_mode="none", **options)
    try:
        yield container
    finally:
        container.remove(v=True, force=True)


def remove_temporary_containers(docker: DockerClient, owner: str) -> None:
    """Remove the temporary containers that a killed command left of `owner`."""
    for each in docker.containers.list(all=True, filters={"label": f"{_OWNER}={owner}"}, ignore_removed=True):
        with suppress(NotFound):
            each.remove(v=True, force=True)


def read_log(engine: Engine, container: str) -> str:
    """Return the end of a container's output: "(no output)" if there is none, the reason if it cannot be read."""
    try:
        with engine.connect(f"read the log of {container}") as docker:
            output = docker.api.logs(container, tail=_LOG_LINES).decode(errors="replace").strip()
    except DeliveryError as error:
        return str(error)
    return output or "(no output)"
