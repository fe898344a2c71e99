"""A study: the trials of one search, in a file with which `slipway search --resume` goes on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from slipway.errors import SettingsError
from slipway.evaluation.metrics import METRICS, Better
from slipway.files.lock import hold_lock
from slipway.params import Params
from slipway.problem import Problem
from slipway.search.basis import read_basis
from slipway.search.space import (
    Parameter,
    Values,
    is_inside,
    make_distributions,
    present_values,
    read_search,
    round_values,
)

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

FOLDER = Path(".slipway/search")
# Attributes of a study: of its own, what its scores depend on, how many trials it shall have, the values before it.
_IDENTIFIER, _BASIS, _AIM, _BEFORE = "identifier", "basis", "aim", "before"
# Attributes of a trial: its values as scored, whether they are those from before the study, the metric of each fold,
# the reason of a failure.
_VALUES, _PRESENT, _FOLDS, _REASON = "values", "present", "folds", "reason"


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that has ended: `value` is the mean of the metric over `folds`, None for a failure with its `reason`.

    `present` tells the values that params.yaml had before the study.
    """

    number: int
    values: Values
    value: float | None
    folds: tuple[float, ...]
    reason: str | None
    present: bool
    started: datetime
    ended: datetime


class OpenStudy:
    """A study that this process alone writes to; `identifier` is its own among those of all machines."""

    def __init__(self, number: int, study: "Study", space: tuple[Parameter, ...]) -> None:
        self.number = number
        self.identifier = str(study.user_attrs[_IDENTIFIER])
        self.higher_is_better = study.direction.name == "MAXIMIZE"
        self._study = study
        self._space = space

    def set_aim(self, trials: int | None, default: int) -> int:
        """Return how many trials the study shall have: `trials`, else what it was begun with, else the default."""
        aim = int(trials or self._study.user_attrs.get(_AIM, default))
        self._study.set_user_attr(_AIM, aim)
        return aim

    def begin_trial(self) -> "tuple[Trial, Values]":
        """Choose the values of the next trial; the first has those from before the study."""
        before = self._study.user_attrs[_BEFORE]
        if not is_inside(self._space, before) and not any(_is_present(each) for each in self._study.trials):
            # Optuna is not told: the space has no place for them.
            trial = self._study.ask()
            trial.set_user_attr(_PRESENT, True)
        else:
            trial = self._study.ask(make_distributions(self._space))
        values = before if trial.user_attrs.get(_PRESENT) else round_values(self._space, trial.params)
        trial.set_user_attr(_VALUES, values)
        return trial, values

    def end_trial(self, trial: "Trial", found: Sequence[float] | str) -> TrialResult:
        """End a trial by the metric of each fold, or by the reason why it failed."""
        from optuna.trial import TrialState

        if isinstance(found, str):
            trial.set_user_attr(_REASON, found)
        else:
            trial.set_user_attr(_FOLDS, list(found))
        if isinstance(found, str) or not trial.params:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, sum(found) / len(found))
        return _read_trial(self._study.trials[trial.number])

    def list_trials(self) -> list[TrialResult]:
        """Return every trial that was scored or failed, not those that were interrupted."""
        return [_read_trial(trial) for trial in self._study.trials if _has_ended(trial)]

    def list_scored(self) -> list[TrialResult]:
        """Return the trials that were scored, the best first, of equal ones the first."""
        sign = -1 if self.higher_is_better else 1
        scored = [(sign * trial.value, trial) for trial in self.list_trials() if trial.value is not None]
        return [trial for _, trial in sorted(scored, key=lambda pair: (pair[0], pair[1].number))]

    def importances(self) -> dict[str, float]:
        """Return the share of each parameter in what makes trials good; empty where too few trials tell."""
        from optuna.importance import get_param_importances
        from optuna.trial import TrialState

        complete = self._study.get_trials(states=(TrialState.COMPLETE,))
        if len({trial.value for trial in complete}) < _FEWEST:
            return {}
        return {name: round(share, 3) for name, share in get_param_importances(self._study).items()}


# PED-ANOVA compares the best tenth of the trials with the rest.
_FEWEST = 20


@contextmanager
def open_study(
    root: Path, problem: Problem, params: Params, space: tuple[Parameter, ...], resume: bool
) -> Iterator[OpenStudy]:
    """Begin a study, or go on with the newest; raises `SettingsError` where that one has another basis."""
    basis = read_basis(root, problem, params, space)
    folder = root / FOLDER
    with hold_lock(folder / "lock", seconds=0):
        numbers = [int(path.stem) for path in folder.glob("*.jsonl") if path.stem.isdecimal()]
        if resume and not numbers:
            raise SettingsError("There is no study to resume. Run `slipway search` without --resume.")
        number = max(numbers) if resume else 1 + max(numbers, default=0)
        study = _load_study(folder / f"{number}.jsonl", problem, read_search(params).seed)
        if _BASIS in study.user_attrs:
            _verify_basis(number, study.user_attrs[_BASIS], basis)
            _repeat_interrupted(study)
        else:
            _begin_study(study, space, basis)
        yield OpenStudy(number, study, space)


def _load_study(file: Path, problem: Problem, seed: int) -> "Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    _cut_last_line(file)
    study = optuna.create_study(
        study_name=problem.name,
        storage=JournalStorage(JournalFileBackend(str(file), _OneWriter())),
        direction="maximize" if METRICS[problem.task][problem.metric].better is Better.HIGHER else "minimize",
        load_if_exists=True,
    )
    # With the same seed again a sampler would repeat its first trials.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), multivariate=True)
    return study


def _begin_study(study: "Study", space: tuple[Parameter, ...], basis: Mapping[str, str]) -> None:
    before = present_values(space)
    study.set_user_attr(_IDENTIFIER, uuid4().hex)
    study.set_user_attr(_BEFORE, before)
    if is_inside(space, before):
        study.enqueue_trial(before, user_attrs={_PRESENT: True})
    study.set_user_attr(_BASIS, dict(basis))


def _verify_basis(number: int, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    if changed := [name for name in now if before.get(name) != now[name]]:
        raise SettingsError(
            f"Study {number} cannot go on, because its scores are not comparable with new ones: since it began, "
            f"{', '.join(changed)} changed. Restore that, or begin a new study: `slipway search` without --resume."
        )


def _repeat_interrupted(study: "Study") -> None:
    """End the trials during which a search ended, and put their values in front."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            present = {_PRESENT: True} if _PRESENT in trial.user_attrs else {}
            study.enqueue_trial(trial.params, user_attrs=present)


def _cut_last_line(file: Path) -> None:
    """Cut off the part of a line that a killed process has written."""
    if file.exists() and not (content := file.read_bytes()).endswith(b"\n"):
        file.write_bytes(content[: content.rfind(b"\n") + 1])


class _OneWriter:
    """No lock of Optuna's, which a killed process would leave behind: the lock of the folder is held."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _has_ended(trial: "FrozenTrial") -> bool:
    return trial.state.is_finished() and not trial.user_attrs.keys().isdisjoint({_FOLDS, _REASON})


def _is_present(trial: "FrozenTrial") -> bool:
    return _PRESENT in trial.user_attrs and (_has_ended(trial) or not trial.state.is_finished())


def _read_trial(trial: "FrozenTrial") -> TrialResult:
    found = trial.user_attrs
    folds = tuple(found.get(_FOLDS, ()))
    return TrialResult(
        number=trial.number,
        values=found[_VALUES],
        value=sum(folds) / len(folds) if folds else None,
        folds=folds,
        reason=found.get(_REASON),
        present=found.get(_PRESENT, False),
        started=trial.datetime_start,
        ended=trial.datetime_complete,
    )
