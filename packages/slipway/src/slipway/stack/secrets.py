"""The stack's secrets: files below deploy/secrets/, made once."""

import secrets
from pathlib import Path

from slipway.errors import StackError
from slipway.files.writing import write_bytes
from slipway.stack.compose import compose, run_docker

SECRETS = Path("deploy/secrets")
_NAMES = ("postgres_password", "grafana_password", "metrics_key")


def make_secrets() -> None:
    """Write the secrets that are missing.

    The files are readable for all, in a folder that only its owner may enter: nobody else on this machine reaches
    them, and each container, into which the engine mounts single files, can read its own as any user. Raises
    `StackError` where the database exists and its password does not.
    """
    password = SECRETS / _NAMES[0]
    volume = f"{project_name()}_postgres"
    if not password.exists() and run_docker("volume", "inspect", volume, quiet=True).returncode == 0:
        raise StackError(
            f"The database of an earlier stack exists (volume {volume}), but its password does not. Put {password} "
            "back (another clone may have it), or delete the stack's data with: make down VOLUMES=1"
        )
    SECRETS.mkdir(parents=True, exist_ok=True)
    SECRETS.chmod(0o700)
    for name in _NAMES:
        if not (SECRETS / name).exists():
            write_bytes(SECRETS / name, secrets.token_urlsafe(32).encode(), mode=0o444)


def project_name() -> str:
    """Return the name of the Compose project, which is the prefix of its volumes."""
    lines = compose("config").splitlines()
    return next(line.removeprefix("name: ") for line in lines if line.startswith("name: "))
