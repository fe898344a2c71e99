"""An environment: where it runs, and one command at a time that has it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from slipway.delivery.steps import Say
from slipway.delivery.targets.base import Target
from slipway.delivery.targets.docker import DockerTarget
from slipway.delivery.targets.local.target import LocalTarget
from slipway.delivery.targets.rehearsal import RehearsalTarget
from slipway.delivery.targets.swarm import SwarmTarget
from slipway.errors import SettingsError
from slipway.lock import hold_lock
from slipway.settings import EnvironmentSettings, project_settings


def target_of(root: Path, environment: str) -> Target:
    """Where the environment runs, as pyproject.toml says; raises `SettingsError`."""
    known = project_settings(root).environments
    if environment not in known:
        raise SettingsError(
            f"pyproject.toml has no [tool.slipway.environments.{environment}]; it has {', '.join(known) or 'none'}. "
            "Name one of these, or add it with a port."
        )
    settings = known[environment]
    kinds: dict[str, Callable[[Path, str, EnvironmentSettings], Target]] = {
        LocalTarget.kind: LocalTarget,
        DockerTarget.kind: DockerTarget,
        SwarmTarget.kind: SwarmTarget,
        RehearsalTarget.kind: RehearsalTarget,
    }
    return kinds[settings.target](root, environment, settings)


@contextmanager
def held(root: Path, environment: str, say: Say) -> Iterator[Target]:
    """The environment's target, for this command alone, without what a killed one left aside."""
    target = target_of(root, environment)
    with lock_environment(root, environment, say), target.alone(say):
        target.clear()
        yield target


def lock_environment(root: Path, environment: str, say: Say) -> AbstractContextManager[None]:
    """Hold the environment of the project at `root`; say so while another command of this clone holds it."""
    path = root / ".slipway" / "environments" / f"{environment}.lock"
    return hold_lock(path, lambda: say(f"{environment}: waiting for another command to end ..."))
