"""Keep the evaluation record of a bundle on the branch: what it got on the held-out groups when it was evaluated."""

import hashlib
import re
import zlib
from pathlib import Path

import msgspec

from slipway.errors import LedgerError
from slipway.ledger.entries import DamageError, damaged_commit, list_environments, missing_object, read_entry
from slipway.ledger.objects import Item, Objects

# The pipeline and `slipway choose` write it beside the folder of the bundle.
RECORD_FILE = "evaluation.json.gz"
_FOLDER = "records"
RECORD_PATH = re.compile(r"records/([0-9a-f]{64})\.json\.gz\Z")
_LARGEST = 64 << 20


class _Named(msgspec.Struct):
    """The part of a record that says whose it is; the rest belongs to the version that made it."""

    bundle: str


def read_record_beside(bundle: Path, digest: str) -> bytes | None:
    """Return the record that lies beside the folder `bundle`, None where there is none or it is of another bundle."""
    path = bundle.absolute().with_name(RECORD_FILE)
    if not path.is_file():
        return None
    named, content = read_record_file(path)
    return content if named == digest else None


def read_record_file(path: Path) -> tuple[str, bytes]:
    """Return the digest of the bundle that a record is of, and its compressed content."""
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(zlib.decompressobj(wbits=31).decompress(content, _LARGEST), type=_Named)
    except (OSError, zlib.error, msgspec.DecodeError) as error:
        raise LedgerError(
            f"Nothing was written: cannot read {path}: {error}. Run `dvc repro evaluate` to make it again."
        ) from error
    return found.bundle, content


def replace_record(git: Objects, tip: str, digest: str, content: bytes) -> Item:
    """Write `content` as the record of the bundle and return the folder of all records."""
    new = Item("100644", "blob", git.write_blob(content), f"{digest}.json.gz")
    kept = [item for item in git.tree(tip, _FOLDER) if item.name != new.name]
    return Item("040000", "tree", git.write_tree([*kept, new]), _FOLDER)


def hash_record(content: bytes) -> str:
    """Return the sha256 of a compressed record, which stands in the entry that brings it."""
    return hashlib.sha256(content).hexdigest()


def read_record_content(git: Objects, commit: str, digest: str) -> bytes | None:
    """Return the compressed record of a bundle at `commit`, None where the ledger keeps none.

    Raises `DamageError` unless it has the hash that its entry names; entries of before that name none.
    """
    name = f"{digest}.json.gz"
    item = next((item for item in git.tree(commit, _FOLDER) if item.name == name), None)
    if item is None:
        return None
    (content,) = git.contents([item.id])
    if content is None:
        raise missing_object(f"{_FOLDER}/{name}", commit)
    # The commit that wrote it may be hidden in a shallow clone, which verified it before.
    if not git.is_shallow():
        _verify_hash(git, commit, digest, hash_record(content))
    return content


def _verify_hash(git: Objects, tip: str, digest: str, found: str) -> None:
    path = f"{_FOLDER}/{digest}.json.gz"
    (commit,) = git.run("rev-list", "--max-count=1", tip, "--", f":(top,literal){path}").split() or ("",)
    if not commit:
        raise git.unexpected("rev-list", b"")
    entries = (read_entry(git, commit, name) for name in list_environments(git, commit))
    named = {entry.record for entry in entries if entry.record and entry.release and entry.release.bundle == digest}
    if named and found not in named:
        raise wrong_record(commit, digest, found, max(named))


def wrong_record(commit: str, digest: str, found: str, named: str) -> DamageError:
    """Return the error for a record with another hash than its entry names."""
    return damaged_commit(
        commit,
        f"expected the evaluation record of {digest[:12]} to have the hash {named[:12]}, as its entry says, found "
        f"{found[:12]}",
    )
