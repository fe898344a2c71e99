"""Replace single values in the text of a YAML file: comments, order and everything else stay."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from slipway.errors import SettingsError
from slipway.files.documents import parse_yaml

_PLAIN = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


def replace_values(text: str, values: Mapping[str, Any], where: str) -> str:
    """Return `text` with the value at each path, such as `model.kind`, replaced; `where` names the file in errors.

    Raises `SettingsError` where the new text would not read as the old one with these values, as where several places
    share one value by an anchor.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode

    advice = f"Write by hand: {', '.join(f'{name} = {_write_value(value)}' for name, value in values.items())}."
    root, wanted, spans = YAML(typ="safe", pure=True).compose(text), _parse(text, where, advice), []
    for name, value in values.items():
        node = root
        for key in name.split("."):
            found = node.value if isinstance(node, MappingNode) else []
            node = next((child for given, child in found if given.value == key), None)
        if put_value(wanted, name, value) != value and node is not None:
            spans.append((node.start_mark.index, node.end_mark.index, _write_value(value)))
    changed = text
    for start, end, new in sorted(spans, reverse=True):
        changed = changed[:start] + new + changed[end:]
    if not _reads_as(changed, wanted):
        raise SettingsError(f"{where}: its text has no single place for each value. {advice}")
    return changed


def put_value(tree: dict[str, Any], name: str, value: Any) -> Any:
    """Put a value at a path such as `model.kind`; return what was there before, None for nothing."""
    *path, last = name.split(".")
    for key in path:
        tree = tree.setdefault(key, {})
    before = tree.get(last)
    tree[last] = value
    return before


def _reads_as(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return _parse(text, "", "") == wanted
    except SettingsError:
        return False


def _parse(text: str, where: str, advice: str) -> dict[str, Any]:
    return parse_yaml(text, dict[str, Any], where, SettingsError, advice)


def _write_value(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and _parse(f"x: {value}", "", "")["x"] == value:
        return value
    return msgspec.json.encode(value).decode()
