"""A search scores trials inside the training set, goes on after any end, and is in MLflow trial by trial."""

import signal

import msgspec
import pytest
from click.testing import CliRunner
from searchbox import SPACE, edit_params, write_project

from slipway.cli import main
from slipway.data.folds import fold_by_group
from slipway.errors import ModelError, TrackingError
from slipway.project import load_project
from slipway.search.result import write_winner
from slipway.search.run import SearchOptions, run_search
from slipway.search.workers import score_values


def runs_of(settings, found):
    from mlflow import MlflowClient

    client = MlflowClient(settings.uri)
    experiment = client.get_experiment_by_name("churn-search").experiment_id
    parents = client.search_runs([experiment], "attributes.run_name = 'study 1'")
    children = {parent.info.run_id: [] for parent in parents}
    for run in client.search_runs([experiment]):
        if parent := run.data.tags.get("mlflow.parentRunId"):
            children[parent].append(run)
    ended = len(found.trials) + sum(found.failed.values())
    return next(runs for runs in children.values() if len(runs) == ended)


def test_an_interrupted_search_goes_on_and_the_winner_is_written(root, churn, settings):
    """The holdout is rubbish: nothing here reads it."""
    ended = []

    def interrupt(progress):
        ended.append(progress)
        if len(ended) == 2:
            # As ctrl-c does: while the next trial is being scored.
            signal.setitimer(signal.ITIMER_REAL, 0.01)

    def raise_interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, raise_interrupt)
    first = run_search(root, SearchOptions(trials=5), settings, interrupt)
    assert first.interrupted
    assert [trial.number for trial in sorted(first.trials, key=lambda trial: trial.number)] == [0, 1]
    assert [progress.aim for progress in ended] == [5, 5]

    done = run_search(root, SearchOptions(resume=True, workers=2), settings, lambda progress: None)
    assert (done.study, done.aim, len(done.trials), done.failed) == (1, 5, 5, {})
    assert not done.interrupted
    assert {trial.number: trial.value for trial in first.trials}.items() <= {
        trial.number: trial.value for trial in done.trials
    }.items()
    best, before = done.trials[0], done.before
    assert before.values == {"model.trees": 30}
    assert best.value == min(trial.value for trial in done.trials) < before.value
    assert best.value == pytest.approx(sum(best.folds) / 3)
    # The same figure by the same code in this process.
    problem, params = load_project(root)
    model = msgspec.structs.replace(params.model, trees=best.values["model.trees"])
    params = msgspec.structs.replace(params, model=model)
    assert score_values(problem, params, churn.train, fold_by_group(churn.train, 3)) == best.folds

    shown = CliRunner().invoke(main, ["search", "--resume"], env={"MLFLOW_TRACKING_URI": settings.uri}).output
    assert "Study 1: 5 of 5 trials, 0 of them failed; log_loss of 3 folds, lower is better" in shown
    assert f"\n{best.number}           {best.value:.5f}   {model.trees}" in shown
    assert f"\n0 (before)  {before.value:.5f}   30" in shown
    assert f"+  trees: {model.trees}   # few\nNext: `slipway search --resume --write` writes it" in shown
    assert f"-  trees: 30   # few\n+  trees: {model.trees}   # few\n" in done.change
    assert "trees: 30" in (root / "params.yaml").read_text()
    assert write_winner(root, done).written
    assert f"# The trees.\nmodel:\n  trees: {model.trees}   # few\n" in (root / "params.yaml").read_text()

    # The new values are no other basis.
    again = run_search(root, SearchOptions(resume=True), settings, lambda progress: None)
    assert (again.change, again.trials, again.before.values) == ("", done.trials, before.values)

    logged = runs_of(settings, again)
    values = {run.data.params["model.trees"]: run.data.metrics["cv_log_loss"] for run in logged}
    assert values == {str(trial.values["model.trees"]): trial.value for trial in again.trials}
    assert {run.info.status for run in logged} == {"FINISHED"}


def test_a_trial_that_fails_or_whose_process_dies_is_not_the_end(root, settings, monkeypatch, tmp_path_factory):
    problem = tmp_path_factory.mktemp("problem")
    (problem / "frail.py").write_text(
        "import os\nfrom churn import model, problem\nfrom msgspec.structs import replace\n\n"
        "def build(params, seed):\n"
        "    if params.trees == 2:\n        os._exit(3)\n"
        "    if params.trees == 3:\n        raise ValueError('three trees are no forest')\n"
        "    return model.build(params, seed)\n"
    )
    (problem / "broken").mkdir()
    (problem / "broken/__init__.py").touch()
    (problem / "broken/problem.py").write_text(
        "from churn.problem import PROBLEM\nfrom frail import build\nfrom msgspec.structs import replace\n"
        "PROBLEM = replace(PROBLEM, build=build)\n"
    )
    monkeypatch.syspath_prepend(problem)
    edit_params(root, SPACE, "model.trees: {choices: [1, 2, 3]}")
    (root / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "broken"\n')
    found = run_search(root, SearchOptions(trials=6), settings, lambda progress: None)
    assert {trial.values["model.trees"] for trial in found.trials} == {30, 1}
    assert set(found.failed) == {"ValueError: three trees are no forest.", "its process ended with exit code 3"}
    assert found.before.values == {"model.trees": 30}, "what the space has no place for is scored too"
    failed = [run for run in runs_of(settings, found) if run.info.status == "FAILED"]
    assert {run.data.tags["slipway.reason"] for run in failed} == set(found.failed)


def test_where_every_trial_fails_the_search_ends_early_with_the_reason(root, churn, settings):
    write_project(root, churn._replace(train=churn.train.assign(target=True)))
    ended = []
    with pytest.raises(ModelError, match=r"All 10 trials of study 1 failed, by reason:\n10: .* expected two classes"):
        run_search(root, SearchOptions(), settings, ended.append)
    assert (len(ended), ended[-1].aim, ended[-1].best) == (10, 50, None)


def test_a_store_that_cannot_be_used_is_an_error_before_the_first_trial(root, settings, tmp_path):
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    wrong = msgspec.structs.replace(settings, uri=f"sqlite:///{tmp_path / 'broken.db'}")
    with pytest.raises(TrackingError, match="damaged"):
        run_search(root, SearchOptions(trials=2), wrong, lambda progress: pytest.fail("a trial ran"))
