"""A project folder with a toy's bundle and its evaluation, and logs of made-up traffic, written as the service does."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import yaml
from toybox import Toy

from slipway.columns import columns_to_rows, frame_to_columns
from slipway.evaluation.holdout import evaluate_holdout, score_holdout
from slipway.evaluation.record import RECORD, make_record, write_record
from slipway.evaluation.result import write_evaluation
from slipway.evaluation.slices import cut_slices
from slipway.monitoring.intake.log import Progress
from slipway.monitoring.result import MonitorResult
from slipway.monitoring.run import run_monitor
from slipway.project import RESULTS
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Feedback, LogWriter, Prediction
from slipway.serving.settings import LogSettings

START = datetime(2024, 5, 1, tzinfo=UTC)
SILENT = Progress(start=lambda _what, _total: None, advance=lambda _amount: None)


class Made(NamedTuple):
    """Logged rows of a toy: each prediction, the outcome of its row, and the feedback that says so."""

    predictions: list[Prediction]
    outcomes: list[Any]
    feedback: list[Feedback]

    @property
    def entries(self) -> list[Prediction | Feedback]:
        return sorted([*self.predictions, *self.feedback], key=lambda entry: (entry.time, entry.id))


def make_project(toy: Toy, root: Path) -> Path:
    """Make a project without a ledger: its bundle is what production is taken to serve."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=root, check=True)
    shutil.copytree(toy.bundle.path, root / "bundle")
    (root / "pyproject.toml").write_text(f'[tool.slipway]\nresults = {RESULTS}\nproblem = "{toy.problem.name}"\n')
    (root / "params.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(toy.params)))
    scored, baseline = score_holdout(toy.bundle, toy.problem, toy.train, toy.holdout)
    parts = cut_slices(toy.problem.slices, toy.holdout)
    write_evaluation(
        evaluate_holdout(scored, baseline, toy.problem.metric, toy.params.evaluate, parts), root / "metrics.json"
    )
    write_record(root / RECORD, make_record(toy.bundle, toy.problem, toy.params, scored, toy.holdout))
    return root


def identify(when: datetime, number: int) -> str:
    """An identifier of version 7 with the time `when`."""
    return format_identifier(int(when.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62 | number)


def make_traffic(
    toy: Toy, days: int = 28, rows: int = 40, start: datetime = START, delay: timedelta = timedelta(hours=9)
) -> Made:
    """Answer rows of the toy's holdout, `rows` a day, each with its true outcome after `delay`."""
    random = np.random.default_rng(11)
    chosen = random.integers(0, len(toy.holdout), days * rows)
    frame = toy.holdout.iloc[chosen].reset_index(drop=True)
    columns = frame_to_columns(toy.bundle.fields, frame)
    scores = toy.bundle.score(columns)
    labels = toy.bundle.label(scores).tolist() if toy.bundle.manifest.classes else [None] * len(frame)
    inputs = msgspec.to_builtins(columns_to_rows(toy.bundle.fields, columns))
    outcomes = frame["target"].tolist()
    predictions, feedback = [], []
    for row, (score, label, given) in enumerate(zip(scores.tolist(), labels, inputs, strict=True)):
        when = start + timedelta(days=row // rows, minutes=20 * (row % rows), milliseconds=row)
        name = identify(when, row)
        predictions.append(Prediction(name, when, toy.bundle.digest, 200 + row % 7, score, label, given))
        feedback.append(Feedback(identify(when + delay, 1_000_000 + row), when + delay, name, outcomes[row]))
    return Made(predictions, outcomes, feedback)


def write_log(folder: Path, entries: Sequence[msgspec.Struct]) -> None:
    """Append the entries to a new segment, in one process's writer."""
    writer = LogWriter(LogSettings(log=folder, log_durability="never"))
    for entry in entries:
        writer.append(msgspec.json.encode(entry) + b"\n")
    writer.close()


def run(root: Path, *folders: Path, until: datetime | None = None) -> MonitorResult:
    """Run the monitor of production."""
    return run_monitor(root, "production", folders or (root / "log",), root / "monitoring", until, SILENT)[0]


def split(entries: Sequence[Any], parts: int) -> Iterator[Sequence[Any]]:
    """Cut entries into about equal parts."""
    for places in np.array_split(np.arange(len(entries)), parts):
        yield entries[places[0] : places[-1] + 1]


def figures(result):
    """Return a run's measurements without those that depend on this machine's clock."""
    return [
        (window.start, window.length, each)
        for window in result.windows
        for each in window.measurements
        if each.name not in ("lag", "idle")
    ]
