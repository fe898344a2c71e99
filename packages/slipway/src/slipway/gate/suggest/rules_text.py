"""Write proposed limits into the text of `gate.yaml`, which a person edits too: every other line stays.

The next proposal replaces the lines that say where a number comes from. Every other comment stays, those inside of a
value that is replaced right above its key.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from slipway.errors import GateError
from slipway.files.suggested_text import WIDTH, find_comments, find_value_end, without_sources, write_source
from slipway.gate.rules import RULES_FILE, GateRules, parse_gate_rules
from slipway.gate.suggest.proposal import Limit, Proposal

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

# A name that no reader of YAML takes for a number, a truth value or a date.
_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z][a-z _-]*[a-z]", re.ASCII | re.IGNORECASE)
_Edit = tuple[int, int, str]


def write_proposals(text: str, proposals: Sequence[Proposal]) -> str:
    """Return the text of `gate.yaml` with the proposed limits and their sources.

    Raises `GateError` where the result would not be these limits, as with aliases, or where the text is malformed.
    """
    expected = {each.name: each.proposed for each in proposals}
    rules = msgspec.structs.replace(parse_gate_rules(text.encode(), RULES_FILE), **expected)
    found = text if text.endswith("\n") else f"{text}\n"
    for start, end, new in sorted(_edits(found, proposals), reverse=True):
        found = found[:start] + new + found[end:]
    if "\r\n" in text:
        found = re.sub("\r?\n", "\r\n", found)
    if not _holds(found, rules):
        raise GateError(
            f"Cannot write into {RULES_FILE}: expected lines `key: value`, found aliases, keys with `?` or the like. "
            "Nothing was written: copy the limits that `slipway gate suggest` prints."
        )
    return found


def _holds(text: str, rules: GateRules) -> bool:
    try:
        return parse_gate_rules(text.encode(), RULES_FILE) == rules
    except GateError:
        return False


def _edits(text: str, proposals: Sequence[Proposal]) -> Iterator[_Edit]:
    from ruamel.yaml import YAML

    keys = {key.value: (key, value) for key, value in YAML(pure=True).compose(text).value}
    known, missing = [name for name in GateRules.__struct_fields__ if name in keys], dict[int, str]()
    for each in proposals:
        if each.name in keys:
            yield from _replace(text, *keys[each.name], each)
            continue
        before = [name for name in known if _place(name) < _place(each.name)]
        end = find_value_end(keys[before[-1]][1]) if before else 0
        at = text.find("\n", end) + 1 if before else 0
        missing[at] = missing.get(at, "") + write_source(each.why) + f"{each.name}:{_value(each.proposed)}\n"
    yield from ((at, at, new) for at, new in missing.items())


def _replace(text: str, key: "Node", value: "Node", each: Proposal) -> Iterator[_Edit]:
    """Yield the edits of one key: its value, and the comment above it."""
    first, last = key.end_mark.index, find_value_end(value)
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    above = start
    while above and text[text.rfind("\n", 0, above - 1) + 1 : above].startswith("#"):
        above = text.rfind("\n", 0, above - 1) + 1
    inside = [] if isinstance(value.value, str) else find_comments(text[first:last])
    comments = without_sources(text[above:start]) + "".join(f"{line}\n" for line in inside)
    yield above, first, comments + write_source(each.why) + text[start:first]
    yield first, last, f":{_value(each.proposed)}"


def _place(name: str) -> int:
    return GateRules.__struct_fields__.index(name)


def _value(limit: Limit) -> str:
    if not isinstance(limit, dict):
        return f" {limit:g}" if isinstance(limit, float) else f" {json.dumps(limit)}"
    return "".join(f"\n  {_name(name)}: {_labels(labels)}" for name, labels in limit.items())


def _labels(labels: dict[str, float]) -> str:
    """Write the limits of a slice's labels as a flow mapping, with no end of a line within a label."""
    lines = ["{"]
    for label, limit in labels.items():
        piece = f"{_name(label)}: {limit:g}, "
        if len(lines[-1]) + len(piece) > WIDTH - 4:
            lines.append("    ")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines).removesuffix(",") + "}"


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
