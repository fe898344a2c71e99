"""Run a search: trials in parallel until there are enough, the time is up, or somebody ends it."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from slipway.project import load_project
from slipway.search.result import SearchResult, change_params, describe_study
from slipway.search.space import present_values, read_space
from slipway.search.study import OpenStudy, TrialResult, open_study
from slipway.search.tracking import log_study
from slipway.search.workers import Worker, start_workers, wait_for_any
from slipway.settings import TrackingSettings

if TYPE_CHECKING:
    from optuna.trial import Trial

_TRIALS = 50
# So many failures without a success are no accident of single values.
_HOPELESS = 10


class SearchOptions(NamedTuple):
    """Limits of a search: `trials` of the whole study, `seconds` of this run, and the number of processes."""

    trials: int | None = None
    seconds: float | None = None
    workers: int = 1
    resume: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that has ended, the best so far, how many have ended and shall be, and the seconds left (estimated)."""

    trial: TrialResult
    best: TrialResult | None
    ended: int
    aim: int
    seconds_left: float


def run_search(
    root: Path, options: SearchOptions, settings: TrackingSettings, report: Callable[[Progress], None]
) -> SearchResult:
    """Search and log every trial to MLflow; after ctrl-c the result has the trials that were scored before.

    Raises `ModelError` if all trials failed, and what `read_space` and `open_study` raise.
    """
    problem, params = load_project(root)
    space = read_space(problem, params)
    # A parameter without a place in the file, as one with a default may be, is an error now and not after the search.
    change_params(root, present_values(space))
    with open_study(root, problem, params, space, options.resume) as study:
        # A store that cannot be used is an error before hours of fits, not after them.
        log_study(study, problem, settings)
        aim = study.set_aim(options.trials, _TRIALS)
        interrupted = False
        try:
            _run_trials(root, study, options, aim, report)
        except KeyboardInterrupt:
            interrupted = True
        log_study(study, problem, settings)
        return describe_study(root, study, problem, params, aim, interrupted)


def _run_trials(
    root: Path, study: OpenStudy, options: SearchOptions, aim: int, report: Callable[[Progress], None]
) -> None:
    begun, clock = len(study.list_trials()), _Clock(options.seconds)
    with start_workers(root, max(0, min(options.workers, aim - begun))) as idle:
        running: dict[Worker, Trial] = {}
        while True:
            while idle and begun < aim and not clock.is_over() and not _is_hopeless(study):
                trial, values = study.begin_trial()
                worker = idle.pop()
                worker.send(values)
                running[worker] = trial
                begun += 1
            if not running:
                return
            for worker in wait_for_any([*running]):
                ended = study.end_trial(running.pop(worker), worker.receive())
                idle.append(worker)
                left = clock.estimate_left(aim - begun + len(running))
                best = next(iter(study.list_scored()), None)
                report(Progress(trial=ended, best=best, ended=begun - len(running), aim=aim, seconds_left=left))


def _is_hopeless(study: OpenStudy) -> bool:
    trials = study.list_trials()
    return len(trials) >= _HOPELESS and all(trial.value is None for trial in trials)


class _Clock:
    """The time of one run: how much is left of it, by the trials that have ended."""

    def __init__(self, seconds: float | None) -> None:
        self._start = time.monotonic()
        self._most = math.inf if seconds is None else seconds
        self._ended = 0

    def is_over(self) -> bool:
        """Tell whether the time is up."""
        return time.monotonic() - self._start >= self._most

    def estimate_left(self, missing: int) -> float:
        """Count one more trial that has ended; return the seconds that `missing` ones will take at this pace."""
        self._ended += 1
        taken = time.monotonic() - self._start
        return max(0.0, min(taken / self._ended * missing, self._most - taken))
