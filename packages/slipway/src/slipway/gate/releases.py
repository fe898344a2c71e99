"""Read and score the releases that a candidate is compared with: the champion, and earlier ones as anchors."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.bundle.isolation import IsolatedBundle, isolate_bundle
from slipway.bundle.manifest import Class
from slipway.bundle.verify import read_sealed
from slipway.data.splitting import mark_seen
from slipway.errors import BundleError, LedgerError, SlipwayError
from slipway.evaluation.record import EvaluationRecord, decode_record
from slipway.evaluation.scored import score_frame, verify_bundle_problem
from slipway.gate.base_commit import BaseRules
from slipway.gate.checks.collected import refusing
from slipway.gate.inputs import Anchors, ScoredBundle
from slipway.gate.rules import Decides, Tie
from slipway.gate.statistics.reproduction import add_absent_columns
from slipway.ledger import Ledger
from slipway.ledger.entry import PRODUCTION, Entry, Release
from slipway.problem import ProblemFacts

if TYPE_CHECKING:
    import pandas as pd


class Releases(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Production's newest entry, and the releases and the record of `GateInputs` that follow from the ledger."""

    entry: Entry
    champion: ScoredBundle | None
    dethroned: IsolatedBundle | None
    anchors: Anchors
    record: EvaluationRecord | None


def read_releases(
    root: Path, ledger: Ledger, judged: BaseRules, candidate: IsolatedBundle, holdout: "pd.DataFrame"
) -> Releases:
    """Fetch the releases to compare with from the ledger, and score them on `holdout`; raises `CollectionRefused`."""
    entry, release = ledger.read(PRODUCTION), ledger.champion(PRODUCTION)
    fetch = partial(ledger.fetch_bundle, folder=root / ".slipway" / "bundles")
    champion = _score_champion(fetch, release, judged.problem, holdout, candidate.manifest.classes)
    return Releases(
        entry=entry,
        champion=champion,
        dethroned=_start_dethroned(fetch, entry, release),
        anchors=_read_anchors(ledger, fetch, judged, holdout, candidate, champion),
        record=_read_record(ledger, release.bundle) if release else None,
    )


def _score_champion(
    fetch: Callable[[str], Path],
    release: Release | None,
    problem: ProblemFacts,
    holdout: "pd.DataFrame",
    classes: tuple[Class, ...],
) -> ScoredBundle | None:
    """Score the champion on the same rows by its own contract and features; None where there is none."""
    if release is None:
        return None
    folder = fetch(release.bundle)
    with refusing("production"):
        bundle = isolate_bundle(read_sealed(folder, release.bundle))
        verify_bundle_problem(bundle, problem)
        scored = score_frame(bundle, add_absent_columns(bundle.fields, holdout))
        if scored.classes != classes:
            raise BundleError(
                f"Cannot compare scores: production's model has the classes {scored.classes}, the candidate "
                f"{classes}. Restore the classes, or give the new problem a name of its own."
            )
    return ScoredBundle(bundle, scored)


def _start_dethroned(fetch: Callable[[str], Path], entry: Entry, release: Release | None) -> IsolatedBundle | None:
    """Return the bundle that production serves where it is distrusted: its clients know its contract."""
    if entry.serving is None or entry.serving == release:
        return None
    digest = entry.serving.bundle
    with refusing("production"):
        return isolate_bundle(read_sealed(fetch(digest), digest))


def _read_record(ledger: Ledger, digest: str) -> EvaluationRecord | None:
    """Return the evaluation record of a release, None where it has none."""
    content = ledger.fetch_record(digest)
    record = decode_record(content, f"the evaluation record of the release {digest[:12]}") if content else None
    if record and record.bundle != digest:
        raise LedgerError(f"The evaluation record of the bundle {digest[:12]} is of {record.bundle[:12]}.")
    return record


def _read_anchors(
    ledger: Ledger,
    fetch: Callable[[str], Path],
    judged: BaseRules,
    holdout: "pd.DataFrame",
    candidate: IsolatedBundle,
    champion: ScoredBundle | None,
) -> Anchors:
    """Score earlier releases, where a small loss may ship, so that such losses, release after release, cannot add up.

    One that has seen some of these rows, by another split, cannot be compared.
    """
    if champion is None:
        return Anchors()
    same_threshold = candidate.manifest.threshold == champion.bundle.manifest.threshold
    rules = judged.rules
    if same_threshold and rules.tie is not Tie.CANDIDATE and rules.decides is not Decides.NEWER:
        return Anchors()
    scored = []
    digests = list_anchors(ledger.history(PRODUCTION), champion.bundle.digest, judged.rules.anchors)
    for digest in digests:
        record = _read_record(ledger, digest)
        if record and mark_seen(holdout, record.split).any():
            continue
        if anchor := _score_anchor(fetch(digest), digest, judged.problem, holdout, champion):
            scored.append(anchor)
    return Anchors(tuple(scored), len(digests) - len(scored))


def _score_anchor(
    folder: Path, digest: str, problem: ProblemFacts, holdout: "pd.DataFrame", champion: ScoredBundle
) -> ScoredBundle | None:
    """Score one release as the champion was, None where it cannot score these rows."""
    try:
        bundle = isolate_bundle(read_sealed(folder, digest))
        verify_bundle_problem(bundle, problem)
        found = score_frame(bundle, add_absent_columns(bundle.fields, holdout))
    except SlipwayError:
        return None
    return ScoredBundle(bundle, found) if found.classes == champion.scored.classes else None


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
