"""Environment variables: the service's own, and others that start with SLIPWAY_."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

import msgspec

from slipway.errors import SettingsError

PREFIX = "SLIPWAY_"
_LIKE_OURS = re.compile(r"slip[._-]?way", re.IGNORECASE)
Kind = TypeVar("Kind", bound=msgspec.Struct)
# Platforms name the port in variables of their own: Vertex AI; Cloud Run, Heroku and others.
PORTS = (f"{PREFIX}PORT", "AIP_HTTP_PORT", "PORT")
# Of commands, workflows, compose files and the image; a test holds that none is missing.
_OTHERS = frozenset(
    f"{PREFIX}{name}"
    for name in (  # noqa: SIM905 - as a list, one line each
        "ADDRESS API_KEY API_KEYS APP APPROVAL APP_KEY APP_TOKEN ATTEST ATTESTED BASE_IMAGE CLIENT_IMAGE CODE_SCANNING "
        "COSIGN DATA_REGION DATA_ROLE DOCKER DOCKER_CONFIG ENGINE_GID ENGINE_SOCKET EVERY FOLLOWS FOLLOW_IMAGE FRONT "
        "GID GRAFANA_IMAGE GRAFANA_PORT IMAGE KEY KNOWN_HOSTS LEDGER_KEY MLFLOW_HOSTS MLFLOW_IMAGE MLFLOW_PORT PAGES "
        "POSTGRES_IMAGE PROCESS PROMETHEUS_IMAGE PROMETHEUS_PORT REGISTRY REGISTRY_IMAGE REGISTRY_PASSWORD "
        "REGISTRY_PORT REGISTRY_USER REPLICAS REPOSITORY REQUIRE RUNNER SERVERS SETTINGS SIGN_KEY SIGN_PASSWORD "
        "SMOKE_KEY SSH_KEY TARGET UID"
    ).split()
)
# Kubernetes and links of containers name services and their ports so, beside a service slipway, or slipway2.
_SERVICES = re.compile(r"SLIPWAY\w*_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def read_variables(kind: type[Kind], environ: Mapping[str, str], chosen: Mapping[str, Any]) -> Kind:
    """Read the fields of `kind` from the environment; a value that is `chosen` (and not None) overrides it.

    Raises `SettingsError` for an invalid value.
    """
    found: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name in kind.__struct_fields__:
        value, source = _find(environ, name)
        if value:
            found[name], sources[name] = value, source
        if chosen.get(name) is not None:
            found[name] = chosen[name]
    try:
        return msgspec.convert(found, kind, strict=False, dec_hook=lambda target, value: target(value))
    except msgspec.ValidationError as error:
        raise _invalid(kind, found, sources, str(error)) from error


def _invalid(
    kind: type[msgspec.Struct], given: Mapping[str, Any], sources: Mapping[str, str], error: str
) -> SettingsError:
    """Name the variable, with the values that it may have."""
    reason, _, path = error.partition(" - at `$.")
    name = path.rstrip("`")
    for field in msgspec.structs.fields(kind):
        if field.name == name and (expected := _describe_values(field.type)):
            reason = f"expected {expected}, found {given[name]!r}"
    variable = f"{sources.get(name, PREFIX + name.upper())}: " if name else ""
    return SettingsError(f"Invalid setting: {variable}{reason}. `slipway serve --help` lists the settings.")


def _describe_values(annotated: Any) -> str:
    """Describe the values of a setting: a few words, a range of numbers, or the description of a text."""
    own, meta = get_args(annotated)
    words = get_args(own)
    if words and all(isinstance(each, str) for each in words):
        return " or ".join(words)
    if own in (int, float):
        return f"{'a whole number' if own is int else 'a number'} from {meta.ge:,} to {meta.le:,}"
    return str(meta.description) if meta.pattern else ""


def _find(environ: Mapping[str, str], setting: str) -> tuple[str, str]:
    """Return the value of a setting and the variable that has it; "" if none has.

    The address that Kubernetes sets for a service named slipway (SLIPWAY_PORT=tcp://...) is not a setting.
    """
    own = PREFIX + setting.upper()
    for name in PORTS if setting == "port" else (own,):
        value = environ.get(name, "")
        if value and not _ADDRESS.match(value):
            return value, name
    return "", own


def verify_variables(environ: Mapping[str, str], settings: Iterable[str]) -> None:
    """Raise `SettingsError` for an unknown variable that looks like SLIPWAY_..., with the nearest name."""
    own = [PREFIX + name.upper() for name in settings]
    for name, value in sorted(environ.items()):
        if not _LIKE_OURS.match(name) or name in own or name in _OTHERS:
            continue
        if _SERVICES.fullmatch(name) or _ADDRESS.match(value):
            continue
        nearest = difflib.get_close_matches(name.upper(), [*own, *_OTHERS], 1, 0.0)[0]
        raise SettingsError(
            f"There is no setting {name}. Did you mean {nearest}? `slipway serve --help` lists the settings; unset "
            "variables of other programs that start with SLIPWAY_."
        )
