"""A folder of tables with a column of each kind, and the refusal of one."""

from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.errors import DataError
from slipway.rows.folder import read_folder

COLUMNS = {"day": "timestamp", "plan": "text", "bills": "integer", "usage": "number", "paperless": "boolean"}


def table(**changed):
    good = {
        "day": pa.array([datetime(2024, 1, 1), None]),
        "plan": pa.array(["basic", None]),
        "bills": pa.array([3, 4], pa.int16()),
        "usage": pa.array([0.5, None]),
        "paperless": pa.array([True, False]),
    }
    return pa.table({**good, **changed})


def write(folder, **tables):
    for name, content in tables.items():
        folder.mkdir(exist_ok=True)
        pq.write_table(content, folder / f"{name}.parquet", write_page_checksum=True)
    return folder


def refusal(folder, columns=COLUMNS):
    with pytest.raises(DataError) as refused:
        read_folder(folder, columns)
    return str(refused.value)
