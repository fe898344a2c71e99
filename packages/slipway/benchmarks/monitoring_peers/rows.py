"""Write the rows of the benchmark's log as the Parquet files that other monitors read."""

from pathlib import Path

import numpy as np
import pandas as pd
from flights.dataset import load

from slipway.bundle import load_bundle
from slipway.columns import frame_to_columns

REFERENCE_ROWS = 100_000
DAYS = 28
THRESHOLD = 0.3


def write_rows(folder: Path, frame: pd.DataFrame, scores: np.ndarray, size: int) -> int:
    """Write `reference.parquet`, training rows, and `window.parquet`, the rows of the log; return its bytes."""
    bundle, known = load_bundle(Path("bundle")), load(Path("data"))
    known = known.sample(REFERENCE_ROWS, random_state=7).sort_values("time")
    fields = [field.name for field in bundle.fields]
    before = bundle.score(frame_to_columns(bundle.fields, known))
    _write(folder / "reference.parquet", known, fields, before, known["scheduled_departure"].dt.normalize())
    places = np.arange(size) % len(frame)
    rows = frame.iloc[places].reset_index(drop=True)
    moved = np.random.default_rng(7).random(size).round(3)
    for name in ("temperature", "pressure"):
        rows[name] = (rows[name] + moved).round(3)
    days = pd.Timestamp("2026-01-05") + pd.to_timedelta(np.arange(size) * DAYS // size, unit="D")
    return _write(folder / "window.parquet", rows, fields, scores[places], pd.Series(days))


def _write(path: Path, rows: pd.DataFrame, fields: list[str], scores: np.ndarray, days: pd.Series) -> int:
    """Write the contract's columns, a timestamp as its hour, with score, label, outcome and day."""
    found = rows[fields].assign(
        score=scores,
        label=(scores >= THRESHOLD).astype(int),
        target=rows["target"].astype(int),
        day=days.to_numpy(),
    )
    for name in found.columns[found.dtypes.map(pd.api.types.is_datetime64_any_dtype)]:
        if name != "day":
            found[name] = found[name].dt.hour
    found.to_parquet(path, index=False)
    return path.stat().st_size
