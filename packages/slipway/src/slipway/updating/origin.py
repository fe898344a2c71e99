"""The origin of a repository: the address of the template, the version, and the answers that were given to copier."""

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from slipway.errors import SettingsError
from slipway.files.documents import read_yaml
from slipway.files.writing import write_bytes

ANSWERS = ".copier-answers.yml"
_COMMENT = "# Where this repository came from: `slipway update` reads and writes it.\n"
_HOSTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
_MACHINERY = Path("packages/slipway/pyproject.toml")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The answers file of copier: `source` as it was typed, the tag or commit of the template, the answers."""

    source: str
    commit: str | None = None
    answers: dict[str, Any] = {}

    @property
    def address(self) -> str:
        """The source as git takes it."""
        for short, host in _HOSTS.items():
            if self.source.startswith(short):
                return host + self.source.removeprefix(short)
        return re.sub(r"^git\+", "", self.source)


def is_vendored(root: Path) -> bool:
    """Return True if the machinery's sources are in the repository, False if its tag is pinned in pyproject.toml."""
    return (root / _MACHINERY).is_file()


def read_origin(root: Path, source: str | None = None) -> Origin:
    """Return the recorded origin, with another `source` if one is given; raises `SettingsError` if none is known."""
    recorded: dict[str, Any] = {}
    if (root / ANSWERS).exists():
        recorded = read_yaml(root / ANSWERS, dict[str, Any], SettingsError, "Bring it back from git.")
    found = source or recorded.get("_src_path")
    if not found:
        raise SettingsError(
            "This repository does not say which template it came from. Name the template's repository once: "
            "slipway update --from https://github.com/OWNER/slipway"
        )
    answers = {name: value for name, value in recorded.items() if not name.startswith("_")}
    return Origin(source=str(found), commit=recorded.get("_commit"), answers=answers)


def write_origin(root: Path, origin: Origin) -> None:
    """Record the origin in the answers file, as copier writes it."""
    recorded = {"_commit": origin.commit, "_src_path": origin.source, **origin.answers}
    write_bytes(root / ANSWERS, (_COMMENT + yaml.safe_dump(recorded, allow_unicode=True)).encode())
