"""Load, join and split: the problem's dataset becomes a training set and a holdout."""

from pathlib import Path

from slipway.data.prepared import write_parts
from slipway.data.splitting import split_frame
from slipway.project import load_project
from slipway.stage import run_stage, timed_step


def prepare() -> str:
    """Write `prepared/`."""
    problem, params = load_project()
    with timed_step("loading the dataset"):
        frame = problem.load(Path("data"))
    train, holdout = split_frame(frame, params.split)
    with timed_step("writing the parts"):
        write_parts(train, holdout, Path("prepared"))
    groups = holdout["group"].nunique()
    return f"{len(train):,} rows to train on, {len(holdout):,} held out in {groups} whole groups"


if __name__ == "__main__":
    run_stage(prepare)
