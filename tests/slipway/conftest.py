"""Toy problems, sealed once per session, so that every test starts from a real bundle."""

import importlib
import shutil
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import pytest

from slipway.bundle import Bundle, load
from slipway.params import EvaluateParams, Params, SplitParams, TrainParams
from slipway.problem import Problem
from slipway.splitting import split_frame
from slipway.training.fit import Fitted, fit
from slipway.training.seal import seal

TOYS = ("churn", "crops", "rents")


class Toy(NamedTuple):
    problem: Problem
    params: Params
    train: pd.DataFrame
    holdout: pd.DataFrame
    fitted: Fitted
    bundle: Bundle


def toy_params(problem: Problem, **changed: Any) -> Params:
    params = Params(
        split=SplitParams(salt="toys", holdout=0.25),
        train=TrainParams(seed=7, threshold=0.4),
        evaluate=EvaluateParams(resamples=200, confidence=0.95, seed=7),
        model=problem.params(),
    )
    return msgspec.structs.replace(params, **changed)


def make_toy(name: str, folder, rows: int = 3000) -> Toy:
    problem = importlib.import_module(f"{name}.problem").PROBLEM
    params = toy_params(problem)
    train, holdout = split_frame(importlib.import_module(f"{name}.dataset").make(rows, seed=3), params.split)
    fitted = fit(problem, params, train)
    bundle, _ = seal(problem, fitted, params.train.threshold, train, holdout, folder)
    return Toy(problem, params, train, holdout, fitted, bundle)


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> dict[str, Toy]:
    folder = tmp_path_factory.mktemp("bundles")
    return {name: make_toy(name, folder / name) for name in TOYS}


@pytest.fixture(params=TOYS)
def toy(request, toys) -> Toy:
    """Each toy in turn: a binary, a multiclass and a regression problem."""
    return toys[request.param]


@pytest.fixture
def churn(toys) -> Toy:
    return toys["churn"]


@pytest.fixture
def loose_bundle(churn, tmp_path):
    """A copy of a good bundle's folder, free to be damaged."""
    folder = tmp_path / "bundle"
    shutil.copytree(churn.bundle.path, folder)
    load(folder)
    return folder
