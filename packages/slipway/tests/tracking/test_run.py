"""What a run holds: everything that a person or the gate wants to know about a model later."""

import hashlib
import json

import msgspec
import pytest

from slipway.tracking.evidence import Lineage, hash_lock
from slipway.tracking.run import make_tags


@pytest.fixture
def run(registered, client):
    return client.get_run(registered.run_id)


def test_a_run_is_named_after_its_bundle_and_finished(run, churn):
    assert run.info.run_name == churn.bundle.digest[:12]
    assert run.info.status == "FINISHED"


def test_a_run_holds_every_parameter(run):
    assert run.data.params == {
        "split.salt": "toys",
        "split.holdout": "0.25",
        "train.seed": "7",
        "train.threshold": "0.4",
        "evaluate.resamples": "200",
        "evaluate.confidence": "0.95",
        "evaluate.seed": "7",
        "evaluate.hash_groups": "False",
        "model.trees": "30",
    }


def test_a_run_holds_every_metric_with_its_interval_and_those_of_slices(run):
    assert run.data.metrics == {
        "rows": 10,
        "groups": 5,
        "log_loss": 0.5,
        "log_loss_low": 0.4,
        "log_loss_high": 0.6,
        "baseline_log_loss": 0.6,
        "plan/a_b/rows": 4,
        "plan/a_b/log_loss": 0.5,
        "plan/__/rows": 4,
        "plan/__/log_loss": 0.5,
    }


def test_a_run_holds_the_card_the_metrics_the_plots_and_the_lock_file(run, client):
    names = {entry.path for entry in client.list_artifacts(run.info.run_id)}
    assert names == {"model_card.md", "metrics.json", "plots", "dvc.lock"}
    assert [entry.path for entry in client.list_artifacts(run.info.run_id, "plots")] == ["plots/roc.json"]


def test_run_model_and_version_say_where_the_bundle_comes_from(run, client, churn, workspace):
    expected = {
        "slipway.bundle_digest": churn.bundle.digest,
        "slipway.problem": "churn",
        "slipway.data_md5": "22fa0b9ba1bf3ae6ea3c8bfbd1f2c9ba.dir",
        "slipway.dvc_lock_sha256": hash_lock(workspace / "dvc.lock"),
    }
    version = client.get_model_version("churn", "1")
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    for tags in (run.data.tags, version.tags, model.tags):
        assert expected.items() <= tags.items()


def test_a_run_names_both_parts_of_the_data_and_where_they_come_from(run, workspace, churn):
    inputs = {entry.tags[0].value: entry.dataset for entry in run.inputs.dataset_inputs}
    assert set(inputs) == {"training", "holdout"}
    rows = {"training": len(churn.train), "holdout": len(churn.holdout)}
    for context, name in (("training", "train"), ("holdout", "holdout")):
        content = (workspace / "prepared" / f"{name}.parquet").read_bytes()
        assert inputs[context].digest == hashlib.md5(content).hexdigest()
        assert json.loads(inputs[context].profile) == {"num_rows": rows[context]}
        source = json.loads(inputs[context].source)
        assert source == {"uri": "data", "md5": "22fa0b9ba1bf3ae6ea3c8bfbd1f2c9ba.dir", "tracked_by": "data.dvc"}


def test_mlflow_can_read_the_source_of_a_dataset(run):
    import mlflow

    source = mlflow.data.get_source(run.inputs.dataset_inputs[0])
    assert source.uri == "data"


def test_metrics_belong_to_the_model_and_to_the_holdout(run, client):
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    found = {metric.key: metric for metric in model.metrics}
    assert found["log_loss"].value == 0.5
    assert found["log_loss"].dataset_name == "holdout"
    assert model.params["split.salt"] == "toys"
    assert (model.model_type, str(model.status)) == ("binary", "READY")


def test_the_commit_and_whether_it_was_changed_are_tags():
    lineage = Lineage(data_path="data", data_md5="0.dir", lock_sha256="1", commit="abc", dirty=True)
    tags = make_tags("churn", "2", lineage)
    assert (tags["slipway.git_commit"], tags["slipway.git_dirty"]) == ("abc", "true")
    assert tags["mlflow.source.git.commit"] == "abc"
    clean = make_tags("churn", "2", msgspec.structs.replace(lineage, dirty=False))
    assert clean["slipway.git_dirty"] == "false"
