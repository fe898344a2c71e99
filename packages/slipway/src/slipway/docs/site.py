"""Build the site with Zensical: its pages, its navigation, and the program that draws diagrams."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import tomlkit

from slipway.docs.pages import HOME, list_sections, read_pages, read_title
from slipway.docs.reference import render_reference
from slipway.errors import DocsError
from slipway.files.documents import read_toml

FOLDER = Path(".slipway") / "docs"
CONFIG = "zensical.toml"
# Stored with the site: by default the theme loads Mermaid from a public CDN.
_MERMAID = "@mermaid-js/tiny@12.0.0"
_MERMAID_SHA512 = "ZW9YXy+3tSLPscBT+NnQO0K0qYH7BGES5nExl6Snoygey7xd2N0cO7Nq30N5k/u7gIeYoCrldyVy+VTCMWrNDQ=="
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STYLE = """\
/* Markdown has no table without a head: an empty one is hidden. */
thead:not(:has(th:not(:empty))) { display: none; }
/* Room for wide tables and diagrams. */
.md-grid { max-width: 82rem; }
"""


def build_site(root: Path) -> Path:
    """Build the site of the repository `root` and return its folder.

    Raises `DocsError` for a broken link or anchor, a page without a place in the navigation, or a missing program.
    """
    folder = root / FOLDER
    reference = render_reference()
    pages = read_pages(root) | reference
    for kept in ("pages", "site"):
        shutil.rmtree(folder / kept, ignore_errors=True)
    for name, content in pages.items():
        path = folder / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "pages" / "style.css").write_text(_STYLE)
    (folder / "pages" / "mermaid.js").write_bytes(_fetch_mermaid(folder))
    config = read_toml(root / CONFIG, DocsError, "Fix it.", "Bring it back from git.")
    config["project"] |= _describe_site(pages, [*reference])
    (folder / CONFIG).write_text(tomlkit.dumps(config))
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(folder / CONFIG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        report = _COLOUR.sub("", done.stdout + done.stderr).partition("Traceback")[0]
        raise DocsError(f"the site has broken parts.\n{report}")
    return folder / "site"


def _describe_site(pages: dict[str, bytes], reference: list[str]) -> dict[str, object]:
    nav: list[dict[str, object]] = [{"Home": HOME}]
    for section, names in (list_sections(pages) | {"Made from the code": reference}).items():
        nav.append({section: [{read_title(pages[name].decode()): name} for name in names]})
    return {
        "site_name": read_title(pages[HOME].decode()),
        "docs_dir": "pages",
        "site_dir": "site",
        # The pages open from a folder too, without a server.
        "use_directory_urls": False,
        "extra_css": ["style.css"],
        "extra_javascript": ["mermaid.js"],
        "nav": nav,
    }


def _fetch_mermaid(folder: Path) -> bytes:
    archive = folder / f"{_MERMAID[1:].replace('/', '-').replace('@', '-')}.tgz"
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", _MERMAID]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise DocsError("npm fetches the program that draws diagrams, found no npm. Install Node.js.") from error
        if done.returncode:
            raise DocsError(f"`{' '.join(command)}` failed: {done.stderr.strip() or '(no output)'}")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != _MERMAID_SHA512:
        archive.unlink()
        raise DocsError(
            f"{_MERMAID}: expected sha512-{_MERMAID_SHA512}, found sha512-{found}. It was deleted: try again."
        )
    with tarfile.open(archive) as content:
        file = content.extractfile("package/dist/mermaid.tiny.js")
        if file is None:
            raise DocsError(f"{_MERMAID}: expected package/dist/mermaid.tiny.js in it, found none.")
        return file.read()
