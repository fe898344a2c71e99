"""A crash leaves the old file or the new one, never half of one and nothing beside it."""

import pytest

from slipway.files.writing import new_file, new_folder, write_json


def test_json_is_written_sorted_and_whole(tmp_path):
    write_json(tmp_path / "deep" / "a.json", {"b": 1, "a": [1.5]})
    assert (tmp_path / "deep" / "a.json").read_text() == '{\n  "a": [\n    1.5\n  ],\n  "b": 1\n}\n'


def test_a_failing_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), new_file(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "bundle"
    for content in ("one", "two"):
        with new_folder(path) as temporary:
            (temporary / content).write_text(content)
    assert [entry.name for entry in path.iterdir()] == ["two"]


def test_a_failing_folder_keeps_the_old_one(tmp_path):
    path = tmp_path / "bundle"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(RuntimeError), new_folder(path) as temporary:
        (temporary / "new").touch()
        raise RuntimeError
    assert [entry.name for entry in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]
