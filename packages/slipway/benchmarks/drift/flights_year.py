"""Read the example's year, seal references from its rows, and summarize its days."""

from pathlib import Path

import numpy as np
import pandas as pd
from flights.dataset import load
from flights.ingest import ingest

from slipway.bundle.verify import read_sealed
from slipway.columns import frame_to_columns
from slipway.monitoring.drift.reference import DriftReference, read_drift_reference
from slipway.monitoring.drift.window_figure import DayRange
from slipway.monitoring.measurement import Measurement
from slipway.training.profile import complete_profile, make_profile
from slipway.training.reference.blocks import open_blocks
from slipway.training.reference.cut_blocks import block_rows
from slipway.training.reference.histograms import summarize_days

BUNDLE = Path("bundle")


def read_year(folder: Path) -> pd.DataFrame:
    ingest("2013-01", "2013-12", folder)
    frame = load(folder)
    return frame.assign(day=frame["scheduled_departure"].dt.normalize(), settled=frame["time"])


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


def plan(first: pd.Timestamp, weeks: int) -> list[DayRange]:
    day = int(first.to_datetime64().astype("datetime64[D]").astype(int))
    return [DayRange(day + 7 * number, 7) for number in range(weeks)]


def to_day(window: DayRange) -> pd.Timestamp:
    return pd.Timestamp(np.datetime64(window.first, "D"))


def in_window(frame: pd.DataFrame, window: DayRange) -> np.ndarray:
    return ((frame["day"] >= to_day(window)) & (frame["day"] < to_day(window) + pd.Timedelta(7, "D"))).to_numpy()


def select(frame: pd.DataFrame, window: DayRange) -> pd.DataFrame:
    return frame[in_window(frame, window)]


def describe(measured: Measurement) -> str:
    return f"{measured.name} {measured.figure.value:.3f} (limit {measured.limit:.3f})"
