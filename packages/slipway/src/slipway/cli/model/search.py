"""`slipway search`: better parameters, by cross-validation inside the training set."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, Duration, examples
from slipway.cli.output import print_result, print_table, progress_printer

if TYPE_CHECKING:
    from collections.abc import Callable

    from slipway.search.result import SearchResult
    from slipway.search.run import Progress
    from slipway.search.study import TrialResult

_SHOWN = 5
_INTERRUPTED = 130


@click.command(
    epilog=examples(
        "slipway search --trials 100 --workers 2",
        "slipway search --timeout 10m",
        "slipway search --resume --trials 200",
        "slipway search --resume --write",
    )
)
@click.option("--trials", type=click.IntRange(1), help="Trials of the study in all.  [default: 50, or as it was begun]")
@click.option("--timeout", type=Duration(), help="Begin no trial after this time: 600, 10m, 2h.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes, of one thread each.")
@click.option("--resume", is_flag=True, help="Go on with the newest study.")
@click.option("--write", is_flag=True, help="Write the best values into params.yaml; without it, print the change.")
@AS_JSON
def search(trials: int | None, timeout: float | None, workers: int, resume: bool, write: bool, as_json: bool) -> None:
    """Search for better parameters by cross-validation.

    The space is the section search of params.yaml, explained in docs/search.md. Every trial is fitted and scored inside
    prepared/train.parquet, by the primary metric; the holdout is never read. The study is kept in .slipway/search/ and
    in MLflow. After ctrl-c, --resume goes on.
    """
    from slipway.search.result import write_winner
    from slipway.search.run import SearchOptions, run_search
    from slipway.settings import tracking_settings

    options = SearchOptions(trials, timeout, workers, resume)
    found = run_search(Path(), options, tracking_settings(), _print_progress(progress_printer(as_json)))
    if write and not found.interrupted:
        found = write_winner(Path(), found)
    if as_json:
        print_result(as_json, found)
    else:
        _show(found)
    sys.exit(_INTERRUPTED if found.interrupted else 0)


def _print_progress(say: "Callable[[str], None]") -> "Callable[[Progress], None]":
    def report(progress: "Progress") -> None:
        trial, best = progress.trial, progress.best
        value = f"failed: {trial.reason}" if trial.value is None else f"{trial.value:.5f}"
        so_far = f", best {best.value:.5f} (trial {best.number})" if best else ""
        left = _describe_time(progress.seconds_left)
        say(f"  {progress.ended} of {progress.aim}: trial {trial.number} {value}{so_far}, about {left} left")

    return report


def _show(found: "SearchResult") -> None:
    scored, failed = len(found.trials), sum(found.failed.values())
    click.echo(
        f"\nStudy {found.study}: {scored + failed} of {found.aim} trials, {failed} of them failed; {found.metric} of "
        f"{found.folds} folds, {found.better} is better"
    )
    if found.trials:
        _show_trials(found)
    for reason, count in found.failed.items():
        click.echo(f"failed, {count} times: {reason}")
    if found.importances:
        click.echo("importance: " + ", ".join(f"{name} {share:.2f}" for name, share in found.importances.items()))
    click.echo(_describe_next(found))


def _show_trials(found: "SearchResult") -> None:
    best = found.trials[0]
    names = [*best.values]
    rows = [*found.trials[:_SHOWN]]
    rows += [found.before] if found.before and found.before not in rows else []
    print_table(("trial", found.metric, *(name.removeprefix("model.") for name in names)), map(_row, rows))
    if found.before and best is not found.before:
        click.echo(
            f"trial {best.number} beats the values from before the study (trial {found.before.number}) on "
            f"{found.better_folds} of {found.folds} folds"
        )


def _row(trial: "TrialResult") -> tuple[str, ...]:
    number = f"{trial.number}{' (before)' if trial.present else ''}"
    return (number, f"{trial.value:.5f}", *(f"{value}" for value in trial.values.values()))


def _describe_next(found: "SearchResult") -> str:
    if found.interrupted:
        return "Interrupted. Next: `slipway search --resume` goes on."
    if not found.trials:
        return "No trial has ended. Next: `slipway search --resume` goes on."
    if found.written:
        return f"{found.change}Written into params.yaml. Next: `dvc repro`, then `slipway gate`."
    if not found.change:
        return "params.yaml has the values of the best trial already."
    return f"{found.change}Next: `slipway search --resume --write` writes it into params.yaml."


def _describe_time(seconds: float) -> str:
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"
