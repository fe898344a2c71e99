"""The base class of targets that run images by digest, each rehearsed in a container of its own."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from slipway.bundle.verify import SealedBundle
from slipway.delivery.smoke_test import Smoke, is_ready, run_smoke_test, wait_until
from slipway.delivery.targets.base import PreparedRelease, Target, TargetSettings
from slipway.delivery.targets.containers.container import PORT, START_SECONDS, find_container, published_ports, read_log
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import prepare_image
from slipway.delivery.targets.containers.mounted_files import (
    FILES,
    ContainerInputs,
    read_inputs,
    remove_files,
    write_files,
)
from slipway.delivery.targets.containers.ssh import PublishedAddress
from slipway.errors import DeliveryError


class ImageTarget(Target):
    """One environment whose images an `engine` runs; the container of its rehearsals is named `rehearsed`."""

    def __init__(self, root: Path, name: str, settings: TargetSettings, engine: Engine, rehearsed: str) -> None:
        super().__init__(root, name, settings)
        self._engine = engine
        self._rehearsed = rehearsed

    def clean_up(self) -> None:
        """Remove the container and the files of a rehearsal, if a killed command left them."""
        with self._engine.connect(f"remove the container {self._rehearsed}") as docker, suppress(NotFound):
            docker.api.remove_container(self._rehearsed, force=True, v=True)
        remove_files(self._engine, self._rehearsed)

    def prepare(self, bundle: SealedBundle, image: str | None) -> PreparedRelease:
        """Pull the image by its digest; its label must name the verified bundle."""
        prepared = super().prepare(bundle, image)
        prepare_image(self._engine, prepared)
        return prepared

    def rehearse(self, prepared: PreparedRelease) -> None:
        """Start the image in a container of its own, test it and stop it; the environment is not touched."""
        self._test_aside(prepared)

    def _test_aside(self, prepared: PreparedRelease) -> Smoke:
        """Start the image, test it, remove it; raise `DeliveryError` if it does not become ready or fails its test."""
        published = self._rehearsal_address()
        self.clean_up()
        try:
            with self._engine.connect(f"start {prepared.image}") as docker:
                docker.containers.run(str(prepared.image), **self._options(prepared, published.address))
            container = find_container(self._engine, self._rehearsed)
            # A container that has ended already publishes nothing.
            for port in published_ports(container) if container else []:
                with published.connect(port) as url:
                    if wait_until(lambda: is_ready(url), START_SECONDS, self._is_rehearsing):
                        return run_smoke_test(url, prepared.bundle, self.key)
            output = read_log(self._engine, self._rehearsed)
            raise DeliveryError(f"The image {prepared.image} did not become ready. End of its output: {output}")
        finally:
            self.clean_up()

    def _rehearsal_address(self) -> PublishedAddress:
        """Return the address on which a rehearsal publishes a free port: loopback, which needs no authentication."""
        return PublishedAddress("", "127.0.0.1")

    def _options(self, prepared: PreparedRelease, address: str) -> dict[str, Any]:
        inputs = self._inputs()
        options: dict[str, Any] = {
            "name": self._rehearsed,
            "detach": True,
            "ports": {PORT: (address,)},
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "environment": inputs.variables,
        }
        if inputs.files:
            volume = f"{self._rehearsed}-files"
            write_files(self._engine, str(prepared.image), volume, inputs.files, self._rehearsed)
            options["volumes"] = {volume: {"bind": FILES, "mode": "ro"}}
        return options

    def _is_rehearsing(self) -> bool:
        container = find_container(self._engine, self._rehearsed)
        return container is not None and container.status == "running"

    def _inputs(self) -> ContainerInputs:
        """Return the variables and files of a service; the platform decides who may call one that names no keys."""
        self.check_files()
        own = {"SLIPWAY_AUTH": "platform", "SLIPWAY_WORKERS": str(self.settings.workers)}
        return read_inputs(self.root, own | self.settings.variables)
