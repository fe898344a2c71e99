"""`slipway update` in repositories made from the first version of a template that has three.

What follows an update there, with the packages installed: packages/slipway/ci/repository.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ledgerbox import git
from templatebox import ENVIRONMENT, begin, edit, make_hub

from slipway.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    return make_hub(tmp_path_factory.mktemp("template") / "hub")


def slipway(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "slipway"), *words]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def update(folder: Path, *words: str, code: int = 0) -> dict:
    done = slipway(folder, "update", "--json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", message)


def changed_inputs(folder: Path) -> list[str]:
    """Return the stages that DVC would run because a dependency or a command has changed."""
    done = subprocess.run([sys.executable, "-m", "dvc", "status", "--json"], cwd=folder, capture_output=True, text=True)
    stages = {name: changes for name, changes in json.loads(done.stdout).items() if not name.endswith(".dvc")}
    assert "train" in stages, "its outputs were never made here"
    return [
        f"{name}: {change}"
        for name, changes in stages.items()
        for change in changes
        if isinstance(change, dict) and "changed deps" in change and name in ("validate", "prepare")
    ]


def test_a_thin_repository_with_edits_follows_two_versions(hub, tmp_path):
    mine = hub.copy(tmp_path / "mine", name="late-trains", owner="@acme/ml")
    assert tomllib.loads((mine / "pyproject.toml").read_text())["project"]["name"] == "late-trains"
    git(mine, "mv", "src/flights", "src/trains")
    for path in (mine / "pyproject.toml", *(mine / "src").rglob("*.py"), *(mine / "tests").glob("*.py")):
        path.write_text(re.sub(r"\bflights\b", "trains", path.read_text()))
    edit(mine, "README.md", "## Start\n", "## Start\n\nOurs.\n")
    edit(mine, ".github/workflows/cd.yml", "# Release", "# Our release")
    edit(mine, "gate.yaml", "\n", "\n# ours\n")
    edit(mine, "Dockerfile", "# Verify the bundle", "# Ours: verify the bundle")
    git(mine, "rm", "--quiet", ".github/workflows/cleanup.yml")
    commit(mine, "ours")
    examined = slipway(mine, "doctor", "--json")
    found = {each["subject"]: each for each in json.loads(examined.stdout)}
    assert examined.returncode == 1
    assert (found["template"]["state"], found["template"]["found"]) == ("to do", "v0.1.0; the newest is v0.3.0")
    assert found["edited files"]["found"] == "4: .github/workflows/cd.yml, Dockerfile, README.md, pyproject.toml"
    assert found["missing files"]["found"] == "1: .github/workflows/cleanup.yml"
    assert found["gate.yaml"]["state"] == found["machinery"]["state"] == "ok"
    Ledger(mine).init(("staging", "production"), "Ada", "first delivery")
    inputs = changed_inputs(mine)
    git(mine, "update-ref", "refs/slipway/ledger", "deployments")

    first = update(mine, "--to", "0.2.0")
    assert (first["before"], first["after"], first["conflicts"]) == ("v0.1.0", "v0.2.0", [])
    assert first["changed"] == ["Dockerfile", "Makefile", "README.md", "deploy/new-0.2.0.yaml", "pyproject.toml"]
    assert first["notes"] == ["0.2.0: `old_key`: delete it (0.2.0)."]
    assert first["lock"] is None
    assert 'tag = "slipway-v0.2.0"' in (mine / "pyproject.toml").read_text()
    assert re.search(r'name = "slipway"\nversion = "0.2.0"', (mine / "uv.lock").read_text())
    commit(mine, "follow 0.2.0")

    second = update(mine, code=1)
    assert second["conflicts"] == [".github/workflows/cd.yml"]
    assert set(second["changed"]) >= {"Dockerfile", "Makefile", "README.md", "deploy/new-0.3.0.yaml"}
    text = (mine / ".github/workflows/cd.yml").read_text()
    assert text.startswith("<<<<<<< yours\n# Our release") and ">>>>>>> template v0.3.0\n" in text
    assert text.count("<<<<<<<") == 1

    readme, gate = (mine / "README.md").read_text(), (mine / "gate.yaml").read_text()
    assert all(each in readme for each in ("Ours.", "News of 0.2.0", "News of 0.3.0"))
    assert "# ours" in gate and "0.3.0" not in gate
    assert not (mine / "src/flights").exists() and "In 0.3.0" not in (mine / "src/trains/model.py").read_text()
    assert not (mine / ".github/workflows/cleanup.yml").exists()
    assert "# Ours: verify" in (mine / "Dockerfile").read_text() and "# 0.3.0" in (mine / "Dockerfile").read_text()
    assert changed_inputs(mine) == inputs
    assert Ledger(mine).verify() == 1
    assert git(mine, "rev-parse", "refs/slipway/ledger") == git(mine, "rev-parse", "deployments")

    git(mine, "reset", "--quiet", "--hard")
    assert git(mine, "status", "--porcelain") == "" and not (mine / "deploy/new-0.3.0.yaml").exists()


def test_a_release_makes_a_thin_template_that_names_no_file_it_leaves_out(hub):
    names = git(hub.folder, "ls-tree", "-r", "--name-only", "v0.1.0").splitlines()
    # What docs/updating.md says of the number of files; copier.yml is not copied.
    kinds = {kind: len([name for name in names if name.startswith(kind)]) for kind in (".dvc/embedded/", ".github/")}
    assert len(names) - 1 <= 115 and kinds[".dvc/embedded/"] == 19
    assert len(names) - 1 - kinds[".github/"] <= 85
    for name in ("Dockerfile", "Makefile", ".dockerignore", ".github/workflows/ci.yml", "deploy/follow/start"):
        assert "packages/slipway" not in git(hub.folder, "show", f"v0.1.0:{name}"), name
    assert "machinery" not in git(hub.folder, "show", "v0.1.0:.github/workflows/ci.yml")
    assert "docs" not in re.findall(r"^[a-z-]+(?=:)", git(hub.folder, "show", "v0.1.0:Makefile"), re.MULTILINE)
    assert git(hub.folder, "rev-parse", "v0.2.0^") == git(hub.folder, "rev-parse", "v0.1.0")
    assert git(hub.folder, "rev-parse", "template") == git(hub.folder, "rev-parse", "v0.3.0")


def test_a_copy_without_github_and_stack_has_none_of_their_files(hub, tmp_path):
    names = git(hub.copy(tmp_path / "mine", github=False, stack=False), "ls-files").splitlines()
    assert [name for name in names if name.startswith((".github/", "compose.yaml"))] == []
    assert [name for name in names if name.startswith("deploy/")] == ["deploy/ledger.signers"]


@pytest.mark.parametrize(
    ("source", "pages", "pictures"),
    [
        ("https://ada:key@github.com/acme/slipway.git", "https://github.com/acme/slipway/blob/", "/slipway/raw/"),
        ("git@gitlab.com:acme/slipway", "https://gitlab.com/acme/slipway/-/blob/", "/slipway/-/raw/"),
        (None, "file://", "file://"),
    ],
)
def test_every_link_of_a_thin_repository_leads_to_a_file(hub, tmp_path, source, pages, pictures):
    """Addresses in the web are those of the tag."""
    mine = hub.copy(tmp_path / "mine", "v0.2.0", source)
    links = list_links(mine)
    outside = {target for _, target in links if pages in target or pictures in target}
    assert len(outside) > 40 and any("/docs/page.png" in target and pictures in target for target in outside)
    assert {target for page, target in links if not exists(hub, page, target)} == set()
    assert all("key@" not in target and "/slipway-v0.2.0/" in target for target in outside if source)


def list_links(folder: Path) -> list[tuple[Path, str]]:
    """Return the links of each page, with the page."""
    pages = [folder / name for name in git(folder, "ls-files", "*.md").splitlines()]
    return [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)\s]+)\)|^\[[^]]+\]: (\S+)$", page.read_text(), re.M)
        for target in target
        if target
    ]


def exists(hub, page: Path, target: str) -> bool:
    """Return whether a link leads to a file; of other servers that is not known."""
    path = target.partition("#")[0]
    if "slipway-v" in target:
        path = path.partition("/slipway-v0.2.0/")[2]
        return bool(path) and git(hub.folder, "ls-tree", "slipway-v0.2.0", "--", path) != ""
    if path.startswith("file://"):
        return Path(path.removeprefix("file://")).is_file()
    return "://" in path or not path or (page.parent / path).exists()


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("0.3.0", "there is a tag of 0.3.0 already"),
        ("0.4.0", "expected version 0.4.0 in packages/slipway/pyproject.toml"),
    ],
)
def test_a_release_that_would_change_another_is_refused(hub, version, reason):
    before = git(hub.folder, "for-each-ref")
    done = hub.release(version)
    assert done.returncode == 1 and reason in done.stderr
    assert git(hub.folder, "for-each-ref") == before


def test_a_repository_with_the_sources_and_no_shared_history_follows_too(hub, tmp_path):
    mine = tmp_path / "mine"
    git(tmp_path, "clone", "--quiet", "--branch", "slipway-v0.1.0", str(hub.folder), str(mine))
    shutil.rmtree(mine / ".git")
    begin(mine)
    edit(mine, "README.md", "## Start\n", "## Start\n\nOurs.\n")
    commit(mine, "ours")
    unknown = slipway(mine, "update")
    assert unknown.returncode == 1 and "slipway update --from https://" in unknown.stderr

    dry = update(mine, "--from", str(hub.folder), "--dry-run")
    assert git(mine, "status", "--porcelain") == ""
    (mine / "deploy" / "new-0.2.0.yaml").write_text("mine, not in git\n")
    covered = slipway(mine, "update", "--from", str(hub.folder))
    assert covered.returncode == 1 and "The template has a file deploy/new-0.2.0.yaml, and" in covered.stderr
    (mine / "deploy" / "new-0.2.0.yaml").unlink()

    found = update(mine, "--from", str(hub.folder))
    assert (found["before"], found["after"], found["conflicts"]) == ("v0.1.0", "v0.3.0", [])
    assert found["changed"] == dry["changed"] and "packages/slipway/pyproject.toml" in found["changed"]
    assert all(each in (mine / "README.md").read_text() for each in ("Ours.", "News of 0.3.0"))
    assert git(mine, "for-each-ref") == git(mine, "for-each-ref", "refs/heads/main")
    commit(mine, "follow 0.3.0")
    again = update(mine)
    assert (again["before"], again["after"], again["changed"]) == ("v0.3.0", "v0.3.0", [])
    older = slipway(mine, "update", "--to", "0.2.0")
    assert older.returncode == 1 and "newer than v0.2.0" in older.stderr
    unknown = slipway(mine, "update", "--to", "0.9.0")
    assert unknown.returncode == 1 and "It has: v0.1.0, v0.2.0, v0.3.0" in unknown.stderr
    away = slipway(mine, "update", "--from", str(tmp_path / "nowhere"))
    assert away.returncode == 1 and "Cannot list the versions of" in away.stderr
    (mine / "Makefile").write_text("")
    dirty = slipway(mine, "update")
    assert dirty.returncode == 1 and "such as Makefile. Commit or stash" in dirty.stderr
