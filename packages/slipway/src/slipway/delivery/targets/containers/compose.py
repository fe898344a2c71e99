"""An environment as a Compose project: what deploy/compose/service.yaml says, and the containers that are there."""

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import FILES, Given
from slipway.errors import DeliveryError
from slipway.files import write_json

FILE = Path("deploy/compose/service.yaml")
_SETTINGS, _FRONT = "slipway.settings", "slipway.front"
# So often containers are listed anew when one of them has gone before it was looked at.
_TRIES = 5
_PAUSE_SECONDS = 0.2


class Container(msgspec.Struct, frozen=True):
    """A container of the project: `settings` is the digest it was started with."""

    id: str
    image: str
    settings: str
    running: bool
    created: datetime


class Wanted(msgspec.Struct, frozen=True):
    """What containers should be: digests of the settings of `service` and `front`, and what goes into them."""

    service: str
    front: str
    variables: dict[str, str]
    given: Given
    files: str | None


class Project:
    """The containers of one environment on an engine, found by the labels that Compose gives them."""

    def __init__(self, engine: Engine, name: str, root: Path, folder: Path) -> None:
        """`folder` takes what is added to the file of `root`, where a person can read it."""
        self.name = name
        self._engine = engine
        self._file = root / FILE
        self._added = folder / "compose.json"

    def check(self) -> None:
        """Raise `DeliveryError` if Compose, or its file, is not there."""
        if self._engine.attempt("compose", "version") is None:
            raise DeliveryError(
                "The docker client has no Compose (`docker compose version` fails). Install the plugin: the package "
                "docker-compose-plugin of Docker, or docker-compose of Debian from trixie on; on an older Debian, as "
                "root, .ci/engine brings it."
            )
        self._read()

    def wanted(self, given: Given, address: str, port: int) -> Wanted:
        """What the containers of an environment with these settings are."""
        found = self._read()
        files = f"{self.name}-files-{given.digest[:12]}" if given.files else None
        # A network cannot change while a container is in it, and both are.
        front = _digest(found["services"]["front"], found.get("networks"), address, port)
        common = {name: part for name, part in found.items() if name != "services"}
        service = _digest(found["services"]["service"], common, given.variables, files)
        variables = {"SLIPWAY_ADDRESS": address, "SLIPWAY_PORT": str(port)}
        return Wanted(service, front, variables | {"SLIPWAY_FRONT": front, "SLIPWAY_SETTINGS": service}, given, files)

    def services(self) -> list[Container]:
        """Those that serve, or did, the oldest first."""
        return sorted(self._containers("service"), key=lambda each: each.created)

    def front(self) -> Container | None:
        """The one that holds the port."""
        return next(iter(self._containers("front")), None)

    def logs_here(self) -> bool:
        """Whether this engine has the prediction log of the environment, which stays when its containers go."""
        return self._engine.attempt("volume", "inspect", f"{self.name}_log") is not None

    def up(self, service: str, number: int, image: str, wanted: Wanted) -> None:
        """Have `number` containers of a service; those that are there stay as they are."""
        write_json(self._added, _addition(wanted))
        words = ["up", "--detach", "--no-deps", "--no-recreate", "--scale", f"{service}={number}", service]
        self._compose(*words, variables=wanted.variables | {"SLIPWAY_IMAGE": image})

    def end(self, container: Container) -> None:
        """Let it finish what it accepted, for as long as the file says, and remove it."""
        if container.running:
            self._engine.run("stop", container.id)
        self._engine.run("rm", "--force", container.id)

    def down(self) -> None:
        """End and remove all of it but its volumes."""
        for each in self.services():
            self.end(each)
        if self.front() is not None:
            self._compose("down", "--remove-orphans", variables={})

    def _containers(self, service: str) -> list[Container]:
        for _ in range(_TRIES):
            names = self._names(service)
            # One may go between the two questions.
            found = self._engine.attempt("container", "inspect", *names) if names else "[]"
            if found is not None:
                break
            time.sleep(_PAUSE_SECONDS)
        else:
            # Something else is wrong: what fails now says so.
            found = self._engine.run("container", "inspect", *names)
        return [_container(each) for each in msgspec.json.decode(found)]

    def _names(self, service: str) -> list[str]:
        labels = {"project": self.name, "service": service, "oneoff": "False"}
        filters = [
            word for name, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{name}={value}")
        ]
        return self._engine.run("ps", "--all", "--quiet", "--no-trunc", *filters).split()

    def _compose(self, *words: str, variables: Mapping[str, str]) -> None:
        added = ["--file", str(self._added)] if variables else []
        options = ["--project-name", self.name, "--file", str(self._file), *added]
        self._engine.run("compose", *options, *words, variables=variables)

    def _read(self) -> dict[str, Any]:
        try:
            found = yaml.safe_load(self._file.read_text())
            if not {"front", "service"} <= found["services"].keys():
                raise KeyError("front and service")
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise DeliveryError(
                f"Expected a Compose file with the services front and service in {self._file}: {error}. The template "
                "has one; bring it back with git."
            ) from error
        return found


def _addition(wanted: Wanted) -> dict[str, Any]:
    """What Compose is told besides the file; a dollar sign would be read as the name of a variable."""
    plain = {name: value.replace("$", "$$") for name, value in wanted.given.variables.items()}
    service: dict[str, Any] = {"environment": plain}
    if wanted.files is None:
        return {"services": {"service": service}}
    service["volumes"] = [{"type": "volume", "source": "files", "target": FILES, "read_only": True}]
    return {"services": {"service": service}, "volumes": {"files": {"external": True, "name": wanted.files}}}


def _container(found: dict[str, Any]) -> Container:
    labels = found["Config"]["Labels"]
    return Container(
        id=found["Id"],
        image=found["Config"]["Image"],
        settings=labels.get(_SETTINGS) or labels.get(_FRONT) or "",
        running=found["State"]["Status"] == "running",
        created=msgspec.convert(found["Created"], datetime),
    )


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]
