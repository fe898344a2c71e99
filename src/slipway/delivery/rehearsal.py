"""The target `rehearsal`: the image is started where the command runs, tested, and ended.

For a runner that is thrown away: everything up to the smoke test happens as in a real environment, and nothing stays
running. It calls itself a rehearsal everywhere.
"""

import hashlib
from pathlib import Path

from slipway.bundle import load
from slipway.delivery.engine import bundle_of, check_engine, docker, last_words, try_docker
from slipway.delivery.preconditions import check_files, read_key
from slipway.delivery.smoke import Smoke, is_ready, smoke, wait_for
from slipway.delivery.target import Kept
from slipway.errors import DeliveryError
from slipway.ledger.entry import REHEARSAL
from slipway.settings import EnvironmentSettings

_START_SECONDS = 60.0
_PORT = "8080"


class RehearsalTarget:
    """One environment that exists only while it is tested."""

    kind = REHEARSAL
    rehearsal = True
    by_image = True

    def __init__(self, root: Path, name: str, settings: EnvironmentSettings) -> None:
        self.name = name
        self.url = "a rehearsal, nothing stays running"
        self._root = root
        self._settings = settings
        # Of this project on this machine: another one's rehearsal may run beside it.
        place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
        self._container = f"slipway-rehearsal-{name}-{place}"

    def is_here(self) -> bool:
        """True: it is everywhere and nowhere."""
        return True

    def runs(self) -> bool:
        """False: nothing stays running."""
        return False

    def check(self) -> None:
        """Raise `DeliveryError` for a file or an engine that is missing."""
        check_files(self._root, self.name, self._settings)
        check_engine()

    def clear(self) -> None:
        """Remove the container of a killed command."""
        if try_docker("container", "inspect", self._container) is not None:
            docker("rm", "--force", "--volumes", self._container)

    def keep(self, folder: Path, image: str | None) -> Kept:
        """Pull the image by its digest; its label must name the verified bundle in `folder`."""
        bundle = load(folder)
        if image is None:
            raise DeliveryError(
                f"The release {bundle.digest[:12]} has no image, and {self.name} is a rehearsal of one. `slipway "
                "publish` builds and pushes it."
            )
        if try_docker("image", "inspect", image) is None:
            docker("pull", "--quiet", image)
        found = bundle_of(image)
        if found != bundle.digest:
            raise DeliveryError(
                f"The image {image} is labelled with the bundle {found or 'none'}, expected {bundle.digest}. It is not "
                "the image of this release."
            )
        return Kept(bundle, image)

    def rehearse(self, kept: Kept) -> None:
        """Nothing: `apply` is a rehearsal itself."""

    def apply(self, kept: Kept) -> Smoke:
        """Start the image, test it, end it."""
        return self.test(kept)

    def test(self, kept: Kept) -> Smoke:
        """The smoke test of the image in a container of its own."""
        self.clear()
        try:
            docker("run", "--detach", "--name", self._container, *self._options(), str(kept.image))
            # A container that ended at once has no port.
            address = (try_docker("port", self._container, _PORT) or "").partition("\n")[0]
            url = f"http://{address}"
            if not address or not wait_for(lambda: is_ready(url), _START_SECONDS, self._is_alive):
                words = last_words(self._container)
                raise DeliveryError(f"The image of {self.name} did not become ready. Its last words: {words or 'none'}")
            return smoke(url, kept.bundle, read_key(self._root, self._settings))
        finally:
            self.clear()

    def observe(self) -> str | None:
        """None: nothing stays running."""
        return None

    def differs(self, digest: str | None) -> str | None:  # noqa: ARG002 - as every target has it
        """None: there is nothing that could differ."""
        return None

    def remove(self) -> bool:
        """False: nothing runs."""
        return False

    def _options(self) -> list[str]:
        # Reached from this machine only; who may ask is for the platform of a real environment to decide.
        variables = {"SLIPWAY_AUTH": "platform", "SLIPWAY_WORKERS": str(self._settings.workers)}
        mounts, given = [], dict(self._settings.variables)
        for name, value in given.items():
            if name.endswith("_FILE"):
                inside = f"/run/secrets/{name.lower()}"
                mounts += ["--volume", f"{(self._root / value).resolve()}:{inside}:ro"]
                given[name] = inside
        pairs = [word for name, value in (variables | given).items() for word in ("--env", f"{name}={value}")]
        safe = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        return ["--publish", f"127.0.0.1::{_PORT}", *safe, *mounts, *pairs]

    def _is_alive(self) -> bool:
        return try_docker("container", "inspect", "--format", "{{.State.Running}}", self._container) == "true"
