"""Fit the models of a power study: honest retrains, and worse ones made on purpose."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from slipway.bundle.inputs import encode_inputs
from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.errors import DataError
from slipway.evaluation.scored import Scored, Vector, encode_target
from slipway.params import Params
from slipway.problem import Problem, Task
from slipway.training.fit import derive_features, fit_estimator, predict_scores

if TYPE_CHECKING:
    import pandas as pd

# An honest retrain leaves out a tenth of the training groups.
_KEPT = 0.9
_FOLDS = 10
# Doses of what makes a model worse: harmful, but realistic.
_FEW, _SHUFFLED, _SHARPER, _SHIFT = 0.1, 0.6, 2.0, 0.1
# Scores are clipped this far from 0 and 1, so that their log odds are finite.
_EDGE = 1e-9


class Recipe(NamedTuple):
    """A problem's recipe, the rows that it is fitted on and scored on, the models fitted at once, and progress."""

    problem: Problem
    params: Params
    train: "pd.DataFrame"
    holdout: "pd.DataFrame"
    jobs: int
    say: Callable[[str], None]


class WorseModel(NamedTuple):
    """A worse model: what was done to it, and its scores on the holdout."""

    name: str
    scores: Vector


def score_honest_retrains(recipe: Recipe, retrains: int) -> list[Scored]:
    """Fit `retrains` models, each with its own seed on its own 90 % of the training groups, and score the holdout."""
    return _fit_honest(recipe, retrains, lambda number: _some_groups(recipe.train, _KEPT, number))


def score_balanced_retrains(recipe: Recipe, retrains: int) -> list[Scored]:
    """Do the same with each group left out by one of every ten models, so that few show what each group matters."""
    return _fit_honest(recipe, retrains, lambda number: _without_fold(recipe.train, *divmod(number - 1, _FOLDS)))


def score_worse_models(recipe: Recipe, honest: Scored) -> list[WorseModel]:
    """Fit three worse models, and distort the scores of the first honest retrain in two ways."""
    frames = {
        f"fitted on {_FEW:.0%} of the groups": _some_groups(recipe.train, _FEW, 0),
        f"fitted with {_SHUFFLED:.0%} of the labels shuffled": _shuffled_labels(recipe.train, _SHUFFLED),
        "fitted with half of the columns shuffled": _shuffled_columns(recipe.problem, recipe.train),
    }
    fitted = _fit_all(recipe, ((0, frame) for frame in frames.values()), f"worse model {{}} of {len(frames)}")
    found = [WorseModel(name, scored.scores) for name, scored in zip(frames, fitted, strict=True)]
    return [*found, *_distorted(honest)]


def _fit_honest(recipe: Recipe, retrains: int, choose: Callable[[int], "pd.DataFrame"]) -> list[Scored]:
    if retrains < 2:
        raise DataError(
            f"Retrains are compared with each other: expected at least 2, found {retrains}. Use --retrains 12 or more."
        )
    frames = ((number, choose(number)) for number in range(1, retrains + 1))
    return _fit_all(recipe, frames, f"honest retrain {{}} of {retrains}")


def _fit_all(recipe: Recipe, frames: Iterable[tuple[int, "pd.DataFrame"]], progress: str) -> list[Scored]:
    """Fit one model on each frame, by the number of its seed."""
    from sklearn.utils.parallel import Parallel, delayed

    found: list[Scored] = []
    calls = (
        delayed(fit_and_score)(recipe.problem, _seeded(recipe.params, number), frame, recipe.holdout)
        for number, frame in frames
    )
    # One frame at a time is made and sent, so memory does not grow with the number of retrains.
    for scored in Parallel(n_jobs=recipe.jobs, return_as="generator", pre_dispatch="n_jobs")(calls):
        # All models share the outcomes, which are kept once.
        found.append(msgspec.structs.replace(found[0], scores=scored.scores) if found else scored)
        recipe.say(f"  {progress.format(len(found))}")
    return found


def fit_and_score(problem: Problem, params: Params, frame: "pd.DataFrame", holdout: "pd.DataFrame") -> Scored:
    """Score by the estimator itself: parity with its bundle is certified to 1e-5, and sealing takes longer."""
    import pandas as pd

    fitted = fit_estimator(problem, params, frame)
    columns = derive_features(problem, frame_to_columns(read_contract(problem.contract), holdout))
    group, names = pd.factorize(holdout["group"], sort=True)
    return Scored(
        task=problem.task,
        target=encode_target(problem.task, fitted.classes, holdout["target"]),
        scores=predict_scores(fitted, encode_inputs(fitted.inputs, columns)),
        group=group,
        groups=len(names),
        classes=fitted.classes,
        threshold=params.train.threshold if problem.task is Task.BINARY else None,
    )


def _seeded(params: Params, number: int) -> Params:
    """Set another seed for the estimator, far from those that people choose."""
    return msgspec.structs.replace(
        params, train=msgspec.structs.replace(params.train, seed=1000 + params.train.seed + number)
    )


def _some_groups(train: "pd.DataFrame", share: float, seed: int) -> "pd.DataFrame":
    groups = np.sort(train["group"].unique())
    kept = np.random.default_rng(seed).permutation(len(groups))[: max(1, round(share * len(groups)))]
    return train[train["group"].isin(groups[kept])].reset_index(drop=True)


def _without_fold(train: "pd.DataFrame", partition: int, fold: int) -> "pd.DataFrame":
    groups = np.sort(train["group"].unique())
    order = np.random.default_rng(partition).permutation(len(groups))
    return train[~train["group"].isin(groups[order[fold::_FOLDS]])].reset_index(drop=True)


def _shuffled_labels(train: "pd.DataFrame", share: float) -> "pd.DataFrame":
    random = np.random.default_rng(0)
    rows = np.flatnonzero(random.random(len(train)) < share)
    order = np.arange(len(train))
    order[rows] = random.permutation(rows)
    return train.assign(target=train["target"].take(order).array)


def _shuffled_columns(problem: Problem, train: "pd.DataFrame") -> "pd.DataFrame":
    """Shuffle every other column of the contract, as a broken join would."""
    random = np.random.default_rng(0)
    names = [field.name for field in read_contract(problem.contract)][::2]
    order = random.permutation(len(train))
    return train.assign(**{name: train[name].take(order).array for name in names})


def _distorted(honest: Scored) -> Sequence[WorseModel]:
    scores = honest.scores
    if honest.task is Task.REGRESSION:
        wider = WorseModel(f"spread {_SHARPER:g} times as wide", scores + (_SHARPER - 1) * (scores - scores.mean()))
        return [wider, WorseModel(f"shifted by {_SHIFT:g} standard deviations", scores + _SHIFT * float(scores.std()))]
    sharper = WorseModel(f"overconfident: log odds times {_SHARPER:g}", _moved(scores, _SHARPER, 0.0))
    return [sharper, WorseModel(f"shifted by {_SHIFT:g} in log odds", _moved(scores, 1.0, _SHIFT))]


def _moved(scores: Vector, times: float, plus: float) -> Vector:
    """Stretch and shift the log odds of probabilities; of several classes the last is shifted."""
    kept = np.clip(scores, _EDGE, 1 - _EDGE)
    both = kept if kept.ndim == 2 else np.stack([1 - kept, kept], axis=1)
    odds = both**times
    odds[:, -1] *= np.exp(plus)
    both = odds / odds.sum(axis=1, keepdims=True)
    return np.asarray(both if scores.ndim == 2 else both[:, 1], dtype=np.float64)
