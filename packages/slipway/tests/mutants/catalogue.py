"""What a mutant is: one thing broken in a good project, the check that must say so, and its honest twin."""

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
