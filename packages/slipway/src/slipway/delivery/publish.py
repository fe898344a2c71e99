"""Publish a release as one image in a registry, by digest: built once, found again by the digest that was recorded.

A tag is never asked: whoever may push to the registry can move it, and a label says whatever its image says.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from slipway.delivery.release import BUNDLE, note_image, read_chosen, read_noted_release
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import pull_image, push_image, read_bundle_label
from slipway.errors import DeliveryError
from slipway.git import Git
from slipway.ledger import Ledger, Release

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
# Words of an engine that cannot connect to a registry, in its old and its new ways to fetch.
_UNREACHABLE_MESSAGES = ("dial tcp", "proxyconnect tcp", "Client.Timeout", "TLS handshake timeout")


class Published(msgspec.Struct, frozen=True):
    """The release with its image, and whether the image was built here; if not, a record names it."""

    release: Release
    built: bool


def publish_image(
    root: Path, folder: Path, repository: str, say: Callable[[str], None], earlier: Path | None = None
) -> Published:
    """Push the image of the release in `folder` to `repository` and note its digest in `folder`.

    An image is used again only by its digest: one that `folder` names, or the folder `earlier` of a finished attempt of
    the same run, or an entry of the ledger, each of the same commit and bundle. Raises `DeliveryError` where the engine
    or the registry cannot be reached, the build or the push fails, or a recorded image holds another bundle.
    """
    chosen = read_chosen(folder)
    engine = Engine()
    engine.check()
    _check_committed(root, chosen.release)
    # Registries take no capital letters; the names of repositories may have some.
    repository = repository.lower()
    for known in _recorded_images(root, folder, earlier, chosen.release):
        if known.startswith(f"{repository}@") and _is_there(engine, known):
            say(f"image: {known} was built and recorded before")
            _check_label(engine, known, chosen.release)
            return Published(note_image(folder, chosen, known), built=False)
    image = f"{repository}:{image_tag(chosen.release)}"
    say("image: no record names one of this commit and bundle; building it ...")
    _build(root, folder, image)
    _check_label(engine, image, chosen.release)
    say("image: pushing it ...")
    digest = _push(engine, image)
    if digest is None:
        raise DeliveryError(f"{image} was pushed, but the registry gave it no digest. Publish again.")
    return Published(note_image(folder, chosen, f"{repository}@{digest}"), built=True)


def image_tag(release: Release) -> str:
    """Return the tag of the image of a commit and a bundle: for people, and because a push needs one."""
    if release.commit is None:
        raise DeliveryError("The release names no commit, and images are of committed code. Commit, and choose again.")
    return f"{release.commit[:12]}-{release.bundle[:12]}"


def _push(engine: Engine, image: str) -> str | None:
    try:
        return push_image(engine, image)
    except DeliveryError as refusal:
        if "write_package" not in str(refusal):
            raise
        raise DeliveryError(
            f"{refusal} The package exists and belongs to another repository, or to an earlier one of this name. At "
            "GitHub: the package's page, Package settings, Manage Actions access, add this repository with the role "
            "Admin; or delete the package. Then run this again."
        ) from refusal


def _recorded_images(root: Path, folder: Path, earlier: Path | None, release: Release) -> list[str]:
    """Return the images of the same commit and bundle that a release folder or the ledger names, newest first."""
    ledger = Ledger(root)
    folders = [read_noted_release(each) for each in (folder, earlier) if each]
    entries = [
        entry.release
        for environment in (ledger.environments() if ledger.exists() else ())
        for entry in ledger.history(environment)
    ]
    same = (release.commit, release.bundle)
    found = [each.image for each in (*folders, *entries) if each and (each.commit, each.bundle) == same]
    return list(dict.fromkeys(image for image in found if image))


def _is_there(engine: Engine, image: str) -> bool:
    """Return whether the registry has the image; raises `DeliveryError` where it cannot be reached."""
    try:
        pull_image(engine, image)
    except DeliveryError as refusal:
        if not any(word in str(refusal) for word in _UNREACHABLE_MESSAGES):
            return False
        raise DeliveryError(
            f"Cannot connect to the registry of {image}: {refusal} Nothing was built. Check that it runs and that the "
            "engine can reach it, or name another one."
        ) from refusal
    return True


def _check_label(engine: Engine, image: str, release: Release) -> None:
    if (found := read_bundle_label(engine, image)) != release.bundle:
        raise DeliveryError(
            f"{image} is labelled with the bundle {(found or 'none')[:12]}, expected {release.bundle[:12]}. Delete it "
            "there, and publish again."
        )


def _check_committed(root: Path, release: Release) -> None:
    """Raise `DeliveryError` unless the files that go into the image are those of the release's commit."""
    head, changed = Git(root, DeliveryError).read_working_tree("--", *_SOURCES)
    if release.commit is not None and head != release.commit:
        raise DeliveryError(
            f"The release is of the commit {release.commit[:12]}, and {(head or 'none')[:12]} is checked out: its "
            "image would hold other code. Check that commit out, or choose again."
        )
    if changed:
        raise DeliveryError(
            "The image would be tagged with the commit, but these files differ from it: "
            f"{', '.join(changed)}. Commit them, and choose again."
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
