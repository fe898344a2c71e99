"""Settings of the service: every `SLIPWAY_...` variable that it reads, typed, in one place."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.serving.variables import PREFIX, read_variables, verify_variables

Durability = Annotated[
    Literal["always", "interval", "never"],
    Meta(description="always: each response waits for the disk; interval: every 100 ms; never: left to the system"),
]
WhenLogFails = Annotated[
    Literal["closed", "open"],
    Meta(description="closed: refuse with 503; open: respond, and count what is not logged"),
]


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The prediction log: its folder, durability and retention."""

    log: Annotated[Path, Meta(description="folder of the prediction log")] = Path(".slipway/log")
    log_inputs: Annotated[Literal["all", "none"], Meta(description="all, or none for privacy")] = "all"
    log_durability: Durability = "interval"
    when_log_fails: WhenLogFails = "closed"
    log_segment_mb: Annotated[int, Meta(ge=1, le=10_000, description="largest file of the log in MB")] = 64
    log_segment_hours: Annotated[
        int, Meta(ge=1, le=24 * 366, description="oldest file that is still written, in hours")
    ] = 24
    log_total_mb: Annotated[
        int, Meta(ge=1, le=1_000_000_000, description="size of all files of the log in MB; the oldest are deleted")
    ] = 50_000
    log_days: Annotated[int, Meta(ge=1, le=3660, description="days after which files of the log are deleted")] = 30

    def __post_init__(self) -> None:
        """Raise `ValueError`, which msgspec reports, if a file would be deleted while it is written."""
        if self.log_total_mb < self.log_segment_mb:
            raise ValueError(
                f"SLIPWAY_LOG_TOTAL_MB is {self.log_total_mb}, less than one file of SLIPWAY_LOG_SEGMENT_MB, "
                f"{self.log_segment_mb}; choose more MB in total or smaller files"
            )
        if self.log_segment_hours > 24 * self.log_days:
            raise ValueError(
                f"SLIPWAY_LOG_SEGMENT_HOURS is {self.log_segment_hours}, longer than the {self.log_days} days of "
                "SLIPWAY_LOG_DAYS after which a file is deleted; choose fewer hours or more days"
            )


class ServingSettings(LogSettings, frozen=True, kw_only=True):
    """All settings of the service."""

    bundle: Annotated[Path, Meta(description="the bundle's folder")] = Path("bundle")
    shadow: Annotated[
        Path | None,
        Meta(
            description="folder of a second bundle, which scores the same rows after they are answered; "
            "an empty folder: none"
        ),
    ] = None
    shadow_queue_mb: Annotated[
        int, Meta(ge=1, le=1000, description="rows of a worker that wait for the shadow, in MB; more are dropped")
    ] = 4
    host: Annotated[
        str,
        Meta(
            pattern=r"^(?![^:]*:[0-9]*\Z)[^\s/\[\]]+\Z",
            description="address or name to listen on, without port and brackets",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="port to listen on; else $AIP_HTTP_PORT, else $PORT")] = 8080
    workers: Annotated[int, Meta(ge=0, le=256, description="processes; 0: one for each core of the container")] = 0
    share_port: Annotated[
        Literal["on", "off"],
        Meta(description="on: another service may listen on the port too, while one replaces the other"),
    ] = "off"
    listener: Annotated[
        Path | None, Meta(description="socket of the `slipway hold` that listens in this service's place")
    ] = None
    instance: Annotated[
        str,
        Meta(
            pattern=r"^[\w.-]{0,100}\Z",
            description="name of this service among several on a port: /readyz returns it, health expects it",
        ),
    ] = ""
    auth: Annotated[
        Literal["none", "keys", "platform"], Meta(description="none (loopback only), keys, or platform")
    ] = "none"
    api_keys_file: Annotated[Path | None, Meta(description="file of hashed keys, which `slipway key` writes")] = None
    max_body_kb: Annotated[int, Meta(ge=1, le=100_000, description="larger requests get 413")] = 1024
    max_rows: Annotated[int, Meta(ge=1, le=100_000, description="more rows in a request get 422")] = 1000
    max_concurrency: Annotated[
        int,
        Meta(ge=1, le=1000, description="requests of a worker that are read or wait; more get 503 (1: all wait)"),
    ] = 128
    max_connections: Annotated[
        int, Meta(ge=16, le=1_000_000, description="open connections of a worker; the next one gets 503")
    ] = 16_000
    body_seconds: Annotated[float, Meta(ge=0.5, le=3600, description="seconds for a body; a slower one gets 408")] = (
        10.0
    )
    keep_alive_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=86_400,
            description="seconds after which an idle connection, or a slow header, ends",
        ),
    ] = 75
    saturated_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=86_400,
            description="seconds in which a worker has no free place, or does nothing, after which /readyz returns 503",
        ),
    ] = 5.0
    access_log: Annotated[
        Literal["off", "on"], Meta(description="on: a JSON line on standard output for each request")
    ] = "off"
    cors_origins: Annotated[
        str,
        Meta(
            pattern=r"^(\*|https?://[^\s/,]+(, ?https?://[^\s/,]+)*)?\Z",
            description="origins of pages that may call the service, with commas between (https://a.org); *: all",
        ),
    ] = ""
    drain_seconds: Annotated[
        float, Meta(ge=0, le=60, description="seconds for which /readyz returns 503 before connections are closed")
    ] = 0.0

    @property
    def processes(self) -> int:
        """Return the number of workers to start."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def loopback(self) -> bool:
        """True if only programs on this machine can reach the service."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_settings(environ: Mapping[str, str] = os.environ, **chosen: Any) -> ServingSettings:
    """Read the environment; a value that is `chosen` (and not None) overrides it.

    Raises `SettingsError` for an invalid value, an unknown variable SLIPWAY_..., keys that would not be asked for, and
    for an address that others can reach without authentication.
    """
    verify_variables(environ, ServingSettings.__struct_fields__)
    settings = read_settings_unchecked(environ, **chosen)
    verify_auth(settings)
    return settings


def read_settings_unchecked(environ: Mapping[str, str] = os.environ, **chosen: Any) -> ServingSettings:
    """Read the environment for a probe or the holder of a port: only the service itself has to verify `auth`."""
    return read_variables(ServingSettings, environ, chosen)


def read_log_settings(environ: Mapping[str, str] = os.environ, **chosen: Any) -> LogSettings:
    """Read the settings of the prediction log."""
    return read_variables(LogSettings, environ, chosen)


def describe_variables(kind: type[LogSettings] = ServingSettings) -> list[tuple[str, str]]:
    """List every variable with its description and default, for `--help`."""
    lines = []
    for field in msgspec.structs.fields(kind):
        meta = get_args(field.type)[1]
        default = "" if field.default is None else f" [{field.default}]"
        lines.append((PREFIX + field.name.upper(), f"{meta.description}{default}"))
    return lines


def verify_auth(settings: ServingSettings) -> None:
    """Raise `SettingsError` where others could reach the service without authentication.

    With a `listener` that depends on the holder's address, which the service learns when it receives the socket.
    """
    if settings.auth == "none" and not settings.loopback and settings.listener is None:
        raise SettingsError(
            f"The service would listen on {settings.host}, where others can reach it, without authentication. "
            "Set SLIPWAY_AUTH=keys with SLIPWAY_API_KEYS_FILE=keys.json (`slipway key new NAME --file keys.json` "
            "creates a key), or SLIPWAY_AUTH=platform if a platform in front of it authenticates clients. On "
            "--host 127.0.0.1 neither is needed."
        )
    if settings.auth == "keys" and settings.api_keys_file is None:
        raise SettingsError(
            "SLIPWAY_AUTH=keys needs SLIPWAY_API_KEYS_FILE, the file that `slipway key new NAME --file FILE` writes."
        )
    if settings.auth != "keys" and settings.api_keys_file is not None:
        raise SettingsError(
            f"SLIPWAY_API_KEYS_FILE names a file of keys, but with SLIPWAY_AUTH={settings.auth} the service would ask "
            "for none. Set SLIPWAY_AUTH=keys, or unset SLIPWAY_API_KEYS_FILE."
        )
