"""The scores of shadows: from lines of the log to tables by bundle, and from tables to the rows that they shadow."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.monitoring.intake.identifiers import match_identifiers, parse_identifiers
from slipway.serving.log import Shadow

NO_SHADOW = -1


class ShadowScores(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The score that a shadow gave to each row: NaN where it refused the row.

    `model` is the position of the shadow in `models`, `NO_SHADOW` for a row that none scored or refused.
    """

    models: tuple[str, ...]
    model: NDArray[np.intp]
    scores: NDArray[np.float64]

    def take(self, rows: Any) -> "ShadowScores":
        """Return some of the rows (a slice, positions or a mask)."""
        return msgspec.structs.replace(self, model=self.model[rows], scores=self.scores[rows])


def tabulate_shadows(entries: Sequence[Shadow]) -> tuple[dict[str, pa.Table], int]:
    """Return a row for each row of each shadow, and the number of lines that hold no usable scores."""
    named = parse_identifiers([entry.id for entry in entries])
    found: dict[str, list[tuple[int, int, list[Any]]]] = {}
    strange = 0
    for entry, valid, high, low in zip(
        entries, named.valid.tolist(), named.high.tolist(), named.low.tolist(), strict=True
    ):
        if valid and _is_usable(entry.scores):
            found.setdefault(entry.model, []).append((high, low, entry.scores))
        else:
            strange += 1
    return {model: _tabulate(lines) for model, lines in sorted(found.items())}, strange


def align_shadows(identifiers: NDArray[np.uint64], tables: Sequence[tuple[str, pa.Table]], width: int) -> ShadowScores:
    """Find the shadow's score of each row by its identifier; of two shadows of a row the later table counts.

    `scores` has shape (rows,), or (rows, width) for several classes. A table of another width is left out.
    """
    models = tuple(sorted({model for model, _ in tables}))
    model = np.full(len(identifiers), NO_SHADOW, dtype=np.intp)
    scores = np.full((len(identifiers), width), np.nan)
    for name, table in tables:
        given = _read_scores(table, width)
        if given is None:
            continue
        asked = np.stack([table["high"].to_numpy(), table["low"].to_numpy()], axis=1)
        place = match_identifiers(identifiers, asked)
        known = place >= 0
        model[place[known]] = models.index(name)
        scores[place[known]] = given[known]
    return ShadowScores(models=models, model=model, scores=scores if width > 1 else scores.reshape(-1))


def _is_usable(scores: Sequence[Any]) -> bool:
    """Return whether each score is a number, None, or a list of as many numbers as every other."""
    kinds = {len(each) if isinstance(each, list) else 0 for each in scores if each is not None}
    numbers = [part for each in scores for part in (each if isinstance(each, list) else [each]) if part is not None]
    return bool(scores) and len(kinds) <= 1 and all(type(each) in (int, float) for each in numbers)


def _tabulate(lines: Sequence[tuple[int, int, list[Any]]]) -> pa.Table:
    """Return identifiers and scores; a refused row has NaN, or no number of the several."""
    sizes = np.array([len(scores) for _, _, scores in lines])
    position = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    high, low = (np.repeat(np.array([line[half] for line in lines], dtype=np.uint64), sizes) for half in (0, 1))
    scores = [score for _, _, given in lines for score in given]
    if any(isinstance(each, list) for each in scores):
        column = pa.array([each if isinstance(each, list) else [] for each in scores], pa.list_(pa.float64()))
    else:
        column = pa.array([math.nan if each is None else each for each in scores], pa.float64())
    return pa.table({"high": high, "low": low + position.astype(np.uint64), "score": column})


def _read_scores(table: pa.Table, width: int) -> NDArray[np.float64] | None:
    """Return the scores of a table with shape (rows, width), None where they have another width."""
    column = table["score"].combine_chunks()
    if not pa.types.is_list(column.type):
        given = column.to_numpy(zero_copy_only=False)
        # All rows of several classes may have been refused.
        return given.reshape(-1, 1).repeat(width, axis=1) if width == 1 or np.isnan(given).all() else None
    sizes = np.diff(column.offsets.to_numpy())
    if not np.isin(sizes, (0, width)).all():
        return None
    found = np.full((len(column), width), np.nan)
    found[sizes > 0] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return found
