"""A zip that a stranger could have made lands inside its folder, or nowhere."""

import stat
import zipfile

import pytest

from slipway.errors import GitHubError
from slipway.github.jobs.archive import unpack_archive


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "inside"
    found.mkdir()
    return found


def pack(tmp_path, **files):
    return pack_items(tmp_path, [(zipfile.ZipInfo(name), content) for name, content in files.items()])


def pack_items(tmp_path, items):
    path = tmp_path / "artifact.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item, content in items:
            archive.writestr(item, content)
    return path


def test_files_and_folders_are_as_they_were(tmp_path, folder):
    unpack_archive(pack(tmp_path, **{"mlflow.db": b"\x00\x01", "mlruns/": b"", "mlruns/1/a b/MLmodel": b"x"}), folder)
    assert (folder / "mlflow.db").read_bytes() == b"\x00\x01"
    assert (folder / "mlruns/1/a b/MLmodel").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/tmp/out", "a\\..\\out", "C:out", "a\0b"])
def test_no_path_leaves_the_folder(tmp_path, folder, name):
    item = zipfile.ZipInfo("x")
    item.filename = name
    with pytest.raises(GitHubError, match="not a path inside its folder"):
        unpack_archive(pack_items(tmp_path, [(zipfile.ZipInfo("good"), b"x"), (item, b"x")]), folder)
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_no_link_and_no_device(tmp_path, folder, kind):
    item = zipfile.ZipInfo("mlruns")
    item.external_attr = (kind | 0o777) << 16
    with pytest.raises(GitHubError, match="link or a device"):
        unpack_archive(pack_items(tmp_path, [(item, b"/etc")]), folder)
    assert list(folder.iterdir()) == []


def test_a_small_zip_that_is_large_inside_is_refused_before_it_is_written(tmp_path, folder):
    with pytest.raises(GitHubError, match="1,000,001 bytes unpacked, expected at most 1,000,000"):
        unpack_archive(pack(tmp_path, a=b"0" * 1_000_001), folder, largest=1_000_000)
    assert list(folder.iterdir()) == []


def test_too_many_files_are_refused(tmp_path, folder):
    with pytest.raises(GitHubError, match="3 files, expected at most 2"):
        unpack_archive(pack(tmp_path, a=b"", b=b"", c=b""), folder, most=2)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_in_it_twice_is_refused(tmp_path, folder):
    with pytest.raises(GitHubError, match="twice"):
        unpack_archive(pack_items(tmp_path, [(zipfile.ZipInfo("a"), b"1"), (zipfile.ZipInfo("a"), b"2")]), folder)


@pytest.mark.parametrize("harm", [lambda good: good[:-30], lambda good: good.replace(b"content", b"contend"), len])
def test_what_is_damaged_is_said(tmp_path, folder, harm):
    path = tmp_path / "artifact.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", b"content")
    harmed = harm(path.read_bytes())
    path.write_bytes(harmed if isinstance(harmed, bytes) else b"<html>")
    with pytest.raises(GitHubError, match="cannot be unpacked"):
        unpack_archive(path, folder)
