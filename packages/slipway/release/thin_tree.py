"""Make the files of the thin template from those of this repository, so that nothing is maintained twice."""

import re
from posixpath import dirname, join, normpath

PINNED = 'slipway = {{ git = "{{{{ machinery }}}}", subdirectory = "packages/slipway", tag = "slipway-v{version}" }}'
# Maintainers' files, and pages that are read at the repository of the template.
LEFT_OUT = (
    "packages/",
    ".ci/",
    ".github/workflows/docs.yml",
    ".github/workflows/machinery.yml",
    "docs/",
    "CONTRIBUTING.md",
    "LICENSE",
    "uv.lock",
    "zensical.toml",
)
KEPT = ("docs/README.md", "docs/data.md", "packages/slipway/follow/")
_FOLLOW = "packages/slipway/follow/"
# What copier renders, pages with links among it; every other file is copied as it is.
PAGES = ("README.md", "docs/README.md", "docs/data.md")
RENDERED = (*PAGES, ".github/CODEOWNERS", "pyproject.toml")
# Targets that build the pages of docs/.
_DOCS = re.compile(r"^(?:docs|docs-serve): .*\n(?:\t.*\n)+\n", re.MULTILINE)
# Instead of what the index says of building the pages.
_INDEX = """\
# Documentation

These pages are at the template's repository, at the version that this one follows. Comments and messages name them as
`docs/NAME.md`.
"""
_JOB = re.compile(r"^  machinery:\n(?:    .*\n)+\n", re.MULTILINE)
_WHEEL = """\
# The machinery as a wheel, from the commit in uv.lock: a git source has no hash that an image could be installed by.
machinery-wheel: tools
	@rm -rf .slipway/machinery && mkdir -p .slipway/machinery
	@uv export --quiet --frozen --only-group serve --no-hashes --no-header --no-annotate \\
		| sed -n 's/^slipway\\[[a-z,]*\\] @/slipway @/; /^slipway @/p' > .slipway/machinery/wheel.txt
	@uv tool run pip wheel --quiet --no-deps --wheel-dir .slipway/machinery --requirement .slipway/machinery/wheel.txt
"""

# For each file: what is written in the repository, and what the thin template has instead.
Edits = tuple[tuple[str, str], ...]
EDITS: dict[str, Edits] = {
    "pyproject.toml": (
        ('[tool.uv.workspace]\nmembers = ["packages/*"]\n\n', ""),
        ("slipway = { workspace = true }", PINNED),
    ),
    "Makefile": (
        ("# The machinery's own targets, if its sources are in the repository.\n", ""),
        ("-include packages/slipway/machinery.mk\n", _WHEEL),
        ("BUILD = DOCKER", "BUILD = $(MAKE) --silent machinery-wheel && DOCKER"),
        (".PHONY: help", ".PHONY: help machinery-wheel"),
        (" docs docs-serve ", " "),
        ("DOCS_PORT ?= 8090\n", ""),
        (_FOLLOW, "deploy/follow/"),
    ),
    "README.md": (
        ('"Use this template", then:\n\n    git clone YOUR-COPY my-model && cd my-model\n', "Then:\n\n"),
        (
            "You need not open `packages/slipway/`: it is the machinery, with its own tests,",
            "The machinery is a package,",
        ),
    ),
    "Dockerfile": (
        ("COPY packages/slipway/pyproject.toml packages/slipway/\n", ""),
        ("COPY packages/slipway .\n", "COPY .slipway/machinery .\n"),
        ("--target /app/code . ", "--target /app/code *.whl "),
        ("--no-emit-workspace", "--no-emit-workspace --no-emit-package slipway"),
        ("COPY packages/slipway/src/slipway/stack/", "COPY --from=machinery /app/code/slipway/stack/"),
        (_FOLLOW, "deploy/follow/"),
    ),
    ".dockerignore": (
        (
            "!packages/slipway/pyproject.toml\n!packages/slipway/README.md\n!packages/slipway/src\n",
            "!.slipway/machinery\n",
        ),
        (_FOLLOW, "deploy/follow/"),
    ),
    f"{_FOLLOW}start": ((_FOLLOW, "deploy/follow/"),),
    ".github/workflows/ci.yml": (("tests, machinery, pipeline", "tests, pipeline"),),
    ".github/CODEOWNERS": (("/packages/slipway/\n", ""), ("/.ci/\n", "")),
    ".github/pull_request_template.md": (
        (
            "- [ ] what a user or an operator will notice is in `packages/slipway/CHANGELOG.md`, "
            "if the machinery changed\n",
            "",
        ),
    ),
}


def make_thin_path(path: str) -> str | None:
    """Return the path in the thin template of a file of the repository, None for one that is left out."""
    if path.startswith(LEFT_OUT) and not path.startswith(KEPT):
        return None
    return path.replace(_FOLLOW, "deploy/follow/")


def make_thin_file(path: str, content: bytes, version: str) -> tuple[str, bytes]:
    """Return the name and the content in the thin template of a file of the repository.

    Raises `ValueError` if the repository no longer has a text that is replaced: the edit above has to follow it.
    """
    name = make_thin_path(path) or path
    text = content.decode() if path in EDITS or path in PAGES else ""
    if path in RENDERED:
        text = re.sub(r"{{|}}|{%|{#", lambda found: f"{{{{ '{found[0]}' }}}}", text)
    for written, instead in EDITS.get(path, ()):
        if written not in text:
            raise ValueError(f"{path}: expected {written!r}, found no such text. Correct EDITS in {__file__}.")
        text = text.replace(written, instead.format(version=version) if instead is PINNED else instead)
    match path:
        case ".github/workflows/ci.yml":
            return name, _JOB.sub("", text).encode()
        case "Makefile":
            return name, _DOCS.sub("", text).encode()
        case "README.md" | "docs/data.md":
            return f"{name}.jinja", _link_pages(path, text).encode()
        case "docs/README.md":
            return f"{name}.jinja", _link_pages(path, _INDEX + text[text.index("\n## ") :]).encode()
        case ".github/CODEOWNERS":
            return f"{name}.jinja", re.sub(
                r"^(/.*)$", r"\1{{ ' ' ~ owner if owner }}", text, flags=re.MULTILINE
            ).encode()
        case "pyproject.toml":
            return f"{name}.jinja", re.sub(r'^name = ".*"$', 'name = "{{ name }}"', text, count=1, flags=re.M).encode()
    return name, text.encode() if path in EDITS else content


def _link_pages(page: str, text: str) -> str:
    """Let links to files that the thin template leaves out lead to the repository of the template.

    The addresses have the version in them and stand at the end: an update changes no line that a team has edited.
    """
    moved = {}

    def absolute(found: re.Match[str]) -> str:
        target = found[1]
        file, mark, heading = target.partition("#")
        path = normpath(join(dirname(page), file))
        if "://" in target or not file or make_thin_path(path):
            return found[0]
        # A page is shown, a picture is fetched.
        address = "pictures" if path.endswith(".png") else "pages"
        moved[target] = f"[{target}]: {{{{ {address} }}}}{path}{mark}{heading}\n"
        return f"][{target}]"

    linked = re.sub(r"\]\(([^)\s]+)\)", absolute, text)
    return "\n".join([linked, "".join(moved.values())]) if moved else linked
