"""Pages of the site: README.md, `docs/` and what they link to, in the folders of the repository."""

import re
from pathlib import Path

from slipway.errors import DocsError

_LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
HOME, CONTENTS = "README.md", "docs/README.md"


def read_pages(root: Path) -> dict[str, bytes]:
    """Return the content of every page, and of every file that a page links to, by its path below `root`.

    Links that work on GitHub work in the site as they are, because the folders are the same. Raises `DocsError` for a
    link to what is not a file of the repository.
    """
    waiting = [HOME, *(str(path.relative_to(root)) for path in sorted((root / "docs").rglob("*.md")))]
    found: dict[str, bytes] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = (root / name).read_bytes()
        if name.endswith(".md"):
            waiting += [_resolve_link(root, name, link) for link in list_links(found[name].decode())]
    return found


def list_links(text: str) -> list[str]:
    """Return the files to which a page links, as it writes them."""
    return [link for link in _LINK.findall(text) if "://" not in link]


def read_title(text: str) -> str:
    """Return the first heading of a page."""
    return next(title for _, title in _HEADING.findall(text))


def escape_angles(text: str) -> str:
    """Return text in which <name> is no tag of HTML; in backticks it is none anyway."""
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(text.split("`")))


def list_sections(pages: dict[str, bytes]) -> dict[str, list[str]]:
    """Return the pages of each section of `docs/README.md`; a page stands in the first section that links to it.

    Raises `DocsError` for a page of `docs/` to which it does not link.
    """
    sections: dict[str, list[str]] = {}
    missing = {name for name in pages if name.startswith("docs/") and name.endswith(".md")} - {CONTENTS}
    for part in re.split(r"^## ", pages[CONTENTS].decode(), flags=re.MULTILINE)[1:]:
        linked = [f"docs/{link}" for link in list_links(part)]
        sections[part.partition("\n")[0]] = [name for name in dict.fromkeys(linked) if name in missing]
        missing -= {*linked}
    if missing:
        raise DocsError(
            f"{CONTENTS} lists every page of docs/, found no link to {', '.join(sorted(missing))}. Add one."
        )
    return {title: names for title, names in sections.items() if names}


def _resolve_link(root: Path, page: str, link: str) -> str:
    path = (root / page).parent.joinpath(link).resolve()
    if not path.is_file() or not path.is_relative_to(root.resolve()):
        raise DocsError(f"{page} links to {link}: expected a file of the repository. Fix the link.")
    return str(path.relative_to(root.resolve()))
