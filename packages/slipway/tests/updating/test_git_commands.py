"""The git commands of an update run nothing else: no option in an address, no hook of the repository."""

import pytest
from templatebox import begin

from slipway.errors import SettingsError
from slipway.git import Git
from slipway.updating.merge import scratch_tree
from slipway.updating.origin import Origin
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
