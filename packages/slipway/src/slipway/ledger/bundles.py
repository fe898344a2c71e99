"""Keep the bundles that entries name on the branch, and take them from there, verified."""

import hashlib
import re
from pathlib import Path

import msgspec

from slipway.errors import BundleError, LedgerError
from slipway.files.documents import parse_json
from slipway.files.writing import new_folder
from slipway.ledger.entries import DamageError, missing_object
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
    items = git.tree(commit, "bundles", digest)
    found = dict(zip((item.name for item in items), git.contents(item.id for item in items), strict=True))
    if absent := [name for name, content in found.items() if content is None]:
        raise missing_object(f"bundles/{digest}/{absent[0]}", commit)
    files = {name: content for name, content in found.items() if content is not None}
    manifest = files.get(_MANIFEST)
    if manifest is None:
        raise _damaged(digest, f"expected bundles/{digest}/{_MANIFEST}, found no such file")
    if (hashed := hashlib.sha256(manifest).hexdigest()) != digest:
        raise _damaged(digest, f"its {_MANIFEST} has the digest {hashed}")
    try:
        wanted = parse_json(manifest, _Files, _MANIFEST, LedgerError, advice="").files
    except LedgerError as error:
        raise _damaged(digest, str(error).rstrip(". ")) from error
    if set(wanted) | {_MANIFEST} != set(files):
        raise _damaged(digest, f"expected the files {sorted(wanted)}, found {sorted(files)}")
    for name, sha256 in wanted.items():
        if hashlib.sha256(files[name]).hexdigest() != sha256:
            raise _damaged(digest, f"its {name} does not have the hash that {_MANIFEST} names")
    return files


def _damaged(digest: str, what: str) -> DamageError:
    return DamageError(
        f"The bundle {digest[:12]} on the branch deployments is damaged",
        what,
        "It cannot be fixed there, because the branch only grows: reset it to the commit before the one that `git log "
        f"deployments -- bundles/{digest}` shows, and deliver the release again.",
    )
