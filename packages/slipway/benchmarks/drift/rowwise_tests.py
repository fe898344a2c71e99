"""Judge a window by the usual tests of rows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp


def judge_rowwise(reference: dict, window: dict) -> Iterator[str]:
    """Name the usual rules that call a window drifted: KS and chi-squared tests of rows, and the share of columns."""
    chances = [test_column(reference[name], window[name]) for name in reference]
    wrong = sum(chance < 0.05 for chance in chances)
    if wrong:
        yield "a row-wise test below .05"
    if wrong >= len(chances) / 2:
        yield "half of the columns below .05"
    if min(chances) < 0.05 / len(chances):
        yield "row-wise, Bonferroni over columns"


def test_column(reference: np.ndarray, window: np.ndarray) -> float:
    if reference.dtype == object:
        parts = {name: pd.Series(part).value_counts() for name, part in (("first", reference), ("second", window))}
        return float(chi2_contingency(pd.DataFrame(parts).fillna(0).to_numpy().T).pvalue)
    first, second = (
        part.astype("datetime64[m]").astype(float) % 1440 if part.dtype.kind == "M" else part
        for part in (reference, window)
    )
    return float(ks_2samp(first[~np.isnan(first)], second[~np.isnan(second)], method="asymp").pvalue)
