"""Write the plots' tables as CSV files, the form that DVC draws and compares between commits."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.evaluation.curves import Table
from slipway.files import new_folder


def write_plots(tables: Mapping[str, Table], folder: Path) -> None:
    """Write one `<name>.csv` per table; `folder` appears whole or not at all."""
    with new_folder(folder) as temporary:
        for name, table in tables.items():
            (temporary / f"{name}.csv").write_bytes(as_csv(table))


def as_csv(table: Table) -> bytes:
    """A table as CSV; numbers have six significant digits, undefined ones are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*(list(values) for values in table.values()), strict=True):
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{round(value, 12) + 0.0:.6g}" if math.isfinite(value) else ""
    return value
