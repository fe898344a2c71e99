"""Save a bundle as an MLflow model: the sealed folder, the few files that run it, its dependencies and signature."""

import platform
import shutil
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import slipway
from slipway.bundle import Bundle
from slipway.columns import Columns, take_rows
from slipway.contract import Field, Kind

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema

_PACKAGE = Path(slipway.__file__).parent
_ENTRY = Path(__file__).with_name("scoring.py")
_NEEDED = ("mlflow", "msgspec", "numpy", "onnxruntime", "pandas")
_EXAMPLES = 5
# Whatever `scoring.py` imports from slipway, directly or not: files and folders.
_TRAVELLING = (
    *("__init__.py", "columns.py", "contract.py", "errors.py", "problem.py", "violations.py"),
    *("bundle", "files/__init__.py", "files/documents.py", "files/writing.py"),
)
_TYPES = {
    Kind.NUMBER: "double",
    Kind.INTEGER: "long",
    Kind.BOOLEAN: "boolean",
    Kind.CATEGORY: "string",
    Kind.TIMESTAMP: "datetime",
}
_ANSWERS = {"f": "double", "i": "long", "b": "boolean", "U": "string"}


def save_model(bundle: Bundle, folder: Path, description: "Model") -> None:
    """Write the MLflow model of `bundle` into the new `folder`; it loads without this repository."""
    import mlflow.pyfunc

    columns, _ = bundle.golden()
    with tempfile.TemporaryDirectory() as temporary:
        mlflow.pyfunc.save_model(
            path=str(folder),
            mlflow_model=description,
            python_model=str(_ENTRY),
            artifacts={"bundle": str(bundle.path.resolve())},
            code_paths=[str(_copy_code(Path(temporary)))],
            signature=make_signature(bundle),
            input_example=to_frame(bundle.fields, take_rows(columns, slice(_EXAMPLES))),
            conda_env=_environment(),
        )


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

    return Schema([ColSpec(_type(field), field.wire_name, required=not field.nullable) for field in fields])


def to_frame(fields: Sequence[Field], columns: Columns) -> "pd.DataFrame":
    """Make a frame of the columns that passes MLflow's check of types.

    Timestamps are in UTC but naive, a missing boolean is None, and integers that may be missing are floats, as MLflow's
    types demand.
    """
    import pandas as pd

    return pd.DataFrame({field.wire_name: _values(field, columns[field.name]) for field in fields})


def _environment() -> dict[str, Any]:
    """Name the dependencies: to find them MLflow would start a process and require pip, which uv lacks."""
    packages = [f"{name}=={version(name)}" for name in _NEEDED]
    python = f"python={platform.python_version()}"
    return {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": packages}]}


def _copy_code(folder: Path) -> Path:
    target = folder / _PACKAGE.name
    for name in _TRAVELLING:
        source, copy = _PACKAGE / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy)
    return target


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
