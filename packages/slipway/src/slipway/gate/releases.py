"""Score earlier releases on the same rows, so that small losses, release after release, cannot add up."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.isolation import isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.errors import SlipwayError
from slipway.evaluation.scored import score_frame, verify_bundle_problem
from slipway.gate.inputs import Anchors, ScoredBundle
from slipway.gate.statistics.reproduction import add_absent_columns
from slipway.ledger.entry import Entry
from slipway.problem import ProblemFacts

if TYPE_CHECKING:
    import pandas as pd


def list_anchors(entries: Iterable[Entry], champion: str, number: int) -> list[str]:
    """Return the bundles of the last `number` releases before the champion, from the entries, newest first.

    Releases that are distrusted or blocked now are none of them.
    """
    found: list[str] = []
    refused: set[str] | None = None
    for entry in entries:
        if refused is None:
            refused = {champion, *entry.distrusted, *entry.blocked}
        if len(found) == number:
            break
        if entry.serving and entry.serving.bundle not in {*refused, *found}:
            found.append(entry.serving.bundle)
    return found


def score_anchors(
    digests: Iterable[str],
    fetch: Callable[[str], Path],
    problem: ProblemFacts,
    holdout: "pd.DataFrame",
    champion: ScoredBundle,
) -> Anchors:
    """Score releases on `holdout` as the champion was; those that cannot score these rows are counted."""
    scored, unable = [], 0
    for digest in digests:
        folder = fetch(digest)
        try:
            bundle = isolate_bundle(read_sealed(folder, digest))
            verify_bundle_problem(bundle, problem)
            found = score_frame(bundle, add_absent_columns(bundle.fields, holdout))
        except SlipwayError:
            unable += 1
            continue
        if found.classes == champion.scored.classes:
            scored.append(ScoredBundle(bundle, found))
        else:
            unable += 1
    return Anchors(tuple(scored), unable)
