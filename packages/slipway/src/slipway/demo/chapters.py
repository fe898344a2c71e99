"""`demo.yaml`, typed: what the demo changes, and what should come of it."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files import write_bytes
from slipway.gate.result import Verdict

STORY = Path("demo.yaml")


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model before the gate: dotted keys of `params.yaml` with other values, and the verdict that is expected."""

    title: Annotated[str, Meta(min_length=1)]
    params: dict[str, Any]
    expect: Verdict


def read_chapters(folder: Path) -> tuple[Chapter, ...]:
    """The chapters in `folder`, none where there is no story; raises `SettingsError`."""
    path = folder / STORY
    try:
        return msgspec.convert(yaml.safe_load(path.read_text()), tuple[Chapter, ...])
    except FileNotFoundError:
        return ()
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise SettingsError(
            f"{STORY} is no list of chapters (title, params, expect): {error}. Mend it, or delete it: the demo then "
            "ends with the pipeline."
        ) from error


def apply_params(chapter: Chapter, committed: bytes, path: Path) -> None:
    """Write `path`: the `committed` parameters with the chapter's changes.

    Raises `SettingsError` for a key that `params.yaml` does not have.
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
            raise SettingsError(f"{STORY}, chapter {chapter.title!r}: {path.name} has no {dotted}. Name a key it has.")
        place[name] = value
    write_bytes(path, yaml.safe_dump(tree, sort_keys=False).encode())
