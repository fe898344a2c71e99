"""Read the untrusted artifact of a CI run as data: one file, of which nothing is executed or followed."""

import os
import stat
from pathlib import Path

from slipway.errors import GitHubError
from slipway.github.pr_report.report import FILE, LARGEST, Report, decode_report


def read_artifact(folder: Path) -> Report | None:
    """Return the report in `folder`, which must contain only `report.json`; None for an empty or missing folder.

    Raises `GitHubError`.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise GitHubError(f"The artifact is refused: expected the folder {folder} with {FILE} in it.")
    names = sorted(found.name for found in folder.iterdir()) if folder.exists() else []
    if not names:
        return None
    if names != [FILE]:
        found = ", ".join(repr(name) for name in names[:5])
        raise GitHubError(f"The artifact is refused: expected {FILE} alone, found {found} in {folder}.")
    return decode_report(_read(folder / FILE))


def _read(path: Path) -> bytes:
    # Verified before it is opened, because opening a pipe blocks; NOFOLLOW holds if it is replaced meanwhile.
    kind = path.lstat()
    if not stat.S_ISREG(kind.st_mode):
        raise GitHubError(f"The artifact is refused: {path.name} is not a regular file.")
    if kind.st_size > LARGEST:
        raise GitHubError(f"The report is refused: {kind.st_size:,} bytes, expected at most {LARGEST:,}.")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(LARGEST + 1)
