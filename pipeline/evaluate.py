"""Evaluate the sealed bundle on the holdout: metrics with intervals, plots, model card, and the evaluation record."""

from pathlib import Path

from slipway.bundle import load_bundle
from slipway.columns import frame_to_columns
from slipway.data.prepared import read_parts
from slipway.evaluation.holdout import evaluate_holdout, score_holdout, verify_evaluable
from slipway.evaluation.importance import permutation_importance
from slipway.evaluation.model_card import render_model_card, write_model_card
from slipway.evaluation.plots import plot_tables, write_plots
from slipway.evaluation.record import RECORD, make_record, write_record
from slipway.evaluation.result import headline, write_evaluation
from slipway.evaluation.slices import cut_slices
from slipway.project import load_project
from slipway.stage import run_stage, timed_step


def evaluate() -> str:
    """Write `metrics.json`, `plots/`, `model_card.md` and `evaluation.json.gz`."""
    problem, params = load_project()
    verify_evaluable(problem)
    (train, holdout), model = read_parts(Path("prepared")), load_bundle(Path("bundle"))
    with timed_step(f"scoring {len(holdout):,} rows"):
        scored, baseline = score_holdout(model, problem, train, holdout)
    with timed_step(f"intervals from {params.evaluate.resamples:,} resamples of {scored.groups:,} groups"):
        found = evaluate_holdout(scored, baseline, problem.metric, params.evaluate, cut_slices(problem.slices, holdout))
    with timed_step(f"importance of {len(model.fields)} columns"):
        columns = frame_to_columns(model.fields, holdout)
        leaned = permutation_importance(model.score, columns, scored, problem.metric, params.evaluate.seed)
    write_plots(plot_tables(scored, leaned), Path("plots"))
    write_model_card(render_model_card(problem, model, train, holdout, found), Path("model_card.md"))
    write_evaluation(found, Path("metrics.json"))
    write_record(Path(RECORD), make_record(model, problem, params, scored, holdout))
    return f"{headline(found)}, on {found.rows:,} rows in {found.groups} groups"


if __name__ == "__main__":
    run_stage(evaluate)
