"""Batch scoring: the bundle from the contract's columns, against a bare ONNX Runtime loop on ready tensors.

    uv run python benchmarks/scoring.py [--bundle bundle] [--prepared prepared]

Both run interleaved on the same rows in the same process, with the same session settings; medians of repeats. The
bare loop is given its float32 tensor for free: what it leaves out is features and encoding.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from slipway.bundle import load
from slipway.bundle.inputs import encode
from slipway.bundle.scorer import Scorer
from slipway.columns import count, from_frame, take
from slipway.prepared import read_part

REPEATS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("bundle"))
    parser.add_argument("--prepared", type=Path, default=Path("prepared"))
    parser.add_argument("--times", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.times is not None:
        score_once(given)
    else:
        compare(given)


def read(given):
    bundle = load(given.bundle)
    return bundle, from_frame(bundle.fields, read_part(given.prepared, "holdout"))


def compare(given) -> None:
    bundle, columns = read(given)
    rows = count(columns)
    tensor = encode(bundle.manifest.inputs, bundle.derive(columns))
    bare = Scorer((given.bundle / "model.onnx").read_bytes(), bundle.manifest.task, bundle.manifest.batch_floor)
    assert np.array_equal(bare.run(tensor), bundle.score(columns))
    seconds = {"bundle": [], "bare": []}
    for _ in range(REPEATS):
        for name, work in (("bundle", lambda: bundle.score(columns)), ("bare", lambda: bare.run(tensor))):
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    ours, theirs = (statistics.median(seconds[name]) for name in ("bundle", "bare"))
    ratio = statistics.median(b / a for a, b in zip(seconds["bundle"], seconds["bare"], strict=True))
    print(f"{rows:,} rows, median of {REPEATS}")
    print(f"{'':<36}{'rows/s':>12}{'ms':>9}")
    print(f"{'bare ONNX Runtime on ready tensors':<36}{rows / theirs:>12,.0f}{1e3 * theirs:>9.1f}")
    print(f"{'bundle from columns':<36}{rows / ours:>12,.0f}{1e3 * ours:>9.1f}")
    print(f"ratio {ratio:.2f} (aim: 0.80)\n")
    grow(given)


def grow(given) -> None:
    """Time and peak memory at the same rows repeated, each in a process of its own; 0 is loading without scoring."""
    print(f"{'rows':>12}{'seconds':>10}{'peak MiB':>10}")
    for times in (0, 1, 10):
        command = [
            sys.executable,
            __file__,
            "--bundle",
            given.bundle,
            "--prepared",
            given.prepared,
            "--times",
            str(times),
        ]
        print(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout, end="")


def score_once(given) -> None:
    bundle, columns = read(given)
    many = take(columns, np.tile(np.arange(count(columns)), given.times))
    started = time.perf_counter()
    bundle.score(many)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    print(f"{count(many):>12,}{seconds:>10.2f}{peak:>10.0f}")


if __name__ == "__main__":
    main()
