"""Propose the margins: of the whole holdout, of each part of a slice, and beside the best of earlier releases."""

import math
from collections.abc import Iterator

from slipway.figures import format_limit
from slipway.gate.power.false_refusals import pair_spread
from slipway.gate.rules import Decides, Tie
from slipway.gate.suggest.measured import Measured
from slipway.gate.suggest.proposal import TAIL, Limit, bound_pairs, round_up
from slipway.gate.wording import describe_unseen

# Retrains here differ by seeds and groups alone: those with other parameters or newer data, which are as honest, differ
# by more.
_LEAST, _LEAST_OF_SLICES = 0.01, 0.02
# Where no part of a slice is judged, one that will be is allowed so many margins.
_TIMES = 3

Proposed = tuple[str, Limit, str]


def propose_margins(measured: Measured) -> Iterator[Proposed]:
    """Yield the margins with where they come from, in the order of `gate.yaml`."""
    whole = measured.compared.whole
    spread = pair_spread(whole)
    found = bound_pairs(spread, -measured.figures.gains, measured.retrains, _LEAST, format_limit)
    margin = min(1.0, round_up(found.value))
    unseen = describe_unseen(measured.rows, measured.groups, measured.smallest_seen(margin))
    yield "margin", margin, f"{found.source}. {unseen}"
    rules = measured.rules
    if rules.erosion_margin is not None or rules.tie is Tie.CANDIDATE or rules.decides is Decides.NEWER:
        lead = _expected_lead(rules.anchors) * spread / math.sqrt(2)
        yield (
            "erosion_margin",
            min(1.0, round_up(margin + lead)),
            f"the margin, and {format_limit(lead)} by which the best of {rules.anchors} honest releases leads the mean",
        )
    yield from _propose_slice_margins(measured, margin)


def _propose_slice_margins(measured: Measured, margin: float) -> Iterator[Proposed]:
    parts, margins = measured.compared.parts, dict[str, dict[str, float]]()
    for part, pairs in zip(parts, measured.compared.inside, strict=True):
        found = bound_pairs(
            pair_spread(pairs), -pairs.values.ravel(), measured.retrains, _LEAST_OF_SLICES, tail=TAIL / len(parts)
        )
        margins.setdefault(part.slice, {})[part.label] = min(1.0, round_up(found.value))
    if margins:
        largest = max(each for labels in margins.values() for each in labels.values())
        yield "slice_margin", largest, "that of a part without one of its own: the largest of those below"
        yield "slice_margins", margins, f"as the margin, for one pair in a thousand over all {len(parts)} parts"
    else:
        wider = min(1.0, round_up(_TIMES * margin))
        yield "slice_margin", wider, f"{_TIMES} times the margin: no part of a slice is large enough to be measured"
    rows = measured.rules.slice_rows
    yield "slice_rows", rows, f"of {measured.rows:,} held-out rows; hardly any loss in fewer can be seen"


def _expected_lead(releases: int) -> float:
    """Return by how many standard deviations the best of some normal deviates leads the mean (Blom, 1958)."""
    from scipy.special import ndtri

    return float(ndtri((releases - 0.375) / (releases + 0.25))) if releases > 1 else 0.0
