"""Compute which rules the traffic's volume does not suit, and the windows, counts and pauses that do."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from slipway.evaluation.result import Evaluation, find_metric
from slipway.evaluation.slices import FEWEST_ROWS
from slipway.figures import format_figure, format_number
from slipway.monitoring.drift.limits import RECENT
from slipway.monitoring.rules import DEFAULTS
from slipway.monitoring.suggest.volume import Volume
from slipway.monitoring.windows import STEP_DAYS
from slipway.problem import Task

# A rule is judged in weeks with a quarter fewer rows, too.
_USUAL = 0.75
# An alarm that comes after half a year is of no use. With fewer outcomes than this an interval means little.
_LATEST, _FEWEST = 182, 100
# Windows of inputs, in days. Their limits come from this many runs of the training days, each after `RECENT` days; rows
# below which a distribution shows nothing.
_INPUT_DAYS, _RUNS, _FEWEST_INPUTS = (7, 14, 28, 56, 84), 4, 50
# Parts of a slice with this share of the rows should be judged.
_PART = 0.2
# The service deletes its log after so many days, unless it is told otherwise (SLIPWAY_LOG_DAYS).
_LOG_DAYS = 30
# Rules about how the model does that something is measured for.
_MODEL = {
    Task.BINARY: ("skill", "ranking", "slope"),
    Task.REGRESSION: ("skill", "slope"),
    Task.MULTICLASS: ("skill",),
}


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of monitor.yaml, or its section `retrain`: the keys to set, and where their numbers come from.

    Without keys those of an earlier suggestion are to be taken back.
    """

    rule: str
    keys: dict[str, int | float | str]
    why: str


class Changes(NamedTuple):
    """The changes, and what no rule can see, for a person to know."""

    changes: tuple[RuleChange, ...]
    notes: tuple[str, ...]


def compute_changes(
    volume: Volume, task: Task, evaluation: Evaluation | None, parts: Sequence[float] | None
) -> Changes:
    """Return what differs from the defaults.

    `evaluation` is that of the holdout, `parts` the shares of the rows that the parts of slices have; None for both
    before a model is trained, `parts` is empty for a problem without slices.
    """
    found = [
        *_change_model_rules(volume, task, evaluation),
        *_change_bias(volume),
        *(_change_slices(volume, parts) if parts is None or len(parts) else ()),
        *_change_inputs(volume),
        *_change_pause(volume),
    ]
    changes = tuple(each for each in found if isinstance(each, RuleChange))
    return Changes(changes, (*(each for each in found if isinstance(each, str)), *_note_log(volume, changes)))


def _change_model_rules(volume: Volume, task: Task, evaluation: Evaluation | None) -> Iterator[RuleChange | str]:
    """Yield windows of outcomes for the rules about how the model does, and for the retrain that they start."""
    usual = DEFAULTS["skill"]
    needed, why = usual.fewest_outcomes, f"as many as the default asks for in {usual.window} days"
    found = find_metric(evaluation, evaluation.primary) if evaluation else None
    if evaluation and found and found.skill and found.skill.low is not None and found.skill.high is not None:
        low, half = found.skill.low, (found.skill.high - found.skill.low) / 2
        shown = format_figure(found.skill)
        if low <= 0:
            yield (
                f"skill: the evaluation's interval {shown} reaches 0, so no drop can be told from chance: the rule "
                "stays silent. Hold out more rows, or find columns that say more."
            )
        else:
            needed = max(_FEWEST, _round_up(evaluation.rows * (half / low) ** 2))
            why = f"a model that has become no better than a constant is found with so many: the holdout has {shown}"
    if needed > volume.outcomes * _LATEST and needed > usual.fewest_outcomes:
        yield (
            f"skill: by the evaluation's interval a model that has become no better than a constant is found with "
            f"{needed:,} outcomes, which take more than half a year at {_rate(volume.outcomes)} a day."
        )
        needed, why = usual.fewest_outcomes, "as the default; only a model that misleads is found with so few"
    if _comes(volume.outcomes, _days(usual.window)) >= max(needed, usual.fewest_outcomes):
        return
    # Where few are enough, a window still has four weeks.
    number = max(needed, min(usual.fewest_outcomes, _round_up(volume.outcomes * _days(usual.window))))
    number = _fit(number, volume)
    if not number:
        yield (
            f"{', '.join(_MODEL[task])}: fewer than {_FEWEST} outcomes come in half a year: a worse model is not found "
            "by its outcomes."
        )
        return
    skill, *others = _MODEL[task]
    yield _outcomes(skill, number, volume, why)
    for name in others:
        yield RuleChange(rule=name, keys={"window": f"{number} outcomes"}, why="the window of `skill`")
    if number < usual.fewest_outcomes:
        yield RuleChange(rule="retrain", keys={"fewest_outcomes": number}, why="as many as the window of `skill` has")


def _change_bias(volume: Volume) -> Iterator[RuleChange | str]:
    usual = DEFAULTS["bias"]
    if _comes(volume.outcomes, _days(usual.window)) >= usual.fewest_outcomes:
        return
    number = _fit(usual.fewest_outcomes, volume)
    if not number:
        yield f"bias: fewer than {_FEWEST} outcomes come in half a year: scores that are too high or low are not found."
        return
    seen = (usual.above or 0.0) + 1.96 / math.sqrt(number)
    yield _outcomes("bias", number, volume, f"a bias of {format_number(seen)} standard deviations or more is found")


def _change_slices(volume: Volume, parts: Sequence[float] | None) -> Iterator[RuleChange | str]:
    usual = DEFAULTS["slices"]
    if _comes(volume.outcomes, _days(usual.window)) * _PART >= usual.fewest_outcomes:
        return
    number = _fit(round(FEWEST_ROWS / _PART), volume)
    judged = [share for share in parts or () if share * number >= FEWEST_ROWS]
    if not number or (parts and not judged):
        yield f"slices: no part of a slice gets {FEWEST_ROWS} outcomes in half a year: none is judged alone."
        return
    of = f", {len(judged)} of {len(parts)} now" if parts else ""
    least = FEWEST_ROWS / number
    yield _outcomes(
        "slices", number, volume, f"parts with {least:.0%} of the rows have the {FEWEST_ROWS} they need{of}"
    )


def _change_inputs(volume: Volume) -> Iterator[RuleChange | str]:
    usual = DEFAULTS["drift"]
    longest = (volume.days - RECENT) // _RUNS if volume.days else _INPUT_DAYS[-1]
    lengths = [each for each in _INPUT_DAYS if each <= longest] or [STEP_DAYS]
    enough = [each for each in lengths if _comes(volume.rows, each) >= usual.fewest_rows]
    days = enough[0] if enough else min(lengths[-1], 28)
    if days == usual.window and enough:
        return
    fewest = usual.fewest_rows if enough else int(_comes(volume.rows, days))
    if fewest < _FEWEST_INPUTS:
        bound = f", and {volume.days} days of training rows give limits for no longer window" if volume.days else ""
        has = f"{days} days have {volume.rows * days:,.0f} rows"
        yield f"drift, inputs: {has}, which show no change of the inputs{bound}."
        return
    keys: dict[str, int | float | str] = {"window": days}
    why = f"{_rate(volume.rows)} rows a day {volume.source} are {volume.rows * days:,.0f} in {days} days"
    if not enough:
        keys["fewest_rows"] = fewest
        why += "; so few show only a large change"
    yield RuleChange(rule="drift", keys=keys, why=why)
    yield RuleChange(rule="inputs", keys=keys, why="as `drift`")


def _change_pause(volume: Volume) -> Iterator[RuleChange]:
    allowed = DEFAULTS["log stopped"].above or 0.0
    if 1.5 * volume.pause > allowed:
        hours = math.ceil(1.5 * volume.pause)
        why = f"hours, 1.5 times {volume.pause:,.0f}: {volume.pause_source}"
        yield RuleChange(rule="log stopped", keys={"above": hours}, why=why)


def _note_log(volume: Volume, changes: Sequence[RuleChange]) -> Iterator[str]:
    """Say for how long the service must keep its log, so that windows of outcomes become full."""
    windows = [each.keys["window"] for each in changes if isinstance(each.keys.get("window"), str)]
    numbers = [int(str(each).split()[0]) for each in windows]
    days = _keep_days(max(numbers, default=0), volume)
    if days > _LOG_DAYS:
        yield (
            f"Set SLIPWAY_LOG_DAYS={days} or more for the service, whose default is {_LOG_DAYS}: a window reaches back "
            "no further than the log."
        )


def _outcomes(rule: str, number: int, volume: Volume, why: str) -> RuleChange:
    rate, days = _rate(volume.outcomes), number / volume.outcomes
    took = f"{number:,} outcomes take {days:,.0f} days at {rate} a day {volume.source}"
    kept = _keep_days(number, volume)
    log = f". The service must keep its log for so long: SLIPWAY_LOG_DAYS={kept}" if kept > _LOG_DAYS else ""
    return RuleChange(rule=rule, keys={"window": f"{number} outcomes"}, why=f"{took}; {why}{log}")


def _keep_days(outcomes: int, volume: Volume) -> int:
    """Return the days of the log in which a window of outcomes becomes full, and a second one begins."""
    return math.ceil(1.5 * outcomes / volume.outcomes) if volume.outcomes else 0


def _fit(number: int, volume: Volume) -> int:
    """Return the number, or as many as come in half a year; 0 where these are too few to be judged."""
    most = int(volume.outcomes * _LATEST)
    return number if number <= most else 0 if most < _FEWEST else int(_round_down(most))


def _comes(rate: float, days: int) -> float:
    return _USUAL * rate * days


def _days(length: int | str) -> int:
    return int(length)


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2g}"


def _round_up(value: float) -> int:
    """Round to two significant digits, upwards."""
    unit = 10 ** max(0, math.floor(math.log10(max(1.0, value))) - 1)
    return int(math.ceil(value / unit - 1e-9) * unit)


def _round_down(value: float) -> int:
    unit = 10 ** max(0, math.floor(math.log10(max(1.0, value))) - 1)
    return int(value // unit * unit)
