"""The target `docker`: an environment is a service in a container of one engine, here or behind a docker context.

A container `front` listens on the published port and does nothing else: services receive the socket from it. The next
release is rehearsed in a container of its own; then it starts beside the running one, on the same socket. Once it
responds there, the old one gets SIGTERM: it asks clients to reconnect, finishes the requests that it accepted, and
ends.
"""

from pathlib import Path

from slipway.bundle.verify import SealedBundle
from slipway.delivery.smoke_test import Smoke, read_version, wait_until
from slipway.delivery.targets.base import PreparedRelease, describe_difference
from slipway.delivery.targets.containers.compose import Container, Project, Wanted
from slipway.delivery.targets.containers.container import START_SECONDS, read_log
from slipway.delivery.targets.containers.container_target import ContainerSettings, ContainerTarget
from slipway.delivery.targets.containers.image import check_can_hold_port
from slipway.delivery.targets.containers.mounted_files import (
    ContainerInputs,
    add_folder,
    remove_files,
    write_files,
)
from slipway.errors import DeliveryError
from slipway.settings import environment_folder


class DockerTarget(ContainerTarget):
    """One environment as a Compose project."""

    shadows = True

    def __init__(self, root: Path, name: str, settings: ContainerSettings) -> None:
        super().__init__(root, name, settings)
        self._project = Project(self._engine, self._named, root, environment_folder(root, name))

    def is_running(self) -> bool:
        """Return whether one of its containers runs."""
        return any(each.running for each in self._project.services())

    def clean_up(self) -> None:
        """Remove the rehearsal and the temporary containers of a killed command, and files that nothing uses."""
        super().clean_up()
        remove_files(self._engine, self._project.name)

    def prepare(self, bundle: SealedBundle, image: str | None) -> PreparedRelease:
        """Pull the image by its digest; its label must name the bundle, and it must be able to hold a port.

        This is checked before anything is touched: a rollback would also bring in settings that changed meanwhile.
        """
        prepared = super().prepare(bundle, image)
        check_can_hold_port(self._engine, str(prepared.image), self._project.name)
        return prepared

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Serve the image and test it; the running container stays until the next one responds."""
        wanted = self._wanted()
        if wanted.files:
            write_files(self._engine, str(prepared.image), wanted.files, wanted.inputs.files, self._project.name)
        self._take_port(str(prepared.image), wanted)
        serving = self._serving(prepared, wanted) or self._start(prepared, wanted)
        for each in self._project.services():
            if each.id != serving.id:
                self._project.end(each)
        remove_files(self._engine, self._project.name, keep=wanted.files)
        return self.smoke_test(prepared)

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:
        """Return how the environment differs from one that serves `digest` from `image`; None if it does not."""
        services = self._project.services()
        if digest is None:
            return "a service runs, the ledger has no entry" if services else None
        if len(services) > 1:
            return "a switch was not finished"
        if not any(each.running for each in services):
            return describe_difference(None, digest)
        if image and services[0].image != image:
            return f"runs the image {services[0].image}, the ledger says {image}"
        # Settings first: a service on another port responds, but not where it is asked.
        wanted, front = self._wanted(), self._project.front()
        if front is None:
            return f"no container holds its port {self.settings.port}"
        if (services[0].settings, front.settings) != (wanted.service, wanted.front):
            return "runs with other settings than those of pyproject.toml, its files and deploy/compose/service.yaml"
        return super().out_of_sync(digest, image)

    def remove(self) -> bool:
        """Stop the service; return False if none was running. The prediction log stays, in a volume."""
        ran = self.is_running()
        self._project.down()
        remove_files(self._engine, self._project.name)
        return ran

    def _image(self) -> str | None:
        there = [*self._project.services(), *filter(None, [self._project.front()])]
        return there[-1].image if there else None

    def _check_orchestrator(self) -> None:
        if self._engine.command_line.attempt("compose", "version").returncode:
            raise DeliveryError(
                "The docker client has no Compose: `docker compose version` fails. Install its plugin, the package "
                "docker-compose-plugin of Docker's own repositories."
            )

    def _holds_port(self) -> bool:
        """Return whether a container of this environment listens on the port, perhaps with earlier settings."""
        front = self._project.front()
        return front is not None and self.settings.port in front.ports

    def _take_port(self, image: str, wanted: Wanted) -> None:
        """Start the container that holds the port; one with another port or other settings is removed first."""
        front = self._project.front()
        if front is None or front.settings != wanted.front:
            self._project.down()
        self._project.up("front", 1, image, wanted)

    def _serving(self, prepared: PreparedRelease, wanted: Wanted) -> Container | None:
        """Return the newest container with this image and these settings; a killed command may have started it."""
        for each in reversed(self._project.services()):
            fits = (each.image, each.settings) == (prepared.image, wanted.service)
            if each.running and fits and self._becomes_ready(each, prepared):
                return each
        return None

    def _start(self, prepared: PreparedRelease, wanted: Wanted) -> Container:
        """Start the image beside the running container; if it does not respond, remove it and leave the other alone."""
        before = self._project.services()
        for each in before:
            if not each.running:
                self._project.end(each)
        running = {each.id for each in before if each.running}
        self._project.up("service", len(running) + 1, str(prepared.image), wanted)
        started = next((each for each in reversed(self._project.services()) if each.id not in running), None)
        if started is None:
            raise DeliveryError(
                f"The container of {self.name} was removed by another program while it started. The release before "
                "still serves. Try again."
            )
        if not self._becomes_ready(started, prepared):
            try:
                output = read_log(self._engine, started.id)
            finally:
                self._project.end(started, drain=False)
            raise DeliveryError(f"The service of {self.name} did not become ready. End of its output: {output}")
        return started

    def _becomes_ready(self, container: Container, prepared: PreparedRelease) -> bool:
        """Return whether this container, and no other one on the same port, responds in time.

        Its service began after the container was created, and before the next one was.
        """
        later = [each.created for each in self._project.services() if each.created > container.created]

        def answers(url: str) -> bool:
            found = read_version(url, self.key)
            if found is None or found.model.digest != prepared.bundle.digest:
                return False
            return container.created <= found.since and all(found.since < each for each in later)

        def is_alive() -> bool:
            return any(each.id == container.id and each.running for each in self._project.services())

        with self._published.connect(self.settings.port) as url:
            return wait_until(lambda: answers(url), START_SECONDS, is_alive)

    def _inputs(self) -> ContainerInputs:
        """Return the variables and files of a service, with the bundle that shadows it."""
        inputs, shadow = super()._inputs(), self.shadow.read()
        return inputs if shadow is None else add_folder(inputs, "SLIPWAY_SHADOW", shadow.path)

    def _wanted(self) -> Wanted:
        return self._project.wanted(self._inputs(), self.settings.address, self.settings.port)
