"""Evaluate the sealed bundle on the holdout: metrics with intervals, plots and the model card."""

from pathlib import Path

from slipway import evaluation
from slipway.bundle import load_bundle
from slipway.columns import frame_to_columns
from slipway.data.prepared import read_part
from slipway.files import write_bytes
from slipway.project import load_project
from slipway.stage import run_stage, timed_step


def evaluate() -> str:
    """Write `metrics.json`, `plots/` and `model_card.md`."""
    problem, params = load_project()
    evaluation.check_primary(problem)
    evaluation.check_card(problem.card)
    train, holdout = read_part(Path("prepared"), "train"), read_part(Path("prepared"), "holdout")
    model = load_bundle(Path("bundle"))
    evaluation.check_bundle(model, problem)
    with timed_step(f"scoring {len(holdout):,} rows"):
        scored = evaluation.score_frame(model, holdout)
    reference = evaluation.encode_target(problem.task, scored.classes, train["target"])
    with timed_step(f"intervals from {params.evaluate.resamples:,} resamples of {scored.groups:,} groups"):
        baseline, parts = evaluation.constant(scored, reference), evaluation.cut(problem.slices, holdout)
        found = evaluation.evaluate(scored, baseline, problem.metric, params.evaluate, parts)
    with timed_step(f"importance of {len(model.fields)} columns"):
        columns = frame_to_columns(model.fields, holdout)
        leaned = evaluation.permutation_importance(model.score, columns, scored, problem.metric, params.evaluate.seed)
    described = [evaluation.describe_part("train", train), evaluation.describe_part("holdout", holdout)]
    card = evaluation.render(problem, model, described, found)
    evaluation.write_plots(evaluation.plot_tables(scored, leaned), Path("plots"))
    write_bytes(Path("model_card.md"), card.encode())
    write_bytes(Path("metrics.json"), evaluation.encode(found))
    return f"{evaluation.headline(found)}, on {found.rows:,} rows in {found.groups} groups"


if __name__ == "__main__":
    run_stage(evaluate)
