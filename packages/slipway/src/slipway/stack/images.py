"""The images of the stack that are built on this machine."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from slipway.errors import StackError
from slipway.stack.compose import compose

_LOG = Path(".slipway/stack-build.log")
_BUNDLES = (Path("bundle"), Path(".demo/bundle"))
_LINES = 30


def build_images(say: Callable[[str], None]) -> None:
    """Build the images that have the names which the compose files give by themselves.

    Raises `StackError` without a bundle to put into the service, or with the end of the build's log.
    """
    images = compose("config", "--images").split()
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
