"""What a mutant is: one thing broken in a good project, the check that must say so, and its honest twin."""

import importlib
import itertools
import re
import shutil
import sys
from collections.abc import Callable
from typing import NamedTuple

from projectbox import Project

Change = Callable[[Project], None]


class Mutant(NamedTuple):
    """`harm` breaks the project, `twin` does the same kind of thing honestly; the docstring of `harm` says what.

    `base` judges by the rules of the commit before the change, as in a pull request.
    """

    name: str
    check: str
    harm: Change
    twin: Change
    base: bool = False

    @property
    def what(self) -> str:
        """The change in one line."""
        return (self.harm.__doc__ or "").strip().splitlines()[0].rstrip(".")


CATALOGUE: dict[str, Mutant] = {}
_NUMBERS = itertools.count()


def mutant(check: str, twin: Change, base: bool = False) -> Callable[[Change], Change]:
    """Put a change into the catalogue: `check` must refuse it, and let its `twin` pass."""

    def keep(harm: Change) -> Change:
        name = harm.__name__
        assert name not in CATALOGUE, name
        CATALOGUE[name] = Mutant(name, check, harm, twin, base)
        return harm

    return keep


def nothing(project: Project) -> None:
    """The good project as it is."""


def retrained(project: Project) -> None:
    """The same rows again with a little more trees: an honest retrain."""
    project.retrain(trees=32)


def replace_package(project: Project, file: str, change: Callable[[str], str]) -> str:
    """Let the project have a package of another name, in which one file is changed; returns the name.

    A module is imported once in a process, so a changed package needs a name of its own.
    """
    name = f"churn{next(_NUMBERS)}"
    package = project.root / "src" / name
    shutil.copytree(project.root / "src" / "churn", package)
    for path in package.glob("*.py"):
        path.write_text(re.sub(r"\bchurn\.", f"{name}.", path.read_text()))
    (package / file).write_text(change((package / file).read_text()))
    (project.root / "pyproject.toml").write_text(f'[tool.slipway]\nresults = 3\nproblem = "{name}"\n')
    # The gate looks for it there too.
    sys.path.insert(0, str(project.root / "src"))
    importlib.invalidate_caches()
    return name
