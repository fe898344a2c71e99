"""The base class of targets whose services stay in containers of an engine, on a port that it publishes."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from slipway.delivery.smoke_test import Smoke, Version, read_version, run_smoke_test
from slipway.delivery.targets.base import Port, PreparedRelease, TargetSettings
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import has_volume
from slipway.delivery.targets.containers.image_target import ImageTarget
from slipway.delivery.targets.containers.lease import lease
from slipway.delivery.targets.containers.log_volume import copy_log_volume, put_report_into_volume
from slipway.delivery.targets.containers.ssh import PublishedAddress
from slipway.errors import DeliveryError


class ContainerSettings(TargetSettings, frozen=True, kw_only=True):
    """Options of a target on a container engine.

    `context` names the docker context of the engine, `address` and `port` where its machine publishes the service,
    `project` the Compose project or the stack (slipway-<name>).
    """

    port: Port
    context: Annotated[str | None, Meta(description="docker context of the engine")] = None
    address: Annotated[
        str, Meta(pattern=r"^\d{1,3}(\.\d{1,3}){3}\Z", description="address of its machine that publishes the port")
    ] = "127.0.0.1"
    project: (
        Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,50}\Z", description="Compose project or stack")] | None
    ) = None


class ContainerTarget(ImageTarget):
    """One environment on a container engine, here or behind a docker context."""

    settings_type = ContainerSettings
    settings: ContainerSettings

    def __init__(self, root: Path, name: str, settings: ContainerSettings) -> None:
        self._named = settings.project or f"slipway-{name}"
        super().__init__(root, name, settings, Engine(settings.context), f"{self._named}-rehearsal")

    @property
    def url(self) -> str:
        """The address at which this machine reaches the published port."""
        return self._published.url(self.settings.port)

    def is_managed_here(self) -> bool:
        """Return whether its engine serves it or has its log, or is named by a context, which every clone reaches."""
        return (
            self.settings.context is not None or self._image() is not None or has_volume(self._engine, self._log_volume)
        )

    def preflight(self) -> None:
        """Raise `DeliveryError` for a missing file or engine, an open address, or a port that is taken."""
        self._check_callers()
        self._engine.check()
        self._check_orchestrator()
        self._check_reachable()
        # This raises for a missing file.
        self._wanted()
        if self._published.machine is None and not self._holds_port():
            self.check_port(self.settings.port, self.settings.address)

    def copy_log(self, folder: Path) -> str | None:
        """Copy the log out of the environment's volume; return why there is none."""
        image = self._find_log_image()
        if image is None:
            return f"nothing of {self.name} runs on its engine"
        copy_log_volume(self._engine, image, self._log_volume, folder, self._named)
        return None

    def publish_report(self, files: Mapping[str, bytes]) -> str | None:
        """Put files of the monitor's report into the environment's volume, of this node."""
        image = self._find_log_image()
        if image is None:
            return f"nothing of {self.name} runs on its engine"
        put_report_into_volume(self._engine, image, self._log_volume, files, self._named)
        return None

    def lock(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Lock the environment on its engine, by a container of the image that serves it."""
        self._engine.check()
        return lease(self._engine, f"{self._named}-held", self._image, say)

    def smoke_test(self, prepared: PreparedRelease) -> Smoke:
        """Test the service on the published port."""
        with self._published.connect(self.settings.port) as url:
            return replace(run_smoke_test(url, prepared.bundle, self.key), url=self.url)

    def observe(self) -> str | None:
        """Return the digest of the bundle that the environment serves, None if none of its containers responds."""
        self._check_reachable()
        return self._answering() if self.is_running() else None

    def observe_shadow(self) -> str | None:
        """Return the digest of the bundle that shadows the service, None if none does."""
        found = self._ask() if self.is_running() else None
        return found.shadow.digest if found and found.shadow else None

    @property
    def _log_volume(self) -> str:
        return f"{self._named}_log"

    def _find_log_image(self) -> str | None:
        """Return an image with which the log's volume can be read and written, None if there is no such volume."""
        image = self._image()
        return image if image is not None and has_volume(self._engine, self._log_volume) else None

    @abstractmethod
    def _image(self) -> str | None:
        """Return an image from which a container of the environment was started, None if it has no container."""

    @abstractmethod
    def _check_orchestrator(self) -> None:
        """Raise `DeliveryError` if what starts the containers is missing."""

    @abstractmethod
    def _holds_port(self) -> bool:
        """Return whether the environment itself holds its port."""

    @abstractmethod
    def _wanted(self) -> object:
        """Return the state that its containers should have."""

    def _answering(self) -> str | None:
        """Return the digest that the service on the published port reports."""
        found = self._ask()
        return found.model.digest if found else None

    def _ask(self) -> Version | None:
        self._check_reachable()
        with self._published.connect(self.settings.port) as url:
            return read_version(url, self.key)

    def _rehearsal_address(self) -> PublishedAddress:
        # A gateway protects the environment's own port and not this one, so it is on loopback if that can be reached.
        own = PublishedAddress(self._engine.endpoint(), "127.0.0.1")
        return own if own.is_reachable else self._published

    @cached_property
    def _published(self) -> PublishedAddress:
        return PublishedAddress(self._engine.endpoint(), self.settings.address)

    def _check_callers(self) -> None:
        """Raise `DeliveryError` if others reach the service and nothing says who authenticates callers."""
        chosen = self.settings.variables.get("SLIPWAY_AUTH")
        if chosen not in ("keys", "platform") and (chosen or not ip_address(self.settings.address).is_loopback):
            raise DeliveryError(
                f"{self.name} is published on {self.settings.address}, and nothing says who authenticates callers: "
                f'expected SLIPWAY_AUTH = "keys" in the variables of {self.table}, or "platform" if a gateway in '
                f"front does it; found {chosen or 'none'}."
            )

    def _check_reachable(self) -> None:
        if not self._published.is_reachable:
            raise DeliveryError(
                f"{self.name} is published on {self.settings.address} of {self._published.machine}, where it cannot be "
                "tested from this machine. Let the docker context use SSH (host=ssh://...), or set address in "
                f"{self.table} to an address of that machine that this machine reaches, or to 0.0.0.0."
            )
