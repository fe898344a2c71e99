"""Fit the problem's estimator on the numbers that the service will give the model."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.inputs import encode_inputs, fit_inputs
from slipway.bundle.manifest import Class, Input
from slipway.columns import Columns, frame_to_columns
from slipway.contract import read_contract
from slipway.errors import DataError, ModelError, first_line, is_shortage
from slipway.params import Params
from slipway.problem import Problem, Task, order_classes
from slipway.training.exporting.boosters import BOOSTERS, describe_missing
from slipway.training.imputers import refuse_idle_imputers
from slipway.training.precision import refuse_lost_integers, refuse_lost_values
from slipway.training.refusals import refuse_own_threshold, refuse_unfitted, require_columns, require_scores
from slipway.training.sources import require_allowed_sources

if TYPE_CHECKING:
    import pandas as pd


class Fitted(msgspec.Struct, frozen=True):
    """A fitted estimator, the inputs of its tensor, and its classes."""

    estimator: Any
    inputs: tuple[Input, ...]
    classes: tuple[Class, ...]
    task: Task


def fit_estimator(problem: Problem, params: Params, frame: "pd.DataFrame") -> Fitted:
    """Fit on `frame`: the contract's columns and `target`.

    Inputs are converted to float32 first, because ONNX compares in float32: without it the scores of rows near a split
    point differ by up to 9e-3.
    """
    require_allowed_sources(problem)
    inputs, tensor = _tensor(problem, frame)
    _refuse_constants(inputs, tensor)
    classes, target = _target(problem, frame["target"].to_numpy())
    estimator = _build(problem, params)
    refuse_unfitted(estimator, problem.task, inputs, tensor)
    try:
        estimator.fit(name_columns(inputs, tensor), target)
    except OSError:
        raise
    except Exception as error:  # estimators have no common type for what they refuse
        if is_shortage(error):
            raise MemoryError(str(error)) from error
        raise ModelError(
            f"Cannot fit {type(estimator).__name__} on {len(frame)} rows of "
            f"{', '.join(i.name for i in inputs)}: {first_line(error)} {_advise(error)}"
        ) from error
    refuse_idle_imputers(estimator, inputs, tensor)
    require_scores(estimator, problem.task)
    refuse_own_threshold(estimator)
    return Fitted(estimator, inputs, classes, problem.task)


def _advise(error: Exception) -> str:
    if "using strings is only supported for dataframes" in str(error):
        return (
            "An ensemble gives its estimators rows without names. Put the ColumnTransformer in front of it: "
            "make_pipeline(ColumnTransformer(...), BaggingClassifier(...))."
        )
    return "Text is encoded as numbers and missing numbers are NaN; model.py must build an estimator that accepts both."


def _build(problem: Problem, params: Params) -> Any:
    try:
        return problem.build(params.model, params.train.seed)
    except ModuleNotFoundError as error:
        if error.name not in BOOSTERS:
            raise
        raise ModelError(
            f"model.py imports {error.name}, which is not installed. {describe_missing(error.name)}"
        ) from error


def _tensor(problem: Problem, frame: "pd.DataFrame") -> tuple[tuple[Input, ...], NDArray[np.float32]]:
    """Return the inputs and their values; the columns, several times as large, are freed before the fit."""
    fields = read_contract(problem.contract)
    given = frame_to_columns(fields, frame)
    refuse_lost_integers(fields, frame, given)
    columns = derive_features(problem, given)
    inputs = fit_inputs(columns)
    refuse_lost_values(columns)
    return inputs, encode_inputs(inputs, columns)


def derive_features(problem: Problem, columns: Columns) -> Columns:
    """Apply the problem's features, if it has any."""
    return require_columns(problem.features(columns), columns) if problem.features else columns


def predict_scores(fitted: Fitted, tensor: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score rows with the original estimator; shapes as in `Bundle.score`."""
    rows = name_columns(fitted.inputs, tensor)
    if fitted.task is Task.REGRESSION:
        return np.asarray(fitted.estimator.predict(rows), dtype=np.float64)
    probabilities = np.asarray(fitted.estimator.predict_proba(rows), dtype=np.float64)
    return probabilities[:, 1] if fitted.task is Task.BINARY else probabilities


def name_columns(inputs: tuple[Input, ...], tensor: NDArray[np.float32]) -> "pd.DataFrame":
    """Return rows of the tensor as the estimator sees them: a frame with the inputs' names."""
    import pandas as pd

    return pd.DataFrame(tensor, columns=[given.name for given in inputs])


def _target(problem: Problem, target: NDArray[Any]) -> tuple[tuple[Class, ...], NDArray[Any]]:
    task = problem.task
    if task is Task.REGRESSION:
        return (), target.astype(np.float64)
    plain = [int(value) if isinstance(value, float) and value.is_integer() else value for value in target.tolist()]
    kinds = {type(value) for value in plain}
    if len(kinds) > 1 or not kinds <= {bool, int, str}:
        raise DataError(
            "The target: expected classes that are all truth values, all whole numbers or all text, found "
            f"{', '.join(sorted(kind.__name__ for kind in kinds))}. Convert the target in dataset.py."
        )
    classes, codes = np.unique(np.array(plain), return_inverse=True)
    if len(classes) < 2 or (task is Task.BINARY and len(classes) != 2):
        raise DataError(
            f"The training set's target: expected {'two classes' if task is Task.BINARY else 'two or more classes'} "
            f"for a {task} task, found {len(classes)}: {', '.join(map(str, classes.tolist()))}. Check the target in "
            "dataset.py and the split."
        )
    ordered = order_classes(problem, classes.tolist())
    return ordered, np.array([ordered.index(name) for name in classes.tolist()])[codes]


def _refuse_constants(inputs: tuple[Input, ...], tensor: NDArray[np.float32]) -> None:
    for position, given in enumerate(inputs):
        values = tensor[:, position]
        if np.isnan(values).all() or (values == values[0]).all():
            found = given.vocabulary[0] if given.vocabulary else values[0]
            raise DataError(
                f"The feature {given.name!r} is constant in the training set: {found} in all {len(values)} rows, "
                "usually after a broken join. Fix dataset.py, or drop the feature in features.py."
            )
