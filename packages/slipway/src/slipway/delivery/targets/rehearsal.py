"""The target `rehearsal`: the image is started on this machine's engine, tested, and removed.

It is for a runner that is thrown away: everything up to the smoke test happens as in a real environment, and nothing
stays running. All output calls it a rehearsal.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from docker.errors import NotFound

from slipway.bundle import Bundle, load_bundle
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
from slipway.delivery.targets.containers.ssh import LOOPBACK, PublishedAddress
from slipway.delivery.targets.registry import lock_environment
from slipway.errors import DeliveryError


def rehearse_image(root: Path, image: str, folder: Path, say: Callable[[str], None]) -> Smoke:
    """Start an image here, test it with the bundle in `folder`, stop it, and return the result of the test."""
    target = RehearsalTarget(root, "image", TargetSettings(target="rehearsal"))
    target.preflight()
    with lock_environment(root, target.name, say):
        return target.smoke_test(target.prepare(load_bundle(folder), image))


class RehearsalTarget(Target):
    """One environment that exists only while it is tested."""

    rehearsal = True

    def __init__(self, root: Path, name: str, settings: TargetSettings) -> None:
        super().__init__(root, name, settings)
        self._engine = Engine()
        # The folder is part of the name: the rehearsal of another clone may run at the same time.
        place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
        self._container = RehearsalContainer(self._engine, f"slipway-rehearsal-{name}-{place}")

    @property
    def url(self) -> str:
        """A remark instead of an address."""
        return "a rehearsal, nothing stays running"

    def preflight(self) -> None:
        """Raise `DeliveryError` for a missing file or engine."""
        super().preflight()
        self._engine.check()

    def clean_up(self) -> None:
        """Remove the container of a killed command."""
        self._container.remove()

    def prepare(self, bundle: Bundle, image: str | None) -> PreparedRelease:
        """Pull the image by its digest; its label must name the verified bundle."""
        prepared = super().prepare(bundle, image)
        prepare_image(self._engine, prepared)
        return prepared

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Start the image, test it and stop it."""
        return self.smoke_test(prepared)

    def smoke_test(self, prepared: PreparedRelease) -> Smoke:
        """Test the image in a container of its own."""
        # Only this machine reaches it; the platform of a real environment decides who may call.
        own = {"SLIPWAY_AUTH": "platform", "SLIPWAY_WORKERS": str(self.settings.workers)}
        inputs = read_inputs(self.root, own | self.settings.variables)
        return self._container.test(prepared, inputs, self.key)

    def observe(self) -> str | None:
        """Return None: nothing stays running."""
        return None

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:  # noqa: ARG002 - nothing runs
        """Return None: nothing runs that could differ."""
        return None

    def remove(self) -> bool:
        """Return False: nothing runs."""
        return False


class RehearsalContainer(NamedTuple):
    """The container `name` on an engine, on a free port of the `published` address."""

    engine: Engine
    name: str
    published: PublishedAddress = LOOPBACK

    def remove(self) -> None:
        """Remove the container and its files, if they exist."""
        with self.engine.connect(f"remove the container {self.name}") as docker, suppress(NotFound):
            docker.api.remove_container(self.name, force=True, v=True)
        remove_files(self.engine, self.name)

    def test(self, prepared: PreparedRelease, inputs: ContainerInputs, key: str | None) -> Smoke:
        """Start the image, test it, remove it; raise `DeliveryError` if it does not become ready or fails its test."""
        self.remove()
        try:
            with self.engine.connect(f"start {prepared.image}") as docker:
                docker.containers.run(str(prepared.image), **self._options(prepared, inputs))
            container = find_container(self.engine, self.name)
            # A container that has ended already publishes nothing.
            for port in published_ports(container) if container else []:
                with self.published.connect(port) as url:
                    if wait_until(lambda: is_ready(url), START_SECONDS, self._is_running):
                        return run_smoke_test(url, prepared.bundle, key)
            output = read_log(self.engine, self.name)
            raise DeliveryError(f"The image {prepared.image} did not become ready. End of its output: {output}")
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

    def _is_running(self) -> bool:
        container = find_container(self.engine, self.name)
        return container is not None and container.status == "running"
