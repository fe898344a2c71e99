"""Generate fields and the crops that grew best on them."""

import numpy as np
import pandas as pd

from slipway import read_folder

COLUMNS = {
    "soil": "text",
    "rain": "number",
    "acidity": "number",
    "irrigated": "boolean",
    "target": "text",
    "group": "text",
}


def load(data_dir):
    return read_folder(data_dir / "rows", COLUMNS)


def make(rows, seed=0):
    rng = np.random.default_rng(seed)
    rain = rng.uniform(200, 1500, rows).round(1)
    soil = rng.choice(["clay", "loam", "sand"], rows)
    irrigated = rng.random(rows) < 0.3
    wet = rain / 500 + irrigated - (soil == "sand") + rng.normal(0, 0.4, rows)
    return pd.DataFrame(
        {
            "soil": soil,
            "rain": rain,
            "acidity": pd.Series(rng.normal(6.5, 0.6, rows).clip(3, 10).round(2)).mask(rng.random(rows) < 0.05),
            "irrigated": irrigated,
            "target": np.select([wet < 0.8, wet < 1.8], ["millet", "wheat"], "rice"),
            "group": pd.Series(rng.integers(0, 80, rows)).map("farm-{:03}".format),
        }
    )
