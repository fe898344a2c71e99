"""Write changed rules into the text of `monitor.yaml`, which a person edits too: every other line stays."""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from slipway.errors import SettingsError
from slipway.files.documents import convert_document, parse_yaml
from slipway.files.suggested_text import find_comments, find_value_end, without_sources, write_source
from slipway.monitoring.rules import RULES, parse_rules
from slipway.monitoring.suggest.changes import RuleChange

if TYPE_CHECKING:
    from ruamel.yaml.nodes import CollectionNode, Node

_FIX = "Fix it."
_BY_HAND = "Nothing was written: copy the rules that `slipway monitor suggest` prints."
# Keys that a suggestion sets, and takes back.
_MANAGED = {"window", "fewest_rows", "fewest_outcomes", "above"}
_SECTIONS = ("retrain",)


def write_rule_changes(text: str, changes: Sequence[RuleChange]) -> str:
    """Return the text of `monitor.yaml` with the changed rules and their sources.

    Raises `SettingsError` where the result would not be these rules, as with aliases, or where the text is malformed.
    """
    wanted = _read(text)
    for each in changes:
        _apply(wanted, each)
    found = without_sources(text.replace("\r\n", "\n"))
    found = found if found.endswith("\n") else f"{found}\n"
    for each in changes:
        found = _write(found, each)
    # What was taken back may have been the last rule.
    found = found if "rules" in wanted else re.sub(r"^rules:(?=\s*(#.*)?$)", "rules: {}", found, flags=re.MULTILINE)
    if _read(found) != wanted:
        raise SettingsError(
            f"Cannot write into {RULES}: its rules are no plain lines `name: {{key: value}}`. {_BY_HAND}"
        )
    parse_rules(found.encode())
    return found.replace("\n", "\r\n") if "\r\n" in text else found


def _read(text: str) -> dict[str, Any]:
    found = convert_document(
        parse_yaml(text, object, RULES, SettingsError, _FIX) or {}, dict[str, Any], RULES, SettingsError, _FIX
    )
    return {name: value for name, value in found.items() if value or name != "rules"}


def _apply(document: dict[str, Any], each: RuleChange) -> None:
    rules = document if each.rule in _SECTIONS else document.setdefault("rules", {})
    rules[each.rule] = _merge(rules.get(each.rule) or {}, each)
    for section, name in ((rules, each.rule), (document, "rules")):
        if not section.get(name, True):
            del section[name]


def _merge(before: dict[str, Any], each: RuleChange) -> dict[str, Any]:
    return {name: value for name, value in before.items() if name not in _MANAGED} | each.keys


def _write(text: str, each: RuleChange) -> str:
    """Write one rule in place of the one of its name, or below the others, of which there may be none."""
    block = _compose(text)
    if each.rule in _SECTIONS:
        return _write_into(text, block, each, "")
    section = _find(block, "rules")
    if section is not None and section[1].value:
        return _write_into(text, section[1], each, "  ")
    if not each.keys:
        return text
    start = section[0].start_mark.index if section else len(text)
    end = text.find("\n", section[0].end_mark.index) + 1 if section else len(text)
    comments = "".join(f"{line}\n" for line in find_comments(text[start:end]))
    return f"{text[:start]}{comments}rules:\n{_line(each, {}, '  ')}{text[end:]}"


def _write_into(text: str, block: "CollectionNode | None", each: RuleChange, indent: str) -> str:
    if block is not None and block.flow_style:
        raise SettingsError(f"Cannot write into {RULES}: expected the rules in lines of their own. {_BY_HAND}")
    found = _find(block, each.rule)
    if found is None:
        at = text.find("\n", find_value_end(block)) + 1 if block is not None and block.value else len(text)
        return text[:at] + _line(each, {}, indent) + text[at:] if each.keys else text
    start = text.rfind("\n", 0, found[0].start_mark.index) + 1
    end = text.find("\n", find_value_end(found[1])) + 1
    indent = text[start : found[0].start_mark.index]
    kept = "".join(f"{indent}{line}\n" for line in find_comments(text[start:end]))
    document = _read(text)
    before = (document if each.rule in _SECTIONS else document["rules"])[each.rule] or {}
    return text[:start] + kept + _line(each, before, indent) + text[end:]


def _line(each: RuleChange, before: dict[str, Any], indent: str) -> str:
    """Write a rule as one line below its source; nothing where no key is left."""
    keys = ", ".join(f"{name}: {_value(value)}" for name, value in _merge(before, each).items())
    name = each.rule if re.fullmatch(r"[a-z][a-z ]*[a-z]", each.rule) else json.dumps(each.rule)
    source = write_source(each.why, indent) if each.keys else ""
    return f"{source}{indent}{name}: {{{keys}}}\n" if keys else ""


def _value(value: Any) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[a-z0-9]+( outcomes)?", value) and not value.isdigit()
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def _compose(text: str) -> "CollectionNode | None":
    from ruamel.yaml import YAML

    return cast("CollectionNode | None", YAML(pure=True).compose(text))


def _find(node: "CollectionNode | None", key: str) -> "tuple[Node, CollectionNode] | None":
    return next((pair for pair in node.value if pair[0].value == key), None) if node is not None else None
