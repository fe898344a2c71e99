"""Compare the dataset before and after newer data came."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.contract import Field, Kind
from slipway.monitoring.retrain.result import DataChange

if TYPE_CHECKING:
    import pandas as pd

_NOTABLE = 0.01


def list_data_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file below `folder`."""
    found = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: (at.st_size, at.st_mtime_ns) for name, at in sorted(found.items())}


def compare_data(
    fields: tuple[Field, ...], before: "pd.DataFrame", after: "pd.DataFrame", files: tuple[str, ...]
) -> DataChange:
    """Say what is new: the rows later than the last one before, or for a dataset without `time` the number added."""
    timed = "time" in before and "time" in after
    new = after[after["time"] > before["time"].max()] if timed else after.iloc[len(before) :]
    return DataChange(
        rows_before=len(before),
        rows_new=len(new),
        last_before=before["time"].max().to_pydatetime() if timed else None,
        last_after=after["time"].max().to_pydatetime() if timed else None,
        mean_before=_mean(before["target"]),
        mean_new=_mean(new["target"]) if len(new) else None,
        files=files,
        unseen=_count_unseen(fields, before, new),
        missing=_compare_missing(fields, before, new),
    )


def describe_files(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> tuple[str, ...]:
    """Name the files that were added, changed or removed."""
    added = [f"{name} added" for name in after if name not in before]
    changed = [f"{name} changed" for name in after if name in before and after[name] != before[name]]
    return (*added, *changed, *(f"{name} removed" for name in before if name not in after))


def _mean(target: "pd.Series[Any]") -> float | None:
    import pandas as pd

    return float(target.mean()) if pd.api.types.is_numeric_dtype(target) else None


def _count_unseen(fields: tuple[Field, ...], before: "pd.DataFrame", new: "pd.DataFrame") -> dict[str, int]:
    """Count the texts of each column that never occurred before."""
    names = [field.name for field in fields if field.kind is Kind.CATEGORY]
    counts = {name: len(set(new[name].dropna()) - set(before[name].dropna())) for name in names}
    return {name: count for name, count in counts.items() if count}


def _compare_missing(
    fields: tuple[Field, ...], before: "pd.DataFrame", new: "pd.DataFrame"
) -> dict[str, tuple[float, float]]:
    if new.empty:
        return {}
    shares = {
        each.name: (float(before[each.name].isna().mean()), float(new[each.name].isna().mean())) for each in fields
    }
    return {name: (old, now) for name, (old, now) in shares.items() if abs(now - old) > _NOTABLE}
