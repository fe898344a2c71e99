"""A service of Docker Swarm as one of its managers knows it: what it was told to run, its replicas and its nodes."""

from typing import Any

import msgspec
from docker.errors import NotFound

from slipway.delivery.targets.containers.engine import Engine

SETTINGS = "slipway.settings"


class Service(msgspec.Struct, frozen=True):
    """The service as the swarm was told to run it; `update` is the state of its last update, "" if there was none."""

    image: str
    settings: str
    replicas: int
    update: str
    message: str


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


class Node(msgspec.Struct, frozen=True):
    """One machine: `here` marks the manager that was asked, `open` a node that takes replicas."""

    id: str
    name: str
    here: bool
    open: bool


class SwarmService:
    """The service `name` of a swarm; every method raises `DeliveryError` if the manager cannot be asked."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._service = name

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

    def read_task_log(self, task: Task) -> str:
        """Return the end of a replica's output, on whichever node, "(no output)" if there is none."""
        return self._engine.command_line.read_task_log(task.id)

    def nodes(self) -> list[Node]:
        """Return all nodes of the swarm."""
        with self._engine.connect("list the nodes of the swarm") as docker:
            here = docker.info()["Swarm"]["NodeID"]
            return [_node(each.attrs, here) for each in docker.nodes.list()]


def _settings(container: dict[str, Any]) -> str:
    """Return the digest of the settings with which a container is started."""
    return str((container.get("Labels") or {}).get(SETTINGS, ""))


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


def _node(found: dict[str, Any], here: str) -> Node:
    # One that has only just joined has no name yet.
    name = found.get("Description", {}).get("Hostname", "")
    is_open = (found["Status"]["State"], found["Spec"]["Availability"]) == ("ready", "active")
    return Node(id=found["ID"], name=name, here=found["ID"] == here, open=is_open)
