"""A prediction log as the program in a container sends it: whole files as they were, or an error."""

import io
import os
import subprocess
import sys

import pytest

from slipway.delivery.targets.containers.log_volume import PROGRAM, unpack_log
from slipway.errors import DeliveryError


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


def test_a_pipe_among_the_segments_is_passed_by(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.jsonl").write_text("a\n")
    os.mkfifo(tmp_path / "log" / "b.jsonl")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "log")]
    sent = subprocess.run(command, check=True, capture_output=True, timeout=20).stdout
    unpack_log(io.BytesIO(sent), tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_what_was_cut_off_is_an_error_and_leaves_nothing(tmp_path, sent, share):
    with pytest.raises(DeliveryError, match="arrived incomplete"):
        unpack_log(io.BytesIO(sent[: int(len(sent) * share)]), tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
