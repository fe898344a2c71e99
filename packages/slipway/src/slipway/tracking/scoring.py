"""Load a registered bundle in MLflow ("models from code", no pickle); this file travels with the model."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from slipway.bundle import load_bundle
from slipway.columns import Columns, frame_to_columns
from slipway.contract import Field, Kind

_ABSENT = {Kind.CATEGORY: (None, "object"), Kind.TIMESTAMP: (pd.NaT, "datetime64[us]")}


class ScoringModel(mlflow.pyfunc.PythonModel):
    """A bundle with MLflow's interface: a data frame in, a data frame out, with the same index."""

    def load_context(self, context: Any) -> None:
        """Verify and load the bundle among the model's artifacts."""
        self._bundle = load_bundle(Path(context.artifacts["bundle"]))

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Score and label the rows; see `Bundle.predict` for the columns."""
        columns = _columns(self._bundle.fields, model_input)
        return pd.DataFrame(self._bundle.predict(columns), index=model_input.index)


def _columns(fields: tuple[Field, ...], frame: pd.DataFrame) -> Columns:
    """Convert MLflow's frame, which lacks optional columns that were not sent and has None for a missing boolean."""
    return frame_to_columns(fields, {field.name: _series(field, frame) for field in fields})


def _series(field: Field, frame: pd.DataFrame) -> pd.Series:
    if field.wire_name not in frame:
        value, dtype = _ABSENT.get(field.kind, (np.nan, "float64"))
        return pd.Series(value, index=frame.index, dtype=dtype)
    values = frame[field.wire_name]
    return values.astype("boolean") if field.kind is Kind.BOOLEAN and values.dtype == object else values


mlflow.models.set_model(ScoringModel())
