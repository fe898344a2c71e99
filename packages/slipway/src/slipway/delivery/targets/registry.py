"""Find the target of an environment: pyproject.toml names it, an entry point of the group `slipway.targets` brings it.

Any installed distribution can add one: `[project.entry-points."slipway.targets"]` with `name = "module:Class"`.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from slipway.delivery.targets.base import DEFAULT_TARGET, Target, TargetSettings
from slipway.errors import SettingsError
from slipway.files.documents import convert_document
from slipway.files.lock import hold_lock
from slipway.settings import ProjectSettings, environment_folder, project_settings, target_override

GROUP = "slipway.targets"


def find_target(root: Path, environment: str, settings: ProjectSettings | None = None) -> Target:
    """Return the target of an environment, as pyproject.toml describes it; raises `SettingsError`."""
    tables = (settings or project_settings(root)).environments
    if environment not in tables:
        raise SettingsError(
            f"pyproject.toml has no [tool.slipway.environments.{environment}]; it has {', '.join(tables) or 'none'}. "
            "Name one of these, or add a table."
        )
    table, where = tables[environment], f"[tool.slipway.environments.{environment}] of pyproject.toml"
    kind = table.get("target", DEFAULT_TARGET)
    found = load_target(kind, f"target in {where}")
    options = _convert_options(found, kind, table, where)
    if (chosen := target_override()) and chosen != kind:
        found = load_target(chosen, "SLIPWAY_TARGET")
        # Options of the target that the table names are no mistake where another one is chosen for once.
        known = {name: value for name, value in table.items() if name in found.settings_type.__struct_fields__}
        options = _convert_options(found, chosen, known | {"target": chosen}, f"{where}, with SLIPWAY_TARGET={chosen}")
    return found(root, environment, options)


def lock_environment(root: Path, environment: str, say: Callable[[str], None]) -> AbstractContextManager[None]:
    """Lock the environment of the project at `root`; say so while another command of this clone holds the lock."""
    path = environment_folder(root, f"{environment}.lock")
    return hold_lock(path, lambda: say(f"{environment}: waiting for another command to end ..."))


def known_targets() -> dict[str, EntryPoint]:
    """Return the entry point of every installed target by name; raises `SettingsError` for two of one name."""
    found: dict[str, EntryPoint] = {}
    for each in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        other = found.setdefault(each.name, each)
        if other.value != each.value:
            raise SettingsError(
                f"Two installed packages bring a target {each.name}: {other.value} and {each.value}. Uninstall one."
            )
    return found


def load_target(kind: Any, where: str) -> type[Target]:
    """Import a target; `where` begins the message of the `SettingsError` for one that is unknown or broken."""
    known = known_targets()
    if kind not in known:
        raise SettingsError(
            f"{where}: unknown target {kind!r}. Known targets: {', '.join(known)}. A package brings another one with "
            f"an entry point of the group {GROUP} (docs/delivery.md)."
        )
    try:
        found = known[kind].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"{where}: the target {kind} ({known[kind].value}) cannot be imported: {error}. Install what it needs; for "
            "a target of Slipway itself, the extra slipway[deliver]."
        ) from error
    if not (isinstance(found, type) and issubclass(found, Target)):
        raise SettingsError(f"{where}: {known[kind].value} is not a subclass of {Target.__module__}.Target.")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise SettingsError(f"{where}: the target {kind} ({known[kind].value}) does not implement {missing}.")
    return found


def _convert_options(target: type[Target], kind: str, table: dict[str, Any], where: str) -> TargetSettings:
    options = target.settings_type.__struct_fields__
    for name in table:
        if name not in options:
            raise SettingsError(
                f"{where}: the target {kind} has no option {name}, {_targets_with_option(name)}. Options of {kind}: "
                f"{', '.join(sorted(options))}."
            )
    return convert_document(table, target.settings_type, where, SettingsError, "Fix it.")


def _targets_with_option(option: str) -> str:
    known = [kind for kind in known_targets() if option in load_target(kind, GROUP).settings_type.__struct_fields__]
    return f"which is one of {', '.join(known)}" if known else "nor has any other target"
