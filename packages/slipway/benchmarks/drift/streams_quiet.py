"""Measure how many windows of simulated streams, in which nothing changes, raise an alarm."""

import time
from collections import Counter
from collections.abc import Sequence

from rowwise_tests import judge_rowwise
from streams import Stream, cut, make_reference, make_stream, relate, summarize

from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.window_figure import DayRange

# Seeds from here on were not looked at while the method was made.
FIRST_SEED = 7000


def show_streams(streams: int) -> None:
    """Weeks 40 to 56 of simulated streams, after 273 days of which a quarter was held out; nothing changes in them."""
    print(
        f"Simulated streams without a change: {streams} streams of about 150 rows a day, windows of 7 days", flush=True
    )
    _show_kind("columns of their own", [make_stream(FIRST_SEED + number, days=420) for number in range(streams)], True)
    related = [relate(make_stream(seed, days=420), seed) for seed in range(FIRST_SEED, FIRST_SEED + streams)]
    _show_kind("with numbers that go together", related, False)


def _show_kind(kind: str, streams: Sequence[Stream], by_rows: bool) -> None:
    alarms, windows, names, rowwise = 0, 0, Counter[str](), Counter[str]()
    started = time.perf_counter()
    for stream in streams:
        train = cut(stream, 0, 273)
        reference = make_reference(train)
        planned = [DayRange(first, 7) for first in range(301, 414, 7)]
        for window, found in zip(
            planned, measure_drift_windows(reference, summarize(reference, cut(stream, 273, 420)), planned), strict=True
        ):
            unusual = [each.name for each in found if is_unusual(each)]
            alarms, windows = alarms + bool(unusual), windows + 1
            names.update(unusual)
            if by_rows:
                rowwise.update(judge_rowwise(train.columns, cut(stream, window.first, window.first + 7).columns))
    print(f"  this monitor, {kind:<36} {alarms:>4} of {windows:,} windows {dict(names)}")
    for name, number in rowwise.items():
        print(f"  {name:<50} {number:>4} of {windows:,} windows")
    print(f"  ({time.perf_counter() - started:.0f} s)\n", flush=True)
