"""Where the tests find the repository, the machinery's package and the toy problems."""

import os
from pathlib import Path

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent
SOURCE = PACKAGE / "src"
ROOT = PACKAGE.parents[1]
TOYS = TESTS / "toys"
# What a copy of the repository needs of the machinery to install it.
PACKAGED = tuple(f"packages/slipway/{name}" for name in ("pyproject.toml", "README.md", "src"))


def python_path(project: Path) -> str:
    """PYTHONPATH for commands that shall run the code of a copy: its problem and its machinery."""
    return os.pathsep.join(str(project / folder) for folder in ("src", "packages/slipway/src"))
