"""Measure honest retrains on the present holdout: the basis of the proposed limits."""

from typing import NamedTuple

import msgspec

from slipway.bundle.isolation import IsolatedBundle
from slipway.gate.power.false_refusals import Compared, compare_retrains, median_error
from slipway.gate.power.limits import RetrainFigures, measure_figures
from slipway.gate.power.retrains import Recipe, score_balanced_retrains
from slipway.gate.power.study import cut_judged_parts
from slipway.gate.rules import GateRules
from slipway.gate.statistics.paired import smallest_seen_loss

# A part of a slice that is judged alone has so many rows, or a fiftieth of the holdout if that lies between.
_FEWEST_ROWS, _ENOUGH_ROWS, _OF_ROWS = 50, 500, 50


class Measured(NamedTuple):
    """Honest retrains of a recipe, compared with each other and measured; `rules` have the proposed `slice_rows`."""

    recipe: Recipe
    rules: GateRules
    compared: Compared
    figures: RetrainFigures
    bundle: IsolatedBundle | None

    @property
    def retrains(self) -> int:
        """Return the number of honest retrains."""
        return len(self.compared.honest)

    @property
    def rows(self) -> int:
        """Return the number of held-out rows."""
        return len(self.recipe.holdout)

    @property
    def groups(self) -> int:
        """Return the number of held-out groups."""
        return self.compared.honest[0].groups

    def smallest_seen(self, margin: float) -> float:
        """Return the loss below which no worse model is refused in 95 % of cases, with this margin."""
        return smallest_seen_loss(median_error(self.compared.whole), self.groups, margin, self.rules.level)


def measure_retrains(recipe: Recipe, rules: GateRules, retrains: int, bundle: IsolatedBundle | None) -> Measured:
    """Fit `retrains` honest models of the recipe and measure what `gate.yaml` limits; `bundle` is timed if given."""
    honest = score_balanced_retrains(recipe, retrains)
    slice_rows = max(_FEWEST_ROWS, min(_ENOUGH_ROWS, round(len(recipe.holdout) / _OF_ROWS)))
    rules = msgspec.structs.replace(rules, slice_rows=slice_rows)
    parts = cut_judged_parts(recipe, honest, rules)
    recipe.say(f"  comparing {retrains * (retrains - 1):,} pairs in {len(parts)} parts of slices ...")
    compared = compare_retrains(honest, parts, recipe.problem.metric, recipe.params.evaluate)
    return Measured(recipe, rules, compared, measure_figures(recipe, compared, rules), bundle)
