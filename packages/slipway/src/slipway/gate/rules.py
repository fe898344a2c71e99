"""The gate's rules: every limit, read from `gate.yaml` into strict types."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from slipway.errors import GateError
from slipway.files.documents import parse_yaml, read_content
from slipway.params import Strict

RULES_FILE = "gate.yaml"

Share = Annotated[float, Meta(ge=0, le=1)]


class Tie(StrEnum):
    """Which model ships where the difference is not statistically significant."""

    PRODUCTION = "production"
    CANDIDATE = "candidate"


class Decides(StrEnum):
    """The held-out rows on which promote or keep is decided: all, or those after production's last training day."""

    HOLDOUT = "holdout"
    NEWER = "newer"


class Exemption(Strict, frozen=True):
    """One failed check that may pass until a day, inclusive, for a reason that the report repeats.

    `commit` corrected the data: the check `production_reproduced` must be told which one did.
    """

    check: str
    reason: Annotated[str, Meta(min_length=10)]
    until: date
    commit: Annotated[str, Meta(pattern="^[0-9a-f]{7,64}$")] | None = None


class GateRules(Strict, frozen=True, kw_only=True):
    """Every limit of the gate; shares are of 1.

    `decides` names the rows on which promote or keep is decided; every check is about the whole holdout.
    `anchors` is the number of earlier releases with which a candidate is compared where `tie` lets it ship, or where
    the newer rows decide.
    `margin` and `slice_margin` are relative losses of the primary metric, and so is `erosion_margin`, against the best
    of those releases (without it, the margin); `skill` the least share of the trivial baseline's loss that a model must
    take away, statistically significant unless `skill_significant` is false (a holdout may be too small to show it);
    `level` the confidence of the intervals, `slice_level` the family-wise
    error of the slices; `ceiling` the primary metric's skill above which a model is too good to be true, `gain` the
    same for an improvement over production, `single` for one feature alone; `calibration` the largest calibration
    error's lower end, `calibration_cost` the nats a row that calibration may cost more than production's,
    `calibration_margin` by how much a range of scores may be farther from the observed share, `mean` the largest
    distance of the mean prediction from production's, or from the base rate where production's is off itself;
    `groups` and `rows` the fewest in the holdout; `shrink` the largest share of the holdout's rows that may go missing
    against the release that runs; `copies` the share of held-out rows that may have a near copy in the training set
    beyond chance; `milliseconds` per row (median; twice as many for the 99th percentile) and `megabytes` of the bundle;
    `slower` the most times production's own; `tolerance` for
    recomputed metrics. `slice_margins` are the margins of single parts, by the name of the slice and then the label;
    `slice_rows` the fewest rows of a part that is judged alone.
    """

    tie: Tie = Tie.PRODUCTION
    decides: Decides = Decides.HOLDOUT
    anchors: Annotated[int, Meta(ge=0, le=50)] = 10
    level: Share
    margin: Share
    erosion_margin: Share | None = None
    slice_margin: Share
    slice_margins: dict[str, dict[str, Share]] = msgspec.field(default_factory=dict)
    slice_level: Share
    slice_rows: int
    skill: Share
    skill_significant: bool = True
    ceiling: Share
    gain: Share
    single: Share
    calibration: Share
    calibration_cost: Share = 0.004
    calibration_margin: Share = 0.05
    mean: Share
    groups: int
    rows: int
    shrink: Share
    copies: Share = 0.02
    milliseconds: float
    megabytes: float
    slower: float = 5.0
    tolerance: Share
    exemptions: tuple[Exemption, ...] = ()

    @property
    def most_erosion(self) -> float:
        """Return the margin against the best of the earlier releases."""
        return self.margin if self.erosion_margin is None else self.erosion_margin

    def margin_of(self, name: str, label: str) -> float:
        """Return the margin of one part of a slice."""
        return self.slice_margins.get(name, {}).get(label, self.slice_margin)


def read_gate_rules(root: Path) -> GateRules:
    """Read `gate.yaml` below `root`; raises `GateError`."""
    content = read_content(root / RULES_FILE, GateError, "It holds the rules of the gate: bring it back from git.")
    return parse_gate_rules(content, RULES_FILE)


def parse_gate_rules(content: bytes, where: str) -> GateRules:
    """Parse the content of a `gate.yaml`; `where` names it in errors. Raises `GateError`."""
    return parse_yaml(content, GateRules, where, GateError, "Fix it; its comments say what each key means.")
