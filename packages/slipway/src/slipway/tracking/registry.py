"""Find, finish and remove what a store holds: experiments, unfinished runs, versions by digest."""

import time
from typing import TYPE_CHECKING

from slipway.errors import TrackingError
from slipway.stage import print_progress
from slipway.tracking.run import DIGEST
from slipway.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# Seconds after which an unfinished run on a server, where others may be registering, is considered dead.
_ABANDONED = 3600
# The tag that puts a run below another.
PARENT = "mlflow.parentRunId"
# Without this tag MLflow's pages open on traces of language models, of which there are none.
_SHOWN_AS = {"mlflow.experimentKind": "custom_model_development"}


def open_experiment(client: "MlflowClient", name: str) -> str:
    """Return the id of the experiment `name`, which is made if missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, tags=_SHOWN_AS)
        except MlflowException as error:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise error
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f"The MLflow experiment {name!r} was deleted, but its name stays reserved. Restore it with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`, or remove it with `mlflow gc`."
        )
    return found.experiment_id


def finish_dead_runs(store: Store, experiment: str) -> None:
    """Finish or remove the runs of registrations that were killed."""
    for run in store.client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if DIGEST not in run.data.tags:
            continue
        run_id = run.info.run_id
        if store.client.search_model_versions(f"run_id = '{run_id}'"):
            store.client.set_terminated(run_id)
        elif _is_dead(store, run.info.start_time):
            remove_run(store.client, run_id)


def find_version(store: Store, model: str, digest: str) -> "ModelVersion | None":
    """Return the version of the bundle `digest`: the first, where a race has made several; dead others are removed."""
    found = store.client.search_model_versions(f"name = '{model}' and tag.`{DIGEST}` = '{digest}'")
    versions = sorted(found, key=lambda version: int(version.version))
    for version in versions[1:]:
        if _is_dead(store, version.creation_timestamp):
            remove_version(store.client, version)
    return versions[0] if versions else None


def verify_files(client: "MlflowClient", version: "ModelVersion") -> None:
    """Raise `TrackingError` if the files of a registered version are gone."""
    from mlflow.artifacts import list_artifacts

    uri = client.get_model_version_download_uri(version.name, version.version)
    if not any(entry.path.endswith("MLmodel") for entry in list_artifacts(artifact_uri=uri)):
        raise TrackingError(
            f"Version {version.version} of the model {version.name} is registered, but its files are not at "
            f"{uri}. Put them back, or delete that version in MLflow (or the whole store) and run this again."
        )


def ensure_model(client: "MlflowClient", name: str) -> None:
    """Make the registered model if it is missing."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def parent_tags(client: "MlflowClient", parent: str | None) -> dict[str, str]:
    """Return the tag that puts a run below the one that `mlflow run` opened."""
    from mlflow.exceptions import MlflowException

    if parent is None:
        return {}
    try:
        client.get_run(parent)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        print_progress(f"  MLFLOW_RUN_ID is {parent}, a run that is not in this store: registered without a parent")
        return {}
    return {PARENT: parent}


def remove_version(client: "MlflowClient", version: "ModelVersion") -> None:
    """Remove a version and its run."""
    client.delete_model_version(version.name, version.version)
    remove_run(client, version.run_id)


def remove_run(client: "MlflowClient", run_id: str) -> None:
    """Move a run and its models to MLflow's bin, from which `mlflow gc` removes them for good."""
    experiment = client.get_run(run_id).info.experiment_id
    for model in client.search_logged_models([experiment], f"source_run_id = '{run_id}'"):
        client.delete_logged_model(model.model_id)
    client.delete_run(run_id)


def _is_dead(store: Store, since: int) -> bool:
    """Return True if an unfinished run or version of `since` (milliseconds) cannot be in progress any more."""
    return store.alone or time.time() - since / 1000 > _ABANDONED
