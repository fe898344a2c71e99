"""Toy problems, sealed, so that tests start from real bundles; every kind of column and of task is among them."""

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd

from slipway.bundle import Bundle
from slipway.columns import columns_to_rows, frame_to_columns, take_rows
from slipway.data.splitting import split_frame
from slipway.params import EvaluateParams, Params, SplitParams, TrainParams
from slipway.problem import Problem
from slipway.training.fit import Fitted, fit_estimator
from slipway.training.seal import seal_bundle

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
    fitted = fit_estimator(problem, params, train)
    bundle, _ = seal_bundle(problem, fitted, params.train.threshold, train, folder)
    return Toy(problem, params, train, holdout, fitted, bundle)


def rows_of(toy: Toy, number: int = 50) -> list[dict[str, Any]]:
    """Real rows of the toy's holdout, as a client sends them (times as text)."""
    columns = take_rows(frame_to_columns(toy.bundle.fields, toy.holdout), slice(0, number))
    rows: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(columns_to_rows(toy.bundle.fields, columns)))
    return rows


def name_outcome(folder: Path, words: str) -> None:
    """Let the bundle say in these words what a score is of."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"outcome": words}))


def reseal(folder: Path, name: str, content: bytes) -> None:
    """Change a file and its hash in the manifest, as someone who knows the format would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
