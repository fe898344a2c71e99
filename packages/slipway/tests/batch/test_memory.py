"""Ten times the rows take no more memory."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

CODE = """
import re, resource, sys
from pathlib import Path
from slipway.batch.plan import make_plan
from slipway.batch.score import score_file
from slipway.bundle import load_bundle
bundle, path, out = map(Path, sys.argv[1:])
print(score_file(make_plan(load_bundle(bundle), path, out)).rows)
if sys.platform == "linux":
    # What getrusage says is at least what the parent had when it forked.
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)
"""


def peak(churn, path, rows):
    """The most memory, in MiB, that a process of its own needed to score `rows` rows."""
    out = path.with_name(f"out{path.suffix}")
    command = [sys.executable, "-c", CODE, churn.bundle.path, path, out]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    scored, peak = done.stdout.split()
    assert int(scored) == rows
    return float(peak)


# MiB. In a trial the larger file took 48 (parquet) and 42 (CSV) more than the smaller one, because read-ahead and
# batches fill only then; with all batches held at once it took 300 and 165 more.
ALLOWED = 100


@pytest.mark.parametrize(("name", "rows"), [("rows.parquet", 200_000), ("rows.csv", 100_000)])
def test_ten_times_the_rows_take_no_more_memory(churn, write, name, rows):
    frame = churn.holdout.iloc[np.resize(np.arange(len(churn.holdout)), rows)]
    # Keys that cannot be packed, so that whatever is kept of a file shows.
    few = write(name, frame.assign(key=[os.urandom(50).hex() for _ in range(rows)]))
    many = few.with_stem("many")
    if few.suffix == ".csv":
        head, *lines = few.read_text().splitlines(keepends=True)
        many.write_text(head + "".join(lines * 10))
    else:
        # One row group, as pandas would write it.
        pq.write_table(pa.concat_tables([pq.read_table(few)] * 10), many, row_group_size=10 * rows)
    assert peak(churn, many, 10 * rows) - peak(churn, few, rows) < ALLOWED
