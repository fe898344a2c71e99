"""Rows of the prediction log whose outcome is known, as a source of newer data, with what they are not a sample of."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from slipway.bundle.manifest import Manifest
from slipway.columns import Columns
from slipway.contract import Field, Kind, read_contract
from slipway.errors import ProblemError
from slipway.figures import format_figure
from slipway.monitoring.effectiveness.labels import measure_labels
from slipway.monitoring.intake.log import Progress, open_log
from slipway.monitoring.intake.segments import LogSource
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.release_reference import read_release_reference
from slipway.monitoring.rules import read_rules
from slipway.problem import Problem
from slipway.project import load_project
from slipway.serving.identifiers import format_identifier

if TYPE_CHECKING:
    import pandas as pd

# Of more rows a sample of whole predictions is drawn: with 20 columns these take 700 MB.
_MOST_ROWS = 1 << 21
_TYPES = {Kind.INTEGER: "Int64", Kind.BOOLEAN: "boolean"}


def bring_labelled_rows(
    root: Path, problem: Problem, environment: str, sources: Sequence[LogSource], until: date, progress: Progress
) -> tuple[Problem, str]:
    """Return the problem with a hook `refresh` that brings the log's rows, and a sentence about these rows.

    They are the rows that the environment answered up to the day `until`, whose inputs and outcome are in the log.
    Without `sources` the environment's target says where its log is. Raises `ProblemError` without the hook
    `add_labelled`, `DataError` for a log without a prediction.
    """
    add = problem.add_labelled
    if add is None:
        raise ProblemError(
            f"The problem {problem.name!r} has no hook `add_labelled`, which puts rows of the log into its data: a "
            "function of the data's folder and a DataFrame, named in problem.py (docs/retrain.md)."
        )
    reference, fields = read_release_reference(root, environment), read_contract(problem.contract)
    manifest, params, clock = reference.manifest, load_project(root).params, read_rules(root).clock
    with open_log(root, environment, sources, manifest, fields, progress, clock, _MOST_ROWS) as log:
        traffic, share = log.loaded.traffic, log.loaded.share
    traffic = traffic.take(traffic.clock < np.datetime64(until + timedelta(days=1), "us"))
    figures = {each.name: each.figure for each in measure_labels(traffic, manifest, params.evaluate)}
    chosen = traffic.take(traffic.labelled & traffic.has_inputs)
    rows = _make_frame(fields, chosen, manifest)
    sentence = (
        f"From the log: {len(chosen):,} of {len(traffic):,} rows up to {until} have their inputs and an outcome"
        f"{'' if share == 1 else f', in a sample of {share:.0%}'}. They are no random sample: their mean score less "
        f"that of all rows is {format_figure(figures.get('labelled_score_gap'), '+.3f')}, and where a score decides "
        "what is done, it decides which outcomes are seen"
    )
    return msgspec.structs.replace(problem, refresh=lambda folder, _: add(folder, rows)), sentence


def _make_frame(fields: Sequence[Field], traffic: Traffic, manifest: Manifest) -> "pd.DataFrame":
    import pandas as pd

    classes = manifest.classes
    target = [classes[code] for code in traffic.target.tolist()] if classes else traffic.target
    columns = {field.name: _make_column(field, traffic.columns) for field in fields}
    keys = [format_identifier(int(high) << 64 | int(low)) for high, low in traffic.identifiers.tolist()]
    return pd.DataFrame({**columns, "target": target, "time": traffic.clock, "key": keys})


def _make_column(field: Field, columns: Columns) -> "pd.Series":
    """Return a column in the type in which `read_folder` reads it."""
    import pandas as pd

    values = pd.Series(columns[field.name])
    if field.zoned:
        return values.dt.tz_localize("UTC")
    return values.astype(_TYPES[field.kind]) if field.kind in _TYPES else values
