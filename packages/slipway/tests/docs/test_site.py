"""The documentation as a site: built strictly, complete, and without a request to another server."""

import re
import shutil
from pathlib import Path

import pytest
from places import ROOT
from requirements import missing

from slipway.docs.pages import read_pages
from slipway.docs.site import FOLDER, build_site
from slipway.errors import DocsError

# What a page loads when it is opened; links that a person follows may lead anywhere.
LOADED = re.compile(r'<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)="?(https?:)?//[^">]*')


@pytest.fixture(scope="module", autouse=True)
def npm():
    if shutil.which("npm") is None:
        missing("node", "the site needs npm for its diagrams. Install Node.js.")


def lend_archive(root: Path) -> Path:
    """Give a repository the archive that this one has fetched already, if any."""
    (root / FOLDER).mkdir(parents=True)
    for archive in (ROOT / FOLDER).glob("*.tgz"):
        shutil.copy(archive, root / FOLDER)
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of this repository, built in a copy of its pages."""
    root = lend_archive(tmp_path_factory.mktemp("whole"))
    for name, content in read_pages(ROOT).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    shutil.copy(ROOT / "zensical.toml", root)
    return build_site(root)


@pytest.fixture
def small(tmp_path):
    """A repository with one page beside the two that each has."""
    root = lend_archive(tmp_path)
    (root / "docs").mkdir()
    shutil.copy(ROOT / "zensical.toml", root)
    (root / "README.md").write_text("# A model\n\n[all](docs/README.md)\n")
    (root / "docs" / "README.md").write_text("# Documentation\n\n## How to\n\n* [one](one.md)\n")
    (root / "docs" / "one.md").write_text("# One page\n\n## A part\n\n[up](../README.md)\n")
    return root


def test_every_page_is_in_the_site_and_in_its_navigation(site):
    home = (site / "index.html").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        name = f"docs/{'index' if page.stem == 'README' else page.stem}.html"
        assert (site / name).is_file(), name
        assert page.stem == "README" or f'href="./{name}"' in home, f"{name} is not in the navigation"


def test_no_page_loads_anything_from_another_server(site):
    pages = list(site.rglob("*.html"))
    assert pages
    assert {found for page in pages for found in LOADED.findall(page.read_text())} == set()
    assert "mermaid" in (site / "mermaid.js").read_text()


def test_a_small_repository_has_its_own_name_and_sections(small):
    home = (build_site(small) / "index.html").read_text()
    assert re.search(r"<title>[^<]*A model", home)
    assert "How to" in home and 'href="./docs/one.html"' in home


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[x](one.md#no-such-part)", "anchor does not exist"),
        ("[x](two.md)", r"docs/one.md links to two.md: expected a file of the repository"),
        ("[x](../../secret.txt)", "expected a file of the repository"),
        ("![x](none.png)", "docs/one.md links to none.png"),
    ],
)
def test_a_broken_link_is_an_error(small, line, message):
    (small.parent / "secret.txt").write_text("outside")
    page = small / "docs" / "one.md"
    page.write_text(f"{page.read_text()}\n{line}\n")
    with pytest.raises(DocsError, match=message):
        build_site(small)


def test_a_page_without_a_place_is_an_error(small):
    (small / "docs" / "two.md").write_text("# Two\n")
    with pytest.raises(DocsError, match=r"found no link to docs/two\.md"):
        build_site(small)


def test_a_changed_archive_is_refused(small):
    build_site(small)
    (archive,) = (small / FOLDER).glob("*.tgz")
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(DocsError, match="expected sha512"):
        build_site(small)
    assert not archive.exists()
