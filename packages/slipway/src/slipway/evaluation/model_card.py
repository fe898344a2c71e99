"""Render the model card (Mitchell et al., Model Cards for Model Reporting, FAT* 2019)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.model import Bundle
from slipway.contract import Field
from slipway.errors import ProblemError
from slipway.evaluation.metrics import METRICS, Better
from slipway.evaluation.result import Evaluation, SliceResult, find_metric
from slipway.figures import format_figure, format_number
from slipway.files.writing import write_bytes
from slipway.markdown import markdown_table
from slipway.problem import Card, Problem, Task

if TYPE_CHECKING:
    import pandas as pd


def write_model_card(card: str, path: Path) -> None:
    """Write the rendered `card`."""
    write_bytes(path, card.encode())


def verify_card(card: Card) -> None:
    """Raise `ProblemError` that names the first field without text."""
    for field in Card.__struct_fields__:
        text = getattr(card, field)
        if not isinstance(text, str) or not text.strip():
            raise ProblemError(
                f"The model card's field {field!r} is empty: problem.py has Card({field}={text!r}). "
                "Write a sentence: the card tells others what the model is for."
            )


def render_model_card(
    problem: Problem, bundle: Bundle, train: "pd.DataFrame", holdout: "pd.DataFrame", evaluation: Evaluation
) -> str:
    """Render the card as Markdown; equal inputs give equal text.

    Raises `ProblemError` for an empty field.
    """
    verify_card(problem.card)
    card = problem.card
    confidence = f"{evaluation.confidence:.0%}"
    sections = [
        f"# {card.title}",
        f"{problem.task.capitalize()} model `{problem.name}`, bundle `{bundle.digest}`.",
        f"## Intended use\n\n{card.intended_use}",
        f"## Out of scope\n\n{card.out_of_scope}",
        f"## Data\n\n{card.data}\n\n{_data_table(train, holdout)}",
        f"## Target\n\n{card.target}{_classes(bundle)}",
        f"## Metrics\n\n{_summary(evaluation, confidence)}\n\n{_metrics_table(problem.task, evaluation)}",
        f"## Calibration\n\n{_calibration(evaluation, problem.task)}",
        f"## Slices\n\n{_slices(evaluation, confidence)}",
        f"## Limits\n\n{card.limits}",
        f"## Input\n\n{_input_table(bundle.fields)}",
        f"## License\n\n{card.license}",
        f"## Contact\n\n{card.contact}",
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _data_table(*frames: "pd.DataFrame") -> str:
    rows = [_data_row(name, frame) for name, frame in zip(("train", "holdout"), frames, strict=True)]
    header = ["part", "rows", "groups", "period"]
    return _table(header if any(period for *_, period in rows) else header[:3], rows)


def _data_row(name: str, frame: "pd.DataFrame") -> list[str]:
    """Count rows and groups, and find the period in the time zone of the column `time`."""
    period = ""
    if "time" in frame and frame["time"].notna().any():
        days = (f"{end:%Y-%m-%d %Z}".strip() for end in (frame["time"].min(), frame["time"].max()))
        period = " to ".join(days)
    return [name, f"{len(frame):,}", f"{frame['group'].nunique():,}", period]


def _classes(bundle: Bundle) -> str:
    classes = ", ".join(f"`{name}`" for name in bundle.manifest.classes)
    if bundle.manifest.task is Task.BINARY:
        return (
            f"\n\nClasses: {classes}. The score is the probability of the last, which is predicted from "
            f"{bundle.manifest.threshold} on."
        )
    return f"\n\nClasses: {classes}." if classes else ""


def _summary(evaluation: Evaluation, confidence: str) -> str:
    primary = find_metric(evaluation, evaluation.primary)
    text = (
        f"On {evaluation.rows:,} held-out rows in {evaluation.groups:,} groups, in brackets the {confidence} "
        "interval over groups. The baseline always predicts the average of the training set."
    )
    if primary and primary.skill:
        share = format_figure(primary.skill, ".1%")
        text += f" The primary metric is {primary.name}: the model takes away {share} of the baseline's loss."
    return text


def _metrics_table(task: Task, evaluation: Evaluation) -> str:
    better = {Better.LOWER: "lower", Better.HIGHER: "higher", None: ""}
    rows = []
    for each in evaluation.metrics:
        kind = METRICS[task][each.name]
        name = f"**{kind.label}**" if each.name == evaluation.primary else kind.label
        rows.append([name, better[kind.better], *map(format_figure, (each, each.baseline, each.improvement))])
    return _table(["metric", "better", "model", "baseline", "improvement"], rows)


def _calibration(evaluation: Evaluation, task: Task) -> str:
    error, excess = find_metric(evaluation, "calibration_error"), find_metric(evaluation, "mean_error")
    if task is Task.REGRESSION:
        return f"Predictions less actual values are {format_figure(excess)} on average."
    what = "a score" if task is Task.BINARY else "the top class's probability"
    text = (
        f"In ten bins of equal size, {what} and the observed share differ by {format_figure(error)} on "
        "average. `plots/calibration.csv` has the curve."
    )
    return f"{text} The mean score less the base rate is {format_figure(excess)}." if excess else text


def _slices(evaluation: Evaluation, confidence: str) -> str:
    if not evaluation.slices:
        return "The problem has none."
    names = list(dict.fromkeys(each.name for found in evaluation.slices for each in found.metrics))
    rows = [_slice_row(found, names) for found in evaluation.slices]
    notes = any(found.note for found in evaluation.slices)
    header = ["slice", "label", "rows", "groups", "base rate", *names, *(["note"] if notes else [])]
    return f"In brackets the {confidence} interval over groups.\n\n" + _table(header, rows)


def _slice_row(found: SliceResult, names: Sequence[str]) -> list[str]:
    counts = [found.slice, found.label, f"{found.rows:,}", f"{found.groups:,}", format_number(found.base_rate)]
    return [*counts, *(format_figure(find_metric(found, name)) for name in names), found.note]


def _input_table(fields: Sequence[Field]) -> str:
    header = ["column", "kind", "unit", "range", "may be missing", "description"]
    return _table(
        header,
        [[f"`{f.name}`", f.kind, f.unit, _range(f), "yes" if f.nullable else "no", f.description] for f in fields],
    )


def _range(field: Field) -> str:
    if field.categories:
        return ", ".join(field.categories)
    if field.pattern:
        return f"`{field.pattern}`"
    ends = {"≥": field.ge, ">": field.gt, "≤": field.le, "<": field.lt}
    return ", ".join(f"{sign} {end:g}" for sign, end in ends.items() if end is not None)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(header, [[_cell(cell) for cell in row[: len(header)]] for row in rows])


def _cell(text: str) -> str:
    """Return the text in one line, with bars escaped."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")
