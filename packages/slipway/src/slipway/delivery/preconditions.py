"""What an environment on this machine needs before anything of it starts."""

import socket
from pathlib import Path

from slipway.errors import DeliveryError
from slipway.settings import EnvironmentSettings


def check_files(root: Path, environment: str, settings: EnvironmentSettings) -> None:
    """Raise `DeliveryError` that names a file, or a key, that is missing."""
    place = f"[tool.slipway.environments.{environment}] of pyproject.toml"
    needed = {name: value for name, value in settings.variables.items() if name.endswith("_FILE")}
    if settings.key_file is not None:
        needed["key_file"] = settings.key_file
    elif settings.variables.get("SLIPWAY_AUTH") == "keys":
        raise DeliveryError(
            f"The service of {environment} wants keys (SLIPWAY_AUTH), and its test has none. Make one with `slipway "
            f"key new smoke --file {needed.get('SLIPWAY_API_KEYS_FILE', 'keys.json')} --secret-file smoke.key`, and "
            f'set key_file = "smoke.key" in {place}.'
        )
    for name, value in needed.items():
        if not (root / value).is_file():
            raise DeliveryError(
                f"The environment {environment} needs the file {value} ({name}), which is missing. Put it there, or "
                f"change {place}."
            )


def check_port(environment: str, port: int, address: str = "127.0.0.1") -> None:
    """Raise `DeliveryError` if somebody listens there."""
    try:
        socket.create_server((address, port)).close()
    except OSError as error:
        raise DeliveryError(
            f"Port {port}, which the environment {environment} is to listen on, is taken by another program: "
            f"{error.strerror}. End that one, or choose another port in [tool.slipway.environments.{environment}] of "
            "pyproject.toml."
        ) from error


def read_key(root: Path, settings: EnvironmentSettings) -> str | None:
    """The key with which the service is tested, None where none is set."""
    if settings.key_file is None:
        return None
    try:
        return (root / settings.key_file).read_text().strip()
    except OSError as error:
        raise DeliveryError(
            f"The key of the service cannot be read: {error}. Put it there, or change key_file."
        ) from error
