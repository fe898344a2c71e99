"""One run and one version per digest, whatever happens in between."""

import os
import shutil
import signal

import mlflow
import msgspec
import pytest

from slipway.errors import BundleError, TrackingError
from slipway.tracking.evidence import read_evidence
from slipway.tracking.registration import register_bundle

STEPS = (
    "create_experiment",
    "create_run",
    "log_batch",
    "log_inputs",
    "log_artifacts",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "log_outputs",
    "create_registered_model",
    "create_model_version",
    "set_terminated",
)


def again(workspace, settings, **changed):
    return register_bundle(workspace / "bundle", read_evidence(workspace), msgspec.structs.replace(settings, **changed))


def put_bundle(workspace, folder):
    shutil.rmtree(workspace / "bundle")
    shutil.copytree(folder, workspace / "bundle")


def runs(client, name="churn"):
    experiment = client.get_experiment_by_name(name)
    return client.search_runs([experiment.experiment_id]) if experiment else []


def versions(client):
    return client.search_model_versions("name = 'churn'")


def killed_after(step, workspace, settings):
    """Register in a child process that the system kills the moment MLflow has done `step`."""
    child = os.fork()
    if child == 0:
        from mlflow import MlflowClient

        done = getattr(MlflowClient, step)

        def last(*given, **named):
            done(*given, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(MlflowClient, step, last)
        register_bundle(workspace / "bundle", read_evidence(workspace), settings)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{step} is never reached"


def test_a_bundle_becomes_version_one_of_its_problem(registered, churn, settings):
    assert (registered.model, registered.version) == ("churn", 1)
    assert registered.digest == churn.bundle.digest
    assert registered.uri == "models:/churn/1"
    assert registered.store == settings.uri


def test_mlflow_itself_keeps_the_store_that_it_had(registered):
    assert not mlflow.is_tracking_uri_set()
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_mlflow_itself_follows_the_variable_after_a_registration_as_before(workspace, settings, monkeypatch):
    for store in ("sqlite:///one.db", "sqlite:///two.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
        register_bundle(workspace / "bundle", read_evidence(workspace), settings)
        assert mlflow.get_tracking_uri() == store


def test_registering_again_changes_nothing(registered, workspace, settings, client):
    assert again(workspace, settings) == registered
    assert len(versions(client)) == 1
    assert [run.info.status for run in runs(client)] == ["FINISHED"]


def test_new_metrics_of_a_registered_bundle_add_no_version(registered, workspace, settings, client):
    (workspace / "params.yaml").write_text("split:\n  salt: another\n")
    assert again(workspace, settings) == registered
    assert len(runs(client)) == 1


def test_another_bundle_becomes_the_next_version_and_the_first_keeps_its_own(
    registered, workspace, settings, client, churn, other_bundle
):
    put_bundle(workspace, other_bundle)
    second = again(workspace, settings)
    assert (second.model, second.version) == ("churn", 2)
    assert second.run_id != registered.run_id
    put_bundle(workspace, churn.bundle.path)
    assert again(workspace, settings) == registered
    assert len(versions(client)) == 2


@pytest.mark.parametrize("step", STEPS)
def test_a_registration_killed_anywhere_is_mended_by_the_next(step, workspace, settings, client):
    killed_after(step, workspace, settings)
    complete = [run.info.run_id for run in runs(client) if run.info.status == "FINISHED"]
    assert set(complete) <= {version.run_id for version in versions(client)}, "a run looks complete, but is not"

    found = again(workspace, settings)

    assert found.version == 1
    assert [version.run_id for version in versions(client)] == [found.run_id]
    assert [(run.info.run_id, run.info.status) for run in runs(client)] == [(found.run_id, "FINISHED")]
    experiment = client.get_experiment_by_name("churn").experiment_id
    assert [model.source_run_id for model in client.search_logged_models([experiment])] == [found.run_id]
    assert again(workspace, settings) == found


@pytest.mark.parametrize("step", ["create_model_version", "log_inputs"])
def test_what_a_killed_registration_left_is_mended_by_that_of_another_bundle(
    step, workspace, settings, client, other_bundle
):
    killed_after(step, workspace, settings)
    put_bundle(workspace, other_bundle)
    again(workspace, settings)
    assert {run.info.status for run in runs(client)} == {"FINISHED"}
    assert {run.info.run_id for run in runs(client)} == {version.run_id for version in versions(client)}


def test_of_two_versions_of_one_digest_the_first_stays(registered, workspace, settings, client):
    """What is left when two machines registered at once, and one was killed before it could yield."""
    first = client.get_run(registered.run_id)
    second = client.create_run(first.info.experiment_id, tags=first.data.tags).info.run_id
    source = first.info.artifact_uri
    client.create_model_version("churn", source, second, tags={"slipway.bundle_digest": registered.digest})
    assert len(versions(client)) == 2

    assert again(workspace, settings) == registered

    assert [int(version.version) for version in versions(client)] == [1]
    assert [run.info.run_id for run in runs(client)] == [registered.run_id]


def test_a_running_run_of_somebody_else_is_left_alone(registered, workspace, settings, client):
    experiment = client.get_experiment_by_name("churn").experiment_id
    theirs = client.create_run(experiment).info.run_id
    again(workspace, settings)
    after = client.get_run(theirs).info
    assert (after.status, after.lifecycle_stage) == ("RUNNING", "active")


def test_a_run_of_mlflow_run_becomes_the_parent_and_is_not_written_to(workspace, settings, client):
    parent = client.create_run("0", tags={"mlflow.source.type": "PROJECT"})
    found = again(workspace, settings, parent_run=parent.info.run_id)
    assert client.get_parent_run(found.run_id).info.run_id == parent.info.run_id
    after = client.get_run(parent.info.run_id)
    assert (after.data.to_dictionary(), after.info.status) == (parent.data.to_dictionary(), "RUNNING")


def test_a_parent_that_the_store_does_not_know_is_said_and_left_out(workspace, settings, client, capsys):
    found = again(workspace, settings, parent_run="0" * 32)
    assert "0" * 32 in capsys.readouterr().out
    assert "mlflow.parentRunId" not in client.get_run(found.run_id).data.tags


def test_a_damaged_bundle_is_refused_before_anything_is_written(workspace, settings, client):
    with (workspace / "bundle" / "model.onnx").open("ab") as model:
        model.write(b"x")
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        again(workspace, settings)
    assert runs(client) == []
    assert versions(client) == []


def test_artifacts_that_cannot_be_written_fail_in_one_paragraph_and_the_next_run_mends_it(workspace, settings, client):
    (workspace / "mlruns").write_text("no folder")
    with pytest.raises(TrackingError, match=r"Cannot use the MLflow store .*mlflow\.db: .*mlruns"):
        again(workspace, settings)
    assert versions(client) == []
    (workspace / "mlruns").unlink()
    assert again(workspace, settings).version == 1
    assert [run.info.status for run in runs(client)] == ["FINISHED"]


def test_a_missing_bundle_is_named(workspace, settings):
    shutil.rmtree(workspace / "bundle")
    with pytest.raises(BundleError, match="dvc repro train"):
        again(workspace, settings)


def test_a_version_whose_files_are_gone_is_not_taken_for_registered(registered, workspace, settings):
    shutil.rmtree(workspace / "mlruns")
    with pytest.raises(TrackingError, match=r"its files are not at .*mlruns"):
        again(workspace, settings)


def test_a_deleted_experiment_is_named_with_the_way_back(registered, workspace, settings, client):
    client.delete_experiment(client.get_experiment_by_name("churn").experiment_id)
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        again(workspace, settings)


def test_a_version_deleted_in_mlflow_is_registered_again(registered, workspace, settings, client):
    client.delete_model_version("churn", "1")
    assert again(workspace, settings).version == 2
    assert len(versions(client)) == 1
