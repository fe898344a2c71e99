"""A clone that asks for other line ends has the bytes that DVC has hashed."""

import subprocess

from places import ROOT


def test_a_clone_with_crlf_has_the_same_bytes(tmp_path):
    """`core.autocrlf` is how git is set up on Windows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    clone = ["git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", "clone", "-q", "--depth=1", f"file://{ROOT}"]
    subprocess.run([*clone, tmp_path / "clone"], check=True, capture_output=True)
    commit = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    changed = {line[3:] for line in commit.stdout.splitlines()}
    names = [name for name in listed.split("\0") if name and name not in changed and (ROOT / name).is_file()]
    assert len(names) > 100
    assert [name for name in names if (tmp_path / "clone" / name).read_bytes() != (ROOT / name).read_bytes()] == []
