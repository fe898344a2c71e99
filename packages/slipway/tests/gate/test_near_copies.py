"""Near copies of held-out rows in the training set are counted beside what honest groups have."""

import numpy as np
import pandas as pd
import pytest

from slipway.gate.statistics.near_copies import count_near_copies


@pytest.fixture(scope="module")
def parts():
    """Rows of two numbers, a text and a time of day, with regulars who come on several days."""
    rng = np.random.default_rng(2)
    rows = 9000
    frame = pd.DataFrame(
        {
            "size": rng.normal(10, 2, rows),
            "age": rng.integers(18, 80, rows).astype(float),
            "town": rng.choice(["ulm", "bonn", None], rows),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90 * 24 * 60, rows), unit="min"),
            "target": rng.random(rows) < 0.3,
        }
    )
    frame = pd.concat([frame, frame.sample(1000, random_state=1)], ignore_index=True)
    frame["group"] = rng.integers(0, 80, len(frame)).astype(str)
    frame["key"] = np.arange(len(frame))
    held = frame["group"].isin([str(number) for number in range(20)])
    return frame[~held].reset_index(drop=True), frame[held].reset_index(drop=True)


def copies(parts, share, jitter):
    train, holdout = parts
    rng = np.random.default_rng(3)
    found = holdout[rng.random(len(holdout)) < share].copy()
    found["size"] += rng.normal(0, jitter * holdout["size"].std(), len(found))
    found["group"] = rng.choice(train["group"].unique(), len(found))
    return pd.concat([train, found], ignore_index=True), holdout


def test_regulars_are_in_both_parts_as_often(parts):
    found = count_near_copies(*parts)
    assert found.held > 0.02 and found.excess <= 0.02


@pytest.mark.parametrize(("share", "jitter"), [(0.5, 0.0), (0.5, 0.001), (0.5, 0.01), (0.1, 0.0), (0.1, 0.001)])
def test_copies_are_found_however_little_they_were_changed(parts, share, jitter):
    assert count_near_copies(*copies(parts, share, jitter)).excess > 0.02


@pytest.mark.parametrize("column", ["size", "age", "town", "at"])
def test_copies_with_one_column_of_other_rows_are_found_without_it(parts, column):
    train, holdout = copies(parts, 0.5, 0.0)
    copied = train.index >= len(parts[0])
    train.loc[copied, column] = train.loc[copied, column].sample(frac=1, random_state=4).to_numpy()
    found = count_near_copies(train, holdout)
    assert found.excess > 0.02 and found.without == column


def test_an_unchanged_column_of_missing_values_and_a_constant_are_no_reason(parts):
    train, holdout = (part.assign(nothing=np.nan, same=1.0) for part in parts)
    assert count_near_copies(train, holdout).excess <= 0.02
