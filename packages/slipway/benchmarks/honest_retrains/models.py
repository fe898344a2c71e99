"""Fit and seal honest retrains of three kinds, and score them on the holdout."""

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd

from slipway.bundle import Bundle, load_bundle
from slipway.evaluation.record import EvaluationRecord, make_record
from slipway.evaluation.scored import Scored, score_frame
from slipway.params import Params
from slipway.problem import ProblemFacts
from slipway.project import Project
from slipway.stage import print_progress
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

Parts = tuple[pd.DataFrame, pd.DataFrame]
FITS, WEEKS = 30, 10
DAYS, NEWER, PARAMETERS = "other days", "newer data", "other parameters"
PAIRS = {DAYS: 134, NEWER: 133, PARAMETERS: 133}
RECIPES = (
    {"max_iter": 75, "learning_rate": 0.1},
    {"max_iter": 100, "learning_rate": 0.075},
    {"max_iter": 200, "learning_rate": 0.0375},
    {"max_iter": 300, "learning_rate": 0.025},
    {"max_leaf_nodes": 24},
    {"max_leaf_nodes": 40},
    {"min_samples_leaf": 100},
    {"min_samples_leaf": 400},
    {"max_features": 0.4},
    {"l2_regularization": 5.0},
)


class Retrain(NamedTuple):
    """One honest model: its kind, its number of thirty, its parameters, and the groups that its commit would have."""

    kind: str
    number: int
    params: Params
    groups: frozenset[str]

    @property
    def weeks_left_out(self) -> int:
        return self.number % WEEKS if self.kind == NEWER else 0

    def take(self, part: pd.DataFrame) -> pd.DataFrame:
        return part[part["group"].isin(self.groups)].reset_index(drop=True)


class Model(NamedTuple):
    """A sealed retrain, its scores on the whole holdout, and its evaluation record on its own."""

    retrain: Retrain
    bundle: Bundle
    scored: Scored
    record: EvaluationRecord


def make_retrain(project: Project, parts: Parts, kind: str, number: int) -> Retrain:
    """Choose the groups and parameters of one honest retrain; every one has a seed of its own."""
    trained, held = (np.sort(part["group"].unique()) for part in parts)
    params = with_train(project.params, seed=5000 + [*PAIRS].index(kind) * 100 + number)
    if kind == DAYS:
        trained = np.random.default_rng(5000 + number).permutation(trained)[: round(0.9 * len(trained))]
    elif kind == NEWER:
        last = date.fromisoformat(max(trained[-1], held[-1])) - timedelta(weeks=number % WEEKS)
        trained, held = trained[trained <= str(last)], held[held <= str(last)]
    else:
        boosting = msgspec.structs.replace(params.model.gradient_boosting, **RECIPES[number % len(RECIPES)])
        params = msgspec.structs.replace(
            params, model=msgspec.structs.replace(params.model, gradient_boosting=boosting)
        )
    return Retrain(kind, number, params, frozenset((*trained, *held)))


def with_train(params: Params, **changed: object) -> Params:
    return msgspec.structs.replace(params, train=msgspec.structs.replace(params.train, **changed))


def load(project: Project, retrain: Retrain, parts: Parts, folder: Path) -> Model:
    place = folder / f"{retrain.kind.replace(' ', '-')}-{retrain.number}"
    if not place.exists():
        train = retrain.take(parts[0])
        fitted = fit_estimator(project.problem, retrain.params, train)
        seal_bundle(project.problem, fitted, retrain.params.train.threshold, train, place)
        print_progress(f"  sealed {retrain.kind} {retrain.number + 1} of {FITS}")
    bundle, holdout = load_bundle(place), retrain.take(parts[1])
    record = make_record(bundle, facts_of(project), retrain.params, score_frame(bundle, holdout), holdout)
    return Model(retrain, bundle, score_frame(bundle, parts[1]), record)


def facts_of(project: Project) -> ProblemFacts:
    return ProblemFacts(name=project.problem.name, task=project.problem.task, metric=project.problem.metric)
