"""Single containers of an engine: found by name, with their published ports and their output."""

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from slipway.delivery.targets.containers.engine import Engine
from slipway.errors import DeliveryError

PORT = "8080"
START_SECONDS = 60.0
_LOG_LINES = 20


def find_container(docker: DockerClient, name: str) -> Container | None:
    """Return the container with this name or id, None if there is none."""
    try:
        return docker.containers.get(name)
    except NotFound:
        return None


def published_ports(container: Container) -> list[int]:
    """Return the ports of the engine's machine on which the service's port is published."""
    return [int(each["HostPort"]) for each in container.ports.get(f"{PORT}/tcp") or []]


def read_log(engine: Engine, container: str) -> str:
    """Return the end of a container's output: "(no output)" if there is none, the reason if it cannot be read."""
    try:
        with engine.connect(f"read the log of {container}") as docker:
            found = find_container(docker, container)
            output = found.logs(tail=_LOG_LINES).decode(errors="replace").strip() if found else ""
    except DeliveryError as error:
        return str(error)
    return output or "(no output)"
