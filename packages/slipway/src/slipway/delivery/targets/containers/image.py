"""A released image: at hand by its digest, tried in a container of its own before it serves."""

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from slipway.delivery.smoke_test import Smoke, is_ready, run_smoke_test, wait_until
from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.ssh_tunnel import HERE, Reach
from slipway.errors import DeliveryError

PORT = "8080"
START_SECONDS = 60.0
# Where files that a service is given lie in its container.
FILES = "/run/slipway"
# A reader sees the old file or the new one, whole: the volume may be in use.
_UNPACK = f"""
import os, sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as files:
    for each in files:
        with open("{FILES}/.part", "wb") as part:
            part.write(files.extractfile(each).read())
        os.chmod(part.name, 0o444)
        os.replace(part.name, "{FILES}/" + each.name)
"""


class Given(NamedTuple):
    """What a container is given: its variables, and the content of the files that some of them name."""

    variables: dict[str, str]
    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        """Of the files, by name and content."""
        parts = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in sorted(self.files.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def given(root: Path, variables: Mapping[str, str]) -> Given:
    """Read the files that variables ending in _FILE name; in the container these name their place there.

    Raises `DeliveryError` for one that cannot be read.
    """
    files = {name: _read(root, name, value) for name, value in variables.items() if name.endswith("_FILE")}
    inside = {name: f"{FILES}/{name.lower()}" for name in files}
    return Given(dict(variables) | inside, {name.lower(): content for name, content in files.items()})


def _read(root: Path, name: str, value: str) -> bytes:
    try:
        return (root / value).read_bytes()
    except OSError as error:
        raise DeliveryError(
            f"The file {value} ({name} in pyproject.toml) cannot be read: {error.strerror}. Expected a file that this "
            f"user (uid {os.getuid()}) may read."
        ) from error


def pull_image(engine: Engine, prepared: PreparedRelease) -> None:
    """Pull the image of a release by its digest; raise `DeliveryError` if its label names another bundle."""
    bundle, image = prepared.bundle, str(prepared.image)
    if engine.attempt("image", "inspect", image) is None:
        engine.run("pull", "--quiet", image)
    found = engine.bundle_of(image)
    if found != bundle.digest:
        raise DeliveryError(
            f"The image {image} is labelled with the bundle {found or 'none'}, expected {bundle.digest}. It is not "
            "the image of this release."
        )


def check_holds(engine: Engine, image: str) -> None:
    """Raise `DeliveryError` for an image whose `slipway` cannot hold a port: who is to do that would never start."""
    # An engine that cannot run it at all says so itself.
    ask = ("--entrypoint", "sh", image, "-c", "slipway hold --help >/dev/null 2>&1 && echo yes || echo no")
    if engine.run("run", "--rm", "--network", "none", *ask) != "yes":
        raise DeliveryError(
            f"The image {image} cannot hold a port: `slipway hold --help` fails in it, as in all that were built "
            "before that command was there. Nothing was changed. Release the model again: `slipway publish` builds its "
            "image from today's code."
        )


def bring_files(engine: Engine, image: str, volume: str, files: Mapping[str, bytes], owner: str) -> None:
    """Have `files` in a volume of the engine, which may be on another machine: a folder of ours means nothing there.

    `owner` is whom the volume's label names.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    engine.run("volume", "create", "--label", f"slipway.files={owner}", volume)
    only = ["--rm", "--interactive", "--network", "none", "--user", "0", "--volume", f"{volume}:{FILES}"]
    engine.run("run", *only, "--entrypoint", "python", image, "-c", _UNPACK, given=packed.getvalue())


def remove_files(engine: Engine, owner: str, but: str | None = None) -> None:
    """Remove the volumes of files of `owner` that nothing uses, but the one that is named."""
    volumes = engine.attempt("volume", "ls", "--quiet", "--filter", f"label=slipway.files={owner}") or ""
    for volume in volumes.split():
        if volume != but:
            engine.attempt("volume", "rm", volume)


class Aside(NamedTuple):
    """A container beside the environment, published on a free port where `reach` leads."""

    engine: Engine
    name: str
    reach: Reach = HERE

    def clean_up(self) -> None:
        """Remove it, and what it was given."""
        if self.engine.attempt("container", "inspect", self.name) is not None:
            self.engine.run("rm", "--force", "--volumes", self.name)
        remove_files(self.engine, self.name)

    def test(self, prepared: PreparedRelease, what: Given, key: str | None) -> Smoke:
        """Start the image, test it, remove it; raises `DeliveryError`."""
        self.clean_up()
        try:
            self.engine.run("run", "--detach", "--name", self.name, *self._options(prepared, what), str(prepared.image))
            # A container that ended at once has no port.
            published = (self.engine.attempt("port", self.name, PORT) or "").partition("\n")[0]
            if not published:
                raise self._not_ready(prepared)
            with self.reach.at(int(published.rpartition(":")[2])) as url:
                if not wait_until(lambda: is_ready(url), START_SECONDS, self._is_alive):
                    raise self._not_ready(prepared)
                return run_smoke_test(url, prepared.bundle, key)
        finally:
            self.clean_up()

    def _not_ready(self, prepared: PreparedRelease) -> DeliveryError:
        words = self.engine.last_words(self.name)
        return DeliveryError(f"The image {prepared.image} did not become ready. Its last words: {words or 'none'}")

    def _options(self, prepared: PreparedRelease, what: Given) -> list[str]:
        options = ["--publish", f"{self.reach.address}::{PORT}", "--read-only"]
        options += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        options += [word for name, value in what.variables.items() for word in ("--env", f"{name}={value}")]
        if what.files:
            volume = f"{self.name}-files"
            bring_files(self.engine, str(prepared.image), volume, what.files, self.name)
            options += ["--volume", f"{volume}:{FILES}:ro"]
        return options

    def _is_alive(self) -> bool:
        return self.engine.attempt("container", "inspect", "--format", "{{.State.Running}}", self.name) == "true"
