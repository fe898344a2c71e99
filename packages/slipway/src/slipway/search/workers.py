"""Processes that score trials: each has the training set in memory, fits with one thread, and may die alone."""

import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slipway.data.folds import make_folds
from slipway.data.prepared import read_part
from slipway.errors import SlipwayError, first_line
from slipway.evaluation.metrics import metric_value
from slipway.gate.power.retrains import fit_and_score
from slipway.params import Params
from slipway.problem import Problem
from slipway.project import load_project
from slipway.search.space import Values, apply_values, read_search
from slipway.settings import quiet_environment

if TYPE_CHECKING:
    import pandas as pd

    from slipway.data.folds import Fold

Found = tuple[float, ...] | str
_SPAWN = get_context("spawn")


class Worker:
    """One process: it takes the values of one trial at a time, and gives the metric of each fold, or a reason."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        # A daemon: it never outlives this process, and estimators start no processes in it.
        self._process = _SPAWN.Process(target=_serve, args=(theirs, self._root), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, values: Values) -> None:
        """Begin to score a trial."""
        # Of a process that is dead already `receive` tells.
        with suppress(BrokenPipeError):
            self.pipe.send(values)

    def receive(self) -> Found:
        """Return what became of the trial; a process that died is started again."""
        try:
            found: Found = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            self._start()
            return f"its process ended with exit code {code}{' (out of memory?)' if code == -signal.SIGKILL else ''}"
        return found

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.join()


@contextmanager
def start_workers(root: Path, number: int) -> Iterator[list[Worker]]:
    """Start processes for the project at `root`, and end them with the block."""
    workers: list[Worker] = []
    try:
        workers += (Worker(root) for _ in range(number))
        yield workers
    finally:
        for worker in workers:
            worker.end()


def wait_for_any(workers: Sequence[Worker]) -> list[Worker]:
    """Wait until one of the workers, or more, has something to receive."""
    ready = wait([worker.pipe for worker in workers])
    return [worker for worker in workers if worker.pipe in ready]


def score_values(problem: Problem, params: Params, frame: "pd.DataFrame", folds: "Sequence[Fold]") -> Found:
    """Fit on each fold and return the primary metric on the rows that it holds out, or the reason of a failure."""
    found = []
    for number, fold in enumerate(folds, 1):
        train, held = frame[fold.train].reset_index(drop=True), frame[fold.held].reset_index(drop=True)
        value = metric_value(fit_and_score(problem, params, train, held), problem.metric)
        if not np.isfinite(value):
            return f"{problem.metric} of fold {number} is undefined on its {len(held):,} rows"
        found.append(value)
    return tuple(found)


def _serve(pipe: Connection, root: Path) -> None:
    # Ctrl-c reaches every process of a terminal; the one that a person started ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    quiet_environment()
    warnings.simplefilter("ignore")
    problem, params = load_project(root)
    frame = read_part(root / "prepared", "train")
    folds = make_folds(frame, params.split, read_search(params).folds)
    with suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send(_score_or_explain(problem, params, pipe.recv(), frame, folds))


def _score_or_explain(
    problem: Problem, params: Params, values: Values, frame: "pd.DataFrame", folds: "Sequence[Fold]"
) -> Found:
    """Score a trial; whatever fails is a failure of this trial alone."""
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1):
            return score_values(problem, apply_values(problem, params, values), frame, folds)
    except SlipwayError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - features and estimators raise anything; the reason is kept
        return f"{type(error).__name__}: {first_line(error)}"
