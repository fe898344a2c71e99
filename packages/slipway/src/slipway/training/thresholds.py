"""Find the thresholds of an estimator's trees, wherever they are inside of it, and round them for the export."""

from collections.abc import Iterator
from copy import deepcopy
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.columns import spread_rows

# Enough for every threshold of the usual ensemble; of more, an even spread.
_MOST_ROWS = 30_000


def round_thresholds(estimator: Any) -> Any:
    """Return a copy of `estimator` whose histogram trees have thresholds that float32 holds, rounded down.

    scikit-learn compares float32 values with float64 thresholds, ONNX with float32 ones. No float32 value lies between
    a threshold and the float32 below it, so the copy scores float32 rows bit for bit as the original does. A threshold
    that is rounded up instead may become a value of the data, which then takes the other branch. The converter itself
    rounds the thresholds of other trees.
    """
    copy = deepcopy(estimator)
    for nodes in (found.nodes for found in _trees(copy) if _is_histogram(found)):
        numbers = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
        nodes["num_threshold"][numbers] = round_down(nodes["num_threshold"][numbers])
    return copy


def rows_around_thresholds(estimator: Any, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of `tensor` with one value put on a threshold, or one float32 step below or above it.

    No rows for an estimator without trees. Behind a step that changes columns a threshold belongs to none of the
    tensor's; such rows are ordinary ones.
    """
    found = np.unique(np.concatenate([np.empty((0, 2)), *map(_splits, _trees(estimator))]), axis=0)
    found = found[(found[:, 0] < tensor.shape[1]) & np.isfinite(found[:, 1])]
    found = found[spread_rows(len(found), _MOST_ROWS // 3)]
    columns, at = np.tile(found[:, 0].astype(np.intp), 3), round_down(found[:, 1])
    around = np.concatenate([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))])
    rows = tensor[spread_rows(len(tensor), max(1, len(columns)))]
    rows = np.resize(rows, (len(columns), tensor.shape[1]))
    rows[np.arange(len(columns)), columns] = around
    return rows


def compares_columns(estimator: Any) -> bool:
    """Tell whether trees are inside that compare the columns of the tensor, and no step in front changes those."""
    from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.impute import SimpleImputer

    for found in walk_parts(estimator):
        if not isinstance(found, TransformerMixin) or isinstance(found, ClassifierMixin | RegressorMixin):
            continue
        # Ensembles keep their targets' encoder, and histogram trees the bins of their own training.
        own = type(found).__name__ in ("LabelEncoder", "LabelBinarizer", "_BinMapper")
        if not own and not (isinstance(found, SimpleImputer) and not found.add_indicator):
            return False
    return any(True for _ in _trees(estimator))


def contains_plain_trees(estimator: Any) -> bool:
    """Tell whether trees of scikit-learn's other kind are inside: of forests and of plain gradient boosting."""
    return any(not _is_histogram(tree) for tree in _trees(estimator))


def contains_histogram_trees(estimator: Any) -> bool:
    """Tell whether trees of HistGradientBoosting are inside."""
    return any(map(_is_histogram, _trees(estimator)))


def round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 number that is not above each threshold."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _splits(tree: Any) -> NDArray[np.float64]:
    """Return column and threshold of each node that compares numbers: shape (nodes, 2)."""
    if _is_histogram(tree):
        nodes = tree.nodes[(tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] == 0)]
        return np.stack([nodes["feature_idx"].astype(np.float64), nodes["num_threshold"]], axis=1)
    inner = tree.feature >= 0
    return np.stack([tree.feature[inner].astype(np.float64), tree.threshold[inner]], axis=1)


def _is_histogram(tree: Any) -> bool:
    return hasattr(tree, "nodes")


def walk_parts(estimator: Any) -> Iterator[Any]:
    """Yield every object inside: of ensembles, calibration, stacking, bagging, voting, search and pipelines."""
    waiting, seen = [estimator], set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type | FunctionType | ModuleType):
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list | tuple) or (isinstance(item, np.ndarray) and item.dtype == object):
            waiting += list(item)
        else:
            waiting += getattr(item, "__dict__", {}).values()


def _trees(estimator: Any) -> Iterator[Any]:
    """Yield every fitted tree inside."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.tree._tree import Tree

    return (part for part in walk_parts(estimator) if isinstance(part, TreePredictor | Tree))
