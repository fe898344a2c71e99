"""A prediction log as the program in a container sends it: whole files as they were, or an error."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr

import pytest

from slipway.delivery.targets.containers.log_volume import PROGRAM, unpack_log
from slipway.errors import DeliveryError
from slipway.serving.log.copying import copy_log_folder
from slipway.serving.log.open_files import open_log_files


@pytest.fixture
def sent(tmp_path):
    """The output of the program for a log of two segments."""
    log = tmp_path / "log"
    log.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (log / name).write_text(f"{name}\n" * 50_000)
    return subprocess.run([sys.executable, "-c", PROGRAM, str(log)], check=True, capture_output=True).stdout


def test_every_segment_arrives(tmp_path, sent):
    unpack_log(io.BytesIO(sent), tmp_path / "copy")
    found = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}


def copy_by_program(log, folder):
    """Copy as a container and the process that reads its output do; return what it printed."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(log)], check=True, capture_output=True, timeout=20)
    unpack_log(io.BytesIO(ended.stdout), folder)
    return ended.stderr.decode()


def copy_here(log, folder):
    said = io.StringIO()
    with redirect_stderr(said):
        copy_log_folder(log, folder)
    return said.getvalue()


@pytest.mark.parametrize("copy", [copy_by_program, copy_here])
def test_what_is_no_file_or_cannot_be_read_is_counted_named_and_passed_by(tmp_path, copy):
    log = tmp_path / "log"
    (log / "monitoring").mkdir(parents=True)
    (log / "a.jsonl").write_text("a\n")
    (log / "monitoring" / "gauges.prom").write_text("")
    os.mkfifo(log / "b.jsonl")
    (log / "c.jsonl").symlink_to("deleted")
    (log / "d.jsonl").symlink_to("d.jsonl")
    said = copy(log, tmp_path / "copy")
    found = sorted(str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*"))
    assert found == ["a.jsonl", "monitoring", "monitoring/gauges.prom"]
    assert "3 file(s) of the log were left out: " in said
    assert f"{log}/b.jsonl (not a regular file), {log}/c.jsonl (deleted meanwhile), {log}/d.jsonl (" in said


def test_a_log_that_loses_files_while_it_is_copied_is_copied(tmp_path):
    left_out = []
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(name)
    files = open_log_files(str(tmp_path), left_out)
    assert next(files)[1].read() == b"a"
    (tmp_path / "b.jsonl").unlink()
    assert [name for name, _ in files] == ["c.jsonl"]
    assert left_out == [f"{tmp_path}/b.jsonl (deleted meanwhile)"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_what_was_cut_off_is_an_error_and_leaves_nothing(tmp_path, sent, share):
    with pytest.raises(DeliveryError, match="arrived incomplete"):
        unpack_log(io.BytesIO(sent[: int(len(sent) * share)]), tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
