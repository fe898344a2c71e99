"""Translate the contract into MLflow's types, and columns into frames that fit them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle import Bundle
from slipway.columns import Columns
from slipway.contract import Field, Kind

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

_TYPES = {
    Kind.NUMBER: "double",
    Kind.INTEGER: "long",
    Kind.BOOLEAN: "boolean",
    Kind.CATEGORY: "string",
    Kind.TIMESTAMP: "datetime",
}
_ANSWERS = {"f": "double", "i": "long", "b": "boolean", "U": "string"}


def make_signature(bundle: Bundle) -> "ModelSignature":
    """Make the signature of the registered model: inputs (a nullable field is optional) and outputs."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns, _ = bundle.golden()
    given = bundle.predict(columns)
    outputs = Schema([ColSpec(_ANSWERS[values.dtype.kind], name) for name, values in given.items()])
    return ModelSignature(inputs=input_schema(bundle.fields), outputs=outputs)


def input_schema(fields: Sequence[Field]) -> "Schema":
    """Describe the contract's fields as MLflow's columns."""
    from mlflow.types import ColSpec, Schema

    return Schema([ColSpec(_type(field), field.name, required=not field.nullable) for field in fields])


def to_frame(fields: Sequence[Field], columns: Columns) -> "pd.DataFrame":
    """Make a frame of the columns that passes MLflow's check of types.

    Timestamps are in UTC but naive, a missing boolean is None, and integers that may be missing are floats, as MLflow's
    types demand.
    """
    import pandas as pd

    return pd.DataFrame({field.name: _values(field, columns[field.name]) for field in fields})


def _type(field: Field) -> Any:
    if field.nullable and field.kind is Kind.INTEGER:
        # A frame's column of integers cannot hold a missing one, so MLflow expects doubles.
        return "double"
    if field.nullable and field.kind is Kind.BOOLEAN:
        # MLflow reads null as False where a column is declared as boolean.
        from mlflow.types.schema import AnyType

        return AnyType()
    return _TYPES[field.kind]


def _values(field: Field, values: NDArray[Any]) -> NDArray[Any]:
    if field.kind is Kind.INTEGER and not field.nullable:
        return values.astype(np.int64)
    if field.kind is not Kind.BOOLEAN:
        return values
    if not field.nullable:
        return values.astype(bool)
    truth = (values == 1).astype(object)
    truth[np.isnan(values)] = None
    return truth
