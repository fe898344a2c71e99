"""Models that refuse, or cannot score, what production's clients sent last week and no row of the holdout has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from catalogue import Change, mutant
from contracts import PAPERLESS, hook, with_contract
from model import with_features
from projectbox import Project

from slipway.columns import columns_to_rows, frame_to_columns, take_rows
from slipway.contract import read_contract
from slipway.ledger import Ledger
from slipway.serving.log import Batch, Prediction
from slipway.settings import local_log

_NEWEST = datetime(2024, 5, 8, 12, tzinfo=UTC)
_LATER = datetime(2031, 1, 1, tzinfo=UTC)


def write_log(project: Project, **changed: Any) -> None:
    """Write a week of requests to production's log: rows of the holdout, and one in which a field is changed."""
    serving = Ledger(project.root).read("production").serving
    assert serving
    fields = read_contract(project.problem.contract)
    rows = columns_to_rows(fields, take_rows(frame_to_columns(fields, project.holdout), slice(0, 60)))
    identifier, model = "01a20ca2-0000-7000-8000-000000000000", serving.bundle
    record = Prediction(identifier, _NEWEST, model, 80, 0.5, True, rows[0] | changed)
    batch = Batch(identifier, _NEWEST - timedelta(days=6), model, 80, [0.5] * 60, [True] * 60, rows)
    folder = local_log(project.root, "production")
    folder.mkdir(parents=True)
    lines = [msgspec.json.encode(each) + b"\n" for each in (record, batch)]
    (folder / "20240508T000000.000000Z-00000000.jsonl").write_bytes(b"".join(lines))


def _logged(change: Change, **changed: Any) -> Change:
    """Return a change of a project whose production has a log."""

    def twin(project: Project) -> None:
        write_log(project, **changed)
        change(project)

    return twin


def _wider(project: Project) -> None:
    with_contract(project, "ge=0, le=600", "ge=-1, le=900")


def _with_default(project: Project) -> None:
    with_features(project, 'kept["usage"] = kept["usage"] * 1.0')


@mutant("accepts_requests", _logged(_wider, town="zwolle"))
def town_of_no_holdout_refused(project: Project) -> None:
    """A hook of the contract refuses a town that no row of the holdout has, and clients send."""
    write_log(project, town="zwolle")
    with_contract(project, PAPERLESS, hook("self.town == 'zwolle'", "raise ValueError('zwolle')"))


@mutant("accepts_requests", _logged(_wider, town="zwolle"))
def pattern_of_the_holdouts_towns(project: Project) -> None:
    """A text must begin as the towns of the holdout do."""
    write_log(project, town="zwolle")
    with_contract(project, "^[a-z]+$", "^[a-y][a-z]*$")


@mutant("accepts_requests", _logged(_wider, months=590))
def range_of_the_holdout(project: Project) -> None:
    """The maximum of a number is the holdout's."""
    write_log(project, months=590)
    with_contract(project, "ge=0, le=600", f"ge=0, le={project.holdout['months'].max()}")


@mutant("accepts_requests", _logged(_with_default, joined=_LATER))
def years_of_the_holdout_only(project: Project) -> None:
    """The features look a year up in a table that ends with the holdout's."""
    write_log(project, joined=_LATER)
    table = "dict.fromkeys(range(1970, 2030), 1.0) | {None: 1.0}"
    with_features(
        project,
        f'kept["usage"] = kept["usage"] * np.array([({table})[each and each.year] for each in joined.tolist()])',
    )


@mutant("accepts_requests", _logged(_with_default, months=590))
def table_as_long_as_the_holdout_needs(project: Project) -> None:
    """The features look a number up in a table that has no place for what clients send."""
    write_log(project, months=590)
    with_features(
        project, 'kept["months"] = np.array([[*range(590)][int(each) % 599] for each in kept["months"]]) * 1.0'
    )
