"""An environment as a stack of Docker Swarm: what deploy/swarm/stack.yaml says, and what the swarm makes of it."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml

from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import Given
from slipway.delivery.targets.containers.nodes import Node, read_nodes
from slipway.errors import DeliveryError
from slipway.files import write_json

FILE = Path("deploy/swarm/stack.yaml")
_SETTINGS = "slipway.settings"
_SECRETS = "slipway.secrets"
# What a swarm takes for the name of a secret.
_LONGEST = 64


class Task(msgspec.Struct, frozen=True):
    """One replica that there is or was: `wanted` says whether it should run, `error` why it does not."""

    id: str
    node: str
    image: str
    settings: str
    running: bool
    wanted: bool
    created: str
    error: str


class Service(msgspec.Struct, frozen=True):
    """What the swarm was told, and how far it is: `update` is its own word, empty where nothing was ever updated."""

    image: str
    settings: str
    replicas: int
    update: str
    message: str


class Wanted(msgspec.Struct, frozen=True):
    """What the stack should be: the digest of its settings, what goes into them, and its secrets by name."""

    settings: str
    variables: dict[str, str]
    given: Given
    secrets: dict[str, bytes]


class Stack:
    """One stack of a swarm, by its name."""

    def __init__(self, engine: Engine, name: str, root: Path, folder: Path) -> None:
        """`folder` takes what is added to the file of `root`, where a person can read it."""
        self.name = name
        self._engine = engine
        self._file = root / FILE
        self._added = folder / "stack.json"
        self._service = f"{name}_service"

    def check(self) -> None:
        """Raise `DeliveryError` if the engine manages no swarm, or the stack's file is not there."""
        if self._engine.run("info", "--format", "{{.Swarm.ControlAvailable}}") != "true":
            raise DeliveryError(
                "The engine is no manager of a swarm. `docker swarm init` makes it one of its own; where there is a "
                "swarm already, name a docker context that leads to one of its managers."
            )
        self._read()

    def wanted(self, given: Given, address: str, port: int, replicas: int) -> Wanted:
        """What a stack with these settings is."""
        found = self._read()
        # What a secret holds cannot be changed, so one with another content has another name.
        secrets = {
            f"{self.name}-{name}-{hashlib.sha256(content).hexdigest()[:12]}": content
            for name, content in sorted(given.files.items())
        }
        for name in secrets:
            if len(name) > _LONGEST:
                raise DeliveryError(
                    f"The name of the secret {name} has {len(name)} characters, and a swarm takes {_LONGEST}. Choose a "
                    "shorter `project` in pyproject.toml."
                )
        place = {"SLIPWAY_ADDRESS": address, "SLIPWAY_PORT": str(port), "SLIPWAY_REPLICAS": str(replicas)}
        digest = hashlib.sha256(
            msgspec.json.encode((found, place, given.variables, sorted(secrets)), order="deterministic")
        )
        return Wanted(digest.hexdigest()[:16], place, given, secrets)

    def deploy(self, image: str, wanted: Wanted) -> None:
        """Tell the swarm what to run; it goes on with that by itself."""
        for name, content in wanted.secrets.items():
            if self._engine.attempt("secret", "inspect", name) is None:
                self._engine.run("secret", "create", "--label", f"{_SECRETS}={self.name}", name, "-", given=content)
        write_json(self._added, _addition(wanted))
        files = ["--compose-file", str(self._file), "--compose-file", str(self._added)]
        # The digest is the image's name already, and each node pulls it with the login of here.
        how = ["--with-registry-auth", "--resolve-image", "never", "--prune"]
        variables = wanted.variables | {"SLIPWAY_IMAGE": image}
        self._engine.run("stack", "deploy", *how, *files, self.name, variables=variables)

    def service(self) -> Service | None:
        """What the swarm was told to run, None if nothing of this name."""
        # A question that gets no answer must not pass for the answer that there is none.
        listed = self._engine.run("service", "ls", "--format", "{{.Name}}", "--filter", f"name={self._service}")
        if self._service not in listed.split():
            return None
        (service,) = msgspec.json.decode(self._engine.run("service", "inspect", self._service))
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
        """The service's replicas, those that ended too, the newest first."""
        if self.service() is None:
            return []
        names = self._engine.run("service", "ps", "--quiet", "--no-trunc", self._service).split()
        found = self._engine.run("inspect", "--type", "task", *names) if names else "[]"
        tasks = [_task(each) for each in msgspec.json.decode(found)]
        return sorted(tasks, key=lambda each: each.created, reverse=True)

    def nodes(self) -> list[Node]:
        """The swarm's nodes; none where the file itself says on which of them replicas are placed."""
        return [] if "placement" in self._read()["services"]["service"]["deploy"] else read_nodes(self._engine)

    def logs_here(self) -> bool:
        """Whether this engine has a prediction log of the environment, which stays when its replicas go."""
        return self._engine.attempt("volume", "inspect", f"{self.name}_log") is not None

    def last_words(self, task: Task) -> str:
        """The end of what a replica said, on whichever node."""
        return self._engine.hear("service", "logs", "--raw", "--tail", "20", task.id)

    def remove(self) -> None:
        """End and remove all of it but its volumes, which lie on the nodes."""
        self._engine.run("stack", "rm", self.name)

    def remove_secrets(self, but: Wanted | None = None) -> None:
        """Remove the secrets of this stack that nothing uses any more."""
        named = ("--filter", f"label={_SECRETS}={self.name}", "--format", "{{.Name}}")
        for name in (self._engine.attempt("secret", "ls", *named) or "").split():
            if but is None or name not in but.secrets:
                # One that is still used is not removed by the swarm.
                self._engine.attempt("secret", "rm", name)

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = yaml.safe_load(self._file.read_text())
            if found["services"]["service"]["deploy"].get("mode", "replicated") != "replicated":
                raise KeyError("replicas, which a service of another mode has not")
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise DeliveryError(
                f"Expected a stack file with the replicated service `service` in {self._file}: {error}. The template "
                "has one; bring it back with git."
            ) from error
        return found


def _addition(wanted: Wanted) -> dict[str, Any]:
    """What the stack is told besides the file; a dollar sign would be read as the name of a variable."""
    inside = dict(zip(sorted(wanted.given.files), wanted.secrets, strict=True))
    variables = {
        name: f"/run/secrets/{name.lower()}" if name.lower() in inside else value.replace("$", "$$")
        for name, value in wanted.given.variables.items()
    }
    service: dict[str, Any] = {
        "environment": variables,
        "labels": {_SETTINGS: wanted.settings},
        "secrets": [{"source": secret, "target": name, "mode": 0o444} for name, secret in inside.items()],
    }
    external = {secret: {"external": True} for secret in wanted.secrets}
    return {"version": "3.9", "services": {"service": service}, "secrets": external}


def _settings(container: dict[str, Any]) -> str:
    """The digest of the settings with which a container is started."""
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
