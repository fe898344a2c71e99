"""Study what the gate detects on the present holdout: the rate of false refusals, and the smallest loss it finds.

Honest retrains (another seed, 90 % of the training groups) are compared with each other, every one as candidate and
as production; models made worse on purpose show which losses are found.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from slipway.evaluation.scored import Scored, restrict_rows
from slipway.evaluation.slices import SlicePart, cut_slices
from slipway.gate.power.detection import SIZES, TARGET_POWER, DetectableLoss, measure_detection
from slipway.gate.power.false_refusals import FalseRefusals, measure_false_refusals
from slipway.gate.power.retrains import Recipe, score_honest_retrains, score_worse_models
from slipway.gate.rules import GateRules
from slipway.gate.statistics.comparison import compare_part
from slipway.gate.wording import loss_name
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
    slice_margin: float
    slices: int
    sizes: tuple[float, ...]
    false_refusals: FalseRefusals
    declines: tuple[DetectableLoss, ...]


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
    worse = score_worse_models(recipe, honest[0])
    parts = [part for part in cut_slices(problem.slices, holdout) if _is_judged(part, honest, problem, rules, params)]
    say(f"  comparing {len(honest) * (len(honest) - 1):,} pairs in {len(parts)} slices ...")
    return PowerStudy(
        problem=problem.name,
        task=problem.task,
        primary=problem.metric,
        rows=len(holdout),
        groups=honest[0].groups,
        level=rules.level,
        margin=rules.margin,
        slice_margin=rules.slice_margin,
        slices=len(parts),
        sizes=SIZES,
        false_refusals=measure_false_refusals(honest, parts, problem.metric, rules, params.evaluate),
        declines=tuple(measure_detection(each, honest[0], problem.metric, rules, params.evaluate) for each in worse),
    )


def render_power_report(power: PowerStudy) -> str:
    """Render the study as text."""
    holdout = f"{power.rows:,} held-out rows in {power.groups} groups"
    unseen = [each for each in power.declines if each.found < 1 - TARGET_POWER]
    return "\n".join(
        [
            f"{power.problem}: {holdout}; {loss_name(power.task, power.primary)}, {power.level:.0%} intervals",
            "",
            *_refusal_lines(power),
            "",
            f"Refused: a statistically significant loss of more than {power.margin:.1%}. Smallest true loss found with",
            f"{TARGET_POWER:.0%} probability, by what made the model worse and by the number of groups held out:",
            "",
            *_table(power),
            "",
            *(f"Not found by the loss: {each.name}; the mean score moves by {each.shift:.4f}." for each in unseen),
        ]
    )


def _refusal_lines(power: PowerStudy) -> list[str]:
    found = power.false_refusals
    likely = "unknown" if found.likely is None else f"{found.likely:.2%}"
    return [
        f"False refusals: {found.refused:,} of {found.pairs:,} pairs of {found.retrains:,} honest retrains, "
        f"{found.refused / found.pairs:.2%};",
        f"  {found.by_whole:,} by the whole (margin {power.margin:.1%}), "
        f"{found.by_slice:,} by one of {power.slices} slices (margin {power.slice_margin:.1%})",
        f"  true rate at most {likely} by the jackknife, {found.bound:.2%} whatever the cause (95% confidence;",
        f"  only {found.retrains // 2:,} of these pairs are independent)",
        f"  the unluckiest retrain in production refuses {found.unluckiest:.1%} of the others",
        f"  two retrains differ by {found.spread:.2%} (standard deviation), {found.largest:.2%} at most;",
        f"  half an interval is {found.half_width:.2%}",
    ]


def _table(power: PowerStudy) -> list[str]:
    width = max(len(each.name) for each in power.declines)
    sizes = "".join(f"{f'{round(size * power.groups)}':>9}" for size in power.sizes)
    lines = [f"  {'':{width}}{sizes}   the whole of it: loss, refused"]
    for each in power.declines:
        found = "".join(f"{'-' if loss is None else f'{loss:.1%}':>9}" for loss in each.smallest)
        lines.append(f"  {each.name:{width}}{found}   {each.loss:>6.1%}  {each.found:>6.1%}")
    return lines


def _is_judged(part: SlicePart, honest: Sequence[Scored], problem: Problem, rules: GateRules, params: Params) -> bool:
    inside, beside = (restrict_rows(each, part.rows) for each in honest[:2])
    return compare_part(inside, beside, problem.metric, rules, params.evaluate) is not None
