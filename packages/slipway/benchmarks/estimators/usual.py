"""Pipelines as people write them for rows with texts and gaps: text arrives as codes, missing numbers as NaN."""

from collections.abc import Iterator
from functools import partial
from typing import Any

# Of the extras boost and catboost.
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from measure import Case
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from xgboost import XGBClassifier, XGBRegressor

from slipway import Task

TEXTS, NUMBERS = ["country", "channel"], ["price", "weight", "age", "items"]
SEED = {"random_state": 0}
linear = partial(LogisticRegression, max_iter=1000)
boosted = partial(HistGradientBoostingClassifier, max_iter=50, **SEED)
forest = partial(RandomForestClassifier, 50, **SEED)
CATBOOST = {"iterations": 100, "verbose": 0, "allow_writing_files": False, **SEED}


def encoded(estimator: Any, numbers: Any = None, texts: Any = None) -> Any:
    """Put the usual treatment of columns in front: texts one-hot, gaps filled, numbers scaled."""
    numbers = numbers or make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = texts or OneHotEncoder(handle_unknown="ignore")
    parts = [("texts", texts, TEXTS), ("numbers", numbers, NUMBERS)]
    return make_pipeline(ColumnTransformer(parts, remainder="passthrough"), estimator)


def imputed(estimator: Any) -> Any:
    """Fill the gaps of numbers and change nothing else: for trees. Missing text is a code of its own."""
    return make_pipeline(ColumnTransformer([("numbers", SimpleImputer(), NUMBERS)], remainder="passthrough"), estimator)


def codes_and_numbers(estimator: Any) -> Any:
    """Codes for texts, numbers as they are, gaps filled."""
    texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return encoded(estimator, numbers=SimpleImputer(), texts=texts)


CLASSIFIERS = {
    "one-hot, impute, scale + LogisticRegression": lambda: encoded(linear()),
    "one-hot drop first, impute, scale + LogisticRegression": lambda: encoded(
        linear(), texts=OneHotEncoder(drop="first", handle_unknown="ignore")
    ),
    "one-hot min_frequency, impute, scale + LogisticRegression": lambda: encoded(
        linear(), texts=OneHotEncoder(min_frequency=0.08, handle_unknown="infrequent_if_exist")
    ),
    "target encoding, impute, scale + LogisticRegression": lambda: encoded(linear(), texts=TargetEncoder(**SEED)),
    "OneHotEncoder() as it comes + LogisticRegression": lambda: encoded(linear(), texts=OneHotEncoder()),
    "one-hot, impute with indicator, scale + LogisticRegression": lambda: encoded(
        linear(), numbers=make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    ),
    "one-hot, impute, robust scale + LogisticRegression": lambda: encoded(
        linear(), numbers=make_pipeline(SimpleImputer(), RobustScaler())
    ),
    "one-hot, impute, quantiles + LogisticRegression": lambda: encoded(
        linear(), numbers=make_pipeline(SimpleImputer(), QuantileTransformer(n_quantiles=50, **SEED))
    ),
    "one-hot, impute, bins + LogisticRegression": lambda: encoded(
        linear(), numbers=make_pipeline(SimpleImputer(), KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf"))
    ),
    "one-hot, impute, squares, scale + LogisticRegression": lambda: encoded(
        linear(), numbers=make_pipeline(SimpleImputer(), PolynomialFeatures(2), StandardScaler())
    ),
    "one-hot, KNNImputer, scale + LogisticRegression": lambda: encoded(
        linear(), numbers=make_pipeline(KNNImputer(), StandardScaler())
    ),
    "columns by selector, impute, scale + LogisticRegression": lambda: make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector("^[pwai]")),
                ("texts", OneHotEncoder(handle_unknown="ignore"), make_column_selector("^c")),
            ]
        ),
        linear(),
    ),
    "nested ColumnTransformer + LogisticRegression": lambda: make_pipeline(
        ColumnTransformer(
            [
                ("inner", ColumnTransformer([("one", OneHotEncoder(handle_unknown="ignore"), TEXTS)]), TEXTS),
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ]
        ),
        linear(),
    ),
    "one-hot, impute, scale + SelectKBest + LogisticRegression": lambda: encoded(
        make_pipeline(SelectKBest(k=5), linear())
    ),
    "one-hot, impute, scale + GridSearchCV(LogisticRegression)": lambda: GridSearchCV(
        encoded(linear()), {"logisticregression__C": [0.1, 1]}, cv=2
    ),
    "one-hot, impute, scale + SGDClassifier(log_loss)": lambda: encoded(SGDClassifier(loss="log_loss", **SEED)),
    "one-hot, impute, scale + CalibratedClassifierCV(LinearSVC)": lambda: encoded(
        CalibratedClassifierCV(LinearSVC(**SEED), cv=2)
    ),
    "one-hot, impute, scale + SVC(probability)": lambda: encoded(SVC(probability=True, **SEED)),
    "one-hot, impute, scale + MLPClassifier": lambda: encoded(MLPClassifier((16,), max_iter=100, **SEED)),
    "one-hot, impute, scale + KNeighborsClassifier": lambda: encoded(KNeighborsClassifier(15)),
    "one-hot, impute, scale + GaussianProcessClassifier": lambda: encoded(GaussianProcessClassifier(**SEED)),
    "HistGradientBoosting": boosted,
    "HistGradientBoosting(categorical_features)": lambda: boosted(categorical_features=TEXTS),
    "codes + HistGradientBoosting": lambda: codes_and_numbers(boosted()),
    "StandardScaler + HistGradientBoosting": lambda: make_pipeline(StandardScaler(), boosted()),
    "GridSearchCV(HistGradientBoosting)": lambda: GridSearchCV(boosted(), {"max_depth": [2, 3]}, cv=2),
    "CalibratedClassifierCV(HistGradientBoosting), sigmoid": lambda: CalibratedClassifierCV(boosted(), cv=2),
    "CalibratedClassifierCV(HistGradientBoosting), isotonic": lambda: CalibratedClassifierCV(
        boosted(), cv=2, method="isotonic"
    ),
    "CalibratedClassifierCV(HistGradientBoosting), temperature": lambda: CalibratedClassifierCV(
        boosted(), cv=2, method="temperature"
    ),
    "TunedThresholdClassifierCV(HistGradientBoosting)": lambda: TunedThresholdClassifierCV(boosted(), cv=2),
    "BaggingClassifier(HistGradientBoosting)": lambda: BaggingClassifier(boosted(), 3, **SEED),
    "impute + RandomForest": lambda: imputed(forest()),
    "impute + ExtraTrees": lambda: imputed(ExtraTreesClassifier(50, **SEED)),
    "impute + GradientBoosting": lambda: imputed(GradientBoostingClassifier(**SEED)),
    "impute + AdaBoost": lambda: imputed(AdaBoostClassifier(**SEED)),
    "one-hot, impute + RandomForest": lambda: encoded(forest(), numbers=SimpleImputer()),
    "one-hot, impute, scale + RandomForest": lambda: encoded(forest()),
    "RandomForest on missing values": forest,
    "CalibratedClassifierCV(RandomForest)": lambda: CalibratedClassifierCV(imputed(forest()), cv=2),
    "StackingClassifier(HistGradientBoosting, LogisticRegression)": lambda: StackingClassifier(
        [("boosted", boosted()), ("linear", encoded(linear()))], cv=2
    ),
    "VotingClassifier(HistGradientBoosting, LogisticRegression), soft": lambda: VotingClassifier(
        [("boosted", boosted()), ("linear", encoded(linear()))], voting="soft"
    ),
    "VotingClassifier, soft, weights": lambda: VotingClassifier(
        [("boosted", boosted()), ("linear", encoded(linear()))], voting="soft", weights=[2, 1]
    ),
}
CLASSIFIERS |= {
    "XGBClassifier": partial(XGBClassifier, n_estimators=100, **SEED),
    "XGBClassifier, subsample, colsample_bytree": partial(
        XGBClassifier, n_estimators=100, subsample=0.8, colsample_bytree=0.7, **SEED
    ),
    "codes + XGBClassifier": lambda: codes_and_numbers(XGBClassifier(n_estimators=50, **SEED)),
    "CalibratedClassifierCV(XGBClassifier)": lambda: CalibratedClassifierCV(XGBClassifier(n_estimators=50), cv=2),
    "LGBMClassifier": partial(LGBMClassifier, verbose=-1, **SEED),
    "LGBMClassifier, bagging, extra_trees": partial(
        LGBMClassifier, subsample=0.8, subsample_freq=1, extra_trees=True, verbose=-1, **SEED
    ),
    "codes + LGBMClassifier": lambda: codes_and_numbers(LGBMClassifier(verbose=-1, **SEED)),
    "GridSearchCV(LGBMClassifier)": lambda: GridSearchCV(
        LGBMClassifier(verbose=-1, **SEED), {"num_leaves": [7, 15]}, cv=2
    ),
    "CatBoostClassifier": partial(CatBoostClassifier, **CATBOOST),
    "codes + CatBoostClassifier": lambda: codes_and_numbers(CatBoostClassifier(**CATBOOST)),
}
REGRESSORS = {
    "XGBRegressor": partial(XGBRegressor, n_estimators=100, **SEED),
    "XGBRegressor, poisson": partial(XGBRegressor, objective="count:poisson", n_estimators=100, **SEED),
    "XGBRegressor, tweedie": partial(XGBRegressor, objective="reg:tweedie", n_estimators=100, **SEED),
    "LGBMRegressor": partial(LGBMRegressor, verbose=-1, **SEED),
    "LGBMRegressor, poisson": partial(LGBMRegressor, objective="poisson", verbose=-1, **SEED),
    "LGBMRegressor, quantile": partial(LGBMRegressor, objective="quantile", alpha=0.9, verbose=-1, **SEED),
    "CatBoostRegressor": partial(CatBoostRegressor, **CATBOOST),
    "CatBoostRegressor, tweedie": partial(CatBoostRegressor, loss_function="Tweedie:variance_power=1.5", **CATBOOST),
    "HistGradientBoosting": partial(HistGradientBoostingRegressor, **SEED),
    "HistGradientBoosting, poisson": partial(HistGradientBoostingRegressor, loss="poisson", **SEED),
    "HistGradientBoosting, gamma": partial(HistGradientBoostingRegressor, loss="gamma", **SEED),
    "HistGradientBoosting, quantile": partial(HistGradientBoostingRegressor, loss="quantile", quantile=0.9, **SEED),
    "impute + RandomForest": lambda: imputed(RandomForestRegressor(50, **SEED)),
    "one-hot, impute, scale + Ridge": lambda: encoded(Ridge()),
    "one-hot, impute, scale + LinearRegression": lambda: encoded(LinearRegression()),
    "one-hot, impute, scale + PoissonRegressor": lambda: encoded(PoissonRegressor(max_iter=1000)),
    "one-hot, impute, scale + GammaRegressor": lambda: encoded(GammaRegressor(max_iter=1000)),
    "one-hot, impute, scale + TweedieRegressor": lambda: encoded(TweedieRegressor(power=1.5, max_iter=1000)),
    "TransformedTargetRegressor(HistGradientBoosting), log": lambda: TransformedTargetRegressor(
        HistGradientBoostingRegressor(**SEED), func=_log, inverse_func=_exp
    ),
}


def list_usual() -> Iterator[Case]:
    """Yield the usual pipelines: two classes, three for some, regressions."""
    for name, build in CLASSIFIERS.items():
        yield Case(name, Task.BINARY, build, gaps=True, most=300 if "GaussianProcess" in name else 100_000)
    for name in (
        "one-hot, impute, scale + LogisticRegression",
        "HistGradientBoosting",
        "impute + RandomForest",
        "XGBClassifier",
        "LGBMClassifier",
        "CatBoostClassifier",
    ):
        yield Case(f"{name}, three classes", Task.MULTICLASS, CLASSIFIERS[name], gaps=True)
    for name, build in REGRESSORS.items():
        yield Case(f"{name}, regression", Task.REGRESSION, build, gaps=True)


def _log(values: Any) -> Any:
    import numpy as np

    return np.log1p(values)


def _exp(values: Any) -> Any:
    import numpy as np

    return np.expm1(values)
