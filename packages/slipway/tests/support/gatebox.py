"""Inputs of the gate made from toys: a candidate, an honest retrain in production, rules that fit."""

import functools
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from toybox import Toy

from slipway.bundle import Bundle
from slipway.bundle.isolation import IsolatedBundle, isolate_bundle
from slipway.bundle.verify import read_sealed
from slipway.evaluation.holdout import evaluate_holdout, score_holdout
from slipway.evaluation.record import make_record
from slipway.evaluation.scored import Scored, score_frame
from slipway.evaluation.slices import cut_slices
from slipway.gate.inputs import GateInputs, ScoredBundle
from slipway.gate.rules import GateRules
from slipway.ledger.entry import Entry, Event, Release
from slipway.problem import ProblemFacts, Task
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

# Toys are small and easily learnt, so floors are lower and ceilings higher than a real problem's.
RULES = GateRules(
    level=0.95,
    margin=0.02,
    slice_margin=0.03,
    slice_level=0.05,
    slice_rows=100,
    skill=0.02,
    ceiling=0.97,
    gain=0.3,
    single=0.99,
    calibration=0.05,
    mean=0.02,
    groups=8,
    rows=300,
    shrink=0.1,
    milliseconds=50,
    megabytes=20,
    tolerance=1e-4,
)


def retrain(toy: Toy, folder: Path) -> Bundle:
    """An honest retrain of the toy: the first 90 % of its training groups (another digest)."""
    groups = sorted(toy.train["group"].unique())
    train = toy.train[toy.train["group"].isin(groups[: int(0.9 * len(groups))])].reset_index(drop=True)
    fitted = fit_estimator(toy.problem, toy.params, train)
    return seal_bundle(toy.problem, fitted, toy.params.train.threshold, train, folder)[0]


def make_inputs(toy: Toy, production: Bundle | None, **changed: Any) -> GateInputs:
    """The toy's bundle as candidate against `production`, None for a first release; fields may be `changed`."""
    scored, baseline = score_holdout(toy.bundle, toy.problem, toy.train, toy.holdout)
    runs = ScoredBundle(isolated(production), score_frame(production, toy.holdout)) if production else None
    slices = cut_slices(toy.problem.slices, toy.holdout)
    problem = ProblemFacts(name=toy.problem.name, task=toy.problem.task, metric=toy.problem.metric)
    inputs = GateInputs(
        problem=problem,
        params=toy.params,
        rules=RULES,
        today=date(2025, 1, 2),
        entry=entry_of(production),
        train=toy.train,
        holdout=toy.holdout,
        candidate=ScoredBundle(isolated(toy.bundle), scored),
        production=runs,
        baseline=baseline,
        committed=evaluate_holdout(scored, baseline, toy.problem.metric, toy.params.evaluate, slices),
        committed_record=make_record(toy.bundle, problem, toy.params, scored, toy.holdout),
        slices=slices,
    )
    return msgspec.structs.replace(inputs, **changed)


def isolated(bundle: Bundle) -> IsolatedBundle:
    """The bundle in a process of its own, one for all tests that look at it."""
    return _isolated(bundle.path, bundle.digest)


@functools.cache
def _isolated(path: Path, digest: str) -> IsolatedBundle:
    return isolate_bundle(read_sealed(path, digest))


def entry_of(production: Bundle | None) -> Entry:
    """Production's newest ledger entry: the genesis, or one deployment."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    if production is None:
        return Entry(environment="production", number=0, event=Event.GENESIS, at=at, by="ann")
    release = Release(bundle=production.digest)
    return Entry(
        environment="production",
        number=1,
        event=Event.PROMOTE,
        at=at,
        by="ann",
        release=release,
        serving=release,
        since=at,
    )


def with_rules(inputs: GateInputs, **changed: Any) -> GateInputs:
    """The same inputs under other limits."""
    return msgspec.structs.replace(inputs, rules=msgspec.structs.replace(inputs.rules, **changed))


def with_scores(inputs: GateInputs, scores: np.ndarray) -> GateInputs:
    """The same inputs with other scores of the candidate; its bundle stays, which only statistics may not notice."""
    scored = msgspec.structs.replace(inputs.candidate.scored, scores=scores)
    return msgspec.structs.replace(inputs, candidate=msgspec.structs.replace(inputs.candidate, scored=scored))


def with_production_scores(inputs: GateInputs, scores: np.ndarray) -> GateInputs:
    """The same inputs with other scores of production's model."""
    scored = msgspec.structs.replace(inputs.production.scored, scores=scores)
    return msgspec.structs.replace(inputs, production=msgspec.structs.replace(inputs.production, scored=scored))


def shuffled(inputs: GateInputs, rows: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """The candidate's scores, those of `rows` (all by default) in another order: ruined, and as spread as before."""
    scores = inputs.candidate.scored.scores.copy()
    rows = np.arange(len(scores)) if rows is None else rows
    scores[rows] = scores[np.random.default_rng(seed).permutation(rows)]
    return scores


def inverted(inputs: GateInputs, rows: np.ndarray) -> np.ndarray:
    """The candidate's scores, those of `rows` turned round: the surer it was, the more wrong it is."""
    scored = inputs.candidate.scored
    scores = scored.scores.copy()
    if scores.ndim == 2:
        scores[rows] = np.roll(scores[rows], 1, axis=1)
    else:
        scores[rows] = (2 * scores.mean() if scored.threshold is None else 1) - scores[rows]
    return scores


def sharpened(scored: Scored, by: float) -> np.ndarray:
    """Scores with their log odds times `by`: above 1 overconfident."""
    powers = scored.scores**by
    if scored.scores.ndim == 2:
        return powers / powers.sum(axis=1, keepdims=True)
    return powers / (powers + (1 - scored.scores) ** by)


def flats(losses, group):
    """A regression whose rows miss by `losses`, so that the mean absolute error is known."""
    scores, group = np.asarray(losses, dtype=float), np.asarray(group)
    target = np.zeros(len(scores))
    return Scored(task=Task.REGRESSION, target=target, scores=scores, group=group, groups=int(group.max()) + 1)
