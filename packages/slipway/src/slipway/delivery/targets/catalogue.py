"""Every target that is installed: what it needs, its options, and how an environment gets it."""

import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.targets.base import DEFAULT_TARGET, Target, TargetSettings
from slipway.delivery.targets.registry import GROUP, known_targets, load_target
from slipway.errors import SettingsError
from slipway.files.writing import write_bytes
from slipway.settings import project_settings

PYPROJECT = "pyproject.toml"


class TargetSummary(msgspec.Struct, frozen=True):
    """A target: who brings it, the extra that it needs (None: no more than slipway[deliver]), who uses it."""

    kind: str
    source: str
    extra: str | None
    installed: bool
    environments: tuple[str, ...]


class TargetOption(msgspec.Struct, frozen=True):
    """An option of a target, with its default as TOML writes it, None for one that must be set."""

    name: str
    type: str
    default: str | None
    description: str
    example: Any = None


class Addition(msgspec.Struct, frozen=True):
    """The result of adding a target: files and table that were written, files that were there already."""

    kind: str
    environment: str
    written: tuple[str, ...]
    kept: tuple[str, ...]
    table: bool


def list_targets(root: Path) -> list[TargetSummary]:
    """Return every installed target, by name, with the environments of the project at `root` that use it."""
    used = {name: table.get("target", DEFAULT_TARGET) for name, table in project_settings(root).environments.items()}
    found = []
    for kind, entry in known_targets().items():
        target = load_target(kind, GROUP)
        extra, module = target.extra or (None, "slipway")
        environments = tuple(name for name, other in used.items() if other == kind)
        installed = find_spec(module) is not None
        found.append(TargetSummary(kind, entry.value.partition(":")[0], extra, installed, environments))
    return found


def list_options(kind: str) -> list[TargetOption]:
    """Return the options of a target, those without a default first."""
    settings = load_target(kind, "slipway target").settings_type
    properties = msgspec.json.schema(settings)["$defs"][settings.__name__]["properties"]
    found = []
    for field in msgspec.structs.fields(settings):
        schema = properties[field.encode_name]
        default = None if field.required else _show_default(field)
        example = next(iter(schema.get("examples", ())), None)
        found.append(TargetOption(field.name, _show_type(schema), default, _describe(schema), example))
    return sorted(found, key=lambda option: option.default is not None)


def add_target(root: Path, kind: str, environment: str, replace: bool = False) -> Addition:
    """Write the files of a target into `deploy/` and the table of an environment into pyproject.toml.

    What is there is kept. Raises `SettingsError` if the environment has another target, unless told to `replace` it.
    """
    target = load_target(kind, "slipway target add")
    tables = project_settings(root).environments
    current = tables[environment].get("target", DEFAULT_TARGET) if environment in tables else None
    if current not in (None, kind) and not replace:
        raise SettingsError(
            f"{environment} has the target {current} in {PYPROJECT}, expected none or {kind}. Name another "
            f"environment, or replace it: `slipway target add {kind} {environment} --replace`."
        )
    if current != kind:
        _write_table(root / PYPROJECT, kind, environment)
    written, kept = _copy_files(root, kind, target)
    return Addition(kind, environment, tuple(written), tuple(kept), current != kind)


def _copy_files(root: Path, kind: str, target: type[Target]) -> tuple[list[str], list[str]]:
    written: list[str] = []
    kept: list[str] = []
    files = sorted(path for path in target.starter.rglob("*") if path.is_file()) if target.starter else []
    for path in files:
        name = Path("deploy") / kind / path.relative_to(target.starter or path)
        if (root / name).exists():
            kept.append(str(name))
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(root / name, path.read_bytes())
        written.append(str(name))
    return written, kept


def _write_table(path: Path, kind: str, environment: str) -> None:
    """Add the table of an environment, or replace the options of its target there; comments stay."""
    import tomlkit

    document = tomlkit.parse(path.read_text())
    needed = {option.name: option.example or "..." for option in list_options(kind) if option.default is None}
    options = {"target": kind} | needed
    environments = document["tool"]["slipway"].get("environments", {})
    if environment in environments:
        table = environments[environment]
        for name in [name for name in table if name not in (*TargetSettings.__struct_fields__, *needed)]:
            del table[name]
        for name, value in options.items():
            if name == "target" or name not in table:
                table[name] = value
        text = tomlkit.dumps(document)
    else:
        lines = [
            f"\n[tool.slipway.environments.{environment}]",
            *(tomlkit.dumps({k: v}).strip() for k, v in options.items()),
        ]
        text = path.read_text().rstrip("\n") + "\n" + "\n".join(lines) + "\n"
    _check_table(text, environment, options)
    write_bytes(path, text.encode())


def _check_table(text: str, environment: str, options: dict[str, Any]) -> None:
    try:
        tomllib.loads(text)["tool"]["slipway"]["environments"][environment]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        lines = ", ".join(f"{name} = {value!r}" for name, value in options.items())
        raise SettingsError(
            f"The environment {environment} cannot be added to {PYPROJECT}: {error}. Add it by hand, with {lines}."
        ) from error


def _show_type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kinds = [each.get("type", "") for each in schema.get("anyOf", (schema,))]
    return next((kind for kind in kinds if kind != "null"), "")


def _describe(schema: dict[str, Any]) -> str:
    found = [each["description"] for each in (schema, *schema.get("anyOf", ())) if "description" in each]
    return str(found[0]) if found else ""


def _show_default(field: msgspec.structs.FieldInfo) -> str:
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return "none" if default is None else msgspec.json.encode(default).decode()
