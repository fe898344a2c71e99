"""The prepared dataset on disk: one parquet file for training, one held out."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slipway.errors import DataError
from slipway.files.writing import new_folder

if TYPE_CHECKING:
    import pandas as pd

Part = Literal["train", "holdout"]


def write_parts(train: "pd.DataFrame", holdout: "pd.DataFrame", folder: Path) -> None:
    """Write both parts, the same bytes for the same rows; `folder` is replaced only when both are written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with new_folder(folder) as temporary:
        for name, frame in (("train", train), ("holdout", holdout)):
            # pandas would note its version in the schema, and a new pandas would then change the file.
            table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
            pq.write_table(table, temporary / f"{name}.parquet", compression="zstd", write_page_checksum=True)


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
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"Cannot read {path}: {error}. Delete it and run `dvc repro prepare`.") from error
