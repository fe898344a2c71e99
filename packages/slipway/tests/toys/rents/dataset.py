"""Generate flats and their rents."""

import numpy as np
import pandas as pd

from slipway import read_folder

COLUMNS = {
    "area": "number",
    "rooms": "integer",
    "district": "text",
    "lift": "boolean",
    "offered": "timestamp",
    "target": "number",
}


def load(data_dir):
    return read_folder(data_dir / "rows", COLUMNS)


def make(rows, seed=0):
    rng = np.random.default_rng(seed)
    rooms = rng.integers(1, 6, rows)
    area = (rooms * rng.uniform(18, 32, rows)).clip(8, 500).round(1)
    district = pd.Series(rng.choice(["north", "harbour", "old town"], rows)).mask(rng.random(rows) < 0.05)
    offered = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, rows), unit="D"))
    rent = 200 + 11 * area + 150 * (district == "harbour").fillna(False).to_numpy(float) + rng.normal(0, 60, rows)
    return pd.DataFrame(
        {
            "area": area,
            "rooms": rooms,
            "district": district,
            "lift": pd.Series(rng.random(rows) < 0.4, dtype="boolean").mask(rng.random(rows) < 0.1),
            "offered": offered.astype("datetime64[us]"),
            "target": rent.round(0),
        }
    )
