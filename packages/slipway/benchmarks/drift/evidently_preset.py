"""Judge the real weeks by Evidently, in an environment of its own."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from flights_year import BUNDLE
from real_weeks import Week

from slipway.bundle import load_bundle
from slipway.contract import Kind

EVIDENTLY = ["evidently==0.7.23", "pandas<3", "pyarrow"]
JUDGE = """
import sys, pandas as pd, pathlib, evidently
from evidently import Report, Dataset, DataDefinition
from evidently.presets import DataDriftPreset
folder, drifted, columns, alarms = pathlib.Path(sys.argv[1]), [], 0, 0
windows = sorted(folder.glob("*.window.parquet"))
for path in windows:
    window = pd.read_parquet(path)
    reference = pd.read_parquet(str(path).replace("window", "reference"))
    found = Report([DataDriftPreset()]).run(window, reference).dict()["metrics"][0]["value"]
    drifted.append(found["count"]); columns = window.shape[1]; alarms += found["share"] >= 0.5
print(f"Evidently {evidently.__version__}, DataDriftPreset with its defaults, on the same {len(windows)} weeks")
print(f"  columns called drifted             {min(drifted):.0f} to {max(drifted):.0f} of {columns}")
print(f"  at least one column                {sum(each > 0 for each in drifted):>3} of {len(windows)}")
print(f"  dataset drift (half the columns)   {alarms:>3} of {len(windows)}\\n")
"""


def show_evidently(weeks: Sequence[Week], folder: Path) -> None:
    """Let Evidently's default preset judge the same weeks, against samples of the other months of the same size."""
    environment = folder / "evidently"
    subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, *EVIDENTLY], check=True)
    fields = [field.name for field in load_bundle(BUNDLE).fields if field.kind is not Kind.TIMESTAMP]
    for number, week in enumerate(weeks):
        week.window[fields].to_parquet(folder / f"{number:02}.window.parquet")
        week.reference[fields].sample(20_000, random_state=7).to_parquet(folder / f"{number:02}.reference.parquet")
    done = subprocess.run([python, "-c", JUDGE, str(folder)], capture_output=True, text=True)
    print(done.stdout or done.stderr[-2000:], flush=True)
