"""Batch scoring against a bare ONNX Runtime loop on ready tensors: the bundle from the contract's columns, and
`slipway score` from file to file.

    uv run python packages/slipway/benchmarks/scoring.py [--bundle bundle] [--prepared prepared]

All run interleaved on the same rows in the same process, with the same session settings and one thread for the model;
medians of repeats. The bare loop is given its float32 tensor for free: what it leaves out is features and encoding, and
for files reading, checking every row, writing. Reading goes on in a second thread, so the processor time of all threads
stands beside the seconds.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from slipway.batch.plan import make_plan
from slipway.batch.score import score_file
from slipway.bundle import load_bundle
from slipway.bundle.inputs import encode_inputs
from slipway.bundle.scorer import Scorer
from slipway.columns import count_rows, frame_to_columns
from slipway.settings import quiet_environment

# Holdouts one below the other, and how often each way scores them.
SIZES = ((1, 9), (10, 7))
BARE, COLUMNS, FILE = "bare ONNX Runtime on ready tensors", "bundle from columns", "slipway score, file to file"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("bundle"))
    parser.add_argument("--prepared", type=Path, default=Path("prepared"))
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    quiet_environment()
    if given.alone:
        score_alone(given.bundle, given.alone)
        return
    with tempfile.TemporaryDirectory() as folder:
        holdout = pq.read_table(given.prepared / "holdout.parquet")
        paths = []
        for times, repeats in SIZES:
            paths.append(Path(folder) / f"{times}.parquet")
            pq.write_table(pa.concat_tables([holdout] * times), paths[-1], compression="zstd", write_page_checksum=True)
            compare(given.bundle, paths[-1], repeats)
        grow(given.bundle, [given.prepared / "nothing", *paths])


def compare(folder: Path, path: Path, repeats: int) -> None:
    bundle = load_bundle(folder)
    columns = frame_to_columns(bundle.fields, pq.read_table(path).to_pandas())
    tensor = encode_inputs(bundle.manifest.inputs, bundle.derive(columns))
    bare = Scorer((folder / "model.onnx").read_bytes(), bundle.manifest.task, bundle.manifest.batch_floor)
    out = path.with_name("out.parquet")
    ways = {
        BARE: lambda: bare.run(tensor),
        COLUMNS: lambda: bundle.score(columns),
        FILE: lambda: score_file(make_plan(bundle, path, out)),
    }
    ways[FILE]()
    expected = ways[BARE]()
    assert np.array_equal(expected, ways[COLUMNS]())
    assert np.array_equal(expected, pq.read_table(out)["score"].to_numpy())
    taken = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            started, used = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - started, time.process_time() - used))
    rows = count_rows(columns)
    print(f"{rows:,} rows, median of {repeats}")
    print(f"{'':<36}{'rows/s':>10}{'seconds':>9}{'ratio':>7}{'CPU s':>9}{'ratio':>7}")
    for name, times in taken.items():
        seconds, used = (statistics.median(column) for column in zip(*times, strict=True))
        ratios = [
            statistics.median(theirs / ours for ours, theirs in zip(*pair, strict=True))
            for pair in zip(zip(*times, strict=True), zip(*taken[BARE], strict=True), strict=True)
        ]
        print(f"{name:<36}{rows / seconds:>10,.0f}{seconds:>9.3f}{ratios[0]:>7.2f}{used:>9.3f}{ratios[1]:>7.2f}")
    print("aim: a ratio of 0.80\n")


def grow(folder: Path, paths: list[Path]) -> None:
    """Time and peak memory from file to file, each in a process of its own; 0 rows: the bundle is only loaded."""
    print(f"{FILE}:\n{'rows':>12}{'seconds':>10}{'peak MiB':>10}")
    for path in paths:
        command = [sys.executable, __file__, "--bundle", folder, "--alone", path]
        print(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout, end="")


def score_alone(folder: Path, path: Path) -> None:
    bundle = load_bundle(folder)
    rows = seconds = 0
    if path.exists():
        done = score_file(make_plan(bundle, path, path.with_name("out.parquet")))
        rows, seconds = done.rows, done.seconds
    print(f"{rows:>12,}{seconds:>10.2f}{peak():>10.0f}")


def peak() -> float:
    """The most memory this process ever held, in MiB."""
    if sys.platform == "linux":
        # What getrusage says is at least what the parent held when it forked.
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    main()
