"""The minimal problems of docs/tasks.md are trained and sealed as they stand there, and answer as it shows."""

import importlib
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
from places import ROOT
from toybox import toy_params

from slipway.bundle import load_bundle
from slipway.bundle.predictions import describe_prediction
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

PAGE = (ROOT / "docs" / "tasks.md").read_text()
CONTRACT, *PROBLEMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ANSWERS = [json.loads(answer) for answer in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


def orders(targets):
    rng = np.random.default_rng(1)
    amount = rng.gamma(2, 40, 600).round(2)
    place = np.digitize(amount + rng.normal(0, 20, 600), [60, 110])
    return pd.DataFrame(
        {
            "amount": amount,
            "country": rng.choice(["DE", "FR", "PL"], 600),
            "returning": rng.random(600) < 0.5,
            "target": np.array(targets)[place],
        }
    )


@pytest.mark.parametrize(
    ("number", "targets"),
    [(0, [False, False, True]), (1, ["small", "medium", "large"]), (2, [0.5, 2.0, 7.5])],
    ids=["binary", "multiclass", "regression"],
)
def test_a_minimal_problem_is_sealed_and_answers_as_shown(tmp_path, monkeypatch, number, targets):
    (tmp_path / "shop").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "shop" / "contract.py").write_text(CONTRACT)
    (tmp_path / "shop" / "problem.py").write_text(PROBLEMS[number])
    orders(targets).to_csv(tmp_path / "data" / "orders.csv", index=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("shop", "shop.contract", "shop.problem"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    problem = importlib.import_module("shop.problem").PROBLEM
    train, params = problem.load(tmp_path / "data"), toy_params(problem)
    seal_bundle(problem, fit_estimator(problem, params, train), params.train.threshold, train, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    scores = bundle.score(bundle.parse([{"amount": 49.9, "country": "DE"}]))
    answer = describe_prediction(bundle.manifest, scores.tolist()[0], bundle.label(scores).tolist()[0])
    shown = ANSWERS[number]
    assert list(answer) == list(shown)
    assert "scores" not in shown or list(answer["scores"]) == list(shown["scores"])
