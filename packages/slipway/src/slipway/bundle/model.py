"""A loaded bundle: columns in, scores out, for any number of rows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.code import CONTRACT, FEATURES, run_source
from slipway.bundle.inputs import encode_inputs
from slipway.bundle.manifest import GoldenRow, Manifest
from slipway.bundle.predictions import prediction_columns, split_scores
from slipway.bundle.scorer import Scorer
from slipway.columns import Columns, count_rows, rows_to_columns, take_rows
from slipway.contract import read_contract
from slipway.errors import ScoringError

# Features and encoding work on slices of this many rows, so that scoring needs constant memory beyond its input.
_SLICE = 1 << 16


class Bundle:
    """One verified model with the contract and the features it was trained with; made by `load_bundle`."""

    def __init__(self, path: Path, digest: str, manifest: Manifest, files: Mapping[str, bytes]) -> None:
        self.path = path
        self.digest = digest
        self.manifest = manifest
        self.contract: type[msgspec.Struct] = getattr(self._run(files, CONTRACT), manifest.contract)
        self.fields = read_contract(self.contract, sealed=True)
        self._derive: Callable[[Columns], Columns] | None = None
        if manifest.features:
            self._derive = getattr(self._run(files, FEATURES), manifest.features)
        self._scorer = Scorer(files["model.onnx"], manifest.task, manifest.batch_floor)
        self._golden = files["golden.jsonl"]

    def score(self, columns: Columns) -> NDArray[np.float64]:
        """Score the contract's columns.

        Returns the probability of the last class for a binary task (rows,), of every class in the order of the
        manifest for a multiclass task (rows, classes), the value for a regression (rows,).
        Raises `ScoringError` for a row that the model gives no finite score.
        """
        rows = count_rows(columns)
        if rows <= _SLICE:
            scores = self._score(columns)
        else:
            slices = [slice(start, start + _SLICE) for start in range(0, rows, _SLICE)]
            scores = np.concatenate([self._score(take_rows(columns, each)) for each in slices])
        if not np.isfinite(scores).all():
            row = int(np.argwhere(~np.isfinite(scores))[0][0])
            raise ScoringError(
                f"Row {row + 1}: expected a finite score, found {scores[row]}. Usually a number in it is far outside "
                "of the training data; narrow its range in the contract."
            )
        return scores

    def predict(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Score and label rows, as the columns that `prediction_columns` names; errors as for `score`."""
        return self.name_predictions(self.score(columns))

    def name_predictions(self, scores: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Return scores and their labels as the columns that `prediction_columns` names."""
        # The label of a regression is its score, and has no column of its own.
        return dict(zip(prediction_columns(self.manifest), (*split_scores(scores), self.label(scores)), strict=False))

    def bind_one(self) -> tuple[memoryview, Callable[[], list[float]]]:
        """Return the model's tensor for one row and the function that scores it, for `RowScorer`."""
        return self._scorer.bind_one(len(self.manifest.inputs))

    def label(self, scores: NDArray[np.float64]) -> NDArray[Any]:
        """Convert scores to labels: classes, or the values themselves for a regression."""
        if not self.manifest.classes:
            return scores
        classes = np.array(self.manifest.classes)
        if self.manifest.threshold is not None:
            return classes[(scores >= self.manifest.threshold).astype(np.intp)]
        return classes[scores.argmax(axis=1)]

    def parse(self, rows: list[Any]) -> Columns:
        """Validate plain rows against the contract; raises `msgspec.ValidationError` that names the field."""
        try:
            return rows_to_columns(self.fields, [msgspec.convert(row, self.contract) for row in rows])
        except OverflowError as error:
            raise msgspec.ValidationError(f"A number or timestamp is out of range: {error}") from error

    def golden_lines(self) -> list[bytes]:
        """Return the golden rows as they are written, one line each."""
        return self._golden.splitlines()

    def golden(self) -> tuple[Columns, NDArray[np.float64]]:
        """Return the golden rows and the scores that the original estimator gave them."""
        golden = [msgspec.json.decode(line, type=GoldenRow) for line in self.golden_lines()]
        return self.parse([line.row for line in golden]), np.array([line.score for line in golden], dtype=np.float64)

    def derive(self, columns: Columns) -> Columns:
        """Apply the features that the model was trained with, if any."""
        return self._derive(columns) if self._derive else columns

    def _run(self, files: Mapping[str, bytes], name: str) -> ModuleType:
        return run_source(name, files[name], self.digest)

    def _score(self, columns: Columns) -> NDArray[np.float64]:
        return self._scorer.run(encode_inputs(self.manifest.inputs, self.derive(columns)))
