"""Files of the toys' rows, and a short way to score them."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from slipway.batch.plan import make_plan
from slipway.batch.score import score_file


@pytest.fixture
def write(tmp_path):
    """Write a data frame or an Arrow table as .parquet or .csv."""

    def to(name: str, table) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False)
        if path.suffix == ".csv":
            table.to_pandas().to_csv(path, index=False)
        else:
            pq.write_table(table, path, write_page_checksum=True)
        return path

    return to


@pytest.fixture
def score(tmp_path):
    """Score a file; gives OUT as a data frame and the summary."""

    def of(bundle, path, out="out.parquet", **options):
        summary = score_file(make_plan(bundle, path, tmp_path / out, **options))
        if out.endswith(".parquet"):
            table = pq.read_table(tmp_path / out)
        else:
            table = csv.read_csv(tmp_path / out, convert_options=csv.ConvertOptions(strings_can_be_null=True))
        return table.to_pandas(), summary

    return of


@pytest.fixture
def reseal(tmp_path):
    """A copy of a bundle with one file changed, and its hash in the manifest, as someone who knows the format would."""

    def to(folder: Path, name: str, change) -> Path:
        copy = tmp_path / "resealed"
        shutil.copytree(folder, copy)
        content = change((copy / name).read_text()).encode()
        (copy / name).write_bytes(content)
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
        (copy / "manifest.json").write_text(json.dumps(manifest))
        return copy

    return to
