"""Measure each limit of `gate.yaml` for a model's figures: what honest retrains have, and how many would fail."""

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, frame_to_columns
from slipway.contract import read_contract
from slipway.evaluation.scored import Scored, Vector, constant_baseline, encode_target
from slipway.gate.checks.leakage import measure_strengths
from slipway.gate.power.false_refusals import Compared
from slipway.gate.power.retrains import Recipe
from slipway.gate.power.score_levels import (
    CalibrationPairs,
    calibration_lows,
    compare_calibrations,
    mean_distances,
)
from slipway.gate.rules import GateRules
from slipway.gate.statistics.comparison import relative_improvement
from slipway.problem import Task
from slipway.training.fit import derive_features

if TYPE_CHECKING:
    import pandas as pd


class MeasuredLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One key of `gate.yaml`, the figures of honest retrains, and how many of `count` models or pairs would fail."""

    name: str
    limit: float
    least: float
    median: float
    most: float
    refused: int
    count: int


class RetrainFigures(NamedTuple):
    """Values of the limited quantities of `gate.yaml` in honest retrains: by retrain, by pair, or the largest.

    `gains` are those of pairs, `least_skill` are the lower ends of the intervals of `skill`, NaN where there are none,
    `column` is the strongest one alone. `lows` and `calibrations` are None for a regression.
    """

    gains: Vector
    skill: Vector
    least_skill: Vector
    column: str
    single: float
    lows: Vector | None
    calibrations: CalibrationPairs | None


def measure_figures(recipe: Recipe, compared: Compared, rules: GateRules) -> RetrainFigures:
    """Measure honest retrains; in pairs each is compared with every other, in both roles."""
    problem, params, honest = recipe.problem, recipe.params.evaluate, compared.honest
    baseline = constant_baseline(honest[0], encode_target(problem.task, honest[0].classes, recipe.train["target"]))
    skills = [relative_improvement(each, baseline, problem.metric, rules.level, params) for each in honest]
    strengths = _strengths(recipe, honest[0])
    column = max(strengths, key=lambda name: strengths[name])
    probabilities = problem.task is not Task.REGRESSION
    return RetrainFigures(
        gains=compared.whole.values[~np.eye(len(honest), dtype=bool)],
        skill=np.array([each.value for each in skills]),
        least_skill=np.array([np.nan if each.low is None else each.low for each in skills]),
        column=column,
        single=strengths[column],
        lows=calibration_lows(honest, rules, params) if probabilities else None,
        calibrations=compare_calibrations(honest, rules.level) if probabilities else None,
    )


def measure_limits(recipe: Recipe, compared: Compared, rules: GateRules) -> tuple[MeasuredLimit, ...]:
    """Hold each limit beside the figures of honest retrains."""
    figures = measure_figures(recipe, compared, rules)
    others = ~np.eye(len(compared.honest), dtype=bool)
    distances = mean_distances(compared.honest, rules)[others]
    gains, skill, single = figures.gains, figures.skill, np.array([figures.single])
    unproven = rules.skill_significant & ~(figures.least_skill > 0)
    found = [
        _measured("mean", rules.mean, distances, distances > rules.mean),
        _measured("skill", rules.skill, skill, (skill < rules.skill) | unproven),
        _measured("ceiling", rules.ceiling, skill, skill > rules.ceiling),
        _measured("gain", rules.gain, gains, gains > rules.gain),
        _measured("single", rules.single, single, single > rules.single),
    ]
    if figures.lows is not None and (pairs := figures.calibrations) is not None:
        found.insert(1, _measured("calibration", rules.calibration, figures.lows, figures.lows > rules.calibration))
        costs, farther, unlikely = pairs.costs[others], pairs.farther[others], pairs.p_values[others] <= 1 - rules.level
        found[2:2] = [
            _measured("calibration_cost", rules.calibration_cost, costs, (costs > rules.calibration_cost) & unlikely),
            _measured("calibration_margin", rules.calibration_margin, farther, farther > rules.calibration_margin),
        ]
    return tuple(found)


def _measured(name: str, limit: float, values: Vector, refused: NDArray[np.bool_]) -> MeasuredLimit:
    return MeasuredLimit(
        name=name,
        limit=limit,
        least=float(values.min()),
        median=float(np.median(values)),
        most=float(values.max()),
        refused=int(refused.sum()),
        count=len(values),
    )


def _strengths(recipe: Recipe, scored: Scored) -> dict[str, float]:
    fields = read_contract(recipe.problem.contract)

    def derive(frame: "pd.DataFrame") -> Columns:
        return derive_features(recipe.problem, frame_to_columns(fields, frame))

    return measure_strengths(scored, recipe.train, recipe.holdout, derive)
