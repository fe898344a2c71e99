"""Unpack an untrusted zip: it is verified before anything is written, and stays inside its folder."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from slipway.errors import GitHubError

# Far above a store with hundreds of runs; a zip of a few kilobytes can unpack to petabytes.
LARGEST = 4 * 1024**3
MOST_FILES = 100_000
_ENCRYPTED = 0x1


def unpack_archive(archive: Path, folder: Path, largest: int = LARGEST, most: int = MOST_FILES) -> None:
    """Unpack into the existing `folder`; raises `GitHubError`, after which the content of `folder` is incomplete."""
    try:
        with zipfile.ZipFile(archive) as found:
            _check(found.infolist(), largest, most)
            found.extractall(folder)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError) as error:
        raise GitHubError(f"The artifact cannot be unpacked: {error}. Download it again.") from error


def _check(items: list[zipfile.ZipInfo], largest: int, most: int) -> None:
    if len(items) > most:
        raise GitHubError(f"The artifact is refused: {len(items):,} files, expected at most {most:,}.")
    # zipfile never returns more bytes of a file than its entry states.
    if (size := sum(item.file_size for item in items)) > largest:
        raise GitHubError(f"The artifact is refused: {size:,} bytes unpacked, expected at most {largest:,}.")
    names = [item.filename.rstrip("/") for item in items]
    if len(set(names)) != len(names):
        raise GitHubError("The artifact is refused: it contains a file twice.")
    for item in items:
        if trouble := _trouble(item):
            raise GitHubError(f"The artifact is refused: {item.filename!r} {trouble}.")


def _trouble(item: zipfile.ZipInfo) -> str:
    # zipfile cuts a filename at a NUL.
    names = (item.filename, item.orig_filename)
    if any(
        "\\" in name or ":" in name or "\0" in name or name.startswith("/") or ".." in PurePosixPath(name).parts
        for name in names
    ):
        return "is not a path inside its folder"
    kind = stat.S_IFMT(item.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    return "is encrypted" if item.flag_bits & _ENCRYPTED else ""
