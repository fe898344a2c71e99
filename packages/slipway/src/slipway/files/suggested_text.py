"""Lines of a YAML file that a command suggested, beside those that a person wrote.

The source of a suggested number stands right above its key, in lines that begin with `# suggested:`; the next
suggestion replaces them.
"""

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

MARK = "# suggested: "
_NEXT = "#   "
WIDTH = 118
_COMMENT = re.compile(r"(?:^|\s)(#[^\n]*)", re.MULTILINE)
_SOURCE = rf"^ *{MARK}.*\n(?: *{_NEXT}.*\n)*"


def write_source(why: str, indent: str = "") -> str:
    """Return the lines that say where a number comes from."""
    lines = textwrap.wrap(
        why, WIDTH, initial_indent=indent + MARK, subsequent_indent=indent + _NEXT, break_on_hyphens=False
    )
    return "".join(f"{line}\n" for line in lines)


def without_sources(text: str) -> str:
    """Return the text without the lines of earlier suggestions."""
    return re.sub(_SOURCE, "", text, flags=re.MULTILINE)


def find_suggested_keys(text: str) -> tuple[str, ...]:
    """Return the keys whose values were suggested, as they are written."""
    return tuple(re.findall(rf"{_SOURCE} *([^\s#:][^:\n]*):", text, flags=re.MULTILINE))


def find_comments(text: str) -> list[str]:
    """Return the comments in a piece of text, which stay where it is replaced."""
    return [line.rstrip() for line in _COMMENT.findall(text)]


def find_value_end(node: "Node") -> int:
    """Return where the value ends; the end of a block is where the next key begins, with its comment before."""
    from ruamel.yaml.nodes import CollectionNode

    if isinstance(node, CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return find_value_end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)
