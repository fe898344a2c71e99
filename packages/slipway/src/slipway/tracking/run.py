"""Log one MLflow run: tags, parameters, data, files, the model and its metrics."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.bundle import Bundle
from slipway.tracking.evidence import Dataset, Evidence, Lineage
from slipway.tracking.model import input_schema, save_model

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, LoggedModel, Metric, Run

DIGEST = "slipway.bundle_digest"
LOCK = "slipway.dvc_lock_sha256"
# The most that MLflow accepts in one request.
_METRICS, _PARAMS = 1000, 100


def make_tags(problem: str, digest: str, lineage: Lineage) -> dict[str, str]:
    """Make the tags of a run, its model and its version: the bundle's identity and lineage.

    The last two are those from which MLflow's pages show code and commit.
    """
    found = {
        DIGEST: digest,
        "slipway.problem": problem,
        "slipway.data_md5": lineage.data_md5,
        LOCK: lineage.lock_sha256,
        "slipway.git_commit": lineage.commit,
        "slipway.git_dirty": None if lineage.dirty is None else str(lineage.dirty).lower(),
        "mlflow.source.name": "pipeline/register.py",
        "mlflow.source.git.commit": lineage.commit,
    }
    return {name: value for name, value in found.items() if value is not None}


def log_run(client: "MlflowClient", run: "Run", bundle: Bundle, evidence: Evidence, tags: dict[str, str]) -> str:
    """Fill a run and return the id of the model logged in it."""
    from mlflow.entities import LoggedModelOutput, Param

    run_id = run.info.run_id
    for params in _batches([Param(*item) for item in evidence.params.items()], _PARAMS):
        client.log_batch(run_id, params=params)
    client.log_inputs(run_id, datasets=[_dataset_input(bundle, part, evidence.lineage) for part in evidence.datasets])
    for path in evidence.files:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    model = client.create_logged_model(
        run.info.experiment_id,
        bundle.manifest.problem,
        run_id,
        tags,
        evidence.params,
        model_type=bundle.manifest.task,
    )
    for metrics in _batches(_metrics(evidence, model.model_id), _METRICS):
        client.log_batch(run_id, metrics=metrics)
    _upload(client, bundle, model)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return model.model_id


def _upload(client: "MlflowClient", bundle: Bundle, model: "LoggedModel") -> None:
    from mlflow.models import Model

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        description = Model(
            artifact_path=model.artifact_location,
            run_id=model.source_run_id,
            model_uuid=model.model_id,
            model_id=model.model_id,
        )
        save_model(bundle, folder, description)
        client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, "READY")


def _metrics(evidence: Evidence, model_id: str) -> list["Metric"]:
    """Return the metrics, each tied to the model and to the rows it was measured on."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    holdout = next((part for part in evidence.datasets if part.context == "holdout"), None)
    measured = {"dataset_name": holdout.context, "dataset_digest": holdout.md5} if holdout else {}
    return [Metric(name, value, now, step=0, model_id=model_id, **measured) for name, value in evidence.metrics.items()]


def _dataset_input(bundle: Bundle, part: Dataset, lineage: Lineage) -> "DatasetInput":
    """Describe one part of the prepared data: the source is the data that DVC tracks, the digest the part's own."""
    import pyarrow.parquet as pq
    from mlflow import entities

    columns = [msgspec.structs.replace(field, alias="") for field in bundle.fields]
    dataset = entities.Dataset(
        name=part.context,
        digest=part.md5,
        source_type="local",
        source=json.dumps({"uri": lineage.data_path, "md5": lineage.data_md5, "tracked_by": "data.dvc"}),
        schema=json.dumps({"mlflow_colspec": input_schema(columns).to_dict()}),
        profile=json.dumps({"num_rows": pq.read_metadata(part.path).num_rows}),
    )
    return entities.DatasetInput(dataset, tags=[entities.InputTag("mlflow.data.context", part.context)])


def _batches(entries: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))
