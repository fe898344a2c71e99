"""Measure how many windows of simulated streams, in which nothing changes, raise an alarm."""

import time
from collections import Counter

from rowwise_tests import judge_rowwise
from streams import cut, make_reference, make_stream, summarize

from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.window_figure import DayRange

# Seeds from here on were not looked at while the method was made.
FIRST_SEED = 4000


def show_streams(streams: int) -> None:
    """Weeks 40 to 56 of simulated streams, after 273 days of which a quarter was held out; nothing changes in them."""
    alarms, windows, names, rowwise = 0, 0, Counter[str](), Counter[str]()
    started = time.perf_counter()
    for seed in range(FIRST_SEED, FIRST_SEED + streams):
        stream = make_stream(seed, days=420)
        train = cut(stream, 0, 273)
        reference = make_reference(train)
        planned = [DayRange(first, 7) for first in range(301, 414, 7)]
        for window, found in zip(
            planned, measure_drift_windows(reference, summarize(reference, cut(stream, 273, 420)), planned), strict=True
        ):
            unusual = [each.name for each in found if is_unusual(each)]
            alarms, windows = alarms + bool(unusual), windows + 1
            names.update(unusual)
            rowwise.update(judge_rowwise(train.columns, cut(stream, window.first, window.first + 7).columns))
    print(f"Simulated streams without a change: {streams} streams, {windows} windows of 7 days, about 150 rows a day")
    print(f"  this monitor                       {alarms / windows:7.2%} of windows {dict(names)}")
    for name, number in rowwise.items():
        print(f"  {name:<34} {number / windows:7.2%} of windows")
    print(f"  ({time.perf_counter() - started:.0f} s)\n", flush=True)
