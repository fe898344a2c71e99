"""Keep the bundles that entries name on the branch, and take them from there, verified."""

import hashlib
import re
from pathlib import Path

import msgspec

from slipway.errors import BundleError, LedgerError
from slipway.files.writing import new_folder
from slipway.ledger.objects import Item, Objects

_MANIFEST = "manifest.json"


class _Files(msgspec.Struct):
    """The part of a manifest that says whether a bundle is whole; the rest belongs to the version that made it."""

    files: dict[str, str]


def keep_bundle(git: Objects, folder: Path, expected: str) -> str:
    """Verify the bundle in `folder`, write it to git's store and return the id of its tree; moves no reference."""
    from slipway.bundle.verify import read_sealed

    try:
        sealed = read_sealed(folder, expected)
        manifest = (folder / _MANIFEST).read_bytes()
    except BundleError as error:
        raise LedgerError(f"Nothing was written: the bundle cannot be kept. {error}") from error
    if hashlib.sha256(manifest).hexdigest() != expected:
        raise LedgerError(f"Nothing was written: {folder / _MANIFEST} changed while it was read. Retry.")
    # The content that was verified is written, whatever happens to the folder meanwhile.
    files = {_MANIFEST: manifest} | sealed.files
    return git.write_tree([Item("100644", "blob", git.write_blob(files[name]), name) for name in files])


def take_bundle(git: Objects, commit: str, digest: str, folder: Path) -> Path:
    """Return the folder `folder/<digest>` with the verified bundle, from the ledger unless it is there already."""
    from slipway.bundle.verify import read_sealed

    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise LedgerError(f"Expected the digest of a bundle, 64 hexadecimal digits, found {digest!r}.")
    target = folder / digest
    if not target.exists():
        content = read_bundle(git, commit, digest)
        with new_folder(target) as temporary:
            for name, value in content.items():
                (temporary / name).write_bytes(value)
        return target
    try:
        read_sealed(target, digest)
    except BundleError as error:
        raise LedgerError(
            f"The bundle {digest} of the ledger cannot be used: {error} Remove {target}, then retry."
        ) from error
    return target


def read_bundle(git: Objects, commit: str, digest: str) -> dict[str, bytes]:
    """Return the files of the bundle at `commit`; raises `LedgerError` if it is not the one that `digest` names."""
    items = git.tree(f"{commit}:bundles/{digest}")
    found = dict(zip((item.name for item in items), git.contents(item.id for item in items), strict=True))
    manifest = found.get(_MANIFEST)
    if manifest is None:
        raise _damaged(digest, f"expected bundles/{digest}/{_MANIFEST}, found no such file")
    if (hashed := hashlib.sha256(manifest).hexdigest()) != digest:
        raise _damaged(digest, f"its {_MANIFEST} has the digest {hashed}")
    wanted = msgspec.json.decode(manifest, type=_Files).files
    if set(wanted) | {_MANIFEST} != set(found):
        raise _damaged(digest, f"expected the files {sorted(wanted)}, found {sorted(found)}")
    files = {name: value for name, value in found.items() if value is not None}
    for name, sha256 in wanted.items():
        if name not in files or hashlib.sha256(files[name]).hexdigest() != sha256:
            raise _damaged(digest, f"its {name} does not have the hash that {_MANIFEST} names")
    return files


def _damaged(digest: str, what: str) -> LedgerError:
    return LedgerError(
        f"The bundle {digest[:12]} on the branch deployments is damaged: {what}. It cannot be fixed there, because the "
        f"branch only grows: reset it to the commit before the one that `git log deployments -- bundles/{digest}` "
        "shows, and deliver the release again."
    )
