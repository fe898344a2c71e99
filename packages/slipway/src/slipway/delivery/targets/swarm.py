"""The target `swarm`: an environment is a stack of Docker Swarm, whose replicas the swarm replaces one by one.

The next release is started aside and tested; then the swarm is told. It starts its replicas one after the other, each
before an old one goes, and brings the old ones back by itself if one does not become healthy. Here that is watched, and
tested.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from slipway.delivery.smoke_test import Smoke, wait_until
from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.container_target import ContainerSettings, ContainerTarget
from slipway.delivery.targets.containers.stack import FILE, Service, Stack, Task, Wanted
from slipway.delivery.targets.preconditions import check_port
from slipway.errors import DeliveryError

# For each replica: its start, its health, the time for which it is watched, and the drain of the one that it replaces.
_REPLICA_SECONDS = 240.0
# A look is several questions to a manager that may be far away.
_LOOK_SECONDS = 0.5
# The swarm's words: it has nothing to do any more, or it does nothing any more.
_DONE = ("", "completed", "rollback_completed")
_STUCK = ("paused", "rollback_paused")


class SwarmSettings(ContainerSettings, frozen=True, kw_only=True):
    """Options of the target `swarm`: those of an engine, and the number of `replicas`."""

    replicas: Annotated[int, Meta(ge=1, le=100)] = 2


class SwarmTarget(ContainerTarget):
    """One environment as a stack."""

    settings_type = SwarmSettings
    settings: SwarmSettings

    def __init__(self, root: Path, name: str, settings: SwarmSettings) -> None:
        super().__init__(root, name, settings)
        self._stack = Stack(self._engine, self._named, root, root / ".slipway" / "environments" / name)

    def is_managed_here(self) -> bool:
        """Whether its swarm has served it before, or is named by a context: that is the same one from every clone."""
        return self.settings.context is not None or self._stack.service() is not None or self._stack.has_log()

    def is_running(self) -> bool:
        """Whether one of its replicas runs."""
        return any(each.running for each in self._stack.tasks())

    def preflight(self) -> None:
        """Raise `DeliveryError` for what is missing, or in the way, before anything starts."""
        self._check_callers()
        self._engine.check()
        self._stack.check()
        self._check_reach()
        # A file that is missing is named here.
        self._wanted()
        if self._stack.service() is None and self._reach.machine is None:
            check_port(self.name, self.settings.port, self.settings.address)

    def preflight_new_release(self) -> None:
        """Raise `DeliveryError` unless each node that takes replicas keeps one at every moment, this one too."""
        nodes = self._stack.nodes()
        number = len([each for each in nodes if each.open])
        if nodes and not any(each.here and each.open for each in nodes):
            raise DeliveryError(
                f"The manager through which {self.name} is reached takes no replicas (`docker node ls`), and nothing "
                "could be tested there. `docker node update --availability active` lets it take some; or name the "
                "docker context of a manager that does."
            )
        if number > 1 and self.settings.replicas < 2 * number:
            # With fewer the swarm may take the last one of a node away before it starts the next one there.
            raise DeliveryError(
                f"{number} nodes of the swarm take replicas of {self.name}, and none may be without one while they are "
                f"replaced: expected replicas = {2 * number} or more in [tool.slipway.environments.{self.name}] of "
                f"pyproject.toml, found {self.settings.replicas}. Or say in {FILE} on which nodes they run "
                "(placement)."
            )

    def note(self) -> str | None:
        """Which node takes replicas and runs none: callers are sent there, and by itself a swarm moves no replica."""
        taken = {each.node for each in self._stack.tasks() if each.running}
        empty = [each.name for each in self._stack.nodes() if each.open and each.id not in taken]
        if not taken or not empty:
            return None
        service = f"{self._named}_service"
        return f"no replica runs on {', '.join(empty)}: `docker service update --force {service}` deals them out anew"

    def apply(self, prepared: PreparedRelease) -> Smoke:
        """Let the swarm serve a kept image, and test it; raises `DeliveryError` where the swarm went back by itself."""
        wanted, image = self._wanted(), str(prepared.image)
        self._stack.deploy(image, wanted)
        self._watch(image, wanted)
        self._stack.remove_secrets(keep=wanted)
        return self.smoke_test(prepared)

    def out_of_sync(self, digest: str | None, image: str | None = None) -> str | None:
        """What is not as it is where `digest` serves (None: where nothing does), from `image`; None if all is."""
        service = self._stack.service()
        if digest is None:
            return f"there is a stack {self._named}, the ledger says nothing" if service else None
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
        answers = self.observe()
        return None if answers == digest else f"runs {(answers or 'nothing')[:12]}, the ledger says {digest[:12]}"

    def remove(self) -> bool:
        """End the replicas; False if there were none. The prediction log stays, in a volume of each node."""
        if self._stack.service() is None:
            return False
        self._stack.remove()
        if not wait_until(lambda: self._answering() is None, _REPLICA_SECONDS, look=_LOOK_SECONDS):
            raise DeliveryError(f"The stack {self._named} was removed, and something still answers on {self.url}.")
        self._stack.remove_secrets()
        return True

    def _image(self) -> str | None:
        service = self._stack.service()
        return service.image if service else None

    def _watch(self, image: str, wanted: Wanted) -> None:
        """Wait until all replicas are those that were asked for, and no old one is left."""
        seconds = _REPLICA_SECONDS * self.settings.replicas
        if wait_until(lambda: self._has_settled(image, wanted), seconds, look=_LOOK_SECONDS):
            return
        service = self._stack.service()
        left = _unfinished(service, self._stack.tasks()) if service else "the stack is gone"
        why = _why(self._stack, image)
        raise DeliveryError(f"The swarm did not bring about {self.name} within {seconds:.0f} s: {left}. {why}")

    def _has_settled(self, image: str, wanted: Wanted) -> bool:
        try:
            service, tasks = self._stack.service(), self._stack.tasks()
        except DeliveryError:
            # A manager that does not answer has not failed, and a replica may have gone between two questions.
            return False
        if service is None:
            raise DeliveryError(f"Somebody removed the stack {self._named} meanwhile.")
        # Where the swarm goes back, it has told itself what it was told before.
        if (service.image, service.settings) != (image, wanted.settings) or service.update in _STUCK:
            said = service.message or "it was told another one"
            raise DeliveryError(
                f"The swarm did not bring the release into {self.name}: {said}. {_why(self._stack, image)}"
            )
        return _unfinished(service, tasks) is None

    def _wanted(self) -> Wanted:
        settings = self.settings
        return self._stack.wanted(self._inputs(), settings.address, settings.port, settings.replicas)


def _unfinished(service: Service, tasks: list[Task]) -> str | None:
    """What is left to do until the swarm runs what it was told, None if it does."""
    told = (service.image, service.settings)
    # One that is only starting counts as well: where the swarm went back it may have one too many for a moment.
    wanted = [each for each in tasks if each.wanted]
    new = [each for each in wanted if each.running and (each.image, each.settings) == told]
    old = [each for each in tasks if each.running and each not in new]
    if service.update in _DONE and len(new) == len(wanted) == service.replicas and not old:
        return None
    if service.update in _STUCK:
        return f"the swarm stopped halfway: {service.message}"
    return f"{len(new)} of {service.replicas} replicas run it" + (f", {len(old)} of another one" if old else "")


def _why(stack: Stack, image: str) -> str:
    """What is known of the newest replica of the image that failed."""
    failed = next((each for each in stack.tasks() if each.error and each.image == image), None)
    if failed is None:
        return "No replica said why."
    return f"A replica failed: {failed.error}. End of its output: {stack.read_task_log(failed)}"
