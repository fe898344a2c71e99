"""The target `swarm`: an environment is a stack of Docker Swarm, whose replicas the swarm replaces one by one.

The next release is rehearsed in a container of its own; then the swarm is told to run it. It starts the new replicas
one after the other, each before an old one ends, and rolls back by itself if one does not become healthy. The target
waits for that and tests the result.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from slipway.delivery.smoke_test import Smoke, wait_until
from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.container_target import ContainerSettings, ContainerTarget
from slipway.delivery.targets.containers.swarm_service import Service, Task
from slipway.delivery.targets.containers.swarm_stack import FILE, Stack, Wanted
from slipway.errors import DeliveryError
from slipway.settings import environment_folder

# For each replica: its start, its health, the time for which it is watched, and the drain of the one that it replaces.
_REPLICA_SECONDS = 240.0
# One look sends several requests to a manager that may be far away.
_LOOK_SECONDS = 0.5
# The swarm's states of an update: finished, and stopped before its end.
_DONE = ("", "completed", "rollback_completed")
_STUCK = ("paused", "rollback_paused")


class SwarmSettings(ContainerSettings, frozen=True, kw_only=True):
    """Options of the target `swarm`: those of an engine, and the number of `replicas`."""

    replicas: Annotated[int, Meta(ge=1, le=100, description="containers that serve")] = 2


class SwarmTarget(ContainerTarget):
    """One environment as a stack."""

    settings_type = SwarmSettings
    settings: SwarmSettings

    def __init__(self, root: Path, name: str, settings: SwarmSettings) -> None:
        super().__init__(root, name, settings)
        self._stack = Stack(self._engine, self._named, root, environment_folder(root, name))

    def is_running(self) -> bool:
        """Return whether one of its replicas runs."""
        return any(each.running for each in self._stack.tasks())

    def copy_log(self, folder: Path) -> str | None:
        """Copy the log out of this node's volume; return why that is not all of it, where other nodes have one too."""
        nodes = [each for each in self._stack.nodes() if each.open]
        if len(nodes) > 1:
            return f"{self.name} writes a log on each of {len(nodes)} nodes, and only one of them is reached from here"
        return super().copy_log(folder)

    def preflight_new_release(self) -> None:
        """Raise `DeliveryError` unless each node that takes replicas, this one included, keeps one at every moment."""
        nodes = self._stack.nodes()
        number = len([each for each in nodes if each.open])
        if nodes and not any(each.here and each.open for each in nodes):
            raise DeliveryError(
                f"The manager through which {self.name} is reached takes no replicas (`docker node ls`), so nothing "
                "can be tested there. `docker node update --availability active` lets it take some; or name the "
                "docker context of a manager that does."
            )
        if number > 1 and self.settings.replicas < 2 * number:
            # With fewer, the swarm may stop the last replica of a node before it starts the next one there.
            raise DeliveryError(
                f"{number} nodes of the swarm take replicas of {self.name}, and each must keep one while they are "
                f"replaced: expected replicas = {2 * number} or more in {self.table}, found {self.settings.replicas}. "
                f"Or say in {FILE} on which nodes they run (placement)."
            )

    def note(self) -> str | None:
        """Name the nodes that take replicas and run none: they get requests, and a swarm never moves a replica."""
        taken = {each.node for each in self._stack.tasks() if each.running}
        empty = [each.name for each in self._stack.nodes() if each.open and each.id not in taken]
        if not taken or not empty:
            return None
        service = f"{self._named}_service"
        return f"no replica runs on {', '.join(empty)}: `docker service update --force {service}` spreads them again"

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Let the swarm serve the image and test it; raise `DeliveryError` if the swarm rolled back by itself."""
        wanted, image = self._wanted(), str(prepared.image)
        self._stack.deploy(image, wanted)
        self._watch(image, wanted)
        self._stack.remove_secrets(keep=wanted)
        return self.smoke_test(prepared)

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:
        """Return how the environment differs from one that serves `digest` from `image`; None if it does not."""
        service = self._stack.service()
        if digest is None:
            return f"a stack {self._named} exists, the ledger has no entry" if service else None
        if service is None:
            return f"the swarm has no stack {self._named}"
        if image and service.image != image:
            return f"the swarm was told {service.image}, the ledger says {image}"
        if service.settings != self._wanted().settings:
            return "runs with other settings than those of pyproject.toml, its files and deploy/swarm/stack.yaml"
        if service.replicas != self.settings.replicas:
            return f"was scaled to {service.replicas} replicas, pyproject.toml says {self.settings.replicas}"
        if unfinished := _unfinished(service, self._stack.tasks()):
            return unfinished
        return super().out_of_sync(digest, image)

    def remove(self) -> bool:
        """Stop the replicas; return False if there were none. The prediction log stays, in a volume of each node."""
        if self._stack.service() is None:
            return False
        self._stack.remove()
        if not wait_until(lambda: self._answering() is None, _REPLICA_SECONDS, look=_LOOK_SECONDS):
            raise DeliveryError(f"The stack {self._named} was removed, and a service still responds on {self.url}.")
        self._stack.remove_secrets()
        return True

    def _image(self) -> str | None:
        service = self._stack.service()
        return service.image if service else None

    def _check_orchestrator(self) -> None:
        with self._engine.connect("read the state of the swarm") as docker:
            is_manager = docker.info()["Swarm"].get("ControlAvailable", False)
        if not is_manager:
            raise DeliveryError(
                "The engine is not a manager of a swarm. `docker swarm init` makes it one of its own; for an existing "
                "swarm, name a docker context that leads to one of its managers."
            )

    def _holds_port(self) -> bool:
        return self._stack.service() is not None

    def _watch(self, image: str, wanted: Wanted) -> None:
        """Wait until all replicas run the image with these settings, and no old one is left."""
        seconds = _REPLICA_SECONDS * self.settings.replicas
        if wait_until(lambda: self._has_settled(image, wanted), seconds, look=_LOOK_SECONDS):
            return
        service = self._stack.service()
        left = _unfinished(service, self._stack.tasks()) if service else "the stack was removed"
        why = _why(self._stack, image)
        raise DeliveryError(f"The swarm did not finish its update of {self.name} within {seconds:.0f} s: {left}. {why}")

    def _has_settled(self, image: str, wanted: Wanted) -> bool:
        try:
            service, tasks = self._stack.service(), self._stack.tasks()
        except DeliveryError:
            # A manager that cannot be reached has not failed, and a replica may have ended between two requests.
            return False
        if service is None:
            raise DeliveryError(f"Conflict: another program removed the stack {self._named} while it was updated.")
        # A swarm that rolls back has the settings of before.
        if (service.image, service.settings) != (image, wanted.settings) or service.update in _STUCK:
            said = service.message or "it was told to run another one"
            raise DeliveryError(
                f"The swarm did not roll the release out to {self.name}: {said}. {_why(self._stack, image)}"
            )
        return _unfinished(service, tasks) is None

    def _wanted(self) -> Wanted:
        settings = self.settings
        return self._stack.wanted(self._inputs(), settings.address, settings.port, settings.replicas)


def _unfinished(service: Service, tasks: list[Task]) -> str | None:
    """Return what is left of the swarm's update, None if it is finished."""
    told = (service.image, service.settings)
    # One that is only starting counts too: after a rollback the swarm may have one too many for a moment.
    wanted = [each for each in tasks if each.wanted]
    new = [each for each in wanted if each.running and (each.image, each.settings) == told]
    old = [each for each in tasks if each.running and each not in new]
    if service.update in _DONE and len(new) == len(wanted) == service.replicas and not old:
        return None
    if service.update in _STUCK:
        return f"the swarm stopped its update: {service.message}"
    return f"{len(new)} of {service.replicas} replicas run it" + (f", {len(old)} of another one" if old else "")


def _why(stack: Stack, image: str) -> str:
    """Explain why the newest failed replica of the image failed."""
    failed = next((each for each in stack.tasks() if each.error and each.image == image), None)
    if failed is None:
        return "No replica reported an error."
    return f"A replica failed: {failed.error}. End of its output: {stack.read_task_log(failed)}"
