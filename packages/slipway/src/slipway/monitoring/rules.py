"""The typed content of `monitor.yaml`: the clock, and what is watched; the defaults are here."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import convert_document, parse_yaml, read_content
from slipway.monitoring.alarms.alarm import Action, Severity
from slipway.monitoring.drift.limits import FALSE_ALARMS, Against
from slipway.monitoring.drift.measure import DriftRules
from slipway.monitoring.retrain.start_rules import StartRules
from slipway.monitoring.windows import Length, order_lengths, verify_length
from slipway.params import Strict

RULES = "monitor.yaml"
_ADVICE = "Fix it, or leave it out: `slipway monitor rules` prints the defaults."
_OF_INPUTS = {
    *("drift", "relation", "missing", "unseen", "duplicates", "volume", "joint"),
    *("stuck", "jump", "stale", "foreign_scores"),
}
Count = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(gt=0, le=0.5)]


class Rule(Strict, frozen=True, kw_only=True):
    """One thing that is watched.

    `watch` is the name of a measurement, a pattern of names with `*`, or a list of these; `window` the days that it is
    measured over, or a number of outcomes such as `2000 outcomes`. A window with fewer rows than `fewest_rows`, or a
    figure that rests on fewer outcomes than `fewest_outcomes`, is not judged, nor is one of outcomes before it is full.
    The limit is absolute (`above`, `below`, or both: outside of them), or that of the measurement itself: `beyond:
    evaluation`, worse than the evaluation's interval, or `beyond: limit`, above the limit that was calibrated for it.
    An interval breaks the rule where it lies wholly beyond the limit. The alarm fires when k of the last n judged
    windows (`of: [k, n]`; windows end seven days, or a quarter of their outcomes, apart) break the rule, and lasts
    until the value itself is within the limit again. `advice` replaces what the alarm says to do; `enabled: false`
    switches a default off.
    """

    watch: str | tuple[str, ...]
    window: Length = 28
    fewest_rows: Count = 0
    fewest_outcomes: Count = 0
    above: float | None = None
    below: float | None = None
    beyond: Literal["evaluation", "limit"] | None = None
    of: tuple[Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=1, le=13)]] = (2, 3)
    severity: Severity = Severity.WARNING
    action: Action = Action.ISSUE
    advice: str = ""
    enabled: bool = True

    def watches(self, measurement: str) -> bool:
        """Return True for a measurement that the rule is about."""
        patterns = (self.watch,) if isinstance(self.watch, str) else self.watch
        return any(fnmatchcase(measurement, pattern) for pattern in patterns)

    def is_about_inputs(self) -> bool:
        """Return True for a rule that names a measurement of inputs and scores, or several."""
        patterns = (self.watch,) if isinstance(self.watch, str) else self.watch
        return any(pattern.split(":")[0] in _OF_INPUTS for pattern in patterns)

    def __post_init__(self) -> None:
        """Raise `ValueError`, which msgspec reports, unless there is one kind of limit, and the numbers fit."""
        outcomes = verify_length("window", self.window)
        if 0 < outcomes < self.fewest_outcomes:
            raise ValueError(f"fewest_outcomes: expected at most those of the window, found {self.fewest_outcomes}")
        if (self.beyond is None) == (self.above is None and self.below is None):
            raise ValueError("expected either beyond, or above and below (one of them or both)")
        if not all(isfinite(limit) for limit in (self.above, self.below) if limit is not None):
            raise ValueError("above, below: expected finite numbers")
        if self.of[0] > self.of[1]:
            raise ValueError(f"of: expected k of n windows with k at most n, found {list(self.of)}")


class _Settings(Strict, frozen=True, kw_only=True):
    """The keys of `monitor.yaml` beside the rules.

    `clock` is `logged`, the log's own time, or the timestamp of the contract that tells a row's day, for traffic that
    is replayed or scored in batches. `windows` are lengths that are measured beside those of the rules. `retrain` says
    when an alarm may start one. Calibrated limits are such that of all figures of inputs and scores together one is
    above its limit in a share of `false_alarms` of clean windows. `against` names columns that are compared with the
    days before (`recent`) or with all training rows (`profile`), whatever the training rows say of their seasons.
    """

    clock: str = "logged"
    windows: tuple[Length, ...] = (7,)
    retrain: StartRules = StartRules()
    false_alarms: Rate = FALSE_ALARMS
    against: dict[str, Against] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ValueError`, which msgspec reports, for an invalid length."""
        for length in self.windows:
            verify_length("windows", length)


class MonitorRules(_Settings, frozen=True, kw_only=True):
    """The rules by which an environment is watched."""

    rules: dict[str, Rule]

    @property
    def drift(self) -> DriftRules:
        """Return what limits are calibrated by."""
        return DriftRules(false_alarms=self.false_alarms, against=self.against)

    def lengths(self) -> tuple[Length, ...]:
        """Return every length of a window: days, then outcomes, the shortest first."""
        return order_lengths([*self.windows, *(rule.window for rule in self.rules.values() if rule.enabled)])

    def input_days(self) -> tuple[int, ...]:
        """Return the days over which inputs and scores are measured: the fewest, and those of rules about them."""
        asked = {rule.window for rule in self.rules.values() if rule.enabled and rule.is_about_inputs()}
        days = [each for each in self.lengths() if isinstance(each, int)]
        return tuple(each for each in days if each == days[0] or each in asked)


# Limits were tried on three months of the example after the last training day, of which two were like those before and
# one was not, with the faults of `slipway replay` (docs/monitoring.md).
DEFAULTS: dict[str, Rule] = {
    "skill": Rule(
        watch="skill",
        fewest_outcomes=1000,
        beyond="evaluation",
        severity=Severity.CRITICAL,
        action=Action.RETRAIN,
    ),
    "ranking": Rule(watch="roc_auc", fewest_outcomes=1000, beyond="evaluation", of=(3, 4)),
    "slope": Rule(watch="slope", fewest_outcomes=1000, below=0.5, severity=Severity.CRITICAL, of=(1, 2)),
    "bias": Rule(watch="bias", window=14, fewest_outcomes=500, above=0.1, below=-0.1, of=(1, 2)),
    "slices": Rule(watch="slice:*:excess", window=14, fewest_outcomes=500, above=0.25, below=-0.25, of=(1, 2)),
    "drift": Rule(watch=("drift:*", "relation:*"), window=7, fewest_rows=500, beyond="limit", of=(1, 1)),
    "inputs": Rule(
        watch=("missing:*", "unseen:*", "duplicates", "volume"), window=7, fewest_rows=500, beyond="limit", of=(1, 1)
    ),
    "impossible": Rule(
        watch=("stuck:*", "jump:*", "stale", "foreign_scores"),
        window=7,
        beyond="limit",
        of=(1, 1),
        severity=Severity.CRITICAL,
    ),
    # After a promotion, with the release before it as the shadow: worse by the whole interval on the same requests.
    "probation": Rule(
        watch="shadow:improvement",
        window=7,
        fewest_outcomes=1000,
        above=0.0,
        of=(1, 1),
        severity=Severity.CRITICAL,
        action=Action.ROLLBACK,
        advice="The shadow did better on the same requests. If it is the release before: `slipway rollback`.",
        enabled=False,
    ),
    "errors": Rule(watch="errors", window=7, above=0.01, severity=Severity.CRITICAL, action=Action.PAGE, of=(1, 1)),
    "log stopped": Rule(watch="lag", window=7, above=24, severity=Severity.CRITICAL, action=Action.PAGE, of=(1, 1)),
    "monitor stopped": Rule(watch="idle", window=7, above=72, of=(1, 1)),
}


class _Document(_Settings, frozen=True, kw_only=True):
    """The file as a person writes it: a rule of a default's name needs the keys alone that differ."""

    rules: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


def read_rules(root: Path) -> MonitorRules:
    """Read `monitor.yaml` below `root` over the defaults; without the file they hold. Raises `SettingsError`."""
    path = root / RULES
    return parse_rules(read_content(path, SettingsError, _ADVICE) if path.is_file() else b"")


def parse_rules(content: bytes) -> MonitorRules:
    """Return the rules of the content of a `monitor.yaml`. Raises `SettingsError`."""
    plain = parse_yaml(content, object, RULES, SettingsError, _ADVICE)
    # A file of comments alone holds nothing.
    found = convert_document({} if plain is None else plain, _Document, RULES, SettingsError, _ADVICE)
    rules = DEFAULTS | {name: _complete(name, given) for name, given in found.rules.items()}
    read = MonitorRules(**(msgspec.structs.asdict(found) | {"rules": rules}))
    if not read.lengths():
        raise SettingsError(
            f"{RULES}: expected a length in `windows`, or a rule that is enabled; found none. {_ADVICE}"
        )
    return read


def verify_columns(rules: MonitorRules, columns: Collection[str]) -> None:
    """Raise `SettingsError` for a column of `against` that is none of the contract's `columns`."""
    unknown = [name for name in rules.against if name not in columns]
    if unknown:
        raise SettingsError(
            f"{RULES}: against: expected columns of the contract ({', '.join(columns)}), found {', '.join(unknown)}. "
            "Fix it."
        )


def list_idle_rules(rules: MonitorRules, measured: Mapping[Length, Collection[str]]) -> list[str]:
    """Return the rules of `monitor.yaml` that nothing can break, such as one with a misspelt name in `watch`.

    `measured` has the names of the measurements by the length of their windows.
    """
    return [
        name
        for name, rule in rules.rules.items()
        if rule.enabled
        and rule != DEFAULTS.get(name)
        and not any(rule.watches(each) for each in measured.get(rule.window, ()))
    ]


def _complete(name: str, given: dict[str, Any]) -> Rule:
    default = DEFAULTS.get(name)
    known = {key: value for key, value in msgspec.to_builtins(default).items() if value is not None} if default else {}
    if {"above", "below", "beyond"} & given.keys():
        # Another limit takes the place of the default's, of whatever kind that is.
        known = {key: value for key, value in known.items() if key not in ("above", "below", "beyond")}
    if isinstance(given.get("window"), str):
        # A full window has as many outcomes as it was asked to have.
        known.pop("fewest_outcomes", None)
    return convert_document(known | given, Rule, RULES, SettingsError, _ADVICE, section=f"rules.{name}")
