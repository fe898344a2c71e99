"""Replacements for parts of a pipeline that ONNX does not take."""

from typing import Any

_GENERAL = (
    "Use an estimator that skl2onnx supports (linear models, trees, forests, HistGradientBoosting and others: "
    "docs/estimators.md has a table), and write transformations of your own in features.py."
)
_REMEDIES = {
    "KNNImputer": "Write SimpleImputer in model.py.",
    "IterativeImputer": "Write SimpleImputer in model.py.",
    "MissingIndicator": "Compute the indicators in features.py: np.isnan(columns[name]).astype(float).",
    "GaussianProcessClassifier": "Write LogisticRegression, SVC(probability=True) or HistGradientBoostingClassifier.",
    "GaussianProcessRegressor": "Write SVR or HistGradientBoostingRegressor.",
    "RadiusNeighborsClassifier": "Write HistGradientBoostingClassifier or LogisticRegression.",
    "RadiusNeighborsRegressor": "Write HistGradientBoostingRegressor or Ridge.",
    "KNeighborsClassifier": "Neighbours at nearly the same distance change places in float32. Write "
    "HistGradientBoostingClassifier or LogisticRegression.",
    "KNeighborsRegressor": "Neighbours at nearly the same distance change places in float32. Write "
    "HistGradientBoostingRegressor or Ridge.",
    "LinearDiscriminantAnalysis": "Write LogisticRegression: it draws the same kind of boundary.",
    "TransformedTargetRegressor": "Transform the target in dataset.py, or write "
    'HistGradientBoostingRegressor(loss="poisson"), whose scores are on the scale of the target.',
    "SplineTransformer": "Write KBinsDiscretizer or PolynomialFeatures, or compute the numbers in features.py.",
    "RandomTreesEmbedding": "Write RandomForestClassifier or HistGradientBoostingClassifier.",
    "FunctionTransformer": "Compute its numbers in features.py, which the service runs too.",
    "StackingClassifier": "Leave final_estimator out, or give it a linear one: trees behind the scores of others send "
    "a last digit of float32 to another branch.",
    "StackingRegressor": "Leave final_estimator out, or give it a linear one: trees behind the scores of others send "
    "a last digit of float32 to another branch.",
    "OutputCodeClassifier": "Write OneVsRestClassifier.",
    "FixedThresholdClassifier": "Give the estimator inside of it, and write its threshold as train.threshold in "
    "params.yaml.",
}
# Settings of boosters that are not exported, or not rightly: any value but None and the first.
_USUAL_SETTINGS: dict[str, tuple[Any, ...]] = {
    "booster": ("gbtree",),
    "missing": ("nan",),
    "num_parallel_tree": (1,),
    "grow_policy": ("SymmetricTree", "depthwise", "lossguide"),
    "boosting_type": ("gbdt", "dart", "Ordered", "Plain"),
    "boosting": ("gbdt", "dart"),
    "linear_tree": (False,),
    "zero_as_missing": (False,),
    "reg_sqrt": (False,),
}


def describe_remedy(part: Any) -> str:
    """Return what to write instead of this part, which cannot be exported or is exported wrongly."""
    name = type(part).__name__
    if name.startswith(("XGB", "LGBM", "CatBoost")):
        return _advise_booster(part)
    if name == "Pipeline" and [type(step).__name__ for _, step in part.steps].count("ColumnTransformer") > 1:
        return (
            "A ColumnTransformer behind another is not exported. Give each column all of its steps in one: "
            '("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS).'
        )
    if name == "CalibratedClassifierCV" and part.method != "sigmoid":
        return f'method="{part.method}" is not exported rightly. Write CalibratedClassifierCV(method="sigmoid").'
    if name == "CalibratedClassifierCV":
        return "Put it around the last step of the pipeline alone, or write LogisticRegression, which needs none."
    if name == "OneHotEncoder":
        return _advise_encoder(part)
    if name == "SimpleImputer" and part.add_indicator:
        return f"add_indicator=True is not exported. {_REMEDIES['MissingIndicator']}"
    if name.startswith("HistGradientBoosting"):
        return "Leave categorical_features out: text is encoded as numbers already; or put a OneHotEncoder in front."
    return _REMEDIES.get(name, _GENERAL)


def _advise_booster(part: Any) -> str:
    given = part.get_params()
    unusual = [f"{name}={given[name]!r}" for name, usual in _USUAL_SETTINGS.items() if _is_unusual(given, name, usual)]
    unusual = unusual or [f"{name}={given[name]!r}" for name in ("objective", "loss_function") if given.get(name)]
    if not unusual or "RF" in type(part).__name__:
        return "Write it with fewer settings in model.py, or HistGradientBoosting."
    return f"{' and '.join(unusual)} is not exported rightly. Leave it out of model.py."


def _is_unusual(given: dict[str, Any], name: str, usual: tuple[Any, ...]) -> bool:
    return given.get(name) is not None and given[name] not in usual and str(given[name]) not in usual


def _advise_encoder(encoder: Any) -> str:
    if encoder.min_frequency is not None or encoder.max_categories is not None:
        return (
            "min_frequency and max_categories are not exported rightly. Leave them out "
            '(OneHotEncoder(handle_unknown="ignore")), or replace rare texts by one in features.py.'
        )
    return (
        "It takes text, which arrives as codes, and whole numbers without gaps. Put SimpleImputer in front of a number "
        "that can be missing, and use a number with decimals as it is, or KBinsDiscretizer."
    )
