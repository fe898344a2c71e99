"""The bundles that entries name, kept on the branch: put there, taken from there, verified there."""

import hashlib
import re
import tempfile
from pathlib import Path

import msgspec

from slipway.errors import BundleError, LedgerError
from slipway.files import new_folder
from slipway.ledger.objects import Item, Objects

_MANIFEST = "manifest.json"


class _Files(msgspec.Struct):
    """Of a manifest, what says whether a bundle is whole; the rest belongs to the version that made it."""

    files: dict[str, str]


def put(git: Objects, folder: Path, expected: str) -> str:
    """Verify the bundle in `folder`, write it to git and return the id of its tree; moves no reference."""
    from slipway.bundle.verify import read_sealed

    try:
        sealed = read_sealed(folder, expected)
        manifest = (folder / _MANIFEST).read_bytes()
    except BundleError as error:
        raise LedgerError(f"Nothing was written: the bundle cannot be kept. {error}") from error
    if hashlib.sha256(manifest).hexdigest() != expected:
        raise LedgerError(f"Nothing was written: {folder / _MANIFEST} changed while it was read. Try again.")
    files = {_MANIFEST: manifest} | sealed.files
    return tree(git, [Item("100644", "blob", key, name) for name, key in _blobs(git, files).items()])


def take(git: Objects, commit: str, digest: str, folder: Path) -> Path:
    """Write the bundle to `folder/<digest>` unless it is there already, verify it, and return that folder."""
    from slipway.bundle.verify import read_sealed

    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise LedgerError(f"Expected the digest of a bundle, 64 hexadecimal digits, found {digest!r}.")
    target = folder / digest
    if not target.exists():
        content = contents(git, commit, digest)
        with new_folder(target) as temporary:
            for name, value in content.items():
                (temporary / name).write_bytes(value)
    try:
        read_sealed(target, digest)
    except BundleError as error:
        raise LedgerError(
            f"The bundle {digest} of the ledger cannot be used: {error} If it lies in {target} since "
            f"earlier, remove that folder and try again."
        ) from error
    return target


def contents(git: Objects, commit: str, digest: str) -> dict[str, bytes]:
    """The files of the bundle at `commit`; raises `LedgerError` if it is not the one that `digest` names."""
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
            raise _damaged(digest, f"its {name} is not the one that {_MANIFEST} names")
    return files


def blob(git: Objects, content: bytes) -> str:
    """Write a file to git's store; no filter or line ending of the repository applies."""
    return git.run("hash-object", "-w", "--stdin", given=content).strip()


def _blobs(git: Objects, files: dict[str, bytes]) -> dict[str, str]:
    """Write files to git's store, in one command: those that were verified, whatever happens to the folder."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in files]
        for path in paths:
            path.write_bytes(files[path.name])
        given = "".join(f"{path}\n" for path in paths).encode()
        ids = git.run("hash-object", "-w", "--no-filters", "--stdin-paths", given=given).split()
    return dict(zip(files, ids, strict=True))


def tree(git: Objects, items: list[Item]) -> str:
    """Write a folder to git's store."""
    lines = (f"{item.mode} {item.kind} {item.id}\t{item.name}\0" for item in items)
    return git.run("mktree", "-z", given="".join(lines).encode()).strip()


def _damaged(digest: str, what: str) -> LedgerError:
    return LedgerError(
        f"The bundle {digest[:12]} on the branch deployments is damaged: {what}. It cannot be mended there, because "
        f"the branch only grows: set it back to the commit before `git log deployments -- bundles/{digest}` shows it, "
        "and deliver the release again."
    )
