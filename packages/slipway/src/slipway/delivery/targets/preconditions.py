"""Preconditions that targets share: files, keys and a free port."""

import socket
from pathlib import Path

from slipway.delivery.targets.settings import TargetSettings
from slipway.errors import DeliveryError


def check_files(root: Path, environment: str, settings: TargetSettings) -> None:
    """Raise `DeliveryError` that names a missing file or key."""
    place = f"[tool.slipway.environments.{environment}] of pyproject.toml"
    needed = {name: value for name, value in settings.variables.items() if name.endswith("_FILE")}
    if settings.key_file is not None:
        needed["key_file"] = settings.key_file
    elif settings.variables.get("SLIPWAY_AUTH") == "keys":
        keys = needed.get("SLIPWAY_API_KEYS_FILE", "keys.json")
        raise DeliveryError(
            f"The service of {environment} asks for keys (SLIPWAY_AUTH), and its smoke test has none. Make one with "
            f'`slipway key new smoke --file {keys} --secret-file smoke.key`, and set key_file = "smoke.key" in {place}.'
        )
    for name, value in needed.items():
        if not (root / value).is_file():
            raise DeliveryError(
                f"The environment {environment} needs the file {value} ({name}), which is missing. Put it there, or "
                f"change {place}."
            )


def check_port(environment: str, port: int, address: str = "127.0.0.1") -> None:
    """Raise `DeliveryError` if another program listens on the port."""
    try:
        socket.create_server((address, port)).close()
    except OSError as error:
        raise DeliveryError(
            f"Port {port} of the environment {environment} is taken by another program: {error.strerror}. Stop that "
            f"program, or choose another port in [tool.slipway.environments.{environment}] of pyproject.toml."
        ) from error


def read_key(root: Path, settings: TargetSettings) -> str | None:
    """Return the key with which the service is tested, None if none is set."""
    if settings.key_file is None:
        return None
    try:
        return (root / settings.key_file).read_text().strip()
    except OSError as error:
        raise DeliveryError(
            f"The key of the service cannot be read: {error}. Put the file there, or change key_file."
        ) from error
