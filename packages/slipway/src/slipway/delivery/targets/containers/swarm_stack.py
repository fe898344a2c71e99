"""An environment as a stack of Docker Swarm: deploy/swarm/stack.yaml, and its service and replicas in the swarm."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml
from docker.errors import APIError, NotFound

from slipway.delivery.targets.containers.compose import has_volume
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.mounted_files import ContainerInputs
from slipway.delivery.targets.containers.nodes import Node, read_nodes
from slipway.errors import DeliveryError
from slipway.files.writing import write_json

FILE = Path("deploy/swarm/stack.yaml")
_SETTINGS = "slipway.settings"
_SECRETS = "slipway.secrets"
# The longest name of a secret that a swarm accepts.
_LONGEST = 64


class Task(msgspec.Struct, frozen=True):
    """One replica, running or ended: `wanted` says whether it should run, `error` why it failed."""

    id: str
    node: str
    image: str
    settings: str
    running: bool
    wanted: bool
    created: str
    error: str


class Service(msgspec.Struct, frozen=True):
    """The service as the swarm was told to run it; `update` is the state of its last update, "" if there was none."""

    image: str
    settings: str
    replicas: int
    update: str
    message: str


class Wanted(msgspec.Struct, frozen=True):
    """The state that the stack should have: the digest of its settings, its inputs, and its secrets by name."""

    settings: str
    variables: dict[str, str]
    inputs: ContainerInputs
    secrets: dict[str, bytes]


class Stack:
    """One stack of a swarm, by its name."""

    def __init__(self, engine: Engine, name: str, root: Path, folder: Path) -> None:
        """`folder` receives the stack file with the additions to that of `root`, where a person can read it."""
        self.name = name
        self._engine = engine
        self._file = root / FILE
        self._added = folder / "stack.json"
        self._service = f"{name}_service"

    def check(self) -> None:
        """Raise `DeliveryError` if the engine does not manage a swarm, or the stack's file is missing."""
        with self._engine.connect("read the state of the swarm") as docker:
            is_manager = docker.info()["Swarm"].get("ControlAvailable", False)
        if not is_manager:
            raise DeliveryError(
                "The engine is not a manager of a swarm. `docker swarm init` makes it one of its own; for an existing "
                "swarm, name a docker context that leads to one of its managers."
            )
        self._read()

    def wanted(self, inputs: ContainerInputs, address: str, port: int, replicas: int) -> Wanted:
        """Return the state that a stack with these settings should have."""
        found = self._read()
        # The content of a secret cannot be changed, so each content has a name of its own.
        secrets = {
            f"{self.name}-{name}-{hashlib.sha256(content).hexdigest()[:12]}": content
            for name, content in sorted(inputs.files.items())
        }
        for name in secrets:
            if len(name) > _LONGEST:
                raise DeliveryError(
                    f"The name of the secret {name} has {len(name)} characters, and a swarm takes {_LONGEST}. Choose a "
                    "shorter `project` in pyproject.toml."
                )
        place = {"SLIPWAY_ADDRESS": address, "SLIPWAY_PORT": str(port), "SLIPWAY_REPLICAS": str(replicas)}
        digest = hashlib.sha256(
            msgspec.json.encode((found, place, inputs.variables, sorted(secrets)), order="deterministic")
        )
        return Wanted(digest.hexdigest()[:16], place, inputs, secrets)

    def deploy(self, image: str, wanted: Wanted) -> None:
        """Tell the swarm what to run; the swarm then replaces the replicas by itself."""
        with self._engine.connect(f"create the secrets of {self.name}") as docker:
            there = {each.name for each in docker.secrets.list(filters={"label": f"{_SECRETS}={self.name}"})}
            for name in wanted.secrets.keys() - there:
                docker.secrets.create(name=name, data=wanted.secrets[name], labels={_SECRETS: self.name})
        write_json(self._added, _addition(wanted))
        files = ["--compose-file", str(self._file), "--compose-file", str(self._added)]
        # The image is named by its digest already, and each node pulls it with the login of this machine.
        how = ["--with-registry-auth", "--resolve-image", "never", "--prune"]
        variables = wanted.variables | {"SLIPWAY_IMAGE": image}
        self._engine.command_line.run("stack", "deploy", *how, *files, self.name, variables=variables)

    def service(self) -> Service | None:
        """Return the service as the swarm was told to run it, None if there is none."""
        with self._engine.connect(f"inspect the service {self._service}") as docker:
            try:
                service = docker.api.inspect_service(self._service)
            except NotFound:
                return None
        spec, update = service["Spec"], service.get("UpdateStatus") or {}
        container = spec["TaskTemplate"]["ContainerSpec"]
        return Service(
            image=container["Image"],
            settings=_settings(container),
            replicas=spec["Mode"]["Replicated"]["Replicas"],
            update=update.get("State", ""),
            message=update.get("Message", ""),
        )

    def tasks(self) -> list[Task]:
        """Return the replicas of the service, ended ones too, newest first."""
        with self._engine.connect(f"list the replicas of {self._service}") as docker:
            try:
                tasks = [_task(each) for each in docker.api.tasks(filters={"service": self._service})]
            except NotFound:
                return []
        return sorted(tasks, key=lambda each: each.created, reverse=True)

    def nodes(self) -> list[Node]:
        """Return the swarm's nodes; none if the file itself says on which of them replicas are placed."""
        return [] if "placement" in self._read()["services"]["service"]["deploy"] else read_nodes(self._engine)

    def has_log(self) -> bool:
        """Return whether this engine has a prediction log of the environment, which outlives its replicas."""
        return has_volume(self._engine, f"{self.name}_log")

    def read_task_log(self, task: Task) -> str:
        """Return the end of a replica's output, on whichever node, "(no output)" if there is none."""
        return self._engine.command_line.read_task_log(task.id) or "(no output)"

    def remove(self) -> None:
        """Stop and remove all of the stack except its volumes, which lie on the nodes."""
        self._engine.command_line.run("stack", "rm", self.name)

    def remove_secrets(self, keep: Wanted | None = None) -> None:
        """Remove the secrets of this stack that no service uses, except those to `keep`."""
        with self._engine.connect(f"remove secrets of {self.name}") as docker:
            for secret in docker.secrets.list(filters={"label": f"{_SECRETS}={self.name}"}):
                if keep is None or secret.name not in keep.secrets:
                    try:
                        secret.remove()
                    except APIError as error:
                        # Somebody else removed it (404), or a service still uses it (400).
                        if error.status_code not in (400, 404):
                            raise

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = yaml.safe_load(self._file.read_text())
            if found["services"]["service"]["deploy"].get("mode", "replicated") != "replicated":
                raise KeyError("the service is not replicated")
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise DeliveryError(
                f"Expected a stack file with the replicated service `service` in {self._file}: {error}. The template "
                "has one; bring it back with git."
            ) from error
        return found


def _addition(wanted: Wanted) -> dict[str, Any]:
    """Return the additions to the file; in them a single dollar sign would be read as the name of a variable."""
    inside = dict(zip(sorted(wanted.inputs.files), wanted.secrets, strict=True))
    variables = {
        name: f"/run/secrets/{name.lower()}" if name.lower() in inside else value.replace("$", "$$")
        for name, value in wanted.inputs.variables.items()
    }
    service: dict[str, Any] = {
        "environment": variables,
        "labels": {_SETTINGS: wanted.settings},
        "secrets": [{"source": secret, "target": name, "mode": 0o444} for name, secret in inside.items()],
    }
    external = {secret: {"external": True} for secret in wanted.secrets}
    return {"version": "3.9", "services": {"service": service}, "secrets": external}


def _settings(container: dict[str, Any]) -> str:
    """Return the digest of the settings with which a container is started."""
    return str((container.get("Labels") or {}).get(_SETTINGS, ""))


def _task(found: dict[str, Any]) -> Task:
    status, container = found["Status"], found["Spec"]["ContainerSpec"]
    return Task(
        id=found["ID"],
        node=found.get("NodeID", ""),
        image=container["Image"],
        settings=_settings(container),
        running=status["State"] == "running",
        wanted=found["DesiredState"] == "running",
        created=found["CreatedAt"],
        error=status.get("Err") or "",
    )
