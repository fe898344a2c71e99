"""Publish a release as one image in a registry, by digest: built once, found again by its commit and bundle."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from slipway.delivery.release import BUNDLE, note_image, read_chosen
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import (
    add_tag,
    pull_image,
    push_image,
    read_bundle_label,
    read_image_digest,
)
from slipway.errors import DeliveryError
from slipway.git import Git
from slipway.ledger import Release

_BUILT_FROM = f"release/{BUNDLE}"
_SOURCES = (
    "Dockerfile",
    ".dockerignore",
    "Makefile",
    "pyproject.toml",
    "uv.lock",
    "packages/slipway/pyproject.toml",
    "packages/slipway/src",
)
# A registry needs a tag for a push, and two runs on one engine must not take each other's image for their own.
_UNNAMED = "pushed-"
# Words of an engine that cannot connect to a registry, in its old and its new ways to fetch.
_AWAY = ("dial tcp", "proxyconnect tcp", "Client.Timeout", "TLS handshake timeout")


class Published(msgspec.Struct, frozen=True):
    """The release with its image, and whether the image was built here; if not, the registry had it."""

    release: Release
    built: bool


def publish_image(
    root: Path, folder: Path, repository: str, say: Callable[[str], None], *, named: bool = True
) -> Published:
    """Push the image of the release in `folder` to `repository`, unless it is there, and note its digest in `folder`.

    An image that is not `named` is not found by later runs before `tag_image`: if this run dies in between, the next
    one builds again. Raises `DeliveryError` where the engine or the registry cannot be reached, the build or the push
    fails, or an image in the registry holds another bundle than its tag says.
    """
    chosen = read_chosen(folder)
    engine = Engine()
    engine.check()
    _check_committed(root, chosen.release)
    # Registries take no capital letters; the names of repositories may have some.
    repository = repository.lower()
    image = f"{repository}:{image_tag(chosen.release)}"
    say(f"image: looking for {image} ...")
    found = _find(engine, image, repository)
    built = found is None
    if built:
        image = image if named else f"{repository}:{_UNNAMED}{image_tag(chosen.release)}"
        say("image: not there; building it ...")
        _build(root, folder, image)
        say("image: pushing it ...")
        push_image(engine, image)
        found = read_image_digest(engine, image, repository)
    if found is None or read_bundle_label(engine, image) != chosen.release.bundle:
        raise DeliveryError(
            f"{image} does not hold the bundle {chosen.release.bundle[:12]}, or the registry gave it no digest. Delete "
            "it there, and publish again."
        )
    return Published(note_image(folder, chosen, found), built)


def tag_image(folder: Path) -> str:
    """Tag the pushed image of the release in `folder` so that `publish_image` finds it, and return its name."""
    release = read_chosen(folder).release
    if release.image is None:
        raise DeliveryError(f"The release in {folder} has no image yet. `slipway publish` builds and pushes it.")
    repository, _, digest = release.image.partition("@")
    image = f"{repository}:{image_tag(release)}"
    engine = Engine()
    add_tag(engine, release.image, image)
    if push_image(engine, image) != digest:
        raise DeliveryError(f"{image} was pushed as another digest than {digest}. Delete it there, and publish again.")
    return image


def image_tag(release: Release) -> str:
    """Return the tag under which the image of a commit and a bundle is found again."""
    if release.commit is None:
        raise DeliveryError("The release names no commit, and images are of committed code. Commit, and choose again.")
    return f"{release.commit[:12]}-{release.bundle[:12]}"


def _find(engine: Engine, image: str, repository: str) -> str | None:
    """Return its digest in the registry, None if it is not there or may not be read: the push then tells why."""
    try:
        pull_image(engine, image)
    except DeliveryError as refusal:
        if not any(word in str(refusal) for word in _AWAY):
            return None
        raise DeliveryError(
            f"Cannot connect to the registry of {image}: {refusal} Nothing was built. Check that it runs and that the "
            "engine can reach it, or name another one."
        ) from refusal
    return read_image_digest(engine, image, repository)


def _check_committed(root: Path, release: Release) -> None:
    """Raise `DeliveryError` unless the files that go into the image are those of the release's commit."""
    git = Git(root, DeliveryError)
    head = git.run("rev-parse", "HEAD").strip()
    if release.commit is not None and head != release.commit:
        raise DeliveryError(
            f"The release is of the commit {release.commit[:12]}, and {head[:12]} is checked out: its image would hold "
            "other code. Check that commit out, or choose again."
        )
    if changed := git.run("status", "--porcelain", "--", *_SOURCES).strip():
        raise DeliveryError(
            f"The image would be tagged with the commit, but these files differ from it: {changed}. Commit them, and "
            "choose again."
        )


def _build(root: Path, folder: Path, image: str) -> None:
    """Build the image as the Makefile does; the output goes to standard error."""
    sealed = (folder / BUNDLE).resolve()
    if sealed != (root / _BUILT_FROM).resolve():
        raise DeliveryError(
            f"Expected the bundle in {_BUILT_FROM}, which .dockerignore lets in, found it in {sealed}. `slipway choose "
            "--release release` writes it there."
        )
    words = ["make", "--silent", "sealed-image", f"IMAGE={image}", f"SEALED={_BUILT_FROM}"]
    done = subprocess.run(words, cwd=root, stdin=subprocess.DEVNULL, stdout=2)
    if done.returncode:
        raise DeliveryError(f"The image of {folder} could not be built; the output above says why.")
