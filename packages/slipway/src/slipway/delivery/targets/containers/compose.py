"""An environment as a Compose project: deploy/compose/service.yaml, and the containers that run it."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from docker.errors import NotFound
from docker.models import containers

from slipway.delivery.targets.containers.container import published_ports
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.mounted_files import FILES, ContainerInputs
from slipway.errors import DeliveryError
from slipway.files.documents import read_yaml
from slipway.files.writing import write_json

FILE = Path("deploy/compose/service.yaml")
_SETTINGS, _FRONT = "slipway.settings", "slipway.front"
_ADVICE = "The template has one; bring it back with git."


class Container(msgspec.Struct, frozen=True):
    """A container of the project; `settings` is the digest of the settings with which it was started."""

    id: str
    image: str
    settings: str
    running: bool
    created: datetime
    ports: list[int]


class Wanted(msgspec.Struct, frozen=True):
    """The state that containers should have: digests of the settings of `service` and `front`, and their inputs."""

    service: str
    front: str
    variables: dict[str, str]
    inputs: ContainerInputs
    files: str | None


class Project:
    """The containers of one environment on an engine, found by the labels that Compose gives them."""

    def __init__(self, engine: Engine, name: str, root: Path, folder: Path) -> None:
        """`folder` receives the Compose file with the additions to that of `root`, where a person can read it."""
        self.name = name
        self._engine = engine
        self._file = root / FILE
        self._added = folder / "compose.json"

    def wanted(self, inputs: ContainerInputs, address: str, port: int) -> Wanted:
        """Return the state that the containers of an environment with these settings should have."""
        needed = {"front", "service"}
        found = read_services(self._file, "the services front and service", lambda each: needed <= each.keys())
        files = f"{self.name}-files-{inputs.digest[:12]}" if inputs.files else None
        # A network cannot change while a container is in it, and both are.
        front = digest_settings(found["services"]["front"], found.get("networks"), address, port)
        common = {name: part for name, part in found.items() if name != "services"}
        service = digest_settings(found["services"]["service"], common, inputs.variables, files)
        variables = {"SLIPWAY_ADDRESS": address, "SLIPWAY_PORT": str(port)}
        return Wanted(service, front, variables | {"SLIPWAY_FRONT": front, "SLIPWAY_SETTINGS": service}, inputs, files)

    def services(self) -> list[Container]:
        """Return the containers that serve, or have served, oldest first."""
        return sorted(self._containers("service"), key=lambda each: each.created)

    def front(self) -> Container | None:
        """Return the container that holds the port."""
        return next(iter(self._containers("front")), None)

    def up(self, service: str, number: int, image: str, wanted: Wanted) -> None:
        """Let `number` containers of a service run; those that exist stay as they are."""
        write_json(self._added, _addition(wanted))
        words = ["up", "--detach", "--no-deps", "--no-recreate", "--scale", f"{service}={number}", service]
        self._compose(*words, variables=wanted.variables | {"SLIPWAY_IMAGE": image})

    def end(self, container: Container, *, drain: bool = True) -> None:
        """Remove a container; unless told not to `drain`, it first finishes the requests that it accepted."""
        with self._engine.connect(f"remove the container {container.id[:12]}") as docker, suppress(NotFound):
            if drain:
                docker.api.stop(container.id)
            docker.api.remove_container(container.id, force=True)

    def down(self) -> None:
        """Stop and remove all of the project except its volumes."""
        for each in self.services():
            self.end(each)
        if self.front() is not None:
            self._compose("down", "--remove-orphans", variables={})

    def _containers(self, service: str) -> list[Container]:
        labels = {"project": self.name, "service": service, "oneoff": "False"}
        filters: dict[str, Any] = {"label": [f"com.docker.compose.{name}={value}" for name, value in labels.items()]}
        with self._engine.connect(f"list the containers of {self.name}") as docker:
            # One may be removed between the list and the look at it.
            found = docker.containers.list(all=True, filters=filters, ignore_removed=True)
        return [_container(each) for each in found]

    def _compose(self, *words: str, variables: Mapping[str, str]) -> None:
        added = ["--file", str(self._added)] if variables else []
        options = ["--project-name", self.name, "--file", str(self._file), *added]
        self._engine.command_line.run("compose", *options, *words, variables=variables)


def read_services(path: Path, expected: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read a Compose or stack file of the template; raise `DeliveryError` unless its services are as `expected`."""
    found = read_yaml(path, dict[str, Any], DeliveryError, _ADVICE)
    with suppress(AttributeError, KeyError, TypeError):
        if fits(found["services"]):
            return found
    raise DeliveryError(f"Expected {expected} in {path}. {_ADVICE}")


def escape_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables for a Compose file, where a single dollar sign would be read as the name of a variable."""
    return {name: value.replace("$", "$$") for name, value in variables.items()}


def digest_settings(*parts: Any) -> str:
    """Return the digest by which containers with the same settings are known."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def _addition(wanted: Wanted) -> dict[str, Any]:
    service: dict[str, Any] = {"environment": escape_variables(wanted.inputs.variables)}
    if wanted.files is None:
        return {"services": {"service": service}}
    service["volumes"] = [{"type": "volume", "source": "files", "target": FILES, "read_only": True}]
    return {"services": {"service": service}, "volumes": {"files": {"external": True, "name": wanted.files}}}


def _container(found: containers.Container) -> Container:
    return Container(
        id=str(found.id),
        image=found.attrs["Config"]["Image"],
        settings=found.labels.get(_SETTINGS) or found.labels.get(_FRONT) or "",
        running=found.status == "running",
        created=msgspec.convert(found.attrs["Created"], datetime),
        ports=published_ports(found),
    )
