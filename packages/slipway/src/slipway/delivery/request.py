"""A wish for production as a file that is reviewed and merged: where nobody can be asked to approve a run."""

from pathlib import Path

import msgspec

from slipway.documents import read_json
from slipway.errors import DeliveryError
from slipway.files import write_json
from slipway.ledger import Release
from slipway.ledger.entry import Digest

FOLDER = Path("requested")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What shall serve: the bundle by its digest, and the image that holds it, where there is one."""

    bundle: Digest
    image: str | None


def write_request(root: Path, environment: str, release: Release) -> Path:
    """Ask for `release` in `environment`; the file is to be reviewed and merged."""
    path = root / FOLDER / f"{environment}.json"
    write_json(path, Request(bundle=release.bundle, image=release.image))
    return path


def check_request(path: Path, release: Release) -> None:
    """Raise `DeliveryError` unless the file asks for exactly this release."""
    found = read_json(path, Request, DeliveryError, "`slipway request` writes the file.")
    if (found.bundle, found.image) != (release.bundle, release.image):
        raise DeliveryError(
            f"{path} asks for the bundle {found.bundle[:12]} in the image {found.image}, but what passed its test by "
            f"now is {release.bundle[:12]} in {release.image}. Nothing was promoted. Request what you want anew."
        )
