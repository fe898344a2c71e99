"""Tables of other people's problems, none like another: what `slipway new` begins with."""

import numpy as np
import pandas as pd
from pandas import DataFrame


def customers(rows: int = 2000) -> DataFrame:
    """Two classes of text, an identifier, names that are no identifiers, quotes in categories, gaps, and a leak."""
    rng = np.random.default_rng(1)
    tenure = rng.integers(0, 72, rows)
    contract = rng.choice(["Month-to-month", "One year", "Two year"], rows)
    left = rng.random(rows) < 1 / (1 + np.exp(-(1 - 0.05 * tenure + 0.9 * (contract == "Month-to-month"))))
    return DataFrame(
        {
            "customerID": [f"C{number:06}" for number in range(rows)],
            "tenure": tenure,
            "Monthly Charges": pd.Series(rng.uniform(18, 120, rows).round(2)).mask(rng.random(rows) < 0.02),
            "payment": rng.choice(["card", "check, mailed", 'bank "auto"', None], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "contract": contract,
            "class": rng.choice(["a", "b"], rows),
            "country": "DE",
            "notes": None,
            "closed at": np.where(left, "counter", None),
            "Churn": pd.Series(np.where(left, "Yes", "No")).mask(np.arange(rows) == 5),
        }
    )


def wines(rows: int = 500) -> DataFrame:
    """Three classes, few rows, numbers alone."""
    rng = np.random.default_rng(2)
    table = DataFrame({"alcohol": rng.normal(12, 1, rows).round(2), "acid": rng.gamma(2, 1, rows).round(3)})
    score = table["alcohol"] - 12 + 0.5 * table["acid"] + rng.normal(0, 0.4, rows)
    return table.assign(grape=np.select([score > 1.6, score > 0.4], ["barolo", "barbera"], "grignolino"))


def sales(rows: int = 4000) -> DataFrame:
    """A number of a wide range, times, truth values, and a column named as a keyword."""
    rng = np.random.default_rng(3)
    minutes = np.sort(rng.integers(0, 200 * 24 * 60, rows))
    table = DataFrame(
        {
            "sold_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="min"),
            "import": rng.choice([f"S{number}" for number in range(40)], rows),
            "price": rng.lognormal(2, 1, rows).round(2),
            "promo": rng.random(rows) < 0.2,
            "items": rng.integers(1, 30, rows),
        }
    )
    noise = rng.lognormal(0, 0.3, rows)
    return table.assign(revenue=(table["price"] * table["items"] * (1 + 0.5 * table["promo"]) * noise).round(2))


def payments(rows: int = 8000) -> DataFrame:
    """A rare class 1 of 0 and 1, accounts as groups, instants in a time zone, whole numbers with gaps."""
    rng = np.random.default_rng(4)
    attempts = rng.poisson(1, rows)
    amount = rng.lognormal(3, 1.5, rows).round(2)
    odds = -4.5 + 0.8 * attempts + 0.3 * np.log(amount)
    minutes = rng.integers(0, 120 * 24 * 60, rows)
    return DataFrame(
        {
            "payment_id": np.arange(rows),
            "at": pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(minutes, unit="min"),
            "account": rng.integers(0, 900, rows),
            "amount": amount,
            "attempts": pd.Series(attempts, dtype="Int64").mask(rng.random(rows) < 0.1),
            "fraud": (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int),
        }
    )


def patients(rows: int = 300) -> DataFrame:
    """Few rows of numbers, columns that begin with a digit."""
    rng = np.random.default_rng(5)
    table = DataFrame(rng.normal(size=(rows, 3)).round(3), columns=["glucose", "BMI", "2h insulin"])
    return table.assign(outcome=table["glucose"] + 0.5 * table["BMI"] + rng.normal(0, 1, rows) > 0.3)
