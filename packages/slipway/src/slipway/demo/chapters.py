"""Read `demo.yaml`: the models that the demo trains, and the verdict expected for each."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import read_yaml
from slipway.files.writing import write_bytes
from slipway.gate.result import Verdict

STORY = Path("demo.yaml")


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model: its title, dotted keys of `params.yaml` with other values, and the gate's expected verdict."""

    title: Annotated[str, Meta(min_length=1)]
    params: dict[str, Any]
    expect: Verdict


def read_chapters(folder: Path) -> tuple[Chapter, ...]:
    """Return the chapters of `demo.yaml` in `folder`, none without the file; raises `SettingsError`."""
    path = folder / STORY
    advice = "Expected a list of chapters (title, params, expect). Without the file the demo ends with the pipeline."
    return read_yaml(path, tuple[Chapter, ...], SettingsError, advice) if path.exists() else ()


def apply_params(chapter: Chapter, committed: bytes, path: Path) -> None:
    """Write `path`: the `committed` parameters with the chapter's changes.

    Raises `SettingsError` for a key that is not in `params.yaml`.
    """
    if not chapter.params:
        write_bytes(path, committed)
        return
    tree = yaml.safe_load(committed)
    for dotted, value in chapter.params.items():
        *sections, name = dotted.split(".")
        place = tree
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place:
            raise SettingsError(f"{STORY}, chapter {chapter.title!r}: {path.name} has no key {dotted}.")
        place[name] = value
    write_bytes(path, yaml.safe_dump(tree, sort_keys=False).encode())
