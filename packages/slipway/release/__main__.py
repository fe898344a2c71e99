"""Release a version: check the changelog, tag the machinery, commit the thin template to its branch, tag that too.

    make release VERSION=0.2.0     # nothing is pushed

The steps around it are in packages/slipway/CONTRIBUTING.md, "A release".
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from thin_tree import make_thin_file, make_thin_path

from slipway.updating.changelog import find_missing_notes, read_sections

ROOT = Path(__file__).parents[3]
PACKAGE = Path("packages/slipway")
BRANCH = "refs/heads/template"
ANSWERS = "{{ _copier_conf.answers_file }}.jinja"

ANSWERS_TEXT = b"""\
# Where this repository came from: `slipway update` reads and writes it.
{{ _copier_answers | to_nice_yaml }}"""


class ReleaseError(Exception):
    """The release cannot be made; nothing was changed."""


def main() -> None:
    """Make the release that the first argument names, or say in one paragraph why not."""
    try:
        for line in release(sys.argv[1]):
            print(line)
    except (ReleaseError, ValueError) as error:
        sys.exit(f"release: {error}")


def release(version: str) -> list[str]:
    """Create both tags and the commit of the thin template, and return what to type next."""
    verify_release(version)
    tags = (f"slipway-v{version}", f"v{version}")
    git("tag", tags[0], "HEAD")
    try:
        tree = write_thin_tree(version)
        git("tag", tags[1], commit_thin_tree(tree, version))
    except BaseException:
        git("tag", "--delete", tags[0])
        raise
    git("update-ref", BRANCH, f"refs/tags/{tags[1]}")
    count = len(git("ls-tree", "-r", "--name-only", tree).splitlines())
    return [
        f"released: {version}, the thin template has {count} files",
        f"next: git push --atomic origin main template {tags[0]} {tags[1]}",
    ]


def verify_release(version: str) -> None:
    """Raise `ReleaseError` for changes, another version in pyproject.toml or the changelog, and a tag that exists."""
    if git("status", "--porcelain", "--untracked-files=no"):
        raise ReleaseError("the working tree has changes. Commit them first: a release is a commit.")
    found = tomllib.loads((ROOT / PACKAGE / "pyproject.toml").read_text())["project"]["version"]
    if found != version:
        raise ReleaseError(f"expected version {version} in {PACKAGE}/pyproject.toml, found {found}.")
    verify_changelog((ROOT / PACKAGE / "CHANGELOG.md").read_text(), version)
    if git("tag", "--list", f"slipway-v{version}", f"v{version}"):
        raise ReleaseError(f"there is a tag of {version} already. A released version never changes: take the next.")


def verify_changelog(text: str, version: str) -> None:
    """Raise `ReleaseError` unless the version has a date and each breaking entry an upgrade note."""
    dates = {section.name: section.date for section in read_sections(text)}
    if re.fullmatch(r"\d{4}-\d\d-\d\d", dates.get(version, "")) is None:
        found = f"`## {version} - {dates[version]}`" if version in dates else "no such section"
        raise ReleaseError(f"{PACKAGE}/CHANGELOG.md: expected `## {version} - YYYY-MM-DD`, found {found}.")
    if missing := find_missing_notes(text):
        raise ReleaseError(f"{PACKAGE}/CHANGELOG.md: {' '.join(missing)}")


def write_thin_tree(version: str) -> str:
    """Write the tree of the thin template into git and return its id."""
    entries = [line.split(None, 3) for line in git("ls-tree", "-r", "HEAD").splitlines()]
    listed = {}
    for mode, _, blob, path in entries:
        if make_thin_path(path):
            content = git_bytes("cat-file", "blob", blob)
            name, thin = make_thin_file(path, content, version)
            listed[name] = (mode, blob if thin == content else write_blob(thin))
    questions = (Path(__file__).parent / "copier.yml").read_bytes().replace(b"VERSION", version.encode())
    listed["copier.yml"] = ("100644", write_blob(questions))
    listed[ANSWERS] = ("100644", write_blob(ANSWERS_TEXT))
    listed["uv.lock.jinja"] = ("100644", write_blob(lock_thin_tree(listed)))
    lines = "".join(f"{mode} {blob}\t{name}\n" for name, (mode, blob) in listed.items())
    with tempfile.TemporaryDirectory() as folder:
        variables = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git_bytes("update-index", "--add", "--index-info", given=lines.encode(), variables=variables)
        return git_bytes("write-tree", variables=variables).decode().strip()


def lock_thin_tree(listed: dict[str, tuple[str, str]]) -> bytes:
    """Lock the thin template: the versions of uv.lock here, with the machinery from the commit of its tag."""
    here = ROOT.as_uri()
    with tempfile.TemporaryDirectory() as folder:
        project = git_bytes("cat-file", "blob", listed["pyproject.toml.jinja"][1]).decode()
        project = project.replace("{{ machinery }}", here).replace("{{ name }}", "name-of-the-project")
        (Path(folder) / "pyproject.toml").write_text(project)
        (Path(folder) / "uv.lock").write_bytes(git_bytes("cat-file", "blob", "HEAD:uv.lock"))
        uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
        done = subprocess.run([uv, "lock", "--quiet"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise ReleaseError(f"`uv lock` of the thin template ended with exit code {done.returncode}: {done.stderr}")
        lock = (Path(folder) / "uv.lock").read_text()
    lock = lock.replace(here, "{{ machinery }}").replace("name-of-the-project", "{{ name }}")
    return lock.encode()


def commit_thin_tree(tree: str, version: str) -> str:
    """Return the commit of the tree on top of the template's branch."""
    before = git("rev-parse", "--quiet", "--verify", BRANCH, check=False)
    message = f"Release {version}\n\nMade from {git('rev-parse', 'HEAD')}, slipway-v{version}."
    return git("commit-tree", tree, *(["-p", before] if before else []), "-m", message)


def write_blob(content: bytes) -> str:
    """Write a file into git and return its id."""
    return git_bytes("hash-object", "-w", "--stdin", given=content).decode().strip()


def git(*command: str, check: bool = True) -> str:
    """Return what a command of git prints."""
    return git_bytes(*command, check=check).decode().strip()


def git_bytes(
    *command: str, given: bytes | None = None, variables: dict[str, str] | None = None, check: bool = True
) -> bytes:
    """Return what a command of git prints, as bytes; raise `ReleaseError` if it fails."""
    environment = os.environ | (variables or {})
    done = subprocess.run(["git", *command], cwd=ROOT, input=given, capture_output=True, env=environment)
    if check and done.returncode:
        raise ReleaseError(f"`git {command[0]}` failed: {done.stderr.decode().strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
