"""Compare two recipes over all groups: every row is scored by models that did not see its group.

The holdout compares two models on a part of the groups; this compares what two commits would train on all of them, so
its error is smaller. It is evidence for a person and decides nothing: the holdout's rows are trained on here.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from slipway.data.folds import fold_by_group
from slipway.evaluation.scored import Scored, Vector
from slipway.figures import Figure
from slipway.gate.base_code import CODE, read_base_files, unpacked
from slipway.gate.power.retrains import Recipe, fit_and_score
from slipway.gate.rules import GateRules
from slipway.gate.statistics.comparison import relative_improvement
from slipway.params import read_params
from slipway.problem import load_problem

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5


class CrossFit(msgspec.Struct, frozen=True, kw_only=True):
    """The recipe of the working tree beside that of the commit `base`; above zero the working tree's is better."""

    base: str
    folds: int
    rows: int
    groups: int
    difference: Figure


def compare_recipes(recipe: Recipe, rules: GateRules, root: Path, package: str, base: str) -> CrossFit:
    """Fit both recipes, problem and parameters, on the prepared rows of the project at `root`.

    Raises `GateError` for a commit that cannot be read, and whatever the code of that commit raises on these rows.
    """
    import pandas as pd

    frame = pd.concat([recipe.train, recipe.holdout], ignore_index=True)
    recipe.say(f"  fitting {FOLDS} models of each recipe on {len(frame):,} rows ...")
    ours = _score_all(frame, lambda train, held: fit_and_score(recipe.problem, recipe.params, train, held))
    with unpacked(read_base_files(root, base, CODE, "params.yaml")) as folder:
        theirs = _score_elsewhere(folder, package, frame)
    other = msgspec.structs.replace(ours, scores=theirs)
    return CrossFit(
        base=base,
        folds=FOLDS,
        rows=len(frame),
        groups=ours.groups,
        difference=relative_improvement(ours, other, recipe.problem.metric, rules.level, recipe.params.evaluate),
    )


def _score_elsewhere(folder: Path, package: str, frame: "pd.DataFrame") -> Vector:
    """Score in a process of its own: two packages of one name cannot be imported into one."""
    with ProcessPoolExecutor(1, get_context("spawn"), _look_in, (folder,)) as pool:
        return pool.submit(_score_other, folder, package, frame).result()


def _look_in(folder: Path) -> None:
    """Let a new process find the code of another commit before that of the working tree."""
    sys.path.insert(0, str(folder / CODE))


def _score_other(folder: Path, package: str, frame: "pd.DataFrame") -> Vector:
    problem = load_problem(package)
    params = read_params(problem.params, folder / "params.yaml")
    return _score_all(frame, lambda train, held: fit_and_score(problem, params, train, held)).scores


def _score_all(frame: "pd.DataFrame", fit: Callable[["pd.DataFrame", "pd.DataFrame"], Scored]) -> Scored:
    """Score every row by the model that was fitted on the other folds."""
    import pandas as pd

    group, names = pd.factorize(frame["group"], sort=True)
    parts = [
        (fold.held, fit(frame[fold.train].reset_index(drop=True), frame[fold.held]))
        for fold in fold_by_group(frame, FOLDS)
    ]
    first = parts[0][1]
    scores = np.zeros((len(frame), *first.scores.shape[1:]))
    target = np.zeros(len(frame), dtype=first.target.dtype)
    for rows, scored in parts:
        scores[rows], target[rows] = scored.scores, scored.target
    return msgspec.structs.replace(first, scores=scores, target=target, group=group, groups=len(names))
