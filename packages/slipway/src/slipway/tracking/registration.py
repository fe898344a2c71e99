"""Register a bundle: one run and one model version per digest, whenever it stops and however often it runs.

The version is made last, when everything that it names is complete. A process that is killed before leaves an
unfinished run, which the next registration removes; one that is killed after leaves a version whose run the next
one marks as finished.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.bundle import load_bundle
from slipway.bundle.manifest import MANIFEST, Manifest, decode_manifest, manifest_digest
from slipway.errors import BundleError
from slipway.settings import TrackingSettings
from slipway.stage import print_progress, timed_step
from slipway.tracking import registry
from slipway.tracking.evidence import Evidence
from slipway.tracking.run import DIGEST, LOCK, log_run, make_tags
from slipway.tracking.store import Store, open_store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a registered model: MLflow loads it by `uri`; `store` is the tracking URI."""

    model: str
    version: int
    run_id: str
    digest: str
    uri: str
    store: str


def register_bundle(folder: Path, evidence: Evidence, settings: TrackingSettings) -> Registration:
    """Register the bundle in `folder` under its problem's name, unless it is registered already.

    Two registrations of one digest at the same moment give one version: with a SQLite store the second waits for the
    first, on a server the later version is removed. Raises `TrackingError`, and
    `BundleError` for a bundle that cannot be verified.
    """
    manifest, identity = _read_manifest(folder)
    with open_store(settings.uri) as store:
        experiment = registry.open_experiment(store.client, manifest.problem)
        registry.finish_dead_runs(store, experiment)
        version = registry.find_version(store, manifest.problem, identity)
        tags = make_tags(manifest.problem, identity, evidence.lineage)
        if version is None:
            tags |= registry.parent_tags(store.client, settings.parent_run)
            with timed_step(f"logging a run and its model to {store.uri}"):
                version = _publish(store, experiment, folder, evidence, tags)
        else:
            registry.verify_files(store.client, version)
            if version.tags.get(LOCK) != tags[LOCK]:
                print_progress(f"  registered earlier with another dvc.lock; the figures of run {version.run_id} stay")
    return Registration(
        model=version.name,
        version=int(version.version),
        run_id=version.run_id,
        digest=identity,
        uri=f"models:/{version.name}/{version.version}",
        store=store.uri,
    )


def _publish(store: Store, experiment: str, folder: Path, evidence: Evidence, tags: dict[str, str]) -> "ModelVersion":
    client = store.client
    bundle = load_bundle(folder, expected=tags[DIGEST])
    name = bundle.manifest.problem
    run = client.create_run(experiment, tags=tags, run_name=bundle.digest[:12])
    model_id = log_run(client, run, bundle, evidence, tags)
    registry.ensure_model(client, name)
    made = client.create_model_version(
        name,
        source=f"models:/{model_id}",
        run_id=run.info.run_id,
        tags=tags,
        description=f"Bundle {bundle.digest}",
        model_id=model_id,
    )
    first = registry.find_version(store, name, bundle.digest) or made
    if first.version != made.version:
        registry.remove_version(client, made)
    else:
        client.set_terminated(run.info.run_id)
    return first


def _read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Read problem and identity only: a bundle that is registered already is not loaded."""
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"Cannot find {path}. Run `dvc repro train` to make it.") from error
    return decode_manifest(content, path), manifest_digest(content)
