"""Study what the gate detects on the present holdout: the rate of false refusals, and the smallest loss it finds.

Honest retrains (another seed, 90 % of the training groups) are compared with each other, every one as candidate and
as production; models made worse on purpose show which losses are found.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from slipway.evaluation.scored import Scored, restrict_rows
from slipway.evaluation.slices import SlicePart, cut_slices, pool_small_parts
from slipway.gate.power.cross_fit import CrossFit
from slipway.gate.power.detection import ASKED, SIZES, DetectableLoss, measure_detection
from slipway.gate.power.false_refusals import FalseRefusals, compare_retrains, count_false_refusals
from slipway.gate.power.limits import MeasuredLimit, measure_limits
from slipway.gate.power.retrains import Recipe, WorseModel, score_honest_retrains, score_worse_models
from slipway.gate.rules import GateRules
from slipway.gate.statistics.comparison import compare_part
from slipway.params import Params
from slipway.problem import Problem, Task
from slipway.stage import print_progress

if TYPE_CHECKING:
    import pandas as pd


class PowerStudy(msgspec.Struct, frozen=True, kw_only=True):
    """The study's result: the holdout, the limits, the false refusals and the detectable losses."""

    problem: str
    task: Task
    primary: str
    rows: int
    groups: int
    level: float
    margin: float
    slices: int
    sizes: tuple[float, ...]
    asked: float
    false_refusals: FalseRefusals
    limits: tuple[MeasuredLimit, ...]
    declines: tuple[DetectableLoss, ...]
    cross_fit: CrossFit | None = None


def study_power(
    problem: Problem,
    params: Params,
    rules: GateRules,
    train: "pd.DataFrame",
    holdout: "pd.DataFrame",
    *,
    retrains: int = 12,
    jobs: int = 1,
    say: Callable[[str], None] = print_progress,
) -> PowerStudy:
    """Fit `retrains` honest models and a few worse ones, `jobs` at a time, and compare them on the holdout."""
    recipe = Recipe(problem, params, train, holdout, jobs, say)
    honest = score_honest_retrains(recipe, retrains)
    return study_models(recipe, rules, honest, score_worse_models(recipe, honest[0]))


def study_models(recipe: Recipe, rules: GateRules, honest: Sequence[Scored], worse: Sequence[WorseModel]) -> PowerStudy:
    """Compare the models of a recipe on its holdout."""
    problem, params = recipe.problem, recipe.params
    parts = cut_judged_parts(recipe, honest, rules)
    recipe.say(f"  comparing {len(honest) * (len(honest) - 1):,} pairs in {len(parts)} parts of slices ...")
    compared = compare_retrains(honest, parts, problem.metric, params.evaluate)
    return PowerStudy(
        problem=problem.name,
        task=problem.task,
        primary=problem.metric,
        rows=len(recipe.holdout),
        groups=honest[0].groups,
        level=rules.level,
        margin=rules.margin,
        slices=len(parts),
        sizes=SIZES,
        asked=ASKED,
        false_refusals=count_false_refusals(compared, rules, params.evaluate),
        limits=measure_limits(recipe, compared, rules),
        declines=tuple(measure_detection(each, honest[0], problem.metric, rules, params.evaluate) for each in worse),
    )


def cut_judged_parts(recipe: Recipe, honest: Sequence[Scored], rules: GateRules) -> list[SlicePart]:
    """Cut the holdout into those parts of slices that `no_slice_worse` judges."""
    problem = recipe.problem
    cut = pool_small_parts(cut_slices(problem.slices, recipe.holdout), honest[0].group, rules.slice_rows)
    return [part for part in cut if _is_judged(part, honest, problem, rules, recipe.params)]


def _is_judged(part: SlicePart, honest: Sequence[Scored], problem: Problem, rules: GateRules, params: Params) -> bool:
    inside, beside = (restrict_rows(each, part.rows) for each in honest[:2])
    return compare_part(inside, beside, problem.metric, rules, params.evaluate) is not None
