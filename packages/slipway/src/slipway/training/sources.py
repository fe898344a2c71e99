"""Read the source files that travel with the model."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slipway.bundle.allowed import require_allowed
from slipway.bundle.code import CONTRACT, FEATURES
from slipway.errors import ProblemError
from slipway.problem import Problem


def read_sources(problem: Problem) -> dict[str, bytes]:
    """Return the contents of `contract.py` and `features.py`, which may use only what `require_allowed` lists."""
    contents = {}
    for name, found in _sources(problem):
        path = Path(inspect.getfile(found))
        if path.name != name:
            raise ProblemError(
                f"{found.__name__}: expected in {name}, the file that travels with the model, found in {path.name}. "
                "Move it there."
            )
        require_allowed(path)
        contents[name] = path.read_bytes()
    return contents


def require_allowed_sources(problem: Problem) -> None:
    """Raise `ProblemError` where the two files use what they may not, pandas for instance: before the fit."""
    for name, found in _sources(problem):
        path = Path(inspect.getfile(found))
        if path.name == name:
            require_allowed(path)


def _sources(problem: Problem) -> Iterator[tuple[str, Any]]:
    yield CONTRACT, problem.contract
    if problem.features:
        yield FEATURES, problem.features
