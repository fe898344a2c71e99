"""The prepared dataset on disk: one parquet file for training, one held out."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slipway.errors import DataError, first_line
from slipway.files.writing import new_folder

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Part = Literal["train", "holdout"]


def write_parts(train: "pd.DataFrame", holdout: "pd.DataFrame", folder: Path) -> None:
    """Write both parts, the same bytes for the same rows; `folder` is replaced only when both are written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with new_folder(folder) as temporary:
        for name, frame in (("train", train), ("holdout", holdout)):
            # Without pandas' own note of its version in the schema, with which a new pandas would change the file.
            table = pa.table({column: _to_arrow(frame[column]) for column in frame})
            pq.write_table(table, temporary / f"{name}.parquet", compression="zstd", write_page_checksum=True)


def _to_arrow(column: "pd.Series") -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(column, from_pandas=True)
    except MemoryError:  # one of pyarrow's too
        raise
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"Cannot write the column {column.name!r} as parquet: {first_line(error)} Such a column has values of one "
            "type, integers of 64 bits. Convert it in dataset.py."
        ) from error


def read_parts(folder: Path) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Read the training set and the holdout; errors as of `read_part`."""
    return read_part(folder, "train"), read_part(folder, "holdout")


def read_part(folder: Path, part: Part) -> "pd.DataFrame":
    """Read one part; raises `DataError` where it is missing or broken."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{part}.parquet"
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except FileNotFoundError as error:
        raise DataError(f"No file {path}. Run `dvc repro prepare`, which makes it.") from error
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"Cannot read {path}: {error}. Delete it and run `dvc repro prepare`.") from error
