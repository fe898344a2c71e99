"""Make orders: training rows, and fresh ones of the same kind."""

import numpy as np
import pandas as pd

TEXTS = {"country": ["DE", "FR", "IT", "NL", "PL"], "channel": ["web", "shop", "phone"]}


def make_orders(rows: int, seed: int, unseen: float = 0.0) -> pd.DataFrame:
    """Return the columns of the contract `Order`, and a target for each task: `late`, `grade`, `claim`.

    A share of `unseen` rows has a country that the others do not have.
    """
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "price": rng.gamma(2, 20, rows).round(2),
            "weight": rng.lognormal(0, 1, rows).round(3).clip(0, 200),
            "age": rng.integers(18, 90, rows).astype(float),
            "items": 1 + rng.poisson(3, rows),
            "country": rng.choice(TEXTS["country"], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            "channel": rng.choice(TEXTS["channel"], rows),
            "gift": rng.random(rows) < 0.2,
        }
    )
    noise = rng.normal(0, 1, rows)
    worth = frame["price"] / 40 + np.log1p(frame["weight"]) - frame["age"] / 60 + frame["gift"] + noise
    worth += 0.5 * (frame["country"] == "DE") + 0.7 * (frame["channel"] == "phone")
    frame["late"] = worth > 1.5
    frame["grade"] = np.select([worth < 0.8, worth < 2], ["low", "middle"], "high")
    frame["claim"] = (100 * np.exp(worth / 2)).round(2)
    for name, share in (("weight", 0.1), ("age", 0.05), ("channel", 0.1)):
        frame[f"known_{name}"] = frame[name]
        frame[name] = frame[name].mask(rng.random(rows) < share)
    frame["country"] = frame["country"].mask(rng.random(rows) < unseen, "ES")
    return frame


def without_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the contract `Parcel` and the targets."""
    known = {name: frame[f"known_{name}"] for name in ("weight", "age")}
    return frame[["price", "items", "late", "grade", "claim"]].assign(**known)
