"""One MLflow run for each environment and day, linked to the version of the model that serves."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.monitoring.report.tables import chapter_of
from slipway.monitoring.result import MonitorResult
from slipway.settings import TrackingSettings
from slipway.tracking.registry import find_version, open_experiment, remove_run
from slipway.tracking.run import DIGEST
from slipway.tracking.store import Store, open_store

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.entities.model_registry import ModelVersion

RESULT = "slipway.monitor_result"
CONTENT = "slipway.monitor_result_sha256"
_VERSION = "slipway.model_version"
# The most that MLflow accepts in one request.
_METRICS = 1000


def log_monitor_run(path: Path, result: MonitorResult, settings: TrackingSettings) -> str:
    """Log the model's figures of every window, the result's file `path` and its page; return the id of the run.

    The same file again changes nothing; another result of that environment and day takes the place of the one before.
    Raises `TrackingError`.
    """
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    with open_store(settings.uri) as store:
        # Apart from the runs that made models: those are compared with each other.
        experiment = open_experiment(store.client, f"{result.problem}-monitoring")
        before = store.client.search_runs([experiment], f"tags.`{RESULT}` = '{path.stem}'")
        for run in before:
            if run.info.status == "FINISHED" and run.data.tags[CONTENT] == content:
                return str(run.info.run_id)
        logged = _log_run(store, experiment, path, result, content)
        for run in before:
            remove_run(store.client, run.info.run_id)
    return logged


def _log_run(store: Store, experiment: str, path: Path, result: MonitorResult, content: str) -> str:
    from mlflow.entities import LoggedModelInput

    client = store.client
    version = find_version(store, result.problem, result.release) if result.release else None
    tags = {
        RESULT: path.stem,
        CONTENT: content,
        "slipway.environment": result.environment,
        "slipway.problem": result.problem,
        DIGEST: result.release,
        _VERSION: version.version if version else None,
    }
    given = {name: str(value) for name, value in tags.items() if value is not None}
    run_id: str = client.create_run(experiment, tags=given, run_name=path.stem).info.run_id
    model = _find_model(store, version) if version else None
    metrics = list(_make_metrics(result, model))
    for start in range(0, len(metrics), _METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS])
    if model:
        client.log_inputs(run_id, models=[LoggedModelInput(model)])
    for file in (path, path.with_suffix(".html")):
        if file.is_file():
            client.log_artifact(run_id, str(file))
    client.set_terminated(run_id)
    return run_id


def _find_model(store: Store, version: "ModelVersion") -> str | None:
    """Return the logged model of a version, which a SQL store names in the run that made it alone."""
    outputs = store.client.get_run(version.run_id).outputs
    return next((each.model_id for each in outputs.model_outputs), None) if outputs else None


def _make_metrics(result: MonitorResult, model: str | None) -> Iterator["Metric"]:
    """Yield `14d/skill`, `2000 outcomes/skill` and the like, each at the end of its window."""
    from mlflow.entities import Metric

    for window in result.windows:
        time, step = int(window.end.timestamp() * 1000), window.end.toordinal()
        length = window.length if isinstance(window.length, str) else f"{window.length}d"
        for each in window.measurements:
            if each.figure is not None and chapter_of(each.name) == "model":
                yield Metric(f"{length}/{each.name}", each.figure.value, time, step, model_id=model)
