"""List the names that a model file may import: estimators, and what they consist of."""

from collections.abc import Iterable
from functools import cache

from slipway.importing.nodes import Imported

# What libraries write into their files, by module; `core` was numpy's name of `_core` before 2.0.
_PARTS = {
    "_codecs": "encode",
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple",
    "collections": "OrderedDict defaultdict deque",
    "copyreg": "__newobj__ _reconstructor",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMClassifier LGBMRegressor",
    "numpy": "bool bool_ dtype float16 float32 float64 int8 int16 int32 int64 ndarray str_ uint8 uint16 uint32 uint64",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy.core.numeric": "_frombuffer",
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "MaskedArray _mareconstruct",
    "numpy.random._generator": "Generator",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random.mtrand": "RandomState",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "pandas": "Index RangeIndex StringDtype",
    "pandas.arrays": "ArrowStringArray",
    "pandas.core.indexes.base": "Index _new_Index",
    "pandas.core.indexes.range": "RangeIndex",
    "pyarrow.lib": "_restore_array py_buffer type_for_alias",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "sklearn._loss._loss": "CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
    "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyAbsoluteError CyPinballLoss CyHuberLoss "
    "CyExponentialLoss",
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
    "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.compose._column_transformer": "_RemainderColsList make_column_selector",
    "sklearn.ensemble._gb_losses": "BinomialDeviance LeastSquaresError MultinomialDeviance",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "ConstantKernel DotProduct ExpSineSquared Exponentiation Matern Product RBF "
    "RationalQuadratic Sum WhiteKernel",
    "sklearn.impute._base": "_MissingValues",
    "sklearn.linear_model._sgd_fast": "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredHinge SquaredLoss",
    "sklearn.metrics._dist_metrics": "EuclideanDistance EuclideanDistance64 ManhattanDistance64 MinkowskiDistance64 "
    "newObj",
    "sklearn.metrics._scorer": "_CurveScorer _MultimetricScorer _PassthroughScorer _PredictScorer _ProbaScorer "
    "_Scorer _ThresholdScorer",
    "sklearn.model_selection._split": "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut RepeatedKFold "
    "RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree newObj",
    "sklearn.neighbors._kd_tree": "KDTree newObj",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils": "Bunch",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "xgboost.core": "Booster",
    "xgboost.sklearn": "XGBClassifier XGBRFClassifier XGBRFRegressor XGBRegressor",
}
_BOOSTERS = ("lightgbm.sklearn", "xgboost.sklearn")
_TELLING = ("sklearn.gaussian_process.kernels", "sklearn.model_selection._split")
# Functions and types that a file names; one that would call one while it is loaded is refused.
_KEPT_FUNCTIONS = {
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score brier_score_loss f1_score log_loss "
    "precision_score recall_score",
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score",
    "sklearn.metrics._regression": "max_error mean_absolute_error mean_absolute_percentage_error mean_squared_error "
    "mean_squared_log_error median_absolute_error r2_score root_mean_squared_error",
    "sklearn.metrics._scorer": "_passthrough_scorer",
    # A call of memmap may create or empty a file.
    "numpy": "mean memmap",
}


def list_foreign(imports: dict[Imported, bool]) -> tuple[Imported, ...]:
    """Return the names that are not allowed, in the order of the file; `imports` says which of them are called."""
    kept = _expand(_KEPT_FUNCTIONS)
    allowed = _expand(_PARTS) | estimator_names()
    return tuple(name for name, called in imports.items() if name not in allowed and (called or name not in kept))


@cache
def estimator_names() -> frozenset[Imported]:
    """Return the names of every estimator of scikit-learn."""
    from sklearn.utils import all_estimators

    return frozenset(Imported(found.__module__, name) for name, found in all_estimators())


def is_estimator(name: Imported) -> bool:
    """Return whether a name is an estimator of scikit-learn, XGBoost or LightGBM."""
    return name in estimator_names() or (name.module in _BOOSTERS and name in _expand(_PARTS))


def has_known_defaults(name: Imported) -> bool:
    """Return whether a name is an estimator, a splitter or a kernel, whose parameters its class tells."""
    return is_estimator(name) or (name.module in _TELLING and name in _expand(_PARTS))


def is_kept_function(name: Imported) -> bool:
    """Return whether a name is a function of scikit-learn that an estimator takes as a parameter."""
    return name in _expand(_KEPT_FUNCTIONS)


def _expand(names: dict[str, str]) -> frozenset[Imported]:
    return frozenset(_pairs(names))


def _pairs(names: dict[str, str]) -> Iterable[Imported]:
    return (Imported(module, name) for module, listed in names.items() for name in listed.split())
