"""Count rows by day: histograms, means, extremes and distinct rows, the same for rows in any order."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import STEPS, Distribution, Profile, Shape
from slipway.columns import Columns, take_rows
from slipway.training.reference.cells import (
    Texts,
    base_column,
    category_cells,
    count_cells,
    factorize_texts,
    number_or_time_cells,
)
from slipway.training.reference.sketch import Sketch, hash_columns, sketch_rows

# A value further outside of the edges than this many widths counts as one that far, so that sums stay exact.
_FARTHEST = 8


class DayHistograms(msgspec.Struct, frozen=True, kw_only=True):
    """Rows counted by day.

    `days` are increasing days since 1970 (or numbers of blocks), `counts` holds the cells of each input and score with
    a row per day, `sums` the places of the known numbers between their outer edges in whole steps, `lows` and `highs`
    the extremes, NaN for none. `rows_seen` and `readings` sketch the distinct rows, and the distinct readings, by day.
    """

    days: NDArray[np.int64]
    rows: NDArray[np.int64]
    counts: dict[str, NDArray[np.int64]]
    sums: dict[str, NDArray[np.int64]]
    lows: dict[str, NDArray[np.float64]]
    highs: dict[str, NDArray[np.float64]]
    rows_seen: tuple[Sketch, ...]
    readings: tuple[Sketch, ...]

    def known(self, name: str) -> NDArray[np.int64]:
        """Return how many values of an input are not missing, by day."""
        return self.rows - self.counts[name][:, -1]

    def means(self, name: str) -> NDArray[np.float64]:
        """Return the mean place of a number between its outer edges (0 to 1), by day; NaN for days without values."""
        known = self.known(name)
        return np.where(known > 0, self.sums[name] / np.maximum(known, 1) / STEPS, np.nan)


def watched_distributions(profile: Profile) -> dict[str, Distribution]:
    """Return the distribution of each input by name, then of each score: `score`, or `score:0` and so on by class."""
    names = ["score"] if len(profile.scores) == 1 else [f"score:{number}" for number in range(len(profile.scores))]
    return {**dict(sorted(profile.inputs.items())), **dict(zip(names, profile.scores, strict=True))}


def summarize_days(
    columns: Columns,
    scores: NDArray[np.float64] | None,
    days: NDArray[Any],
    profile: Profile,
    vocabularies: Mapping[str, Collection[str]],
) -> DayHistograms:
    """Count the rows of the contract's `columns` by their `days`; takes about a microsecond a row for 15 columns.

    `scores` has the shape of `Bundle.score`, `days` are dates (datetime64) or whole numbers, `vocabularies` holds the
    categories that the model knows, by column. A column that is absent, as where inputs are not logged, is not counted.
    """
    numbers = days.astype("datetime64[D]").astype(np.int64) if days.dtype.kind == "M" else days.astype(np.int64)
    if scores is not None:
        shape = scores.reshape(len(scores), -1)
        names = ["score"] if shape.shape[1] == 1 else [f"score:{number}" for number in range(shape.shape[1])]
        columns = columns | {name: shape[:, place] for place, name in enumerate(names)}
    if (np.diff(numbers) < 0).any():
        order = np.argsort(numbers, kind="stable")
        numbers, columns = numbers[order], take_rows(columns, order)
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    found = {
        name: distribution
        for name, distribution in watched_distributions(profile).items()
        if name in columns or (base_column(name) in columns and not name.startswith("score:"))
    }
    return _count(columns, numbers[starts], np.append(starts, len(numbers)), found, profile.readings, vocabularies)


def _count(
    columns: Columns,
    days: NDArray[np.int64],
    ends: NDArray[np.intp],
    watched: Mapping[str, Distribution],
    readings: Sequence[str],
    vocabularies: Mapping[str, Collection[str]],
) -> DayHistograms:
    slices = [slice(start, end) for start, end in pairwise(ends)]
    counts, sums, lows, highs = {}, {}, {}, {}
    texts: dict[str, Texts] = {}
    for name, distribution in watched.items():
        values = columns[name] if name in columns else columns[base_column(name)]
        if distribution.cells is Shape.CATEGORY:
            texts[name] = factorize_texts(values)
            cells: NDArray[np.integer] = category_cells(distribution, texts[name], vocabularies.get(name))
        else:
            cells = number_or_time_cells(distribution, values)
        wide = count_cells(distribution)
        counts[name] = np.array([np.bincount(cells[each], minlength=wide) for each in slices]).reshape(-1, wide)
        if distribution.cells is Shape.NUMBER and distribution.edges:
            places = _places(distribution.edges, values)
            sums[name] = np.array([places[each].sum() for each in slices], dtype=np.int64)
            lows[name] = np.array([np.fmin.reduce(values[each]) for each in slices])
            highs[name] = np.array([np.fmax.reduce(values[each]) for each in slices])
    inputs = sorted({base_column(name) for name in watched if not name.startswith("score")})
    plain = [_hashable(columns[name], texts.get(name)) for name in inputs]
    return DayHistograms(
        days=days,
        rows=np.diff(ends).astype(np.int64),
        counts=counts,
        sums=sums,
        lows=lows,
        highs=highs,
        rows_seen=_sketch(hash_columns(plain) if plain else None, slices),
        readings=_sketch(_hash_readings(columns, readings), slices),
    )


def _places(edges: tuple[float, ...], values: NDArray[np.float64]) -> NDArray[np.int64]:
    width = (edges[-1] - edges[0]) or 1.0
    places = (values - edges[0]) * (STEPS / width)
    np.clip(places, -_FARTHEST * STEPS, _FARTHEST * STEPS, out=places)
    return np.nan_to_num(np.rint(places), copy=False, nan=0.0).astype(np.int64)


def _hashable(values: NDArray[Any], texts: Texts | None) -> NDArray[Any]:
    """Return what stands for equal values in every process: the numbers themselves, or hashes of texts."""
    if texts is not None:
        return np.array([_hash_text(name) for name in texts.names], dtype=np.uint64)[texts.codes]
    return values.astype("datetime64[us]") if values.dtype.kind == "M" else values


def _hash_text(text: str | None) -> int:
    import hashlib

    return 0 if text is None else int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _hash_readings(columns: Columns, readings: Sequence[str]) -> NDArray[np.uint64] | None:
    found = [columns[name] for name in readings if name in columns]
    return hash_columns(found) if len(found) == len(readings) > 0 else None


def _sketch(hashes: NDArray[np.uint64] | None, slices: Sequence[slice]) -> tuple[Sketch, ...]:
    nothing = Sketch(np.empty(0, np.uint64), np.empty(0, np.int64))
    return tuple(nothing if hashes is None else sketch_rows(hashes[each]) for each in slices)
