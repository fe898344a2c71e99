"""Choose rows that stand for a whole holdout where each is asked by itself: spread, and with every rare value."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, count_rows, spread_rows, take_rows

# Rows spread over the whole holdout; and the different texts of a column, each of which is added with one row.
PROBED, _TEXTS = 512, 64
# Characters of a long text: a sentence or two, as clients send where nothing limits them.
_LONG = 512


def probe_rows(columns: Columns) -> NDArray[np.intp]:
    """Return positions of up to 512 rows, and of the rows with each text, a missing value, and each end of a column."""
    chosen = set(spread_rows(count_rows(columns), PROBED).tolist())
    for values in columns.values():
        chosen.update(_places(values))
    return np.array(sorted(chosen), dtype=np.intp)


def add_long_texts(columns: Columns) -> Columns:
    """Append a row for each column of texts, in which its longest text is repeated up to 512 characters."""
    texts = {name: [*map(_length, values)] for name, values in columns.items() if values.dtype == object}
    places = {name: int(np.argmax(lengths)) for name, lengths in texts.items() if any(lengths)}
    more = take_rows(columns, [*places.values()])
    for row, name in enumerate(places):
        text = more[name][row]
        more[name][row] = (text * _LONG)[:_LONG]
    return {name: np.concatenate([values, more[name]]) for name, values in columns.items()}


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else 0


def _places(values: NDArray[np.generic]) -> Sequence[int]:
    if values.dtype == object:
        # The last of a text counts, which is nowhere near the first of the next.
        return [*{value: place for place, value in enumerate(values.tolist())}.values()][:_TEXTS]
    known = np.flatnonzero(values == values)
    missing = np.flatnonzero(values != values)[:1]
    if not len(known):
        return missing.tolist()
    return [*missing.tolist(), known[values[known].argmin()], known[values[known].argmax()]]
