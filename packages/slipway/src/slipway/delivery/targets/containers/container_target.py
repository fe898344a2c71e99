"""What the targets on a container engine have in common: an image at hand, tried aside, asked where it is published."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from msgspec.structs import replace

from slipway.delivery.preconditions import check_files, read_key
from slipway.delivery.smoke import Smoke, smoke, version
from slipway.delivery.targets.base import Kept
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import Aside, Given, given, keep
from slipway.delivery.targets.containers.lease import lease
from slipway.delivery.targets.containers.ssh_tunnel import Reach
from slipway.errors import DeliveryError
from slipway.settings import EnvironmentSettings


class OnEngine(ABC):
    """One environment on a container engine, here or behind a docker context; `project` is its name there."""

    kind: str
    rehearsal = False
    by_image = True

    def __init__(self, root: Path, name: str, settings: EnvironmentSettings) -> None:
        self.name = name
        self._root = root
        self._settings = settings
        self._engine = Engine(settings.context)
        self._named = settings.project or f"slipway-{name}"

    @cached_property
    def url(self) -> str:
        """Where the published port is reached from here."""
        return self._reach.url(self._settings.port)

    def note(self) -> str | None:
        """Nothing is to be noted."""
        return None

    def alone(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold it on its engine, by a container of an image that serves it."""
        self._engine.check()
        return lease(self._engine, f"{self._named}-held", self._image, say)

    def clear(self) -> None:
        """Remove what a killed command left running aside."""
        self._aside.clear()

    def keep(self, folder: Path, image: str | None) -> Kept:
        """Pull the image by its digest; its label must name the verified bundle in `folder`."""
        return keep(self._engine, self.name, self.kind, folder, image)

    def rehearse(self, kept: Kept) -> None:
        """Start the image aside, test it, end it; the environment itself is not touched."""
        self._aside.test(kept, self._given(), self._key())

    def test(self, kept: Kept) -> Smoke:
        """The smoke test of what serves."""
        with self._reach.at(self._settings.port) as url:
            return replace(smoke(url, kept.bundle, self._key()), url=self.url)

    @abstractmethod
    def _image(self) -> str | None:
        """An image that something of it was started from, None where nothing of it is there."""

    def _answering(self) -> str | None:
        """The digest that answers on the environment's port."""
        self._check_reach()
        with self._reach.at(self._settings.port) as url:
            found = version(url, self._key())
        return found.model.digest if found else None

    def _given(self) -> Given:
        check_files(self._root, self.name, self._settings)
        own = {"SLIPWAY_AUTH": "platform", "SLIPWAY_WORKERS": str(self._settings.workers)}
        return given(self._root, own | self._settings.variables)

    def _key(self) -> str | None:
        return read_key(self._root, self._settings)

    @property
    def _aside(self) -> Aside:
        # A gateway in front of the environment's own port is not in front of this one: nobody comes in who need not.
        own = Reach(self._engine.endpoint(), "127.0.0.1")
        return Aside(self._engine, f"{self._named}-aside", own if own.is_possible else self._reach)

    @cached_property
    def _reach(self) -> Reach:
        return Reach(self._engine.endpoint(), self._settings.address)

    def _check_callers(self) -> None:
        """Where others reach the service, somebody must have chosen who checks callers."""
        chosen = self._settings.variables.get("SLIPWAY_AUTH")
        place = f"[tool.slipway.environments.{self.name}.variables] of pyproject.toml"
        if chosen not in ("keys", "platform") and (chosen or not ip_address(self._settings.address).is_loopback):
            raise DeliveryError(
                f"{self.name} is published on {self._settings.address}, and nothing says who checks callers: expected "
                f'SLIPWAY_AUTH = "keys" in {place}, or "platform" where a gateway in front does it; found '
                f"{chosen or 'none'}."
            )

    def _check_reach(self) -> None:
        if not self._reach.is_possible:
            raise DeliveryError(
                f"{self.name} is published on {self._settings.address} of {self._reach.machine}, where it cannot be "
                "tested from here. Let the docker context go over SSH (host=ssh://...), or set address in "
                f"[tool.slipway.environments.{self.name}] of pyproject.toml to one of that machine that is reached "
                "from here, or to 0.0.0.0."
            )
