"""What happens after a release: newer months arrive, and so do the outcomes of predictions."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from slipway import read_folder

from .dataset import FLIGHT_KINDS

_CLOCKS = ("dep_time", "arr_time", "dep_delay", "air_time")
_LANDED_KINDS = FLIGHT_KINDS | dict.fromkeys(_CLOCKS, "integer")
_LAST = "2013-12"


def refresh(data_dir: Path, until: date) -> None:
    """Bring the months that follow those in `data_dir` and were over on the day `until`."""
    # Its source is a package that only those who ingest have.
    from .ingest import ingest

    months = sorted(path.stem for path in (data_dir / "flights").glob("*.parquet"))
    first = pd.Period(months[-1], "M") + 1 if months else pd.Period("2013-01", "M")
    # The last whole month: the one before that of the next day.
    last = min(pd.Period(until + timedelta(days=1), "M") - 1, pd.Period(_LAST, "M"))
    if first <= last:
        ingest(str(first), str(last), data_dir)


def settled(data_dir: Path) -> pd.Series:
    """Return when each flight arrived, in UTC, by its key."""
    raw = read_folder(data_dir / "flights", _LANDED_KINDS)
    raw = raw[raw["arr_delay"].notna()]
    day = raw["year"].astype(str) + "-" + raw["month"].map("{:02}".format) + "-" + raw["day"].map("{:02}".format)
    key = day + " " + raw["carrier"] + raw["flight"].astype(str) + " " + raw["origin"]
    # Clocks stand in local time, and zones differ by whole hours: their difference gives the minutes on the ground
    # (28 in the mean), of which an hour would be far too many.
    clock = _minutes(raw["arr_time"]) - _minutes(raw["dep_time"])
    flown = raw["air_time"] + (clock - raw["air_time"]) % 60
    left = raw["time_hour"] + pd.to_timedelta(raw["sched_dep_time"] % 100 + raw["dep_delay"], unit="min")
    return pd.Series((left + pd.to_timedelta(flown, unit="min")).to_numpy(), index=key.to_numpy())


def _minutes(clock: pd.Series) -> pd.Series:
    return clock // 100 * 60 + clock % 100
