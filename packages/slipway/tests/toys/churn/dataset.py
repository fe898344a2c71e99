"""Generate subscribers with known churn."""

import numpy as np
import pandas as pd

from slipway import read_folder

COLUMNS = {
    "plan": "text",
    "town": "text",
    "joined": "timestamp",
    "months": "integer",
    "usage": "number",
    "paperless": "boolean",
    "target": "boolean",
    "group": "text",
    "time": "timestamp",
    "key": "integer",
}


def load(data_dir):
    return read_folder(data_dir / "rows", COLUMNS)


def make(rows, seed=0):
    rng = np.random.default_rng(seed)
    usage = rng.gamma(2, 1, rows).round(3)
    months = rng.integers(0, 120, rows)
    plan = rng.choice(["basic", "plus", "family"], rows)
    odds = 0.8 - 0.6 * usage + 0.7 * (plan == "basic") - 0.004 * months + rng.normal(0, 0.5, rows)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 60, rows), unit="D")
    return pd.DataFrame(
        {
            "plan": plan,
            "town": pd.Series(rng.choice(["ulm", "bern", "graz", "lyon"], rows)).mask(rng.random(rows) < 0.1),
            "joined": pd.Series(
                pd.Timestamp("2015-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 3000, rows), unit="D")
            )
            .astype("datetime64[us, UTC]")
            .mask(rng.random(rows) < 0.1),
            "months": months,
            "usage": pd.Series(usage).mask(rng.random(rows) < 0.1),
            "paperless": pd.Series(rng.random(rows) < 0.5, dtype="boolean").mask(rng.random(rows) < 0.1),
            "target": rng.random(rows) < 1 / (1 + np.exp(-odds)),
            "group": day.strftime("%Y-%m-%d"),
            "time": day.astype("datetime64[us]"),
            "key": np.arange(rows),
        }
    )
