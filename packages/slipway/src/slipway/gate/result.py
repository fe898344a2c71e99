"""The typed content of `gate.json`: the verdict, every check and every comparison."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from slipway.errors import SlipwayError
from slipway.figures import Figure

FORMAT = 1

# A gate.json may come from a fork's pull request: a file larger than any that the gate writes is refused when read.
MAX_NAME, MAX_TEXT, MAX_LIST = 200, 2000, 500
_Name = Annotated[str, Meta(max_length=MAX_NAME)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT)]
_Count = Annotated[int, Meta(ge=0, le=10**12)]
_Some = Meta(max_length=MAX_LIST)


class Verdict(StrEnum):
    """The three outcomes: ship the candidate, ship production's model with new code, or ship nothing."""

    PROMOTE = "promote"
    KEEP = "keep"
    REFUSE = "refuse"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule applied to one candidate.

    `observed` and `limit` are short texts with units; `why` says why the rule matters, `advice` what to do when it
    fails; `excepted` repeats the reason of an exemption that lets a failed check pass.
    """

    name: _Name
    passed: bool
    observed: _Text
    limit: _Text
    why: _Text
    advice: _Text = ""
    excepted: _Text | None = None

    @property
    def stands(self) -> bool:
        """Return True unless the check stops the candidate."""
        return self.passed or self.excepted is not None


def failed_check(name: str, error: Exception, why: str) -> CheckResult:
    """Turn an error into a failed check; one that is not of `SlipwayError` is named as a defect of the code."""
    expected = isinstance(error, SlipwayError)
    return CheckResult(
        name=name,
        passed=False,
        observed=str(error) if expected else f"raised {type(error).__name__}: {error}",
        limit="no error",
        why=why,
        advice="Do what the error says, then run the gate again." if expected else "Fix the code that raised it.",
    )


class MetricComparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of candidate and production on the same rows.

    `difference` is above zero where the candidate is better; None without production, or where neither direction is.
    """

    metric: _Name
    candidate: Figure
    production: Figure | None = None
    difference: Figure | None = None


class SliceComparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The primary metric's relative difference in one part of the holdout; below zero the candidate is worse.

    `margin` is the loss that is allowed there; older files have none.
    """

    slice: _Name
    label: _Name
    rows: _Count
    groups: _Count
    difference: Figure
    p_value: float
    margin: float | None = None


class ShadowEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The candidate beside production on rows of production's own traffic, which it shadowed; it decides nothing.

    Both scored `rows` in `groups` (days) whose outcomes are known. `relative` is the primary metric's loss that the
    candidate takes away, as `GateResult.relative` is. `note` says what was seen and refused, or why there is no more.
    """

    note: _Text
    rows: _Count = 0
    groups: _Count = 0
    relative: Figure | None = None
    metrics: Annotated[tuple[MetricComparison, ...], _Some] = ()


class NewerComparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Candidate and production on the held-out rows after `day`, production's last training day.

    `decides` says whether promote or keep was decided on these rows. `note` describes them, or says why there is no
    comparison; the other fields are as those of `GateResult`.
    """

    note: _Text
    day: date | None = None
    decides: bool = False
    rows: _Count = 0
    groups: _Count = 0
    relative: Figure | None = None
    metrics: Annotated[tuple[MetricComparison, ...], _Some] = ()


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and its evidence.

    `ships` is the digest of the bundle to release: the candidate's for promote, production's for keep, None for refuse.
    `relative` is the primary metric's loss of production less the candidate's, as a share of production's loss, with
    its interval over groups. `moved` names changes that a reviewer must know: contract, features, target, rules.
    `smallest_seen` is the loss below which no worse model is refused in 95 % of cases.
    `newer` is None in older files and where nothing could be compared, `shadow` unless it was asked for.
    """

    format: int = FORMAT
    verdict: Verdict
    sentence: _Text
    candidate: _Name | None
    production: _Name | None
    ships: _Name | None
    primary: _Name
    confidence: Annotated[float, Meta(ge=0, le=1)]
    rows: _Count = 0
    groups: _Count = 0
    relative: Figure | None = None
    smallest_seen: Annotated[float, Meta(ge=0)] | None = None
    metrics: Annotated[tuple[MetricComparison, ...], _Some] = ()
    slices: Annotated[tuple[SliceComparison, ...], _Some] = ()
    checks: Annotated[tuple[CheckResult, ...], _Some] = ()
    moved: Annotated[tuple[_Text, ...], _Some] = ()
    newer: NewerComparison | None = None
    shadow: ShadowEvidence | None = None

    @property
    def decisive(self) -> Figure | None:
        """The comparison by which promote or keep was decided, None where there is none."""
        return self.newer.relative if self.newer and self.newer.decides else self.relative
