"""Measure how often each check refuses an honest retrain of the example: 400 pairs of sealed models of three kinds.

    nice -n 15 uv run python packages/slipway/benchmarks/honest_retrains.py [--folder FOLDER]

Needs `dvc repro prepare`. Thirty models of each kind are fitted and sealed in FOLDER, where another run finds them. A
pair is a candidate and another honest model in production, by the rules of gate.yaml with `tie: candidate` and up to
ten more of its kind as earlier releases, so that every check that looks at scores is asked:

* other days: each with its own seed and its own 90 % of the training groups;
* newer data: trained and held out up to a last week, beside a production of one to nine weeks earlier;
* other parameters: other trees with the same product of learning rate and number, or other leaves, columns and
  regularisation, chosen before any of them was scored.

The checks in NOT_ASKED look at no model's scores on the holdout, or at time, which a busy machine changes. FOLDER keeps
the results in pairs.jsonl, one line for each pair. Twenty minutes on one core.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pandas as pd

from slipway.bundle import Bundle, load_bundle
from slipway.data.prepared import read_parts
from slipway.evaluation.holdout import evaluate_holdout
from slipway.evaluation.record import EvaluationRecord, make_record
from slipway.evaluation.result import Evaluation
from slipway.evaluation.scored import Scored, constant_baseline, encode_target, restrict_rows, score_frame
from slipway.evaluation.slices import SlicePart, cut_slices
from slipway.gate.checks import CHECKS
from slipway.gate.inputs import Anchors, GateInputs, ScoredBundle
from slipway.gate.rules import Tie, read_gate_rules
from slipway.ledger.entry import PRODUCTION, Entry, Event, Release
from slipway.params import Params
from slipway.problem import ProblemFacts
from slipway.project import Project, load_project
from slipway.settings import quiet_environment
from slipway.stage import print_progress
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

ROOT = Path(__file__).parents[3]
Parts = tuple[pd.DataFrame, pd.DataFrame]
FITS, WEEKS, EARLIER = 30, 10, 10
DAYS, NEWER, PARAMETERS = "other days", "newer data", "other parameters"
PAIRS = {DAYS: 134, NEWER: 133, PARAMETERS: 133}
RECIPES = (
    {"max_iter": 75, "learning_rate": 0.1},
    {"max_iter": 100, "learning_rate": 0.075},
    {"max_iter": 200, "learning_rate": 0.0375},
    {"max_iter": 300, "learning_rate": 0.025},
    {"max_leaf_nodes": 24},
    {"max_leaf_nodes": 40},
    {"min_samples_leaf": 100},
    {"min_samples_leaf": 400},
    {"max_features": 0.4},
    {"l2_regularization": 5.0},
)
NOT_ASKED = {
    "not_blocked",
    "contract_compatible",
    "served_as_evaluated",
    "contract_reads_holdout",
    "accepts_requests",
    "source_allowed",
    "latency_and_size",
}
# What these say depends on the candidate alone: they are asked of its first pair.
ASKED_ONCE = {
    "holdout_disjoint",
    "no_duplicate_rows",
    "no_near_copies",
    "enough_data",
    "metrics_reproduced",
    "record_reproduced",
    "predictions_sane",
    "plausible_skill",
    "no_leaking_feature",
    "beats_baseline",
}


class Retrain(NamedTuple):
    """One honest model: its kind, its number of thirty, its parameters, and the groups that its commit would have."""

    kind: str
    number: int
    params: Params
    groups: frozenset[str]

    @property
    def weeks_left_out(self) -> int:
        return self.number % WEEKS if self.kind == NEWER else 0

    def take(self, part: pd.DataFrame) -> pd.DataFrame:
        return part[part["group"].isin(self.groups)].reset_index(drop=True)


class Model(NamedTuple):
    """A sealed retrain, its scores on the whole holdout, and its evaluation record on its own."""

    retrain: Retrain
    bundle: Bundle
    scored: Scored
    record: EvaluationRecord


class Day(NamedTuple):
    """The parts of a candidate on the day of its commit, cut and evaluated."""

    train: pd.DataFrame
    holdout: pd.DataFrame
    slices: tuple[SlicePart, ...]
    evaluation: Evaluation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".slipway" / "honest")
    folder = parser.parse_args().folder
    quiet_environment()
    project, parts = load_project(ROOT), read_parts(ROOT / "prepared")
    with (folder / "pairs.jsonl").open("w") as results:
        found = []
        for kind in PAIRS:
            models = [load(project, make_retrain(project, parts, kind, at), parts, folder) for at in range(FITS)]
            for pair in judge_kind(project, kind, models, parts):
                results.write(json.dumps(pair) + "\n")
                results.flush()
                found.append(pair)
    print(render(found))


def make_retrain(project: Project, parts: Parts, kind: str, number: int) -> Retrain:
    """Choose the groups and parameters of one honest retrain; every one has a seed of its own."""
    trained, held = (np.sort(part["group"].unique()) for part in parts)
    params = with_train(project.params, seed=5000 + [*PAIRS].index(kind) * 100 + number)
    if kind == DAYS:
        trained = np.random.default_rng(5000 + number).permutation(trained)[: round(0.9 * len(trained))]
    elif kind == NEWER:
        last = date.fromisoformat(max(trained[-1], held[-1])) - timedelta(weeks=number % WEEKS)
        trained, held = trained[trained <= str(last)], held[held <= str(last)]
    else:
        boosting = msgspec.structs.replace(params.model.gradient_boosting, **RECIPES[number % len(RECIPES)])
        params = msgspec.structs.replace(
            params, model=msgspec.structs.replace(params.model, gradient_boosting=boosting)
        )
    return Retrain(kind, number, params, frozenset((*trained, *held)))


def with_train(params: Params, **changed: object) -> Params:
    return msgspec.structs.replace(params, train=msgspec.structs.replace(params.train, **changed))


def load(project: Project, retrain: Retrain, parts: Parts, folder: Path) -> Model:
    place = folder / f"{retrain.kind.replace(' ', '-')}-{retrain.number}"
    if not place.exists():
        train = retrain.take(parts[0])
        fitted = fit_estimator(project.problem, retrain.params, train)
        seal_bundle(project.problem, fitted, retrain.params.train.threshold, train, place)
        print_progress(f"  sealed {retrain.kind} {retrain.number + 1} of {FITS}")
    bundle, holdout = load_bundle(place), retrain.take(parts[1])
    record = make_record(bundle, facts_of(project), retrain.params, score_frame(bundle, holdout), holdout)
    return Model(retrain, bundle, score_frame(bundle, parts[1]), record)


def make_day(project: Project, candidate: Model, parts: Parts) -> Day:
    problem, params = project.problem, candidate.retrain.params.evaluate
    train, holdout = (candidate.retrain.take(part) for part in parts)
    scored, slices = scores_on(candidate, len(holdout)), cut_slices(problem.slices, holdout)
    baseline = constant_baseline(scored, encode_target(problem.task, scored.classes, train["target"]))
    return Day(train, holdout, slices, evaluate_holdout(scored, baseline, problem.metric, params, slices))


def judge_kind(project: Project, kind: str, models: Sequence[Model], parts: Parts) -> Iterator[dict[str, object]]:
    """Ask every check of each pair; a production of newer data is at least a week older than its candidate."""
    pairs = [(one, other) for one in models for other in models if _can_follow(one.retrain, other.retrain)]
    chosen = np.random.default_rng(0).permutation(len(pairs))[: PAIRS[kind]]
    alone: dict[str, str] = {}
    last = None
    # Those of one candidate follow each other, so that it is evaluated once.
    for number, at in enumerate(sorted(chosen.tolist()), 1):
        candidate, production = pairs[at]
        first, last = candidate is not last, candidate
        if first:
            day = make_day(project, candidate, parts)
        inputs = make_inputs(project, day, pairs[at], earlier_releases(pairs[at], models))
        if first:
            alone = ask(inputs, ASKED_ONCE)
        failed = ask(inputs, {check.name for check in CHECKS} - NOT_ASKED - ASKED_ONCE) | alone
        print_progress(f"  {kind}: {number} of {len(chosen)} pairs{', ' if failed else ''}{', '.join(failed)}")
        yield {
            "kind": kind,
            "candidate": candidate.retrain.number,
            "production": production.retrain.number,
            "gain": inputs.gain.value if inputs.gain else None,
            "failed": failed,
        }


def ask(inputs: GateInputs, names: set[str]) -> dict[str, str]:
    """Return what the checks that fail have found."""
    found = [check(inputs) for check in CHECKS if check.name in names]
    return {each.name: each.observed for each in found if not each.passed}


def _can_follow(candidate: Retrain, production: Retrain) -> bool:
    if candidate.kind == NEWER:
        return candidate.weeks_left_out < production.weeks_left_out
    return candidate.number != production.number


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


def facts_of(project: Project) -> ProblemFacts:
    return ProblemFacts(name=project.problem.name, task=project.problem.task, metric=project.problem.metric)


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


def render(found: Sequence[Mapping[str, object]]) -> str:
    """Render the refusals by check and kind."""
    refused = Counter((pair["kind"], name) for pair in found for name in pair["failed"])
    whole = Counter(pair["kind"] for pair in found if pair["failed"])
    asked = [check.name for check in CHECKS if check.name not in NOT_ASKED]
    lines = [f"{'check':24}{''.join(f'{kind:>18}' for kind in PAIRS)}{'all':>8}"]
    for name in asked:
        counts = [refused[kind, name] for kind in PAIRS]
        lines.append(f"{name:24}{''.join(f'{count:>18}' for count in counts)}{sum(counts):>8}")
    lines.append(f"{'refused by any':24}{''.join(f'{whole[kind]:>18}' for kind in PAIRS)}{sum(whole.values()):>8}")
    lines.append(f"{'of pairs':24}{''.join(f'{PAIRS[kind]:>18}' for kind in PAIRS)}{len(found):>8}")
    lines.append(f"{'of independent fits':24}{''.join(f'{FITS:>18}' for _ in PAIRS)}{FITS * len(PAIRS):>8}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
