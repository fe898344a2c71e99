"""Log a study to MLflow: one run, with a run below it for each trial, however often the study is resumed."""

from typing import TYPE_CHECKING

from slipway.problem import Problem
from slipway.search.study import OpenStudy, TrialResult
from slipway.settings import TrackingSettings
from slipway.tracking.evidence import flatten_params
from slipway.tracking.registry import PARENT, open_experiment
from slipway.tracking.store import open_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

STUDY, TRIAL = "slipway.search", "slipway.trial"


def log_study(study: OpenStudy, problem: Problem, settings: TrackingSettings) -> str:
    """Log the trials that are not logged yet; return the id of the study's run. Raises `TrackingError`."""
    with open_store(settings.uri) as store:
        client = store.client
        # Apart from the runs that made models: those are compared with each other.
        experiment = open_experiment(client, f"{problem.name}-search")
        runs = client.search_runs([experiment], f"tags.`{STUDY}` = '{study.identifier}'", max_results=50_000)
        logged = {run.data.tags.get(TRIAL): run.info.run_id for run in runs}
        parent: str = (
            logged.get(None)
            or client.create_run(
                experiment,
                tags={STUDY: study.identifier, "slipway.problem": problem.name},
                run_name=f"study {study.number}",
            ).info.run_id
        )
        for trial in study.list_trials():
            if str(trial.number) not in logged:
                _log_trial(client, experiment, study, trial, problem.metric, parent)
        if best := study.list_scored()[:1]:
            client.log_batch(parent, metrics=_make_metrics(best[0], problem.metric))
            client.set_tag(parent, "slipway.best_trial", str(best[0].number))
        client.set_terminated(parent)
    return parent


def _log_trial(
    client: "MlflowClient", experiment: str, study: OpenStudy, trial: TrialResult, metric: str, parent: str
) -> None:
    from mlflow.entities import Param

    tags = {STUDY: study.identifier, TRIAL: str(trial.number), PARENT: parent}
    tags |= {"slipway.reason": trial.reason} if trial.reason else {}
    run = client.create_run(
        experiment,
        start_time=int(trial.started.timestamp() * 1000),
        tags=tags,
        run_name=f"trial {trial.number}",
    ).info.run_id
    params = [Param(*item) for item in flatten_params(trial.values).items()]
    client.log_batch(run, params=params, metrics=_make_metrics(trial, metric))
    status = "FAILED" if trial.reason else "FINISHED"
    client.set_terminated(run, status, int(trial.ended.timestamp() * 1000))


def _make_metrics(trial: TrialResult, metric: str) -> list["Metric"]:
    """Return the mean over the folds, and each fold as a step."""
    from mlflow.entities import Metric

    at = int(trial.ended.timestamp() * 1000)
    folds = [Metric(f"cv_{metric}_by_fold", value, at, fold) for fold, value in enumerate(trial.folds, 1)]
    return [*folds, *([] if trial.value is None else [Metric(f"cv_{metric}", trial.value, at, 0)])]
