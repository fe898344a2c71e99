"""Save a bundle as an MLflow model: the sealed folder, the few files that run it, and its dependencies."""

import ast
import platform
import shutil
import tempfile
from collections.abc import Iterator
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


def travelling_files() -> list[Path]:
    """List every file of slipway that the model's entry file imports, directly or not."""
    found: set[Path] = set()
    waiting = [_ENTRY]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path)
    return sorted(found)


def _copy_code(folder: Path) -> Path:
    target = folder / _PACKAGE.name
    for path in travelling_files():
        copy = target / path.relative_to(_PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return target


def _imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == _PACKAGE.name:
            yield from _modules(node.module)
            for alias in node.names:
                yield from _modules(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == _PACKAGE.name:
                    yield from _modules(alias.name)


def _modules(name: str) -> Iterator[Path]:
    """Yield the file of a module and of its parent packages; nothing for a name that is not a module."""
    parts = name.split(".")[1:]
    places = [_PACKAGE.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    for place in places:
        yield from (path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file())
