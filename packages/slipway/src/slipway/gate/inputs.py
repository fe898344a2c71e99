"""Everything that the gate's checks look at, collected once and changed by none."""

from typing import TYPE_CHECKING

import msgspec

from slipway.bundle import Bundle
from slipway.evaluation.result import Evaluation
from slipway.evaluation.scored import Scored
from slipway.evaluation.slices import SlicePart
from slipway.gate.rules import GateRules
from slipway.ledger.entry import Entry
from slipway.params import Params
from slipway.problem import Problem

if TYPE_CHECKING:
    import pandas as pd


class ScoredBundle(msgspec.Struct, frozen=True, eq=False):
    """One verified bundle and its scores on the holdout, made with its own contract and features."""

    bundle: Bundle
    scored: Scored


class GateInputs(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One candidate and what it is compared with.

    `entry` is production's newest ledger entry; `production` is None only where it serves nothing yet: before the
    first release. `baseline` is the trivial model of the training set on the same rows; `committed` is `metrics.json`
    as it is in the working tree, `slices` those of the holdout.
    """

    problem: Problem
    params: Params
    rules: GateRules
    entry: Entry
    train: "pd.DataFrame"
    holdout: "pd.DataFrame"
    candidate: ScoredBundle
    production: ScoredBundle | None
    baseline: Scored
    committed: Evaluation
    slices: tuple[SlicePart, ...] = ()
