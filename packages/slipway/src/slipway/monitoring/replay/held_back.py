"""Load the rows of a period with their outcomes, and the instant at which each outcome was known."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.contract import Field, Kind, read_contract
from slipway.data.validation.dataset import load_dataset
from slipway.errors import DataError, ProblemError
from slipway.files.writing import new_folder, write_json
from slipway.monitoring.intake.traffic import LOGGED
from slipway.monitoring.replay.faults import DAY
from slipway.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

# A source that delivers whole months has the last day of a period this much later.
_LAG = timedelta(days=31)


def load_held_back(
    problem: Problem, data: Path, scratch: Path, begin: date, end: date, delay: timedelta, clock: str = LOGGED
) -> "pd.DataFrame":
    """Return the rows of the days from `begin` to `end` in the order of their time.

    They have the contract's columns, `target`, the instants `time` and `settled`, and `day`: the date of `time` in
    UTC if `clock` is `logged`, or of the contract's timestamp of that name. Newer rows than those in `data` come from
    the problem's hook `refresh`, into a copy below `scratch`; `data` is not changed. An outcome is settled when the
    problem's hook says so, else `delay` after the row's time. Raises `DataError` for a period without rows.
    """
    fields = read_contract(problem.contract)
    folder = _refresh_copy(problem, data, scratch, end) if problem.refresh else data
    frame = load_dataset(problem, folder)
    if "time" not in frame:
        raise ProblemError(
            f"The dataset of {problem.name!r} has no column `time`, so its rows have no order in which they could be "
            "sent. Return one from load in dataset.py."
        )
    frame["time"] = _read_instants(frame["time"])
    frame[DAY] = _read_days(frame, fields, clock)
    frame["settled"] = _settle(problem, folder, frame, delay)
    found = frame[(frame[DAY] >= str(begin)) & (frame[DAY] <= str(end))]
    if found.empty:
        first, last = (f"{day:%Y-%m-%d}" for day in (frame[DAY].min(), frame[DAY].max()))
        raise DataError(
            f"The dataset of {problem.name!r} has no row from {begin} to {end}: its days are {first} to {last}. "
            f"{_explain_period(problem)}"
        )
    columns = [field.name for field in fields] + ["target", "time", "settled", DAY]
    return found[columns].sort_values("time", kind="stable", ignore_index=True)


def _explain_period(problem: Problem) -> str:
    if problem.refresh:
        return "Its hook refresh brought nothing newer. Choose another period."
    return "The problem has no hook refresh, which would bring newer rows (docs/make-it-yours.md)."


def _refresh_copy(problem: Problem, data: Path, scratch: Path, end: date) -> Path:
    """Return a copy of `data` with newer rows; the one of an earlier replay if both are the same."""
    assert problem.refresh is not None
    folder, marker = scratch / "data", scratch / "data.json"
    files = {str(path.relative_to(data)): path.stat() for path in sorted(data.rglob("*")) if path.is_file()}
    hook = f"{problem.refresh.__module__}:{problem.refresh.__qualname__}"
    state = {
        "hook": hook,
        "until": str(end + _LAG),
        "files": {name: [at.st_size, at.st_mtime_ns] for name, at in files.items()},
    }
    if marker.exists() and folder.is_dir() and msgspec.json.decode(marker.read_bytes()) == state:
        return folder
    marker.unlink(missing_ok=True)
    with new_folder(folder) as temporary:
        if data.is_dir():
            shutil.copytree(data, temporary, dirs_exist_ok=True)
        problem.refresh(temporary, end + _LAG)
    write_json(marker, state)
    return folder


def _read_instants(times: "pd.Series[Any]") -> "pd.Series[Any]":
    return times.dt.tz_localize("UTC") if times.dt.tz is None else times.dt.tz_convert("UTC")


def _read_days(frame: "pd.DataFrame", fields: tuple[Field, ...], clock: str) -> "pd.Series[Any]":
    if clock not in {LOGGED, *(field.name for field in fields if field.kind is Kind.TIMESTAMP)}:
        raise DataError(f"The contract has no timestamp {clock!r}, which is to tell the day of a row.")
    moment = frame["time" if clock == LOGGED else clock]
    return (moment.dt.tz_convert("UTC").dt.tz_localize(None) if moment.dt.tz else moment).dt.normalize()


def _settle(problem: Problem, folder: Path, frame: "pd.DataFrame", delay: timedelta) -> "pd.Series[Any]":
    if problem.settled is None:
        return frame["time"] + delay
    if "key" not in frame:
        raise ProblemError(
            f"The problem {problem.name!r} has a hook `settled`, which needs the column `key` that its dataset does "
            "not have. Return one from load in dataset.py."
        )
    return _read_instants(frame["key"].map(problem.settled(folder)))
