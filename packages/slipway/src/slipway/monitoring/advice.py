"""Say what a person does about an alarm, by the measurement that it is about."""

from fnmatch import fnmatchcase

# The first pattern that matches counts.
_ADVICE = (
    (
        "slice:*",
        "One part does worse than the others: look at what changed there (a supplier, a sensor, a rule of business), "
        "and at its outcomes. A model that has seen the change is trained with `slipway retrain`.",
    ),
    (
        "skill",
        "Look at the drift of the inputs first: an upstream fault is fixed upstream, not by training. If the inputs "
        "are whole, train on newer data with `slipway retrain`; the gate decides.",
    ),
    (
        "roc_auc",
        "The model ranks worse than it did: look at the drift of the inputs and at the slices. If the inputs are "
        "whole, train on newer data with `slipway retrain`; the gate decides.",
    ),
    (
        "slope",
        "Scores no longer go with outcomes. Far below 1 in a few days usually means that outcomes are wrong (flipped, "
        "joined to other rows) or another model answers: check where they come from before anything else.",
    ),
    (
        "bias",
        "Scores are too high or too low as a whole. Check the outcomes, then the season: a model that saw no such "
        "month cannot know it. Recalibrate or retrain; the gate decides.",
    ),
    ("drift:*", "Compare the column with its source: a unit, a default, a delivery that is late."),
    (
        "lag",
        "No prediction was logged for that long. `slipway status` shows whether the service runs; if it does, no "
        "client calls it, or its log does not arrive.",
    ),
    ("idle", "The monitor has not run for that long: look at the schedule that starts it."),
)


def advise(measurement: str) -> str:
    """Return what to do about an alarm on the measurement."""
    found = (text for pattern, text in _ADVICE if fnmatchcase(measurement, pattern))
    return next(found, "Look at the measurement in the report, and at the windows before.")
