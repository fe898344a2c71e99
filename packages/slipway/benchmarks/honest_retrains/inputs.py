"""Collect what the gate would on the day of a candidate's commit."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd
from models import FITS, Model, Parts, facts_of

from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.result import Evaluation
from slipway.evaluation.scored import Scored, constant_baseline, encode_target, restrict_rows
from slipway.evaluation.slices import SlicePart, cut_slices
from slipway.gate.inputs import Anchors, GateInputs, ScoredBundle
from slipway.gate.rules import Tie, read_gate_rules
from slipway.ledger.entry import PRODUCTION, Entry, Event, Release
from slipway.project import Project

ROOT = Path(__file__).parents[4]
EARLIER = 10


class Day(NamedTuple):
    """The parts of a candidate on the day of its commit, cut and evaluated."""

    train: pd.DataFrame
    holdout: pd.DataFrame
    slices: tuple[SlicePart, ...]
    evaluation: Evaluation


def make_day(project: Project, candidate: Model, parts: Parts) -> Day:
    problem, params = project.problem, candidate.retrain.params.evaluate
    train, holdout = (candidate.retrain.take(part) for part in parts)
    scored, slices = scores_on(candidate, len(holdout)), cut_slices(problem.slices, holdout)
    baseline = constant_baseline(scored, encode_target(problem.task, scored.classes, train["target"]))
    return Day(train, holdout, slices, evaluate_holdout(scored, baseline, problem.metric, params, slices))


def earlier_releases(pair: tuple[Model, Model], models: Sequence[Model]) -> list[Model]:
    """Choose the releases before production's: of newer data those that are no newer."""
    last = pair[1].retrain.weeks_left_out
    found = [each for each in models if each not in pair and each.retrain.weeks_left_out >= last]
    order = np.random.default_rng(pair[0].retrain.number * FITS + pair[1].retrain.number).permutation(len(found))
    return [found[at] for at in order[:EARLIER]]


def make_inputs(project: Project, day: Day, pair: tuple[Model, Model], earlier: Sequence[Model]) -> GateInputs:
    """Collect what the gate would on the day of the candidate's commit."""
    candidate, production = pair
    rows, scored = len(day.holdout), scores_on(candidate, len(day.holdout))
    baseline = constant_baseline(scored, encode_target(scored.task, scored.classes, day.train["target"]))
    return GateInputs(
        problem=facts_of(project),
        params=candidate.retrain.params,
        rules=msgspec.structs.replace(read_gate_rules(ROOT), tie=Tie.CANDIDATE, anchors=EARLIER),
        today=datetime.now(UTC).date(),
        entry=entry_of(production),
        train=day.train,
        holdout=day.holdout,
        candidate=ScoredBundle(candidate.bundle, scored),
        production=ScoredBundle(production.bundle, scores_on(production, rows)),
        baseline=baseline,
        committed=day.evaluation,
        committed_record=candidate.record,
        slices=day.slices,
        evaluation_record=production.record,
        anchors=Anchors(tuple(ScoredBundle(each.bundle, scores_on(each, rows)) for each in earlier)),
    )


def scores_on(model: Model, rows: int) -> Scored:
    """Return the model's scores of the first rows of the holdout, which are ordered by day."""
    return model.scored if rows == len(model.scored.target) else restrict_rows(model.scored, np.arange(rows))


def entry_of(production: Model) -> Entry:
    release, now = Release(bundle=production.bundle.digest), datetime.now(UTC)
    return Entry(
        environment=PRODUCTION,
        number=1,
        event=Event.PROMOTE,
        at=now,
        by="a benchmark",
        release=release,
        serving=release,
        since=now,
    )
