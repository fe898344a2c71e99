"""Cut rows into folds for a cross-validation: whole groups at random."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Fold(NamedTuple):
    """Which rows to fit on and which to score: two masks that share no row."""

    train: NDArray[np.bool_]
    held: NDArray[np.bool_]


def fold_by_group(frame: "pd.DataFrame", folds: int) -> list[Fold]:
    """Hold out each group once, with about as many others; raises `DataError` for fewer groups than folds."""
    import pandas as pd

    group, names = pd.factorize(frame["group"], sort=True)
    if len(names) < folds:
        raise DataError(f"Cannot make {folds} folds of {len(names)} groups. Lower search.folds in params.yaml.")
    fold = np.random.default_rng(0).permutation(len(names)) % folds
    return [Fold(~held, held) for held in (fold[group] == number for number in range(folds))]
