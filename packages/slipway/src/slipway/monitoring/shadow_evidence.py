"""Compare the candidate that shadowed production on its traffic: evidence beside the gate's holdout."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slipway.contract import read_contract
from slipway.errors import SlipwayError
from slipway.gate.result import ShadowEvidence
from slipway.ledger.entry import PRODUCTION
from slipway.monitoring.intake.log import Progress, open_log
from slipway.monitoring.release_reference import read_release_reference
from slipway.monitoring.rules import read_rules
from slipway.monitoring.shadow import FEWEST_GROUPS, ShadowComparison, compare_shadow
from slipway.project import load_project

_SILENT = Progress(lambda *_: None, lambda _: None)


def read_shadow_evidence(root: Path, candidate: str, folders: Sequence[Path]) -> ShadowEvidence:
    """Compare `candidate`, a digest, with what served while it shadowed production; an error becomes the note.

    `folders` hold production's log; without any, the environment's target says where it is.
    """
    try:
        project, reference = load_project(root), read_release_reference(root, PRODUCTION)
        fields, clock = read_contract(project.problem.contract), read_rules(root).clock
        with open_log(root, PRODUCTION, folders, reference.manifest, fields, _SILENT, clock) as log:
            traffic = log.loaded.traffic
            params, metric = project.params.evaluate, project.problem.metric
            found = compare_shadow(traffic, reference.manifest, metric, params, candidate)
    except SlipwayError as error:
        return ShadowEvidence(note=f"Nothing is compared. {error}")
    if found is None:
        return ShadowEvidence(
            note=f"The log of production has no score of {candidate[:12]}. `slipway shadow production candidate` lets "
            "it shadow production."
        )
    chosen = traffic.shadow.model == traffic.shadow.models.index(candidate)
    period = traffic.days()[chosen][[0, -1]]
    return _describe(found, period)


def _describe(found: ShadowComparison, period: NDArray[np.datetime64]) -> ShadowEvidence:
    refused = f", and refused {found.refused:,} of them" if found.refused else ""
    note = (
        f"{found.shadow[:12]} saw {found.seen:,} of {found.predictions:,} rows, {period[0]} to {period[1]}{refused}; "
        f"{found.rows:,} rows on {found.groups:,} days have an outcome"
    )
    if found.groups < FEWEST_GROUPS:
        return ShadowEvidence(note=f"{note}, expected {FEWEST_GROUPS} days or more.", rows=found.rows)
    return ShadowEvidence(
        note=f"{note}.", rows=found.rows, groups=found.groups, relative=found.improvement, metrics=found.metrics
    )
