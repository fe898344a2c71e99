"""Keep the evaluation record of a bundle on the branch: what it got on the held-out groups when it was evaluated."""

import re
import zlib
from pathlib import Path

import msgspec

from slipway.errors import LedgerError
from slipway.ledger.entries import missing_object
from slipway.ledger.objects import Item, Objects

# The pipeline and `slipway choose` write it beside the folder of the bundle.
RECORD_FILE = "evaluation.json.gz"
_FOLDER = "records"
RECORD_PATH = re.compile(r"records/([0-9a-f]{64})\.json\.gz\Z")
_LARGEST = 64 << 20


class _Named(msgspec.Struct):
    """The part of a record that says whose it is; the rest belongs to the version that made it."""

    bundle: str


def record_items(git: Objects, tip: str, bundle: Path, digest: str) -> list[Item]:
    """Write the record that lies beside the folder `bundle` to git's store; none where it is of another bundle."""
    path = bundle.absolute().with_name(RECORD_FILE)
    if not path.is_file():
        return []
    content = path.read_bytes()
    try:
        found = msgspec.json.decode(zlib.decompressobj(wbits=31).decompress(content, _LARGEST), type=_Named)
    except (zlib.error, msgspec.DecodeError) as error:
        raise LedgerError(
            f"Nothing was written: cannot read {path}: {error}. Run `dvc repro evaluate` to make it again."
        ) from error
    return [replace_record(git, tip, digest, content)] if found.bundle == digest else []


def replace_record(git: Objects, tip: str, digest: str, content: bytes) -> Item:
    """Write `content` as the record of the bundle and return the folder of all records."""
    new = Item("100644", "blob", git.write_blob(content), f"{digest}.json.gz")
    kept = [item for item in git.tree(tip, _FOLDER) if item.name != new.name]
    return Item("040000", "tree", git.write_tree([*kept, new]), _FOLDER)


def read_record_content(git: Objects, commit: str, digest: str) -> bytes | None:
    """Return the compressed record of a bundle at `commit`, None where the ledger keeps none."""
    name = f"{digest}.json.gz"
    item = next((item for item in git.tree(commit, _FOLDER) if item.name == name), None)
    if item is None:
        return None
    (content,) = git.contents([item.id])
    if content is None:
        raise missing_object(f"{_FOLDER}/{name}", commit)
    return content
