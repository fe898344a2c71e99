"""What the model sees of a subscriber."""

import numpy as np


def derive(columns):
    joined = columns["joined"]
    year = joined.astype("datetime64[Y]").astype(np.float64) + 1970
    kept = {name: columns[name] for name in ("plan", "town", "months", "usage", "paperless")}
    return {**kept, "year": np.where(np.isnat(joined), np.nan, year)}
