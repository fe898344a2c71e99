"""Prepare the stack for its start: secrets below deploy/secrets/, made once, and the images that are built here."""

import re
import secrets
import subprocess
import time
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

from slipway.errors import StackError
from slipway.files.writing import write_bytes
from slipway.stack.compose import run_docker

SECRETS = Path("deploy/secrets")
_NAMES = ("postgres_password", "grafana_password", "metrics_key")
_LOG = Path(".slipway/stack-build.log")
_BUNDLES = (Path("bundle"), Path(".demo/bundle"))
_LINES = 30
# The names that the compose files give to the images of the service and of MLflow's server, which are built here.
_BUILT = ("slipway", "localhost/slipway-mlflow")
_PROGRESS_SECONDS = 10.0
# A step as BuildKit logs it: `#12 [runtime 3/4] RUN ...`.
_STEP = re.compile(r"^#\d+ (\[[^\]\n]*\d+/\d+\] .*)$", re.MULTILINE)
_WIDTH = 100


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


def list_images(services: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the image of each service, without those of a team's own that Compose builds."""
    return {name: each["image"] for name, each in services.items() if "image" in each and "build" not in each}


def pull_images(images: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Pull what is missing of the `images`, by their services, that are not built here.

    Raises `StackError` that names those which cannot be pulled, before a build that would be in vain.
    """
    missing: dict[str, list[str]] = {}
    for service, image in images.items():
        if image not in _BUILT and run_docker("image", "inspect", image, quiet=True).returncode:
            missing.setdefault(image, []).append(service)
    failed = []
    for image, services in missing.items():
        say(f"Pulling {image} ({', '.join(services)})")
        if run_docker("pull", "--quiet", image).returncode:
            failed.append(f"{image} ({', '.join(services)})")
    if failed:
        raise StackError(
            f"Cannot pull {' and '.join(failed)}; see above. Nothing was built or started. Check the network, or name "
            "another in .env: SLIPWAY_POSTGRES_IMAGE=... (docs/stack.md, Settings, says how to build one)."
        )


def find_bundle(images: Container[str]) -> Path | None:
    """Return the bundle to put into the service, None where no image of it is built here; raises `StackError`."""
    if _BUILT[0] not in images:
        return None
    bundle = next((folder for folder in _BUNDLES if (folder / "manifest.json").exists()), None)
    if bundle is None:
        raise StackError("No model yet: run make demo or make repro first, or name an image: SLIPWAY_IMAGE=... make up")
    return bundle


def build_images(images: Container[str], bundle: Path | None, say: Callable[[str], None]) -> None:
    """Build those of the stack's `images` that have the names which the compose files give by themselves.

    `bundle` is that of `find_bundle`. Raises `StackError` with the end of the build's log.
    """
    if bundle is not None:
        _build(f"the service, with the model in {bundle}", say, "image", f"SEALED={bundle}")
    if _BUILT[1] in images:
        _build("MLflow's server", say, "mlflow-image")


def _build(what: str, say: Callable[[str], None], *arguments: str) -> None:
    say(f"Image of {what} (the first time takes a minute or two)")
    _LOG.parent.mkdir(exist_ok=True)
    with _LOG.open("w") as log:
        command = ["make", "--no-print-directory", *arguments]
        build = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        ended = _wait(build, say)
    if ended:
        end = "\n".join(_LOG.read_text(errors="replace").splitlines()[-_LINES:])
        raise StackError(f"{end}\nThe image of {what} was not built: make ended with {ended}. See {_LOG}.")


def _wait(build: "subprocess.Popen[bytes]", say: Callable[[str], None]) -> int:
    """Wait for a build, and say from time to time at which step it is; return its exit code."""
    began = time.monotonic()
    while True:
        try:
            return build.wait(timeout=_PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            steps = _STEP.findall(_LOG.read_text(errors="replace"))
            say(f"  {time.monotonic() - began:.0f} s: {steps[-1][:_WIDTH] if steps else 'starting'}")
