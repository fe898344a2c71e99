"""How long `dvc repro` takes, where the time goes, and what ten times the data costs.

    uv run python packages/slipway/benchmarks/pipeline.py

Works in a clone of the last commit in a temporary folder: cold (nothing cached, no store), then again with nothing to
do, then every stage on the data of one and of ten times the rows (each month repeated in later years).
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slipway.settings import quiet_environment
from slipway.stage import TIMES, StageTime

ROOT = Path(__file__).parents[3]
STAGES = ("validate", "prepare", "train", "evaluate", "register")
# What each stage imports before it does anything, measured by importing just that.
IMPORTS = {
    "validate": "import pandas, great_expectations",
    "prepare": "import pandas",
    "train": "import pandas, sklearn.ensemble, skl2onnx, onnxruntime",
    "evaluate": "import pandas, scipy.stats, onnxruntime",
    "register": "import pandas, mlflow.pyfunc, onnxruntime",
}


def main() -> None:
    quiet_environment()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "clone"
        run(ROOT, "git", "clone", "--quiet", str(ROOT), str(folder))
        dvc(folder, "pull", "--quiet", "data.dvc")
        show_repro(folder)
        show_growth(folder)


def show_repro(folder: Path) -> None:
    cold, idle = dvc(folder, "repro"), dvc(folder, "repro")
    entries = [msgspec.json.decode(line, type=StageTime) for line in (folder / TIMES).read_bytes().splitlines()]
    taken = {entry.stage: entry for entry in reversed(entries)}
    print(f"dvc repro, cold                {cold:6.1f} s   (aim: 30)")
    print(f"dvc repro, nothing to do       {idle:6.1f} s   (aim: 4)\n")
    print(f"{'stage':<10}{'seconds':>8}{'imports':>9}   steps")
    for name in STAGES:
        steps = ", ".join(f"{what} {seconds:.1f}" for what, seconds in taken[name].steps.items())
        imports = run(folder, sys.executable, "-c", IMPORTS[name])[0] - run(folder, sys.executable, "-c", "")[0]
        print(f"{name:<10}{taken[name].seconds:>8.1f}{imports:>9.1f}   {steps}")


def show_growth(folder: Path) -> None:
    measured = {1: measure(folder)}
    repeat_data(folder / "data", 10)
    measured[10] = measure(folder)
    print(f"\n{'stage':<10}{'1x s':>8}{'10x s':>8}{'ratio':>7}{'1x MiB':>9}{'10x MiB':>9}{'ratio':>7}")
    for name in STAGES:
        (one, little), (ten, much) = measured[1][name], measured[10][name]
        print(f"{name:<10}{one:>8.1f}{ten:>8.1f}{ten / one:>7.1f}{little:>9.0f}{much:>9.0f}{much / little:>7.1f}")


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds and peak resident MiB of each stage script, run alone.

    `validate` does all its work and then refuses the repeated data, which has no October to December: exit 1.
    """
    return {name: run(folder, sys.executable, f"pipeline/{name}.py", refusal=name == "validate") for name in STAGES}


def repeat_data(data: Path, times: int) -> None:
    """Write each month again for later years, so that keys stay unique and weather still fits its flights."""
    for path in sorted(data.glob("*/2013-*.parquet")):
        table, month = pq.read_table(path), int(path.stem.removeprefix("2013-"))
        for year in range(2014, 2013 + times):
            later = date(year, month, 1) - date(2013, month, 1)
            shifted = table
            for name, add in (("year", year - 2013), ("time_hour", pa.scalar(later, pa.duration("us")))):
                if name in table.column_names:
                    column = pc.add(table[name], add).cast(table[name].type)
                    shifted = shifted.set_column(shifted.column_names.index(name), name, column)
            pq.write_table(shifted, path.with_stem(f"{year}-{month:02}"))


def dvc(folder: Path, *command: str) -> float:
    return run(folder, sys.executable, "-m", "dvc", *command)[0]


def run(folder: Path, *command: str, refusal: bool = False) -> tuple[float, float]:
    """Run to the end; seconds, and the peak memory of the process in MiB."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src")}
    started = time.perf_counter()
    words = subprocess.DEVNULL if refusal else None
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=words)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in ((0, 1) if refusal else (0,)):
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


if __name__ == "__main__":
    main()
