"""A stage that lacks disk or memory ends in one sentence."""

import subprocess
import sys

import pytest

RUN = """
import errno, resource
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from slipway.stage import run_stage

def prepare():
    {body}

run_stage(prepare)
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "Path('/dev/full').write_text('x')",
            "prepare failed: the disk is full. No output is incomplete. Free some",
        ),
        ("pq.write_table(pa.table({'a': [1]}), Path('/dev/full').open('wb', buffering=0))", "the disk is full"),
        ("raise OSError(errno.EDQUOT, 'Disk quota exceeded', 'prepared')", "the disk is full at prepared."),
        ("np.ones(1 << 50)", "prepare failed: the memory of this machine, or of this container, is not enough."),
        ("pa.allocate_buffer(1 << 60)", "is not enough"),
    ],
)
def test_too_little_disk_or_memory_is_one_sentence(tmp_path, body, said):
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(body=body)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_any_other_error_of_the_system_keeps_its_traceback(tmp_path):
    code = RUN.format(body="Path('nowhere/x').read_text()")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "FileNotFoundError" in done.stderr
