"""The typed content of `metrics.json`: an evaluation's metrics and slices."""

from pathlib import Path

import msgspec

from slipway.errors import DataError
from slipway.figures import Figure, format_figure, round_figures
from slipway.files.documents import parse_json, read_json
from slipway.files.writing import encode_json, write_bytes

_ADVICE = "Run `dvc repro evaluate` to make it again."


class Metric(Figure, frozen=True, kw_only=True, omit_defaults=True):
    """A metric of the model on the holdout, and of the trivial baseline on the same rows.

    `improvement` is the paired gain over the baseline (above zero = better); `skill` the share of the baseline's loss
    that the model takes away, where the loss of a metric that should be high is its distance from 1. Both are None
    where the metric has no better direction.
    """

    name: str
    baseline: Figure | None = None
    improvement: Figure | None = None
    skill: Figure | None = None


class SliceResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of the holdout.

    `base_rate` is the share of the last class (binary), of the most frequent one (multiclass) or the mean of
    the target (regression). `note` says why a metric or an interval is left out.
    """

    slice: str
    label: str
    rows: int
    groups: int
    base_rate: float
    metrics: tuple[Metric, ...] = ()
    note: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation of a bundle on the holdout; a metric that is undefined there is left out.

    `primary` names the problem's metric, `confidence` is the level of every interval.
    """

    primary: str
    confidence: float
    rows: int
    groups: int
    metrics: tuple[Metric, ...]
    slices: tuple[SliceResult, ...] = ()


def find_metric(found: Evaluation | SliceResult, name: str) -> Metric | None:
    """Return the metric of that name, or None where it is undefined or was left out."""
    return next((each for each in found.metrics if each.name == name), None)


def headline(evaluation: Evaluation) -> str:
    """Describe the primary metric in one line, with its interval and the baseline's value."""
    found = find_metric(evaluation, evaluation.primary)
    if found is None:
        return f"{evaluation.primary} is undefined"
    beside = f", baseline {found.baseline.value:.4g}" if found.baseline else ""
    return f"{found.name} {format_figure(found, '.4g')}{beside}"


def flatten_evaluation(evaluation: Evaluation) -> dict[str, float]:
    """Return every figure of the whole holdout as one flat table, for tools that know only names and numbers."""
    flat: dict[str, float] = {"rows": evaluation.rows, "groups": evaluation.groups}
    for each in evaluation.metrics:
        figures = {
            "": each,
            "baseline_": each.baseline,
            "improvement_": each.improvement,
            "skill_": each.skill,
        }
        for prefix, found in figures.items():
            if found is not None:
                ends = {"": found.value, "_low": found.low, "_high": found.high}
                flat |= {f"{prefix}{each.name}{end}": number for end, number in ends.items() if number is not None}
    return flat


def encode_evaluation(evaluation: Evaluation) -> bytes:
    """Encode the evaluation as JSON.

    DVC shows the numbers at the top of a file, but none in lists: the metrics' values and the primary metric's skill
    are repeated there.
    """
    top = {each.name: each.value for each in evaluation.metrics}
    primary = find_metric(evaluation, evaluation.primary)
    if primary and primary.skill:
        top["skill"] = primary.skill.value
    document = {**msgspec.to_builtins(evaluation), **top}
    return encode_json(document)


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write `evaluation` as `encode_evaluation` encodes it."""
    write_bytes(path, encode_evaluation(evaluation))


def round_evaluation(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with every number rounded to six significant digits."""
    return msgspec.convert(round_figures(msgspec.to_builtins(evaluation)), Evaluation)


def decode_evaluation(content: bytes) -> Evaluation:
    """Decode the content of a `metrics.json`; raises `DataError`."""
    return parse_json(content, Evaluation, "metrics.json", DataError, _ADVICE)


def read_evaluation(path: Path = Path("metrics.json")) -> Evaluation:
    """Read an evaluation from a file; raises `DataError` that names it."""
    return read_json(path, Evaluation, DataError, _ADVICE)
