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
    ("drift:score*", "The scores changed: look at the columns that drift with them, and at what was deployed when."),
    ("drift:*", "Compare the column with its source: a unit, a default, a delivery that is late."),
    (
        "relation:*",
        "The column no longer goes with the others: compare it with its source (a unit, a scale, a sensor that wears), "
        "and the columns that its note names.",
    ),
    ("missing:*", "Values of this column do not arrive: look at its source, before the model answers from the rest."),
    ("unseen:*", "Values came that the model never saw: a new code, or another spelling. Look at the source."),
    ("duplicates", "Requests come more than once: look for a client that retries, or traffic that is replayed."),
    ("volume", "Far more or fewer rows than in the weeks before: look for clients that stopped, or a new one."),
    ("stuck:*", "The column has had one value for days: its source stands still, or a default took its place."),
    ("jump:*", "The column changed overnight by more than it ever did: look for another unit, scale or sensor."),
    ("stale", "Readings repeat those of the day before: the source that brings them is late."),
    (
        "foreign_scores",
        "The log has scores that this release does not give: another model answers.",
    ),
    (
        "lag",
        "No prediction was logged for that long. `slipway status` shows whether the service runs; if it does, no "
        "client calls it, or its log does not arrive.",
    ),
    ("errors", "The service fails: its output has a line with the request id for each. `slipway status` and its log."),
    ("idle", "The monitor has not run for that long: look at the schedule that starts it."),
)


def advise(measurement: str) -> str:
    """Return what to do about an alarm on the measurement."""
    found = (text for pattern, text in _ADVICE if fnmatchcase(measurement, pattern))
    return next(found, "Look at the measurement in the report, and at the windows before.")
