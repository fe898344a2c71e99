"""Save a bundle as an MLflow model: the sealed folder, the few files that run it, and its dependencies."""

import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slipway
from slipway.bundle import Bundle
from slipway.columns import take_rows
from slipway.tracking.signature import make_signature, to_frame

if TYPE_CHECKING:
    from mlflow.models import Model

_PACKAGE = Path(slipway.__file__).parent
_ENTRY = Path(__file__).with_name("scoring.py")
_NEEDED = ("mlflow", "msgspec", "numpy", "onnxruntime", "pandas")
_EXAMPLES = 5
# Whatever `scoring.py` imports from slipway, directly or not: files and folders.
_TRAVELLING = (
    *("__init__.py", "columns.py", "contract.py", "errors.py", "problem.py", "tables.py", "violations.py"),
    *("bundle", "files/__init__.py", "files/writing.py"),
)


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
