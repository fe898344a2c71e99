"""A rehearsal: an image is started in a container of its own, tested over HTTP, and removed."""

from typing import Any, NamedTuple

from slipway.delivery.smoke_test import Smoke, is_ready, run_smoke_test, wait_until
from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.container import (
    PORT,
    START_SECONDS,
    find_container,
    published_ports,
    read_log,
)
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.mounted_files import FILES, ContainerInputs, remove_files, write_files
from slipway.delivery.targets.containers.ssh_tunnel import LOOPBACK, PublishedAddress
from slipway.errors import DeliveryError


class RehearsalContainer(NamedTuple):
    """The container `name` on an engine, on a free port of the `published` address."""

    engine: Engine
    name: str
    published: PublishedAddress = LOOPBACK

    def remove(self) -> None:
        """Remove the container and its files, if they exist."""
        with self.engine.connect(f"remove the container {self.name}") as docker:
            if container := find_container(docker, self.name):
                container.remove(force=True, v=True)
        remove_files(self.engine, self.name)

    def test(self, prepared: PreparedRelease, inputs: ContainerInputs, key: str | None) -> Smoke:
        """Start the image, test it, remove it; raise `DeliveryError` if it does not become ready or fails its test."""
        self.remove()
        try:
            with self.engine.connect(f"start {prepared.image}") as docker:
                docker.containers.run(str(prepared.image), **self._options(prepared, inputs))
            port = self._published_port()
            if port is None:
                raise self._not_ready(prepared)
            with self.published.connect(port) as url:
                if not wait_until(lambda: is_ready(url), START_SECONDS, self._is_running):
                    raise self._not_ready(prepared)
                return run_smoke_test(url, prepared.bundle, key)
        finally:
            self.remove()

    def _options(self, prepared: PreparedRelease, inputs: ContainerInputs) -> dict[str, Any]:
        options: dict[str, Any] = {
            "name": self.name,
            "detach": True,
            "ports": {PORT: (self.published.address,)},
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "environment": inputs.variables,
        }
        if inputs.files:
            volume = f"{self.name}-files"
            write_files(self.engine, str(prepared.image), volume, inputs.files, self.name)
            options["volumes"] = {volume: {"bind": FILES, "mode": "ro"}}
        return options

    def _published_port(self) -> int | None:
        """Return the port on the engine's machine; None for a container that has ended already."""
        with self.engine.connect(f"inspect the container {self.name}") as docker:
            container = find_container(docker, self.name)
            ports = published_ports(container) if container else []
        return ports[0] if ports else None

    def _not_ready(self, prepared: PreparedRelease) -> DeliveryError:
        output = read_log(self.engine, self.name)
        return DeliveryError(f"The image {prepared.image} did not become ready. End of its output: {output}")

    def _is_running(self) -> bool:
        with self.engine.connect(f"inspect the container {self.name}") as docker:
            container = find_container(docker, self.name)
            return container is not None and container.status == "running"
