"""Made-up scores whose truth is known, so that metrics and intervals can be judged without a model."""

import numpy as np
import pytest

from slipway.evaluation.scored import Scored
from slipway.params import EvaluateParams
from slipway.problem import Task


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def binary(rows: int = 4000, groups: int = 40, seed: int = 1, spread: float = 0.6) -> Scored:
    """Groups have a mood that the model does not know: it moves the logit of all their rows."""
    random = np.random.default_rng(seed)
    group = np.arange(rows) % groups
    logit = random.normal(-1, 1, rows)
    mood = random.normal(0, spread, groups)[group]
    return Scored(
        task=Task.BINARY,
        target=(random.random(rows) < sigmoid(logit + mood)).astype(np.intp),
        scores=sigmoid(logit),
        group=group,
        groups=groups,
        classes=(False, True),
        threshold=0.4,
    )


def multiclass(rows: int = 3000, groups: int = 30, seed: int = 2) -> Scored:
    random = np.random.default_rng(seed)
    scores = random.dirichlet((1, 2, 0.7), rows)
    return Scored(
        task=Task.MULTICLASS,
        target=(scores.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1),
        scores=scores,
        group=np.arange(rows) % groups,
        groups=groups,
        classes=("oats", "rye", "wheat"),
    )


def regression(rows: int = 3000, groups: int = 30, seed: int = 3) -> Scored:
    random = np.random.default_rng(seed)
    group = np.arange(rows) % groups
    scores = random.gamma(3, 200, rows)
    noise = random.normal(0, 100, rows) + random.normal(0, 40, groups)[group]
    return Scored(task=Task.REGRESSION, target=scores + noise, scores=scores, group=group, groups=groups)


MAKERS = {Task.BINARY: binary, Task.MULTICLASS: multiclass, Task.REGRESSION: regression}


@pytest.fixture(params=MAKERS)
def scored(request) -> Scored:
    """Scored rows of each task in turn."""
    return MAKERS[request.param]()


@pytest.fixture
def params() -> EvaluateParams:
    return EvaluateParams(resamples=400, confidence=0.95, seed=7)


@pytest.fixture
def make_binary():
    return binary


@pytest.fixture
def make_multiclass():
    return multiclass


@pytest.fixture
def make_regression():
    return regression
