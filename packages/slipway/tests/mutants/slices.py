"""Pull requests that change the slices which would catch them."""

import numpy as np
from catalogue import mutant
from model import after_a_weak_release, better_everywhere, one_slice_ruined
from projectbox import Project

_PLAN = 'lambda frame: frame["plan"]'
# Those who came long ago are few in each month, and a sixth of all.
_SMALL = 'lambda frame: frame["months"].clip(lower=99).astype(str)'


def _rewrite(project: Project, old: str, new: str, file: str = "problem.py") -> None:
    path = project.root / "src" / project.package / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def _slice_removed(project: Project) -> None:
    """The slice is removed, and every slice has a better model."""
    better_everywhere(project)
    _rewrite(project, f'(Slice("plan", {_PLAN}),)', "()")


@mutant("no_slice_worse", _slice_removed, base=True)
def slice_removed(project: Project) -> None:
    """One plan is ruined, and the slice that shows it is removed."""
    one_slice_ruined(project)
    _rewrite(project, f'(Slice("plan", {_PLAN}),)', "()")


def _slice_rewritten(project: Project) -> None:
    """The slice is written otherwise and labels the rows as before."""
    better_everywhere(project)
    _rewrite(project, _PLAN, 'lambda frame: frame["plan"].str.strip()')


@mutant("no_slice_worse", _slice_rewritten, base=True)
def slice_merged(project: Project) -> None:
    """One plan is ruined, and its rows are put beside those of a better one."""
    one_slice_ruined(project)
    _rewrite(project, _PLAN, 'lambda frame: frame["plan"].replace({"plus": "basic"})')


def _slice_moved(project: Project) -> None:
    """The slice is moved to another file and labels the rows as before."""
    better_everywhere(project)
    _move_slice(project, "")


@mutant("no_slice_worse", _slice_moved, base=True)
def slice_scattered_elsewhere(project: Project) -> None:
    """One plan is ruined, and a function of another file scatters its rows over all plans."""
    one_slice_ruined(project)
    scattered = 'frame["months"].mod(3).map({0: "basic", 1: "family", 2: "plus"})'
    _move_slice(project, f'.where(frame["months"] < 0, {scattered})')


def _move_slice(project: Project, more: str) -> None:
    path = project.root / "src" / project.package / "parts.py"
    path.write_text(f'def by_plan(frame):\n    return frame["plan"]{more}\n')
    _rewrite(project, f'"plan", {_PLAN}', '"plan", by_plan')
    _rewrite(project, "from slipway import", f"from {project.package}.parts import by_plan\nfrom slipway import")


def _small_parts(project: Project) -> None:
    """A slice of many small parts, and a better model for all of them."""
    better_everywhere(project)
    _rewrite(project, f'"plan", {_PLAN}', f'"months", {_SMALL}')


@mutant("no_slice_worse", _slice_rewritten, base=True)
def slice_renamed(project: Project) -> None:
    """One plan is ruined, and the slice has another name, under which its rows are scattered."""
    one_slice_ruined(project)
    _rewrite(project, f'"plan", {_PLAN}', '"tariff", lambda frame: frame["town"]')


@mutant("no_slice_worse", _slice_moved, base=True)
def slice_that_swallows(project: Project) -> None:
    """One plan is ruined, and the slice puts all rows but a handful under one label."""
    one_slice_ruined(project)
    _rewrite(project, _PLAN, 'lambda frame: frame["plan"].where(frame["months"] > 118, "all")')


@mutant("no_slice_worse", _small_parts)
def small_parts_constant(project: Project) -> None:
    """All parts that are too small to be judged alone were labelled alike, and their rows get hardly any score."""
    train = project.train.copy()
    train.loc[train["months"] > 99, "target"] = False
    after_a_weak_release(project, train)
    _rewrite(project, f'"plan", {_PLAN}', f'"months", {_SMALL}')


@mutant("no_slice_worse", _small_parts)
def small_parts_ruined(project: Project) -> None:
    """The labels of all parts that are too small to be judged alone are shuffled, while the mean becomes better."""
    train = project.train.copy()
    rows = np.flatnonzero(train["months"] > 99)
    train.loc[rows, "target"] = train["target"].iloc[np.random.default_rng(5).permutation(rows)].to_numpy()
    after_a_weak_release(project, train)
    _rewrite(project, f'"plan", {_PLAN}', f'"months", {_SMALL}')
