"""Request a release for production by a file that is reviewed and merged, where no run can ask for an approval."""

from pathlib import Path

import msgspec

from slipway.errors import DeliveryError
from slipway.files.documents import read_json
from slipway.files.writing import write_json
from slipway.ledger import Release
from slipway.ledger.entry import Digest

FOLDER = Path("requested")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The release that is to serve: the bundle by its digest, and the image that holds it, where there is one."""

    bundle: Digest
    image: str | None


def write_request(root: Path, environment: str, release: Release) -> Path:
    """Write the file that requests `release` for `environment`, and return its path."""
    path = root / FOLDER / f"{environment}.json"
    write_json(path, Request(bundle=release.bundle, image=release.image))
    return path


def check_request(path: Path, release: Release) -> None:
    """Raise `DeliveryError` unless the file requests exactly this release."""
    found = read_json(path, Request, DeliveryError, "`slipway request` writes the file.")
    if (found.bundle, found.image) != (release.bundle, release.image):
        raise DeliveryError(
            f"{path} asks for the bundle {found.bundle[:12]} in the image {found.image}, and {release.bundle[:12]} in "
            f"{release.image} serves by now. Nothing was promoted. `slipway request` writes a new request."
        )
