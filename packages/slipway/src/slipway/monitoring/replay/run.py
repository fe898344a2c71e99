"""Replay a period of held-back rows against a running service, from the command to the summary."""

import hashlib
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np

from slipway.contract import read_contract
from slipway.errors import DataError
from slipway.monitoring.intake.traffic import LOGGED
from slipway.monitoring.replay.faults import Fault, inject_faults
from slipway.monitoring.replay.held_back import load_held_back
from slipway.monitoring.replay.journal import Journal
from slipway.monitoring.replay.sender import Sender
from slipway.monitoring.replay.traffic import make_replay_rows, send_rows
from slipway.problem import Problem

FOLDER = Path(".slipway/replay")
Report = Callable[[int], None]


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The rows to send: the days from `begin` to `end`, a `sample` of their rows, with faults.

    `speed` is how many times as fast as it happened, None for as fast as the service answers; a request has at most
    `batch` rows. `delay` is that of outcomes where the problem does not say when they are known; `clock` is that
    of `monitor.yaml`: the contract's timestamp that tells the day of a row, or `logged` for the dataset's `time`.
    """

    begin: date
    end: date
    speed: float | None = None
    batch: int = 1
    sample: float = 1.0
    seed: int = 1
    delay: timedelta = timedelta(days=1)
    clock: str = LOGGED
    faults: tuple[Fault, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """Return the options that change the rows or their order: with others it is another replay."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if name not in ("speed", "batch")}


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """The rows by what became of them: predicted, by the digest of the model; refused, by reason; outcomes sent.

    `waiting` counts predictions whose outcome never came.
    """

    url: str
    begin: date
    end: date
    rows: int
    predicted: dict[str, int]
    refused: dict[str, int]
    outcomes: int
    waiting: int
    continued: int
    seconds: float
    faults: tuple[str, ...] = ()


def run_replay(
    problem: Problem, root: Path, plan: ReplayPlan, url: str, key: str | None, progress: Callable[[int], Report]
) -> ReplayResult:
    """Send the rows of the plan to the service at `url`, or the rest of them after an interrupted replay.

    `progress` is called with the number of rows, and returns what is called with the number done so far.
    """
    began = time.monotonic()
    fields = read_contract(problem.contract)
    frame = load_held_back(problem, root / "data", root / FOLDER, plan.begin, plan.end, plan.delay, plan.clock)
    frame = frame[np.random.default_rng(plan.seed).random(len(frame)) < plan.sample].reset_index(drop=True)
    frame = inject_faults(frame, fields, plan.faults, plan.seed)
    if frame.empty:
        raise DataError("No row is left to send: the sample is too small, or a fault drops every row.")
    journal = Journal(_journal_path(root, url), plan.identity | {"url": url, "rows": len(frame)})
    continued = len(journal.progress().ids)
    sender = Sender(url, key)
    try:
        rows = make_replay_rows(frame, fields)
        found = send_rows(rows, sender, journal, speed=plan.speed, batch=plan.batch, report=progress(len(frame)))
    finally:
        sender.close()
    journal.remove()
    predicted = sum(each is not None for each in found.ids)
    return ReplayResult(
        url=url,
        begin=plan.begin,
        end=plan.end,
        rows=len(frame),
        predicted=dict(found.digests),
        refused=dict(found.refused),
        outcomes=len(found.settled),
        waiting=predicted - len(found.settled),
        continued=continued,
        seconds=round(time.monotonic() - began, 1),
        faults=tuple(each.text for each in plan.faults),
    )


def _journal_path(root: Path, url: str) -> Path:
    name = f"{urlsplit(url).netloc}-{hashlib.sha256(url.encode()).hexdigest()[:8]}".replace(":", "-")
    return root / FOLDER / f"{name}.jsonl"
