"""Measure which injected faults are found, when, and which column is named first."""

import numpy as np
import pandas as pd
from flights_year import BUNDLE, in_window, plan

from slipway.bundle import load_bundle
from slipway.bundle.verify import read_sealed
from slipway.columns import frame_to_columns
from slipway.monitoring.drift.exact import check_scores
from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.reference import read_drift_reference
from slipway.monitoring.drift.window_figure import DayRange
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.replay.faults import inject_faults, parse_fault
from slipway.training.reference.histograms import summarize_days

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


def check_window(bundle, frame: pd.DataFrame, scores: np.ndarray, window: DayRange) -> Measurement:
    inside = np.flatnonzero(in_window(frame, window))[:: max(1, len(frame) // 2000)]
    columns = frame_to_columns(bundle.fields, frame.iloc[inside])
    if (scores[inside] > 1 - scores[inside]).mean() > 0.6:
        # Inverted scores are to be found by their distribution alone.
        return Measurement(name="foreign_scores")
    return check_scores(bundle.score, columns, scores[inside], 1.0)


def strip(name: str) -> str:
    """Return the column of a measurement's name, or the name of what has no column."""
    return name.split(":")[1] if ":" in name else name
