"""Judge one measurement of one window by a rule: broken or not, or why it cannot be judged."""

import msgspec

from slipway.evaluation.metrics import METRICS, Better
from slipway.figures import Figure, format_figure, format_number
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import Window, name_window
from slipway.monitoring.rules import Rule
from slipway.monitoring.windows import count_outcomes

_LOW_IS_BAD = {"skill", "coverage"}


class Judged(msgspec.Struct, frozen=True):
    """A measurement of one window that was judged: `broken` by its whole interval, `outside` by its value alone."""

    window: Window
    measurement: Measurement
    broken: bool
    outside: bool


def judge_window(rule: Rule, measurement: str, window: Window, release: str | None = None) -> Judged | None:
    """Judge one window; None where `explain_unjudged` says why it cannot be judged.

    Of what is about a model, that of the `release` that serves is judged: what the one before it did is over.
    """
    found = _find(measurement, window, release)
    if found is None or found.figure is None or explain_unjudged(rule, measurement, window, release):
        return None
    value = msgspec.structs.replace(found, figure=Figure(value=found.figure.value))
    return Judged(window, found, _is_broken(rule, found), _is_broken(rule, value))


def explain_unjudged(rule: Rule, measurement: str, window: Window, release: str | None = None) -> str:
    """Return why a window cannot be judged, such as `... has 30 outcomes, expected 1,000 or more`; empty if it can."""
    found, named = _find(measurement, window, release), name_window(window)
    if found is None and release is not None and not has_release(window, release):
        return f"the release that serves has no rows in the {named}"
    if found is None or found.figure is None:
        note = f" ({found.note})" if found and found.note else ""
        return f"it is not measured in the {named}{note}"
    outcomes = min(window.outcomes, found.rows or window.outcomes)
    for number, fewest, what in (
        (window.rows, rule.fewest_rows, "rows"),
        (window.outcomes, count_outcomes(rule.window), "outcomes"),
        (outcomes, rule.fewest_outcomes, "outcomes"),
    ):
        if number < fewest:
            return f"the {named} have {number:,} {what}, expected {fewest:,} or more"
    if rule.beyond == "limit" and found.limit is None:
        return f"it has no calibrated limit in the {named} ({found.note})"
    if rule.beyond == "evaluation" and found.reference is None:
        return "the evaluation has no such figure"
    return ""


def has_release(window: Window, release: str | None) -> bool:
    """Return True if the release answered in the window."""
    return any(each.bundle == release for each in window.releases)


def describe_limit(rule: Rule, found: Measurement) -> str:
    """Say in a few words what was allowed."""
    if rule.beyond == "limit":
        return f"at most {format_number(found.limit or 0)}, its calibrated limit"
    if rule.beyond == "evaluation":
        return f"within the evaluation's {format_figure(found.reference)}"
    if rule.above is not None and rule.below is not None:
        return f"from {format_number(rule.below)} to {format_number(rule.above)}"
    if rule.above is not None:
        return f"at most {format_number(rule.above)}"
    return f"at least {format_number(rule.below or 0)}"


def is_of_model(measurement: str) -> bool:
    """Return True for a measurement of how the model does, which has a figure for each release."""
    return measurement in ("skill", "slope", "bias") or any(measurement in metrics for metrics in METRICS.values())


def _find(measurement: str, window: Window, release: str | None) -> Measurement | None:
    found = window.find(measurement)
    if found is None or release is None or not is_of_model(measurement):
        return found
    if not has_release(window, release):
        return None
    return window.find(f"release:{release[:12]}:{measurement}") or found


def _is_broken(rule: Rule, found: Measurement) -> bool:
    figure = found.figure or Figure(value=0.0)
    low, high = _ends(figure)
    if rule.beyond == "limit":
        return found.limit is not None and low > found.limit
    if rule.beyond == "evaluation":
        then_low, then_high = _ends(found.reference or figure)
        worse_below, worse_above = high < then_low, low > then_high
        better = _better(found.name)
        return (worse_below and better is not Better.LOWER) or (worse_above and better is not Better.HIGHER)
    above = rule.above is not None and low > rule.above
    return above or (rule.below is not None and high < rule.below)


def _ends(figure: Figure) -> tuple[float, float]:
    if figure.low is None or figure.high is None:
        return figure.value, figure.value
    return figure.low, figure.high


def _better(name: str) -> Better | None:
    """Return the direction in which a measurement improves, None where both directions are bad."""
    last = name.rsplit(":", 1)[-1]
    if last in _LOW_IS_BAD:
        return Better.HIGHER
    return next((metrics[last].better for metrics in METRICS.values() if last in metrics), None)
