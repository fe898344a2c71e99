"""Images of releases: pulled and pushed by digest, labelled with the digest of their bundle."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.container import temporary_container
from slipway.delivery.targets.containers.engine import Engine
from slipway.errors import DeliveryError

_LABEL = "slipway.bundle.digest"


def prepare_image(engine: Engine, prepared: PreparedRelease) -> None:
    """Pull the image of a release by its digest; raise `DeliveryError` if its label names another bundle."""
    image, digest = str(prepared.image), prepared.bundle.digest
    pull_missing_image(engine, image)
    found = read_bundle_label(engine, image)
    if found != digest:
        raise DeliveryError(
            f"The image {image} is labelled with the bundle {found or 'none'}, expected {digest}. It is not the image "
            "of this release."
        )


def pull_missing_image(engine: Engine, image: str) -> None:
    """Pull an image by its tag or digest unless the engine has it."""
    with engine.connect(f"inspect the image {image}") as docker, suppress(ImageNotFound):
        docker.images.get(image)
        return
    pull_image(engine, image)


def pull_image(engine: Engine, image: str) -> None:
    """Pull an image by its tag or digest."""
    repository, tag = parse_repository_tag(image)
    with engine.connect(f"pull {image}") as docker:
        _read_progress(f"pull {image}", docker.api.pull(repository, tag=tag or "latest", stream=True, decode=True))


def push_image(engine: Engine, image: str) -> str | None:
    """Push an image by its tag; return the digest that the registry gave it."""
    repository, tag = parse_repository_tag(image)
    with engine.connect(f"push {image}") as docker:
        return _read_progress(f"push {image}", docker.api.push(repository, tag=tag, stream=True, decode=True))


def read_bundle_label(engine: Engine, image: str) -> str | None:
    """Return the digest of the bundle with which an image of the engine is labelled."""
    with engine.connect(f"inspect the image {image}") as docker:
        return docker.images.get(image).labels.get(_LABEL)


def has_volume(engine: Engine, name: str) -> bool:
    """Return whether the engine has a volume of this name."""
    with engine.connect(f"inspect the volume {name}") as docker:
        return name in [each.name for each in docker.volumes.list(filters={"name": name})]


def check_can_hold_port(engine: Engine, image: str, owner: str) -> None:
    """Raise `DeliveryError` for an image without `slipway hold`: its `front` container would never start.

    It is asked in a temporary container of `owner`.
    """
    ask = {"command": ["-c", "slipway hold --help"], "entrypoint": "sh"}
    with engine.connect(f"start {image}") as docker, temporary_container(docker, image, owner, **ask) as container:
        container.start()
        # Its output cannot be read with every log driver.
        status = container.wait()["StatusCode"]
    if status:
        raise DeliveryError(
            f"The image {image} cannot hold a port: `slipway hold --help` fails in it, because it was built before "
            "that command existed. Nothing was changed. Release the model again: `slipway publish` builds its image "
            "from today's code."
        )


def _read_progress(action: str, progress: Iterable[dict[str, Any]]) -> str | None:
    """Raise `DeliveryError` for an error that the engine reports while it works; return the digest that it names."""
    digest = None
    for line in progress:
        if "error" in line:
            raise DeliveryError(f"Cannot {action}: {line['error']}")
        digest = (line.get("aux") or {}).get("Digest", digest)
    return digest
