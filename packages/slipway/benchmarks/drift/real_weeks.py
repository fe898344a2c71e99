"""Measure how many real weeks raise an alarm."""

from collections import Counter
from typing import NamedTuple

import pandas as pd
from flights_year import BUNDLE, describe, plan, seal, select, summarize_flights, to_day
from rowwise_tests import judge_rowwise

from slipway.bundle import load_bundle
from slipway.bundle.verify import read_sealed
from slipway.columns import frame_to_columns
from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.reference import read_drift_reference


class Week(NamedTuple):
    """A real week and the rows of the other months."""

    month: int
    window: pd.DataFrame
    reference: pd.DataFrame


def show_months(year: pd.DataFrame) -> list[Week]:
    """The weeks of January to September: their month is left out of the reference, but not out of the recent past."""
    bundle, known = load_bundle(BUNDLE), year[year["day"] < "2013-10-01"]
    planned = plan(pd.Timestamp("2013-01-01"), 39)
    weeks, alarms, rowwise = [], [], Counter[str]()
    for month in range(1, 10):
        kept = known[known["day"].dt.month != month]
        reference = seal(bundle, kept)
        mine = [each for each in planned if to_day(each).month == month]
        histograms = summarize_flights(bundle, reference, known)
        for window, found in zip(planned, measure_drift_windows(reference, histograms, planned), strict=True):
            if window not in mine:
                continue
            unusual = [each for each in found if is_unusual(each)]
            if unusual:
                alarms.append(f"{to_day(window):%Y-%m-%d}: {', '.join(map(describe, unusual))}")
            week = select(known, window)
            weeks.append(Week(month, week, kept))
            rowwise.update(judge_rowwise(frame_to_columns(bundle.fields, kept), frame_to_columns(bundle.fields, week)))
    print(f"Real weeks of January to September, their month left out of the reference: {len(weeks)} windows")
    print(f"  this monitor                       {len(alarms):>3} of {len(weeks)}")
    for text in alarms:
        print(f"      {text}")
    for name, number in rowwise.items():
        print(f"  {name:<34} {number:>3} of {len(weeks)}")
    print(flush=True)
    return weeks


def show_quarter(year: pd.DataFrame) -> None:
    reference = read_drift_reference(read_sealed(BUNDLE))
    planned = plan(pd.Timestamp("2013-10-01"), 13)
    found = measure_drift_windows(reference, summarize_flights(load_bundle(BUNDLE), reference, year), planned)
    raised = [
        (window, [each for each in some if is_unusual(each)]) for window, some in zip(planned, found, strict=True)
    ]
    print(f"October to December as they were: {sum(bool(some) for _, some in raised)} of {len(planned)} weeks")
    for window, some in raised:
        if some:
            print(f"      {to_day(window):%Y-%m-%d}: {', '.join(map(describe, some))}")
    print(flush=True)
