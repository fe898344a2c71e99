"""Prepare the stack for its start: secrets below deploy/secrets/, made once, and the images that are built here."""

import secrets
import subprocess
from collections.abc import Callable, Container
from pathlib import Path

from slipway.errors import StackError
from slipway.files.writing import write_bytes
from slipway.stack.compose import run_docker

SECRETS = Path("deploy/secrets")
_NAMES = ("postgres_password", "grafana_password", "metrics_key")
_LOG = Path(".slipway/stack-build.log")
_BUNDLES = (Path("bundle"), Path(".demo/bundle"))
_LINES = 30


def make_secrets(project: str) -> None:
    """Write the secrets that are missing; `project` is the name of the Compose project, the prefix of its volumes.

    The files are readable for all, in a folder that only its owner may enter: other users of this machine do not reach
    them, and each container, into which the engine mounts single files, can read its own as any user. Raises
    `StackError` where the database exists and its password does not.
    """
    password, volume = SECRETS / _NAMES[0], f"{project}_postgres"
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


def build_images(images: Container[str], say: Callable[[str], None]) -> None:
    """Build those of the stack's `images` that have the names which the compose files give by themselves.

    Raises `StackError` without a bundle to put into the service, or with the end of the build's log.
    """
    if "slipway" in images:
        bundle = next((folder for folder in _BUNDLES if (folder / "manifest.json").exists()), None)
        if bundle is None:
            raise StackError(
                "No model yet: run make demo or make repro first, or name an image: SLIPWAY_IMAGE=... make up"
            )
        _build(f"the service, with the model in {bundle}", say, "image", f"SEALED={bundle}")
    if "localhost/slipway-mlflow" in images:
        _build("MLflow's server", say, "mlflow-image")


def _build(what: str, say: Callable[[str], None], *arguments: str) -> None:
    say(f"Image of {what} (the first time takes a minute or two)")
    _LOG.parent.mkdir(exist_ok=True)
    with _LOG.open("w") as log:
        command = ["make", "--no-print-directory", *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        end = "\n".join(_LOG.read_text(errors="replace").splitlines()[-_LINES:])
        raise StackError(f"{end}\nThe image of {what} was not built: make ended with {done.returncode}. See {_LOG}.")
