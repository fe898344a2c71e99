"""Measure the labelled rows of a window, whole and by slice, beside what the evaluation found on the holdout."""

from collections.abc import Iterator

from slipway.errors import ProblemError
from slipway.evaluation.holdout import evaluate_rows
from slipway.evaluation.intervals import percentile_interval, resample_groups
from slipway.evaluation.result import Evaluation, Metric, SliceResult, find_metric
from slipway.evaluation.scored import Scored
from slipway.evaluation.slices import SlicePart, cut_slices
from slipway.figures import Figure
from slipway.monitoring.effectiveness.bias import measure_bias
from slipway.monitoring.effectiveness.scored import labelled_frame, predict_baseline, score_window
from slipway.monitoring.effectiveness.slope import SLOPE, calibration_slope, has_slope
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.release_reference import ReleaseReference
from slipway.params import EvaluateParams
from slipway.problem import Problem, Task

# Beside the primary metric: what tells a person how the model fails.
COMPANIONS: dict[Task, tuple[str, ...]] = {
    Task.BINARY: ("brier", "roc_auc", "calibration_error", "mean_error"),
    Task.MULTICLASS: ("accuracy", "brier", "macro_f1", "calibration_error"),
    Task.REGRESSION: ("mae", "r2", "mean_error"),
}
SKILL = "skill"


def measure_effectiveness(
    traffic: Traffic, reference: ReleaseReference, problem: Problem, params: EvaluateParams, *, by_slice: bool
) -> tuple[Measurement, ...]:
    """Measure the labelled rows of `traffic`; without any, the measurements say so."""
    scored = score_window(traffic, reference.manifest)
    names = tuple(dict.fromkeys((problem.metric, *COMPANIONS[problem.task])))
    if not len(scored.target):
        return tuple(Measurement(name=name, note="no outcome is known") for name in (SKILL, *names))
    baseline = predict_baseline(scored, reference.baseline)
    parts, notes = _cut(problem, traffic, reference) if by_slice else ((), ())
    found = evaluate_rows(scored, baseline, problem.metric, params, parts, names)
    return (
        _skill(found, reference),
        *(_metric(name, found, reference.evaluation) for name in names),
        *_slope(scored, params),
        *measure_bias(scored, parts, params),
        *notes,
        *_slices(found, reference.evaluation),
    )


def _cut(
    problem: Problem, traffic: Traffic, reference: ReleaseReference
) -> tuple[tuple[SlicePart, ...], tuple[Measurement, ...]]:
    """Cut the rows by each slice of the problem; one whose columns were not logged is a note."""
    frame = labelled_frame(traffic, reference.manifest)
    parts: list[SlicePart] = []
    notes: list[Measurement] = []
    for each in problem.slices:
        if not traffic.has_inputs[traffic.labelled].any():
            notes.append(Measurement(name=f"slice:{each.name}", note="inputs are not logged (SLIPWAY_LOG_INPUTS)"))
            continue
        try:
            parts += cut_slices([each], frame)
        except ProblemError as error:
            notes.append(Measurement(name=f"slice:{each.name}", note=str(error)))
    return tuple(parts), tuple(notes)


def _skill(found: Evaluation, reference: ReleaseReference) -> Measurement:
    metric, then = find_metric(found, found.primary), _find(reference.evaluation, found.primary)
    return Measurement(
        name=SKILL,
        figure=metric.skill if metric else None,
        reference=then.skill if then else None,
        rows=found.rows,
        note="" if reference.baseline is not None else "over the base rate of these rows: that of training is unknown",
    )


def _metric(name: str, found: Evaluation, then: Evaluation | None) -> Measurement:
    metric, reference = find_metric(found, name), _find(then, name)
    return Measurement(
        name=name,
        figure=_figure(metric),
        reference=_figure(reference),
        rows=found.rows,
        note="" if metric else "undefined on these rows",
    )


def _slope(scored: Scored, params: EvaluateParams) -> Iterator[Measurement]:
    if has_slope(scored.task):
        draws = resample_groups({SLOPE: calibration_slope(scored)}, scored.groups, params)[SLOPE][SLOPE]
        figure = percentile_interval(draws, scored.groups, params.confidence)
        note = "" if figure else "undefined on these rows"
        yield Measurement(name=SLOPE, figure=figure, reference=Figure(value=1.0), rows=len(scored.target), note=note)


def _slices(found: Evaluation, then: Evaluation | None) -> Iterator[Measurement]:
    known = {(part.slice, part.label): part for part in then.slices} if then else {}
    for part in found.slices:
        before = known.get((part.slice, part.label))
        for metric in part.metrics:
            yield Measurement(
                name=f"slice:{part.slice}={part.label}:{metric.name}",
                figure=_figure(metric),
                reference=_figure(_find(before, metric.name)),
                rows=part.rows,
                note=part.note,
            )


def _find(found: Evaluation | SliceResult | None, name: str) -> Metric | None:
    return find_metric(found, name) if found else None


def _figure(metric: Figure | None) -> Figure | None:
    return Figure(value=metric.value, low=metric.low, high=metric.high) if metric else None
