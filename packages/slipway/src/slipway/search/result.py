"""The result of a search: the best trials, the present values beside them, and the change of params.yaml."""

import difflib
from pathlib import Path

import msgspec

from slipway.errors import ModelError
from slipway.evaluation.metrics import METRICS
from slipway.files.writing import write_bytes
from slipway.files.yaml_values import replace_values
from slipway.params import Params
from slipway.problem import Problem
from slipway.search.space import Values, read_search
from slipway.search.study import OpenStudy, TrialResult

_FILE = "params.yaml"


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The trials of a study, the best first; `failed` counts trials by their reason.

    `before` is the trial of the values that params.yaml had when the study began; `better_folds` counts the folds on
    which the best trial beats it. `change` is the difference that the best trial makes to params.yaml, "" for none;
    `importances` are shares by parameter.
    """

    study: int
    metric: str
    better: str
    folds: int
    aim: int
    trials: tuple[TrialResult, ...]
    before: TrialResult | None
    better_folds: int | None
    failed: dict[str, int]
    importances: dict[str, float]
    change: str
    interrupted: bool
    written: bool = False


def describe_study(
    root: Path, study: OpenStudy, problem: Problem, params: Params, aim: int, interrupted: bool
) -> SearchResult:
    """Describe the study as it is; raises `ModelError` if every trial has failed."""
    scored, ended = study.list_scored(), study.list_trials()
    failed: dict[str, int] = {}
    for trial in ended:
        if trial.reason:
            failed[trial.reason] = failed.get(trial.reason, 0) + 1
    if failed and not scored:
        reasons = "\n".join(f"{count}: {reason}" for reason, count in [*failed.items()][:3])
        raise ModelError(f"All {len(ended)} trials of study {study.number} failed, by reason:\n{reasons}")
    before = next((trial for trial in scored if trial.present), None)
    kind = METRICS[problem.task][problem.metric]
    return SearchResult(
        study=study.number,
        metric=problem.metric,
        better=str(kind.better),
        folds=read_search(params).folds,
        aim=aim,
        trials=tuple(scored),
        before=before,
        better_folds=_count_better(scored[0], before, study.higher_is_better) if before else None,
        failed=failed,
        importances=study.importances(),
        change=_describe_change(root, scored[0]) if scored else "",
        interrupted=interrupted,
    )


def write_winner(root: Path, found: SearchResult) -> SearchResult:
    """Write the values of the best trial into params.yaml."""
    if not found.change:
        return found
    write_bytes(root / _FILE, change_params(root, found.trials[0].values)[1].encode())
    return msgspec.structs.replace(found, written=True)


def change_params(root: Path, values: Values) -> tuple[str, str]:
    """Return the text of params.yaml, and the text with `values`; raises `SettingsError` for one without a place."""
    text = (root / _FILE).read_bytes().decode()
    return text, replace_values(text, values, _FILE)


def _count_better(best: TrialResult, before: TrialResult, higher: bool) -> int:
    pairs = zip(best.folds, before.folds, strict=True)
    return sum(new > old if higher else new < old for new, old in pairs)


def _describe_change(root: Path, best: TrialResult) -> str:
    before, after = (text.splitlines(keepends=True) for text in change_params(root, best.values))
    return "".join(difflib.unified_diff(before, after, _FILE, f"{_FILE} of trial {best.number}", n=0))
