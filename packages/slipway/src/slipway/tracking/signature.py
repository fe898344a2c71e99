"""The contract in MLflow's types, and frames that fit them."""

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
    """What the registered model takes (a nullable field is optional), and what it gives."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns, _ = bundle.golden()
    given = bundle.predict(columns)
    outputs = Schema([ColSpec(_ANSWERS[values.dtype.kind], name) for name, values in given.items()])
    return ModelSignature(inputs=input_schema(bundle.fields), outputs=outputs)


def input_schema(fields: Sequence[Field]) -> "Schema":
    """The contract's fields as MLflow's columns."""
    from mlflow.types import ColSpec, Schema

    return Schema([ColSpec(_type(field), field.name, required=not field.nullable) for field in fields])


def to_frame(fields: Sequence[Field], columns: Columns) -> "pd.DataFrame":
    """Columns as a frame that MLflow's check of types lets pass.

    Timestamps are in UTC without saying so, a missing truth value is None, and integers that may be missing
    are floats: MLflow's types know no others.
    """
    import pandas as pd

    return pd.DataFrame({field.name: _values(field, columns[field.name]) for field in fields})


def _type(field: Field) -> Any:
    if field.nullable and field.kind is Kind.INTEGER:
        # A frame's column of integers cannot say that one is missing, so MLflow wants doubles there.
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
