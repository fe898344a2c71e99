"""What would end in a refusal after a long fit is refused before it, with what to write."""

import importlib
import sys

import msgspec
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC

from slipway.errors import ModelError, ProblemError
from slipway.training.fit import fit_estimator


class Unfitted(HistGradientBoostingClassifier):
    """Fails the test where it is fitted."""

    def fit(self, rows, target):
        raise AssertionError("fitted")


def fit_with(toy, estimator):
    problem = msgspec.structs.replace(toy.problem, build=lambda params, seed: estimator)
    return fit_estimator(problem, toy.params, toy.train)


def features_of(folder, monkeypatch, body):
    package = folder / "shaped"
    package.mkdir()
    (package / "features.py").write_text(f"import numpy as np\n\n\ndef derive(columns):\n{body}\n")
    monkeypatch.syspath_prepend(folder)
    for name in ("shaped", "shaped.features"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("shaped.features").derive


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return np.zeros((len(columns['months']), 2))", r"returned a ndarray: expected a dict"),
        ("    return {'months': columns['months'].tolist()}", r"'months': expected a numpy array, found a list"),
        ("    return {'months': columns['months'][1:]}", r"a value for each of [\d,]+ rows, found the shape"),
        ("    return {'both': np.stack([columns['months'], columns['usage']], axis=1)}", r"each array is one feature"),
    ],
)
def test_features_that_are_no_columns_are_refused_before_the_fit(churn, tmp_path, monkeypatch, body, words):
    derive = features_of(tmp_path, monkeypatch, body)
    problem = msgspec.structs.replace(churn.problem, features=derive, build=lambda params, seed: Unfitted())
    with pytest.raises(ProblemError, match=words):
        fit_estimator(problem, churn.params, churn.train)


def test_pandas_in_features_is_refused_before_the_fit(churn, tmp_path, monkeypatch):
    derive = features_of(tmp_path, monkeypatch, "    import pandas as pd\n    return pd.DataFrame(columns)")
    problem = msgspec.structs.replace(churn.problem, features=derive, build=lambda params, seed: Unfitted())
    with pytest.raises(ProblemError, match="import pandas"):
        fit_estimator(problem, churn.params, churn.train)


def test_a_dataframe_of_features_is_refused_with_the_dict_to_write(churn):
    import pandas as pd

    from slipway.training.fit import derive_features

    problem = msgspec.structs.replace(churn.problem, features=pd.DataFrame)
    with pytest.raises(ProblemError, match=r'returned a DataFrame: expected a dict.*\{\*\*columns, "ratio"'):
        derive_features(problem, {"a": np.zeros(3)})


def test_categorical_features_are_refused_before_the_fit(churn):
    with pytest.raises(ModelError, match=r"categorical_features=.* is not exported rightly\. Leave"):
        fit_with(churn, HistGradientBoostingClassifier(categorical_features=["plan"]))


@pytest.mark.parametrize(("column", "found"), [("lift", "missing values"), ("area", "decimals")])
def test_a_number_that_one_hot_cannot_take_is_named_before_the_fit(toys, column, found):
    rents = toys["rents"]
    encoder = ColumnTransformer([("texts", OneHotEncoder(handle_unknown="ignore"), ["district", column])])
    with pytest.raises(ModelError, match=f"OneHotEncoder on '{column}', a number with {found}.*SimpleImputer"):
        fit_with(rents, make_pipeline(encoder, Unfitted()))


def test_a_boolean_that_is_filled_first_may_be_one_hot(toys):
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    encoder = ColumnTransformer([("texts", filled, ["district", "lift"])])
    with pytest.raises(ModelError, match="fitted"):
        fit_with(toys["rents"], make_pipeline(encoder, Unfitted()))


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (SVC(), "SVC has no predict_proba.*CalibratedClassifierCV"),
        (VotingClassifier([("one", LogisticRegression())]), 'no predict_proba.*voting="soft"'),
        (StackingClassifier([("one", Unfitted())], final_estimator=SVC()), "Cannot fit StackingClassifier"),
    ],
)
def test_a_classifier_without_probabilities_is_refused(churn, estimator, words):
    with pytest.raises(ModelError, match=words):
        fit_with(churn, estimator)


@pytest.mark.parametrize("kind", [TunedThresholdClassifierCV, FixedThresholdClassifier])
def test_a_threshold_of_the_estimators_own_is_refused_with_the_number_to_write(churn, kind):
    given = {"cv": 2} if kind is TunedThresholdClassifierCV else {"threshold": 0.3}
    estimator = kind(HistGradientBoostingClassifier(max_iter=5), **given)
    with pytest.raises(ModelError, match=rf"{kind.__name__} decides at 0\.\d+, but.*Write `threshold: 0\.\d+`"):
        fit_with(churn, estimator)
    if kind is FixedThresholdClassifier:
        assert estimator.threshold == 0.3
