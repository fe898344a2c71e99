"""Compare a shadow with what serves: on the rows that both scored, on the same outcomes, paired over groups."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Manifest
from slipway.evaluation.scored import Scored
from slipway.figures import Figure
from slipway.gate.result import MetricComparison
from slipway.gate.statistics.comparison import compare_metrics, relative_improvement
from slipway.monitoring.effectiveness.scored import score_window
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.measurement import Measurement
from slipway.params import EvaluateParams

# Fewer groups give no interval that means anything.
FEWEST_GROUPS = 3


class ShadowComparison(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow beside what serves.

    `seen` of `predictions` rows have its score or its refusal, `refused` of them the latter; `rows` in `groups` have an
    outcome too, and on these `metrics` and `improvement` rest: the primary metric's loss that the shadow takes away, as
    a share of what serves, above zero where it is better. `distance` is the mean absolute difference of both scores.
    """

    shadow: str
    predictions: int
    seen: int
    refused: int
    rows: int
    groups: int
    distance: float | None = None
    improvement: Figure | None = None
    metrics: tuple[MetricComparison, ...] = ()


def compare_shadow(
    traffic: Traffic, manifest: Manifest, metric: str, params: EvaluateParams, digest: str | None = None
) -> ShadowComparison | None:
    """Compare the shadow `digest`, or the one that saw most of the rows; None where none saw any."""
    scores, models = traffic.shadow, traffic.shadow.models
    counts = np.bincount(scores.model[scores.model >= 0], minlength=len(models))
    if digest:
        counts = np.where(np.array(models) == digest, counts, 0) if models else counts
    if not counts.any():
        return None
    chosen = int(counts.argmax())
    seen = scores.model == chosen
    refused = seen & ~_is_finite(scores.scores)
    both = traffic.take(seen & ~refused)
    found = ShadowComparison(
        shadow=models[chosen],
        predictions=len(traffic),
        seen=int(seen.sum()),
        refused=int(refused.sum()),
        rows=0,
        groups=0,
        distance=float(np.abs(both.shadow.scores - both.scores).mean()) if len(both) else None,
    )
    ours, theirs = _pair(both, manifest)
    found = msgspec.structs.replace(found, rows=len(ours.target), groups=ours.groups)
    if ours.groups < FEWEST_GROUPS:
        return found
    return msgspec.structs.replace(
        found,
        improvement=relative_improvement(theirs, ours, metric, params.confidence, params),
        metrics=compare_metrics(theirs, ours, params.confidence, params),
    )


def measure_shadow(traffic: Traffic, manifest: Manifest, metric: str, params: EvaluateParams) -> Iterator[Measurement]:
    """Measure the shadow of a window; nothing where no row was shadowed.

    `shadow:<metric>` is the shadow's figure beside that of what serves, on the same rows; `shadow:gain:<metric>` the
    paired difference, above zero where the shadow is better.
    """
    found = compare_shadow(traffic, manifest, metric, params)
    if found is None:
        return
    note = f"shadow {found.shadow[:12]}"
    share = Figure(value=found.seen / found.predictions)
    yield Measurement(name="shadow:coverage", figure=share, rows=found.predictions, note=note)
    yield Measurement(
        name="shadow:refused", figure=Figure(value=found.refused / found.seen), rows=found.seen, note=note
    )
    if found.distance is not None:
        distance = Figure(value=found.distance)
        yield Measurement(name="shadow:distance", figure=distance, rows=found.seen - found.refused, note=note)
    if not found.metrics:
        few = f"{note}; outcomes on {found.groups} days, expected {FEWEST_GROUPS} or more"
        yield Measurement(name=f"shadow:{metric}", rows=found.rows, note=few)
    yield from _measure_metrics(found, note)


def _measure_metrics(found: ShadowComparison, note: str) -> Iterator[Measurement]:
    if found.improvement is not None:
        yield Measurement(name="shadow:improvement", figure=found.improvement, rows=found.rows, note=note)
    for each in found.metrics:
        name = f"shadow:{each.metric}"
        yield Measurement(name=name, figure=each.candidate, reference=each.production, rows=found.rows, note=note)
        if each.difference is not None:
            yield Measurement(name=f"shadow:gain:{each.metric}", figure=each.difference, rows=found.rows, note=note)


def _pair(both: Traffic, manifest: Manifest) -> tuple[Scored, Scored]:
    """Return the labelled rows as they were scored by what serves, and by the shadow."""
    ours = score_window(both, manifest)
    return ours, msgspec.structs.replace(ours, scores=both.shadow.scores[both.labelled])


def _is_finite(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    finite: NDArray[np.bool_] = np.isfinite(scores if scores.ndim == 1 else scores.sum(axis=1))
    return finite
