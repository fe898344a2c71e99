"""What the gate found: the content of `gate.json`, typed."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from slipway.figures import Figure

FORMAT = 1

# A gate.json may come from a stranger: what is larger than any honest one is refused when it is read.
MAX_NAME, MAX_TEXT, MAX_LIST = 200, 2000, 500
_Name = Annotated[str, Meta(max_length=MAX_NAME)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT)]
_Count = Annotated[int, Meta(ge=0, le=10**12)]
_Some = Meta(max_length=MAX_LIST)


class Verdict(StrEnum):
    """What ships: the candidate, production's model with new code, or nothing."""

    PROMOTE = "promote"
    KEEP = "keep"
    REFUSE = "refuse"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule applied to one candidate.

    `observed` and `limit` are short texts with units; `why` says why the rule matters, `advice` what to do when it
    fails; `excepted` repeats the reason of an exception that lets a failed check pass.
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
        """Whether the check does not stop the candidate."""
        return self.passed or self.excepted is not None


class MetricComparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of candidate and production on the same rows.

    `difference` is above zero where the candidate is better; None without production, or where neither direction is.
    """

    metric: _Name
    candidate: Figure
    production: Figure | None = None
    difference: Figure | None = None


class SliceComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The primary metric's relative difference in one part of the holdout; below zero the candidate is worse."""

    slice: _Name
    label: _Name
    rows: _Count
    groups: _Count
    difference: Figure
    p_value: float


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, and everything that it stands on.

    `ships` is the digest that goes out: the candidate's for promote, production's for keep, None for refuse.
    `relative` is the primary metric's loss of production less the candidate's, as a share of production's loss, with
    its interval over groups. `moved` names what a reviewer must know first: changed contract, features, target, rules.
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
    metrics: Annotated[tuple[MetricComparison, ...], _Some] = ()
    slices: Annotated[tuple[SliceComparison, ...], _Some] = ()
    checks: Annotated[tuple[CheckResult, ...], _Some] = ()
    moved: Annotated[tuple[_Text, ...], _Some] = ()
