"""Everything that the gate's checks look at, gathered once and changed by none."""

from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.isolation import IsolatedBundle
from slipway.bundle.profile import decode_profile
from slipway.data.splitting import mark_seen
from slipway.evaluation.holdout import resample_metrics
from slipway.evaluation.intervals import Draws
from slipway.evaluation.record import EvaluationRecord
from slipway.evaluation.result import Evaluation
from slipway.evaluation.scored import Scored, restrict_rows
from slipway.evaluation.slices import FEWEST_GROUPS, SlicePart
from slipway.figures import Figure
from slipway.gate.result import CheckResult, SliceComparison
from slipway.gate.rules import Decides, GateRules
from slipway.gate.statistics.comparison import compare_slices, relative_improvement
from slipway.gate.statistics.newer_rows import NewerRows, compare_newer, find_newer_rows
from slipway.gate.statistics.paired import critical_value, smallest_seen_loss
from slipway.gate.statistics.reproduction import Reproduction, add_absent_columns, reproduce_record
from slipway.ledger.entry import Entry
from slipway.params import Params
from slipway.problem import ProblemFacts
from slipway.serving.log.requests import LoggedRequests

if TYPE_CHECKING:
    import pandas as pd


class ScoredBundle(msgspec.Struct, frozen=True, eq=False):
    """One verified bundle and its scores on the holdout, made with its own contract and features."""

    bundle: IsolatedBundle
    scored: Scored


class Anchors(msgspec.Struct, frozen=True, eq=False):
    """Earlier releases, scored on the same rows; `unable` is the number of those that cannot score them."""

    scored: tuple[ScoredBundle, ...] = ()
    unable: int = 0


class GateInputs(msgspec.Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """One candidate and what it is compared with; comparisons that several checks look at are made once.

    `problem`, `params` and `rules` are those of the base commit where one is given, `moved` what the change alters
    about them. `threshold` is the decision threshold of that commit's `params.yaml`. `entry` is production's newest
    ledger entry. `production` is the model to compare with: what production serves, or where that is distrusted (then
    it is `dethroned`) the release before it; None before the first release, or where no release is trusted. `anchors`
    are earlier releases, where a tie may ship the candidate. `baseline` is the trivial model of the training set on the
    same rows; `committed` and `committed_record` are `metrics.json` and the evaluation record in the working tree,
    `slices` those of the holdout, `uncut` the reasons why a slice of the base commit has none. `evaluation_record` says
    what production's model got on each group when it was evaluated; None where it was released without one.
    `requests` are what clients sent to production, None where its log is not in reach.
    `collected` are the checks that passed while the inputs were collected.
    """

    problem: ProblemFacts
    params: Params
    rules: GateRules
    today: date
    entry: Entry
    train: "pd.DataFrame"
    holdout: "pd.DataFrame"
    candidate: ScoredBundle
    production: ScoredBundle | None
    baseline: Scored
    committed: Evaluation
    committed_record: EvaluationRecord
    slices: tuple[SlicePart, ...] = ()
    uncut: tuple[str, ...] = ()
    evaluation_record: EvaluationRecord | None = None
    dethroned: IsolatedBundle | None = None
    anchors: Anchors = Anchors()
    threshold: float | None = None
    requests: LoggedRequests | None = None
    moved: tuple[str, ...] = ()
    collected: tuple[CheckResult, ...] = ()

    @property
    def serving(self) -> IsolatedBundle | None:
        """The bundle that production serves: its clients know its contract, though it may be distrusted."""
        return self.dethroned or (self.production.bundle if self.production else None)

    @property
    def moved_threshold(self) -> tuple[float, float] | None:
        """The decision threshold that production has and the candidate's, where they differ."""
        before = self.serving.manifest.threshold if self.serving else None
        after = self.candidate.bundle.manifest.threshold
        return (before, after) if before is not None and after is not None and before != after else None

    @cached_property
    def seen_rows(self) -> NDArray[np.bool_]:
        """Mark the held-out rows that production's model has seen, where it was made by another split."""
        if self.evaluation_record is None:
            return np.zeros(len(self.holdout), dtype=bool)
        return np.asarray(mark_seen(self.holdout, self.evaluation_record.split), dtype=bool)

    @cached_property
    def unseen_groups(self) -> int:
        """The number of held-out groups with rows that neither model has seen."""
        return int(self.holdout["group"][~self.seen_rows].nunique())

    @property
    def has_unseen(self) -> bool:
        """True if enough rows for a comparison are left that neither model has seen."""
        enough = np.count_nonzero(~self.seen_rows) >= self.rules.slice_rows and self.unseen_groups >= FEWEST_GROUPS
        return bool(enough or not self.seen_rows.any())

    @cached_property
    def compared_rows(self) -> NDArray[np.intp]:
        """The rows on which candidate and production are compared: those that neither has seen.

        All, where these are too few for a comparison.
        """
        return np.flatnonzero(~self.seen_rows) if self.has_unseen else np.arange(len(self.holdout))

    def compared(self, side: ScoredBundle, rows: NDArray[np.intp] | None = None) -> Scored:
        """Return the scores of a model on `rows`, by default those on which candidate and production are compared."""
        rows = self.compared_rows if rows is None else rows
        return side.scored if len(rows) == len(side.scored.target) else restrict_rows(side.scored, rows)

    @cached_property
    def newer(self) -> NewerRows | None:
        """The compared rows after production's last training day; None without production."""
        if self.production is None:
            return None
        profile = decode_profile(self.production.bundle.sealed.files["profile.json"])
        found = find_newer_rows(profile, self.holdout, self.compared_rows)
        sides = (self.candidate.scored, self.production.scored)
        return compare_newer(found, *sides, self.problem.metric, self.rules, self.params.evaluate)

    @property
    def newer_decide(self) -> bool:
        """True if promote or keep is decided on the newer rows: the rules say so, and there are enough of them.

        In place of a distrusted model every candidate ships that passes.
        """
        asked = self.rules.decides is Decides.NEWER and self.dethroned is None
        return asked and self.newer is not None and not self.newer.obstacle

    @property
    def decisive_rows(self) -> NDArray[np.intp]:
        """The rows on which promote or keep is decided."""
        return self.newer.rows if self.newer_decide and self.newer else self.compared_rows

    @cached_property
    def draws(self) -> dict[str, Draws]:
        """Every metric of the candidate over the holdout, and in each resample of its groups."""
        return resample_metrics(self.candidate.scored, self.params.evaluate)

    @cached_property
    def gain(self) -> Figure | None:
        """The primary loss compared with production's (see `relative_improvement`); None without production."""
        return self._beside(self.production, self.rules.level) if self.production else None

    @cached_property
    def gain_bound(self) -> float | None:
        """The upper end of the one-sided interval of `gain`; None without production, or with too few groups."""
        if self.production is None:
            return None
        return self._beside(self.production, 2 * self.rules.level - 1).high

    @property
    def smallest_seen(self) -> float | None:
        """The loss below which no worse model is refused in 95 % of cases; None without an interval of `gain`."""
        if self.gain is None or self.gain.low is None or self.gain.high is None:
            return None
        groups, level = self.compared(self.candidate).groups, self.rules.level
        error = (self.gain.high - self.gain.low) / 2 / critical_value(groups, (1 - level) / 2)
        return smallest_seen_loss(error, groups, self.rules.margin, level)

    @property
    def is_worse(self) -> bool:
        """True if the candidate is worse on the decisive rows, statistically significant (one-sided)."""
        bound = self.newer.bound if self.newer_decide and self.newer else self.gain_bound
        return bound is not None and bound < 0

    @cached_property
    def skill(self) -> Figure:
        """The primary loss compared with the trivial baseline's (see `relative_improvement`)."""
        return self._improvement(self.baseline, self.rules.level)

    @cached_property
    def slice_gains(self) -> tuple[SliceComparison, ...]:
        """Every slice compared with production's (see `compare_slices`); none without production."""
        if self.production is None:
            return ()
        inside = np.zeros(len(self.holdout), dtype=bool)
        inside[self.compared_rows] = True
        slices = [msgspec.structs.replace(part, rows=part.rows[inside[part.rows]]) for part in self.slices]
        return compare_slices(
            self.candidate.scored,
            self.production.scored,
            slices,
            self.problem.metric,
            self.rules,
            self.params.evaluate,
        )

    @cached_property
    def reproduction(self) -> Reproduction | None:
        """The evaluation record of production's model, asked for again in these rows; None where there is none."""
        if self.production is None or self.evaluation_record is None:
            return None
        fields = self.production.bundle.fields
        return reproduce_record(
            self.evaluation_record,
            fields,
            self.production.scored,
            self.train,
            add_absent_columns(fields, self.holdout),
            self.rules.tolerance,
            self.params.split,
        )

    @cached_property
    def erosion(self) -> tuple[ScoredBundle, Figure] | None:
        """The best of the earlier releases and the candidate's loss compared with it; None where there are none.

        The interval is one-sided and corrected for the number of releases of which the best was chosen.
        """
        if not self.anchors.scored:
            return None
        level = 1 - 2 * (1 - self.rules.level) / len(self.anchors.scored)
        figures = [self._beside(each, level) for each in self.anchors.scored]
        best = min(range(len(figures)), key=lambda at: figures[at].value)
        return self.anchors.scored[best], figures[best]

    def _beside(self, other: ScoredBundle, level: float) -> Figure:
        pair = self.compared(self.candidate), self.compared(other)
        return relative_improvement(*pair, self.problem.metric, level, self.params.evaluate)

    def _improvement(self, reference: Scored, level: float) -> Figure:
        scored = self.candidate.scored
        return relative_improvement(scored, reference, self.problem.metric, level, self.params.evaluate)
