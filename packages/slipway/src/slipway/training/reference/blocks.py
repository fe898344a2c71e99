"""Seal what each block of the training rows holds; open it again for the monitor.

The table of a bundle has a row per block and these columns: the cells of each input and score in the profile's order,
the mean place of each number (`STEPS` where it is missing), the rows that repeat another of the block, and the share of
readings that the block before had too, in steps.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import STEPS, Blocks, Order, Profile, Shape, pack_table, unpack_table
from slipway.columns import Columns, spread_rows, take_rows
from slipway.training.reference.cells import count_cells, factorize_texts
from slipway.training.reference.cut_blocks import BlockedRows
from slipway.training.reference.histograms import DayHistograms, summarize_days, watched_distributions
from slipway.training.reference.sketch import repeated_share

# Of so many blocks, numbers with at most this share of distinct values are shared by rows.
_LOOKED_AT, _SHARED = 16, 0.5
# Blocks in the runs that show how many rows of a week are of categories that occur in no other.
_WEEK = 7


class BlockSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The compared figures: cells, means and shares by block of the reference, or by day of production.

    `days` are days since 1970, or numbers where blocks have no day; `repeated` is the share of rows that repeat another
    of the same day, `stale` the share of readings that the day before had too (NaN where unknown).
    """

    order: Order
    days: NDArray[np.int64]
    rows: NDArray[np.int64]
    counts: dict[str, NDArray[np.int64]]
    means: dict[str, NDArray[np.float64]]
    repeated: NDArray[np.float64]
    stale: NDArray[np.float64]


def seal_blocks(
    blocked: BlockedRows,
    columns: Columns,
    scores: NDArray[np.float64],
    profile: Profile,
    vocabularies: Mapping[str, Collection[str]],
) -> Blocks:
    """Count the rows of each block into the cells of `profile`."""
    inside = blocked.blocks >= 0
    blocks, columns = blocked.blocks[inside], take_rows(columns, inside)
    found = summarize_days(columns, scores[inside], blocks, profile, vocabularies)
    series = make_series(found, Order.DAYS)
    means = [np.rint(np.nan_to_num(each, nan=1.0).clip(0, 1) * STEPS) for each in series.means.values()]
    shares = np.nan_to_num(np.column_stack([series.repeated * series.rows, series.stale * STEPS]))
    table = np.column_stack([*found.counts.values(), *means, np.rint(shares)])
    texts = [name for name, each in profile.inputs.items() if each.cells is Shape.CATEGORY]
    return Blocks(
        order=blocked.order,
        rows=tuple(found.rows.tolist()),
        days=tuple(blocked.days.tolist()),
        counts=pack_table(table.astype(np.int64)),
        constant={name: longest_run(found.lows[name], found.highs[name]) for name in found.sums if name in columns},
        novel={name: _novel(columns[name], blocks) for name in texts},
    )


def find_readings(blocked: BlockedRows, columns: Columns, numbers: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers that rows of a block share, as those of one sensor and hour do; none if it is only one."""
    blocks = spread_rows(int(blocked.blocks.max()) + 1, _LOOKED_AT)
    inside = [blocked.blocks == block for block in blocks]
    rows = sum(int(each.sum()) for each in inside)
    distinct = {name: sum(len(np.unique(columns[name][each])) for each in inside) for name in numbers}
    found = tuple(name for name in numbers if distinct[name] <= rows * _SHARED)
    return found if len(found) > 1 else ()


def open_blocks(profile: Profile) -> BlockSeries | None:
    """Return the blocks of a profile, None for a bundle of a format before 3; raises `BundleError`."""
    blocks = profile.blocks
    if blocks is None:
        return None
    rows, table, start = np.array(blocks.rows), unpack_table(blocks.counts, len(blocks.rows)), 0
    counts, means = {}, {}
    watched = watched_distributions(profile)
    for name, distribution in watched.items():
        counts[name] = table[:, start : start + count_cells(distribution)]
        start += count_cells(distribution)
    for name, distribution in watched.items():
        if distribution.cells is Shape.NUMBER and distribution.edges:
            means[name] = np.where(table[:, start] < STEPS, table[:, start] / STEPS, np.nan)
            start += 1
    days = np.array(blocks.days or range(len(rows)), dtype=np.int64)
    repeated, stale = table[:, start] / rows, table[:, start + 1] / STEPS
    return BlockSeries(
        order=blocks.order, days=days, rows=rows, counts=counts, means=means, repeated=repeated, stale=stale
    )


def make_series(found: DayHistograms, order: Order = Order.DAYS) -> BlockSeries:
    """Return what is compared of histograms by day."""
    # Readings of a day are compared with those of the day before, where there is one.
    earlier = np.flatnonzero(np.diff(found.days) == 1)
    stale = np.full(len(found.days), np.nan)
    for place in earlier:
        stale[place + 1] = repeated_share(found.readings[place + 1], found.readings[place])
    return BlockSeries(
        order=order,
        days=found.days,
        rows=found.rows,
        counts=found.counts,
        means={name: found.means(name) for name in found.sums},
        repeated=np.array([each.repeated / max(1, each.rows) for each in found.rows_seen]),
        stale=stale,
    )


def longest_run(lows: NDArray[np.float64], highs: NDArray[np.float64]) -> int:
    """Return the longest run of days in which a number had one and the same value."""
    longest = run = 0
    for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
        again = run and low == lows[place - 1]
        run = 0 if low != high else run + 1 if again else 1
        longest = max(longest, run)
    return longest


def _novel(values: NDArray[Any], blocks: NDArray[np.intp]) -> float:
    """Return the largest share of a run of blocks that is of categories which occur nowhere else."""
    texts = factorize_texts(values)
    names, number = len(texts.names), int(blocks.max()) + 1
    known = texts.codes >= 0
    codes, blocks = texts.codes[known], blocks[known]
    if number <= 2 * _WEEK or not len(codes):
        return 0.0
    first, last = np.full(names, number), np.full(names, -1)
    np.minimum.at(first, codes, blocks)
    np.maximum.at(last, codes, blocks)
    rows, by_name = np.bincount(blocks, minlength=number), np.bincount(codes, minlength=names)
    most = 0.0
    for start in range(number - _WEEK + 1):
        inside = (first >= start) & (last < start + _WEEK)
        most = max(most, float(by_name[inside].sum() / max(1, rows[start : start + _WEEK].sum())))
    return float(f"{most:.6g}")
