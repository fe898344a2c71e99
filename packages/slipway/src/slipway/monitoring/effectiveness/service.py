"""Measure the service by its log: how much it answered, how fast, and how old the newest answer is."""

from collections.abc import Iterator

import numpy as np

from slipway.figures import Figure
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.measurement import Measurement

_DAY = np.timedelta64(1, "D")
# A window of outcomes may be shorter: an hour.
_SHORTEST = 1 / 24


def measure_service(traffic: Traffic, start: np.datetime64, end: np.datetime64, share: float) -> Iterator[Measurement]:
    """Yield rows and requests of a day, and the latency of requests; `share` is the part of the rows in `traffic`.

    A sample has some rows of a request only: there a request counts by its first row.
    """
    days = max(float((end - start) / _DAY), _SHORTEST)
    first = traffic.position == 0
    yield Measurement(name="rows_per_day", figure=Figure(value=len(traffic) / share / days), rows=len(traffic))
    requests = int(first.sum())
    yield Measurement(name="requests_per_day", figure=Figure(value=requests / share / days), rows=requests)
    latency = traffic.latency_us[first] / 1000
    for name, level in (("latency_median", 0.5), ("latency_p99", 0.99)):
        figure = Figure(value=float(np.quantile(latency, level))) if requests else None
        yield Measurement(name=name, figure=figure, rows=requests, note="milliseconds")
    every = np.arange(start.astype("datetime64[D]"), (end - np.timedelta64(1, "us")).astype("datetime64[D]") + 1)
    silent = len(every) - len(np.unique(traffic.days()))
    yield Measurement(name="silent_days", figure=Figure(value=float(silent)), rows=len(traffic))
