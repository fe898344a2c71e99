"""Every estimator that skl2onnx names: as it comes, on numbers without gaps."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from measure import Case
from sklearn import (
    calibration,
    decomposition,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    random_projection,
    svm,
    tree,
)
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from slipway import Task

SEED = {"random_state": 0}
CLASSIFIERS = {
    "AdaBoostClassifier": partial(ensemble.AdaBoostClassifier, **SEED),
    "BaggingClassifier": partial(ensemble.BaggingClassifier, **SEED),
    "BernoulliNB": naive_bayes.BernoulliNB,
    "CalibratedClassifierCV, sigmoid": partial(calibration.CalibratedClassifierCV, LogisticRegression(max_iter=1000)),
    "CalibratedClassifierCV, isotonic": partial(
        calibration.CalibratedClassifierCV, LogisticRegression(max_iter=1000), method="isotonic"
    ),
    "CalibratedClassifierCV, temperature": partial(
        calibration.CalibratedClassifierCV, LogisticRegression(max_iter=1000), method="temperature"
    ),
    "KBinsDiscretizer + CategoricalNB": lambda: make_pipeline(
        preprocessing.KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf"),
        naive_bayes.CategoricalNB(min_categories=5),
    ),
    "ComplementNB": naive_bayes.ComplementNB,
    "DecisionTreeClassifier": partial(tree.DecisionTreeClassifier, **SEED),
    "DummyClassifier": dummy.DummyClassifier,
    "ExtraTreeClassifier": partial(tree.ExtraTreeClassifier, **SEED),
    "ExtraTreesClassifier": partial(ensemble.ExtraTreesClassifier, 30, **SEED),
    "GaussianNB": naive_bayes.GaussianNB,
    "GaussianProcessClassifier": partial(gaussian_process.GaussianProcessClassifier, **SEED),
    "GradientBoostingClassifier": partial(ensemble.GradientBoostingClassifier, **SEED),
    "GridSearchCV": lambda: model_selection.GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, cv=2),
    "HistGradientBoostingClassifier": partial(ensemble.HistGradientBoostingClassifier, **SEED),
    "KNeighborsClassifier": neighbors.KNeighborsClassifier,
    "LinearDiscriminantAnalysis": LinearDiscriminantAnalysis,
    "LinearSVC": svm.LinearSVC,
    "LogisticRegression": partial(LogisticRegression, max_iter=1000),
    "LogisticRegressionCV": partial(linear_model.LogisticRegressionCV, max_iter=1000, cv=2),
    "MLPClassifier": partial(neural_network.MLPClassifier, max_iter=50, **SEED),
    "MultinomialNB": naive_bayes.MultinomialNB,
    "MultiOutputClassifier": lambda: multioutput.MultiOutputClassifier(LogisticRegression(max_iter=1000)),
    "NearestCentroid": neighbors.NearestCentroid,
    "NuSVC": partial(svm.NuSVC, nu=0.3, **SEED),
    "OneVsOneClassifier": lambda: multiclass.OneVsOneClassifier(LogisticRegression(max_iter=1000)),
    "OneVsRestClassifier": lambda: multiclass.OneVsRestClassifier(LogisticRegression(max_iter=1000)),
    "OutputCodeClassifier": lambda: multiclass.OutputCodeClassifier(LogisticRegression(max_iter=1000), **SEED),
    "PassiveAggressiveClassifier": partial(linear_model.PassiveAggressiveClassifier, **SEED),
    "Perceptron": linear_model.Perceptron,
    "QuadraticDiscriminantAnalysis": QuadraticDiscriminantAnalysis,
    "RadiusNeighborsClassifier": partial(neighbors.RadiusNeighborsClassifier, radius=50, outlier_label=0),
    "RandomForestClassifier": partial(ensemble.RandomForestClassifier, 30, **SEED),
    "RandomizedSearchCV": lambda: model_selection.RandomizedSearchCV(
        LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, n_iter=2, cv=2
    ),
    "RidgeClassifier": linear_model.RidgeClassifier,
    "RidgeClassifierCV": linear_model.RidgeClassifierCV,
    "SGDClassifier, log_loss": partial(linear_model.SGDClassifier, loss="log_loss", **SEED),
    "SGDClassifier, modified_huber": partial(linear_model.SGDClassifier, loss="modified_huber", **SEED),
    "SVC": partial(svm.SVC, **SEED),
    "SVC, probability": partial(svm.SVC, probability=True, **SEED),
    "StackingClassifier": lambda: ensemble.StackingClassifier(
        [("tree", tree.DecisionTreeClassifier(max_depth=4)), ("linear", LogisticRegression(max_iter=1000))], cv=2
    ),
    "TunedThresholdClassifierCV": lambda: model_selection.TunedThresholdClassifierCV(
        LogisticRegression(max_iter=1000), cv=2
    ),
    "FixedThresholdClassifier": lambda: model_selection.FixedThresholdClassifier(
        LogisticRegression(max_iter=1000), threshold=0.4
    ),
    "VotingClassifier, soft": lambda: ensemble.VotingClassifier(_voters(), voting="soft"),
    "VotingClassifier, soft, weights": lambda: ensemble.VotingClassifier(_voters(), voting="soft", weights=[1, 3]),
    "VotingClassifier, hard": lambda: ensemble.VotingClassifier(_voters()),
}
REGRESSORS = {
    "ARDRegression": linear_model.ARDRegression,
    "AdaBoostRegressor": partial(ensemble.AdaBoostRegressor, **SEED),
    "BaggingRegressor": partial(ensemble.BaggingRegressor, **SEED),
    "BayesianRidge": linear_model.BayesianRidge,
    "DecisionTreeRegressor": partial(tree.DecisionTreeRegressor, **SEED),
    "DummyRegressor": dummy.DummyRegressor,
    "ElasticNet": linear_model.ElasticNet,
    "ElasticNetCV": linear_model.ElasticNetCV,
    "ExtraTreeRegressor": partial(tree.ExtraTreeRegressor, **SEED),
    "ExtraTreesRegressor": partial(ensemble.ExtraTreesRegressor, 30, **SEED),
    "GammaRegressor": linear_model.GammaRegressor,
    "GaussianProcessRegressor": partial(gaussian_process.GaussianProcessRegressor, alpha=0.1, **SEED),
    "GradientBoostingRegressor": partial(ensemble.GradientBoostingRegressor, **SEED),
    "HistGradientBoostingRegressor": partial(ensemble.HistGradientBoostingRegressor, **SEED),
    "HuberRegressor": linear_model.HuberRegressor,
    "KNeighborsRegressor": neighbors.KNeighborsRegressor,
    "KernelRidge": lambda: __import__("sklearn.kernel_ridge", fromlist=["KernelRidge"]).KernelRidge(),
    "Lars": linear_model.Lars,
    "LarsCV": linear_model.LarsCV,
    "Lasso": linear_model.Lasso,
    "LassoCV": linear_model.LassoCV,
    "LassoLars": linear_model.LassoLars,
    "LassoLarsCV": linear_model.LassoLarsCV,
    "LassoLarsIC": linear_model.LassoLarsIC,
    "LinearRegression": LinearRegression,
    "LinearSVR": partial(svm.LinearSVR, **SEED),
    "MLPRegressor": partial(neural_network.MLPRegressor, max_iter=50, **SEED),
    "MultiOutputRegressor": lambda: multioutput.MultiOutputRegressor(LinearRegression()),
    "NuSVR": svm.NuSVR,
    "OrthogonalMatchingPursuit": linear_model.OrthogonalMatchingPursuit,
    "OrthogonalMatchingPursuitCV": linear_model.OrthogonalMatchingPursuitCV,
    "PLSRegression": PLSRegression,
    "PassiveAggressiveRegressor": partial(linear_model.PassiveAggressiveRegressor, **SEED),
    "PoissonRegressor": linear_model.PoissonRegressor,
    "QuantileRegressor": linear_model.QuantileRegressor,
    "RANSACRegressor": partial(linear_model.RANSACRegressor, **SEED),
    "RadiusNeighborsRegressor": partial(neighbors.RadiusNeighborsRegressor, radius=50),
    "RandomForestRegressor": partial(ensemble.RandomForestRegressor, 30, **SEED),
    "Ridge": linear_model.Ridge,
    "RidgeCV": linear_model.RidgeCV,
    "SGDRegressor": lambda: make_pipeline(StandardScaler(), linear_model.SGDRegressor(**SEED)),
    "SVR": svm.SVR,
    "StackingRegressor": lambda: ensemble.StackingRegressor(
        [("tree", tree.DecisionTreeRegressor(max_depth=4)), ("linear", LinearRegression())], cv=2
    ),
    "TheilSenRegressor": partial(linear_model.TheilSenRegressor, **SEED),
    "TransformedTargetRegressor": lambda: __import__("sklearn.compose", fromlist=["x"]).TransformedTargetRegressor(
        LinearRegression(), transformer=StandardScaler()
    ),
    "TweedieRegressor": linear_model.TweedieRegressor,
    "VotingRegressor": lambda: ensemble.VotingRegressor(
        [("tree", tree.DecisionTreeRegressor(max_depth=4)), ("linear", LinearRegression())]
    ),
    "VotingRegressor, weights": lambda: ensemble.VotingRegressor(
        [("tree", tree.DecisionTreeRegressor(max_depth=4)), ("linear", LinearRegression())], weights=[1, 3]
    ),
}
# Their time grows with the cube of the rows, and with the rows times quantiles.
SLOW = {"GaussianProcessClassifier": 300, "GaussianProcessRegressor": 300, "QuantileTransformer": 300}
# Each in front of a logistic regression.
TRANSFORMERS = {
    "Binarizer": partial(preprocessing.Binarizer, threshold=20),
    "FeatureUnion": lambda: make_union(StandardScaler(), preprocessing.MinMaxScaler()),
    "FunctionTransformer": preprocessing.FunctionTransformer,
    "GaussianRandomProjection": partial(random_projection.GaussianRandomProjection, 2, **SEED),
    "GenericUnivariateSelect": partial(feature_selection.GenericUnivariateSelect, mode="k_best", param=2),
    "IncrementalPCA": decomposition.IncrementalPCA,
    "KBinsDiscretizer": partial(preprocessing.KBinsDiscretizer, quantile_method="averaged_inverted_cdf"),
    "KBinsDiscretizer, ordinal": partial(
        preprocessing.KBinsDiscretizer, encode="ordinal", quantile_method="averaged_inverted_cdf"
    ),
    "KMeans": partial(KMeans, 4, **SEED),
    "KNNImputer": impute.KNNImputer,
    "KernelPCA": partial(decomposition.KernelPCA, 2),
    "MaxAbsScaler": preprocessing.MaxAbsScaler,
    "MinMaxScaler": preprocessing.MinMaxScaler,
    "MiniBatchKMeans": partial(MiniBatchKMeans, 4, **SEED),
    "NeighborhoodComponentsAnalysis": partial(neighbors.NeighborhoodComponentsAnalysis, **SEED),
    "Normalizer": preprocessing.Normalizer,
    "Nystroem": partial(kernel_approximation.Nystroem, n_components=20, **SEED),
    "OneHotEncoder": partial(preprocessing.OneHotEncoder, handle_unknown="ignore"),
    "OrdinalEncoder": partial(preprocessing.OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1),
    "PCA": decomposition.PCA,
    "PolynomialFeatures": preprocessing.PolynomialFeatures,
    "PowerTransformer": preprocessing.PowerTransformer,
    "QuantileTransformer": partial(preprocessing.QuantileTransformer, n_quantiles=100, **SEED),
    "RFE": lambda: feature_selection.RFE(LogisticRegression(max_iter=1000), n_features_to_select=2),
    "RFECV": lambda: feature_selection.RFECV(LogisticRegression(max_iter=1000), cv=2),
    "RandomTreesEmbedding": partial(ensemble.RandomTreesEmbedding, 10, **SEED),
    "RobustScaler": preprocessing.RobustScaler,
    "SelectFdr": feature_selection.SelectFdr,
    "SelectFpr": feature_selection.SelectFpr,
    "SelectFromModel": lambda: feature_selection.SelectFromModel(tree.DecisionTreeClassifier(max_depth=3)),
    "SelectFwe": feature_selection.SelectFwe,
    "SelectKBest": partial(feature_selection.SelectKBest, k=2),
    "SelectPercentile": partial(feature_selection.SelectPercentile, percentile=50),
    "SimpleImputer": impute.SimpleImputer,
    "SplineTransformer": preprocessing.SplineTransformer,
    "StandardScaler": StandardScaler,
    "TargetEncoder": partial(preprocessing.TargetEncoder, target_type="binary", **SEED),
    "TruncatedSVD": partial(decomposition.TruncatedSVD, 2, **SEED),
    "VarianceThreshold": feature_selection.VarianceThreshold,
}


def list_every() -> Iterator[Case]:
    """Yield one case for each estimator."""
    for name, build in CLASSIFIERS.items():
        yield Case(name, Task.BINARY, build, most=SLOW.get(name, 100_000))
        if "Threshold" not in name:
            yield Case(f"{name}, three classes", Task.MULTICLASS, build, most=SLOW.get(name, 100_000))
    for name, build in REGRESSORS.items():
        yield Case(name, Task.REGRESSION, build, most=SLOW.get(name, 100_000))
    for name, build in TRANSFORMERS.items():
        yield Case(f"{name} + LogisticRegression", Task.BINARY, partial(_before_logistic, build))


def _before_logistic(build: Any) -> Any:
    return make_pipeline(build(), LogisticRegression(max_iter=1000))


def _voters() -> list[tuple[str, Any]]:
    return [("tree", tree.DecisionTreeClassifier(max_depth=4)), ("linear", LogisticRegression(max_iter=1000))]
