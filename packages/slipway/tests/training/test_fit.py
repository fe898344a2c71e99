"""What reaches the estimator means what the dataset says: classes, missing text, numbers that float32 holds."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from churn.problem import PROBLEM as CHURN
from msgspec import Meta
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from toybox import toy_params

from slipway.errors import DataError, ModelError, ProblemError
from slipway.problem import Task
from slipway.training.fit import fit_estimator, predict_scores
from slipway.training.precision import refuse_lost_values


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: float
    buyer: int
    town: Annotated[str, Meta(max_length=9)] | None = None


ROWS = 400
RNG = np.random.default_rng(1)
AMOUNT = RNG.normal(size=ROWS)


def frame(**changed):
    columns = {
        "amount": AMOUNT,
        "buyer": np.arange(ROWS) % 90,
        "town": pd.Series(RNG.choice(["ulm", "bern"], ROWS)).mask(np.arange(ROWS) % 7 == 0),
        "target": AMOUNT > 0,
    }
    return pd.DataFrame(columns | changed)


def linear(*steps):
    return lambda params, seed: make_pipeline(*steps, LogisticRegression())


ENCODED = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town"]), remainder="passthrough")


def fit(build=None, found=None, **changed: Any):
    problem = msgspec.structs.replace(CHURN, contract=Order, features=None, build=build or linear(ENCODED), **changed)
    return fit_estimator(problem, toy_params(problem), frame() if found is None else found)


@pytest.mark.parametrize(
    ("names", "positive", "classes"),
    [
        (("good", "bad"), "bad", ("good", "bad")),
        (("churn", "stay"), "churn", ("stay", "churn")),
        ((True, False), None, (False, True)),
        ((1, 2), None, (1, 2)),
        ((1, 2), 1, (2, 1)),
        ((-1, 1), None, (-1, 1)),
        ((False, True), False, (True, False)),
    ],
)
def test_the_positive_class_is_the_one_that_the_problem_names(names, positive, classes):
    chosen = classes[-1]
    other = next(name for name in names if name is not chosen)
    target = pd.Series(np.where(AMOUNT > 0, chosen, other))
    fitted = fit(found=frame(target=target), positive=positive)
    assert fitted.classes == classes
    scores = predict_scores(fitted, np.array([[3.0, 1, 0], [-3.0, 1, 0]], dtype=np.float32))
    assert scores[0] > 0.9 > 0.1 > scores[1]


@pytest.mark.parametrize(
    ("positive", "task", "said"),
    [
        (None, Task.BINARY, "have no order. Write the one that a score is the probability of"),
        ("bat", Task.BINARY, "positive='bat' in problem.py is none of the target's classes, 'bad' and 'good'"),
        ("bad", Task.MULTICLASS, "positive='bad' is for a binary task"),
    ],
)
def test_a_positive_class_that_does_not_decide_is_refused(positive, task, said):
    with pytest.raises(ProblemError) as refused:
        fit(found=frame(target=np.where(AMOUNT > 0, "bad", "good")), positive=positive, task=task)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "imputer",
    [SimpleImputer(strategy="most_frequent"), KNNImputer(), SimpleImputer(strategy="constant", fill_value=0)],
)
@pytest.mark.parametrize("alone", [True, False])
def test_an_imputer_that_does_nothing_for_missing_text_is_refused(imputer, alone):
    inside = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore"))
    steps = (make_column_transformer((inside, ["town"]), remainder="passthrough"),) if alone else (imputer,)
    with pytest.raises(ModelError, match=r"Imputer does nothing for town: .*missing_values=-1"):
        fit(linear(*steps))


def test_an_imputer_of_the_code_or_of_numbers_is_not():
    inside = make_pipeline(SimpleImputer(missing_values=-1, strategy="most_frequent"), OneHotEncoder())
    assert fit(linear(make_column_transformer((inside, ["town"]), remainder=SimpleImputer())))
    assert fit(linear(SimpleImputer()), frame(town="ulm").assign(town=np.where(AMOUNT > 0, "ulm", "bern")))


@pytest.mark.parametrize(
    ("name", "values", "counts"),
    [
        ("buyer", 2**26 + np.arange(ROWS), "400 distinct values are 51 in float32"),
        ("amount", 1e9 + np.arange(ROWS) * 1.5, "400 distinct values are 10 in float32"),
        ("amount", 1_700_000_000 + np.arange(ROWS) * 60.0, "in float32"),
        ("amount", 1e9 + AMOUNT, "in float32"),
        ("buyer", 2**60 + np.arange(ROWS), "400 distinct values are 3 in float64"),
    ],
)
def test_numbers_that_fall_together_in_the_tensor_are_named_with_both_counts(name, values, counts):
    with pytest.raises(DataError, match=name) as refused:
        fit(found=frame(**{name: values}))
    assert counts in str(refused.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("amount", AMOUNT),
        ("amount", AMOUNT * 1e30),
        ("amount", RNG.lognormal(10, 3, ROWS).round(2)),
        ("buyer", 2**26 + 8 * np.arange(ROWS)),
        ("buyer", np.arange(ROWS) * 40_000),
    ],
)
def test_numbers_that_float32_tells_apart_are_not(name, values):
    assert fit(found=frame(**{name: values}))


def test_a_million_measurements_with_all_their_digits_are_not():
    refuse_lost_values({"reading": np.random.default_rng(0).normal(20, 5, 1_000_000)})


def test_instants_as_a_number_are_named():
    seconds = np.datetime64(datetime(2024, 1, 1), "s").astype(np.int64) + np.arange(ROWS)
    with pytest.raises(DataError, match=r"Subtract in features\.py what its values have in common"):
        refuse_lost_values({"since": seconds})


@pytest.mark.parametrize(
    "words",
    [
        "std::bad_alloc",
        "catboost/libs/data: bad allocation",
        "A worker process managed by the executor was unexpectedly terminated. This could be caused by a segmentation "
        "fault while calling the function or by an excessive memory usage",
    ],
)
def test_a_library_without_memory_is_not_an_estimator_that_refuses(churn, words):
    class Hungry(LogisticRegression):
        def fit(self, *_):
            raise RuntimeError(words)

    problem = msgspec.structs.replace(churn.problem, build=lambda params, seed: Hungry())
    with pytest.raises(MemoryError):
        fit_estimator(problem, churn.params, churn.train)


def test_columns_by_name_inside_of_an_ensemble_are_refused_with_what_to_write(churn):
    inner = make_pipeline(make_column_transformer((SimpleImputer(), ["months"])), LogisticRegression())
    problem = msgspec.structs.replace(churn.problem, build=lambda params, seed: BaggingClassifier(inner, 2))
    with pytest.raises(ModelError, match="Put the ColumnTransformer in front of it"):
        fit_estimator(problem, churn.params, churn.train)
