"""What the gate found: the content of `gate.json`, typed."""

from enum import StrEnum

import msgspec

from slipway.evaluation.result import Figure

FORMAT = 1


class Verdict(StrEnum):
    """What ships: the candidate, production's model with new code, or nothing."""

    PROMOTE = "promote"
    KEEP = "keep"
    REFUSE = "refuse"


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule applied to one candidate.

    `observed` and `limit` are short texts with units; `why` says why the rule matters, `advice` what to do when it
    fails; `excepted` repeats the reason of an exception that lets a failed check pass.
    """

    name: str
    passed: bool
    observed: str
    limit: str
    why: str
    advice: str = ""
    excepted: str | None = None

    @property
    def stands(self) -> bool:
        """Whether the check does not stop the candidate."""
        return self.passed or self.excepted is not None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of candidate and production on the same rows.

    `difference` is above zero where the candidate is better; None without production, or where neither direction is.
    """

    metric: str
    candidate: Figure
    production: Figure | None = None
    difference: Figure | None = None


class SliceRow(msgspec.Struct, frozen=True, kw_only=True):
    """The primary metric's relative difference in one part of the holdout; below zero the candidate is worse."""

    slice: str
    label: str
    rows: int
    groups: int
    difference: Figure
    p_value: float


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, and everything that it stands on.

    `ships` is the digest that goes out: the candidate's for promote, production's for keep, None for refuse.
    `relative` is the primary metric's loss of production less the candidate's, as a share of production's loss, with
    its interval over groups. `moved` names what a reviewer must know first: changed contract, features, target, rules.
    """

    format: int = FORMAT
    verdict: Verdict
    sentence: str
    candidate: str | None
    production: str | None
    ships: str | None
    primary: str
    confidence: float
    rows: int = 0
    groups: int = 0
    relative: Figure | None = None
    metrics: tuple[Row, ...] = ()
    slices: tuple[SliceRow, ...] = ()
    checks: tuple[Check, ...] = ()
    moved: tuple[str, ...] = ()
