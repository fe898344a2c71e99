"""Score one row at a time: the same score as in a batch, at a third of the cost, because no array is allocated.

The arrays for the contract's columns and for the model's tensor are made once and written again for each row, so a
scorer must not be used by two threads at once.
"""

import math
import struct
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.inputs import category_codes
from slipway.bundle.model import Bundle
from slipway.columns import Columns, rows_to_columns, to_microseconds
from slipway.contract import Field, Kind
from slipway.problem import Task


class RowScorer:
    """A scorer of single typed rows of a bundle's contract."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        names = [field.name for field in bundle.fields]
        self._values = attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)
        self._cells = [_empty_column(field) for field in bundle.fields]
        self._timestamps = [index for index, field in enumerate(bundle.fields) if field.kind is Kind.TIMESTAMP]
        self._columns: Columns = dict(zip(names, self._cells, strict=True))
        for index in self._timestamps:
            self._columns[names[index]] = self._cells[index].view("datetime64[us]")
        inputs = bundle.manifest.inputs
        self._plan = [
            (given.name, None if given.vocabulary is None else category_codes(given.vocabulary)) for given in inputs
        ]
        self._tensor, self._run = bundle.bind_one()
        self._pack = struct.Struct(f"{len(inputs)}f").pack_into
        self._task = bundle.manifest.task

    def score(self, row: msgspec.Struct) -> Any:
        """Score one row: a float, or a list with one float per class for a multiclass task.

        Raises `ScoringError` for a row that the model gives no finite score.
        """
        values = list(self._values(row))
        for index in self._timestamps:
            values[index] = to_microseconds(values[index])
        for cell, value in zip(self._cells, values, strict=True):
            cell[0] = value
        features = self._bundle.derive(self._columns)
        numbers = [features[name][0] if codes is None else codes[features[name][0]] for name, codes in self._plan]
        try:
            self._pack(self._tensor, 0, *numbers)
        except OverflowError:
            # Beyond float32; numpy makes it infinite, and the score shows whether the model can handle that.
            return self._score_as_batch(row)
        scores: list[float] = self._run()
        if self._task is Task.MULTICLASS:
            return scores if math.isfinite(sum(scores)) else self._score_as_batch(row)
        score = scores[-1]
        return score if math.isfinite(score) else self._score_as_batch(row)

    def _score_as_batch(self, row: msgspec.Struct) -> Any:
        return self._bundle.score(rows_to_columns(self._bundle.fields, [row]))[0].tolist()


def _empty_column(field: Field) -> NDArray[Any]:
    """Return a column for one row; assigning None to a number writes NaN."""
    if field.kind is Kind.TIMESTAMP:
        return np.empty(1, dtype=np.int64)
    return np.empty(1, dtype=object if field.kind is Kind.CATEGORY else np.float64)
