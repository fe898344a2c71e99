"""Read and write the owners in CODEOWNERS; a path without an owner is valid and requires no review."""

import re
from pathlib import Path

from slipway.errors import GitHubError
from slipway.files.writing import write_bytes

FILE = ".github/CODEOWNERS"
_OWNER = re.compile(r"@[A-Za-z0-9-]+(/[A-Za-z0-9._-]+)?")


def write_owners(root: Path, owners: tuple[str, ...]) -> list[str]:
    """Write `owners` (@login or @organisation/team) to every path of the file; return the paths."""
    for owner in owners:
        if not _OWNER.fullmatch(owner):
            raise GitHubError(f"An owner is @login or @organisation/team; found {owner!r}.")
    lines = _lines(root)
    filled = [f"{_path(line)} {' '.join(owners)}" if _path(line) else line for line in lines]
    write_bytes(root / FILE, ("\n".join(filled) + "\n").encode())
    return [path for path in map(_path, lines) if path]


def list_unowned(root: Path) -> list[str]:
    """Return the paths without an owner."""
    return [path for line in _lines(root) if (path := _path(line)) and len(line.split()) == 1]


def _lines(root: Path) -> list[str]:
    try:
        return (root / FILE).read_text().splitlines()
    except FileNotFoundError as error:
        raise GitHubError(f"No {FILE} in {root.resolve()}: run this from the root of the repository.") from error


def _path(line: str) -> str:
    return "" if line.startswith("#") else next(iter(line.split()), "")
