"""What the model sees of a flat."""

import numpy as np


def shape(columns):
    month = columns["offered"].astype("datetime64[M]").astype(np.int64) % 12
    kept = {name: columns[name] for name in ("area", "rooms", "district", "lift")}
    return {**kept, "per_room": columns["area"] / columns["rooms"], "month": month}
