"""The git commands of an update run nothing else: no option in an address, no hook of the repository."""

import pytest
from templatebox import begin

from slipway.errors import SettingsError
from slipway.git import Git
from slipway.updating.changelog import read_sections
from slipway.updating.merge import scratch_tree
from slipway.updating.origin import Origin
from slipway.updating.update import Request, update_repository
from slipway.updating.upstream import fetch_upstream, list_versions


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a file").write_text("text\n")
    return begin(tmp_path / "mine")


def test_an_address_is_never_an_option_of_git(mine, tmp_path):
    origin = Origin(source=f"--upload-pack=touch {tmp_path / 'made'};false")
    with pytest.raises(SettingsError, match="Cannot list the versions"):
        list_versions(mine, origin)
    with pytest.raises(SettingsError, match="Cannot fetch the template"), fetch_upstream(mine, origin):
        pass
    assert not (tmp_path / "made").exists()


def test_a_scratch_tree_has_the_files_and_starts_no_hook(mine, tmp_path):
    hook = mine / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path / 'made'}'\n")
    hook.chmod(0o755)
    with scratch_tree(Git(mine, SettingsError)) as scratch:
        assert (scratch.root / "a file").read_text() == "text\n"
    assert not (tmp_path / "made").exists()


def test_a_template_without_a_changelog_and_a_link_in_its_way(mine, tmp_path):
    assert read_sections("") == []
    hub = tmp_path / "hub"
    (hub / "packages/slipway").mkdir(parents=True)
    (hub / "packages/slipway/pyproject.toml").write_text("")
    begin(hub)
    git = Git(hub, SettingsError)
    for version in ("v0.1.0", "v0.2.0"):
        (hub / "new").write_text(version)
        git.run("add", "--all")
        git.run("commit", "--quiet", "-m", version)
        git.run("tag", version)
        git.run("tag", f"slipway-{version}")
    (mine / "packages/slipway").mkdir(parents=True)
    (mine / "packages/slipway/pyproject.toml").write_text("")
    (mine / "new").symlink_to("nowhere")
    with pytest.raises(SettingsError, match="The template has a file new, and there is one here"):
        update_repository(mine, Request(source=str(hub), base="v0.1.0"), lambda _: None)
    assert (mine / "new").is_symlink()
