"""An environment as a Compose project: deploy/compose/service.yaml, and the containers that run it."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml
from docker.errors import NotFound
from docker.models import containers

from slipway.delivery.targets.containers.container import find_container
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.mounted_files import FILES, ContainerInputs
from slipway.errors import DeliveryError
from slipway.files.writing import write_json

FILE = Path("deploy/compose/service.yaml")
_SETTINGS, _FRONT = "slipway.settings", "slipway.front"


class Container(msgspec.Struct, frozen=True):
    """A container of the project; `settings` is the digest of the settings with which it was started."""

    id: str
    image: str
    settings: str
    running: bool
    created: datetime


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

    def check(self) -> None:
        """Raise `DeliveryError` if Compose or its file is missing."""
        if self._engine.command_line.attempt("compose", "version") is None:
            raise DeliveryError(
                "The docker client has no Compose: `docker compose version` fails. Install its plugin, the package "
                "docker-compose-plugin of Docker's own repositories."
            )
        self._read()

    def wanted(self, inputs: ContainerInputs, address: str, port: int) -> Wanted:
        """Return the state that the containers of an environment with these settings should have."""
        found = self._read()
        files = f"{self.name}-files-{inputs.digest[:12]}" if inputs.files else None
        # A network cannot change while a container is in it, and both are.
        front = _digest(found["services"]["front"], found.get("networks"), address, port)
        common = {name: part for name, part in found.items() if name != "services"}
        service = _digest(found["services"]["service"], common, inputs.variables, files)
        variables = {"SLIPWAY_ADDRESS": address, "SLIPWAY_PORT": str(port)}
        return Wanted(service, front, variables | {"SLIPWAY_FRONT": front, "SLIPWAY_SETTINGS": service}, inputs, files)

    def services(self) -> list[Container]:
        """Return the containers that serve, or have served, oldest first."""
        return sorted(self._containers("service"), key=lambda each: each.created)

    def front(self) -> Container | None:
        """Return the container that holds the port."""
        return next(iter(self._containers("front")), None)

    def has_log(self) -> bool:
        """Return whether this engine has the prediction log of the environment, which outlives its containers."""
        return has_volume(self._engine, f"{self.name}_log")

    def up(self, service: str, number: int, image: str, wanted: Wanted) -> None:
        """Let `number` containers of a service run; those that exist stay as they are."""
        write_json(self._added, _addition(wanted))
        words = ["up", "--detach", "--no-deps", "--no-recreate", "--scale", f"{service}={number}", service]
        self._compose(*words, variables=wanted.variables | {"SLIPWAY_IMAGE": image})

    def end(self, container: Container) -> None:
        """Let a container finish the requests that it accepted, for as long as the file says, and remove it."""
        with self._engine.connect(f"stop the container {container.id[:12]}") as docker:
            if found := find_container(docker, container.id):
                found.stop()
                found.remove(force=True)

    def kill(self, container: Container) -> None:
        """Remove a container at once."""
        with self._engine.connect(f"remove the container {container.id[:12]}") as docker:
            if found := find_container(docker, container.id):
                found.remove(force=True)

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
    """Return the additions to the file; in them a single dollar sign would be read as the name of a variable."""
    plain = {name: value.replace("$", "$$") for name, value in wanted.inputs.variables.items()}
    service: dict[str, Any] = {"environment": plain}
    if wanted.files is None:
        return {"services": {"service": service}}
    service["volumes"] = [{"type": "volume", "source": "files", "target": FILES, "read_only": True}]
    return {"services": {"service": service}, "volumes": {"files": {"external": True, "name": wanted.files}}}


def has_volume(engine: Engine, name: str) -> bool:
    """Return whether the engine has a volume of this name."""
    with engine.connect(f"inspect the volume {name}") as docker:
        try:
            docker.volumes.get(name)
        except NotFound:
            return False
        return True


def _container(found: containers.Container) -> Container:
    return Container(
        id=str(found.id),
        image=found.attrs["Config"]["Image"],
        settings=found.labels.get(_SETTINGS) or found.labels.get(_FRONT) or "",
        running=found.status == "running",
        created=msgspec.convert(found.attrs["Created"], datetime),
    )


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]
